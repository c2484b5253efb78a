//! Which metrics there are.

use super::number::{Counter, Fact, Gauge};

/// What a metric is called and what it means.
pub(super) struct Meta {
    pub(super) name: &'static str,
    pub(super) kind: &'static str,
    /// Constant labels, such as `reason="version"`.
    pub(super) labels: &'static str,
    pub(super) help: &'static str,
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
            pub(super) const META: &'static [Meta] = &[$(Meta {
                name: concat!("flow_marker_", $metric),
                kind: $kind::KIND,
                labels: concat!($($label)?),
                help: $help,
            },)*];

            pub(super) fn values(&self) -> Vec<Option<u64>> {
                vec![$(self.$field.shown(),)*]
            }
        }
    };
}

metrics! {
    /// Metrics of the process.
    Process {
        events_dropped: Counter = "events_dropped_total" [] "Events that found the way to the controllers full; they are sent again.";
        events_sent: Counter = "events_sent_total" [] "Events handed to the controllers.";
        signs_dropped: Counter = "signs_dropped_total" [] "Signs of listed hosts and attacks that found the way to the controllers full; they are told again.";
        paused: Gauge = "paused" [] "1 while everything is withdrawn because somebody has paused flow-marker.";
        lists_new: Counter = "blacklist_fetches_total" ["result=\"new\""] "Fetches of blacklists, by result.";
        lists_same: Counter = "blacklist_fetches_total" ["result=\"same\""] "Fetches of blacklists, by result.";
        lists_failed: Counter = "blacklist_fetches_total" ["result=\"failed\""] "Fetches of blacklists, by result.";
        lists_stale: Gauge = "blacklists_stale" [] "Blacklists whose last fetch failed; their last good version is in force.";
        listed: Gauge = "blacklist_entries" [] "Addresses and prefixes in all blacklists.";
        sightings: Counter = "sightings_total" [] "Times that agents of the inventory were seen to carry traffic of listed hosts, once a second for each pair of hosts.";
        captures: Gauge = "captures" [] "Conversations that are captured, or in mode observe would be.";
        captures_started: Counter = "captures_started_total" [] "Captures that have begun.";
        captures_not_family: Counter = "captures_refused_total" ["reason=\"family\""] "Sightings that became no capture, by reason.";
        captures_not_agent: Counter = "captures_refused_total" ["reason=\"agent\""] "Sightings that became no capture, by reason.";
        captures_not_exempt: Counter = "captures_refused_total" ["reason=\"exempt\""] "Sightings that became no capture, by reason.";
        captures_not_switch: Counter = "captures_refused_total" ["reason=\"switch_full\""] "Sightings that became no capture, by reason.";
        captures_not_total: Counter = "captures_refused_total" ["reason=\"all_full\""] "Sightings that became no capture, by reason.";
        captures_not_resting: Counter = "captures_refused_total" ["reason=\"resting\""] "Sightings that became no capture, by reason.";
        webhook_delivered: Counter = "webhook_events_total" ["result=\"delivered\""] "Events for webhooks, by what became of them.";
        webhook_refused: Counter = "webhook_events_total" ["result=\"refused\""] "Events for webhooks, by what became of them.";
        webhook_dropped: Counter = "webhook_events_total" ["result=\"dropped\""] "Events for webhooks, by what became of them.";
        webhook_failures: Counter = "webhook_failures_total" [] "Requests to webhooks that failed and are tried again.";
        webhook_waiting: Gauge = "webhook_events_waiting" [] "Events that wait to be delivered to webhooks.";
        history_written: Counter = "history_records_total" ["result=\"written\""] "Decisions and events for the history on the disk, by what became of them.";
        history_missed: Counter = "history_records_total" ["result=\"missed\""] "Decisions and events for the history on the disk, by what became of them.";
        history_failures: Counter = "history_failures_total" [] "Times that the history could not be written; it is tried again.";
        history_damaged: Counter = "history_files_damaged_total" [] "Files of the history that were damaged, and moved aside.";
        history_failing: Gauge = "history_failing" [] "1 while the history cannot be written.";
        history_bytes: Gauge = "history_bytes" [] "What the history takes on the disk, in bytes.";
        history_oldest: Gauge = "history_oldest_timestamp_seconds" [] "When the oldest record of the history was made, in seconds since 1970; 0 when there is none.";
        drops_started: Counter = "drops_started_total" [] "Drops that have begun.";
        drops_full: Counter = "drops_refused_total" [] "Attacks that are not dropped since their switch has as many drops as it may have, once a second for each.";
        reloads_done: Counter = "reloads_total" ["result=\"done\""] "Times that the configuration was read again, by result.";
        reloads_refused: Counter = "reloads_total" ["result=\"refused\""] "Times that the configuration was read again, by result.";
        reload_succeeded: Fact = "config_last_reload_successful" [] "1 when the configuration in force is the one that was read last, 0 when that could not be used.";
        reload_time: Gauge = "config_last_reload_success_timestamp_seconds" [] "When the configuration in force was read, in seconds since 1970 (UTC).";
        drops_unruled: Counter = "drops_unruled_total" [] "Attacks that no rule stops without doing their work: SYN floods from many sources.";
    }
}

