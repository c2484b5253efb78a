//! The power goes after every single operation of a batch, and what was not synced is lost: wholly, in part, or not at all.

use std::time::Duration;

use super::disk::Loss;
use super::world::{Files, World, delete, edit, name, put, wish};
use crate::commit::change::{Action, Precondition, Verdict};

const OLD: &str = "[iptables]\n-A FORWARD -d 10.0.0.1 -j DROP\n";
const NEW: &str = "[iptables]\n-A FORWARD -d 10.0.0.2 -j DROP\n";
const OTHER: &str = "[iptables]\n-A FORWARD -d 10.0.0.3 -j DROP\n";
const POISON: &str = "[iptables]\n# poison\n-A FORWARD -d 10.0.0.4 -j DROP\n";

fn file(acl: &str) -> String {
    format!("50rest-{acl}.rules")
}

/// What each change may leave of its ACL when it is answered with success, or not at all.
struct Expected {
    acl: &'static str,
    old: Option<&'static str>,
    new: Option<&'static str>,
}

const EXPECTED: [Expected; 5] = [
    Expected {
        acl: "made",
        old: None,
        new: Some(NEW),
    },
    Expected {
        acl: "replaced",
        old: Some(OLD),
        new: Some(OTHER),
    },
    Expected {
        acl: "gone",
        old: Some("[iptables]\n-A FORWARD -d 10.0.0.7 -j DROP\n"),
        new: None,
    },
    Expected {
        acl: "poisoned",
        old: None,
        new: None,
    },
    Expected {
        acl: "leased",
        old: None,
        new: Some("[iptables]\n-A FORWARD -d 10.0.0.8 -j DROP\n"),
    },
];

async fn before() -> World {
    let mut world = World::new();
    world.start().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for expected in &EXPECTED {
        if let Some(old) = expected.old {
            let answer = world
                .submit(put(expected.acl, old), Precondition::default())
                .await;
            assert!(answer.unwrap().verdict.is_success());
        }
    }
    world
}

fn changes() -> Vec<(&'static str, Action)> {
    vec![
        ("made", put("made", NEW)),
        ("replaced", put("replaced", OTHER)),
        ("gone", delete("gone")),
        ("poisoned", put("poisoned", POISON)),
        (
            "leased",
            edit(vec![("leased", Some(wish(EXPECTED[4].new.unwrap(), Some(600))))]),
        ),
    ]
}

/// Hands in all changes at one moment; who gets an answer says which.
async fn batch(world: &World) -> Vec<(&'static str, Option<bool>)> {
    let tickets: Vec<_> = changes()
        .into_iter()
        .map(|(acl, action)| {
            let ticket = world
                .committer()
                .submit(action, Precondition::default(), super::world::caller("x"));
            (acl, ticket)
        })
        .collect();
    let mut answers = Vec::new();
    for (acl, ticket) in tickets {
        let verdict = match ticket {
            // After the power has gone nobody is told anything any more.
            Ok(ticket) => tokio::time::timeout(Duration::from_secs(5), ticket.answer()).await,
            Err(_) => continue,
        };
        let verdict = verdict.ok().and_then(Result::ok).map(|answer| answer.verdict);
        // Nobody hears how the daemon found out that there is no power.
        let verdict = verdict
            .filter(|verdict| !matches!(verdict, Verdict::StoreFailed { .. }) || !world.disk.is_dark());
        answers.push((acl, verdict.map(|verdict| verdict.is_success())));
    }
    answers
}

fn check(files: &Files, answers: &[(&str, Option<bool>)], what: &str) {
    assert_eq!(
        files["00control.rules"], "[iptables]\n",
        "{what}: somebody else's file"
    );
    let mut all_or_nothing = Vec::new();
    for expected in &EXPECTED {
        let content = files.get(&file(expected.acl)).map(String::as_str);
        let answer = answers
            .iter()
            .find(|(acl, _)| *acl == expected.acl)
            .and_then(|(_, answer)| *answer);
        match answer {
            Some(true) => assert_eq!(
                content, expected.new,
                "{what}: {} was answered 2xx and is lost",
                expected.acl
            ),
            Some(false) => {
                assert_eq!(
                    content, expected.old,
                    "{what}: {} was answered otherwise and is kept",
                    expected.acl
                );
            }
            None => {
                assert!(
                    content == expected.old || content == expected.new,
                    "{what}: {}: {content:?}",
                    expected.acl
                );
                if expected.old != expected.new {
                    all_or_nothing.push(content == expected.new);
                }
            }
        }
    }
    assert!(
        all_or_nothing.windows(2).all(|pair| pair[0] == pair[1]),
        "{what}: half a batch: {all_or_nothing:?}"
    );
}

fn losses(seed: u64) -> [Loss; 5] {
    let some = |n: u64| {
        Loss::Some(
            (seed + 1)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15)
                .wrapping_add(n << 32),
        )
    };
    [Loss::Everything, Loss::Nothing, some(1), some(2), some(3)]
}

