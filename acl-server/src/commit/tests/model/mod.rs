//! Random operations against a small reference model: after every one of them files, replies and what the tool last
//! accepted agree. Where only time decides (a lease that is about to run out, a retry), the model knows the earliest and
//! the latest moment, and takes what it sees in between.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

mod play;
mod reference;
mod operations;

use operations::{Op, op};
use play::Play;

fn play(ops: &[Op]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut play = Play::begin().await;
        for op in ops {
            play.play(op).await;
        }
        play.end().await;
    });
}

/// Plays a quarter of all sequences; 10,000 in all, another number with `ACL_SEQUENCES=…`.
fn play_a_quarter() {
    let wanted = std::env::var("ACL_SEQUENCES");
    let sequences = wanted.ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let config = Config {
        cases: u32::div_ceil(sequences, 4),
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..Config::default()
    };
    let (cases, operations) = (config.cases, std::cell::Cell::new(0_usize));
    let result = TestRunner::new(config).run(&prop::collection::vec(op(), 1..30), |ops| {
        operations.set(operations.get() + ops.len());
        play(&ops);
        Ok(())
    });
    println!("{cases} sequences, {} operations", operations.get());
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// Four, so that processors share them.
mod ten_thousand_sequences_agree_with_the_model {
    #[test]
    fn first() {
        super::play_a_quarter();
    }

    #[test]
    fn second() {
        super::play_a_quarter();
    }

    #[test]
    fn third() {
        super::play_a_quarter();
    }

    #[test]
    fn fourth() {
        super::play_a_quarter();
    }
}