metrics! {
    /// Metrics of one receiving thread, which alone writes them; shown as sums over all threads.
    Thread {
        datagrams_received: Counter = "datagrams_received_total" [] "Datagrams taken from the sFlow port.";
        dropped_receive_buffer: Counter = "datagrams_dropped_total" ["reason=\"receive_buffer\""] "Datagrams lost between the network and the decoder, by reason: the kernel found the receive buffer full (not among those received), or a thread found the way to the agent's owner full.";
        dropped_handover: Counter = "datagrams_dropped_total" ["reason=\"handover\""] "Datagrams lost between the network and the decoder, by reason: the kernel found the receive buffer full (not among those received), or a thread found the way to the agent's owner full.";
        handed_over: Counter = "datagrams_handed_over_total" [] "Datagrams that arrived at another thread than the one that owns their agent, dropped ones included.";
        rejected_version: Counter = "datagrams_rejected_total" ["reason=\"version\""] "Datagrams that are no sFlow version 5, or come from another address than their agent sends from, by reason.";
        rejected_truncated: Counter = "datagrams_rejected_total" ["reason=\"truncated\""] "Datagrams that are no sFlow version 5, or come from another address than their agent sends from, by reason.";
        rejected_malformed: Counter = "datagrams_rejected_total" ["reason=\"malformed\""] "Datagrams that are no sFlow version 5, or come from another address than their agent sends from, by reason.";
        rejected_too_long: Counter = "datagrams_rejected_total" ["reason=\"too_long\""] "Datagrams that are no sFlow version 5, or come from another address than their agent sends from, by reason.";
        rejected_source: Counter = "datagrams_rejected_total" ["reason=\"source\""] "Datagrams that are no sFlow version 5, or come from another address than their agent sends from, by reason.";
        not_admitted_source: Counter = "not_admitted_total" ["reason=\"source\""] "Datagrams of agents that a template allows for and that are not in the inventory, by reason.";
        not_admitted_full: Counter = "not_admitted_total" ["reason=\"full\""] "Datagrams of agents that a template allows for and that are not in the inventory, by reason.";
        not_admitted_server: Counter = "not_admitted_total" ["reason=\"server\""] "Datagrams of agents that a template allows for and that are not in the inventory, by reason.";
        unknown_agent: Counter = "datagrams_unknown_agent_total" [] "Datagrams of an agent that is not listened to.";
        receive_errors: Counter = "receive_errors_total" [] "Errors of the socket while receiving.";
        receive_buffer_bytes: Gauge = "receive_buffer_bytes" [] "Size of the sockets' receive buffers as the kernel granted them, in bytes.";
        forwarded: Counter = "datagrams_forwarded_total" [] "Datagrams sent on to other collectors, once for each.";
        forward_failed: Counter = "forward_failures_total" [] "Datagrams that could not be sent on.";
        events_lost: Counter = "events_lost_total" [] "Passed thresholds and flow records that found the way to their log full.";
        agents: Gauge = "agents" [] "Agents that are listened to.";
        defined_flows: Gauge = "defined_flows" [] "Flows of all flow definitions together.";
        defined_bytes: Gauge = "defined_flows_bytes" [] "Memory that the flows of all flow definitions take, in bytes.";
        flows_tracked: Gauge = "flows_tracked" [] "Flows in the detector's table, stale ones included.";
        flows_capacity: Gauge = "flows_capacity" [] "Flows that fit into the detector's table.";
        flows_evicted: Counter = "flows_evicted_total" [] "Flows that lost their place to another one.";
        flows_refused: Counter = "flows_refused_total" [] "Samples whose flow found only larger ones in its place of the table.";
        traffic_large: Counter = "traffic_bytes_total" ["class=\"large\""] "Bytes that samples stand for where flows enter switches of the inventory, by class: of elephants that have not ended, or of all else.";
        traffic_small: Counter = "traffic_bytes_total" ["class=\"small\""] "Bytes that samples stand for where flows enter switches of the inventory, by class: of elephants that have not ended, or of all else.";
        elephants: Gauge = "elephants" [] "Elephant flows that have not ended.";
        elephants_refused: Counter = "elephants_refused_total" [] "Samples of flows that are elephants, while the list of elephants, or the agent's share of it, was full.";
    }
}

