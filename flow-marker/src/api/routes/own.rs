//! The rows of forwarding, and of the daemon itself.

use std::net::SocketAddr;

use axum::routing::{delete, get, put};
use shared::serve::routes::good;

use super::super::error::{ApiError, kinds};
use super::super::{defined, page, service};
use super::Operation;
use super::common::{BODY, NAME};

/// Collectors.
pub(super) const FORWARDING: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/forwarding/json",
        handler: || get(defined::list::<SocketAddr>),
        id: "forwardings",
        summary: "The collectors that every datagram is sent on to",
        takes: &[],
        body: None,
        answers: &[good(200, "Collectors by name").json("{Target}")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/forwarding/{name}/json",
        handler: || get(defined::read::<SocketAddr>),
        id: "getForwarding",
        summary: "One of them",
        takes: &[NAME],
        body: None,
        answers: &[good(200, "The collector").json("Target")],
        problems: &[kinds::NAMED],
    },
    Operation {
        method: "PUT",
        path: "/forwarding/{name}/json",
        handler: || put(defined::put::<SocketAddr>),
        id: "putForwarding",
        summary: "Sends every datagram on to a collector, from now on",
        takes: &[NAME],
        body: Some((BODY, "Target")),
        answers: &[good(204, "It is sent")],
        problems: &[kinds::CHANGE, kinds::PUT],
    },
    Operation {
        method: "DELETE",
        path: "/forwarding/{name}/json",
        handler: || delete(defined::delete::<SocketAddr>),
        id: "deleteForwarding",
        summary: "Sends nothing more to it",
        takes: &[NAME],
        body: None,
        answers: &[good(204, "Nothing is sent any more")],
        problems: &[kinds::CHANGE, kinds::NAMED],
    },
];

/// The daemon itself.
pub(super) const SERVICE: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/healthz",
        handler: || get(service::healthz),
        id: "healthz",
        summary: "Whether the process answers",
        takes: &[],
        body: None,
        answers: &[good(200, "It does").media("text/plain")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/readyz",
        handler: || get(service::readyz),
        id: "readyz",
        summary: "Whether datagrams are received and the API is served",
        takes: &[],
        body: None,
        answers: &[
            good(200, "Yes").media("text/plain"),
            good(ApiError::NOT_READY.as_u16(), "No, and what is missing").media("text/plain"),
        ],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/version",
        handler: || get(service::version),
        id: "version",
        summary: "The version, as text",
        takes: &[],
        body: None,
        answers: &[good(200, "Such as 0.1.0").media("text/plain")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/openapi.json",
        handler: || get(service::openapi),
        id: "openapi",
        summary: "This description",
        takes: &[],
        body: None,
        answers: &[good(200, "OpenAPI 3.1").json("Object")],
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/page/token",
        handler: || get(page::token),
        id: "pageToken",
        summary: "What our own page shows when it changes something; no other page is told",
        takes: &[],
        body: None,
        answers: &[good(200, "The token of this process").json("Page")],
        problems: &[kinds::PAGE],
    },
    Operation {
        method: "GET",
        path: "/metrics",
        handler: || get(service::metrics),
        id: "metrics",
        summary: "What the daemon counts, as Prometheus reads it",
        takes: &[],
        body: None,
        answers: &[good(200, "Prometheus text").media("text/plain")],
        problems: &[],
    },
];
