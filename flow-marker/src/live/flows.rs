//! Flows as people see them: those that receiving threads tell of, beside what is known of their marks.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::actuator::control::protocol;
use crate::clock::{Clock, Time};
use crate::config;
use crate::control::desired::{State, View};
use crate::control::guard::guard;
use crate::engine::LiveFlow;
use crate::flow::{AgentId, FiveTuple, FlowKey};
use crate::overview::{Flow, FlowCounts, FlowState, Place, Port, short};
use crate::sflow::DataSource;

/// From this share of the evidence on a flow is about to become an elephant: there the detector begins to follow it.
const THIRD: f64 = 1.0 / 3.0;

/// So long flows are shown that have ended.
const RELEASED: Duration = Duration::from_secs(60);

/// So long it may take until a mark is wanted of what was found.
const NEW: Duration = Duration::from_secs(2);

/// Flows that have ended and are shown: a fabric's in a bad minute.
const MOST_RELEASED: usize = 2048;

/// All flows that are known, the largest first.
#[derive(Debug, Default)]
pub struct FlowList {
    /// When they were gathered.
    pub at: Time,
    /// The flows.
    pub flows: Arc<[Flow]>,
    /// Their texts, made when somebody searches for the first time.
    texts: OnceLock<Vec<String>>,
}

impl FlowList {
    /// Flows as they were at a moment.
    pub(super) fn new(at: Time, flows: Arc<[Flow]>) -> Self {
        Self {
            at,
            flows,
            texts: OnceLock::new(),
        }
    }

    /// Those in one of `states` of which every word is a part of the text, the largest first: how many, and the first `most`.
    /// No states: in any.
    pub fn search(&self, words: &[String], states: &[FlowState], most: usize) -> (usize, Vec<&Flow>) {
        let is_meant = |flow: &Flow| states.is_empty() || states.contains(&flow.state);
        let (mut matching, mut found) = (0, Vec::new());
        let mut take = |flow| {
            matching += 1;
            if found.len() < most {
                found.push(flow);
            }
        };
        if words.is_empty() {
            self.flows.iter().filter(|flow| is_meant(flow)).for_each(take);
        } else {
            let flows = self.flows.iter().zip(self.texts());
            flows
                .filter(|(flow, text)| is_meant(flow) && words.iter().all(|word| text.contains(word)))
                .for_each(|(flow, _)| take(flow));
        }
        (matching, found)
    }

    fn texts(&self) -> &[String] {
        self.texts.get_or_init(|| self.flows.iter().map(text).collect())
    }
}

/// Everything of a flow that one may search for, in small letters.
fn text(flow: &Flow) -> String {
    let port = flow.port.name.as_deref().unwrap_or_default();
    let control = flow.control.as_deref().unwrap_or_default();
    let mut text = format!(
        "{} {} {} {} {port} {control} {}",
        flow.text(),
        flow.place.name,
        flow.place.agent,
        flow.port.ifindex,
        flow.state.word()
    );
    text.make_ascii_lowercase();
    text
}

/// A mark of a switch.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) view: View,
    pub(super) place: Arc<Place>,
    pub(super) port: Port,
    /// Why the switch cannot be reached, if it cannot.
    pub(super) unreached: Option<String>,
}

/// The marks of all switches, by switch and flow.
pub(super) type Marks = HashMap<(AgentId, FiveTuple), Marked>;

/// What a flow was like when it was told of last.
#[derive(Debug)]
struct Known {
    state: FlowState,
    since: Time,
    bytes: u64,
    /// Its place in the list of the last round.
    at: usize,
}

/// A flow of this round; one that has ended has no key.
struct Listed {
    key: Option<FlowKey>,
    since: Time,
    bytes: u64,
    flow: Flow,
}

/// What surrounds the flows of one round.
pub(super) struct Around<'a> {
    pub(super) now: Time,
    pub(super) clock: &'a Clock,
    pub(super) mark: &'a config::Mark,
    pub(super) marks: &'a Marks,
}

/// What became of the flows of one round.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) flows: Arc<[Flow]>,
    pub(super) counts: FlowCounts,
    /// Bytes of elephants since the last round: of those whose mark is installed, and of the others.
    pub(super) marked: u64,
    pub(super) unmarked: u64,
}

/// All flows from round to round.
#[derive(Debug, Default)]
pub(super) struct Flows {
    known: HashMap<FlowKey, Known>,
    list: Arc<[Flow]>,
    /// Flows that have ended, by when.
    ended: VecDeque<(Time, FlowKey, Flow)>,
}

