//! Files that are right, wrong, or changed.

use std::os::unix::fs::PermissionsExt as _;

use rcgen::{CertificateParams, KeyPair};

use super::*;

struct Directory(tempfile::TempDir);

impl Directory {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn files(&self) -> TlsFiles {
        let path = |name: &str| self.0.path().join(name);
        TlsFiles {
            certificate: path("certificate.pem"),
            key: path("key.pem"),
            client_ca: Some(path("ca.pem")),
        }
    }

    fn write(&self, name: &str, content: &str) {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// A certificate and its key; returns both.
    fn make(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let (certificate, key) = (params.self_signed(&key).unwrap().pem(), key.serialize_pem());
        self.write("certificate.pem", &certificate);
        self.write("key.pem", &key);
        self.write("ca.pem", &certificate);
        (certificate, key)
    }
}

#[test]
fn a_wrong_file_is_named_and_changes_nothing() {
    let directory = Directory::new();
    let files = directory.files();
    assert!(matches!(Tls::load(&files), Err(TlsError::File(_))));
    let (certificate, _) = directory.make("a.example");
    let tls = Tls::load(&files).unwrap();
    let before = tls.config.load_full();
    let other_key = KeyPair::generate().unwrap().serialize_pem();
    for (name, content) in [
        ("key.pem", other_key.as_str()),
        ("key.pem", &certificate),
        ("key.pem", ""),
        (
            "certificate.pem",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ),
        (
            "certificate.pem",
            "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
        ),
        ("certificate.pem", ""),
        ("ca.pem", &other_key),
        ("ca.pem", ""),
    ] {
        directory.make("b.example");
        directory.write(name, content);
        let error = tls.reload(&files).unwrap_err().to_string();
        assert!(error.contains(name), "{name}: {error}");
        assert!(Arc::ptr_eq(&before, &tls.config.load_full()), "{name}: {error}");
    }
    directory.make("b.example");
    tls.reload(&files).unwrap();
    assert!(!Arc::ptr_eq(&before, &tls.config.load_full()));
    let file = directory.0.path().join("certificate.pem");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(
        tls.reload(&files),
        Err(TlsError::File(FileError::Writable(_)))
    ));
}

#[tokio::test]
async fn a_reload_outdates_what_came_before_it() {
    let directory = Directory::new();
    directory.make("a.example");
    let tls = Tls::load(&directory.files()).unwrap();
    let (_, mut outdated) = tls.acceptor();
    directory.write("key.pem", "");
    assert!(tls.reload(&directory.files()).is_err());
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), outdated.wait()).await;
    assert!(waiting.is_err(), "nothing has changed");
    directory.make("a.example");
    tls.reload(&directory.files()).unwrap();
    outdated.wait().await;
}
