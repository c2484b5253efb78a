//! What the daemon counts, as Prometheus text.
//!
//! Every metric is a field that is made once; every label has a closed set of values. Only the series of rules depend on
//! what clients do: they are not kept but written at each scrape, from a listing, up to a bound.

use std::time::Duration;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry};
use serde::Serialize;
use shared::AclName;

mod labels;
mod limit;
mod text;

pub use labels::{AuthFailure, ListingOutcome, ROUTES, ToolOutcome, Verdict};
use limit::Limit;

/// The type of what [`Metrics::render`] returns.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Rules that have series of their own, unless another bound is set: 4,000 series, about as many as all others of a
/// large host together.
pub const DEFAULT_RULE_SERIES: usize = 2_000;

/// What one rule of an ACL has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuleCounters {
    /// The rule's line in the ACL, counted from 1.
    pub line: u32,
    /// Packets that matched; null where the tool's listing cannot say.
    pub packets: Option<u64>,
    /// Bytes of those packets; null where the tool's listing cannot say.
    pub bytes: Option<u64>,
}

/// Label names and values.
type Labels<const N: usize> = [(&'static str, &'static str); N];
type Counters<const N: usize> = Family<Labels<N>, Counter>;

/// All metrics.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    rule_series: usize,
    tool_runs: Counters<1>,
    tool_run_seconds: Histogram,
    batch_changes: Histogram,
    batch_window_seconds: Histogram,
    queue_wait_seconds: Histogram,
    change_own_seconds: Histogram,
    changes: Counters<1>,
    queue_length: Gauge,
    acls: Gauge,
    leases: Gauge,
    unconfirmed: Gauge,
    drifted: Gauge,
    synced: Gauge,
    entries_used: Gauge,
    entries_limit: Limit,
    lease_renewals: Counter,
    lease_expiries: Counter,
    reverts: Counter,
    http_requests: Counters<3>,
    connections: Gauge,
    connections_rejected: Counter,
    auth_failures: Counters<1>,
    event_subscribers: Gauge,
    events_lagged: Counter,
    listings: Counters<1>,
    fsync_seconds: Histogram,
    reloads: Counters<1>,
    reload_succeeded: Gauge,
}

/// What came of reading callers and certificates again, as a label says it.
const fn reload_result(taken: bool) -> &'static str {
    if taken { "done" } else { "refused" }
}

/// Makes metrics and puts them into the registry.
struct Maker(Registry);

impl Maker {
    fn add<M: Metric + Clone>(&mut self, name: &str, help: &str, metric: M) -> M {
        self.0.register(name, help, metric.clone());
        metric
    }

    fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        self.add(name, help, Gauge::default())
    }

    fn counter(&mut self, name: &str, help: &str) -> Counter {
        self.add(name, help, Counter::default())
    }

    /// One counter for each value of a label; all are there from the beginning, at 0.
    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = &'static str>,
    ) -> Counters<1> {
        let family = self.add(name, help, Counters::default());
        for value in values {
            drop(family.get_or_create(&[(label, value)]));
        }
        family
    }

    /// Buckets from `first` on, each twice as wide as the one before.
    fn histogram(&mut self, name: &str, help: &str, first: f64, buckets: u16) -> Histogram {
        self.add(
            name,
            help,
            Histogram::new(exponential_buckets(first, 2.0, buckets)),
        )
    }
}

