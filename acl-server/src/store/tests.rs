use std::os::unix::fs::symlink;

use super::*;

fn name(text: &str) -> AclName {
    text.parse().unwrap()
}

fn store() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

#[test]
fn versions_change_places_and_leave_nothing() {
    let (directory, store) = store();
    let acl = name("a");
    store.stage(&acl, Version::New, b"one\n").unwrap();
    assert_eq!(store.read(&acl).unwrap(), None);
    store.place(&acl, Version::New).unwrap();
    store.unstage(&acl).unwrap();
    assert_eq!(store.read(&acl).unwrap().unwrap(), b"one\n");

    store.stage_current(&acl, b"one\n").unwrap();
    store.stage(&acl, Version::New, b"two\n").unwrap();
    for _ in 0..3 {
        store.place(&acl, Version::New).unwrap();
        store.place(&acl, Version::New).unwrap();
        assert_eq!(store.read(&acl).unwrap().unwrap(), b"two\n");
        store.place(&acl, Version::Old).unwrap();
        assert_eq!(store.read(&acl).unwrap().unwrap(), b"one\n");
        store.remove(&acl).unwrap();
        store.remove(&acl).unwrap();
        assert_eq!(store.read(&acl).unwrap(), None);
    }
    store.place(&acl, Version::Old).unwrap();
    store.unstage(&acl).unwrap();
    let left: Vec<_> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["50rest-a.rules"]);
}

#[test]
fn many_are_staged_together_or_it_fails() {
    let (directory, store) = store();
    let names: Vec<AclName> = (0..AT_ONCE).map(|n| name(&format!("acl{n}"))).collect();
    let contents: Vec<Vec<u8>> = (0..AT_ONCE).map(|n| vec![b'x'; n * 100]).collect();
    let all = || names.iter().zip(contents.iter().map(Vec::as_slice));
    // Left behind by an earlier batch, whatever it is.
    std::fs::write(directory.path().join(".50rest-acl7.rules.new"), "stray").unwrap();
    store.stage_new(all()).unwrap();
    for (name, content) in all() {
        assert!(store.is_staged(name, Version::New, content), "{name}");
    }
    store.stage_new(std::iter::empty()).unwrap();
    // One that cannot be written is the failure of all.
    std::fs::create_dir(directory.path().join(".50rest-z.rules.new")).unwrap();
    let z = name("z");
    assert!(store.stage_new(all().chain([(&z, &b"x"[..])])).is_err());
}

#[test]
fn one_sync_that_fails_is_the_failure_of_all_wherever_it_is() {
    let file = || (tempfile::tempfile().unwrap(), 0);
    for length in [0, 1, 2, 8, 9, 20] {
        let mut files: Vec<_> = (0..length).map(|_| file()).collect();
        dir::sync_together(&files).unwrap();
        for at in 0..length {
            // A pipe cannot be synced.
            let (_reader, writer) = io::pipe().unwrap();
            let sound = std::mem::replace(
                &mut files[at].0,
                std::fs::File::from(std::os::fd::OwnedFd::from(writer)),
            );
            assert!(dir::sync_together(&files).is_err(), "number {at} of {length}");
            files[at].0 = sound;
        }
    }
}

#[test]
fn placing_what_was_not_staged_is_an_error() {
    let (_directory, store) = store();
    assert!(store.place(&name("a"), Version::New).is_err());
}

#[test]
fn only_our_names_are_ours_and_stray_temporaries_are_swept() {
    let (directory, store) = store();
    for file in [
        "50rest-b.rules",
        "50rest-a.rules",
        "50rest-A.rules",
        "50rest-a.rules.bak",
        "50_nvue.rules",
        ".x.rules",
    ] {
        std::fs::write(directory.path().join(file), "x").unwrap();
    }
    store.stage(&name("c"), Version::New, b"x").unwrap();
    store.stage(&name("d"), Version::Old, b"x").unwrap();
    assert_eq!(store.names().unwrap(), [name("a"), name("b")]);
    // What an editor or an operator leaves looks similar.
    for file in [".50rest-a.rules.swp", ".50rest-notes.txt", ".50rest-A.rules.new"] {
        std::fs::write(directory.path().join(file), "x").unwrap();
    }
    std::fs::create_dir(directory.path().join(".50rest-backup.rules.old")).unwrap();
    assert_eq!(store.sweep().unwrap(), 2);
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 10);
}

#[test]
fn no_symbolic_link_is_followed() {
    let (directory, store) = store();
    let outside = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(outside.path(), "secret").unwrap();
    symlink(outside.path(), directory.path().join("50rest-a.rules")).unwrap();
    assert!(matches!(store.read(&name("a")), Err(ReadError::Irregular(_))));
    // Planted where we are about to write: replaced, never written through.
    symlink(outside.path(), directory.path().join(".50rest-b.rules.new")).unwrap();
    store.stage(&name("b"), Version::New, b"mine\n").unwrap();
    store.place(&name("b"), Version::New).unwrap();
    assert_eq!(std::fs::read_to_string(outside.path()).unwrap(), "secret");
    assert_eq!(store.read(&name("b")).unwrap().unwrap(), b"mine\n");
}

#[test]
fn only_one_store_has_a_directory() {
    let (directory, store) = store();
    assert_eq!(
        Store::open(directory.path()).unwrap_err().kind(),
        io::ErrorKind::ResourceBusy
    );
    drop(store);
    Store::open(directory.path()).unwrap();
}

#[test]
fn odd_files_of_our_name_do_not_hang_or_fill_memory() {
    let (directory, store) = store();
    nix::unistd::mkfifo(
        &directory.path().join("50rest-fifo.rules"),
        nix::sys::stat::Mode::S_IRWXU,
    )
    .unwrap();
    std::fs::create_dir(directory.path().join("50rest-dir.rules")).unwrap();
    std::fs::write(directory.path().join("50rest-big.rules"), vec![b'x'; 3_000_000]).unwrap();
    assert!(matches!(store.read(&name("fifo")), Err(ReadError::Irregular(_))));
    assert!(matches!(store.read(&name("dir")), Err(ReadError::Irregular(_))));
    assert!(matches!(store.read(&name("big")), Err(ReadError::TooLarge(_))));
    assert_eq!(store.names().unwrap(), [name("big")], "what is no file is no ACL");
}

#[test]
fn the_foreign_fingerprint_sees_foreign_rules_only() {
    let (directory, store) = store();
    let put = |file: &str, text: &str| std::fs::write(directory.path().join(file), text).unwrap();
    put("00control_plane.rules", "a");
    let first = foreign_fingerprint(&store.foreign_files().unwrap());
    put("50rest-a.rules", "b");
    put("notes.txt", "c");
    assert_eq!(foreign_fingerprint(&store.foreign_files().unwrap()), first);
    put("00control_plane.rules", "b");
    let second = foreign_fingerprint(&store.foreign_files().unwrap());
    assert_ne!(second, first);
    std::fs::rename(
        directory.path().join("00control_plane.rules"),
        directory.path().join("01.rules"),
    )
    .unwrap();
    assert_ne!(foreign_fingerprint(&store.foreign_files().unwrap()), second);
}

#[test]
fn etags_are_strong_quoted_and_differ() {
    assert_eq!(etag(b"a").len(), 34);
    assert!(etag(b"a").starts_with('"') && etag(b"a").ends_with('"'));
    assert_ne!(etag(b"a"), etag(b"b"));
}
