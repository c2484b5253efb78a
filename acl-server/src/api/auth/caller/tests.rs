//! What each kind of caller may.

use super::*;
use crate::config::access::Scope;

fn peer() -> Peer {
    Peer {
        address: "192.0.2.7:50123".parse().ok(),
        ..Peer::default()
    }
}

fn anonymous(peer: &Peer) -> Caller {
    Caller::new(Identity::anonymous(peer), peer)
}

fn root(peer: &Peer) -> Caller {
    Caller::new(Identity::Root, peer)
}

fn with_token(may: Arc<Scopes>) -> Caller {
    let name = "t".into();
    Caller::new(Identity::Token { name, may }, &peer())
}

fn with_certificate(may: Arc<Scopes>) -> Caller {
    let subject = "CN=x".into();
    Caller::new(Identity::Certificate { subject, may }, &peer())
}

fn token(scopes: &[Scope], prefixes: &[&str], actions: &[Action]) -> Caller {
    let prefixes: Vec<String> = prefixes.iter().map(|&prefix| prefix.to_owned()).collect();
    let prefixes = (!prefixes.is_empty()).then_some(prefixes);
    let actions = (!actions.is_empty()).then_some(actions);
    let may = Arc::new(Scopes::new(scopes, prefixes, actions).unwrap());
    with_token(may.clone())
}

fn set(actions: &[Action]) -> Actions {
    actions.iter().copied().collect()
}

/// The answers to: read, write, touch `fm_1`, touch `x`, clear `fm_`, clear `fm`, clear all, drop, admin.
fn answers(caller: &Caller) -> [bool; 9] {
    let name = |text: &str| text.parse::<AclName>().unwrap();
    [
        caller.may_read().is_ok(),
        caller.may_write().is_ok(),
        caller.may_touch(&name("fm_1")).is_ok(),
        caller.may_touch(&name("x")).is_ok(),
        caller.may_clear(Some("fm_")).is_ok(),
        caller.may_clear(Some("fm")).is_ok(),
        caller.may_clear(None).is_ok(),
        caller.may_act(set(&[Action::Drop, Action::Mark])).is_ok(),
        caller.is_admin(),
    ]
}

#[test]
fn the_table() {
    use Scope::{Admin, Read, Write};
    let (y, n) = (true, false);
    let marks = [Action::Mark, Action::Capture];
    for (caller, expected) in [
        (anonymous(&peer()), [y, y, y, y, y, y, y, y, n]),
        (root(&peer()), [y, y, y, y, y, y, y, y, y]),
        (token(&[Admin], &[], &[]), [y, y, y, y, y, y, y, y, y]),
        (token(&[Read], &[], &[]), [y, n, n, n, n, n, n, n, n]),
        (token(&[Write], &[], &[]), [n, y, y, y, y, y, n, y, n]),
        (token(&[Read, Write], &[], &[]), [y, y, y, y, y, y, n, y, n]),
        (token(&[Read, Write], &["fm_"], &[]), [y, y, y, n, y, n, n, y, n]),
        (
            token(&[Read, Write], &["a", "fm"], &[]),
            [y, y, y, n, y, y, n, y, n],
        ),
        (token(&[Write], &[], &marks), [n, y, y, y, y, y, n, n, n]),
        (token(&[Write], &["fm_"], &marks), [n, y, y, n, y, n, n, n, n]),
    ] {
        assert_eq!(answers(&caller), expected, "{caller:?}");
    }
    assert!(
        token(&[Read, Write], &["fm_"], &[]).may_clear(Some("")).is_err(),
        "empty is all"
    );
    let may = Arc::new(Scopes::new(&[Read], None, None).unwrap());
    let certificate = with_certificate(may.clone());
    assert_eq!(answers(&certificate), [y, n, n, n, n, n, n, n, n]);
}

#[test]
fn every_action_has_to_be_the_callers() {
    let caller = token(&[Scope::Write], &[], &[Action::Mark, Action::Capture]);
    for allowed in [&[][..], &[Action::Mark], &[Action::Capture, Action::Mark]] {
        caller.may_act(set(allowed)).unwrap();
    }
    let denied = caller.may_act(set(&[Action::Mark, Action::Drop, Action::Permit]));
    let text = denied.unwrap_err().to_string();
    assert!(
        text.contains("drop or permit") && text.contains("mark or capture"),
        "{text}"
    );
}

#[test]
fn a_denial_says_who_and_what_instead() {
    let caller = token(&[Scope::Write], &["fm_"], &[]);
    for (denied, words) in [
        (caller.may_read(), ["token:t", "`read`"]),
        (caller.may_touch(&"x".parse().unwrap()), ["`x`", "start with fm_"]),
        (caller.may_clear(Some("f")), ["`f`", "start with fm_"]),
        (caller.may_clear(None), ["?prefix=", "start with fm_"]),
    ] {
        let text = denied.unwrap_err().to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
    }
}

#[test]
fn who_is_the_same_caller() {
    let unix = |uid| Peer {
        unix: Some(shared::serve::peer::UnixPeer {
            uid,
            gid: 1,
            pid: Some(77),
        }),
        ..Peer::default()
    };
    let may = Arc::new(Scopes::default());
    for (caller, id, from) in [
        (anonymous(&peer()), "192.0.2.7", "192.0.2.7:50123"),
        (anonymous(&unix(1000)), "uid:1000", "unix:pid=77,uid=1000"),
        (anonymous(&Peer::default()), "anonymous", "unknown"),
        (root(&unix(0)), "uid:0", "unix:pid=77,uid=0"),
        (with_token(may.clone()), "token:t", "192.0.2.7:50123"),
        (with_certificate(may.clone()), "cert:CN=x", "192.0.2.7:50123"),
    ] {
        assert_eq!((caller.id().as_str(), caller.from()), (id, from));
    }
}
