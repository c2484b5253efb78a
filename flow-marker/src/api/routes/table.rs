//! The rows that have nothing to do with sFlow-RT, and all others behind them.

use axum::routing::get;
use shared::serve::routes::good;

use super::super::error::{ApiError, kinds};
use super::super::service;
use super::Operation;

/// Everything that the API has.
pub const TABLE: &[&[Operation]] = &[SERVICE];

const SERVICE: &[Operation] = &[
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
        problems: &[&[&kinds::FORBIDDEN]],
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
        problems: &[&[&kinds::FORBIDDEN]],
    },
    Operation {
        method: "GET",
        path: "/controls/json",
        handler: || get(service::controls),
        id: "controls",
        summary: "What is, was or would have been done on switches, and why",
        takes: &[],
        body: None,
        answers: &[good(200, "Current controls, and then those that are over").json("[Object]")],
        problems: &[&[&kinds::FORBIDDEN]],
    },
    Operation {
        method: "GET",
        path: "/switches/json",
        handler: || get(service::switches),
        id: "switches",
        summary: "The switches of the configuration and their ports",
        takes: &[],
        body: None,
        answers: &[good(200, "In the order of the configuration").json("[Object]")],
        problems: &[&[&kinds::FORBIDDEN]],
    },
];
