//! What a newer configuration says otherwise than the one in force, for people; and what of it needs a restart.
//!
//! Texts name keys as the file does. What may be a secret (URLs, tokens) is never in them.

use std::collections::BTreeSet;
use std::fmt;

use shared::serve::settings::TlsSettings;
use shared::units::TimeSpan;

use super::http::Http;
use super::{Capture, Config, Drops, Mark, Mode, Sflow, Threshold};

/// The longest value that is shown, in characters: of lists no more than their beginning.
const LONGEST: usize = 60;

/// What is different.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// What counts from now on.
    pub made: Vec<String>,
    /// What counts after a restart, by its keys.
    pub restart: Vec<&'static str>,
}

impl fmt::Display for Changes {
    /// `2 switches added, mark.threshold 10% → 5%; needs a restart: http.listen`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.made.is_empty() {
            // Files that it names may have: tokens, certificates, lists.
            true => f.write_str("no setting has changed")?,
            false => f.write_str(&self.made.join(", "))?,
        }
        match self.restart.is_empty() {
            true => Ok(()),
            false => write!(f, "; needs a restart: {}", self.restart.join(", ")),
        }
    }
}

/// What a newer configuration comes to.
#[derive(Debug)]
pub struct Update {
    /// The newer one, with everything of the older that only a restart changes.
    pub config: Config,
    /// What is different.
    pub changes: Changes,
}

impl Update {
    /// From the configuration in force to the newer one.
    pub fn new(before: &Config, mut config: Config) -> Self {
        let mut changes = Changes::default();
        changes.switches(before, &config);
        changes.mark(before, &config);
        changes.capture(before, &config);
        changes.drop(before, &config);
        changes.others(before, &config);
        changes.keep(before, &mut config);
        Self { config, changes }
    }
}

/// Who adds a key is told by the compiler to say here what becomes of it: it is compared by one of the methods of [`Changes`], or
/// kept by [`Changes::keep`].
const _: fn(Config) = |config| {
    let Config {
        id: _,
        switches: _,
        fabrics: _,
        groups: _,
        mark,
        capture,
        drop,
        webhooks: _,
        history: _,
        http,
        sflow,
        state_dir: _,
        // These two say where the rest is from.
        file: _,
        flags: _,
    } = config;
    let Mark {
        mode: _,
        threshold: _,
        threshold_max: _,
        profile: _,
        edge: _,
        edge_speeds: _,
        dscp: _,
        cos: _,
        hold: _,
        ttl: _,
        max_rules: _,
        commit_interval: _,
        udp: _,
        only_dscp: _,
        exclude: _,
    } = mark;
    let Capture {
        mode: _,
        analyzers: _,
        local: _,
        exclude: _,
        per_switch: _,
        total: _,
        quiet: _,
        max_age: _,
        blacklists: _,
    } = capture;
    let Drops {
        mode: _,
        local: _,
        threshold: _,
        syn_rate: _,
        ports: _,
        max_rules: _,
        ttl: _,
        exclude: _,
    } = drop;
    let Sflow {
        threads: _,
        receive_buffer: _,
        agents: _,
        max_agents: _,
    } = sflow;
    let Http {
        listen: _,
        socket: _,
        no_auth: _,
        insecure_http: _,
        tokens_file: _,
        tls: _,
        limits: _,
        token: _,
        certificate: _,
    } = http;
};

impl Changes {
    /// A setting, if it is another one.
    fn one<T: PartialEq>(&mut self, key: &str, pair: [&T; 2], shown: impl Fn(&T) -> String) {
        let [before, now] = pair;
        if before == now {
            return;
        }
        let short = |value: &T| match shown(value) {
            text if text.is_empty() => "nothing".to_owned(),
            text if text.chars().count() > LONGEST => text.chars().take(LONGEST).chain(['…']).collect(),
            text => text,
        };
        self.made
            .push(format!("{key} {} → {}", short(before), short(now)));
    }