impl Flows {
    /// Takes what receiving threads tell now. `locate` knows the names of switches and ports; `None` where a switch is gone.
    pub(super) fn take(
        &mut self,
        around: &Around<'_>,
        told: &[LiveFlow],
        mut locate: impl FnMut(AgentId, u32) -> Option<(Arc<Place>, Port)>,
    ) -> Round {
        let mut round = Round::default();
        let mut list = Vec::with_capacity(told.len() + self.ended.len());
        for live in told {
            if let Some(place) = locate(live.key.agent, live.port) {
                list.push(self.flow(around, live, place, &mut locate, &mut round));
            }
        }
        Self::by_hand(around, &mut list);
        self.end(around, &list);
        let ended = self.ended.iter().map(|(at, _, flow)| Listed {
            key: None,
            since: *at,
            bytes: 0,
            flow: flow.clone(),
        });
        list.extend(ended);
        // Those of the same rate always in the same order, so that rows do not jump.
        list.sort_by(|a, b| {
            let (a, b) = (&a.flow, &b.flow);
            let who = |flow: &Flow| {
                (
                    flow.source,
                    flow.sport,
                    flow.destination,
                    flow.dport,
                    flow.place.agent,
                )
            };
            b.rate.cmp(&a.rate).then_with(|| who(a).cmp(&who(b)))
        });
        for (at, listed) in list.iter().enumerate() {
            round.counts.count(listed.flow.state);
            if let Some(key) = listed.key {
                let known = Known {
                    state: listed.flow.state,
                    since: listed.since,
                    bytes: listed.bytes,
                    at,
                };
                self.known.insert(key, known);
            }
        }
        self.list = list.into_iter().map(|listed| listed.flow).collect();
        round.flows = Arc::clone(&self.list);
        round
    }

    /// A flow that a receiving thread tells of.
    fn flow(
        &self,
        around: &Around<'_>,
        live: &LiveFlow,
        (place, port): (Arc<Place>, Port),
        locate: &mut impl FnMut(AgentId, u32) -> Option<(Arc<Place>, Port)>,
        round: &mut Round,
    ) -> Listed {
        let mark = around.marks.get(&(live.key.agent, live.key.tuple));
        let view = mark.map(|mark| &mark.view);
        let installed = view.filter(|view| view.state == State::Installed);
        let state = match (installed, live.elephant) {
            (Some(_), _) => FlowState::Marked,
            (None, Some(_)) => FlowState::Found,
            (None, None) if live.share >= THIRD => FlowState::Evidence,
            (None, None) => FlowState::Seen,
        };
        let before = self.known.get(&live.key);
        let kept = before
            .filter(|before| before.state == state)
            .map(|before| before.since);
        let since = installed.and_then(|view| view.times.installed);
        let found = live
            .elephant
            .filter(|_| before.is_none_or(|before| before.state < FlowState::Found));
        let since = since.or(kept).or(found.map(|elephant| elephant.detected));
        let since = since.unwrap_or(around.now);
        if live.elephant.is_some() {
            let new = live.bytes.saturating_sub(before.map_or(0, |before| before.bytes));
            match installed {
                Some(_) => round.marked += new,
                None => round.unmarked += new,
            }
        }
        let why = (state == FlowState::Found).then(|| why(around, live, mark));
        let rate = live.rate.bits_per_second();
        let flow = Flow {
            rate,
            state,
            exit: live.output.and_then(|port| Some(locate(live.key.agent, port)?.1)),
            evidence: if state >= FlowState::Found {
                1.0
            } else {
                live.share
            },
            since: around.clock.unix_ns(since),
            control: view.map(|view| view.control.name.to_string()),
            why,
            ..blank(&live.key.tuple, place, port)
        };
        Listed {
            key: Some(live.key),
            since,
            bytes: live.bytes,
            flow,
        }
    }

    /// Adds flows that are marked although no receiving thread tells of them: people may mark what they want.
    fn by_hand(around: &Around<'_>, list: &mut Vec<Listed>) {
        let told = list.iter().filter_map(|listed| listed.key);
        let told: HashSet<_> = told.map(|key| (key.agent, key.tuple)).collect();
        for ((agent, tuple), mark) in around.marks {
            if mark.view.state != State::Installed || told.contains(&(*agent, *tuple)) {
                continue;
            }
            let view = &mark.view;
            let since = view.times.installed.unwrap_or(around.now);
            let flow = Flow {
                rate: view.current.map_or(0, |current| current.rate.bits_per_second()),
                state: FlowState::Marked,
                evidence: 1.0,
                since: around.clock.unix_ns(since),
                control: Some(view.control.name.to_string()),
                ..blank(tuple, Arc::clone(&mark.place), mark.port.clone())
            };
            let key = FlowKey {
                agent: *agent,
                source: DataSource::interface(view.cause.port),
                tuple: *tuple,
            };
            list.push(Listed {
                key: Some(key),
                since,
                bytes: 0,
                flow,
            });
        }
    }

