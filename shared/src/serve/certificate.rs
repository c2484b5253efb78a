//! What a client certificate says about its owner, as text that a configuration can name.
//!
//! The text is made here and not by the parser's `Display`, which does not escape: a certificate with the common name
//! `a,O=Lab` must not look like one of the organization Lab.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use x509_parser::der_parser::asn1_rs::{Any, BmpString, Tag, ToDer as _};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

use super::peer::CertificateInfo;

/// Alternative names of one certificate that are looked at.
const MAX_NAMES: usize = 100;

/// Reads the owner of a certificate in DER.
///
/// # Errors
/// It is no certificate, as a text.
pub fn read(der: &[u8]) -> Result<CertificateInfo, String> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| format!("no certificate: {error}"))?;
    let mut names = Vec::new();
    if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
        let known = alternative
            .value
            .general_names
            .iter()
            .filter_map(|name| match name {
                GeneralName::DNSName(name) => Some(format!("DNS:{name}")),
                GeneralName::URI(uri) => Some(format!("URI:{uri}")),
                GeneralName::RFC822Name(address) => Some(format!("email:{address}")),
                _ => None,
            });
        names.extend(known.take(MAX_NAMES));
    }
    Ok(CertificateInfo {
        subject: subject(certificate.subject()),
        names,
    })
}

/// Until when a certificate is valid, in seconds since 1970, and for whom it is.
///
/// # Errors
/// As [`read`].
pub(super) fn validity(der: &[u8]) -> Result<(std::ops::RangeInclusive<i64>, String), String> {
    let (_, certificate) =
        X509Certificate::from_der(der).map_err(|error| format!("no certificate: {error}"))?;
    let validity = certificate.validity();
    let span = validity.not_before.timestamp()..=validity.not_after.timestamp();
    Ok((span, subject(certificate.subject())))
}

/// A name as RFC 4514 §2 writes it: last part first, `,` between parts, `+` inside them.
fn subject(name: &X509Name<'_>) -> String {
    let mut parts: Vec<String> = name
        .iter()
        .map(|part| {
            let mut attributes: Vec<String> = part.iter().map(attribute).collect();
            // In no order by the standard, and in this one by OpenSSL.
            attributes.reverse();
            attributes.join("+")
        })
        .collect();
    parts.reverse();
    parts.join(",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    let value = attribute.attr_value();
    let name = abbreviation(&oid);
    match (name, text_of(attribute.as_str().ok(), value)) {
        (Some(name), Some(text)) => format!("{name}={}", escape(&text)),
        (name, _) => {
            // What has no short name or no text: the number, and the encoding in hexadecimal (RFC 4514 §2.4).
            let encoding = value.to_der_vec().unwrap_or_default();
            format!("{}=#{}", name.unwrap_or(&oid), HEXLOWER.encode(&encoding))
        }
    }
}

/// The short names of RFC 4514 §3, and those that OpenSSL has for what else is seen in certificates. They are part of how
/// callers are known, so they do not come from a list that somebody else extends.
fn abbreviation(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.9" => "STREET",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "emailAddress",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "serialNumber",
        "2.5.4.12" => "title",
        "2.5.4.42" => "GN",
        _ => return None,
    })
}

fn text_of(text: Option<&str>, value: &Any<'_>) -> Option<String> {
    match (text, value.tag()) {
        (Some(text), _) => Some(text.to_owned()),
        (None, Tag::BmpString) => BmpString::try_from(value.clone())
            .ok()
            .map(|text| text.string().to_owned()),
        _ => None,
    }
}

/// RFC 4514 §2.4: what would end a value or look like something else is escaped; so is what no terminal should show.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        match c {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', c]),
            '#' | ' ' if at == 0 => escaped.extend(['\\', c]),
            ' ' if at == last => escaped.extend(['\\', c]),
            c if c.is_control() => {
                let mut bytes = [0; 4];
                for byte in c.encode_utf8(&mut bytes).bytes() {
                    // Writing to a string does not fail.
                    let _ = write!(escaped, "\\{byte:02x}");
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair, SanType};

    use super::*;

    fn certificate(names: &[(DnType, DnValue)], alternative: Vec<SanType>) -> CertificateInfo {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in names {
            params.distinguished_name.push(kind.clone(), value.clone());
        }
        params.subject_alt_names = alternative;
        let key = KeyPair::generate().unwrap();
        read(params.self_signed(&key).unwrap().der()).unwrap()
    }

    fn utf8(text: &str) -> DnValue {
        DnValue::Utf8String(text.to_owned())
    }

    #[test]
    fn the_subject_is_written_as_rfc_4514_does() {
        let info = certificate(
            &[
                (
                    DnType::CountryName,
                    DnValue::PrintableString("DE".try_into().unwrap()),
                ),
                (DnType::OrganizationName, utf8("Lab")),
                (DnType::CommonName, utf8("flow-marker")),
            ],
            vec![
                SanType::DnsName("marker.example".try_into().unwrap()),
                SanType::URI("spiffe://lab/marker".try_into().unwrap()),
                SanType::IpAddress("10.0.0.1".parse().unwrap()),
            ],
        );
        assert_eq!(info.subject, "CN=flow-marker,O=Lab,C=DE");
        assert_eq!(info.names, ["DNS:marker.example", "URI:spiffe://lab/marker"]);
    }

    #[test]
    fn nobody_writes_himself_into_another_organization() {
        for (name, expected) in [
            ("a,O=Lab", r"CN=a\,O\=Lab".replace(r"\=", "=")),
            ("a+O=Lab", r"CN=a\+O=Lab".to_owned()),
            (" #a ", r"CN=\ #a\ ".to_owned()),
            ("#0401", r"CN=\#0401".to_owned()),
            ("a\"\\;<>\n", r#"CN=a\"\\\;\<\>\0a"#.to_owned()),
            ("ä\u{1b}[2J", r"CN=ä\1b[2J".to_owned()),
        ] {
            let info = certificate(&[(DnType::CommonName, utf8(name))], Vec::new());
            assert_eq!(info.subject, expected);
        }
        let strange = DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 1]);
        let info = certificate(
            &[
                (strange, utf8("x,CN=y")),
                (DnType::CommonName, DnValue::BmpString("b".try_into().unwrap())),
            ],
            Vec::new(),
        );
        assert_eq!(info.subject, "CN=b,1.3.6.1.4.1.99999.1=#0c06782c434e3d79");
    }

    #[test]
    fn without_a_subject_there_is_nobody() {
        let info = certificate(&[], Vec::new());
        assert_eq!((info.subject.as_str(), info.names.len()), ("", 0));
        assert!(read(b"").is_err() && read(b"\x30\x82\xff\xff").is_err());
    }
}