impl Metrics {
    /// All metrics at 0; of at most `rule_series` rules the counters are told one by one.
    pub fn new(version: &'static str, rule_series: usize) -> Self {
        let mut make = Maker(Registry::with_prefix("acl_server"));
        let build = Family::<Labels<1>, Gauge>::default();
        build.get_or_create(&[("version", version)]).set(1);
        make.add("build_info", "The version that runs", build);
        let reload_succeeded = make.gauge(
            "config_last_reload_successful",
            "Whether the callers and certificates in force are those that were read last",
        );
        reload_succeeded.set(1);
        Self {
            tool_runs: make.counters(
                "tool_runs",
                "Runs of the ACL tool to commit, by outcome",
                "outcome",
                ToolOutcome::ALL.iter().map(|one| one.name()),
            ),
            // 5 ms to 82 s: beyond the default limit of 60 s.
            tool_run_seconds: make.histogram(
                "tool_run_seconds",
                "Time of one run of the ACL tool to commit",
                0.005,
                15,
            ),
            // 1 to 16,384: beyond all 10,000 ACLs.
            batch_changes: make.histogram("batch_changes", "Changes in one batch", 1.0, 15),
            // 1 ms to 0.5 s: a window is open for at most 50 ms by default.
            batch_window_seconds: make.histogram(
                "batch_window_seconds",
                "Time for which a batch was open",
                0.001,
                10,
            ),
            // 1 ms to 65 s: a change may wait for a whole run.
            queue_wait_seconds: make.histogram(
                "queue_wait_seconds",
                "Time from a change to its batch",
                0.001,
                17,
            ),
            // 0.1 ms to 3.3 s.
            change_own_seconds: make.histogram(
                "change_own_seconds",
                "Time of a change without waiting for other batches and for the ACL tool",
                0.000_1,
                16,
            ),
            changes: make.counters(
                "changes",
                "Changes of ACLs, by verdict",
                "verdict",
                Verdict::ALL.iter().map(|one| one.name()),
            ),
            queue_length: make.gauge("queue_length", "Changes that wait for a batch"),
            acls: make.gauge("acls", "ACLs of ours"),
            leases: make.gauge("leases", "ACLs that remove themselves unless they are renewed"),
            unconfirmed: make.gauge("unconfirmed", "Changes that revert unless they are confirmed"),
            drifted: make.gauge("drifted", "ACLs whose files somebody has changed by hand"),
            synced: make.gauge("synced", "Whether the switch is known to have what the files say"),
            entries_used: make.gauge("entries_used", "Entries of our rules, after expansion"),
            entries_limit: make.add(
                "entries_limit",
                "Entries that fit; absent when unknown",
                Limit::default(),
            ),
            lease_renewals: make.counter("lease_renewals", "ACLs that were renewed"),
            lease_expiries: make.counter("lease_expiries", "ACLs that removed themselves"),
            reverts: make.counter(
                "reverts",
                "Changes that were reverted since nobody confirmed them",
            ),
            http_requests: make.add(
                "http_requests",
                "Requests, by method, template of the path and class of the status",
                Family::default(),
            ),
            connections: make.gauge("connections", "Open connections"),
            connections_rejected: make.counter("connections_rejected", "Connections that were one too many"),
            auth_failures: make.counters(
                "auth_failures",
                "Requests and connections that were turned away, by reason",
                "kind",
                AuthFailure::ALL.iter().map(|one| one.name()),
            ),
            event_subscribers: make.gauge("event_subscribers", "Readers of the events"),
            events_lagged: make.counter("events_lagged", "Events that a reader was too slow for"),
            listings: make.counters(
                "listings",
                "Runs of the ACL tool to list counters, by outcome",
                "outcome",
                ListingOutcome::ALL.iter().map(|one| one.name()),
            ),
            // 0.1 ms to 3.3 s.
            fsync_seconds: make.histogram(
                "fsync_seconds",
                "Time to make a file or the journal durable",
                0.000_1,
                16,
            ),
            reloads: make.counters(
                "reloads",
                "Times that callers and certificates were read again, by result",
                "result",
                [true, false].map(reload_result),
            ),
            reload_succeeded,
            registry: make.0,
            rule_series,
        }
    }

    /// Callers and certificates were read again, and are in force or cannot be used.
    pub fn reload(&self, taken: bool) {
        self.reloads
            .get_or_create(&[("result", reload_result(taken))])
            .inc();
        self.reload_succeeded.set(i64::from(taken));
    }

    /// A run of the tool to commit.
    pub fn tool_run(&self, outcome: ToolOutcome, took: Duration) {
        self.tool_runs.get_or_create(&[("outcome", outcome.name())]).inc();
        self.tool_run_seconds.observe(took.as_secs_f64());
    }

    /// A sealed batch of so many changes, that was open for so long.
    pub fn batch(&self, changes: usize, window: Duration) {
        self.batch_changes
            .observe(f64::from(u32::try_from(changes).unwrap_or(u32::MAX)));
        self.batch_window_seconds.observe(window.as_secs_f64());
    }

    /// A change that has waited for its batch.
    pub fn queue_wait(&self, waited: Duration) {
        self.queue_wait_seconds.observe(waited.as_secs_f64());
    }

