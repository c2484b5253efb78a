//! Leases: renewed, run out, and over a restart.

use super::*;

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
