//! What marking is for: where a queue honours the mark, mice do not wait behind elephants. Real packets; the comparison is
//! made within one run.

use std::time::Duration;

use tests::lab::{AclServerOptions, Family, Lab, LabOptions, mark_config};

const PATIENCE: Duration = Duration::from_secs(20);
/// The link behind the switch: above the threshold of 100 Mb/s, below what the elephant would like.
const BOTTLENECK: u64 = 150_000_000;
/// How long mice are timed.
const SPAN: Duration = Duration::from_secs(4);

#[test]
fn lab_marking_frees_the_mice_and_a_queue_that_looks_for_another_mark_does_not() {
    let lab = Lab::start(LabOptions::default()).unwrap_or_else(|error| panic!("{error:#}"));
    let _acl_server = lab.acl_server(&AclServerOptions::default()).unwrap();
    let observer = lab.flow_marker(&mark_config(&lab, "observe").unwrap()).unwrap();
    let received = lab.capture_received().unwrap();
    let mice = lab.mice().unwrap();
    lab.bottleneck(BOTTLENECK, 10).unwrap();
    let elephant = lab.elephant(Family::V4, "200M", 60).unwrap();
    let settled = |what, condition: &dyn Fn(u64, u64) -> bool| {
        let before = received.flow(&elephant.flow);
        received
            .wait_for(what, &elephant.flow, PATIENCE, |seen| {
                condition(
                    seen.packets() - before.packets(),
                    seen.with_dscp(10) - before.with_dscp(10),
                )
            })
            .unwrap()
    };
    let median = || {
        let latencies = mice.time(SPAN).unwrap();
        latencies
            .percentile(50)
            .unwrap_or_else(|| panic!("most mice were lost: {latencies:?}"))
    };

    settled("the queue to fill", &|packets, _| packets > 10_000);
    let unmarked = median();
    assert_eq!(received.flow(&elephant.flow).marked(), 0);

    assert!(observer.process.terminate(PATIENCE).unwrap().success());
    let _marker = lab.flow_marker(&mark_config(&lab, "act").unwrap()).unwrap();
    settled("marked packets", &|_, marked| marked > 10_000);
    let marked = median();

    lab.bottleneck(BOTTLENECK, 46).unwrap();
    settled("the queue to fill again", &|_, marked| marked > 10_000);
    let misconfigured = median();

    assert!(elephant.is_running(), "the elephant was over too early");
    println!("median of the mice: unmarked {unmarked:?}, marked {marked:?}, misconfigured {misconfigured:?}");
    assert!(marked * 3 < unmarked, "marked {marked:?}, unmarked {unmarked:?}");
    assert!(
        marked * 3 < misconfigured,
        "marked {marked:?}, in a queue that looks for another mark {misconfigured:?}"
    );
}
