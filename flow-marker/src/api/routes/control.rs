//! The rows of what is done on switches.

use axum::routing::{delete, get, post, put};
use shared::serve::routes::good;

use super::super::error::kinds;
use super::super::{captures, manual, pause, service};
use super::Operation;
use super::common::{BODY, NAME};

/// What is done on switches.
pub(super) const CONTROL: &[Operation] = &[
    Operation {
        method: "GET",
        path: "/controls/json",
        handler: || get(service::controls),
        id: "controls",
        summary: "What is, was or would have been done on switches, and why",
        takes: &[],
        body: None,
        answers: &[good(200, "Current controls, and then those that are over").json("[Object]")],
        problems: &[],
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
        problems: &[],
    },
    Operation {
        method: "GET",
        path: "/captures/json",
        handler: || get(captures::read),
        id: "captures",
        summary: "Which conversations are captured, which are not, and the blacklists",
        takes: &[],
        body: None,
        answers: &[good(200, "Sessions, refusals and lists").json("Captures")],
        problems: &[kinds::ASK],
    },
    Operation {
        method: "POST",
        path: "/controls",
        handler: || post(manual::make),
        id: "makeControl",
        summary: "Marks, captures or drops on one switch, for some time",
        takes: &[],
        body: Some((BODY, "Wanted")),
        answers: &[good(201, "It is carried out as soon as possible").json("Made")],
        problems: &[kinds::CHANGE, kinds::PUT, kinds::ASK],
    },
    Operation {
        method: "DELETE",
        path: "/controls/{name}",
        handler: || delete(manual::end),
        id: "endControl",
        summary: "Releases a control, whoever wanted it; a controller does not make it again soon",
        takes: &[NAME],
        body: None,
        answers: &[good(204, "It is removed as soon as possible")],
        problems: &[kinds::CHANGE, kinds::NAMED, kinds::ASK],
    },
    Operation {
        method: "GET",
        path: "/pause",
        handler: || get(pause::read),
        id: "getPause",
        summary: "Whether everything is withdrawn, since when, and why",
        takes: &[],
        body: None,
        answers: &[good(200, "The pause, or that there is none").json("PauseState")],
        problems: &[],
    },
    Operation {
        method: "PUT",
        path: "/pause",
        handler: || put(pause::begin),
        id: "pause",
        summary: "Withdraws everything from all switches, until the pause is ended",
        takes: &[],
        body: Some((BODY, "PauseReason")),
        answers: &[good(204, "Switches are being asked to remove everything")],
        problems: &[kinds::CHANGE, kinds::BODY],
    },
    Operation {
        method: "DELETE",
        path: "/pause",
        handler: || delete(pause::end),
        id: "endPause",
        summary: "Ends the pause: what is wanted by then comes back",
        takes: &[],
        body: None,
        answers: &[good(204, "There is no pause any more")],
        problems: &[kinds::CHANGE],
    },
];
