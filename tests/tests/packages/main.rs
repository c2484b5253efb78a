//! The Debian packages in a system of their own: built, installed, used as people use them, upgraded over edited settings,
//! removed, and purged without a trace; and as services of a systemd that is booted.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

mod service;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::chroot::Chroot;
use tests::process::{self, Process};
use tests::{deb, wait};

/// For anything that takes a moment: a slow machine is no reason to fail.
const PATIENCE: Duration = Duration::from_secs(30);

/// A line that an administrator adds to the settings.
const EDIT: &str = "# edited here";
/// A line that the example has in the next version.
const NEWS: &str = "# new in this version";

/// What a package is made of.
struct Package {
    name: &'static str,
    /// Programs, and what makes them tell their version.
    programs: &'static [(&'static str, &'static str)],
    /// The settings.
    conffile: &'static str,
    /// Mode, owner and path of what is not everybody's to read, or not root's.
    modes: &'static [&'static str],
    units: &'static [&'static str],
    /// Manual pages, some of them.
    pages: &'static [&'static str],
}

const ACL_SERVER: Package = Package {
    name: "acl-server",
    programs: &[("acl-server", "--version"), ("acltool", "-V")],
    conffile: "/etc/acl-server/acl-server.toml",
    modes: &[
        "600 root:root /etc/acl-server/acl-server.toml",
        "755 root:root /etc/acl-server/policy.d",
        "700 root:root /var/lib/acl-server",
        "755 root:root /usr/bin/acl-server",
    ],
    units: &["acl-server.service", "acl-server@.service", "acl-server.socket"],
    pages: &["acl-server", "acl-server-check", "acl-server-token", "acltool"],
};

const FLOW_MARKER: Package = Package {
    name: "flow-marker",
    programs: &[("flow-marker", "--version")],
    conffile: "/etc/flow-marker/flow-marker.toml",
    modes: &[
        "644 root:root /etc/flow-marker/flow-marker.toml",
        "700 flow-marker:flow-marker /var/lib/flow-marker",
        "755 root:root /usr/bin/flow-marker",
    ],
    units: &["flow-marker.service", "flow-marker.socket"],
    pages: &["flow-marker", "flow-marker-check", "flow-marker-doctor"],
};

#[test]
fn lab_packages_are_installed_work_are_upgraded_and_go_without_a_trace() {
    let directory = tempfile::tempdir().unwrap();
    let (old, again, new) = (
        build(&directory.path().join("old"), "1.0-1"),
        build(&directory.path().join("again"), "1.0-1"),
        build(&directory.path().join("new"), "2.0-1"),
    );
    let chroot = Chroot::new().unwrap_or_else(|error| panic!("{error:#}"));
    let before = chroot.everything();
    for (package, works) in [
        (&ACL_SERVER, acl_server_works as fn(&Chroot)),
        (&FLOW_MARKER, flow_marker_works),
    ] {
        let file = |directory: &Path, version| only(directory, package.name, version);
        assert!(
            fs::read(file(&old, "1.0-1")).unwrap() == fs::read(file(&again, "1.0-1")).unwrap(),
            "{}: the same programs must give the same package",
            package.name
        );
        install(&chroot, |what| chroot.run(what), &file(&old, "1.0-1"));
        is_installed(&chroot, package, "1.0-1");
        // Its script may be run again at any time.
        let script = format!("/var/lib/dpkg/info/{}.postinst", package.name);
        chroot.run(&[&script, "configure", "1.0-1"]);
        is_installed(&chroot, package, "1.0-1");
        works(&chroot);
        is_upgraded(&chroot, package, &file(&new, "2.0-1"), directory.path());
        goes(&chroot, package);
        let left: BTreeSet<_> = chroot.everything().difference(&before).cloned().collect();
        // What adduser keeps of the files before its last change.
        let left: Vec<_> = left.iter().filter(|path| !path.ends_with('-')).collect();
        assert!(left.is_empty(), "{}: {left:?}", package.name);
    }
    let gone: Vec<_> = before.difference(&chroot.everything()).cloned().collect();
    assert!(gone.is_empty(), "{gone:?}");
}

