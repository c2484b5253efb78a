//! The rows of agents, and of flows as they are now.

use axum::routing::get;
use shared::serve::routes::{good, needs, takes};

use super::super::error::kinds;
use super::super::{active, agents};
use super::Operation;
use super::common::{AGENT, AGENTS as LIST, NAME};

/// Agents.
pub(super) const AGENTS: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/agents/json",
        handler: || get(agents::list),
        id: "agents",
        summary: "Who sends, how much, and how much of it is lost",
        takes: &[takes(
            "query",
            "agent",
            "Text",
            "Only this agent; may be there several times",
        )],
        body: None,
        answers: &[good(200, "Counts by address").json("{Object}")],
        problems: &[kinds::ASK, kinds::NAMED],
    },
    Operation {
        method: "GET",
        path: "/doctor/json",
        handler: || get(agents::doctor),
        id: "doctor",
        summary: "How well each agent samples, and what to change",
        takes: &[],
        body: None,
        answers: &[good(200, "What is measured, and what is found").json("Object")],
        problems: &[kinds::ASK],
    },
    Operation {
        method: "GET",
        path: "/doctor/txt",
        handler: || get(agents::doctor_text),
        id: "doctorText",
        summary: "The same as a table for people",
        takes: &[],
        body: None,
        answers: &[good(200, "A table for each agent, and findings").media("text/plain")],
        problems: &[kinds::ASK],
    },
];

/// Flows as they are now.
pub(super) const ACTIVE: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/activeflows/{agents}/{name}/json",
        handler: || get(active::flows),
        id: "activeFlows",
        summary: "The largest flows of a definition, the largest first",
        takes: &[
            LIST,
            NAME,
            takes("query", "maxFlows", "Whole", "At most so many; default 100"),
            takes("query", "minValue", "Number", "None that is smaller; default 0"),
            takes(
                "query",
                "aggMode",
                "Text",
                "How data sources are joined: max (default), sum, edge, core",
            ),
        ],
        body: None,
        answers: &[good(200, "Flows").json("[Active]")],
        problems: &[kinds::ASK, kinds::NAMED, kinds::WORDS],
    },
    Operation {
        method: "GET",
        path: "/flowvalue/{agent}/{name}/json",
        handler: || get(active::value),
        id: "flowValue",
        summary: "The value of one flow of a data source",
        takes: &[
            AGENT,
            needs("path", "name", "Text", "<data source>.<flow>"),
            takes("query", "key", "Text", "The flow's key"),
        ],
        body: None,
        answers: &[good(200, "A number, or null").json("Maybe")],
        problems: &[kinds::ASK, kinds::NAMED, kinds::WORDS],
    },
    Operation {
        method: "GET",
        path: "/flowkeys/json",
        handler: || get(active::keys),
        id: "flowKeys",
        summary: "The keys that packets have had",
        takes: &[],
        body: None,
        answers: &[good(200, "Milliseconds since each was last seen").json("{Whole}")],
        problems: &[kinds::ASK],
    },
];
