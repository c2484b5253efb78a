use proptest::prelude::*;

use super::*;

fn key(text: &str) -> Expression {
    let mut keys = keys(text).unwrap();
    assert_eq!(keys.len(), 1);
    keys.pop().unwrap()
}

#[test]
fn keys_of_public_scripts_are_read() {
    for (text, count) in [
        ("", 0),
        (
            "ipsource,ipdestination,ipprotocol,or:tcpsourceport:udpsourceport,or:tcpdestinationport:udpdestinationport",
            5,
        ),
        ("if:[first:stack:.:ip:ip6]:ip:[dns:ipsource]:[dns:ip6source]", 1),
        (
            "suffix:[if:[first:stack:.:ip:ip6]:ip:[dns:ipsource]:[dns:ip6source]]:.:2",
            1,
        ),
        ("macsource,group:ipsource:ixp_member", 2),
        ("range:bytes:0:63,range:bytes:64:64,range:bytes:1519", 3),
        ("null:ethernetprotocol:0,null:ipprotocol:0,null:bgpas", 3),
        ("ipsource,vni,macsource.1,ipsource.1", 4),
        ("or:[map:macsource:m]:[group:ipsource:m],oui:macsource:name", 2),
        ("link:inputifindex , ipsource , eq:bgpsourceas:bgpas", 3),
        ("concat:[,]:ipsource:ipdestination", 1),
        ("uri:httpurl:host,prefix:[uri:httpurl:path]:/:2", 2),
        (
            "country:ipsource,asn:ipsource,mask:ipsource:24,bits:tcpflags:0x12",
            4,
        ),
    ] {
        assert_eq!(keys(text).map(|keys| keys.len()), Ok(count), "{text}");
    }
}

