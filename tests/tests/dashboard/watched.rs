use std::time::Duration;

use tests::audience::{Audience, open};
use tests::scene::{Elephant, Scene, Shape};
use tests::{http, kernel, wait};

use crate::world::{PATIENCE, SMALL};

/// Streams at a time.
const STREAMS: usize = 256;

/// A browser's connections take less than so many kilobytes, in a build that is not optimised.
const EACH: f64 = 256.0;

#[test]
fn all_who_watch_see_every_second_and_cost_little_memory() {
    let shape = Shape {
        flows: 400,
        rate: 4_000_000_000,
        ..SMALL
    };
    let elephant = Elephant {
        leaf: 0,
        port: 1,
        rate: 2_000_000_000,
        span: (Duration::ZERO, Duration::MAX),
    };
    let scene = Scene::start(shape, 181, "", &[elephant]).unwrap();
    let (server, pid) = (
        scene.marker().unwrap().http,
        scene.marker().unwrap().process.pid(),
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    // What there is from the first minute on is no part of what they cost.
    let table = "/elephants/json?search=tcp&max=100";
    wait::until_ok("a table with something in it", PATIENCE, || {
        let flows = http::get(server, table)?.json()?;
        Ok(flows.to_string().contains("10.1.2.").then_some(()))
    })
    .unwrap();
    let before = kernel::memory(pid, "VmRSS").unwrap();
    let audience = runtime.block_on(async { Audience::start(server, 50, table, Duration::from_secs(1)) });
    wait::until("overviews", PATIENCE, || {
        audience
            .watched()
            .iter()
            .all(|one| one.times.len() >= 8 && one.tables >= 3)
            .then_some(())
    })
    .unwrap();
    let after = kernel::memory(pid, "VmRSS").unwrap();
    for one in audience.watched() {
        assert_eq!(one.error, None);
        assert!(one.times.is_sorted_by(|a, b| a < b), "{:?}", one.times);
        assert!(one.table_bytes > 100 * one.tables, "an empty table: {one:?}");
    }
    drop(audience);
    assert!(
        (after - before) * 1024.0 < 50.0 * EACH,
        "{before} MiB, and {after} with fifty who watch"
    );

    // As many as there are places for; then no more.
    runtime.block_on(async {
        // The places of those who were there until now become free one after the other.
        let all = async {
            let mut streams = Vec::new();
            while streams.len() < STREAMS {
                match open(server).await.unwrap() {
                    (200, stream) => streams.push(stream),
                    (503, _) => tokio::time::sleep(Duration::from_millis(20)).await,
                    (status, _) => panic!("{status} after {} streams", streams.len()),
                }
            }
            streams
        };
        let mut streams = tokio::time::timeout(PATIENCE, all).await.unwrap();
        assert_eq!(open(server).await.unwrap().0, 503);
        // Others are served all the same, and a place is free again when somebody has gone.
        streams.truncate(100);
        let place = async {
            while open(server).await.unwrap().0 != 200 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, place).await.unwrap();
    });
    assert_eq!(http::get(server, "/overview/json").unwrap().status, 200);
}
