//! `/decisions/json`: what was decided, and why.
//!
//! Times are nanoseconds since 1970 (UTC), rates are bits per second.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};

use super::Api;
use super::csv::{Cell, Column};
use super::effect::Timing;
use super::error::ApiError;
use super::json::{self, Evidence, Port, Server, Times};
use super::pages::{self, Asked, Memory};
use super::parameters::Parameters;
use crate::actuator::Kind;
use crate::clock::Clock;
use crate::config::Mode;
use crate::control::desired::{About, What};
use crate::control::journal::{Journal, Question, RECORDS, Record};
use crate::history::{Feed, Following, Page, Row, Series};

/// Decisions in one answer, unless it is said.
const DECISIONS: usize = 100;

/// A decision.
#[derive(Debug, Serialize)]
pub(super) struct Decision {
    /// Grows with every decision.
    id: u64,
    time: u64,
    /// How often the same was decided, and when last.
    count: u64,
    last: u64,
    decision: &'static str,
    /// The agent of the switch; null: of all, or none in particular.
    switch: Option<IpAddr>,
    /// The name of the control.
    control: Option<String>,
    controller: Option<Kind>,
    mode: Mode,
    /// What is matched, or the name of a blacklist.
    what: String,
    /// `controller`, or the caller of the API.
    who: String,
    /// Why, for programs.
    reason: Option<&'static str>,
    /// Why, for people.
    why: Option<String>,
    about: Option<String>,
    port: Option<Port>,
    evidence: Option<Evidence>,
    times: Option<Times>,
    /// Where the time went at the server when it was installed.
    server: Option<Server>,
    /// Where the time went in all.
    timing: Option<Timing>,
}

/// What an export has of a decision.
pub(super) const COLUMNS: &[Column] = &[
    ("id", "/id", Cell::Plain),
    ("time", "/time", Cell::Nanoseconds),
    ("decision", "/decision", Cell::Plain),
    ("switch", "/switch", Cell::Plain),
    ("control", "/control", Cell::Plain),
    ("controller", "/controller", Cell::Plain),
    ("mode", "/mode", Cell::Plain),
    ("what", "/what", Cell::Plain),
    ("who", "/who", Cell::Plain),
    ("reason", "/reason", Cell::Plain),
    ("why", "/why", Cell::Plain),
    ("about", "/about", Cell::Plain),
    ("ifindex", "/port/ifindex", Cell::Plain),
    ("port", "/port/name", Cell::Plain),
    ("path", "/evidence/path", Cell::Plain),
    ("bytes", "/evidence/bytes", Cell::Plain),
    ("seconds", "/evidence/seconds", Cell::Plain),
    ("samples", "/evidence/samples", Cell::Plain),
    ("rate_bps", "/evidence/rate_bps", Cell::Plain),
    ("threshold_bps", "/evidence/threshold_bps", Cell::Plain),
    ("installed", "/times/installed", Cell::Nanoseconds),
    ("removed", "/times/removed", Cell::Nanoseconds),
    ("count", "/count", Cell::Plain),
    ("last", "/last", Cell::Nanoseconds),
];

/// `GET /decisions/json`: newest first. With `timeout` it waits until there is one.
///
/// # Errors
/// 400, 503
pub(super) async fn read(State(api): State<Api>, parameters: Parameters) -> Result<Response, ApiError> {
    let question = question(&parameters)?;
    let asked = Asked::read(&parameters, api.clock.unix_ns(api.clock.now()))?;
    let limit = parameters.timeout()?;
    if asked.is_past() || (question.after.is_none() && limit.is_zero()) {
        return Ok(pages::json(&page(&api, question, asked).await?, &parameters));
    }
    let limit = match question.max {
        // Nothing could ever come.
        0 => std::time::Duration::ZERO,
        _ => limit,
    };
    let look = || Some(api.switches.journal().ask(&question).entries).filter(|entries| !entries.is_empty());
    let found = api
        .waiters
        .until(api.switches.journal().changed(), limit, look)
        .await?;
    let found = found.unwrap_or_default();
    let rows = found.iter().map(|(id, record)| row(&api.clock, *id, record));
    Ok(pages::all(&rows.collect::<Vec<_>>()))
}

/// `GET /decisions/csv`: as JSON, and never waited for.
///
/// # Errors
/// 400, 503
pub(super) async fn export(State(api): State<Api>, parameters: Parameters) -> Result<Response, ApiError> {
    let question = question(&parameters)?;
    let asked = Asked::read(&parameters, api.clock.unix_ns(api.clock.now()))?;
    let page = page(&api, question, asked).await?;
    Ok(pages::csv(&page, &parameters, "decisions", COLUMNS))
}

