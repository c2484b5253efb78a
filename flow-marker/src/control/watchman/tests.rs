//! Against a server of lists made here, with signs as receiving threads tell them.

use std::path::Path;
use std::sync::Mutex;

use axum::Router;
use axum::extract::State;
use axum::routing::get;

use super::*;
use crate::actuator::{Drop, Kind};
use crate::blacklist::watch::Hit;
use crate::control::desired::View;
use crate::control::switch::Switch;
use crate::flow::AgentId;
use crate::inventory::Roster;
use crate::packet::IpProtocol;

async fn server(text: &Arc<Mutex<String>>) -> String {
    async fn list(State(text): State<Arc<Mutex<String>>>) -> String {
        text.lock().unwrap().clone()
    }
    let router = Router::new()
        .route("/list", get(list))
        .with_state(Arc::clone(text));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/list", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    url
}

struct World {
    signs: mpsc::Sender<Sign>,
    watch: Arc<ArcSwap<Watch>>,
    switch: Arc<Switch>,
    metrics: Arc<Metrics>,
    told: watch::Sender<Arc<Config>>,
    text: String,
}

fn world(url: &str) -> World {
    let text = format!(
        "[[switch]]\nagent = \"10.0.0.233\"\nacl = \"http://a\"\n\
         [capture]\nmode = \"act\"\nanalyzer = [\"10.0.0.70\"]\nlocal = [\"10.0.0.0/8\"]\n\
         [[capture.blacklist]]\nname = \"emerging\"\nurl = \"{url}\"\n"
    );
    let config = Arc::new(parse(&text));
    let metrics = Arc::new(Metrics::new(1));
    let roster = Arc::new(Roster::new(&config, &metrics));
    let switches = Arc::new(Switches::new(roster, &config, Arc::default()));
    let switch = switches.get(0).unwrap();
    let (told, newer) = watch::channel(config);
    let watchman = Watchman::new(newer, switches, Arc::clone(&metrics), Clock::start()).unwrap();
    let watch = watchman.watch();
    let (signs, taken) = mpsc::channel(16);
    tokio::spawn(watchman.run(taken));
    World {
        signs,
        watch,
        switch,
        metrics,
        told,
        text,
    }
}

fn parse(text: &str) -> Config {
    Config::parse(Path::new("t"), text).unwrap()
}

impl World {
    fn hit(&self) -> Option<Hit> {
        self.watch.load().hit([10, 1, 0, 7].into(), [192, 0, 2, 9].into())
    }

    async fn views(&self, count: usize) -> Vec<View> {
        loop {
            let views: Vec<_> = self.switch.read(|desired| desired.views().collect());
            if views.len() == count {
                return views;
            }
            self.switch.changed().await;
        }
    }
}

#[tokio::test]
async fn a_listed_host_is_captured_and_an_attack_would_be_dropped() {
    let text = Arc::new(Mutex::new("# list\n192.0.2.0/24\n".to_owned()));
    let world = world(&server(&text).await);
    let hit = loop {
        match world.hit() {
            Some(hit) => break hit,
            None => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(world.metrics.process.listed.get(), 1);
    let sighting = Sighting {
        agent: AgentId(0),
        port: 3,
        hit,
        samples: 1,
        bytes: 1500,
        first: Time::START,
    };
    world.signs.send(Sign::Listed(sighting)).await.unwrap();
    let views = world.views(1).await;
    assert_eq!(
        views[0].control.action.to_string(),
        "capture 10.1.0.7 and 192.0.2.9"
    );
    assert_eq!(
        views[0].cause.about.as_deref(),
        Some("192.0.2.9 is in the list emerging")
    );
    let changes = world.switch.read(|desired| desired.plan(Time::START)).changes;
    assert!(changes.len() == 1 && changes[0].is_install());
    let rate = "2G".parse().unwrap();
    let attack = Attack {
        agent: AgentId(0),
        port: 3,
        drop: Drop {
            destination: [10, 1, 0, 7].into(),
            source: None,
            protocol: IpProtocol::UDP,
            source_port: Some(123),
            destination_port: None,
            opening: false,
        },
        rate,
        bytes: 1,
        samples: 30,
        first: Time::START,
    };
    world.signs.send(Sign::Attack(attack)).await.unwrap();
    let views = world.views(2).await;
    let drop = views
        .iter()
        .find(|view| view.control.kind() == Kind::Drop)
        .unwrap();
    assert_eq!(drop.state, crate::control::desired::State::Observed);
    assert_eq!(
        drop.cause.about.as_deref(),
        Some("NTP amplification towards 10.1.0.7")
    );
    let changes = world.switch.read(|desired| desired.plan(Time::START)).changes;
    assert_eq!(changes.len(), 1, "drops are only observed");
}

#[tokio::test]
async fn a_list_that_cannot_be_had_is_counted() {
    let world = world("http://127.0.0.1:1/list");
    let failed = || world.metrics.process.lists_failed.get();
    while failed() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(world.metrics.process.lists_stale.get(), 1);
    assert_eq!(world.hit(), None);
}

#[tokio::test]
async fn a_list_that_goes_ends_its_captures_and_one_that_comes_is_fetched_at_once() {
    let text = Arc::new(Mutex::new("192.0.2.0/24\n".to_owned()));
    let mut world = world(&server(&text).await);
    while world.hit().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let sighting = Sighting {
        agent: AgentId(0),
        port: 3,
        hit: world.hit().unwrap(),
        samples: 1,
        bytes: 1500,
        first: Time::START,
    };
    let capture = || Sign::Listed(sighting);
    world.signs.send(capture()).await.unwrap();
    world.views(1).await;
    // Nothing has changed: the capture goes on.
    world.told.send_replace(Arc::new(parse(&world.text)));
    while world.metrics.process.lists_same.get() + world.metrics.process.lists_new.get() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.views(1).await;
    let (rest, list) = world.text.split_once("[[capture.blacklist]]").unwrap();
    world.told.send_replace(Arc::new(parse(rest)));
    world.views(0).await;
    assert!(world.hit().is_none());
    // What a thread has seen before it heard of that.
    world.signs.send(capture()).await.unwrap();
    while world.metrics.process.sightings.get() < 2 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.views(0).await;
    world.text = format!("{rest}[[capture.blacklist]]{list}");
    world.told.send_replace(Arc::new(parse(&world.text)));
    while world.hit().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.signs.send(capture()).await.unwrap();
    world.views(1).await;
}
