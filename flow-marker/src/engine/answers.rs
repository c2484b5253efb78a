//! What the engine answers about agents and flows: what every shard knows, put together.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use super::doctor::Report;
use super::hub::{Engine, Unanswered};
use super::metric::SourceName;
use super::metric::query::Agents;
use super::shard::{ActiveFlow, AgentStatus};
use crate::flow::Aggregation;

impl Engine {
    /// The largest flows of a definition, the largest first, at most `most` of them and none below `least`, joined over
    /// data sources as `mode` says. None when there is no such definition.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn active_flows(
        &self,
        agents: Agents,
        name: &str,
        (most, least): (usize, f64),
        mode: Aggregation,
    ) -> Result<Vec<ActiveFlow>, Unanswered> {
        let asked: Arc<str> = name.into();
        let answers = self
            .ask(move |shard, now| shard.active(now, (&agents, &asked), (mode, least)))
            .await?;
        let mut flows = join(answers.into_iter().flatten().flatten(), mode);
        flows.retain(|flow| flow.value >= least);
        flows.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.key.cmp(&b.key)));
        flows.truncate(most);
        Ok(flows)
    }

    /// The value of one flow of a data source; `None` when it is not known.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn flow_value(
        &self,
        agent: IpAddr,
        source: SourceName,
        name: &str,
        key: &str,
    ) -> Result<Option<f64>, Unanswered> {
        let (name, key): (Arc<str>, Arc<str>) = (name.into(), key.into());
        let answers = self
            .ask(move |shard, now| shard.flow_value(now, (agent, &source), (&name, &key)))
            .await?;
        Ok(answers.into_iter().flatten().reduce(f64::max))
    }

    /// The keys that samples have had, with the milliseconds since.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn flow_keys(&self) -> Result<BTreeMap<String, u64>, Unanswered> {
        let mut keys = BTreeMap::new();
        for (key, age) in self
            .ask(|shard, now| shard.flow_keys(now))
            .await?
            .into_iter()
            .flatten()
        {
            let youngest = keys.entry(key).or_insert(age);
            *youngest = age.min(*youngest);
        }
        Ok(keys)
    }

    /// What has become of what agents sent, in order of their addresses.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn agents(&self) -> Result<Vec<AgentStatus>, Unanswered> {
        let answers = self.ask(|shard, _| shard.statuses()).await?;
        let mut agents: Vec<_> = answers.into_iter().flatten().collect();
        // An agent that was silent for an hour may have got another owner: the later answer is the last.
        agents.sort_by_key(|status| (status.agent, status.last_seen));
        Ok(agents)
    }

    /// What the sampling doctor says.
    ///
    /// # Errors
    /// [`Unanswered`]
    pub async fn doctor(&self) -> Result<Report, Unanswered> {
        Ok(Report::merge(self.ask(|shard, now| shard.doctor(now)).await?))
    }
}

/// One flow for each key.
fn join(flows: impl Iterator<Item = ActiveFlow>, mode: Aggregation) -> Vec<ActiveFlow> {
    let mut joined: HashMap<String, (ActiveFlow, f64)> = HashMap::new();
    for flow in flows {
        let Some((known, largest)) = joined.get_mut(&flow.key) else {
            let largest = flow.value;
            joined.insert(flow.key.clone(), (flow, largest));
            continue;
        };
        known.n += flow.n;
        let sum = known.value + flow.value;
        if flow.value > *largest {
            *largest = flow.value;
            (known.agent, known.source, known.value) = (flow.agent, flow.source, flow.value);
        }
        if mode != Aggregation::Max {
            known.value = sum;
        }
    }
    joined.into_values().map(|(flow, _)| flow).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(key: &str, value: f64, port: &str) -> ActiveFlow {
        ActiveFlow {
            key: key.to_owned(),
            value,
            agent: [10, 0, 0, 1].into(),
            source: SourceName::parse(port),
            n: 1,
        }
    }

    #[test]
    fn a_key_is_one_flow_with_its_largest_value_or_the_sum() {
        let seen = || {
            [
                flow("a", 3.0, "1"),
                flow("a", 5.0, "2"),
                flow("a", 4.0, "3"),
                flow("b", 1.0, "1"),
            ]
        };
        for (mode, expected) in [(Aggregation::Max, 5.0), (Aggregation::Sum, 12.0)] {
            let mut joined = join(seen().into_iter(), mode);
            joined.sort_by(|a, b| a.key.cmp(&b.key));
            assert_eq!(joined.len(), 2);
            assert_eq!((joined[0].value, joined[0].n), (expected, 3));
            assert_eq!(joined[0].source, SourceName::parse("2"), "where it is largest");
        }
    }
}
