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
