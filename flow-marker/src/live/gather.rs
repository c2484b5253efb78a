//! What is known of switches and their controls, as facts.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use shared::AclName;

use super::ends::Endings;
use super::flows::{Marked, Marks};
use crate::actuator::Action;
use crate::clock::Time;
use crate::control::desired::{Desired, Why};
use crate::control::oversight;
use crate::control::pause::Pause;
use crate::control::switch::Switch;
use crate::control::switches::Switches;
use crate::engine::{Loads, PortLoad};
use crate::flow::AgentId;
use crate::inventory::{PortList, Roster};
use crate::overview::{ControlFact, Ends, Filling, Flow, LINKS, Link, Paused, Place, Port, SwitchFact};

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

/// What is known of all switches.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) switches: Vec<SwitchFact>,
    pub(super) controls: Vec<ControlFact>,
    pub(super) marks: Marks,
    /// When controls end, by the position of their switch.
    pub(super) ends: HashMap<(usize, AclName), Ends>,
}

/// Gathers what is known of all switches that are in the inventory, or still have something of ours.
pub(super) fn switches(
    now: Time,
    switches: &Switches,
    (ports, endings): (&Ports, &Endings),
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
                    unreached: switch_fact.unreached(),
                };
                gathered.marks.insert((agent, *flow), mark);
            }
            let shadowed = view.shadowed.clone();
            let shadowed = shadowed.map(|rule| (view.control.action.to_string(), rule));
            switch_fact.shadowed.extend(shadowed);
            let why: Option<Why> = view.proof.why;
            let ends = endings.of(now, switch.index, &view);
            let key = (switch.index, view.control.name.clone());
            gathered.ends.insert(key, ends.clone());
            gathered.controls.push(ControlFact {
                place: Arc::clone(&place),
                port,
                effect_why: why.map(|why| why.text(|agent| oversight::address(switches, agent))),
                ends,
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
    let (tally, budget, in_sync, told) = switch.read(|desired| {
        let told = desired.was_compared() || desired.is_silent();
        (desired.tally(), desired.budget(), desired.is_in_sync(now), told)
    });
    let unreachable = contact.reachable == Some(false);
    SwitchFact {
        place: Arc::clone(place),
        reachable: contact.reachable,
        error: contact.last_error,
        unreachable: since(&mut sinces.unreachable, switch.index, unreachable, now),
        differs: since(&mut sinces.differs, switch.index, !in_sync, now),
        tally,
        told,
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

/// The fullest ports, each with the largest flows that go the way of its fuller direction: that enter by it, or leave by it.
pub(super) fn links(loads: &Loads, flows: &[Flow], mut place: impl FnMut(IpAddr) -> Arc<Place>) -> Vec<Link> {
    let ports = loads.ports.iter().take(LINKS);
    ports.map(|load| link(load, flows, place(load.agent))).collect()
}

fn link(load: &PortLoad, flows: &[Flow], place: Arc<Place>) -> Link {
    let is_out = load.output.unwrap_or_default() > load.input.unwrap_or_default();
    let fills = |flow: &&Flow| {
        let port = if is_out {
            flow.exit.as_ref()
        } else {
            Some(&flow.port)
        };
        let is_here = port.is_some_and(|port| port.ifindex == load.if_index);
        is_here && flow.place.agent == load.agent && flow.rate > 0
    };
    let fillings = flows.iter().filter(fills).take(3).map(|flow| Filling {
        text: flow.text(),
        rate: flow.rate,
        state: flow.state,
    });
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overview::FlowState;

    #[test]
    fn a_link_names_the_flows_that_go_the_way_of_its_fuller_direction() {
        let place = Arc::new(Place {
            agent: [10, 0, 0, 1].into(),
            name: "leaf1".into(),
        });
        let port = |ifindex| Port { ifindex, name: None };
        let flow = |sport, enters, exit, rate| Flow {
            source: [10, 1, 0, 1].into(),
            destination: [10, 2, 0, 1].into(),
            protocol: "tcp",
            sport,
            dport: 80,
            place: Arc::clone(&place),
            port: port(enters),
            exit,
            rate,
            state: FlowState::Found,
            evidence: 1.0,
            since: 0,
            control: None,
            why: None,
        };
        let flows = [
            flow(1, 3, Some(port(49)), 300),
            flow(2, 49, Some(port(3)), 200),
            flow(3, 5, None, 100),
            flow(4, 3, Some(port(49)), 0),
        ];
        let load = |if_index, input, output| PortLoad {
            agent: place.agent,
            if_index,
            name: None,
            speed: Some(1e9),
            input: Some(input),
            output: Some(output),
            discards: 0.0,
            errors: 0.0,
        };
        let named = |load: &PortLoad| {
            let link = link(load, &flows, Arc::clone(&place));
            let texts = link.flows.iter().map(|flow| flow.text.clone());
            (link.direction, texts.collect::<Vec<_>>())
        };
        let [one, two] = [1, 2].map(|sport| format!("10.1.0.1:{sport} → 10.2.0.1:80 tcp"));
        assert_eq!(named(&load(49, 1.0, 9e8)), ("out", vec![one.clone()]));
        assert_eq!(named(&load(49, 9e8, 1.0)), ("in", vec![two.clone()]));
        assert_eq!(named(&load(3, 9e8, 1.0)), ("in", vec![one]));
        assert_eq!(named(&load(3, 1.0, 9e8)), ("out", vec![two]));
        assert_eq!(named(&load(7, 1.0, 9e8)), ("out", Vec::new()));
    }
}
