//! Single rules of the contract, each by the shortest way to it.

use std::time::Duration;

use tokio::time::sleep;

use super::disk::Loss;
use super::world::{Fault, World, caller, delete, edit, name, put, wish};
use crate::commit::book::Confirmation;
use crate::commit::change::{Action, Effect, Precondition, Verdict};
use crate::commit::id::CommitId;
use crate::commit::registry::CommitState;
use crate::commit::{Rejected, SyncState};
use crate::store::etag;

fn rule(n: u32) -> String {
    let [_, b, c, d] = n.to_be_bytes();
    format!("[iptables]\n-A FORWARD -d 10.{b}.{c}.{d} -j DROP\n")
}

fn poison(n: u32) -> String {
    format!("{}# poison\n", rule(n))
}

async fn world() -> World {
    let mut world = World::new();
    world.start().await.unwrap();
    sleep(Duration::from_secs(1)).await;
    world
}

async fn verdict(world: &World, action: Action) -> Verdict {
    world
        .submit(action, Precondition::default())
        .await
        .unwrap()
        .verdict
}

fn done(effect: Effect) -> Verdict {
    Verdict::Done {
        effects: vec![effect],
        unconfirmed: false,
    }
}

fn seen(content: &str) -> Precondition {
    Precondition {
        if_match: Some(vec![etag(content.as_bytes())]),
        absent: false,
    }
}

fn with_confirm(action: Action, seconds: u64) -> Action {
    match action {
        Action::Edit { edits, .. } => Action::Edit {
            edits,
            confirm: Some(Duration::from_secs(seconds)),
        },
        other => other,
    }
}

async fn submit_id(world: &World, action: Action) -> (CommitId, Verdict) {
    let ticket = world
        .committer()
        .submit(action, Precondition::default(), caller("x"))
        .unwrap();
    (ticket.id, ticket.answer().await.unwrap().verdict)
}

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
        sleep(super::super::batch::QUARANTINE).await;
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
async fn a_lease_runs_out_unless_it_is_renewed() {
    let world = world().await;
    let leased = |content: &str, ttl| edit(vec![("fm_a", Some(wish(content, ttl)))]);
    assert_eq!(
        verdict(&world, leased(&rule(1), Some(30))).await,
        done(Effect::Created)
    );
    let runs = world.tool.runs();
    sleep(Duration::from_secs(20)).await;
    let (renewed, set) = world.committer().renew("fm_", Duration::from_secs(30)).unwrap();
    let expected = shared::wire::set_etag([(&name("fm_a"), etag(rule(1).as_bytes()))].into_iter());
    assert_eq!((renewed, set), (1, expected));
    // Never shorter than it was.
    world.committer().renew("fm_", Duration::from_secs(1)).unwrap();
    assert_eq!(
        world.committer().renew("x", Duration::from_secs(99)).unwrap().0,
        0
    );
    sleep(Duration::from_secs(29)).await;
    assert_eq!(world.files().len(), 2);
    assert_eq!(world.tool.runs(), runs, "a renewal needs no commit");
    sleep(Duration::from_secs(2)).await;
    assert_eq!(world.files().len(), 1);
    assert_eq!(world.tool.installed(), Some(world.files()));
    // Equal lines with another ttl, and none: no commit either.
    assert_eq!(
        verdict(&world, leased(&rule(1), Some(30))).await,
        done(Effect::Created)
    );
    let runs = world.tool.runs();
    assert_eq!(
        verdict(&world, leased(&rule(1), Some(300))).await,
        done(Effect::Unchanged)
    );
    sleep(Duration::from_secs(40)).await;
    assert_eq!(
        verdict(&world, leased(&rule(1), None)).await,
        done(Effect::Unchanged)
    );
    sleep(Duration::from_secs(400)).await;
    assert_eq!((world.files().len(), world.tool.runs()), (2, runs));
}

#[tokio::test(start_paused = true)]
async fn a_renewal_cancels_an_expiry_that_is_not_sealed() {
    let world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(10))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    sleep(Duration::from_millis(9_900)).await;
    // The writer is busy when the lease runs out.
    world.tool.fail_next(&[Fault::Hang { installs: false }]);
    let busy = world
        .committer()
        .submit(put("b", &rule(2)), Precondition::default(), caller("x"))
        .unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(
        world.committer().renew("a", Duration::from_secs(120)).unwrap().0,
        1
    );
    assert!(matches!(
        busy.answer().await.unwrap().verdict,
        Verdict::TimedOut { .. }
    ));
    sleep(Duration::from_secs(30)).await;
    assert!(world.files().contains_key("50rest-a.rules"));
    sleep(Duration::from_secs(120)).await;
    assert!(!world.files().contains_key("50rest-a.rules"));
}

#[tokio::test(start_paused = true)]
async fn an_expiry_that_the_tool_cannot_carry_out_is_tried_again() {
    let world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(10))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    world.tool.fail_next(&[
        Fault::Missing,
        Fault::Killed { installs: true },
        Fault::Killed { installs: false },
    ]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(world.files().len(), 1);
    assert_eq!(world.tool.installed(), Some(world.files()));
}

#[tokio::test(start_paused = true)]
async fn the_time_that_remains_goes_on_after_a_restart() {
    let mut world = world().await;
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(100))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    sleep(Duration::from_secs(70)).await;
    world.stop().await;
    sleep(Duration::from_secs(1000)).await;
    let runs = world.tool.runs();
    world.start().await.unwrap();
    sleep(Duration::from_secs(25)).await;
    assert_eq!(world.tool.runs(), runs, "a clean start runs no tool");
    assert!(world.files().contains_key("50rest-a.rules"));
    sleep(Duration::from_secs(10)).await;
    assert!(!world.files().contains_key("50rest-a.rules"));
    // A crash gives back what has passed since the last checkpoint, and no more.
    let leased = edit(vec![("a", Some(wish(&rule(1), Some(100))))]);
    assert_eq!(verdict(&world, leased).await, done(Effect::Created));
    for _ in 0..4 {
        sleep(Duration::from_secs(35)).await;
        world.crash(Loss::Nothing).await;
        world.start().await.unwrap();
    }
    sleep(Duration::from_secs(45)).await;
    assert!(!world.files().contains_key("50rest-a.rules"));
}

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