    /// A decided change.
    pub fn change(&self, verdict: Verdict) {
        self.changes.get_or_create(&[("verdict", verdict.name())]).inc();
    }

    /// The part of a change's time that is neither waiting for other batches nor the tool.
    pub fn change_own(&self, took: Duration) {
        self.change_own_seconds.observe(took.as_secs_f64());
    }

    /// Changes that wait for a batch.
    pub fn set_queue_length(&self, changes: usize) {
        set(&self.queue_length, changes);
    }

    /// ACLs of ours.
    pub fn set_acls(&self, acls: usize) {
        set(&self.acls, acls);
    }

    /// ACLs with a lease.
    pub fn set_leases(&self, leases: usize) {
        set(&self.leases, leases);
    }

    /// Changes that await their confirmation.
    pub fn set_unconfirmed(&self, changes: usize) {
        set(&self.unconfirmed, changes);
    }

    /// ACLs changed by hand.
    pub fn set_drifted(&self, acls: usize) {
        set(&self.drifted, acls);
    }

    /// Whether the switch is in sync.
    pub fn set_synced(&self, synced: bool) {
        self.synced.set(i64::from(synced));
    }

    /// Entries in use, and those there are if that is known.
    pub fn set_entries(&self, used: u64, limit: Option<u64>) {
        set(&self.entries_used, used);
        self.entries_limit.set(limit);
    }

    /// So many ACLs were renewed.
    pub fn lease_renewals(&self, acls: usize) {
        self.lease_renewals
            .inc_by(u64::try_from(acls).unwrap_or(u64::MAX));
    }

    /// An ACL removed itself.
    pub fn lease_expiry(&self) {
        self.lease_expiries.inc();
    }

    /// A change was reverted.
    pub fn revert(&self) {
        self.reverts.inc();
    }

    /// An answered request. `route` is one of [`ROUTES`]; anything else counts as `other`.
    pub fn http_request(&self, method: &str, route: &str, status: u16) {
        let labels = [
            ("method", labels::method(method)),
            ("route", labels::route(route)),
            ("status", labels::status_class(status)),
        ];
        self.http_requests.get_or_create(&labels).inc();
    }

    /// A connection, open until the value is dropped.
    pub fn connection(&self) -> Held {
        Held::new(&self.connections)
    }

    /// A connection that was one too many.
    pub fn connection_rejected(&self) {
        self.connections_rejected.inc();
    }

    /// Somebody was turned away.
    pub fn auth_failure(&self, kind: AuthFailure) {
        self.auth_failures.get_or_create(&[("kind", kind.name())]).inc();
    }

    /// A reader of events, until the value is dropped.
    pub fn event_subscriber(&self) -> Held {
        Held::new(&self.event_subscribers)
    }

    /// So many events were lost to a slow reader.
    pub fn events_lagged(&self, events: u64) {
        self.events_lagged.inc_by(events);
    }

    /// A run of the tool to list.
    pub fn listing(&self, outcome: ListingOutcome) {
        self.listings.get_or_create(&[("outcome", outcome.name())]).inc();
    }

    /// A file or the journal was made durable.
    pub fn fsync(&self, took: Duration) {
        self.fsync_seconds.observe(took.as_secs_f64());
    }

    /// Everything but the counters of rules, as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        let mut text = String::new();
        // Writing to a text cannot fail.
        let _ = encode(&mut text, &self.registry);
        text::from_openmetrics(&text)
    }

    /// Everything, with the counters of these rules. Whose rules have series of their own is decided by their order.
    pub fn render_with(&self, rules: &[(AclName, Vec<RuleCounters>)]) -> String {
        let mut text = self.render();
        text::rules(&mut text, rules, self.rule_series);
        text
    }
}

/// Something that a gauge counts as long as this lives.
#[derive(Debug)]
pub struct Held(Gauge);

impl Held {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn set(gauge: &Gauge, value: impl TryInto<i64>) {
    gauge.set(value.try_into().unwrap_or(i64::MAX));
}

/// Metrics for whoever is not told of any.
impl Default for Metrics {
    fn default() -> Self {
        Self::new(env!("CARGO_PKG_VERSION"), DEFAULT_RULE_SERIES)
    }
}

#[cfg(test)]
mod tests;
