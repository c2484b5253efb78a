use std::collections::BTreeMap;
use std::time::Instant;

/// The ACLs, by name: the content of each file.
pub(crate) type Acls = BTreeMap<String, String>;

/// What a client heard of its change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A 2xx: it is there.
    Done(u16),
    /// Another status: it is not.
    Refused(u16),
    /// Nothing: it is there as a whole or not at all.
    Nothing,
    /// It never reached the daemon.
    NotSent,
}

/// One change, as its client saw it.
#[derive(Debug)]
pub(crate) struct Change {
    /// What it makes of each ACL; `None` removes it.
    pub(crate) wishes: Vec<(String, Option<String>)>,
    pub(crate) begun: Instant,
    pub(crate) answered: Instant,
    pub(crate) heard: Heard,
}

impl Change {
    const fn may_be_there(&self) -> bool {
        matches!(self.heard, Heard::Done(_) | Heard::Nothing)
    }

    fn wish(&self, name: &str) -> Option<&Option<String>> {
        let mut wishes = self.wishes.iter();
        wishes.find_map(|(wished, content)| (wished == name).then_some(content))
    }

    /// This one had been answered when the other one began.
    fn is_before(&self, other: &Self) -> bool {
        matches!(self.heard, Heard::Done(_) | Heard::Refused(_)) && self.answered <= other.begun
    }

    /// It made this of the ACL, and nothing that was answered has replaced it since.
    fn can_be_the_last(&self, name: &str, found: Option<&String>, all: &[Self]) -> bool {
        let replaced = |later: &Self| {
            matches!(later.heard, Heard::Done(_)) && later.wish(name).is_some() && self.is_before(later)
        };
        self.may_be_there()
            && self.wish(name).is_some_and(|wish| wish.as_ref() == found)
            && !all.iter().any(replaced)
    }
}

/// Whether `after` can be what is left of `before` and the changes.
pub(crate) fn check(before: &Acls, changes: &[Change], after: &Acls) -> Result<(), String> {
    let wished = changes
        .iter()
        .flat_map(|change| change.wishes.iter().map(|(name, _)| name));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).chain(wished).collect();
    names.sort();
    names.dedup();
    for name in names {
        let found = after.get(name);
        let answered =
            |change: &Change| matches!(change.heard, Heard::Done(_)) && change.wish(name).is_some();
        let untouched = found == before.get(name) && !changes.iter().any(answered);
        let by_a_change = changes
            .iter()
            .any(|change| change.can_be_the_last(name, found, changes));
        if !untouched && !by_a_change {
            let touching: Vec<_> = changes
                .iter()
                .filter(|change| change.wish(name).is_some())
                .collect();
            let was = before.get(name);
            return Err(format!(
                "{name}: found {found:?}, which was {was:?} before {touching:#?}"
            ));
        }
    }
    changes
        .iter()
        .try_for_each(|change| whole(change, changes, after))
}

/// A change of several ACLs is there as a whole, but for what others have replaced.
fn whole(change: &Change, changes: &[Change], after: &Acls) -> Result<(), String> {
    let there = |(name, wish): &&(String, Option<String>)| wish.is_some() && after.get(name) == wish.as_ref();
    if !change.wishes.iter().any(|wish| there(&wish)) {
        return Ok(());
    }
    for (name, wish) in &change.wishes {
        let found = after.get(name);
        let by_another = |other: &Change| {
            other.may_be_there()
                && other.wish(name).is_some_and(|wish| wish.as_ref() == found)
                && !other.is_before(change)
        };
        if found != wish.as_ref() && !changes.iter().any(by_another) {
            return Err(format!(
                "{name}: found {found:?}, while other parts are there of {change:#?}"
            ));
        }
    }
    Ok(())
}

mod tests {
    use std::time::Duration;

    use super::*;

    /// A change that is answered a millisecond after it has begun.
    fn change(start: Instant, ms: u64, wishes: &[(&str, Option<&str>)], heard: Heard) -> Change {
        let wishes = wishes
            .iter()
            .map(|(name, wish)| ((*name).to_owned(), wish.map(str::to_owned)));
        Change {
            wishes: wishes.collect(),
            begun: start + Duration::from_millis(ms),
            answered: start + Duration::from_millis(ms + 1),
            heard,
        }
    }

    fn acls(acls: &[(&str, &str)]) -> Acls {
        let owned = |(name, content): &(&str, &str)| ((*name).to_owned(), (*content).to_owned());
        acls.iter().map(owned).collect()
    }

    const DONE: Heard = Heard::Done(200);
    const REFUSED: Heard = Heard::Refused(422);

    #[test]
    fn what_was_answered_must_be_there_and_what_was_refused_must_not() {
        let start = Instant::now();
        let before = acls(&[("a", "old")]);
        for (heard, found, good) in [
            (DONE, "new", true),
            (DONE, "old", false),
            (REFUSED, "new", false),
            (REFUSED, "old", true),
            (Heard::Nothing, "new", true),
            (Heard::Nothing, "old", true),
            (Heard::Nothing, "ne", false),
            (Heard::NotSent, "new", false),
        ] {
            let changes = [change(start, 0, &[("a", Some("new"))], heard)];
            assert_eq!(
                check(&before, &changes, &acls(&[("a", found)])).is_ok(),
                good,
                "{heard:?} {found}"
            );
        }
        let removed = [change(start, 0, &[("a", None)], DONE)];
        assert!(check(&before, &removed, &Acls::new()).is_ok());
        assert!(check(&before, &removed, &before).is_err());
        assert!(check(&before, &[], &acls(&[("a", "old"), ("b", "stray")])).is_err());
    }

    #[test]
    fn what_was_replaced_does_not_come_back() {
        let start = Instant::now();
        let changes = [
            change(start, 0, &[("a", Some("1"))], DONE),
            change(start, 2, &[("a", Some("2"))], DONE),
            change(start, 2, &[("a", Some("3"))], DONE),
        ];
        let is_good = |found| check(&Acls::new(), &changes, &acls(&[("a", found)])).is_ok();
        assert!(!is_good("1"));
        assert!(
            is_good("2") && is_good("3"),
            "at the same time, either may be last"
        );
    }

    #[test]
    fn a_transaction_is_there_as_a_whole_or_not_at_all() {
        let start = Instant::now();
        let both = [("a", Some("1")), ("b", Some("1")), ("c", None)];
        let before = acls(&[("c", "0")]);
        let mut changes = vec![change(start, 0, &both, Heard::Nothing)];
        assert!(check(&before, &changes, &before).is_ok());
        assert!(check(&before, &changes, &acls(&[("a", "1"), ("b", "1")])).is_ok());
        assert!(check(&before, &changes, &acls(&[("a", "1"), ("c", "0")])).is_err());
        changes.push(change(start, 0, &[("b", Some("2"))], DONE));
        assert!(check(&before, &changes, &acls(&[("a", "1"), ("b", "2")])).is_ok());
        assert!(check(&before, &changes, &acls(&[("a", "1"), ("b", "2"), ("c", "0")])).is_err());
    }
}
