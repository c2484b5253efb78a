//! When to fetch which list, and the last good version of each: pure.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use shared::backoff::Backoff;
use siphasher::sip128::SipHasher13;

use super::source::{Fetched, Validators};
use super::text::{self, Entries, MAX_ENTRIES};
use super::watch::{List, Watch};
use crate::clock::Time;
use crate::config::{Blacklist, Origin};

/// Waits between tries at a list that cannot be fetched; never longer than its refresh.
const RETRY: Duration = Duration::from_secs(30);

/// All lists.
#[derive(Debug)]
pub struct Lists {
    lists: Vec<Kept>,
}

/// One list and what is known of it.
#[derive(Debug)]
struct Kept {
    config: Blacklist,
    list: List,
    validators: Validators,
    due: Time,
    backoff: Backoff,
    status: Status,
}

/// What is known of a list, for people.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// When this version came; `None`: none has come yet.
    pub loaded: Option<Time>,
    /// When it was last known to be the newest.
    pub confirmed: Option<Time>,
    /// Lines that are no addresses.
    pub faults: usize,
    /// Why there is no newer one.
    pub error: Option<String>,
    /// It is from before this start, and nobody has said since that there is none newer.
    pub recalled: bool,
}

impl Kept {
    /// A list of which nothing has come yet, due.
    fn new(config: &Blacklist, seed: u64) -> Self {
        Self {
            list: List {
                name: config.name.as_str().into(),
                prefixes: Arc::default(),
            },
            validators: Validators::default(),
            due: Time::START,
            backoff: Backoff::new(RETRY.min(config.refresh), config.refresh, seed),
            status: Status::default(),
            config: config.clone(),
        }
    }

    /// What the file of its last good version is called after: not its address, which may hold a key.
    fn key(&self) -> String {
        let origin = match &self.config.origin {
            Origin::Url(url) => url.as_str().as_bytes(),
            Origin::File(path) => path.as_os_str().as_encoded_bytes(),
        };
        let hash = SipHasher13::new_with_keys(0, 0).hash(origin).as_u128();
        format!("{hash:032x}")
    }
}

/// What is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The number of the list.
    pub list: usize,
    /// Where it is.
    pub origin: Origin,
    /// What we have of it.
    pub validators: Validators,
}

/// What came of a fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// There is a newer list: make a new watch.
    New,
    /// There is none.
    Same,
    /// Nobody knows; the last good one stays.
    Failed,
}

impl Lists {
    /// Lists of which nothing has come yet; all are due.
    pub fn new(lists: &[Blacklist], seed: u64) -> Self {
        Self {
            lists: lists.iter().map(|config| Kept::new(config, seed)).collect(),
        }
    }

    /// Makes the lists those of another configuration, and all of them due. One that comes from elsewhere now stays as it was
    /// until it has come from there. Numbers of lists may mean others from now on.
    pub fn follow(&mut self, now: Time, lists: &[Blacklist], seed: u64) {
        let mut before = std::mem::take(&mut self.lists);
        for config in lists {
            let known = before.iter().position(|kept| kept.config.name == config.name);
            let mut kept = known.map_or_else(|| Kept::new(config, seed), |known| before.swap_remove(known));
            if kept.config.origin != config.origin {
                kept.validators = Validators::default();
            }
            if kept.config != *config {
                kept.backoff = Backoff::new(RETRY.min(config.refresh), config.refresh, seed);
                kept.config.clone_from(config);
            }
            kept.due = now;
            self.lists.push(kept);
        }
    }

    /// What is to be fetched now, if anything: what has been due for the longest, so that lists whose servers take all the
    /// time there is do not keep the others waiting for ever.
    pub fn due(&self, now: Time) -> Option<Request> {
        let due = self.lists.iter().enumerate().filter(|(_, kept)| kept.due <= now);
        let (list, kept) = due.min_by_key(|(_, kept)| kept.due)?;
        Some(Request {
            list,
            origin: kept.config.origin.clone(),
            validators: kept.validators.clone(),
        })
    }

    /// When something will be due.
    pub fn next_due(&self) -> Option<Time> {
        self.lists.iter().map(|kept| kept.due).min()
    }