    /// How many things of a kind have come, gone and changed. `things` are their names, and whether two are the same.
    fn count<'a, T>(
        &mut self,
        (one, many): (&str, &str),
        [before, now]: [&'a [T]; 2],
        name: impl Fn(&'a T) -> String,
        is_same: impl Fn(&'a T, &'a T) -> bool,
    ) {
        let names = |things: &'a [T]| things.iter().map(&name).collect::<BTreeSet<_>>();
        let (old, new) = (names(before), names(now));
        let changed = now.iter().filter(|thing| {
            let mut known = before.iter().filter(|known| name(known) == name(thing));
            known.any(|known| !is_same(known, thing))
        });
        for (count, what) in [
            (new.difference(&old).count(), "added"),
            (old.difference(&new).count(), "gone"),
            (changed.count(), "changed"),
        ] {
            match count {
                0 => {}
                1 => self.made.push(format!("1 {one} {what}")),
                _ => self.made.push(format!("{count} {many} {what}")),
            }
        }
    }

    fn switches(&mut self, before: &Config, now: &Config) {
        self.count(
            ("switch", "switches"),
            [&before.switches, &now.switches],
            |switch| switch.agent.to_string(),
            PartialEq::eq,
        );
        self.count(
            ("template", "templates"),
            [&before.fabrics, &now.fabrics],
            |fabric| list(&fabric.agents),
            PartialEq::eq,
        );
    }

    fn mark(&mut self, before: &Config, now: &Config) {
        let (a, b) = (&before.mark, &now.mark);
        self.one("mark.mode", [&a.mode, &b.mode], mode);
        self.one("mark.threshold", [&a.threshold, &b.threshold], threshold);
        self.one(
            "mark.threshold_max",
            [&a.threshold_max, &b.threshold_max],
            ToString::to_string,
        );
        self.one("mark.profile", [&a.profile, &b.profile], word);
        self.one("mark.edge", [&a.edge, &b.edge], word);
        self.one("mark.edge_speeds", [&a.edge_speeds, &b.edge_speeds], |speeds| {
            list(speeds)
        });
        self.one("mark.dscp", [&a.dscp, &b.dscp], off);
        self.one("mark.cos", [&a.cos, &b.cos], off);
        self.one("mark.hold", [&a.hold, &b.hold], |hold| {
            TimeSpan(*hold).to_string()
        });
        self.one("mark.ttl", [&a.ttl, &b.ttl], |ttl| TimeSpan(*ttl).to_string());
        self.one(
            "mark.max_rules",
            [&a.max_rules, &b.max_rules],
            ToString::to_string,
        );
        let interval = [&a.commit_interval, &b.commit_interval];
        self.one("mark.commit_interval", interval, |span| {
            TimeSpan(*span).to_string()
        });
        self.one("mark.udp", [&a.udp, &b.udp], ToString::to_string);
        self.one(
            "mark.only_dscp",
            [&a.only_dscp, &b.only_dscp],
            ToString::to_string,
        );
        self.one("mark.exclude", [&a.exclude, &b.exclude], ToString::to_string);
    }

    fn capture(&mut self, before: &Config, now: &Config) {
        let (a, b) = (&before.capture, &now.capture);
        self.one("capture.mode", [&a.mode, &b.mode], mode);
        self.one("capture.analyzer", [&a.analyzers, &b.analyzers], |all| list(all));
        self.one("capture.local", [&a.local, &b.local], |all| list(all));
        self.one("capture.exclude", [&a.exclude, &b.exclude], |all| list(all));
        self.one(
            "capture.per_switch",
            [&a.per_switch, &b.per_switch],
            ToString::to_string,
        );
        self.one("capture.total", [&a.total, &b.total], ToString::to_string);
        self.one("capture.quiet", [&a.quiet, &b.quiet], |span| {
            TimeSpan(*span).to_string()
        });
        self.one("capture.max_age", [&a.max_age, &b.max_age], |span| {
            TimeSpan(*span).to_string()
        });
        self.count(
            ("list", "lists"),
            [&a.blacklists, &b.blacklists],
            |list| list.name.clone(),
            PartialEq::eq,
        );
    }

    fn drop(&mut self, before: &Config, now: &Config) {
        let (a, b) = (&before.drop, &now.drop);
        self.one("drop.mode", [&a.mode, &b.mode], mode);
        self.one("drop.local", [&a.local, &b.local], |all| list(all));
        self.one(
            "drop.threshold",
            [&a.threshold, &b.threshold],
            ToString::to_string,
        );
        self.one("drop.syn_rate", [&a.syn_rate, &b.syn_rate], ToString::to_string);
        self.one("drop.ports", [&a.ports, &b.ports], |all| list(all));
        self.one(
            "drop.max_rules",
            [&a.max_rules, &b.max_rules],
            ToString::to_string,
        );
        self.one("drop.ttl", [&a.ttl.0, &b.ttl.0], |span| {
            TimeSpan(*span).to_string()
        });
        self.one("drop.ttl_max", [&a.ttl.1, &b.ttl.1], |span| {
            TimeSpan(*span).to_string()
        });
        self.one("drop.exclude", [&a.exclude, &b.exclude], |all| list(all));
    }

    fn others(&mut self, before: &Config, now: &Config) {
        let groups = [before, now].map(|config| config.groups.iter().collect::<Vec<_>>());
        let [a, b] = &groups;
        self.count(
            ("group", "groups"),
            [a, b],
            |(name, _)| (*name).clone(),
            PartialEq::eq,
        );
        self.count(
            ("webhook", "webhooks"),
            [&before.webhooks, &now.webhooks],
            |webhook| webhook.name.clone(),
            PartialEq::eq,
        );
        let files = |config: &Config| config.http.tls.as_ref().map(TlsSettings::files);
        if before.http.tls.is_some() && now.http.tls.is_some() && files(before) != files(now) {
            self.made.push("http.tls has other files".to_owned());
        }
        if before.http.tokens_file != now.http.tokens_file {
            self.made.push("http.tokens_file is another file".to_owned());
        }
        let (a, b) = (&before.http, &now.http);
        self.count(
            ("token", "tokens"),
            [&a.token, &b.token],
            |token| token.name.to_string(),
            PartialEq::eq,
        );
        self.count(
            ("client certificate", "client certificates"),
            [&a.certificate, &b.certificate],
            |certificate| certificate.subject.clone(),
            PartialEq::eq,
        );
    }

    /// Keeps what only a restart changes.
    fn keep(&mut self, before: &Config, now: &mut Config) {
        let restart = &mut self.restart;
        let mut kept = |key, other: bool| restart.extend(other.then_some(key));
        kept("id", before.id != now.id);
        kept("state_dir", before.state_dir != now.state_dir);
        kept("history", before.history != now.history);
        let (a, b) = (&before.sflow, &now.sflow);
        kept("sflow.threads", a.threads != b.threads);
        kept("sflow.receive_buffer", a.receive_buffer != b.receive_buffer);
        kept("sflow.agents", a.agents != b.agents);
        kept("sflow.max_agents", a.max_agents != b.max_agents);
        let (a, b) = (&before.http, &now.http);
        kept("http.listen", a.listen != b.listen);
        kept("http.socket", a.socket != b.socket);
        kept("http.no_auth", a.no_auth != b.no_auth);
        kept("http.insecure_http", a.insecure_http != b.insecure_http);
        kept("http.limits", a.limits != b.limits);
        let (a, b) = (&a.tls, &b.tls);
        kept("http.tls", a.is_some() != b.is_some());
        let listen = |tls: &Option<TlsSettings>| tls.as_ref().map(|tls| tls.listen);
        kept(
            "http.tls.listen",
            a.is_some() && b.is_some() && listen(a) != listen(b),
        );
        now.id.clone_from(&before.id);
        now.state_dir.clone_from(&before.state_dir);
        now.history = before.history;
        now.sflow.clone_from(&before.sflow);
        let fresh = std::mem::replace(&mut now.http, before.http.clone());
        let fresh_certificates = fresh.certificate;
        let http = &mut now.http;
        http.token = fresh.token;
        http.tokens_file = fresh.tokens_file;
        if let (Some(tls), Some(fresh)) = (&mut http.tls, fresh.tls) {
            let listen = tls.listen;
            *tls = fresh;
            tls.listen = listen;
            // Without TLS there are none that could be shown.
            http.certificate = fresh_certificates;
        }
    }
}

/// As the file has it.
fn threshold(threshold: &Threshold) -> String {
    match threshold {
        Threshold::Share(share) => share.to_string(),
        Threshold::Rate(rate) => rate.to_string(),
    }
}

fn mode(mode: &Mode) -> String {
    word(mode)
}

fn word(word: &impl fmt::Debug) -> String {
    format!("{word:?}").to_lowercase()
}

fn off(number: &Option<impl fmt::Display>) -> String {
    number
        .as_ref()
        .map_or_else(|| "off".to_owned(), ToString::to_string)
}

fn list(all: &[impl fmt::Display]) -> String {
    let all: Vec<_> = all.iter().map(ToString::to_string).collect();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn parse(text: &str) -> Config {
        Config::parse(Path::new("t"), text).unwrap()
    }

    fn changes(before: &str, now: &str) -> String {
        Update::new(&parse(before), parse(now)).changes.to_string()
    }

    const SWITCH: &str = "[[switch]]\nagent = \"10.0.0.1\"\nacl = \"http://a\"\n";

    #[test]
    fn what_has_changed_is_said_in_a_sentence() {
        let second = SWITCH
            .replace("10.0.0.1", "10.0.0.2")
            .replace("http://a", "http://b");
        let hook = |url| {
            format!(
                "[[webhook]]\nname = \"ops\"\nurl = \"http://{url}/\"\nformat = \"json\"\nevents = [\"threshold\"]\n"
            )
        };
        let token = |name: &str, digit: char| {
            let hash = String::from(digit).repeat(64);
            format!("[[http.token]]\nname = \"{name}\"\nsha256 = \"{hash}\"\nscopes = [\"read\"]\n")
        };
        let capture = "[capture]\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n";
        let list = "[[capture.blacklist]]\nname = \"a\"\nfile = \"/a\"\n";
        for (before, now, expected) in [
            ("", "", "no setting has changed"),
            (SWITCH, SWITCH, "no setting has changed"),
            ("", &format!("{SWITCH}{second}"), "2 switches added"),
            (SWITCH, &second, "1 switch added, 1 switch gone"),
            (
                SWITCH,
                &format!("{SWITCH}platform = \"linux\"\n"),
                "1 switch changed",
            ),
            (
                "",
                "[mark]\nmode = \"act\"\nthreshold = \"5%\"\nprofile = \"fast\"\ndscp = \"off\"\n",
                "mark.mode observe → act, mark.threshold 10% → 5%, mark.profile balanced → fast, mark.dscp 10 → off",
            ),
            (
                "[mark]\nexclude = [\"10.0.0.0/8\", \"port:22\"]\n",
                "[mark]\nhold = \"20s\"\nmax_rules = 9\n",
                "mark.hold 10s → 20s, mark.max_rules 64 → 9, mark.exclude 10.0.0.0/8, port:22 → nothing",
            ),
            (&format!("{capture}{list}"), capture, "1 list gone"),
            (
                &format!("{capture}{list}"),
                &format!("{capture}total = 9\n{}", list.replace("/a", "/b")),
                "capture.total 20 → 9, 1 list changed",
            ),
            (
                "[group.a]\nb = [\"10.0.0.0/8\"]\n",
                "[group.a]\nb = []\n[group.c]\n",
                "1 group added, 1 group changed",
            ),
            ("[drop]\nsyn_rate = 9\n", "", "drop.syn_rate 9 → 50000"),
            (
                &format!("{}{}", token("a", 'c'), token("b", 'c')),
                &format!("{}{}", token("a", 'd'), token("c", 'c')),
                "1 token added, 1 token gone, 1 token changed",
            ),
            (&hook("s3cret"), &hook("other"), "1 webhook changed"),
        ] {
            let said = changes(before, now);
            assert!(!said.contains("s3cret"));
            assert_eq!(said, expected, "{before} {now}");
        }
        let many = (0..40).map(|n| format!("\"10.0.{n}.0/24\"")).collect::<Vec<_>>();
        let said = changes("", &format!("[mark]\nexclude = [{}]\n", many.join(", ")));
        assert!(said.ends_with('…') && said.chars().count() < 100, "{said}");
    }

    #[test]
    fn what_needs_a_restart_stays_and_all_else_counts() {
        let before = parse("[http]\nlisten = \"127.0.0.1:1\"\n");
        let text = "id = \"x\"\nstate_dir = \"/s\"\n[sflow]\nthreads = 3\nmax_agents = 7\nagents = []\nreceive_buffer = 65536\n\
                    [http]\nlisten = \"127.0.0.1:2\"\nsocket = \"/x\"\nno_auth = true\ninsecure_http = true\n\
                    tokens_file = \"/t\"\n[http.limits]\nmax_connections = 9\n\
                    [http.tls]\ncertificate = \"/c\"\nkey = \"/k\"\n[mark]\nudp = true\n";
        let Update { config, changes } = Update::new(&before, parse(text));
        assert_eq!(
            changes.to_string(),
            "mark.udp false → true, http.tokens_file is another file; needs a restart: id, state_dir, sflow.threads, \
             sflow.receive_buffer, sflow.agents, sflow.max_agents, http.listen, http.socket, http.no_auth, \
             http.insecure_http, http.limits, http.tls"
        );
        assert_eq!(
            (config.id.as_str(), config.sflow, config.http.listen.port()),
            ("fm", before.sflow.clone(), 1)
        );
        assert!(config.mark.udp && config.http.tls.is_none() && config.http.tokens_file.is_some());
        assert!(before.state_dir.is_none() && config.state_dir.is_none());
        // It is said again as long as it is so.
        let again = Update::new(
            &parse("[http]\nlisten = \"127.0.0.1:1\"\n"),
            parse("[http]\nlisten = \"127.0.0.1:2\"\n"),
        );
        assert_eq!(
            again.changes.to_string(),
            "no setting has changed; needs a restart: http.listen"
        );
        assert_eq!(again.config.http.listen.port(), 1);
    }

    #[test]
    fn what_the_command_line_says_is_no_change() {
        let flags = super::super::Flags {
            listen: Some("127.0.0.1:9".parse().unwrap()),
            ..Default::default()
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "[mark]\nudp = true\n").unwrap();
        let config = Config::load(file.path()).unwrap().under(flags);
        let fresh = config.reread().unwrap();
        assert_eq!(fresh.http.listen.port(), 9);
        assert_eq!(Update::new(&config, fresh).changes, Changes::default());
        std::fs::write(file.path(), " \n").unwrap();
        let error = config.reread().unwrap_err().to_string();
        assert!(error.contains(":1:1: the file is empty"), "{error}");
    }
}
