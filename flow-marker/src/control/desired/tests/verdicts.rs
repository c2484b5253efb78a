//! What the switch says, and what it does not say.

use super::*;

#[test]
fn a_removal_that_is_refused_does_not_concern_a_flow_that_came_back() {
    let refusal = Verdict::Refused {
        why: "busy".to_owned(),
    };
    // It comes back before the refusal, or after it.
    for before in [true, false] {
        let mut desired = with_one_installed();
        desired.release(at(3), &name(1), PORT, at(2), Ending::Silence);
        let removal = desired.plan(at(20));
        desired.begin(at(20), &removal);
        if before {
            desired.want(wish(1, 100));
        }
        desired.take_decided();
        let noted = desired.verdict(at(21), &removal.changes[0], refusal.clone());
        assert_eq!(noted, Noted::Refused);
        assert_eq!(decided(&mut desired).contains(&"refused"), !before);
        desired.want(wish(1, 100));
        let view = desired.views().next().unwrap();
        assert_eq!((view.state, view.error), (State::Installed, None));
        assert_eq!(desired.plan(at(21)), Plan::default());
        // The switch loses it: nothing keeps it from being installed again.
        desired.snapshot(at(22), vec![]);
        assert_eq!(plan(&desired, 22), ["+1"]);
    }
}

#[test]
fn an_installation_that_is_refused_does_not_delay_a_removal() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    carry_out(&mut desired, 1, &failed());
    let installation = desired.plan(at(2));
    desired.begin(at(2), &installation);
    desired.release(at(3), &name(1), PORT, at(2), Ending::Silence);
    let refusal = Verdict::Refused {
        why: "422".to_owned(),
    };
    desired.verdict(at(4), &installation.changes[0], refusal);
    let later = desired.plan(at(4));
    assert_eq!(
        (later.changes, later.wake),
        (vec![], Some(at(11))),
        "it may be there since the first try"
    );
    assert_eq!(plan(&desired, 11), ["-1"]);
}

#[test]
fn the_work_of_a_hand_is_replaced_once_it_is_known() {
    let mut desired = with_one_installed();
    desired.snapshot(at(5), vec![present(1, "\"b\"")]);
    let hand = Hand::Changed("\"b\"".to_owned());
    assert_eq!(
        carry_out(&mut desired, 5, &Verdict::ByHand(hand.clone())),
        [Noted::ByHand]
    );
    let change = &desired.plan(at(6)).changes[0];
    assert_eq!((change.is_install(), &change.hand), (true, &Some(hand)));
    carry_out(&mut desired, 6, &installed("\"a\""));
    assert_eq!(states(&desired), [State::Installed]);
    // The same for what nobody wants.
    desired.snapshot(at(7), vec![present(1, "\"a\""), present(9, "\"x\"")]);
    assert_eq!(plan(&desired, 60), ["-9"]);
    assert_eq!(
        carry_out(&mut desired, 60, &Verdict::ByHand(Hand::Removed)),
        [Noted::ByHand]
    );
    assert_eq!(desired.plan(at(60)).changes[0].hand, Some(Hand::Removed));
}

#[test]
fn a_set_contradicts_only_what_was_believed_all_the_time() {
    use shared::wire::set_etag;
    let mut desired = with_one_installed();
    assert_eq!(desired.belief(), None, "the switch was never asked");
    desired.snapshot(at(1), vec![present(1, "\"a\""), present(9, "\"x\"")]);
    let set = [(1, "\"a\""), (9, "\"x\"")].map(|(n, etag)| (name(n), etag.to_owned()));
    let right = set_etag(set.iter().map(|(name, etag)| (name, etag.clone())));
    let belief = desired.belief();
    assert!(belief.is_some() && !desired.contradicts(belief.as_ref(), &right));
    assert!(desired.contradicts(belief.as_ref(), "\"other\""));
    desired.want(wish(2, 100));
    assert_eq!(desired.belief(), belief, "to be installed is not yet there");
    let installation = desired.plan(at(2));
    desired.begin(at(2), &installation);
    assert_eq!(desired.belief(), None);
    assert!(
        !desired.contradicts(belief.as_ref(), "\"other\""),
        "it may be there by now"
    );
    desired.verdict(at(2), &installation.changes[0], installed("\"b\""));
    assert_ne!(desired.belief(), belief);
}

#[test]
fn a_refusal_is_shown_and_tried_again_after_a_minute() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    let refusal = Verdict::Refused {
        why: "422 refused: line 3".to_owned(),
    };
    assert_eq!(carry_out(&mut desired, 1, &refusal), [Noted::Refused]);
    let decided_so_far = desired.take_decided();
    let last = decided_so_far.last().unwrap();
    assert_eq!(
        (last.what, last.why.as_deref()),
        (What::Refused, Some("422 refused: line 3"))
    );
    assert_eq!(states(&desired), [State::Refused]);
    let later = desired.plan(at(2));
    assert_eq!((later.changes, later.wake), (vec![], Some(at(61))));
    assert_eq!(carry_out(&mut desired, 61, &refusal), [Noted::Refused]);
    assert_eq!(decided(&mut desired), [""; 0], "said once");
    // It takes no place, and when its flow ends there is nothing to remove.
    desired.release(at(62), &name(1), PORT, at(61), Ending::Silence);
    assert!(desired.is_clean());
    assert_eq!(finished(&mut desired).len(), 1);
}

#[test]
fn a_lost_reply_is_made_sure_of() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    assert_eq!(carry_out(&mut desired, 1, &failed()), [Noted::Failed]);
    assert_eq!(states(&desired), [State::Failed]);
    // It was carried out after all; with what content, nobody knows.
    desired.snapshot(at(2), vec![present(1, "\"a\"")]);
    assert_eq!(plan(&desired, 2), ["+1"]);
    carry_out(&mut desired, 2, &installed("\"a\""));
    desired.snapshot(at(3), vec![present(1, "\"a\"")]);
    assert_eq!(desired.plan(at(3)), Plan::default());
}

#[test]
fn a_switch_that_lost_or_changed_the_mark_gets_it_again() {
    let mut desired = with_one_installed();
    desired.snapshot(at(5), vec![]);
    assert_eq!(plan(&desired, 5), ["+1"]);
    carry_out(&mut desired, 5, &installed("\"a\""));
    desired.snapshot(at(10), vec![present(1, "\"changed by hand\"")]);
    assert_eq!(plan(&desired, 10), ["+1"]);
    assert_eq!(
        carry_out(&mut desired, 10, &installed("\"a\"")),
        [Noted::Confirmed]
    );
}

#[test]
fn a_server_without_etags_is_believed_until_it_shows_one() {
    let mut desired = Desired::new(limits(), act());
    desired.want(wish(1, 100));
    carry_out(
        &mut desired,
        1,
        &Verdict::Installed {
            etag: None,
            timing: ServerTiming::default(),
        },
    );
    desired.snapshot(at(5), vec![present(1, "\"a\"")]);
    assert_eq!(desired.plan(at(5)), Plan::default());
    desired.snapshot(at(10), vec![present(1, "\"b\"")]);
    assert_eq!(plan(&desired, 10), ["+1"]);
}
