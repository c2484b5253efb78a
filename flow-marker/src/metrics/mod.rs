//! Counters of everything that moves, as Prometheus text (exposition format 0.0.4).
//!
//! Every metric is a typed field that exists from the start, so that none can be misspelt and a rate over it is never
//! undefined. The only label that depends on configuration is the agent's address, and it comes from the inventory,
//! never from the network: agents that are not in it are `other`.
//!
//! What is conserved: datagrams received = Σ decoded + Σ rejected + unknown agent + dropped at a handover; for every agent flow samples =
//! Σ `flow_samples_total` over its results; elephants = Σ detected − Σ ended, after each tick. A sample whose end is cut
//! off and whose fields are all there counts by its kind, and once more as damaged.

mod families;
mod number;

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use families::Meta;
pub use families::{Agent, Control, Process, Thread};
pub use number::{Counter, Fact, Gauge};

/// An agent of the inventory: what it sends, and what is done on it.
type Known = (IpAddr, Arc<Agent>, Arc<Control>);

/// All metrics. Cheap to share; counting takes no lock.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Metrics of the process.
    pub process: Process,
    threads: Vec<Arc<Thread>>,
    /// What agents outside of the inventory send, by receiving thread.
    others: Vec<Arc<Agent>>,
    /// Those of the inventory, in its order.
    agents: Mutex<Vec<Known>>,
}

impl Metrics {
    /// Metrics for so many receiving threads, and for no agent yet.
    pub fn new(threads: usize) -> Self {
        Self {
            process: Process::default(),
            threads: (0..threads).map(|_| Arc::default()).collect(),
            others: (0..threads).map(|_| Arc::default()).collect(),
            agents: Mutex::default(),
        }
    }

    /// The metrics of every receiving thread.
    pub fn threads(&self) -> &[Arc<Thread>] {
        &self.threads
    }

    /// What each receiving thread counts of all agents outside of the inventory together.
    pub fn others(&self) -> &[Arc<Agent>] {
        &self.others
    }

    fn known(&self) -> MutexGuard<'_, Vec<Known>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Metrics for an agent of the inventory: of what it sends, and of what is done on it. They are the same when it comes
    /// again.
    pub fn add_agent(&self, address: IpAddr) -> (Arc<Agent>, Arc<Control>) {
        let mut known = self.known();
        if let Some((_, agent, control)) = known.iter().find(|(there, ..)| *there == address) {
            return (Arc::clone(agent), Arc::clone(control));
        }
        let new = (Arc::<Agent>::default(), Arc::<Control>::default());
        let (agent, control) = new.clone();
        known.push((address, agent, control));
        new
    }

    /// What every agent sends, in the inventory's order.
    pub fn agents(&self) -> Vec<Arc<Agent>> {
        let known = self.known();
        known.iter().map(|(_, agent, _)| Arc::clone(agent)).collect()
    }

    /// Everything in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8192);
        let process = [(String::new(), self.process.values())];
        render(&mut text, Process::META, &process);
        let threads = sum(self.threads.iter().map(|thread| thread.values()));
        render(&mut text, Thread::META, &[(String::new(), threads)]);
        let label = |address| format!("agent=\"{address}\"");
        let known = self.known().clone();
        let mut agents: Vec<_> = known
            .iter()
            .map(|(address, agent, _)| (label(address), agent.values()))
            .collect();
        let others = sum(self.others.iter().map(|other| other.values()));
        agents.push(("agent=\"other\"".to_owned(), others));
        render(&mut text, Agent::META, &agents);
        let controls: Vec<_> = known
            .iter()
            .map(|(address, _, control)| (label(address), control.values()))
            .collect();
        render(&mut text, Control::META, &controls);
        text
    }
}

/// Sums over instances, metric by metric; what no instance knows has no sum.
fn sum(instances: impl Iterator<Item = Vec<Option<u64>>>) -> Vec<Option<u64>> {
    instances
        .reduce(|mut sums, values| {
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum = match (*sum, value) {
                    (Some(a), Some(b)) => Some(a.wrapping_add(b)),
                    (known, None) | (None, known) => known,
                };
            }
            sums
        })
        .unwrap_or_default()
}

