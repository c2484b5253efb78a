//! The Debian packages in a system of their own: built, installed, used as people use them, upgraded over edited settings,
//! removed, and purged without a trace.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests, which fail by panics"
)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
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
        install(&chroot, &file(&old, "1.0-1"));
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

/// What stands for systemd where it does not run: it writes down what it is asked for, and finds everything enabled.
const SYSTEMCTL: &str = "#!/bin/sh
echo \"$*\" >>/var/log/systemctl
case $* in *is-enabled*) echo enabled ;; esac
";

/// What systemd was asked to do with services since the last time.
fn asked(chroot: &Chroot) -> Vec<String> {
    let log = chroot.read("/var/log/systemctl");
    fs::write(chroot.path("/var/log/systemctl"), "").unwrap();
    let acts = log.lines().map(|line| {
        let words = line.split(' ').filter(|word| !word.starts_with('-'));
        words.collect::<Vec<_>>().join(" ")
    });
    let acts = acts.filter(|act| {
        ["start ", "stop ", "restart ", "try-restart "]
            .iter()
            .any(|verb| act.starts_with(verb))
    });
    acts.collect()
}

#[test]
fn lab_packages_have_systemd_start_restart_and_stop_the_services() {
    let directory = tempfile::tempdir().unwrap();
    let (old, new) = (
        build(&directory.path().join("old"), "1.0-1"),
        build(&directory.path().join("new"), "2.0-1"),
    );
    let chroot = Chroot::new().unwrap_or_else(|error| panic!("{error:#}"));
    fs::create_dir_all(chroot.path("/run/systemd/system")).unwrap();
    // Where dpkg's scripts look for it.
    let systemctl = chroot.path("/usr/bin/systemctl");
    fs::write(&systemctl, SYSTEMCTL).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();

    let said = install(&chroot, &only(&old, "acl-server", "1.0-1"));
    assert!(
        said.contains("acl-server is not started: /usr/cumulus/bin/cl-acltool"),
        "{said}"
    );
    assert_eq!(asked(&chroot), [""; 0], "there is no tool that it could run");
    chroot.run(&[
        "cp",
        "/usr/share/doc/acl-server/examples/linux.toml",
        ACL_SERVER.conffile,
    ]);
    let said = install(&chroot, &only(&new, "acl-server", "2.0-1"));
    assert!(!said.contains("not started"), "{said}");
    let acts = ["restart acl-server.service", "try-restart acl-server@*.service"];
    assert_eq!(asked(&chroot), acts);
    chroot.run(&["apt-get", "purge", "-y", "acl-server"]);
    let acts = [
        "stop acl-server.socket acl-server.service",
        "stop acl-server@*.service",
    ];
    assert_eq!(asked(&chroot), acts);

    // A switch: what stands for its tool is there from the beginning.
    fs::create_dir_all(chroot.path("/usr/cumulus/bin")).unwrap();
    chroot.run(&["cp", "/bin/true", "/usr/cumulus/bin/cl-acltool"]);
    let said = install(&chroot, &only(&old, "acl-server", "1.0-1"));
    assert!(!said.contains("not started"), "{said}");
    assert_eq!(asked(&chroot), ["start acl-server.service"]);

    install(&chroot, &only(&old, "flow-marker", "1.0-1"));
    assert_eq!(asked(&chroot), ["start flow-marker.service"]);
    install(&chroot, &only(&new, "flow-marker", "2.0-1"));
    assert_eq!(asked(&chroot), ["restart flow-marker.service"]);
    chroot.run(&["apt-get", "remove", "-y", "flow-marker"]);
    assert_eq!(asked(&chroot), ["stop flow-marker.socket flow-marker.service"]);
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

/// Installs a package as the README says, with settings that were edited kept; returns what was said.
fn install(chroot: &Chroot, file: &Path) -> String {
    let name = file.file_name().unwrap().to_str().unwrap();
    fs::copy(file, chroot.path("tmp").join(name)).unwrap();
    let options = ["-o", "Dpkg::Options::=--force-confdef"];
    let file = format!("/tmp/{name}");
    chroot.run(
        &[
            &["apt-get", "install", "-y", "--no-install-recommends"],
            &options[..],
            &[&file],
        ]
        .concat(),
    )
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
    install(chroot, &file);
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
