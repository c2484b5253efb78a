//! Files that a hand has changed.

use super::*;

#[tokio::test(start_paused = true)]
async fn what_a_hand_has_changed_is_overwritten_only_by_who_has_seen_it() {
    let mut world = world().await;
    assert_eq!(verdict(&world, put("a", &rule(1))).await, done(Effect::Created));
    let by_hand = format!("{}# by hand\n", rule(1));
    world.by_hand("50rest-a.rules", Some(&by_hand));
    for _ in 0..2 {
        for action in [
            put("a", &rule(2)),
            delete("a"),
            put("a", &rule(1)),
            Action::Clear {
                prefix: String::new(),
            },
        ] {
            let expected = Verdict::Drift {
                acls: vec![(name("a"), Some(etag(by_hand.as_bytes())))],
            };
            assert_eq!(verdict(&world, action).await, expected);
        }
        sleep(Duration::from_secs(10)).await;
        assert!(world.committer().summary(&name("a")).unwrap().unwrap().drift);
        // Also after a restart.
        world.stop().await;
        world.start().await.unwrap();
        sleep(Duration::from_secs(2)).await;
    }
    let answer = world.submit(put("a", &rule(2)), seen(&by_hand)).await.unwrap();
    assert_eq!(answer.verdict, done(Effect::Replaced));
    assert_eq!(world.disk.names("drift").len(), 1);
    assert!(!world.committer().summary(&name("a")).unwrap().unwrap().drift);
    // A file that a hand has removed, or made.
    world.by_hand("50rest-a.rules", None);
    world.by_hand("50rest-b.rules", Some(&rule(3)));
    assert_eq!(
        verdict(&world, put("a", &rule(2))).await,
        Verdict::Drift {
            acls: vec![(name("a"), None)]
        }
    );
    let absent = Precondition {
        if_match: None,
        absent: true,
    };
    assert_eq!(
        world.submit(put("a", &rule(2)), absent).await.unwrap().verdict,
        done(Effect::Created)
    );
    assert!(matches!(
        verdict(&world, delete("b")).await,
        Verdict::Drift { .. }
    ));
    // What the change would make of it anyway is no loss.
    assert_eq!(verdict(&world, put("b", &rule(3))).await, done(Effect::Replaced));
    assert_eq!(verdict(&world, delete("b")).await, done(Effect::Removed));
}

#[tokio::test(start_paused = true)]
async fn expiry_leaves_alone_what_a_hand_has_changed() {
    let world = world().await;
    let mut events = world.committer().events().watch();
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(20))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    world.by_hand("50rest-a.rules", Some("by hand\n"));
    sleep(Duration::from_secs(100)).await;
    assert_eq!(world.files()["50rest-a.rules"], "by hand\n");
    let mut said = Vec::new();
    while let Ok(event) = events.try_recv() {
        said.push(format!("{event:?}"));
    }
    assert_eq!(
        said.iter()
            .filter(|event| event.starts_with("ExpirySkipped"))
            .count(),
        1,
        "{said:?}"
    );
    assert_eq!(
        said.iter().filter(|event| event.starts_with("Drift")).count(),
        1,
        "{said:?}"
    );
    world.by_hand("50rest-a.rules", Some(&rule(1)));
    sleep(Duration::from_secs(20)).await;
    assert!(!world.files().contains_key("50rest-a.rules"));
}

#[tokio::test(start_paused = true)]
async fn a_hand_in_a_file_while_the_tool_runs_is_seen_and_its_work_kept() {
    let world = world().await;
    assert_eq!(verdict(&world, put("a", &rule(1))).await, done(Effect::Created));
    for (new, kept) in [(rule(2), 0), (poison(2), 1)] {
        world.tool.let_hands_in();
        let ticket = world
            .committer()
            .submit(put("a", &new), Precondition::default(), caller("x"))
            .unwrap();
        sleep(Duration::from_millis(6)).await;
        assert!(world.tool.is_running());
        world.by_hand("50rest-a.rules", Some("by hand\n"));
        ticket.answer().await.unwrap();
        assert_eq!(world.disk.names("drift").len(), kept, "{new}");
        if kept == 0 {
            assert!(matches!(
                verdict(&world, put("a", &rule(3))).await,
                Verdict::Drift { .. }
            ));
            let answer = world.submit(put("a", &rule(3)), seen("by hand\n")).await.unwrap();
            assert_eq!(answer.verdict, done(Effect::Replaced));
            world.disk.by_hand("drift", &world.disk.names("drift")[0], None);
        }
    }
    assert_eq!(world.files()["50rest-a.rules"], rule(3));
}
