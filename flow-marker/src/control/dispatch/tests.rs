//! Elephants that are known, and configurations that come and go.

use std::path::Path as File;

use super::*;
use crate::control::desired::View;
use crate::detect::{Clock as Stamp, Evidence, Path};
use crate::flow::FiveTuple;
use crate::inventory::Roster;
use crate::packet::IpProtocol;
use crate::sflow::DataSource;

const SWITCH: &str = "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://a\"\n";

struct World {
    dispatcher: Dispatcher,
    told: watch::Sender<Arc<Config>>,
    switches: Arc<Switches>,
}

fn parse(mark: &str) -> Arc<Config> {
    let text = format!("{SWITCH}[mark]\nmode = \"act\"\n{mark}\n");
    Arc::new(Config::parse(File::new("t"), &text).unwrap())
}

fn world(mark: &str) -> World {
    let config = parse(mark);
    let switches = Arc::new(Switches::new(Roster::of(&config), &config, Arc::default()));
    let (told, newer) = watch::channel(config);
    World {
        dispatcher: Dispatcher::new(newer, Arc::clone(&switches), Clock::start()),
        told,
        switches,
    }
}

fn elephant(n: u8) -> Elephant {
    let rate = BitRate::from_bits_per_second(1_000_000_000);
    Elephant {
        key: FlowKey {
            agent: AgentId(0),
            source: DataSource::interface(3),
            tuple: FiveTuple {
                source: [10, 1, 0, n].into(),
                destination: [10, 2, 0, n].into(),
                protocol: IpProtocol::TCP,
                source_port: 40_000,
                destination_port: 5001,
            },
        },
        port: 3,
        dscp: 0,
        detected: Time::START,
        evidence: Evidence {
            path: Path::Average,
            clock: Stamp::Arrival,
            bytes: 1,
            span: std::time::Duration::ZERO,
            samples: 1,
            first_sample: Time::START,
            rate,
            threshold: rate,
            confidence: 0.5,
        },
    }
}

impl World {
    fn find(&mut self, n: u8) {
        self.dispatcher.take(Notice {
            event: Event::Started(elephant(n)),
            port_name: None,
            hold: None,
        });
    }

    fn follow(&mut self, mark: &str) {
        self.told.send_replace(parse(mark));
        self.dispatcher.follow();
    }

    fn views(&self) -> Vec<View> {
        self.switches.all()[0].read(|desired| desired.views().collect())
    }

    /// Marks that are wanted, by the last number of their flow's source.
    fn marked(&self) -> Vec<String> {
        let flows = self
            .views()
            .into_iter()
            .map(|view| view.control.action.to_string());
        let mut flows: Vec<_> = flows.collect();
        flows.sort();
        flows
    }

    /// Elephants that must not be marked, as counted.
    fn guarded(&self) -> u64 {
        self.switches.all()[0].metrics.guarded_excluded.get()
    }
}

#[test]
fn what_is_excluded_now_is_released_and_what_is_not_any_more_is_marked() {
    let mut world = world("");
    for n in [1, 2] {
        world.find(n);
    }
    assert_eq!(world.marked().len(), 2);
    world.follow("exclude = [\"10.1.0.1/32\"]");
    let marked = world.marked();
    assert!(marked.len() == 1 && marked[0].contains("10.1.0.2"), "{marked:?}");
    assert_eq!(world.guarded(), 1);
    world.follow("exclude = [\"10.1.0.1/32\"]");
    assert_eq!((world.marked(), world.guarded()), (marked, 1), "once is enough");
    // One that was found meanwhile.
    world.follow("exclude = [\"10.1.0.0/16\"]");
    world.find(3);
    assert_eq!((world.marked().len(), world.guarded()), (0, 3));
    world.follow("");
    assert_eq!(world.marked().len(), 3, "they go on, and nothing is in their way");
    world.dispatcher.take(Notice {
        event: Event::Ended {
            key: elephant(1).key,
            last_sample: Time::START,
            closed: false,
            bytes: 1,
        },
        port_name: None,
        hold: None,
    });
    assert_eq!((world.marked().len(), world.dispatcher.elephants.len()), (2, 2));
}

#[test]
fn marks_have_the_newest_values_and_what_a_person_has_released_rests() {
    let mut world = world("");
    for n in [1, 2] {
        world.find(n);
    }
    let dscp = |world: &World| {
        let all = world.views().into_iter().map(|view| match view.control.action {
            crate::actuator::Action::Mark { mark, .. } => mark.dscp.map(crate::config::Dscp::get),
            _ => None,
        });
        all.collect::<Vec<_>>()
    };
    assert_eq!(dscp(&world), [Some(10), Some(10)]);
    world.follow("dscp = 12");
    assert_eq!(dscp(&world), [Some(12), Some(12)]);
    let switch = &world.switches.all()[0];
    let name = world.views()[0].control.name.clone();
    let now = world.dispatcher.clock.now();
    assert!(switch.edit(|desired| desired.dismiss(now, &name, None)));
    world.follow("dscp = 14");
    assert_eq!(
        dscp(&world),
        [Some(14)],
        "a reload does not bring back what a person has released"
    );
}

#[test]
fn elephants_of_a_switch_that_goes_are_forgotten_with_their_end() {
    let mut world = world("");
    world.find(1);
    let none = Config::parse(File::new("t"), "").unwrap();
    assert_eq!(world.switches.roster().follow(&none), (1, 0));
    world.follow("dscp = 12");
    world
        .dispatcher
        .ended(&elephant(1).key, Time::START, Ending::Silence, 1);
    assert!(world.dispatcher.elephants.is_empty());
}