/// A page of the past: what memory has, and then what the history has.
async fn page(api: &Api, question: Question, asked: Asked) -> Result<Page, ApiError> {
    let clock = api.clock;
    let asked = asked.above(question.after);
    let holds = |record: &Record| asked.range.holds(clock.unix_ns(record.decision.at));
    let found = api.switches.journal().older(&question, asked.range.before, holds);
    let rows = found.entries.iter().map(|(id, record)| row(&clock, *id, record));
    let memory = Memory {
        rows: rows.collect(),
        floor: found.floor,
    };
    let most = question.max;
    let meant = move |json: &[u8]| {
        serde_json::from_slice::<Stored<'_>>(json).is_ok_and(|stored| stored.is_meant(&question))
    };
    pages::page(api, Series::Decisions, asked, memory, most, meant).await
}

/// What a question is about, of a decision on the disk.
#[derive(Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    decision: Cow<'a, str>,
    switch: Option<IpAddr>,
    #[serde(borrow)]
    control: Option<Cow<'a, str>>,
}

impl Stored<'_> {
    /// As [`Question`] has it.
    fn is_meant(&self, question: &Question) -> bool {
        let control = question.control.as_deref();
        let is_kind = |kind: &String| *kind == *self.decision;
        control.is_none_or(|control| self.control.as_deref() == Some(control))
            && question.switch.is_none_or(|switch| self.switch == Some(switch))
            && (question.kinds.is_empty() || question.kinds.iter().any(is_kind))
    }
}

/// A decision as it is answered and kept.
fn row(clock: &Clock, id: u64, record: &Record) -> Row {
    let shown = shown(clock, id, record);
    pages::row(id, shown.time, &shown)
}

/// The decisions, for the history.
#[derive(Debug)]
pub struct DecisionFeed {
    journal: Arc<Journal>,
    clock: Clock,
}

impl DecisionFeed {
    /// Those of this journal.
    pub const fn new(journal: Arc<Journal>, clock: Clock) -> Self {
        Self { journal, clock }
    }
}

impl Feed for DecisionFeed {
    fn series(&self) -> Series {
        Series::Decisions
    }

    fn following(&self, seen: u64, most: usize) -> Following {
        let question = Question {
            after: i64::try_from(seen).ok(),
            max: most,
            ..Question::default()
        };
        let answer = self.journal.ask(&question);
        let rows = answer.entries.iter().rev();
        Following {
            rows: rows.map(|(id, record)| row(&self.clock, *id, record)).collect(),
            missed: answer.missed,
        }
    }

    fn changed(&self) -> Vec<u64> {
        self.journal.repeated()
    }

    fn row(&self, id: u64) -> Option<Row> {
        Some(row(&self.clock, id, &self.journal.get(id)?))
    }
}

fn question(parameters: &Parameters) -> Result<Question, ApiError> {
    let kinds = parameters.list("kind");
    let known = |kind: &&str| What::ALL.iter().any(|what| what.word() == *kind);
    if let Some(wrong) = kinds.iter().find(|kind| !known(kind)) {
        let words: Vec<_> = What::ALL.iter().map(|what| what.word()).collect();
        let words = words.join(", ");
        return Err(ApiError::invalid(format!(
            "the parameter `kind`: {wrong:?} is none of {words}"
        )));
    }
    let switch = parameters.one("switch")?.map(|text| {
        let agent = text.parse::<IpAddr>().map(|agent| agent.to_canonical());
        agent.map_err(|_| {
            ApiError::invalid(format!(
                "the parameter `switch` is the address of an agent, not {text:?}"
            ))
        })
    });
    Ok(Question {
        after: parameters.seen("since")?,
        max: parameters.most("max", DECISIONS, RECORDS)?,
        control: parameters.one("control")?.map(str::to_owned),
        switch: switch.transpose()?,
        kinds: kinds.into_iter().map(str::to_owned).collect(),
    })
}

fn shown(clock: &Clock, id: u64, record: &Record) -> Decision {
    let decision = &record.decision;
    let cause = decision.cause();
    // Where nothing was seen, as with lists and people, there is nothing to show.
    let seen = cause.filter(|cause| cause.person.is_none());
    Decision {
        id,
        time: clock.unix_ns(decision.at),
        count: record.count,
        last: clock.unix_ns(record.last),
        decision: decision.what.word(),
        switch: record.place.map(|place| place.agent),
        control: decision.name().map(ToString::to_string),
        controller: decision.kind(),
        mode: decision.mode,
        what: decision.subject(),
        who: decision.who.as_deref().unwrap_or("controller").to_owned(),
        reason: decision.reason,
        why: decision.why.clone(),
        about: cause.and_then(|cause| cause.about.as_deref()).map(str::to_owned),
        port: seen.map(|cause| Port {
            ifindex: cause.port,
            name: cause.port_name.as_deref().map(str::to_owned),
        }),
        evidence: seen.map(|cause| Evidence::from(&cause.evidence)),
        times: match &decision.about {
            About::Control(view) => Some(json::times(clock, view)),
            _ => None,
        },
        server: decision.view().and_then(|view| view.timing).map(Server::from),
        timing: decision.view().map(Timing::of),
    }
}