metrics! {
    /// Metrics of what one agent sends, written by the thread that owns it. What agents outside of the inventory send is
    /// counted together, by thread.
    Agent {
        decoded: Counter = "datagrams_decoded_total" [] "Datagrams decoded.";
        damaged: Counter = "datagrams_damaged_total" [] "Decoded datagrams in which a structure could not be read to its end.";
        datagrams_lost: Gauge = "datagrams_missing" [] "Datagrams that are missing by their sequence numbers; falls when one comes late.";
        datagrams_duplicate: Counter = "datagrams_duplicate_total" [] "Datagrams that came a second time; their samples are not counted again.";
        sources_refused: Counter = "sources_refused_total" [] "Samples of data sources beyond the limit of an agent.";
        samples_discard: Counter = "samples_total" ["kind=\"discard\""] "Samples, by kind.";
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
    }
}

metrics! {
    /// Metrics of what is done on one switch of the inventory.
    Control {
        guarded_dscp: Counter = "marks_guarded_total" ["reason=\"dscp\""] "Elephants that must not be marked, by reason.";
        guarded_udp: Counter = "marks_guarded_total" ["reason=\"udp\""] "Elephants that must not be marked, by reason.";
        guarded_roce: Counter = "marks_guarded_total" ["reason=\"roce\""] "Elephants that must not be marked, by reason.";
        guarded_bgp: Counter = "marks_guarded_total" ["reason=\"bgp\""] "Elephants that must not be marked, by reason.";
        guarded_bfd: Counter = "marks_guarded_total" ["reason=\"bfd\""] "Elephants that must not be marked, by reason.";
        guarded_excluded: Counter = "marks_guarded_total" ["reason=\"excluded\""] "Elephants that must not be marked, by reason.";
        wanted: Gauge = "controls" ["state=\"wanted\""] "Controls, by state.";
        installed: Gauge = "controls" ["state=\"installed\""] "Controls, by state.";
        observed: Gauge = "controls" ["state=\"observed\""] "Controls, by state.";
        paused: Gauge = "controls" ["state=\"paused\""] "Controls, by state.";
        refused: Gauge = "controls" ["state=\"refused\""] "Controls, by state.";
        failed: Gauge = "controls" ["state=\"failed\""] "Controls, by state.";
        releasing: Gauge = "controls" ["state=\"releasing\""] "Controls, by state.";
        over_budget: Gauge = "controls" ["state=\"over_budget\""] "Controls, by state.";
        orphans: Gauge = "orphans" [] "ACLs with our prefix on the switch that nobody wants, in their grace time.";
        installs_done: Counter = "installs_total" ["result=\"installed\""] "Installations tried, by result.";
        installs_refused: Counter = "installs_total" ["result=\"refused\""] "Installations tried, by result.";
        installs_no_room: Counter = "installs_total" ["result=\"no_room\""] "Installations tried, by result.";
        installs_failed: Counter = "installs_total" ["result=\"failed\""] "Installations tried, by result.";
        removals_done: Counter = "removals_total" ["result=\"removed\""] "Removals tried, by result.";
        removals_refused: Counter = "removals_total" ["result=\"refused\""] "Removals tried, by result.";
        removals_failed: Counter = "removals_total" ["result=\"failed\""] "Removals tried, by result.";
        by_hand: Counter = "changed_by_hand_total" [] "Controls that somebody has changed by hand on the switch, each time we found it when changing them.";
        renewals_done: Counter = "renewals_total" ["result=\"done\""] "Renewals of all leases on the switch, by result.";
        renewals_differing: Counter = "renewals_total" ["result=\"differs\""] "Renewals of all leases on the switch, by result.";
        renewals_failed: Counter = "renewals_total" ["result=\"failed\""] "Renewals of all leases on the switch, by result.";
        comparisons_done: Counter = "comparisons_total" ["result=\"done\""] "Full comparisons with the switch, by result.";
        comparisons_failed: Counter = "comparisons_total" ["result=\"failed\""] "Full comparisons with the switch, by result.";
        counts_done: Counter = "counts_total" ["result=\"done\""] "Questions to the switch for what our rules match, by result.";
        counts_unsupported: Counter = "counts_total" ["result=\"unsupported\""] "Questions to the switch for what our rules match, by result.";
        counts_failed: Counter = "counts_total" ["result=\"failed\""] "Questions to the switch for what our rules match, by result.";
        without_effect: Counter = "no_effect_total" [] "Times that no effect of a control was seen, once for each control and reason.";
        effect_unknown: Gauge = "effects" ["effect=\"unknown\""] "Controls on the switch, by what is known of their effect.";
        effect_hits: Gauge = "effects" ["effect=\"hits\""] "Controls on the switch, by what is known of their effect.";
        effect_seen: Gauge = "effects" ["effect=\"seen\""] "Controls on the switch, by what is known of their effect.";
        effect_queued: Gauge = "effects" ["effect=\"queued\""] "Controls on the switch, by what is known of their effect.";
        effect_none: Gauge = "effects" ["effect=\"none\""] "Controls on the switch, by what is known of their effect.";
        reachable: Fact = "switch_reachable" [] "1 when the last request to the switch was answered; absent before the first.";
    }
}
