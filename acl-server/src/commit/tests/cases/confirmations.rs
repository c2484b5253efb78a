//! Changes that wait for their confirmation, and what comes back without it.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_change_that_nobody_confirms_is_taken_back() {
    let world = world().await;
    assert_eq!(verdict(&world, put("a", &rule(1))).await, done(Effect::Created));
    let patch = edit(vec![("a", None), ("b", Some(wish(&rule(2), None)))]);
    let (id, first) = submit_id(&world, with_confirm(patch, 30)).await;
    assert_eq!(
        first,
        Verdict::Done {
            effects: vec![Effect::Removed, Effect::Created],
            unconfirmed: true
        }
    );
    for action in [
        put("a", &rule(3)),
        delete("b"),
        Action::Clear {
            prefix: String::new(),
        },
    ] {
        assert!(matches!(verdict(&world, action).await, Verdict::Locked { by, .. } if by == id));
    }
    // What may come back is nobody else's meanwhile.
    assert!(matches!(
        verdict(&world, put("c", &rule(1))).await,
        Verdict::Duplicate { .. }
    ));
    sleep(Duration::from_secs(31)).await;
    assert_eq!(
        world.files().keys().collect::<Vec<_>>(),
        ["00control.rules", "50rest-a.rules"]
    );
    assert_eq!(world.tool.installed(), Some(world.files()));
    assert_eq!(world.committer().commit(id).unwrap().state, CommitState::Reverted);
    assert_eq!(world.committer().confirm(id).unwrap(), Confirmation::Unknown);
    assert_eq!(verdict(&world, put("a", &rule(3))).await, done(Effect::Replaced));
}

#[tokio::test(start_paused = true)]
async fn a_change_that_is_confirmed_stays() {
    let mut world = world().await;
    let (id, _) = submit_id(&world, with_confirm(put("a", &rule(1)), 30)).await;
    assert_eq!(world.committer().confirm(id).unwrap(), Confirmation::Confirmed);
    assert_eq!(world.committer().confirm(id).unwrap(), Confirmation::Unknown);
    assert_eq!(
        world.committer().commit(id).unwrap().state,
        CommitState::Confirmed
    );
    sleep(Duration::from_secs(60)).await;
    world.crash(Loss::Everything).await;
    world.start().await.unwrap();
    sleep(Duration::from_secs(2)).await;
    assert!(world.files().contains_key("50rest-a.rules"));
    // One that changes nothing has nothing to confirm.
    let (_, verdict) = submit_id(&world, with_confirm(put("a", &rule(1)), 30)).await;
    assert_eq!(verdict, done(Effect::Unchanged));
}

