//! Controls as the first screen shows them.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;

use super::facts::{ControlFact, Facts, Port};
use super::words::{bytes, rate, span};
use crate::actuator::Kind;
use crate::clock::Time;
use crate::control::desired::{Effect, State, View};

/// A control.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    name: String,
    kind: Kind,
    agent: IpAddr,
    switch: Arc<str>,
    port: Port,
    what: String,
    state: State,
    effect: Option<Effect>,
    effect_why: Option<String>,
    why: String,
    owner: String,
    since: u64,
    /// When it ends, as it stands; null: no time is set.
    until: Option<u64>,
    /// What that depends on.
    ends: String,
    hits: Option<u64>,
    rate: Option<u64>,
    error: Option<String>,
}

/// The controls that deserve most to be looked at: those with which something is wrong, then drops, captures, and marks by
/// the size of their flows.
pub(super) fn rows(facts: &Facts, most: usize) -> Vec<Row> {
    let mut controls: Vec<_> = facts.controls.iter().collect();
    let rank = |control: &ControlFact| {
        let view = &control.view;
        let wrong = matches!(view.state, State::Refused | State::Failed) || view.proof.effect == Effect::None;
        (wrong, view.control.kind(), size(view))
    };
    controls.sort_by_cached_key(|control| std::cmp::Reverse(rank(control)));
    controls.truncate(most);
    controls.into_iter().map(|control| row(facts, control)).collect()
}

/// Bits per second.
fn size(view: &View) -> u64 {
    let current = view.current.map(|current| current.rate);
    current.unwrap_or(view.cause.evidence.rate).bits_per_second()
}

/// Since when it is there, or was wanted.
pub(super) fn since(view: &View) -> Time {
    let times = &view.times;
    times.installed.or(times.put_sent).unwrap_or(view.cause.detected)
}

fn row(facts: &Facts, control: &ControlFact) -> Row {
    let view = &control.view;
    let person = view.person.as_ref();
    Row {
        name: view.control.name.to_string(),
        kind: view.control.kind(),
        agent: control.place.agent,
        switch: Arc::clone(&control.place.name),
        port: control.port.clone(),
        what: view.control.action.to_string(),
        state: view.state,
        effect: view.times.installed.map(|_| view.proof.effect),
        effect_why: control.effect_why.clone(),
        why: why(view),
        owner: person.map_or_else(|| "controller".to_owned(), |person| person.who.to_string()),
        since: facts.unix(since(view)),
        until: control.ends.until.map(|until| facts.unix(until)),
        ends: control.ends.text.to_string(),
        hits: view.proof.hits.map(|hits| hits.packets),
        rate: view.current.map(|current| current.rate.bits_per_second()),
        error: view.error.clone(),
    }
}

/// The evidence in words, or what a person or a controller has said.
fn why(view: &View) -> String {
    let cause = &view.cause;
    if let Some(person) = &view.person {
        return person
            .reason
            .as_deref()
            .unwrap_or("no reason was given")
            .to_owned();
    }
    if let Some(about) = &cause.about {
        return about.to_string();
    }
    let evidence = &cause.evidence;
    format!(
        "{} in {}, {}, path {}",
        bytes(evidence.bytes),
        span(evidence.span),
        rate(evidence.rate.as_f64()),
        evidence.path.name()
    )
}
