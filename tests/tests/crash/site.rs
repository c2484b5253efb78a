use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tests::local::Home;

use super::history::Acls;

/// Other people's files. The last three have names that resemble ours and are none.
const FOREIGN: [(&str, &str); 7] = [
    (
        "00control_plane.rules",
        "[iptables]\n-A INPUT -p icmp -j POLICE --set-mode pkt --set-rate 100\n",
    ),
    (
        "50_nvue.rules",
        "[iptables]\n-A FORWARD -i swp1 -d 192.0.2.9/32 -j ACCEPT\n",
    ),
    (
        "99control_plane_catch_all.rules",
        "[iptables]\n-A INPUT -j SETCLASS --class 0",
    ),
    ("README", "no newline at the end \u{1f600}"),
    ("50rest-.rules", "[iptables]\n# an ACL without a name\n"),
    ("50rest-Upper.rules", "[iptables]\n# not a name of ours\n"),
    (".50rest-a.rules.swp", "an editor's\n"),
];
/// One that somebody changes from time to time.
const CHANGING: &str = "60changing.rules";

/// The directories of one daemon, with strangers' files in the policy directory.
pub(crate) struct Site {
    pub(crate) home: Home,
    directory: tempfile::TempDir,
    changing: String,
    /// Name, file and content of what is not ours.
    foreign: BTreeMap<String, (u64, Vec<u8>)>,
    /// How much of the record has been read.
    read: u64,
    /// The last complete run in it.
    last: Option<Value>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = Home::new(directory.path()).unwrap();
        let policy = home.policy_dir();
        for (name, content) in FOREIGN {
            fs::write(policy.join(name), content).unwrap();
        }
        let outside = directory.path().join("outside");
        fs::write(&outside, "[iptables]\n# linked from elsewhere\n").unwrap();
        symlink(&outside, policy.join("70linked.rules")).unwrap();
        let mut site = Self {
            home,
            directory,
            changing: String::new(),
            foreign: BTreeMap::new(),
            read: 0,
            last: None,
        };
        site.change("first");
        for entry in fs::read_dir(&policy).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name != CHANGING {
                site.foreign.insert(name, identity(&path));
            }
        }
        site
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Somebody else changes their file.
    pub(crate) fn change(&mut self, to: &str) {
        self.changing = format!("[iptables]\n# {to}\n");
        fs::write(self.home.policy_dir().join(CHANGING), &self.changing).unwrap();
    }

    /// Our ACLs, once it is sure that what is not ours is as it was, and that nothing else is there.
    pub(crate) fn acls(&self) -> Acls {
        let mut acls = Acls::new();
        let mut strangers = 0;
        for entry in fs::read_dir(self.home.policy_dir()).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_name().unwrap().to_str().unwrap().to_owned();
            if let Some(was) = self.foreign.get(&file) {
                assert_eq!(&identity(&path), was, "{file} is not ours");
                strangers += 1;
            } else if file == CHANGING {
                assert_eq!(fs::read_to_string(&path).unwrap(), self.changing);
                strangers += 1;
            } else {
                let name = file
                    .strip_prefix("50rest-")
                    .and_then(|name| name.strip_suffix(".rules"));
                let name = name.unwrap_or_else(|| panic!("{file} is a stray file"));
                acls.insert(name.to_owned(), fs::read_to_string(&path).unwrap());
            }
        }
        assert_eq!(
            strangers,
            self.foreign.len() + 1,
            "a file that is not ours has gone"
        );
        acls
    }

    /// Whether the tool is running. Only looks: to try the lock would be to hold it for a moment.
    pub(crate) fn tool_runs(&self) -> bool {
        let Ok(data) = fs::metadata(self.beside("lock")) else {
            return false;
        };
        let inode = format!(":{} ", data.ino());
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks
            .lines()
            .any(|line| line.contains("FLOCK") && line.contains(&inode))
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        self.home.record().with_added_extension(suffix)
    }

    /// Reads what the tool has recorded since; returns how many runs those are.
    pub(crate) fn read_record(&mut self) -> usize {
        let mut text = String::new();
        let mut file = File::open(self.home.record()).unwrap();
        file.seek(SeekFrom::Start(self.read)).unwrap();
        file.read_to_string(&mut text).unwrap();
        // The last line may still be being written, by the tool of a daemon that is dead.
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        self.read += u64::try_from(whole.len()).unwrap();
        if let Some(line) = whole.lines().next_back() {
            self.last = Some(serde_json::from_str(line).unwrap());
        }
        whole.lines().count()
    }

    /// The tool's last word was that it has installed what is there, and it never ran twice at the same time.
    pub(crate) fn assert_installed(&mut self) -> usize {
        let runs = self.read_record();
        assert_eq!(
            fs::read_to_string(self.beside("overlap")).unwrap_or_default(),
            "",
            "two runs of the tool at the same time"
        );
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.home.policy_dir()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if name.ends_with(".rules") && path.is_file() {
                files.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
        let last = self.last.as_ref().unwrap();
        assert_eq!(last["exit"], json!(0), "the last run of the tool was a refusal");
        for when in ["at_start", "at_end"] {
            assert_eq!(
                last[when],
                json!(files),
                "what the tool had {when} of its last run"
            );
        }
        runs
    }
}

/// The file itself, whatever its name, and what is in it.
fn identity(path: &Path) -> (u64, Vec<u8>) {
    let data = fs::symlink_metadata(path).unwrap();
    let content = if data.is_symlink() {
        fs::read_link(path).unwrap().into_os_string().into_encoded_bytes()
    } else {
        fs::read(path).unwrap()
    };
    (data.ino(), content)
}
