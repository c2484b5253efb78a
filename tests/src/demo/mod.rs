//! The demo: two elephants, one after the other, among mice; what happens to them, as a timeline.
#![expect(
    clippy::disallowed_methods,
    reason = "the demo is about real time: it reads the clock"
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use crate::wait;

/// What the demo needs of a fabric, and what it sees of it.
pub mod fabric;
/// The fabric of namespaces: real packets.
mod lab;
/// The fabric without root: a synthetic agent and a recording tool.
mod synthetic;
/// Prints what happens, when it happens.
mod timeline;

use fabric::{Control, Elephant, Fabric, RATE};
use timeline::Timeline;

pub use lab::LabFabric;
pub use synthetic::SyntheticFabric;

/// The mark of every elephant.
const DSCP: u8 = 10;
/// Between two looks at what happens.
const LOOK: Duration = Duration::from_millis(10);
/// How long an elephant may go unmarked before the demo has failed.
const MARK_LIMIT: Duration = Duration::from_secs(15);
/// How long a rule may outlive its flow.
const REMOVE_LIMIT: Duration = Duration::from_secs(20);

/// What the demo is to do.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How long each elephant sends, in seconds.
    pub seconds: u32,
}

/// Shows the loop in `fabric` until both elephants are over.
///
/// # Errors
/// The loop did not close, or `interrupted` was set.
pub fn run(fabric: &mut dyn Fabric, options: Options, interrupted: &AtomicBool) -> Result<()> {
    let timeline = Timeline::start(SystemTime::now());
    for line in fabric.description() {
        timeline.note(&line);
    }
    for (number, elephant) in [Elephant::V4, Elephant::V6].into_iter().enumerate() {
        show(fabric, &timeline, number + 1, elephant, options, interrupted)?;
    }
    timeline.note(&fabric.closing()?);
    Ok(())
}

/// One elephant, from its first packet to the removal of its ACL.
fn show(
    fabric: &mut dyn Fabric,
    timeline: &Timeline,
    number: usize,
    elephant: Elephant,
    options: Options,
    interrupted: &AtomicBool,
) -> Result<()> {
    let flow = fabric.start(elephant, options.seconds)?;
    timeline.now(
        &format!("elephant {number} starts"),
        &format!("{flow}, {} Mb/s ({})", RATE / 1_000_000, elephant.family()),
    );
    let mut seen = Milestones::default();
    let mut deadline = SystemTime::now() + MARK_LIMIT;
    while seen.removed.is_none() {
        wait::pause(LOOK);
        ensure!(!interrupted.load(Ordering::Relaxed), "interrupted");
        let control = fabric
            .controls()?
            .into_iter()
            .find(|control| control.flow == flow);
        let before = seen.clone();
        seen.look(fabric, control.as_ref());
        seen.tell(&before, timeline, fabric, control.as_ref());
        if seen.ended.is_some() && before.ended.is_none() {
            deadline = SystemTime::now() + REMOVE_LIMIT;
        }
        let running = seen.is_marked(fabric) && seen.ended.is_none();
        if !running && SystemTime::now() > deadline {
            bail!(
                "the loop did not close: {}\n{}",
                seen.missing(fabric),
                fabric.logs()
            );
        }
    }
    let last = seen.last_packet.context("an elephant without a last packet")?;
    let outlived = seen
        .removed
        .and_then(|removed| removed.duration_since(last).ok())
        .unwrap_or_default();
    ensure!(
        outlived <= REMOVE_LIMIT,
        "the ACL outlived its flow by {outlived:?}"
    );
    let tally = fabric.tally(DSCP)?;
    timeline.detail(&tally.text);
    ensure!(tally.fine, "the wrong packets were marked: {}", tally.text);
    Ok(())
}

/// When what happened to an elephant.
#[derive(Debug, Clone, Default)]
struct Milestones {
    first_packet: Option<SystemTime>,
    detected: Option<SystemTime>,
    installed: Option<SystemTime>,
    first_marked: Option<SystemTime>,
    last_packet: Option<SystemTime>,
    ended: Option<SystemTime>,
    removed: Option<SystemTime>,
}

/// Something that happened, for people.
#[derive(Debug)]
struct Event {
    at: SystemTime,
    what: &'static str,
    how: String,
    details: Vec<String>,
}

impl Milestones {
    fn look(&mut self, fabric: &dyn Fabric, control: Option<&Control>) {
        self.first_packet = self.first_packet.or_else(|| fabric.first_packet());
        self.first_marked = self.first_marked.or_else(|| fabric.first_marked(DSCP));
        if fabric.flow_has_ended() {
            self.last_packet = fabric.last_packet();
        }
        let Some(control) = control else { return };
        self.detected = Some(control.detected);
        self.installed = control.installed;
        self.ended = control.ended;
        // Captured packets may arrive here a moment after the control is gone: the first mark is waited for.
        if self.is_marked(fabric) {
            self.removed = control.removed;
        }
    }

    fn is_marked(&self, fabric: &dyn Fabric) -> bool {
        self.installed.is_some() && (self.first_marked.is_some() || fabric.far_end().is_none())
    }

    /// Prints what is new, in the order in which it happened.
    fn tell(&self, before: &Self, timeline: &Timeline, fabric: &dyn Fabric, control: Option<&Control>) {
        let mut news = self.news(before, fabric, control);
        news.sort_by_key(|event| event.at);
        for event in news {
            timeline.at(event.at, event.what, &event.how);
            event.details.iter().for_each(|line| timeline.detail(line));
        }
    }

    fn news(&self, before: &Self, fabric: &dyn Fabric, control: Option<&Control>) -> Vec<Event> {
        let after = |at: SystemTime| match self.first_packet.and_then(|first| at.duration_since(first).ok()) {
            Some(after) => format!("after {:.0} ms", after.as_secs_f64() * 1e3),
            None => "at once".to_owned(),
        };
        let new = |now: Option<SystemTime>, then: Option<SystemTime>| now.filter(|_| then.is_none());
        let mut news = Vec::new();
        let mut event = |at, what, how, details| {
            news.push(Event {
                at,
                what,
                how,
                details,
            });
        };
        if let (Some(at), Some(control)) = (new(self.detected, before.detected), control) {
            event(
                at,
                "  detected",
                format!("{}: {}", after(at), control.evidence),
                Vec::new(),
            );
        }
        if let (Some(at), Some(control)) = (new(self.installed, before.installed), control) {
            let how = format!("{}: {}", after(at), control.took);
            event(at, "  ACL installed", how, control.rule.clone());
        }
        if let (Some(at), Some(host)) = (new(self.first_marked, before.first_marked), fabric.far_end()) {
            let how = format!("{}: DSCP {DSCP} at {host}", after(at));
            event(at, "  first marked packet", how, Vec::new());
        }
        if let Some(at) = new(self.last_packet, before.last_packet) {
            event(at, "  flow ended", "its last packet".to_owned(), Vec::new());
        }
        if let (Some(at), Some(last)) = (new(self.removed, before.removed), self.last_packet) {
            let outlived = at.duration_since(last).unwrap_or_default().as_secs_f64();
            let how = format!("{outlived:.1} s after the last packet");
            event(at, "  ACL removed", how, Vec::new());
        }
        news
    }

    fn missing(&self, fabric: &dyn Fabric) -> &'static str {
        match self {
            Self { detected: None, .. } => "the elephant was not detected",
            Self { installed: None, .. } => "its ACL was not installed",
            _ if !self.is_marked(fabric) => "no marked packet arrived",
            Self { ended: None, .. } => "its end was not noticed",
            _ => "its ACL was not removed in time",
        }
    }
}
