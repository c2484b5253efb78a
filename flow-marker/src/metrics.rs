//! Counters of everything that moves, as Prometheus text (exposition format 0.0.4).
//!
//! Every metric is a typed field that exists from the start, so that none can be misspelt and a rate over it is never
//! undefined. The only label that depends on configuration is the agent's address, and it comes from the inventory,
//! never from the network.
//!
//! What is conserved: datagrams received = Σ decoded + Σ rejected + unknown agent; for every agent flow samples =
//! Σ `flow_samples_total` over its results; elephants = Σ detected − Σ ended, after each tick. A sample whose end is cut
//! off and whose fields are all there counts by its kind, and once more as damaged.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    const KIND: &'static str = "counter";

    /// Adds one.
    pub fn inc(&self) {
        self.add(1);
    }

    /// Adds `n`.
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn shown(&self) -> Option<u64> {
        Some(self.get())
    }
}

/// A number that rises and falls.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    const KIND: &'static str = "gauge";

    /// Replaces the value.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Replaces the value by a length.
    pub fn set_len(&self, len: usize) {
        self.set(len as u64);
    }

    /// The present value.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn shown(&self) -> Option<u64> {
        Some(self.get())
    }
}

/// A statement that is true or false, or not known yet; then it has no series, since neither 0 nor 1 would be true.
#[derive(Debug, Default)]
pub struct Fact(AtomicU64);

impl Fact {
    const KIND: &'static str = "gauge";

    /// It is known now.
    pub fn set(&self, is_true: bool) {
        self.0.store(1 + u64::from(is_true), Ordering::Relaxed);
    }

    /// The present value.
    pub fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            known => Some(known > 1),
        }
    }

    fn shown(&self) -> Option<u64> {
        self.get().map(u64::from)
    }
}

/// What a metric is called and what it means.
struct Meta {
    name: &'static str,
    kind: &'static str,
    /// Constant labels, such as `reason="version"`.
    labels: &'static str,
    help: &'static str,
}

/// A struct of metrics, and the list of what each field is called. Fields of one name must stand together.
macro_rules! metrics {
    ($(#[$meta:meta])* $name:ident { $($field:ident: $kind:ident = $metric:literal [$($label:literal)?] $help:literal;)* }) => {
        $(#[$meta])*
        #[derive(Debug, Default)]
        pub struct $name {
            $(#[doc = concat!("`", $metric, "` ", $("(`", $label, "`)",)? ": ", $help)] pub $field: $kind,)*
        }

        impl $name {
            const META: &'static [Meta] = &[$(Meta {
                name: concat!("flow_marker_", $metric),
                kind: $kind::KIND,
                labels: concat!($($label)?),
                help: $help,
            },)*];

            fn values(&self) -> Vec<Option<u64>> {
                vec![$(self.$field.shown(),)*]
            }
        }
    };
}

metrics! {
    /// Metrics of the process.
    Process {
        datagrams_received: Counter = "datagrams_received_total" [] "Datagrams that arrived on the sFlow port.";
        rejected_version: Counter = "datagrams_rejected_total" ["reason=\"version\""] "Datagrams that are no sFlow version 5, by reason.";
        rejected_truncated: Counter = "datagrams_rejected_total" ["reason=\"truncated\""] "Datagrams that are no sFlow version 5, by reason.";
        rejected_malformed: Counter = "datagrams_rejected_total" ["reason=\"malformed\""] "Datagrams that are no sFlow version 5, by reason.";
        unknown_agent: Counter = "datagrams_unknown_agent_total" [] "Datagrams whose agent address is not in the inventory.";
        receive_errors: Counter = "receive_errors_total" [] "Errors of the socket while receiving.";
        receive_buffer_bytes: Gauge = "receive_buffer_bytes" [] "Size of the socket's receive buffer as the kernel granted it, in bytes.";
        flows_tracked: Gauge = "flows_tracked" [] "Flows in the flow table, stale ones included.";
        flows_capacity: Gauge = "flows_capacity" [] "Flows that fit into the flow table.";
        flows_evicted: Counter = "flows_evicted_total" [] "Flows that lost their place to another one.";
        flows_refused: Counter = "flows_refused_total" [] "Samples whose flow found only larger ones in its place of the table.";
        elephants: Gauge = "elephants" [] "Elephant flows that have not ended.";
        elephants_refused: Counter = "elephants_refused_total" [] "Samples of flows that are elephants, while the list of elephants, or the agent's share of it, was full.";
        events_dropped: Counter = "events_dropped_total" [] "Events that found the way to the controllers full; they are sent again.";
        events_sent: Counter = "events_sent_total" [] "Events handed to the controllers.";
    }
}

