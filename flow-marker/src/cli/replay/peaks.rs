//! The largest flows of a capture: what each was at most, and when.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Time;
use crate::engine::metric::SourceName;
use crate::engine::metric::query::Agents;
use crate::engine::{Plan, Shard};
use crate::flow::Aggregation;
use crate::ingest::{Received, Sink};

/// Between two looks at the largest flows. What is a peak decays by a twentieth meanwhile, with the usual smoothing of 2 s.
const LOOK: Duration = Duration::from_millis(100);

/// Flows that are remembered of all definitions together: some 200 bytes each, 8 KiB with the longest keys. Beyond it, those
/// that are not larger than the middle one are forgotten.
const MOST: usize = 20_000;

/// A flow of a definition, as one agent sees it: at the data source where it was largest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Peak {
    pub(super) agent: IpAddr,
    pub(super) source: SourceName,
    pub(super) key: String,
    /// At most.
    pub(super) value: f64,
    pub(super) at: Time,
    /// When the capture ends.
    pub(super) last: f64,
}

/// The flows of one definition.
#[derive(Debug)]
struct Flows {
    name: Arc<str>,
    peaks: HashMap<(IpAddr, String), Peak>,
}

/// A shard, and what its flows were at most.
#[derive(Debug)]
pub(super) struct Watched {
    pub(super) shard: Shard,
    flows: Vec<Flows>,
    next: Time,
}

impl Watched {
    pub(super) fn new(shard: Shard, plan: &Plan) -> Self {
        let flows = plan.flows.iter().map(|(name, _)| Flows {
            name: Arc::clone(name),
            peaks: HashMap::new(),
        });
        Self {
            shard,
            flows: flows.collect(),
            next: Time::START,
        }
    }

    fn look(&mut self, now: Time) {
        let most = MOST / self.flows.len().max(1);
        for flows in &mut self.flows {
            let asked = (&Agents::ALL, &*flows.name);
            let active = self.shard.active(now, asked, (Aggregation::Max, 0.0));
            for flow in active.into_iter().flatten() {
                let place = (flow.agent, flow.key);
                let peak = flows.peaks.get(&place);
                if peak.is_some_and(|peak| peak.value >= flow.value) {
                    continue;
                }
                let peak = Peak {
                    agent: flow.agent,
                    source: flow.source,
                    key: place.1.clone(),
                    value: flow.value,
                    at: now,
                    last: 0.0,
                };
                flows.peaks.insert(place, peak);
            }
            if flows.peaks.len() > most {
                halve(&mut flows.peaks);
            }
        }
    }

    /// The `top` largest of each agent, by definition; `now` is when the capture ends.
    pub(super) fn finish(&mut self, now: Time, top: usize) -> Vec<(Arc<str>, Vec<Peak>)> {
        self.look(now);
        let mut found = Vec::new();
        for flows in &mut self.flows {
            let asked = (&Agents::ALL, &*flows.name);
            let active = self.shard.active(now, asked, (Aggregation::Max, 0.0));
            for flow in active.into_iter().flatten() {
                if let Some(peak) = flows.peaks.get_mut(&(flow.agent, flow.key)) {
                    peak.last = peak.last.max(flow.value);
                }
            }
            let mut peaks: Vec<_> = std::mem::take(&mut flows.peaks).into_values().collect();
            peaks.sort_unstable_by(|a, b| {
                let largest = || b.value.total_cmp(&a.value).then_with(|| a.key.cmp(&b.key));
                a.agent.cmp(&b.agent).then_with(largest)
            });
            let by_agent = peaks.chunk_by(|a, b| a.agent == b.agent);
            let largest = by_agent.flat_map(|of_agent| of_agent.iter().take(top).cloned());
            found.push((Arc::clone(&flows.name), largest.collect()));
        }
        found
    }
}

/// Forgets those that are not larger than the middle one.
fn halve(peaks: &mut HashMap<(IpAddr, String), Peak>) {
    let mut values: Vec<f64> = peaks.values().map(|peak| peak.value).collect();
    let middle = values.len() / 2;
    let (_, middle, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let least = *middle;
    peaks.retain(|_, peak| peak.value > least);
}

impl Sink for Watched {
    fn batch(&mut self, now: Time, batch: &[Received<'_>]) {
        self.shard.batch(now, batch);
    }

    fn rest(&mut self, now: Time) {
        self.shard.rest(now);
        if now >= self.next {
            self.next = now + LOOK;
            self.look(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_there_are_too_many_the_largest_stay() {
        let agent = IpAddr::from([10, 0, 0, 1]);
        let peak = |n: u32| Peak {
            agent,
            source: SourceName::parse("1"),
            key: n.to_string(),
            value: f64::from(n),
            at: Time::START,
            last: 0.0,
        };
        let mut peaks: HashMap<_, _> = (0..100).map(|n| ((agent, n.to_string()), peak(n))).collect();
        halve(&mut peaks);
        assert_eq!(peaks.len(), 49);
        assert!(peaks.values().all(|peak| peak.value > 50.0));
    }
}