#[tokio::test(start_paused = true)]
async fn a_revert_to_content_whose_lease_has_passed_is_a_delete() {
    let world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(20))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    submit_id(&world, with_confirm(put("a", &rule(2)), 30)).await;
    sleep(Duration::from_secs(25)).await;
    assert_eq!(
        world.files()["50rest-a.rules"],
        rule(2),
        "locked, so it does not expire"
    );
    sleep(Duration::from_secs(10)).await;
    assert_eq!(world.files().len(), 1);
    // One whose lease has not passed has what remains of it.
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(60))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    submit_id(&world, with_confirm(put("a", &rule(2)), 30)).await;
    sleep(Duration::from_secs(31)).await;
    assert_eq!(world.files()["50rest-a.rules"], rule(1));
    sleep(Duration::from_secs(31)).await;
    assert_eq!(world.files().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_lease_of_what_may_come_back_is_written_down_although_nothing_else_is_leased() {
    for crash in [false, true] {
        let mut world = world().await;
        sleep(Duration::from_secs(24)).await;
        let leased = edit(vec![("b", Some(wish(&rule(1), Some(20))))]);
        assert_eq!(verdict(&world, leased).await, done(Effect::Created));
        submit_id(&world, with_confirm(delete("b"), 50)).await;
        // It runs out between two checkpoints, and nothing but time has happened since the first of them.
        sleep(Duration::from_secs(if crash { 40 } else { 30 })).await;
        match crash {
            true => world.crash(Loss::Nothing).await,
            false => world.stop().await,
        }
        world.start().await.unwrap();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(
            world.files().len(),
            1,
            "its lease has passed: it does not come back"
        );
        assert_eq!(world.tool.installed(), Some(world.files()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_while_the_tool_runs_reaches_what_may_come_back_and_what_does() {
    let world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(20))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    let renew = async |ttl| {
        while !world.tool.is_running() {
            sleep(Duration::from_millis(1)).await;
        }
        world.committer().renew("a", Duration::from_secs(ttl)).unwrap().0
    };
    let replace = submit_id(&world, with_confirm(put("a", &rule(2)), 30));
    let ((id, _), renewed) = tokio::join!(replace, renew(40));
    assert_eq!(renewed, 1);
    // It is taken back after 30 s, within the lease as it was renewed, which is renewed again at that moment.
    renew(60).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(world.committer().commit(id).unwrap().state, CommitState::Reverted);
    assert_eq!(world.files()["50rest-a.rules"], rule(1));
    sleep(Duration::from_secs(50)).await;
    assert!(world.files().contains_key("50rest-a.rules"));
    sleep(Duration::from_secs(20)).await;
    assert!(!world.files().contains_key("50rest-a.rules"), "and not for ever");
}

#[tokio::test(start_paused = true)]
async fn a_revert_goes_on_until_the_tool_takes_it() {
    let world = world().await;
    let (id, _) = submit_id(&world, with_confirm(put("a", &rule(1)), 30)).await;
    world.tool.fail_next(&[Fault::Missing; 4]);
    sleep(Duration::from_secs(35)).await;
    assert_eq!(world.committer().confirm(id).unwrap(), Confirmation::TooLate);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.files().len(), 1);
    assert_eq!(world.tool.installed(), Some(world.files()));
}

#[tokio::test(start_paused = true)]
async fn what_may_come_back_keeps_its_rules_and_its_room() {
    let mut world = World::new();
    world.entries_limit = Some(2);
    world.start().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(verdict(&world, put("a", &rule(1))).await, done(Effect::Created));
    // In one batch: a change that will be taken back, and one that wants the rule that it frees.
    let caller = caller("x");
    let submit = |action| {
        world
            .committer()
            .submit(action, Precondition::default(), caller.clone())
            .unwrap()
    };
    let first = submit(with_confirm(put("a", &rule(2)), 30));
    let second = submit(put("b", &rule(1)));
    assert!(first.answer().await.unwrap().verdict.is_success());
    assert!(matches!(
        second.answer().await.unwrap().verdict,
        Verdict::Duplicate { .. }
    ));
    sleep(Duration::from_secs(40)).await;
    assert_eq!(world.files()["50rest-a.rules"], rule(1));
    // A removal that will be taken back frees no room.
    let (_, removed) = submit_id(&world, with_confirm(delete("a"), 30)).await;
    assert!(removed.is_success());
    assert_eq!(verdict(&world, put("b", &rule(3))).await, done(Effect::Created));
    assert!(matches!(
        verdict(&world, put("c", &rule(4))).await,
        Verdict::NoRoom { .. }
    ));
    sleep(Duration::from_secs(40)).await;
    assert_eq!(world.files()["50rest-a.rules"], rule(1));
    assert_eq!(world.tool.installed(), Some(world.files()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_back_may_be_confirmed() {
    let world = world().await;
    assert_eq!(verdict(&world, put("a", &rule(1))).await, done(Effect::Created));
    let (id, _) = submit_id(&world, with_confirm(put("a", &rule(2)), 30)).await;
    // A hand gives another ACL the rule that would come back.
    world.by_hand("50rest-b.rules", Some(&rule(1)));
    sleep(Duration::from_secs(45)).await;
    assert_eq!(world.files()["50rest-a.rules"], rule(2));
    assert!(matches!(
        verdict(&world, put("a", &rule(3))).await,
        Verdict::Locked { .. }
    ));
    assert_eq!(world.committer().confirm(id).unwrap(), Confirmation::Confirmed);
    assert_eq!(verdict(&world, put("a", &rule(3))).await, done(Effect::Replaced));
}
