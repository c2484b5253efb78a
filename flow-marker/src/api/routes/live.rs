//! The rows of what happens now.

use axum::routing::get;
use shared::serve::routes::{good, takes};

use super::super::error::kinds;
use super::super::live;
use super::Operation;

/// What happens now.
pub(super) const LIVE: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/overview/json",
        handler: || get(live::overview),
        id: "overview",
        summary: "The first screen: six questions answered, traffic, links, flows, controls, problems, changes",
        takes: &[],
        body: None,
        answers: &[good(200, "As it is in this second").json("Object")],
        problems: &[kinds::ASK],
    },
    Operation {
        method: "GET",
        path: "/live",
        handler: || get(live::live),
        id: "live",
        summary: "The same, each second anew, as server-sent events `overview`",
        takes: &[],
        body: None,
        answers: &[good(200, "A stream that ends with the daemon").media(live::EVENTS)],
        problems: &[kinds::WAIT],
    },
    Operation {
        method: "GET",
        path: "/history/json",
        handler: || get(live::history),
        id: "history",
        summary: "Traffic over time, up to a week back",
        takes: &[
            takes(
                "query",
                "at",
                "Whole",
                "The end, in seconds since 1970; default now",
            ),
            takes(
                "query",
                "seconds",
                "Whole",
                "How long; default 900, at most 604800",
            ),
        ],
        body: None,
        answers: &[good(200, "In the finest steps that there still are for all of it").json("Past")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/elephants/json",
        handler: || get(live::elephants),
        id: "elephants",
        summary: "Elephants and flows that may become one, the largest first",
        takes: &[
            takes(
                "query",
                "search",
                "Text",
                "Words, each of which is a part of addresses, ports, protocol, switch, port, control or state",
            ),
            takes(
                "query",
                "state",
                "Text",
                "Only in these states, with commas between: seen, evidence, found, marked, released",
            ),
            takes(
                "query",
                "max",
                "Whole",
                "At most so many; default 100, at most 10000",
            ),
        ],
        body: None,
        answers: &[good(200, "Flows, and how many there are").json("Object")],
        problems: &[],
    },
];