    /// What came of a request.
    pub fn fetched(&mut self, now: Time, list: usize, fetched: Result<Fetched, String>) -> Outcome {
        let others: usize = self.lists.iter().map(|kept| kept.list.prefixes.len()).sum();
        let Some(kept) = self.lists.get_mut(list) else {
            return Outcome::Failed;
        };
        let others = others.saturating_sub(kept.list.prefixes.len());
        let outcome = match fetched {
            Ok(Fetched::Same) => Ok(Outcome::Same),
            Ok(Fetched::New { body, validators }) => match text::read(&body) {
                Ok(entries) if others.saturating_add(entries.prefixes.len()) > MAX_ENTRIES => {
                    Err(format!("more than {MAX_ENTRIES} addresses in all lists together"))
                }
                Ok(entries) => {
                    kept.validators = validators;
                    kept.status.faults = entries.faults;
                    kept.status.loaded = Some(now);
                    kept.list.prefixes = entries.prefixes.into();
                    Ok(Outcome::New)
                }
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error),
        };
        match outcome {
            Ok(outcome) => {
                kept.backoff.reset();
                kept.due = now + kept.config.refresh;
                kept.status.confirmed = Some(now);
                kept.status.error = None;
                kept.status.recalled = false;
                outcome
            }
            Err(error) => {
                kept.due = now + kept.backoff.next_delay();
                kept.status.error = Some(error);
                Outcome::Failed
            }
        }
    }

    /// The lists that have come, by a key that does not tell where they come from.
    pub fn kept(&self) -> impl Iterator<Item = (String, Arc<[IpNet]>)> {
        let come = self.lists.iter().filter(|kept| !kept.list.prefixes.is_empty());
        come.map(|kept| (kept.key(), Arc::clone(&kept.list.prefixes)))
    }

    /// Takes up for each list what `find` has for its key: its last good version, from before this start. They are all
    /// fetched anew. How many entries that are.
    pub fn recall(&mut self, now: Time, find: impl Fn(&str) -> Option<Entries>) -> usize {
        let mut all = 0_usize;
        for kept in &mut self.lists {
            let Some(entries) = find(&kept.key()) else {
                continue;
            };
            if all.saturating_add(entries.prefixes.len()) > MAX_ENTRIES {
                continue;
            }
            all = all.saturating_add(entries.prefixes.len());
            kept.status.recalled = true;
            kept.status.faults = entries.faults;
            kept.list.prefixes = entries.prefixes.into();
            kept.due = now;
        }
        all
    }

    /// All lists as they stand.
    pub fn watch(&self, local: &[IpNet], exempt: &[IpNet]) -> Watch {
        let lists: Vec<_> = self.lists.iter().map(|kept| kept.list.clone()).collect();
        Watch::new(&lists, local, exempt)
    }