metrics! {
    /// Metrics of one agent, which is one switch of the inventory.
    Agent {
        decoded: Counter = "datagrams_decoded_total" [] "Datagrams decoded.";
        damaged: Counter = "datagrams_damaged_total" [] "Decoded datagrams in which a structure could not be read to its end.";
        samples_flow: Counter = "samples_total" ["kind=\"flow\""] "Samples, by kind.";
        samples_counters: Counter = "samples_total" ["kind=\"counters\""] "Samples, by kind.";
        samples_other: Counter = "samples_total" ["kind=\"other\""] "Samples, by kind.";
        samples_damaged: Counter = "samples_total" ["kind=\"damaged\""] "Samples, by kind.";
        records_flow: Counter = "records_total" ["kind=\"flow\""] "Records inside samples, by the kind of the sample.";
        records_counters: Counter = "records_total" ["kind=\"counters\""] "Records inside samples, by the kind of the sample.";
        records_skipped: Counter = "records_skipped_total" [] "Records whose structure is not read, skipped by their length.";
        flow_counted: Counter = "flow_samples_total" ["result=\"counted\""] "Flow samples, by what became of them.";
        flow_egress: Counter = "flow_samples_total" ["result=\"egress\""] "Flow samples, by what became of them.";
        flow_other_port: Counter = "flow_samples_total" ["result=\"other_port\""] "Flow samples, by what became of them.";
        flow_core: Counter = "flow_samples_total" ["result=\"core_port\""] "Flow samples, by what became of them.";
        flow_no_header: Counter = "flow_samples_total" ["result=\"no_header\""] "Flow samples, by what became of them.";
        flow_implausible: Counter = "flow_samples_total" ["result=\"implausible\""] "Flow samples, by what became of them.";
        flow_fragment: Counter = "flow_samples_total" ["result=\"fragment\""] "Flow samples, by what became of them.";
        flow_no_tuple: Counter = "flow_samples_total" ["result=\"no_tcp_udp\""] "Flow samples, by what became of them.";
        header_complete: Counter = "headers_total" ["stop=\"complete\""] "Sampled headers read, by where reading ended.";
        header_cut_link: Counter = "headers_total" ["stop=\"cut_in_link\""] "Sampled headers read, by where reading ended.";
        header_cut_network: Counter = "headers_total" ["stop=\"cut_in_network\""] "Sampled headers read, by where reading ended.";
        header_cut_transport: Counter = "headers_total" ["stop=\"cut_in_transport\""] "Sampled headers read, by where reading ended.";
        header_unsupported: Counter = "headers_total" ["stop=\"unsupported\""] "Sampled headers read, by where reading ended.";
        header_malformed: Counter = "headers_total" ["stop=\"malformed\""] "Sampled headers read, by where reading ended.";
        header_fragment: Counter = "headers_total" ["stop=\"fragment\""] "Sampled headers read, by where reading ended.";
        speed_unknown: Counter = "speed_unknown_total" [] "Counted samples of a port whose speed is not known, so that no percentage of it can be a threshold.";
        port_name_unknown: Counter = "port_name_unknown_total" [] "Counted samples of a port that rules should name and whose name is not known.";
        ports: Gauge = "ports" [] "Ports known from configuration or counters.";
        ports_refused: Counter = "ports_refused_total" [] "Counter records of further ports, when the limit of known ports was reached.";
        detected: Counter = "elephants_detected_total" [] "Elephants detected.";
        ended: Counter = "elephants_ended_total" [] "Elephants that ended.";
        guarded_dscp: Counter = "marks_guarded_total" ["reason=\"dscp\""] "Elephants that must not be marked, by reason.";
        guarded_udp: Counter = "marks_guarded_total" ["reason=\"udp\""] "Elephants that must not be marked, by reason.";
        guarded_roce: Counter = "marks_guarded_total" ["reason=\"roce\""] "Elephants that must not be marked, by reason.";
        guarded_bgp: Counter = "marks_guarded_total" ["reason=\"bgp\""] "Elephants that must not be marked, by reason.";
        guarded_bfd: Counter = "marks_guarded_total" ["reason=\"bfd\""] "Elephants that must not be marked, by reason.";
        guarded_excluded: Counter = "marks_guarded_total" ["reason=\"excluded\""] "Elephants that must not be marked, by reason.";
        wanted: Gauge = "controls" ["state=\"wanted\""] "Controls, by state.";
        installed: Gauge = "controls" ["state=\"installed\""] "Controls, by state.";
        observed: Gauge = "controls" ["state=\"observed\""] "Controls, by state.";
        refused: Gauge = "controls" ["state=\"refused\""] "Controls, by state.";
        failed: Gauge = "controls" ["state=\"failed\""] "Controls, by state.";
        releasing: Gauge = "controls" ["state=\"releasing\""] "Controls, by state.";
        over_budget: Gauge = "controls" ["state=\"over_budget\""] "Controls, by state.";
        orphans: Gauge = "orphans" [] "ACLs with our prefix on the switch that nobody wants, in their grace time.";
        installs_done: Counter = "installs_total" ["result=\"installed\""] "Installations tried, by result.";
        installs_refused: Counter = "installs_total" ["result=\"refused\""] "Installations tried, by result.";
        installs_failed: Counter = "installs_total" ["result=\"failed\""] "Installations tried, by result.";
        removals_done: Counter = "removals_total" ["result=\"removed\""] "Removals tried, by result.";
        removals_refused: Counter = "removals_total" ["result=\"refused\""] "Removals tried, by result.";
        removals_failed: Counter = "removals_total" ["result=\"failed\""] "Removals tried, by result.";
        comparisons_done: Counter = "comparisons_total" ["result=\"done\""] "Full comparisons with the switch, by result.";
        comparisons_failed: Counter = "comparisons_total" ["result=\"failed\""] "Full comparisons with the switch, by result.";
        reachable: Fact = "switch_reachable" [] "1 when the last request to the switch was answered; absent before the first.";
    }
}

