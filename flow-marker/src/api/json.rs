//! The bodies of `/controls/json` and `/switches/json`.
//!
//! Times are nanoseconds since 1970 (UTC), rates are bits per second.

use std::net::IpAddr;
use std::sync::Arc;

use serde::Serialize;
use shared::units::BitRate;
use shared::wire::ServerTiming;

use super::Api;
use super::effect::{Effect, Timing};
use crate::actuator::control::protocol;
use crate::actuator::rule;
use crate::clock::{Clock, Time};
use crate::config::{Mode, Role};
use crate::control::desired::{self, Budget, Desired, State, View};
use crate::control::switch::Switch;
use crate::detect;
use crate::inventory::Why;
use crate::overview::Ends;

/// One control.
#[derive(Debug, Serialize)]
pub(super) struct Control {
    name: String,
    /// The acl-server that has it.
    switch: String,
    agent: IpAddr,
    port: Port,
    /// The flow of a mark.
    flow: Option<Flow>,
    mode: Mode,
    state: State,
    /// The ACL, line by line.
    rule: Vec<String>,
    /// What else there is to say: who wants it and why, the blacklist, the kind of attack.
    about: Option<String>,
    times: Times,
    /// When it ends, as it stands; null: no time is set, or it is not known.
    until: Option<u64>,
    /// What that depends on; null: on nothing.
    ends: Option<String>,
    evidence: Evidence,
    /// What the flow was like lately; null when no samples of it are followed.
    current: Option<Current>,
    /// The person who wants it, if one does or did last.
    person: Option<Person>,
    /// Where the time went at the server when it was installed.
    server: Option<Server>,
    /// Where the time went in all.
    timing: Timing,
    /// Whether it works; null for what was never on the switch.
    effect: Option<Effect>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct Port {
    pub(super) ifindex: u32,
    pub(super) name: Option<String>,
}

#[derive(Debug, Serialize)]
struct Flow {
    source: IpAddr,
    destination: IpAddr,
    protocol: &'static str,
    sport: u16,
    dport: u16,
}

#[derive(Debug, Serialize)]
pub(super) struct Times {
    first_sample: u64,
    detected: u64,
    put_sent: Option<u64>,
    installed: Option<u64>,
    /// The last sample of the flow.
    ended: Option<u64>,
    removed: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Evidence {
    /// `sequence`, `count` or `average`.
    path: &'static str,
    /// Which clock told the seconds.
    clock: &'static str,
    bytes: u64,
    samples: u32,
    /// How long the bytes took.
    seconds: f64,
    /// The probability that the flow has four fifths of the threshold or more.
    confidence: f64,
    rate_bps: u64,
    threshold_bps: u64,
}

#[derive(Debug, Serialize)]
struct Current {
    /// Averaged over the last eight seconds or so.
    rate_bps: u64,
    /// The same in bytes per second, as flow definitions tell it.
    bytes_per_second: u64,
    last_sample: u64,
}

#[derive(Debug, Serialize)]
pub(super) struct Server {
    queue_ms: f64,
    commit_ms: f64,
}

impl From<&detect::Evidence> for Evidence {
    fn from(evidence: &detect::Evidence) -> Self {
        Self {
            bytes: evidence.bytes,
            samples: evidence.samples,
            path: evidence.path.name(),
            clock: evidence.clock.name(),
            seconds: evidence.span.as_secs_f64(),
            confidence: evidence.confidence,
            rate_bps: evidence.rate.bits_per_second(),
            threshold_bps: evidence.threshold.bits_per_second(),
        }
    }
}

impl From<ServerTiming> for Server {
    fn from(timing: ServerTiming) -> Self {
        let ms = |duration: std::time::Duration| duration.as_secs_f64() * 1e3;
        Self {
            queue_ms: ms(timing.queue),
            commit_ms: ms(timing.commit),
        }
    }
}

/// A person who wants a control.
#[derive(Debug, Serialize)]
struct Person {
    /// The caller of the API.
    who: String,
    reason: Option<String>,
    until: u64,
}

impl Person {
    fn new(clock: &Clock, person: &desired::Person) -> Self {
        Self {
            who: person.who.to_string(),
            reason: person.reason.as_deref().map(str::to_owned),
            until: clock.unix_ns(person.until),
        }
    }
}

/// One switch.
#[derive(Debug, Serialize)]
pub(super) struct SwitchState {
    agent: IpAddr,
    /// What people call it: by the configuration, what it calls itself, or else its address.
    name: String,
    acl: String,
    mode: Mode,
    /// Whether the last request was answered; null before the first.
    reachable: Option<bool>,
    last_error: Option<String>,
    /// Tries that failed since one succeeded.
    failures: u32,
    /// It is left alone until then.
    retry: Option<u64>,
    /// Whether it has what it should have, as far as is known.
    in_sync: bool,
    budget: BudgetState,
    /// Controls on the switch.
    installed: usize,
    /// Controls that should be there, those over budget included.
    desired: usize,
    /// ACLs with our prefix that nobody wants.
    orphans: usize,
    ports: Vec<PortState>,
}

#[derive(Debug, Serialize)]
struct BudgetState {
    /// ACLs that ours may be, and are.
    max_rules: usize,
    rules: usize,
    /// Hardware entries that ours may take, and do; null: the switch does not say how many it has.
    max_entries: Option<u64>,
    entries: u64,
    /// Hardware entries of everybody, and those that there are.
    capacity_used: Option<u64>,
    capacity: Option<u64>,
}

impl From<Budget> for BudgetState {
    fn from(budget: Budget) -> Self {
        let (capacity_used, capacity) = budget.capacity.unzip();
        Self {
            max_rules: budget.max_rules,
            rules: budget.rules,
            max_entries: budget.max_entries,
            entries: budget.entries,
            capacity_used,
            capacity,
        }
    }
}

#[derive(Debug, Serialize)]
struct PortState {
    ifindex: u32,
    name: Option<String>,
    speed_bps: Option<u64>,
    threshold_bps: Option<u64>,
    role: &'static str,
    /// Why it is that.
    why: &'static str,
}

/// Current controls, switch by switch, and then those that are over, the oldest first.
pub(super) fn controls(api: &Api) -> Vec<Control> {
    let mut all = Vec::new();
    let switches = api.switches.all();
    for switch in switches.iter() {
        let views: Vec<_> = switch.read(|desired| desired.views().collect());
        let contact = switch.contact();
        // What cannot be asked for is as wrong as what was asked for and failed.
        let silent = contact.last_error.filter(|_| contact.reachable == Some(false));
        for view in views {
            let mut control = control(api, switch, view);
            control.error = control.error.or_else(|| silent.clone());
            all.push(control);
        }
    }
    for (index, view) in api.switches.journal().finished() {
        if let Some(switch) = switches.get(index) {
            all.push(control(api, switch, view));
        }
    }
    all
}

fn control(api: &Api, switch: &Switch, view: View) -> Control {
    let cause = &view.cause;
    let ends = match view.state {
        // There may be another one of the same name by now.
        State::Released => Ends::default(),
        _ => api.live.ends(api.clock.now(), switch.index, &view.control.name),
    };
    Control {
        name: view.control.name.to_string(),
        switch: switch.config.acl.to_string(),
        agent: cause.agent,
        port: Port {
            ifindex: cause.port,
            // It may have become known since.
            name: cause
                .port_name
                .as_deref()
                .map(str::to_owned)
                .or_else(|| port_name(api, switch.index, cause.port)),
        },
        flow: view.control.flow().map(|flow| Flow {
            source: flow.source,
            destination: flow.destination,
            protocol: protocol(flow.protocol),
            sport: flow.source_port,
            dport: flow.destination_port,
        }),
        mode: switch.read(Desired::modes).of(view.control.kind()),
        state: view.state,
        rule: rule::lines(switch.config.platform, &view.control),
        about: cause.about.as_deref().map(str::to_owned),
        times: times(&api.clock, &view),
        until: ends.until.map(|until| api.clock.unix_ns(until)),
        ends: Some(ends.text.into_owned()).filter(|text| !text.is_empty()),
        evidence: Evidence::from(&cause.evidence),
        current: view.current.map(|current| Current {
            rate_bps: current.rate.bits_per_second(),
            bytes_per_second: current.rate.bits_per_second() / 8,
            last_sample: api.clock.unix_ns(current.last_sample),
        }),
        person: view.person.as_ref().map(|person| Person::new(&api.clock, person)),
        server: view.timing.map(Server::from),
        timing: Timing::of(&view),
        effect: view
            .times
            .installed
            .map(|_| Effect::of(&view, &api.switches, &api.clock)),
        error: view.error,
    }
}

fn port_name(api: &Api, switch: usize, if_index: u32) -> Option<String> {
    let switch = api.switches.roster().get(switch)?;
    switch.port_name(if_index).as_deref().map(str::to_owned)
}

pub(super) fn times(clock: &Clock, view: &View) -> Times {
    let unix = |time: Option<Time>| time.map(|t| clock.unix_ns(t));
    Times {
        first_sample: clock.unix_ns(view.cause.evidence.first_sample),
        detected: clock.unix_ns(view.cause.detected),
        put_sent: unix(view.times.put_sent),
        installed: unix(view.times.installed),
        ended: unix(view.times.ended),
        removed: unix(view.times.removed),
    }
}

/// All switches, in the inventory's order.
pub(super) fn switches(api: &Api) -> Vec<SwitchState> {
    let all = api.switches.all();
    let switches = all.iter().zip(api.switches.roster().iter());
    // A retired one as long as something of ours may be on it.
    let switches =
        switches.filter(|(switch, _)| !(switch.retirement.requested() && switch.read(Desired::is_clean)));
    switches
        .map(|(switch, member)| switch_state(api, switch, &member.ports()))
        .collect()
}

fn switch_state(api: &Api, switch: &Switch, ports: &[(u32, crate::inventory::Port)]) -> SwitchState {
    let tally = switch.read(Desired::tally);
    let contact = switch.contact();
    let config = Arc::clone(&api.config.borrow());
    let threshold = |speed| config.mark.threshold.of_port(speed, config.mark.threshold_max);
    let port = |(ifindex, port): &(u32, crate::inventory::Port)| PortState {
        ifindex: *ifindex,
        name: port.name.as_deref().map(str::to_owned),
        speed_bps: port.speed.map(BitRate::bits_per_second),
        threshold_bps: threshold(port.speed).map(BitRate::bits_per_second),
        role: match port.role {
            Some(judged) if judged.role == Role::Core => "core",
            _ => "edge",
        },
        why: port.role.map_or(Why::Default, |judged| judged.why).text(),
    };
    SwitchState {
        agent: switch.config.agent,
        name: api.live.name(switch.config.agent),
        acl: switch.config.acl.to_string(),
        mode: switch.read(Desired::modes).mark,
        reachable: contact.reachable,
        in_sync: contact.reachable != Some(false)
            && switch.read(|desired| desired.is_in_sync(api.clock.now())),
        last_error: contact.last_error,
        failures: contact.failures,
        retry: contact.retry.map(|retry| api.clock.unix_ns(retry)),
        budget: switch.read(Desired::budget).into(),
        installed: tally.installed,
        desired: tally.desired(),
        orphans: tally.orphans,
        ports: ports.iter().map(port).collect(),
    }
}
