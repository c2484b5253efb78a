use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use tests::demo::fabric::{Control, FlowEnds};
use tests::lab::{Elephant, Family, FlowMarker, Lab, Mice, mark_config};
use tests::wait;
use tests::wire::{Capture, Flow};

use crate::purpose::{self, Purpose};

/// The parts, in the order of the loop, and the whole.
pub(crate) const PARTS: [&str; 8] = [
    "first packet → first sample at flow-marker",
    "first sample → detected",
    "detected → PUT sent",
    "HTTP and client",
    "queue: the batch window",
    "commit: files, journal, one run of acltool",
    "PUT answered → first marked packet at host b",
    "first packet → first marked packet at host b",
];

/// The rates of the elephants of a run, in hundredths of the threshold.
pub(crate) const MULTIPLES: [u64; 2] = [200, 125];

/// 10 % of a port that counts as 1 Gb/s, in bits per second of frames.
pub(crate) const THRESHOLD: u64 = 100_000_000;

/// How long an elephant sends, in seconds: longer than the minimum hold of a mark lasts beyond its silence.
const SECONDS: u32 = 8;

/// How long a rule may outlive its flow before the measurement is given up.
const RELEASE: Duration = Duration::from_secs(40);

/// The DSCP of marks.
pub(crate) const DSCP: u8 = 10;

/// One profile in the lab.
#[derive(Debug)]
pub(crate) struct Campaign<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) profile: &'a str,
    // Mice and captures end before the next profile's begin.
    pub(crate) mice: Mice,
    pub(crate) sent: Capture,
    pub(crate) received: Capture,
}

/// One elephant that was marked.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Milliseconds by part.
    pub(crate) parts: [f64; PARTS.len()],
    /// The part of its bytes that arrived marked, from 0 to 1.
    pub(crate) share: f64,
    /// Seconds from its last packet to the removal of its rule.
    pub(crate) outlived: f64,
}

/// What a profile has shown.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) profile: String,
    /// For each of [`MULTIPLES`], the runs; `None` for an elephant that was never marked.
    pub(crate) runs: [Vec<Option<Run>>; MULTIPLES.len()],
    /// Packets of mice that arrived at host b.
    pub(crate) mice: u64,
    /// Those of them that were marked, and marked packets of anything else that is no elephant.
    pub(crate) marked_mice: u64,
    pub(crate) purpose: Purpose,
}

impl<'a> Campaign<'a> {
    /// Starts the mice and both captures.
    pub(crate) fn start(lab: &'a Lab, profile: &'a str) -> Result<Self> {
        let (sent, received) = (lab.capture_sent()?, lab.capture_received()?);
        Ok(Self {
            lab,
            profile,
            mice: lab.mice()?,
            sent,
            received,
        })
    }

    /// Starts flow-marker with this profile.
    pub(crate) fn flow_marker(&self, mode: &str) -> Result<FlowMarker> {
        let config = mark_config(self.lab, mode)?;
        self.lab
            .flow_marker(&format!("{config}profile = \"{}\"\n", self.profile))
    }

    /// All of it.
    pub(crate) fn run(self, runs: usize, latency_runs: usize) -> Result<Outcome> {
        let marker = self.flow_marker("act")?;
        let mut elephants = Vec::new();
        let mut found = [Vec::new(), Vec::new()];
        for number in 1..=runs {
            let both = self.both(&marker)?;
            eprint!("{} {number:3}:", self.profile);
            for ((flow, run), of_rate) in both.into_iter().zip(&mut found) {
                let whole = run.as_ref().and_then(|run| run.parts.last());
                eprint!("{:8.1} ms", whole.copied().unwrap_or(f64::NAN));
                elephants.push(flow);
                of_rate.push(run);
            }
            eprintln!();
        }
        let (purpose, flows) = purpose::measure(&self, marker, latency_runs)?;
        elephants.extend(flows);
        let seen = self.received.flows();
        let of_mice = seen.iter().filter(|(flow, _)| Mice::is_mouse(flow));
        // What host b answers does not pass the rules; its kernel copies the DSCP of a packet into the reset that refuses it.
        let is_answer = |flow: &Flow| flow.source.ip() == Family::V4.host_b();
        let is_other = |flow: &Flow| !elephants.contains(flow) && !is_answer(flow);
        let others = || seen.iter().filter(|(flow, _)| is_other(flow));
        for (flow, seen) in others().filter(|(_, seen)| seen.marked() > 0) {
            eprintln!("{flow} is no elephant, and has marks: {seen:?}");
        }
        Ok(Outcome {
            profile: self.profile.to_owned(),
            runs: found,
            mice: of_mice.map(|(_, seen)| seen.packets()).sum(),
            marked_mice: others().map(|(_, seen)| seen.marked()).sum(),
            purpose,
        })
    }