#[test]
fn a_key_that_cannot_be_read_is_pointed_at() {
    for (text, at, word, meant) in [
        ("ipsorce", 0, "ipsorce", Some("ipsource")),
        ("ipsource,ipdst", 9, "ipdst", None),
        ("ipsource,vlam", 9, "vlam", Some("vlan")),
        ("or:ipsource:ip6sourc", 12, "ip6sourc", Some("ip6source")),
        (
            "suffix:[or:ipsource:ip6sourc]:.:2",
            20,
            "ip6sourc",
            Some("ip6source"),
        ),
        ("ipsource,", 9, "", None),
        (",ipsource", 0, ",", None),
        ("ipsource ipdestination", 0, "ipsource ipdestination", None),
        ("gruop:ipsource:x", 0, "gruop", Some("group")),
        ("group:ipsource", 0, "group", None),
        ("mask:ipsource:129", 14, "129", None),
        ("mask:ipsource:24:3", 17, "3", None),
        ("or:[ipsource", 3, "[", None),
        ("bytes.1", 0, "bytes.1", None),
        ("ipsource.999", 9, "999", None),
        ("uri:httpurl:hots", 12, "hots", Some("host")),
        ("or", 0, "or", None),
        ("range:bytes", 0, "range", None),
        ("if:direction:ingress:in", 21, "in", None),
        ("first:stack:.", 0, "first", None),
    ] {
        let fault = keys(text).unwrap_err();
        assert_eq!((fault.at, fault.word.as_str()), (at, word), "{text}: {fault}");
        if meant.is_some() {
            assert_eq!(fault.meant.as_deref(), meant, "{text}: {fault}");
        }
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    let nested = |depth: usize| {
        let (open, close) = ("or:[".repeat(depth), "]".repeat(depth));
        format!("{open}ipsource{close}")
    };
    assert!(keys(&nested(MAX_DEPTH)).is_ok());
    assert!(
        keys(&nested(MAX_DEPTH + 1))
            .unwrap_err()
            .reason
            .contains("inside each other")
    );
    assert!(keys(&nested(10_000)).is_err());
    assert!(keys(&"[".repeat(MAX_TEXT)).is_err());
    assert!(keys(&"ipsource,".repeat(70)).is_err());
    assert!(keys(&" ".repeat(MAX_TEXT + 1)).is_err());
    let parentheses = |depth: usize| format!("{}ipsource=10.0.0.1{}", "(".repeat(depth), ")".repeat(depth));
    assert!(Filter::parse(&parentheses(MAX_DEPTH)).is_ok());
    assert!(Filter::parse(&parentheses(MAX_DEPTH + 1)).is_err());
    assert!(Filter::parse(&"(".repeat(MAX_TEXT)).is_err());
    assert!(Filter::parse(&"vlan=1&".repeat(300)).is_err());
}

#[test]
fn filters_of_public_scripts_are_read() {
    for text in [
        "direction=ingress",
        "first:stack:.:ip:ip6=ip&ipprotocol=6,17&direction=ingress",
        "(ipflags=001|range:ipfragoffset:1=true)&first:stack:.:ip:ip6=ip",
        "group:ipsource:lf=external&group:ipdestination:lf=internal&outputifindex!=discard&tcpflags~.......1.",
        "tcpflags~....1.000&(tcpsourceport=179|tcpdestinationport=179)",
        "ibbt_offset!=null&direction=ingress&(ipecn=11|ip6ecn=11)",
        "eq:bgpsourceas:bgpas=false&eq:bgpdestinationas:bgpas=true",
        "direction=ingress&link:inputifindex=null",
        "prefix:stack:.:3=eth.ip.tcp",
        r#"dnsqname="a.example.,b.example.""#,
        r"httpurl~.*\.(png|jpg)&uripath!~/(a|b){1,3}[,&|)]x",
        " ipsource = 10.0.0.1 , 10.0.0.2 & vlan = 7 ",
    ] {
        let filter = Filter::parse(text).unwrap().unwrap();
        let printed = filter.to_string();
        assert_eq!(
            Filter::parse(&printed).unwrap().unwrap(),
            filter,
            "{text} → {printed}"
        );
    }
    assert_eq!(Filter::parse("  "), Ok(None));
}

#[test]
fn a_filter_that_cannot_be_read_is_pointed_at() {
    for (text, at, word) in [
        ("ipsorce=1", 0, "ipsorce"),
        ("ipsource", 8, ""),
        ("ipsource=", 9, ""),
        ("ipsource=1&", 11, ""),
        ("ipsource=1&&vlan=2", 11, "&"),
        ("(ipsource=1", 0, "("),
        ("ipsource=1)", 10, ")"),
        ("ipsource==1", 9, "="),
        ("ipsource=1,,2", 11, ","),
        ("vlan=1 ipsource=2", 15, "="),
        ("(vlan=1)vlan=2", 8, "vlan"),
        ("dnsqname=\"a", 9, "\""),
        ("or:ipsource:vlon=7", 12, "vlon"),
        ("ipsource>1", 0, "ipsource>1"),
    ] {
        let fault = Filter::parse(text).unwrap_err();
        assert_eq!((fault.at, fault.word.as_str()), (at, word), "{text}: {fault}");
    }
}

#[test]
fn and_binds_more_tightly_than_or() {
    let filter = Filter::parse("vlan=1|vlan=2&vlan=3|vlan=4").unwrap().unwrap();
    assert_eq!(filter.to_string(), "vlan=1|(vlan=2&vlan=3)|vlan=4");
    let Filter::Any(parts) = filter else {
        panic!("or is outermost")
    };
    assert_eq!(parts.len(), 3);
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9]{1,6}", "[a-z:,=&|()~! .]{1,6}", Just("[x]".to_owned()),]
}

