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
fn a_wrong_file_is_named() {
    let directory = Directory::new();
    let files = directory.files();
    assert!(matches!(Fresh::read(&files), Err(TlsError::File(_))));
    let (certificate, _) = directory.make("a.example");
    Fresh::read(&files).unwrap();
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
        let error = Fresh::read(&files).unwrap_err().to_string();
        assert!(error.contains(name), "{name}: {error}");
    }
    directory.make("b.example");
    Fresh::read(&files).unwrap();
    let file = directory.0.path().join("certificate.pem");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o666)).unwrap();
    assert!(matches!(
        Fresh::read(&files),
        Err(TlsError::File(FileError::Writable(_)))
    ));
}

#[tokio::test]
async fn new_files_outdate_what_came_before_them() {
    let directory = Directory::new();
    let fresh = |name: &str| {
        directory.make(name);
        Fresh::read(&directory.files()).unwrap()
    };
    let tls = Tls::new(fresh("a.example"));
    let before = tls.config.load_full();
    let (_, mut outdated) = tls.acceptor();
    let next = fresh("b.example");
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(1), outdated.wait()).await;
    assert!(waiting.is_err(), "nothing has changed");
    assert!(Arc::ptr_eq(&before, &tls.config.load_full()));
    tls.replace(next);
    outdated.wait().await;
    assert!(!Arc::ptr_eq(&before, &tls.config.load_full()));
}
