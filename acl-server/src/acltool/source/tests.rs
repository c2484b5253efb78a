use std::os::unix::ffi::OsStringExt;

use super::*;

fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("a file");
    }
    directory
}

fn names(found: &[PathBuf]) -> Vec<String> {
    found
        .iter()
        .filter_map(|path| path.file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect()
}

fn defaults(directory: &Path) -> Defaults {
    Defaults {
        policy_conf: directory.join("policy.conf"),
        policy_dir: directory.to_owned(),
    }
}

#[test]
fn files_come_in_the_order_of_their_names() {
    let d = directory(&[
        ("99z.rules", ""),
        ("50rest-a.rules", ""),
        ("50_nvue.rules", ""),
        ("note.txt", ""),
        (".x.rules", ""),
    ]);
    for selection in [Selection::Directory(d.path().to_owned()), Selection::Default] {
        let found = find(&selection, &defaults(d.path())).expect("files");
        assert_eq!(
            names(&found.paths),
            ["50_nvue.rules", "50rest-a.rules", "99z.rules"]
        );
        assert_eq!(names(&found.ignored), [".x.rules", "note.txt"]);
    }
}

#[test]
fn policy_conf_decides_what_is_read() {
    let d = directory(&[("a.rules", ""), ("b.rules", ""), ("c.acl", "")]);
    let conf = |text: &str| {
        fs::write(d.path().join("policy.conf"), text).expect("a file");
        find(&Selection::Default, &defaults(d.path()))
            .map(|found| names(&found.paths))
            .map_err(|all| all[0].to_string())
    };
    assert_eq!(
        conf("# all\n\ninclude  *.rules\n").as_deref(),
        Ok(&["a.rules".to_owned(), "b.rules".to_owned()][..])
    );
    let absolute = format!("include {}/?.acl\ninclude b.rules", d.path().display());
    assert_eq!(
        conf(&absolute).as_deref(),
        Ok(&["c.acl".to_owned(), "b.rules".to_owned()][..])
    );
    assert_eq!(conf("").as_deref(), Ok(&[][..]));
    assert!(
        conf("include *.rules\ninclude b.rules").is_err_and(|e| e.contains("line 2") && e.contains("twice"))
    );
    assert!(conf("includes *.rules").is_err_and(|e| e.contains("line 1") && e.contains("expected include")));
    assert!(conf("include [ab].rules").is_err_and(|e| e.contains("only * and ?")));
    assert!(conf("include /*/x.rules").is_err_and(|e| e.contains("only * and ?")));
}

#[test]
fn what_is_missing_is_named_in_the_real_tools_words() {
    let d = directory(&[]);
    let gone = d.path().join("x.rules");
    let error = read(&gone, &mut Budget::default()).expect_err("missing");
    assert_eq!(
        error[0].to_string(),
        format!("Cannot find policy files: ['{}']", gone.display())
    );
    let error = find(&Selection::Directory(gone.clone()), &defaults(d.path())).expect_err("missing");
    assert_eq!(
        error[0].to_string(),
        format!("Cannot find policy files: ['{}']", gone.display())
    );
}

#[test]
fn only_regular_files_of_bounded_size_are_read() {
    let d = directory(&[("big.rules", ""), ("odd.rules", "[iptables]\r\n\t-A\n\n")]);
    let read = |name: &str| read(&d.path().join(name), &mut Budget::default());
    let big = File::options()
        .write(true)
        .open(d.path().join("big.rules"))
        .expect("a file");
    big.set_len(MAX_FILE).expect("a sparse file");
    assert_eq!(read("big.rules").map(|lines| lines.len()), Ok(1));
    big.set_len(MAX_FILE + 1).expect("a sparse file");
    assert!(read("big.rules").is_err_and(|e| e[0].to_string().contains("larger than")));
    assert_eq!(
        read("odd.rules").as_deref(),
        Ok(&["[iptables]\r".to_owned(), " -A".to_owned(), String::new()][..])
    );

    fs::create_dir(d.path().join("dir.rules")).expect("a directory");
    nix::unistd::mkfifo(&d.path().join("pipe.rules"), nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    for name in ["dir.rules", "pipe.rules"] {
        assert!(
            read(name).is_err_and(|e| e[0].to_string().contains("not a regular file")),
            "{name}"
        );
    }
    fs::write(d.path().join("bytes.rules"), b"# a\n# \xff\n").expect("a file");
    assert!(read("bytes.rules").is_err_and(|e| e[0].to_string().contains("line 2: found bytes")));

    let mut budget = Budget { files: 1, bytes: 4 };
    assert!(
        super::read(&d.path().join("odd.rules"), &mut budget)
            .is_err_and(|e| e[0].to_string().contains("4 bytes"))
    );
    assert!(
        super::read(&d.path().join("odd.rules"), &mut budget)
            .is_err_and(|e| e[0].to_string().contains("more rule files"))
    );
}

#[test]
fn names_are_shown_on_one_line() {
    let name = std::ffi::OsString::from_vec(b"a\nerror: \x1b[2J\xff.rules".to_vec());
    assert_eq!(shown(Path::new(&name)), "a\\nerror: \\u{1b}[2J\u{fffd}.rules");
}

#[test]
fn patterns() {
    let hit = |pattern: &str, name: &str| glob(pattern.as_bytes(), name.as_bytes());
    assert!(hit("*.rules", "a.rules") && hit("*.rules", ".rules") && hit("*", "") && hit("a*b*c", "aXbYbZc"));
    assert!(hit("?.rules", "a.rules") && !hit("?.rules", ".rules") && !hit("*.rules", "a.rules.tmp"));
    assert!(!hit("a*b", "a") && !hit("", "a"));
    // Exponential for the naive way.
    assert!(!hit(&"*a".repeat(60), &"a".repeat(59)));
}
