//! `/activeflows`, `/flowvalue`, `/flowkeys`: flows as they are now.

use std::collections::BTreeMap;
use std::net::IpAddr;

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::defined::known;
use super::error::{ApiError, WrongMember};
use super::parameters::{Parameters, Path};
use super::{Api, metrics, number};
use crate::engine::ActiveFlow;
use crate::engine::metric::SourceName;
use crate::engine::metric::query::Agents;
use crate::flow::{Aggregation, Definition};

/// Flows in one answer, unless it is said; and the most.
const FLOWS: (usize, usize) = (100, 10_000);

/// A flow as it is now.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Active {
    /// The values of its keys, joined as the definition says.
    key: String,
    /// Its value: of `bytes` and `frames` per second.
    #[serde(serialize_with = "number")]
    value: f64,
    /// The agent; of several the one with the largest value.
    #[cfg_attr(test, schema(value_type = String))]
    agent: IpAddr,
    /// Its data source.
    #[cfg_attr(test, schema(value_type = String))]
    data_source: SourceName,
    /// How many data sources have the flow.
    flow_n: usize,
}

impl From<ActiveFlow> for Active {
    fn from(flow: ActiveFlow) -> Self {
        Self {
            key: flow.key,
            value: flow.value,
            agent: flow.agent,
            data_source: flow.source,
            flow_n: flow.n,
        }
    }
}

fn mode(parameters: &Parameters, definition: &Definition) -> Result<Aggregation, ApiError> {
    let default = definition.aggregation.unwrap_or(Aggregation::Max);
    match parameters.one("aggMode")? {
        None => Ok(default),
        Some(name) => Aggregation::of(name).ok_or_else(|| {
            ApiError::invalid(format!(
                "the parameter `aggMode` is max, sum, edge or core, not {name:?}"
            ))
        }),
    }
}

/// `GET /activeflows/{agents}/{name}/json`: the largest first.
///
/// # Errors
/// 400, 404, 503
pub(super) async fn flows(
    State(api): State<Api>,
    path: Path,
    parameters: Parameters,
) -> Result<Json<Vec<Active>>, ApiError> {
    let name = path.name()?;
    let definition = known(&api.engine.flows(), name)?;
    let agents = Agents::parse(path.part("agents"))?;
    let most = parameters.most("maxFlows", FLOWS.0, FLOWS.1)?;
    let least = parameters.number("minValue")?.unwrap_or(0.0);
    let mode = mode(&parameters, &definition)?;
    let flows = api.engine.active_flows(agents, name, (most, least), mode).await?;
    Ok(Json(flows.into_iter().map(Active::from).collect()))
}

/// A data source and the name of a flow, `<data source>.<flow>`: both may hold dots, so the first dot behind which there
/// is the name of a flow ends the data source.
fn split(text: &str, is_flow: impl Fn(&str) -> bool) -> Option<(SourceName, &str)> {
    let mut dots = text.match_indices('.');
    dots.find_map(|(at, _)| {
        let (source, name) = (text.get(..at)?, text.get(at + 1..)?);
        (!source.is_empty() && is_flow(name)).then(|| (SourceName::parse(source), name))
    })
}

/// `GET /flowvalue/{agent}/{name}/json`: the value of one flow now, or null.
///
/// # Errors
/// 400, 404, 503
pub(super) async fn value(
    State(api): State<Api>,
    path: Path,
    parameters: Parameters,
) -> Result<Json<Option<f64>>, ApiError> {
    let agent = metrics::agent(&api, path.part("agent"))?;
    let defined = api.engine.flows();
    let text = path.part("name");
    let Some((source, name)) = split(text, |name| defined.get(name).is_some()) else {
        known(&defined, text)?;
        let why = "the data source of the flow is missing, as in 4.NAME";
        return Err(ApiError::wrong_member("path", WrongMember::new(text, why)));
    };
    let key = parameters.one("key")?.unwrap_or_default();
    Ok(Json(api.engine.flow_value(agent, source, name, key).await?))
}

/// `GET /flowkeys/json`: key → milliseconds since a packet had it.
///
/// # Errors
/// 503
pub(super) async fn keys(State(api): State<Api>) -> Result<Json<BTreeMap<String, u64>>, ApiError> {
    Ok(Json(api.engine.flow_keys().await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_source_ends_where_a_flow_begins() {
        let flow = |name: &str| ["pair", "a.b", "1.x"].contains(&name);
        for (text, expected) in [
            ("4.pair", Some(("4", "pair"))),
            ("2.1.pair", Some(("2.1", "pair"))),
            ("4.a.b", Some(("4", "a.b"))),
            ("2.1.x", Some(("2", "1.x"))),
            ("pair", None),
            (".pair", None),
            ("4.none", None),
            ("", None),
        ] {
            let found = split(text, flow);
            let found = found.as_ref().map(|(source, name)| (source.to_string(), *name));
            assert_eq!(
                found,
                expected.map(|(source, name)| (source.to_owned(), name)),
                "{text}"
            );
        }
    }
}
