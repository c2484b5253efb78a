//! `/prometheus`: metrics as Prometheus reads them (text exposition format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};

use super::Api;
use super::error::ApiError;
use super::parameters::{Parameters, Path};
use super::service::TEXT;
use crate::engine::metric::Value;
use crate::engine::metric::query::{Answer, Metric, Query};

/// `GET /prometheus/metrics/{agents}/{metrics}/txt`: `sflow_<metric>{agent=…,datasource=…}`.
///
/// # Errors
/// 400, 503
pub(super) async fn metrics(
    State(api): State<Api>,
    path: Path,
    parameters: Parameters,
) -> Result<Response, ApiError> {
    let filter = parameters.pairs().filter(|(name, _)| *name != "_");
    let query = Query::dump(path.part("agents"), path.part("metrics"), filter)?;
    let text = match api.engine.metrics(query).await? {
        Answer::Dump(metrics) => render(&metrics),
        _ => String::new(),
    };
    Ok(([(CONTENT_TYPE, TEXT)], text).into_response())
}

/// Numbers, by metric; each agent and data source once for a metric.
fn render(metrics: &[Metric]) -> String {
    let mut families: BTreeMap<String, BTreeMap<(String, String), f64>> = BTreeMap::new();
    for metric in metrics {
        let (Some(agent), Some(source), Some(Value::Number(number))) =
            (metric.agent, &metric.data_source, &metric.metric_value)
        else {
            // Texts are no numbers: Prometheus has no place for them.
            continue;
        };
        let family = families.entry(name(&metric.metric_name)).or_default();
        // Two names may become one; the first one in order stays.
        family
            .entry((agent.to_string(), source.to_string()))
            .or_insert(*number);
    }
    let mut text = String::new();
    for (name, samples) in families {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# TYPE {name} gauge");
        for ((agent, source), number) in samples {
            let (agent, source) = (escape(&agent), escape(&source));
            let _ = writeln!(
                text,
                "{name}{{agent=\"{agent}\",datasource=\"{source}\"}} {number}"
            );
        }
    }
    text
}

/// `sflow_` and the metric's name, with `_` in place of what no name may have.
fn name(metric: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    metric
        .chars()
        .map(allowed)
        .fold("sflow_".to_owned(), |mut name, c| {
            name.push(c);
            name
        })
}

/// The value of a label.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use crate::engine::metric::SourceName;

    use super::*;

    fn metric(agent: &str, source: &str, name: &str, value: Value) -> Metric {
        Metric {
            agent: agent.parse().ok(),
            data_source: Some(SourceName::parse(source)),
            metric_name: name.into(),
            metric_value: Some(value),
            metric_n: None,
            last_update: None,
            last_update_min: None,
            last_update_max: None,
            top_keys: Vec::new(),
        }
    }

    #[test]
    fn names_and_labels_are_what_prometheus_allows() {
        let number = Value::Number;
        let metrics = [
            metric("10.0.0.1", "2", "ifinoctets", number(12.5)),
            metric("10.0.0.1", "10", "ifinoctets", number(1e9)),
            metric("10.0.0.1", "10", "ifname", Value::text(b"swp1").unwrap()),
            metric("2001:db8::1", "a\"b\\c\nd", "my-flow.x", number(1.0)),
            metric("2001:db8::1", "a\"b\\c\nd", "my_flow.x", number(2.0)),
        ];
        assert_eq!(
            render(&metrics),
            "# TYPE sflow_ifinoctets gauge\n\
             sflow_ifinoctets{agent=\"10.0.0.1\",datasource=\"10\"} 1000000000\n\
             sflow_ifinoctets{agent=\"10.0.0.1\",datasource=\"2\"} 12.5\n\
             # TYPE sflow_my_flow_x gauge\n\
             sflow_my_flow_x{agent=\"2001:db8::1\",datasource=\"a\\\"b\\\\c\\nd\"} 1\n"
        );
        assert_eq!(render(&[]), "");
    }
}