#[tokio::test(start_paused = true)]
async fn after_every_operation_of_a_batch() {
    let mut cuts = 0;
    for cut in 0.. {
        let world = before().await;
        let first = world.disk.operations();
        world.disk.cut_before(first + cut);
        let answers = batch(&world).await;
        let over = !world.disk.is_dark();
        for loss in losses(cut) {
            let mut after = World::new();
            after.disk = world.disk.clone();
            after.tool = world.tool.another();
            after.crash(loss).await;
            after.start().await.unwrap();
            // The first commit, if one is needed.
            tokio::time::sleep(Duration::from_secs(2)).await;
            let what = format!("power cut before operation {cut}, {loss:?}");
            check(&after.files(), &answers, &what);
            assert_eq!(
                after.tool.installed(),
                Some(after.files()),
                "{what}: the switch has something else"
            );
            let stray = after
                .disk
                .names("policy.d")
                .into_iter()
                .find(|name| name.starts_with('.'));
            assert_eq!(stray, None, "{what}");
            let again = after.submit(
                put("later", "[iptables]\n-A FORWARD -d 10.9.9.9 -j DROP\n"),
                Precondition::default(),
            );
            assert!(again.await.unwrap().verdict.is_success(), "{what}");
            after.crash(Loss::Nothing).await;
        }
        cuts += 1;
        if over {
            break;
        }
    }
    println!("{cuts} moments, {} losses each", losses(0).len());
    assert!(cuts > 60, "the batch had only {cuts} operations");
}

#[tokio::test(start_paused = true)]
async fn after_a_disk_error_in_every_operation_of_a_batch() {
    let mut kept = 0;
    for failing in 0.. {
        let world = before().await;
        let first = world.disk.operations();
        world.disk.fail_at(first + failing);
        let answers = batch(&world).await;
        let over = world.disk.operations() <= first + failing;
        let what = format!("operation {failing} failed");
        assert!(
            answers.iter().all(|(_, answer)| answer.is_some()),
            "{what}: somebody was not answered: {answers:?}"
        );
        // A base that has to be installed again, if it comes to that.
        tokio::time::sleep(Duration::from_secs(2)).await;
        check(&world.files(), &answers, &what);
        assert_eq!(
            world.tool.installed(),
            Some(world.files()),
            "{what}: the switch has something else"
        );
        kept += usize::from(answers.iter().any(|(_, answer)| *answer == Some(true)));
        // What was answered then is what the power leaves, too.
        for loss in losses(failing) {
            let mut after = World::new();
            after.disk = world.disk.clone();
            after.tool = world.tool.another();
            after.crash(loss).await;
            after.start().await.unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
            let what = format!("{what}, then the power, {loss:?}");
            check(&after.files(), &answers, &what);
            assert_eq!(after.tool.installed(), Some(after.files()), "{what}");
            after.crash(Loss::Nothing).await;
        }
        if over {
            assert!(failing > 60 && kept > 1, "{failing} operations, {kept} kept");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_every_operation_of_a_start() {
    for cut in 0.. {
        let mut world = before().await;
        let first = world.disk.operations();
        // In the middle of a batch, whose files are in place.
        world.disk.cut_before(first + 40);
        let answers = batch(&world).await;
        world.crash(Loss::Nothing).await;
        let second = world.disk.operations();
        world.disk.cut_before(second + cut);
        let started = world.start().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        let over = !world.disk.is_dark();
        drop(started);
        world.crash(Loss::Everything).await;
        world.start().await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        check(
            &world.files(),
            &answers,
            &format!("cut before operation {cut} of the start"),
        );
        assert_eq!(world.tool.installed(), Some(world.files()));
        if over {
            assert!(cut > 10, "the start had only {cut} operations");
            break;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn leases_and_confirmations_survive_what_was_answered() {
    for loss in losses(7) {
        let mut world = before().await;
        let answer = world
            .submit(
                edit(vec![("leased", Some(wish(NEW, Some(100))))]),
                Precondition::default(),
            )
            .await
            .unwrap();
        assert!(answer.verdict.is_success());
        let confirm = |acl: &str, content: &str| {
            let Action::Edit { edits, .. } = put(acl, content) else {
                unreachable!()
            };
            Action::Edit {
                edits,
                confirm: Some(Duration::from_secs(500)),
            }
        };
        let ticket = |action| {
            world
                .committer()
                .submit(action, Precondition::default(), super::world::caller("x"))
                .unwrap()
        };
        let kept = ticket(confirm("replaced", OTHER));
        let kept_id = kept.id;
        assert!(kept.answer().await.unwrap().verdict.is_success());
        world.committer().confirm(kept_id).unwrap();
        let lost = ticket(confirm("made", "[iptables]\n-A FORWARD -d 10.0.0.5 -j DROP\n"));
        let answer = lost.answer().await.unwrap();
        assert!(matches!(
            answer.verdict,
            Verdict::Done {
                unconfirmed: true,
                ..
            }
        ));
        world.crash(loss).await;
        world.start().await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let files = world.files();
        assert_eq!(
            files.get(&file("made")),
            None,
            "{loss:?}: a restart inside the window reverts at once"
        );
        assert_eq!(files[&file("replaced")], OTHER, "{loss:?}: it was confirmed");
        assert_eq!(files[&file("leased")], NEW, "{loss:?}");
        let ttl = world
            .committer()
            .summary(&name("leased"))
            .unwrap()
            .unwrap()
            .ttl
            .unwrap();
        assert!(
            ttl <= Duration::from_secs(100) && ttl > Duration::from_secs(90),
            "{loss:?}: {ttl:?}"
        );
        tokio::time::sleep(Duration::from_secs(101)).await;
        assert_eq!(
            world.files().get(&file("leased")),
            None,
            "{loss:?}: nobody renewed it"
        );
        assert_eq!(world.tool.installed(), Some(world.files()));
        world.crash(Loss::Nothing).await;
    }
}
