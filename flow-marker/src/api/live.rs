//! What happens now: `/overview/json`, `/live`, `/history/json`, `/elephants/json`.
//!
//! Times are nanoseconds since 1970 (UTC), rates are bits per second.

use std::convert::Infallible;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::Serialize;
use shared::life::Shutdown;
use shared::serve::routes::JSON;
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::Api;
use super::error::ApiError;
use super::parameters::Parameters;
use crate::live::{Frame, History};
use crate::overview::{Flow, FlowState};

/// What server-sent events are called.
pub(super) const EVENTS: &str = "text/event-stream";

/// Seconds of history, unless it is said.
const HISTORY: u64 = 900;

/// Flows in one answer, unless it is said, and at most.
const FLOWS: (usize, usize) = (100, 10_000);

/// Words that one may search for at once, and bytes of them: a flow's text has some 100.
const SEARCH: (usize, usize) = (8, 200);

/// `GET /overview/json`: the first screen.
///
/// # Errors
/// 503
pub(super) async fn overview(State(api): State<Api>) -> Result<Response, ApiError> {
    let frame = api
        .live
        .frame(api.clock.now())
        .await
        .ok_or_else(ApiError::no_overview)?;
    Ok(answer(JSON, Body::from(frame.json)))
}

/// Somebody who watches.
struct Watcher {
    frames: watch::Receiver<Frame>,
    /// What was there when he came.
    first: Option<Bytes>,
    shutdown: Shutdown,
    _place: OwnedSemaphorePermit,
}

/// `GET /live`: the first screen, each second anew.
///
/// # Errors
/// 503: as many as may watch do.
pub(super) async fn live(State(api): State<Api>) -> Result<Response, ApiError> {
    let (place, shutdown) = api.waiters.stream()?;
    let mut frames = api.live.watch();
    let newest = frames.borrow_and_update().clone();
    let watcher = Watcher {
        // Instead of an old one, of when somebody watched last, a new one is made at once.
        first: newest.is_fresh(api.clock.now()).then_some(newest.event),
        frames,
        shutdown,
        _place: place,
    };
    Ok(answer(EVENTS, Body::from_stream(watcher.stream())))
}

impl Watcher {
    /// What he sees, until he goes or the daemon ends. Who reads slowly gets the newest when he is ready for it.
    fn stream(self) -> impl Stream<Item = Result<Bytes, Infallible>> {
        unfold(self, |mut watcher| async {
            if let Some(first) = watcher.first.take() {
                return Some((Ok(first), watcher));
            }
            let changed = tokio::select! {
                changed = watcher.frames.changed() => changed.is_ok(),
                () = watcher.shutdown.wait() => false,
            };
            let event = changed.then(|| watcher.frames.borrow_and_update().event.clone())?;
            Some((Ok(event), watcher))
        })
    }
}

fn answer(kind: &'static str, body: Body) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
    (headers, body).into_response()
}

/// A part of the past.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Past {
    /// Seconds between two points: 1, 10 or 60.
    step: u64,
    /// Oldest first; what is not known is left out.
    points: Vec<Point>,
}

/// What was in one step, on average.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
struct Point {
    /// When it began; nanoseconds since 1970 (UTC).
    time: u64,
    /// Bits per second of elephants whose mark was installed.
    #[serde(serialize_with = "whole")]
    marked: f32,
    /// Bits per second of elephants without.
    #[serde(serialize_with = "whole")]
    large: f32,
    /// Bits per second of all else.
    #[serde(serialize_with = "whole")]
    mice: f32,
    /// Controls that were installed.
    #[serde(serialize_with = "tenths")]
    marks: f32,
    /// Flow samples per second.
    #[serde(serialize_with = "tenths")]
    samples: f32,
    /// The share of datagrams that is missing.
    lost: f32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn whole<S: serde::Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    super::number(&f64::from(number.round()), serializer)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn tenths<S: serde::Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    super::number(&((f64::from(*number) * 10.0).round() / 10.0), serializer)
}

/// `GET /history/json`: how much there was of what.
///
/// # Errors
/// 400
pub(super) async fn history(State(api): State<Api>, parameters: Parameters) -> Result<Json<Past>, ApiError> {
    let now = api.clock.unix_ns(api.clock.now()) / NANOSECONDS;
    let until = parameters.whole("at")?.unwrap_or(now.saturating_add(1));
    let seconds = parameters.whole("seconds")?.unwrap_or(HISTORY);
    let longest = History::LONGEST.as_secs();
    if !(1..=longest).contains(&seconds) {
        return Err(ApiError::invalid(format!(
            "the parameter `seconds` is 1 to {longest}, not {seconds}"
        )));
    }
    let span = api.live.history(until, seconds);
    let points = span.points.into_iter().map(|(second, point)| Point {
        time: second.saturating_mul(NANOSECONDS),
        marked: point.marked,
        large: point.large,
        mice: point.mice,
        marks: point.marks,
        samples: point.samples,
        lost: point.lost,
    });
    Ok(Json(Past {
        step: span.step,
        points: points.collect(),
    }))
}

const NANOSECONDS: u64 = 1_000_000_000;

#[derive(Debug, Serialize)]
struct Found<'a> {
    time: u64,
    total: usize,
    matching: usize,
    flows: Vec<&'a Flow>,
}

/// `GET /elephants/json`: elephants and what may become one, the largest first.
///
/// # Errors
/// 400
pub(super) async fn elephants(State(api): State<Api>, parameters: Parameters) -> Result<Response, ApiError> {
    let (usual, most) = FLOWS;
    let max = parameters.most("max", usual, most)?;
    let search = parameters.one("search")?.unwrap_or_default().to_lowercase();
    let words: Vec<_> = search.split_whitespace().map(str::to_owned).collect();
    let (many, long) = SEARCH;
    if words.len() > many || search.len() > long {
        return Err(ApiError::invalid(format!(
            "the parameter `search` is {many} words at most, of {long} letters together"
        )));
    }
    let states = parameters.list("state").into_iter().map(state);
    let states = states.collect::<Result<Vec<_>, _>>()?;
    let list = api.live.flows();
    let (matching, flows) = list.search(&words, &states, max);
    let found = Found {
        time: api.clock.unix_ns(list.at),
        total: list.flows.len(),
        matching,
        flows,
    };
    Ok(Json(found).into_response())
}

fn state(word: &str) -> Result<FlowState, ApiError> {
    let mut all = FlowState::ALL.into_iter();
    all.find(|state| state.word() == word).ok_or_else(|| {
        let words = FlowState::ALL.map(FlowState::word).join(", ");
        ApiError::invalid(format!("the parameter `state`: {word:?} is none of {words}"))
    })
}