fn expression_strategy() -> impl Strategy<Value = Expression> {
    let fields: Vec<Field> = Field::ALL.to_vec();
    let leaf = (proptest::sample::select(fields), 0_u8..3)
        .prop_map(|(field, nth)| Expression::Field(field, if field.is_layered() { nth } else { 0 }));
    leaf.prop_recursive(4, 24, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let texts = || proptest::collection::vec(text(), 1..3);
        prop_oneof![
            (boxed.clone(), texts()).prop_map(|(key, names)| Expression::Group(key, names)),
            (boxed.clone(), texts()).prop_map(|(key, names)| Expression::Map(key, names)),
            (boxed.clone(), text(), 0_u16..9).prop_map(|(key, by, n)| Expression::Prefix(key, by, n)),
            (boxed.clone(), text(), 0_u16..9).prop_map(|(key, by, n)| Expression::Suffix(key, by, n)),
            (boxed.clone(), 0_u8..=128).prop_map(|(key, bits)| Expression::Mask(key, bits)),
            (boxed.clone(), text()).prop_map(|(key, text)| Expression::Default(key, text)),
            proptest::collection::vec(inner.clone(), 1..4).prop_map(Expression::Or),
            (boxed.clone(), text(), boxed.clone(), boxed.clone())
                .prop_map(|(key, value, then, otherwise)| Expression::If(key, value, then, otherwise)),
            (boxed.clone(), text(), texts()).prop_map(|(key, by, texts)| Expression::First(key, by, texts)),
            (boxed.clone(), any::<u64>(), any::<Option<u64>>())
                .prop_map(|(key, low, high)| Expression::Range(key, Some(low), high)),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Expression::Equal(a, b)),
            (text(), proptest::collection::vec(inner, 1..4))
                .prop_map(|(by, parts)| Expression::Concat(by, parts)),
            (boxed.clone(), any::<u64>()).prop_map(|(key, mask)| Expression::Bits(key, mask)),
            boxed.clone().prop_map(|key| Expression::Uri(key, UriPart::Host)),
            boxed.clone().prop_map(|key| Expression::Port(Port::Link, key)),
            (boxed, any::<bool>()).prop_map(|(key, named)| {
                Expression::Outside(Outside::Oui, key, named.then(|| "name".to_owned()))
            }),
        ]
    })
}

fn filter_strategy() -> impl Strategy<Value = Filter> {
    let words = proptest::collection::vec("[a-z0-9.*()|&,\"\\\\ \\[\\]{}=~-]{1,8}", 1..3);
    let operator = proptest::sample::select(vec![
        Operator::Is,
        Operator::IsNot,
        Operator::Matches,
        Operator::MatchesNot,
    ]);
    let test = (expression_strategy(), operator, words).prop_map(|(key, operator, words)| {
        let values = words.into_iter().map(Word::somewhere).collect();
        Filter::Test(Test {
            key,
            operator,
            values,
        })
    });
    test.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Filter::All),
            proptest::collection::vec(inner, 2..4).prop_map(Filter::Any),
        ]
    })
}

proptest! {
    #[test]
    fn keys_that_are_printed_are_read_as_the_same(expression in expression_strategy()) {
        let printed = expression.to_string();
        prop_assert_eq!(key(&printed), expression, "{}", printed);
    }

    #[test]
    fn filters_that_are_printed_are_read_as_the_same(filter in filter_strategy()) {
        let printed = filter.to_string();
        let read = Filter::parse(&printed).map_err(|fault| TestCaseError::fail(format!("{printed}: {fault}")))?;
        prop_assert_eq!(read, Some(filter), "{}", printed);
    }

    #[test]
    fn whatever_comes_is_read_or_pointed_at(text in "[a-z0-9:,.=!~&|()\\[\\]\"\\\\ ]{0,40}") {
        if let Err(fault) = keys(&text) {
            prop_assert!(fault.at <= text.len() && text[fault.at..].starts_with(&fault.word), "{text}: {fault}");
        }
        match Filter::parse(&text) {
            Err(fault) => {
                prop_assert!(fault.at <= text.len() && text[fault.at..].starts_with(&fault.word), "{text}: {fault}");
            }
            Ok(Some(filter)) => {
                let printed = filter.to_string();
                prop_assert_eq!(Filter::parse(&printed).unwrap(), Some(filter), "{}", printed);
            }
            Ok(None) => {}
        }
    }
}