/// Builds both packages of the programs of this build, and returns where they are.
fn build(output: &Path, version: &str) -> PathBuf {
    deb::build(output, version).unwrap_or_else(|error| panic!("{error:#}"));
    output.to_owned()
}

/// The file of a package.
fn only(directory: &Path, name: &str, version: &str) -> PathBuf {
    deb::file(directory, name, version).unwrap()
}

/// Installs a package as the README says, with settings that were edited kept, by what runs commands in the system; returns
/// what was said.
fn install(chroot: &Chroot, run: impl Fn(&[&str]) -> String, file: &Path) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    fs::copy(file, chroot.path("root").join(name)).unwrap();
    let options = ["-o", "Dpkg::Options::=--force-confdef"];
    let inside = format!("/root/{name}");
    let install = ["apt-get", "install", "-y", "--no-install-recommends"];
    let said = run(&[&install, &options[..], &[&inside]].concat());
    fs::remove_file(chroot.path(&inside)).unwrap();
    said
}

fn is_installed(chroot: &Chroot, package: &Package, version: &str) {
    let name = package.name;
    let state = ["dpkg-query", "-W", "-f", "${Version} ${Status}", name];
    assert_eq!(chroot.run(&state), format!("{version} install ok installed"));
    for (program, argument) in package.programs {
        let said = chroot.run(&[program, argument]);
        assert!(said.starts_with(&format!("{program} ")), "{said}");
    }
    for expected in package.modes {
        let path = expected.rsplit(' ').next().unwrap();
        assert_eq!(
            chroot.run(&["stat", "-c", "%a %U:%G %n", path]).trim_end(),
            *expected
        );
    }
    for unit in package.units {
        let text = chroot.read(&format!("/lib/systemd/system/{unit}"));
        let page = format!("Documentation=man:{name}(8)");
        assert!(text.contains(&page), "{unit}");
    }
    // Enabled as the unit says, and none but the service.
    let wanted = format!("/etc/systemd/system/multi-user.target.wants/{name}.service");
    assert!(chroot.has(&wanted), "{wanted}");
    assert!(!chroot.has(&format!("/etc/systemd/system/sockets.target.wants/{name}.socket")));
    for page in package.pages {
        let page = chroot.run(&["gzip", "-dc", &format!("/usr/share/man/man8/{page}.8.gz")]);
        assert!(page.contains("\n.SH SYNOPSIS\n"), "{page}");
    }
    let doc = format!("/usr/share/doc/{name}");
    let changes = chroot.run(&["gzip", "-dc", &format!("{doc}/changelog.Debian.gz")]);
    assert!(changes.starts_with(&format!("{name} ({version}) ")), "{changes}");
    let licences = chroot.run(&["gzip", "-dc", &format!("{doc}/third-party-licences.gz")]);
    assert!(licences.contains("\ntokio-"), "{licences}");
    assert!(
        chroot
            .read(&format!("{doc}/copyright"))
            .contains("License: Expat\n Permission")
    );
    // Every file is as it was packed.
    assert_eq!(chroot.run(&["dpkg", "--verify", name]), "");
}

/// A program asked as by curl from where a daemon is.
fn ask(daemon: &Process, arguments: &[&str]) -> anyhow::Result<String> {
    let mut curl = process::command("nsenter");
    curl.arg(format!("--net=/proc/{}/ns/net", daemon.pid()));
    curl.args(["curl", "--silent", "--show-error", "--fail", "--max-time", "10"]);
    curl.args(arguments);
    process::run(curl)
}

fn answers(daemon: &Process, url: &str) {
    wait::until(url, PATIENCE, || ask(daemon, &[url]).ok())
        .unwrap_or_else(|error| panic!("{error:#}\n{}", daemon.output_end()));
}