/// All metrics. Cheap to share; counting takes no lock.
#[derive(Debug)]
pub struct Metrics {
    /// Metrics of the process.
    pub process: Process,
    agents: Vec<(IpAddr, Arc<Agent>)>,
}

impl Metrics {
    /// Metrics for the agents of the inventory, in its order.
    pub fn new(agents: impl IntoIterator<Item = IpAddr>) -> Self {
        let agents = agents
            .into_iter()
            .map(|address| (address, Arc::default()))
            .collect();
        Self {
            process: Process::default(),
            agents,
        }
    }

    /// The metrics of every agent, in the inventory's order.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.agents.iter().map(|(_, agent)| agent)
    }

    /// Everything in the text format of Prometheus.
    pub fn render(&self) -> String {
        let mut text = String::with_capacity(8192);
        render(
            &mut text,
            Process::META,
            &[(String::new(), self.process.values())],
        );
        let agents: Vec<_> = self
            .agents
            .iter()
            .map(|(address, agent)| (format!("agent=\"{address}\""), agent.values()))
            .collect();
        render(&mut text, Agent::META, &agents);
        text
    }
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
        let metrics = Metrics::new(["10.0.0.1".parse().unwrap(), "2001:db8::1".parse().unwrap()]);
        metrics.process.datagrams_received.add(3);
        metrics.agents().nth(1).unwrap().samples_flow.inc();
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
        let metrics = Metrics::new(["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()]);
        let series = |metrics: &Metrics| {
            let text = metrics.render();
            let lines = text
                .lines()
                .filter(|l| l.starts_with("flow_marker_switch_reachable"));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(series(&metrics), [] as [&str; 0]);
        metrics.agents().next().unwrap().reachable.set(false);
        metrics.agents().nth(1).unwrap().reachable.set(true);
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
        for meta in Process::META.iter().chain(Agent::META) {
            assert_eq!(
                meta.kind == "counter",
                meta.name.ends_with("_total"),
                "{}",
                meta.name
            );
        }
    }
}