    /// Notes which elephants are not told of any more, and forgets the other flows that are not.
    fn end(&mut self, around: &Around<'_>, told: &[Listed]) {
        let told: HashSet<_> = told.iter().filter_map(|listed| listed.key).collect();
        self.ended
            .retain(|(at, key, _)| around.now.since(*at) < RELEASED && !told.contains(key));
        let Self {
            known, list, ended, ..
        } = self;
        known.retain(|key, known| {
            let stays = told.contains(key);
            if !stays
                && known.state >= FlowState::Found
                && let Some(flow) = list.get(known.at)
            {
                let flow = Flow {
                    rate: 0,
                    state: FlowState::Released,
                    since: around.clock.unix_ns(around.now),
                    why: None,
                    ..flow.clone()
                };
                ended.push_back((around.now, *key, flow));
            }
            stays
        });
        while ended.len() > MOST_RELEASED {
            ended.pop_front();
        }
    }
}

/// A flow of which nothing is known but who and where it is.
fn blank(tuple: &FiveTuple, place: Arc<Place>, port: Port) -> Flow {
    Flow {
        source: tuple.source,
        destination: tuple.destination,
        protocol: protocol(tuple.protocol),
        sport: tuple.source_port,
        dport: tuple.destination_port,
        place,
        port,
        exit: None,
        rate: 0,
        state: FlowState::Seen,
        evidence: 0.0,
        since: 0,
        control: None,
        why: None,
    }
}

/// Why an elephant has no installed mark.
fn why(around: &Around<'_>, live: &LiveFlow, mark: Option<&Marked>) -> String {
    let Some(Marked { view, unreached, .. }) = mark else {
        let guarded = live.elephant.and_then(|elephant| guard(around.mark, &elephant));
        let detected = live.elephant.map(|elephant| elephant.detected);
        if guarded.is_none() && detected.is_some_and(|at| around.now.since(at) < NEW) {
            return "it was found a moment ago".to_owned();
        }
        // What a person has released rests, and so does what needs a name that is not known.
        return guarded.map_or_else(
            || {
                "no mark is wanted: released by a person a short while ago, or its port has no name"
                    .to_owned()
            },
            |guarded| format!("guarded: {}", guarded.why()),
        );
    };
    let error = view.error.as_deref().unwrap_or("without a reason");
    match view.state {
        State::Wanted => match unreached {
            Some(why) => format!("its switch cannot be reached: {}", short(why, 200)),
            None => "its mark is on the way to the switch".to_owned(),
        },
        State::Observed => "the mode of marks is observe".to_owned(),
        State::Paused => "paused".to_owned(),
        State::Refused => format!("refused by the switch: {}", short(error, 200)),
        State::Failed => format!("the switch could not be asked: {}", short(error, 200)),
        State::OverBudget => "over budget: the switch has no place for its mark".to_owned(),
        State::Installed | State::Releasing | State::Released => "its mark is being removed".to_owned(),
    }
}

impl FlowCounts {
    /// Counts one more.
    const fn count(&mut self, state: FlowState) {
        self.all += 1;
        match state {
            FlowState::Evidence => self.evidence += 1,
            FlowState::Found | FlowState::Marked => self.elephants += 1,
            FlowState::Seen | FlowState::Released => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use shared::units::BitRate;

    use super::*;
    use crate::config::Config;
    use crate::detect::{Elephant, Evidence};
    use crate::live::ends::tests::{FLOW, mark};

    #[test]
    fn why_an_elephant_has_no_mark_is_said_as_it_is() {
        let config = Config::parse(Path::new("t"), "").unwrap();
        let at = |seconds| Time::START + Duration::from_secs(seconds);
        let nothing = BitRate::from_bits_per_second(0);
        let key = FlowKey {
            agent: AgentId(0),
            source: DataSource::interface(1),
            tuple: FLOW,
        };
        let elephant = Elephant {
            key,
            port: 1,
            dscp: 0,
            detected: at(10),
            evidence: Evidence::counted((1, 1), (at(9), at(10)), (nothing, nothing)),
        };
        let live = LiveFlow {
            key,
            port: 1,
            rate: nothing,
            share: 1.0,
            elephant: Some(elephant),
            bytes: 1,
            last_sample: Some(at(10)),
            until: Some(at(12)),
            output: None,
        };
        let (clock, marks) = (Clock::start(), Marks::new());
        let said = |now, mark: Option<&Marked>| {
            let around = Around {
                now,
                clock: &clock,
                mark: &config.mark,
                marks: &marks,
            };
            why(&around, &live, mark)
        };
        assert_eq!(said(at(11), None), "it was found a moment ago");
        assert!(said(at(12), None).starts_with("no mark is wanted: "));
        let mut marked = Marked {
            view: mark(State::Wanted),
            place: Arc::new(Place {
                agent: [10, 0, 0, 1].into(),
                name: "leaf1".into(),
            }),
            port: Port {
                ifindex: 1,
                name: None,
            },
            unreached: None,
        };
        assert_eq!(
            said(at(12), Some(&marked)),
            "its mark is on the way to the switch"
        );
        marked.unreached = Some("connection refused".to_owned());
        assert_eq!(
            said(at(12), Some(&marked)),
            "its switch cannot be reached: connection refused"
        );
    }
}