/// Appends every metric of `meta` once for each of `instances`, which are a label and the values in `meta`'s order.
fn render(text: &mut String, meta: &[Meta], instances: &[(String, Vec<Option<u64>>)]) {
    let mut previous = "";
    for (index, metric) in meta.iter().enumerate() {
        let Meta {
            name,
            kind,
            labels,
            help,
        } = metric;
        // Writing into a String cannot fail.
        if previous != *name {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
            previous = name;
        }
        for (label, values) in instances {
            let Some(value) = values.get(index).copied().flatten() else {
                continue;
            };
            let _ = match (label.as_str(), *labels) {
                ("", "") => writeln!(text, "{name} {value}"),
                (one, "") | ("", one) => writeln!(text, "{name}{{{one}}} {value}"),
                (one, two) => writeln!(text, "{name}{{{one},{two}}} {value}"),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn text_has_every_family_once_with_its_type() {
        let metrics = Metrics::new(2);
        metrics.add_agent("10.0.0.1".parse().unwrap());
        let (agent, _) = metrics.add_agent("2001:db8::1".parse().unwrap());
        metrics.threads()[0].datagrams_received.bump_by(1);
        metrics.threads()[1].datagrams_received.add(2);
        agent.samples_flow.inc();
        let text = metrics.render();
        assert!(
            text.contains(
                "# TYPE flow_marker_datagrams_received_total counter\nflow_marker_datagrams_received_total 3\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("flow_marker_samples_total{agent=\"2001:db8::1\",kind=\"flow\"} 1\n"),
            "{text}"
        );
        let headers: Vec<_> = text.lines().filter(|l| l.starts_with("# TYPE")).collect();
        assert_eq!(
            headers.len(),
            headers.iter().collect::<HashSet<_>>().len(),
            "fields of one name must stand together"
        );
    }

    #[test]
    fn what_is_not_known_has_no_series() {
        let metrics = Metrics::new(1);
        let [one, two] = ["10.0.0.1", "10.0.0.2"].map(|agent| metrics.add_agent(agent.parse().unwrap()).1);
        let series = |metrics: &Metrics| {
            let text = metrics.render();
            let lines = text
                .lines()
                .filter(|l| l.starts_with("flow_marker_switch_reachable"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(series(&metrics), [] as [&str; 0]);
        one.reachable.set(false);
        two.reachable.set(true);
        assert_eq!(
            series(&metrics),
            [
                "flow_marker_switch_reachable{agent=\"10.0.0.1\"} 0",
                "flow_marker_switch_reachable{agent=\"10.0.0.2\"} 1"
            ]
        );
    }

    #[test]
    fn names_follow_the_conventions() {
        let all = [Process::META, Thread::META, Agent::META, Control::META];
        for meta in all.into_iter().flatten() {
            assert_eq!(
                meta.kind == "counter",
                meta.name.ends_with("_total"),
                "{}",
                meta.name
            );
        }
    }

    #[test]
    fn the_operators_page_names_every_metric_and_no_other() {
        let page = include_str!("../../../docs/OPERATING.md");
        let (_, page) = page.split_once("## Every metric\n").unwrap();
        let page = page.split("\n## ").next().unwrap();
        let tables = page.lines().filter(|line| line.starts_with("| `"));
        let mut named = HashSet::new();
        for line in tables {
            let [_, names, _] = line.splitn(3, '|').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            for name in names.split('`').skip(1).step_by(2) {
                let name = name.split('{').next().unwrap();
                assert!(
                    named.insert(format!("flow_marker_{name}")),
                    "{name} stands there twice"
                );
            }
        }
        let all = [Process::META, Thread::META, Agent::META, Control::META];
        let exist: HashSet<_> = all
            .into_iter()
            .flatten()
            .map(|meta| meta.name.to_owned())
            .collect();
        let missing: Vec<_> = exist.difference(&named).collect();
        let invented: Vec<_> = named.difference(&exist).collect();
        assert!(
            missing.is_empty() && invented.is_empty(),
            "missing {missing:?}, invented {invented:?}"
        );
        for label in all.into_iter().flatten().filter(|meta| !meta.labels.is_empty()) {
            let value = label.labels.split('"').nth(1).unwrap();
            assert!(page.contains(&format!("`{value}`")), "{} {value}", label.name);
        }
    }
}
