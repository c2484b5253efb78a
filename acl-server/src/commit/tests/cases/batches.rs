//! What is accepted together, what is refused, and whose fault it is.

use super::*;
use crate::commit::batch;

#[tokio::test(start_paused = true)]
async fn three_of_a_hundred_are_refused_and_the_tools_words_find_them_sooner() {
    for (talks, most) in [(false, 40), (true, 9)] {
        let world = world().await;
        if talks {
            world.tool.talk();
        }
        let before = world.tool.runs();
        let tickets: Vec<_> = (0..100)
            .map(|n| {
                let content = if n % 40 == 7 { poison(n) } else { rule(n) };
                let who = format!("client {n}");
                let action = put(&format!("n{n}"), &content);
                (
                    n,
                    world
                        .committer()
                        .submit(action, Precondition::default(), caller(&who))
                        .unwrap(),
                )
            })
            .collect();
        for (n, ticket) in tickets {
            let verdict = ticket.answer().await.unwrap().verdict;
            let refused = matches!(&verdict, Verdict::Refused { lines, .. } if lines[0].contains("error:"));
            assert_eq!(refused, n % 40 == 7, "{n}: {verdict:?}");
            assert!(refused || verdict == done(Effect::Created), "{n}: {verdict:?}");
        }
        let runs = world.tool.runs() - before;
        println!("3 offenders among 100, the tool names them: {talks}: {runs} runs");
        assert!(runs <= most, "{runs} runs");
        assert_eq!(world.files().len(), 1 + 97);
        assert_eq!(world.tool.installed(), Some(world.files()));
        // Who was refused commits apart, and after the others.
        let before = world.tool.runs();
        let bad = world
            .committer()
            .submit(put("n7", &rule(7)), Precondition::default(), caller("client 7"))
            .unwrap();
        let good = world
            .committer()
            .submit(put("m", &rule(900)), Precondition::default(), caller("client 8"))
            .unwrap();
        let good = good.answer().await.unwrap();
        let bad = bad.answer().await.unwrap();
        assert!(good.decided <= bad.sealed && bad.verdict == done(Effect::Created));
        assert_eq!(world.tool.runs() - before, 2);
        sleep(batch::QUARANTINE).await;
        let before = world.tool.runs();
        let bad = world
            .committer()
            .submit(put("n7", &rule(901)), Precondition::default(), caller("client 7"))
            .unwrap();
        assert_eq!(
            verdict(&world, put("m", &rule(902))).await,
            done(Effect::Replaced)
        );
        bad.answer().await.unwrap();
        assert_eq!(world.tool.runs() - before, 1, "forgiven");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_foreign_file_is_nobodys_fault_and_changes_nothing() {
    let world = world().await;
    assert_eq!(
        verdict(&world, put("a", &rule(1000))).await,
        done(Effect::Created)
    );
    world.by_hand("60other.rules", Some("broken"));
    let before = world.files();
    let tickets: Vec<_> = (0..100)
        .map(|n| {
            let content = if n < 3 { poison(n) } else { rule(n) };
            world
                .committer()
                .submit(
                    put(&format!("n{n}"), &content),
                    Precondition::default(),
                    caller("x"),
                )
                .unwrap()
        })
        .collect();
    for ticket in tickets {
        let verdict = ticket.answer().await.unwrap().verdict;
        assert!(
            matches!(verdict, Verdict::BaseRefused { code: 1, .. }),
            "{verdict:?}"
        );
    }
    assert_eq!(world.files(), before);
    assert_eq!(world.committer().sync_state(), SyncState::Unsynced);
    // No shortcut while nobody knows what the switch has.
    assert!(matches!(
        verdict(&world, put("a", &rule(1000))).await,
        Verdict::BaseRefused { .. }
    ));
    world.by_hand("60other.rules", None);
    sleep(Duration::from_secs(61)).await;
    assert_eq!(world.committer().sync_state(), SyncState::Synced);
    assert_eq!(
        verdict(&world, put("a", &rule(1000))).await,
        done(Effect::Unchanged)
    );
}

#[tokio::test(start_paused = true)]
async fn a_transaction_is_all_or_nothing() {
    let world = world().await;
    let both = |second: &str| {
        edit(vec![
            ("a", Some(wish(&rule(1), None))),
            ("b", Some(wish(second, None))),
        ])
    };
    assert!(matches!(
        verdict(&world, both(&poison(2))).await,
        Verdict::Refused { .. }
    ));
    assert!(matches!(
        verdict(&world, both(&rule(1))).await,
        Verdict::Duplicate { line: 2, .. }
    ));
    assert_eq!(world.files().len(), 1);
    let created = Verdict::Done {
        effects: vec![Effect::Created; 2],
        unconfirmed: false,
    };
    assert_eq!(verdict(&world, both(&rule(2))).await, created);
    // A rule moves from one to the other, in one change.
    let swap = edit(vec![
        ("a", Some(wish(&rule(2), None))),
        ("b", Some(wish(&rule(1), None))),
    ]);
    assert!(verdict(&world, swap).await.is_success());
    assert_eq!(world.files()["50rest-a.rules"], rule(2));
}

#[tokio::test(start_paused = true)]
async fn there_is_room_for_so_many_entries() {
    let mut world = World::new();
    world.entries_limit = Some(3);
    world.by_hand("60other.rules", Some(&rule(100)));
    world.start().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(verdict(&world, put("a", &rule(1))).await, done(Effect::Created));
    let runs = world.tool.runs();
    let wide = "[iptables]\n-A FORWARD -i swp1,swp2 -d 10.0.0.9 -j DROP\n";
    let verdict_of = verdict(&world, put("b", wide)).await;
    assert!(
        matches!(&verdict_of, Verdict::NoRoom { why } if why.contains("4 entries of the 3")),
        "{verdict_of:?}"
    );
    assert_eq!(world.tool.runs(), runs, "507 before the tool runs");
    assert_eq!(verdict(&world, put("b", &rule(2))).await, done(Effect::Created));
    assert_eq!(world.committer().capacity(), (3, Some(3)));
    assert!(
        verdict(&world, put("b", &rule(3))).await.is_success(),
        "what becomes no larger always fits"
    );
    assert!(verdict(&world, delete("b")).await.is_success());
}

#[tokio::test(start_paused = true)]
async fn before_the_first_commit_changes_are_turned_away_and_reads_work() {
    let mut world = World::new();
    // The file is mended while the tool is being tried again now and then, perhaps at that very moment.
    world.tool.let_hands_in();
    world.by_hand("50rest-a.rules", Some(&rule(1)));
    world.by_hand("60other.rules", Some("broken"));
    world.start().await.unwrap();
    sleep(Duration::from_secs(5)).await;
    assert_eq!(
        world
            .submit(put("b", &rule(2)), Precondition::default())
            .await
            .unwrap_err(),
        Rejected::NotReady
    );
    assert_eq!(
        world.committer().read(&name("a")).unwrap().unwrap(),
        rule(1).as_bytes()
    );
    assert!(world.committer().last_error().is_some());
    world.by_hand("60other.rules", None);
    let mut waited = 0;
    while world.committer().sync_state() != SyncState::Synced {
        sleep(Duration::from_millis(100)).await;
        waited += 1;
        assert!(waited < 610);
    }
    assert_eq!(verdict(&world, put("b", &rule(2))).await, done(Effect::Created));
    assert_eq!(world.committer().last_error(), None);
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_refuses_and_changes_nothing() {
    let world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(50))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    let before = world.files();
    world.disk.set_full(true);
    assert!(matches!(
        verdict(&world, put("b", &rule(2))).await,
        Verdict::StoreFailed { full: true, .. }
    ));
    let again = edit(vec![("a", Some(wish(&rule(1), Some(500))))]);
    assert!(
        matches!(
            verdict(&world, again).await,
            Verdict::StoreFailed { full: true, .. }
        ),
        "a lease that is not written down"
    );
    assert!(world.committer().renew("a", Duration::from_secs(500)).is_err());
    assert_eq!(world.files(), before);
    world.disk.set_full(false);
    sleep(Duration::from_secs(70)).await;
    assert_eq!(world.files().len(), 1, "none of them took effect");
    assert_eq!(verdict(&world, put("b", &rule(2))).await, done(Effect::Created));
    assert_eq!(world.tool.installed(), Some(world.files()));
}

#[tokio::test(start_paused = true)]
async fn what_is_due_comes_between_the_changes_of_those_who_never_pause() {
    let world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(1))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    let (id, _) = submit_id(&world, with_confirm(put("c", &rule(2)), 1)).await;
    // One name, so each is a batch and a run of its own.
    let busy: Vec<_> = (0..3000)
        .map(|n| {
            let action = put("b", &rule(100 + n));
            world
                .committer()
                .submit(action, Precondition::default(), caller("x"))
                .unwrap()
        })
        .collect();
    sleep(Duration::from_secs(4)).await;
    assert!(!world.files().contains_key("50rest-a.rules"), "the lease");
    assert_eq!(world.committer().commit(id).unwrap().state, CommitState::Reverted);
    assert!(world.committer().commit(busy[2999].id).unwrap().state == CommitState::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_change_on_which_the_tool_hangs_is_soon_alone() {
    let world = world().await;
    world.tool.hang_on("hang");
    let hanging = format!("{}# hang\n", rule(1));
    let mut hangs = 0;
    for round in 0..3 {
        let all: Vec<_> = (0..5)
            .map(|n| {
                let content = if n == 2 {
                    hanging.clone()
                } else {
                    rule(10 + 5 * round + n)
                };
                let action = put(&format!("n{n}"), &content);
                let who = caller(&format!("client {n}"));
                world
                    .committer()
                    .submit(action, Precondition::default(), who)
                    .unwrap()
            })
            .collect();
        for (n, ticket) in all.into_iter().enumerate() {
            let verdict = ticket.answer().await.unwrap().verdict;
            let expected = matches!(verdict, Verdict::TimedOut { .. });
            hangs += usize::from(expected && n != 2);
            assert!(expected || n != 2);
        }
    }
    assert_eq!(hangs, 4, "strangers suffer once");
    assert_eq!(world.files().len(), 1 + 4);
}
