//! Against a switch made here that keeps what it is told, slowly, or does not answer at all.

use std::collections::BTreeSet;
use std::sync::Mutex;

use shared::AclName;
use shared::wire::ServerTiming;

use super::*;
use crate::actuator::{BATCH, Hits};
use crate::config::Mode;
use crate::control::switch::tests::{switch, wish};

#[derive(Default)]
struct Inner {
    acls: Mutex<BTreeSet<AclName>>,
    /// How many changes came together, each time.
    batches: Mutex<Vec<usize>>,
    dead: bool,
}

#[derive(Default, Clone)]
struct Fake(Arc<Inner>);

fn dead() -> Failure {
    Failure {
        why: "connection refused".to_owned(),
        retry_after: None,
    }
}

impl Actuator for Fake {
    async fn snapshot(&self) -> Result<Vec<Present>, Failure> {
        if self.0.dead {
            return Err(dead());
        }
        let present = |name: &AclName| Present {
            name: name.clone(),
            etag: "rule".to_owned(),
            entries: 1,
            shadowed: None,
        };
        Ok(self.0.acls.lock().unwrap().iter().map(present).collect())
    }

    async fn counters(&self) -> Result<Option<Counted>, Failure> {
        if self.0.dead {
            return Err(dead());
        }
        let hits = |name: &AclName| Hits {
            name: name.clone(),
            packets: Some(3),
            bytes: Some(4500),
        };
        Ok(Some(Counted {
            age: Duration::ZERO,
            hits: self.0.acls.lock().unwrap().iter().map(hits).collect(),
        }))
    }

    async fn apply(&self, changes: Vec<Change>, _: Duration) -> Vec<(Change, Verdict)> {
        self.0.batches.lock().unwrap().push(changes.len());
        // A commit.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let mut acls = self.0.acls.lock().unwrap();
        let one = |change: Change| {
            let verdict = match &change.control {
                _ if self.0.dead => Verdict::Failed(dead()),
                Some(control) => {
                    acls.insert(control.name.clone());
                    Verdict::Installed {
                        etag: Some("rule".to_owned()),
                        timing: ServerTiming::default(),
                    }
                }
                None => {
                    acls.remove(&change.name);
                    Verdict::Removed
                }
            };
            (change, verdict)
        };
        changes.into_iter().map(one).collect()
    }

    async fn renew(&self, _: Duration) -> Result<String, Failure> {
        Err(dead())
    }

    async fn capacity(&self) -> Result<Option<Capacity>, Failure> {
        Ok(None)
    }
}

#[tokio::test]
async fn every_commit_is_paced_and_withdrawing_is_not() {
    let (fake, switch) = (Fake::default(), Arc::new(switch(Mode::Act, 10_000)));
    for n in 0..300 {
        switch.edit(|desired| desired.want(wish(n)));
    }
    let (trigger, shutdown) = Shutdown::new();
    // A burst of three, and then nothing more in this test.
    let care = Care {
        interval: Duration::from_secs(3600),
        ttl: Duration::from_secs(60),
    };
    let (_kept, care) = watch::channel(care);
    let (clock, connect) = (Clock::start(), fake.clone());
    let connect = move || Ok(Arc::new(connect.clone()));
    let running = tokio::spawn(run(Arc::clone(&switch), connect, clock, care, shutdown));
    while fake.0.acls.lock().unwrap().len() < 300 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(*fake.0.batches.lock().unwrap(), [BATCH, BATCH, 300 - 2 * BATCH]);
    switch.edit(|desired| desired.want(wish(300)));
    switch.notify();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(
        fake.0.acls.lock().unwrap().len(),
        300,
        "each of the three was one"
    );
    trigger.trigger();
    tokio::time::timeout(WITHDRAW, running).await.unwrap().unwrap();
    assert!(fake.0.acls.lock().unwrap().is_empty());
}

#[tokio::test]
async fn what_may_be_left_behind_is_said() {
    let reconciler = |fake: Fake| Reconciler {
        switch: Arc::new(switch(Mode::Act, 64)),
        actuator: ArcSwap::from_pointee(fake),
        clock: Clock::start(),
        care: watch::channel(Care {
            interval: Duration::from_secs(1),
            ttl: Duration::from_secs(60),
        })
        .1,
    };
    let dead = Fake(Arc::new(Inner {
        dead: true,
        ..Inner::default()
    }));
    let mut agenda = Agenda::new(Duration::from_secs(1), Duration::from_secs(60), 0);
    let silent = reconciler(dead);
    silent.take(&mut agenda, silent.ask(false).await);
    silent.withdraw().await;
    assert!(silent.left_behind().unwrap().contains("never said what it has"));

    let healthy = reconciler(Fake::default());
    healthy.take(&mut agenda, healthy.ask(true).await);
    assert_eq!(healthy.left_behind(), None);
    healthy.switch.edit(|desired| desired.want(wish(1)));
    let plan = healthy.switch.read(|desired| desired.plan(healthy.clock.now()));
    healthy.take(&mut agenda, healthy.send(plan).await);
    assert!(healthy.left_behind().unwrap().contains("did not confirm"));
    healthy.withdraw().await;
    assert_eq!(healthy.left_behind(), None);
}

#[tokio::test]
async fn another_care_is_taken_at_once_by_a_new_connection() {
    let (fake, switch) = (Fake::default(), Arc::new(switch(Mode::Act, 64)));
    let slow = Care {
        interval: Duration::from_secs(3600),
        ttl: Duration::from_secs(60),
    };
    let (told, care) = watch::channel(slow);
    let (trigger, shutdown) = Shutdown::new();
    let (connections, clock) = (Arc::new(Mutex::new(0)), Clock::start());
    let (counted, connected) = (Arc::clone(&connections), fake.clone());
    let connect = move || {
        *counted.lock().unwrap() += 1;
        Ok(Arc::new(connected.clone()))
    };
    let running = tokio::spawn(run(Arc::clone(&switch), connect, clock, care, shutdown));
    let reach = async |count: usize| {
        while fake.0.acls.lock().unwrap().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for n in 0..3 {
        switch.edit(|desired| desired.want(wish(n)));
        switch.notify();
        reach(usize::from(n) + 1).await;
    }
    // Three were a burst; the fourth would wait for an hour.
    switch.edit(|desired| desired.want(wish(3)));
    switch.notify();
    let quick = Care {
        interval: Duration::from_millis(1),
        ..slow
    };
    told.send_replace(quick);
    tokio::time::timeout(WITHDRAW, async {
        while *connections.lock().unwrap() < 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
    .unwrap();
    trigger.trigger();
    tokio::time::timeout(WITHDRAW, running).await.unwrap().unwrap();
    assert!(fake.0.acls.lock().unwrap().is_empty());
}
