//! What is known of switches and their controls, as facts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::flows::{Marked, Marks};
use crate::actuator::Action;
use crate::clock::Time;
use crate::control::desired::{Desired, Why};
use crate::control::oversight;
use crate::control::pause::Pause;
use crate::control::switch::Switch;
use crate::control::switches::Switches;
use crate::engine::{Loads, PortLoad};
use crate::flow::{AgentId, FiveTuple};
use crate::inventory::{PortList, Roster};
use crate::overview::{ControlFact, Filling, Flow, LINKS, Link, Paused, Place, Port, SwitchFact};

/// The ports of all switches, by their places in the roster.
#[derive(Debug, Default)]
pub(super) struct Ports(Vec<Option<(Arc<Place>, Arc<PortList>)>>);

impl Ports {
    /// As they are shown now. Retired switches have none.
    pub(super) fn of(roster: &Roster, mut place: impl FnMut(IpAddr) -> Arc<Place>) -> Self {
        let members = roster.iter().map(|member| {
            let known = || (place(member.config.agent), member.ports());
            (!member.is_retired()).then(known)
        });
        Self(members.collect())
    }

    /// A port of a switch; `None` when the switch is gone.
    pub(super) fn at(&self, agent: AgentId, if_index: u32) -> Option<(Arc<Place>, Port)> {
        let (place, ports) = self.0.get(agent.index())?.as_ref()?;
        let at = ports.binary_search_by_key(&if_index, |(index, _)| *index);
        let port = at.ok().and_then(|at| ports.get(at));
        let port = Port {
            ifindex: if_index,
            name: port.and_then(|(_, port)| port.name.clone()),
        };
        Some((Arc::clone(place), port))
    }
}

/// Since when switches do not answer, or have something else than they should have.
#[derive(Debug, Default)]
pub(super) struct Sinces {
    unreachable: HashMap<usize, Time>,
    differs: HashMap<usize, Time>,
}

/// Since when something is so that `is`.
fn since(all: &mut HashMap<usize, Time>, index: usize, is: bool, now: Time) -> Option<Time> {
    if is {
        Some(*all.entry(index).or_insert(now))
    } else {
        all.remove(&index);
        None
    }
}

/// When elephants have ended that are not sampled again before.
pub(super) type Ends = HashMap<(AgentId, FiveTuple), Time>;

/// What is known of all switches.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) switches: Vec<SwitchFact>,
    pub(super) controls: Vec<ControlFact>,
    pub(super) marks: Marks,
}

/// Gathers what is known of all switches that are in the inventory, or still have something of ours.
pub(super) fn switches(
    now: Time,
    switches: &Switches,
    (ports, ends): (&Ports, &Ends),
    sinces: &mut Sinces,
) -> Gathered {
    let mut gathered = Gathered::default();
    for switch in switches.all().iter() {
        let Some((place, _)) = place(switch, ports) else {
            continue;
        };
        let mut switch_fact = fact(now, switch, &place, sinces);
        let agent = AgentId(u32::try_from(switch.index).unwrap_or(u32::MAX));
        let views: Vec<_> = switch.read(|desired| desired.views().collect());
        for view in views {
            let known = ports.at(agent, view.cause.port);
            let port = known.map_or_else(|| port(&view.cause), |(_, port)| port);
            if let Action::Mark { flow, .. } = &view.control.action {
                let mark = Marked {
                    view: view.clone(),
                    place: Arc::clone(&place),
                    port: port.clone(),
                };
                gathered.marks.insert((agent, *flow), mark);
            }
            let shadowed = view.shadowed.clone();
            let shadowed = shadowed.map(|rule| (view.control.action.to_string(), rule));
            switch_fact.shadowed.extend(shadowed);
            let why: Option<Why> = view.proof.why;
            gathered.controls.push(ControlFact {
                place: Arc::clone(&place),
                port,
                effect_why: why.map(|why| why.text(|agent| oversight::address(switches, agent))),
                until: view
                    .control
                    .flow()
                    .and_then(|flow| ends.get(&(agent, *flow)).copied()),
                view,
            });
        }
        gathered.switches.push(switch_fact);
    }
    gathered
}

/// What a switch is called; `None` when it is gone and nothing of ours is left there.
fn place(switch: &Switch, ports: &Ports) -> Option<(Arc<Place>, Port)> {
    let agent = AgentId(u32::try_from(switch.index).unwrap_or(u32::MAX));
    let known = ports.at(agent, 0);
    if known.is_none() && !switch.read(Desired::is_clean) {
        let agent = switch.config.agent;
        let name = switch.config.name.clone().unwrap_or_else(|| agent.to_string());
        let place = Arc::new(Place {
            agent,
            name: name.into(),
        });
        return Some((
            place,
            Port {
                ifindex: 0,
                name: None,
            },
        ));
    }
    known
}

fn port(cause: &crate::control::desired::Cause) -> Port {
    Port {
        ifindex: cause.port,
        name: cause.port_name.clone(),
    }
}

fn fact(now: Time, switch: &Switch, place: &Arc<Place>, sinces: &mut Sinces) -> SwitchFact {
    let contact = switch.contact();
    let (tally, budget, in_sync) =
        switch.read(|desired| (desired.tally(), desired.budget(), desired.is_in_sync(now)));
    let unreachable = contact.reachable == Some(false);
    SwitchFact {
        place: Arc::clone(place),
        reachable: contact.reachable,
        error: contact.last_error,
        unreachable: since(&mut sinces.unreachable, switch.index, unreachable, now),
        differs: since(&mut sinces.differs, switch.index, !in_sync, now),
        tally,
        budget,
        shadowed: Vec::new(),
    }
}

/// The pause, if there is one.
pub(super) fn pause(pause: &Pause, switches: &Switches) -> Option<Paused> {
    let said = pause.read()?;
    let all = switches.all();
    let left = all
        .iter()
        .filter(|switch| !switch.retirement.requested() && !switch.read(Desired::is_silent));
    let waiting: Vec<_> = left.map(|switch| switch.config.agent).collect();
    Some(Paused {
        since: said.since,
        who: said.who.unwrap_or(said.caller),
        reason: said.reason,
        withdrawn: waiting.is_empty(),
        waiting,
    })
}

/// The fullest ports, each with the largest flows that enter by it.
pub(super) fn links(loads: &Loads, flows: &[Flow], mut place: impl FnMut(IpAddr) -> Arc<Place>) -> Vec<Link> {
    let ports = loads.ports.iter().take(LINKS);
    ports.map(|load| link(load, flows, place(load.agent))).collect()
}

fn link(load: &PortLoad, flows: &[Flow], place: Arc<Place>) -> Link {
    let fills =
        |flow: &&Flow| flow.port.ifindex == load.if_index && flow.place.agent == load.agent && flow.rate > 0;
    let fillings = flows.iter().filter(fills).take(3).map(|flow| Filling {
        text: flow.text(),
        rate: flow.rate,
        state: flow.state,
    });
    let is_out = load.output.unwrap_or_default() > load.input.unwrap_or_default();
    Link {
        flows: fillings.collect(),
        place,
        ifindex: load.if_index,
        port: load.name.clone(),
        speed: load.speed.map(bits),
        input: load.input.map(bits),
        output: load.output.map(bits),
        utilisation: load.utilisation(),
        direction: if is_out { "out" } else { "in" },
        discards: load.discards,
        errors: load.errors,
    }
}

/// A rate that was measured, to the nearest bit per second.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a measurement; saturates"
)]
pub(super) fn bits(rate: f64) -> u64 {
    rate.round() as u64
}
