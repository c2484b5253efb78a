//! What rows have in common.

use shared::serve::routes::{JSON, Parameter, needs, takes};

/// The name of something that is defined.
pub(super) const NAME: Parameter = needs("path", "name", "Name", "How it is called");
/// What bodies should be called. They are read whatever they are called.
pub(super) const BODY: &[&str] = &[JSON];
/// One agent.
pub(super) const AGENT: Parameter = needs(
    "path",
    "agent",
    "Text",
    "The address of an agent, or its name in the topology",
);
/// Several agents.
pub(super) const AGENTS: Parameter = needs(
    "path",
    "agents",
    "Text",
    "Addresses or names with ; between, or ALL, TOPOLOGY, EDGE, CORE",
);
/// Of a question that waits.
pub(super) const TIMEOUT: Parameter = takes(
    "query",
    "timeout",
    "Seconds",
    "How long to wait for something to tell",
);
/// Only what is older than this one.
pub(super) const BEFORE: Parameter = takes(
    "query",
    "before",
    "Whole",
    "Only older ones than this one, also those of earlier runs",
);
/// Only from then on.
pub(super) const FROM: Parameter = takes(
    "query",
    "from",
    "Text",
    "Only from then on: seconds since 1970, RFC 3339, or -24h",
);
/// Only before then.
pub(super) const UNTIL: Parameter = takes("query", "until", "Text", "Only before then; as from");
/// How many decisions.
pub(super) const MAX_DECISIONS: Parameter = takes("query", "max", "Whole", "At most so many; default 100");
/// Decisions about one control.
pub(super) const OF_CONTROL: Parameter = takes("query", "control", "Name", "Only about this control");
/// Decisions about one switch.
pub(super) const OF_SWITCH: Parameter =
    takes("query", "switch", "Text", "Only about the switch with this agent");
/// Decisions of some kinds.
pub(super) const OF_KINDS: Parameter = takes(
    "query",
    "kind",
    "Text",
    "Only of these kinds, with commas between",
);
/// Events of one threshold.
pub(super) const OF_THRESHOLD: Parameter = takes("query", "thresholdID", "Name", "Only of this threshold");
/// How many events.
pub(super) const MAX_EVENTS: Parameter = takes("query", "maxEvents", "Whole", "At most so many; default 100");