    /// Two elephants at once, from their first packets to the removal of their rules.
    fn both(&self, marker: &FlowMarker) -> Result<Vec<(Flow, Option<Run>)>> {
        let start = |multiple| self.elephant(THRESHOLD / 100 * multiple, SECONDS);
        let elephants = MULTIPLES.map(start).into_iter().collect::<Result<Vec<_>>>()?;
        for elephant in &elephants {
            elephant.wait(Duration::from_secs(u64::from(SECONDS)) + RELEASE)?;
        }
        let done = elephants.iter().map(|elephant| {
            let control = self.released(marker, &elephant.flow)?;
            let run = control.map(|control| self.run_of(&elephant.flow, &control));
            Ok((elephant.flow, run.transpose()?))
        });
        done.collect()
    }

    /// An elephant of so many bits per second of whole frames, of which iperf3 counts what TCP carries.
    pub(crate) fn elephant(&self, rate: u64, seconds: u32) -> Result<Elephant> {
        let payload = rate * 1448 / 1518;
        self.lab.elephant(Family::V4, &payload.to_string(), seconds)
    }

    /// The control of a flow that has ended, once it has been removed; `None` when there never was one.
    pub(crate) fn released(&self, marker: &FlowMarker, flow: &Flow) -> Result<Option<Control>> {
        let ends = FlowEnds {
            source: flow.source,
            destination: flow.destination,
        };
        let released = wait::until_ok("the rule to be removed", RELEASE, || {
            let body = marker.get("/controls/json")?.json()?;
            let control = Control::read_all(&body)?
                .into_iter()
                .find(|control| control.flow == ends);
            match control {
                None => Ok(Some(None)),
                Some(control) => Ok(control.removed.is_some().then_some(Some(control))),
            }
        });
        released.with_context(|| marker.process.output_end())
    }

    fn run_of(&self, flow: &Flow, control: &Control) -> Result<Run> {
        let (sent, received) = (self.sent.flow(flow), self.received.flow(flow));
        let first = sent.first.context("nothing was sent")?;
        let last = sent.last.context("nothing was sent")?;
        ensure!(
            received.marked() == received.with_dscp(DSCP),
            "{flow} has marks that are not ours"
        );
        let marked = received.first_marked.context("installed, and never marked")?;
        let sample = control.first_sample.context("no first sample")?;
        let put = control.put_sent.context("never sent")?;
        let installed = control.installed.context("never installed")?;
        let (queue, commit) = (control.queue_ms, control.commit_ms);
        Ok(Run {
            parts: [
                ms(first, sample),
                ms(sample, control.detected),
                ms(control.detected, put),
                ms(put, installed) - queue - commit,
                queue,
                commit,
                ms(installed, marked),
                ms(first, marked),
            ],
            share: received.share_of_bytes(DSCP),
            outlived: ms(last, control.removed.context("never removed")?) / 1e3,
        })
    }
}

/// From one time to another; negative when the second came first.
fn ms(from: SystemTime, to: SystemTime) -> f64 {
    match to.duration_since(from) {
        Ok(span) => span.as_secs_f64() * 1e3,
        Err(error) => -error.duration().as_secs_f64() * 1e3,
    }
}