    /// Names, entries and what is known of each list.
    pub fn status(&self) -> impl Iterator<Item = (&Arc<str>, usize, &Status)> {
        self.lists
            .iter()
            .map(|kept| (&kept.list.name, kept.list.prefixes.len(), &kept.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::START + Duration::from_secs(seconds)
    }

    fn lists() -> Lists {
        let list = |name: &str| Blacklist {
            name: name.to_owned(),
            origin: Origin::File(name.into()),
            refresh: Duration::from_secs(3600),
        };
        Lists::new(&[list("a"), list("b")], 1)
    }

    fn new(body: &str, etag: &str) -> Result<Fetched, String> {
        Ok(Fetched::New {
            body: body.into(),
            validators: Validators {
                etag: Some(etag.to_owned()),
                last_modified: None,
            },
        })
    }

    #[test]
    fn a_list_that_always_takes_long_does_not_keep_another_waiting() {
        let mut lists = lists();
        let slow = || Err("no whole answer within a minute".to_owned());
        assert_eq!(lists.fetched(at(60), 0, slow()), Outcome::Failed);
        // By now the first is due again.
        assert_eq!(lists.due(at(3600)).map(|request| request.list), Some(1));
        assert_eq!(lists.fetched(at(3600), 1, slow()), Outcome::Failed);
        assert_eq!(lists.due(at(7200)).map(|request| request.list), Some(0));
    }

    #[test]
    fn lists_come_go_and_move_and_none_is_without_its_last_good_version() {
        let mut lists = lists();
        lists.fetched(at(1), 0, new("192.0.2.1\n", "1"));
        lists.fetched(at(1), 1, new("192.0.2.2\n", "2"));
        let list = |name: &str, file: &str| Blacklist {
            name: name.to_owned(),
            origin: Origin::File(file.into()),
            refresh: Duration::from_secs(3600),
        };
        lists.follow(at(2), &[list("new", "new"), list("b", "elsewhere")], 1);
        let names = |lists: &Lists| {
            let all = lists.status();
            all.map(|(name, entries, _)| (name.to_string(), entries))
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&lists), [("new".to_owned(), 0), ("b".to_owned(), 1)]);
        assert_eq!(lists.due(at(2)).unwrap().origin, Origin::File("new".into()));
        lists.fetched(at(2), 0, new("192.0.2.3\n", "3"));
        let moved = lists.due(at(2)).unwrap();
        assert_eq!((moved.list, moved.origin), (1, Origin::File("elsewhere".into())));
        assert_eq!(
            moved.validators.etag, None,
            "what another place said is none of its"
        );
        lists.fetched(at(2), 1, Ok(Fetched::Same));
        // The same again: looked for at once, and nothing is forgotten.
        lists.follow(at(3), &[list("new", "new"), list("b", "elsewhere")], 1);
        let again = lists.due(at(3)).unwrap();
        assert_eq!((again.list, again.validators.etag.as_deref()), (0, Some("3")));
        assert_eq!(names(&lists), [("new".to_owned(), 1), ("b".to_owned(), 1)]);
        lists.follow(at(4), &[], 1);
        assert_eq!((lists.next_due(), lists.status().count()), (None, 0));
    }

    #[test]
    fn the_last_good_version_stays_whatever_comes() {
        let mut lists = lists();
        let hits = |lists: &Lists| {
            let local = ["10.0.0.0/8".parse().unwrap()];
            let watch = lists.watch(&local, &[]);
            watch.hit([10, 0, 0, 1].into(), [192, 0, 2, 1].into()).is_some()
        };
        assert_eq!(lists.due(at(0)).map(|r| r.list), Some(0));
        assert_eq!(lists.fetched(at(1), 0, new("192.0.2.1\n", "1")), Outcome::New);
        assert_eq!(lists.due(at(1)).map(|r| r.list), Some(1), "each by itself");
        assert_eq!(lists.fetched(at(1), 1, Ok(Fetched::Same)), Outcome::Same);
        assert_eq!((lists.due(at(2)), lists.next_due()), (None, Some(at(3601))));
        let request = lists.due(at(3601)).unwrap();
        assert_eq!(request.validators.etag.as_deref(), Some("1"));
        for bad in [
            Err("connection refused".to_owned()),
            new("<html>down</html>", "2"),
            new("", "3"),
            new(&"1.1.1.1\n".repeat(MAX_ENTRIES + 1), "4"),
        ] {
            assert_eq!(lists.fetched(at(3601), 0, bad), Outcome::Failed);
            assert!(hits(&lists));
            let (_, entries, status) = lists.status().next().unwrap();
            assert_eq!(
                (entries, status.loaded, status.confirmed),
                (1, Some(at(1)), Some(at(1)))
            );
            assert!(status.error.is_some());
        }
        assert_eq!(lists.fetched(at(3601), 1, Ok(Fetched::Same)), Outcome::Same);
        // It is tried again sooner than it would have been, with what was good.
        assert!(lists.next_due().unwrap() < at(3601 + 600));
        assert_eq!(lists.due(at(9000)).unwrap().validators.etag.as_deref(), Some("1"));
        assert_eq!(lists.fetched(at(9000), 0, Ok(Fetched::Same)), Outcome::Same);
        assert_eq!(lists.status().next().unwrap().2.error, None);
        assert_eq!(lists.fetched(at(9001), 0, new("192.0.2.2\n", "5")), Outcome::New);
        assert!(!hits(&lists));
    }
}