/// On Linux without Cumulus, as the package said when it was installed: a rule is put and is in the kernel.
fn acl_server_works(chroot: &Chroot) {
    chroot.run(&["acl-server", "check-config"]);
    let example = "/usr/share/doc/acl-server/examples/linux.toml";
    chroot.run(&["cp", example, ACL_SERVER.conffile]);
    chroot.run(&["acl-server", "check-config"]);
    let daemon = chroot.start(&["acl-server"]);
    answers(&daemon, "http://127.0.0.1:8080/healthz");
    answers(&daemon, "http://127.0.0.1:8080/readyz");
    let rule = r#"["[iptables]", "-A FORWARD -i swp+ -d 10.10.100.10 -p udp --sport 53 -j DROP"]"#;
    let url = "http://127.0.0.1:8080/acl/ddos1";
    let json = "Content-Type: application/json";
    ask(&daemon, &["-X", "PUT", "-H", json, "--data", rule, url]).unwrap();
    let mut save = process::command("nsenter");
    save.arg(format!("--net=/proc/{}/ns/net", daemon.pid()));
    save.arg("chroot").arg(chroot.path("")).arg("iptables-save");
    let rules = process::run(save).unwrap();
    assert!(rules.contains("-d 10.10.100.10/32"), "{rules}");
    assert!(daemon.terminate(PATIENCE).unwrap().success());
    assert!(chroot.has("/etc/acl-server/policy.d/50rest-ddos1.rules"));
    assert!(chroot.has("/var/lib/acl-server/journal"));
}

/// As its user, with the example as it is.
fn flow_marker_works(chroot: &Chroot) {
    let user = chroot.run(&["getent", "passwd", "flow-marker"]);
    assert!(
        user.ends_with(":/var/lib/flow-marker:/usr/sbin/nologin\n"),
        "{user}"
    );
    chroot.run(&["flow-marker", "check"]);
    let daemon = chroot.start(&[
        "setpriv",
        "--reuid=flow-marker",
        "--regid=flow-marker",
        "--clear-groups",
        "flow-marker",
        "run",
    ]);
    answers(&daemon, "http://127.0.0.1:8008/healthz");
    answers(&daemon, "http://127.0.0.1:8008/readyz");
    assert!(daemon.terminate(PATIENCE).unwrap().success());
}

/// A new version with another example: edited settings stay, and what was disabled stays so.
fn is_upgraded(chroot: &Chroot, package: &Package, file: &Path, directory: &Path) {
    let mut settings = chroot.read(package.conffile);
    settings.push_str(&format!("{EDIT}\n"));
    fs::write(chroot.path(package.conffile), &settings).unwrap();
    let wanted = format!(
        "/etc/systemd/system/multi-user.target.wants/{}.service",
        package.name
    );
    fs::remove_file(chroot.path(&wanted)).unwrap();

    let file = with_news(file, package, directory);
    install(chroot, |what| chroot.run(what), &file);
    let state = ["dpkg-query", "-W", "-f", "${Version} ${Status}", package.name];
    assert_eq!(chroot.run(&state), "2.0-1 install ok installed");
    assert_eq!(chroot.read(package.conffile), settings);
    assert!(
        chroot
            .read(&format!("{}.dpkg-dist", package.conffile))
            .contains(NEWS)
    );
    assert!(!chroot.has(&wanted), "who has disabled it wants it so");
}

/// The package with another example.
fn with_news(file: &Path, package: &Package, directory: &Path) -> PathBuf {
    let tree = directory.join(package.name);
    let mut unpack = process::command("dpkg-deb");
    unpack.arg("-R").arg(file).arg(&tree);
    process::run(unpack).unwrap();
    let example = tree.join(package.conffile.trim_start_matches('/'));
    let text = fs::read_to_string(&example).unwrap();
    fs::write(&example, format!("{text}{NEWS}\n")).unwrap();
    let new = directory.join(file.file_name().unwrap());
    let mut pack = process::command("dpkg-deb");
    pack.args(["--root-owner-group", "-Znone", "--build"]);
    pack.arg(&tree).arg(&new);
    process::run(pack).unwrap();
    new
}

/// Removed, it leaves settings and state; purged, nothing.
fn goes(chroot: &Chroot, package: &Package) {
    let name = package.name;
    let state = format!("/var/lib/{name}");
    chroot.run(&["apt-get", "remove", "-y", name]);
    for (program, _) in package.programs {
        assert!(!chroot.has(&format!("/usr/bin/{program}")), "{program}");
    }
    assert!(chroot.read(package.conffile).contains(EDIT));
    assert!(chroot.has(&state), "{state}");
    chroot.run(&["apt-get", "purge", "-y", name]);
    for file in ["/etc/passwd", "/etc/group"] {
        assert!(!chroot.read(file).contains(name), "{file}");
    }
}
