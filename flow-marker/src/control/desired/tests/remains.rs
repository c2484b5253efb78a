//! What a life before has left behind.

use super::*;

#[test]
fn what_we_left_behind_has_time_to_be_wanted_again() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(at(1), vec![present(1, "\"a\""), present(2, "\"b\"")]);
    assert_eq!(desired.orphans(), 2);
    assert_eq!(desired.plan(at(1)).wake, Some(at(46)));
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 2), ["+1"], "a PUT that changes nothing makes sure");
    carry_out(&mut desired, 2, &installed("\"a\""));
    desired.snapshot(at(6), vec![present(1, "\"a\""), present(2, "\"b\"")]);
    assert_eq!(
        plan(&desired, 46),
        ["-2"],
        "the grace is counted from the first sight"
    );
    assert_eq!(
        carry_out(&mut desired, 46, &installed("")),
        [Noted::OrphanRemoved]
    );
    assert_eq!(desired.orphans(), 0);
}

#[test]
fn what_we_left_behind_is_there_until_counters_have_told_the_speeds() {
    let mut desired = Desired::new(limits(), act());
    desired.snapshot(at(0), vec![present(1, "\"a\"")]);
    // Counters every 30 s, and 6.5 s to detect a flow just at the threshold.
    for second in 0..=37 {
        assert_eq!(plan(&desired, second), [] as [&str; 0], "at {second} s");
    }
    desired.want(wish(1, 100));
    assert_eq!(plan(&desired, 37), ["+1"]);
}
