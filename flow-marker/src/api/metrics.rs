//! `/metrics/json`, `/metric`, `/table`, `/dump`: values of metrics.

use std::net::IpAddr;

use axum::Json;
use axum::extract::State;

use super::Api;
use super::error::{ApiError, WrongMember};
use super::parameters::{Parameters, Path};
use crate::engine::NoAnswer;
use crate::engine::metric::query::{Answer, Query, QueryError};

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        Self::wrong_member("question", WrongMember::new(error.word, error.problem))
    }
}

impl From<NoAnswer> for ApiError {
    fn from(error: NoAnswer) -> Self {
        match error {
            NoAnswer::Unanswered(error) => error.into(),
            NoAnswer::TooLarge(error) => Self::invalid(error.to_string()),
        }
    }
}

/// What selects agents by their metrics: all parameters but `_`, which pages add to get past caches.
fn filter(parameters: &Parameters) -> impl Iterator<Item = (&str, &str)> {
    parameters.pairs().filter(|(name, _)| *name != "_")
}

/// The agent that a path names: its address, or its name in the topology.
///
/// # Errors
/// 404
pub(super) fn agent(api: &Api, text: &str) -> Result<IpAddr, ApiError> {
    let topology = api.engine.topology();
    let address = text.parse::<IpAddr>().map(|address| address.to_canonical());
    match address.ok().or_else(|| topology.agent_of(text)) {
        Some(agent) => Ok(agent),
        None => Err(ApiError::no_such_thing("agent", text, topology.nodes())),
    }
}

/// `GET /metrics/json`: metric → milliseconds since it was last seen.
///
/// # Errors
/// 503
pub(super) async fn names(State(api): State<Api>) -> Result<Json<Answer>, ApiError> {
    Ok(Json(api.engine.metrics(Query::names()).await?))
}

/// `GET /metric/{agent}/json`: all current values of an agent, by data source and metric.
///
/// # Errors
/// 404, 503
pub(super) async fn of_agent(State(api): State<Api>, path: Path) -> Result<Json<Answer>, ApiError> {
    let text = path.part("agent");
    let agent = agent(&api, text)?;
    let answer = api.engine.metrics(Query::agent(agent)).await?;
    if matches!(&answer, Answer::Agent(values) if values.is_empty()) {
        let agents: Vec<String> = api
            .engine
            .known_agents()
            .await?
            .iter()
            .map(IpAddr::to_string)
            .collect();
        if !agents.contains(&agent.to_string()) {
            return Err(ApiError::no_such_thing(
                "agent",
                text,
                agents.iter().map(String::as_str),
            ));
        }
    }
    Ok(Json(answer))
}

/// `GET /metric/{agents}/{metrics}/json`: statistics over data sources.
///
/// # Errors
/// 400, 503
pub(super) async fn statistics(
    State(api): State<Api>,
    path: Path,
    parameters: Parameters,
) -> Result<Json<Answer>, ApiError> {
    let query = Query::metrics(path.part("agents"), path.part("metrics"), filter(&parameters))?;
    Ok(Json(api.engine.metrics(query).await?))
}

/// `GET /table/{agents}/{metrics}/json`: a row for each data source.
///
/// # Errors
/// 400, 503
pub(super) async fn table(
    State(api): State<Api>,
    path: Path,
    parameters: Parameters,
) -> Result<Json<Answer>, ApiError> {
    let query = Query::table(path.part("agents"), path.part("metrics"), filter(&parameters))?;
    Ok(Json(api.engine.metrics(query).await?))
}

/// `GET /dump/{agents}/{metrics}/json`: every value.
///
/// # Errors
/// 400, 503
pub(super) async fn dump(
    State(api): State<Api>,
    path: Path,
    parameters: Parameters,
) -> Result<Json<Answer>, ApiError> {
    let query = Query::dump(path.part("agents"), path.part("metrics"), filter(&parameters))?;
    Ok(Json(api.engine.metrics(query).await?))
}
