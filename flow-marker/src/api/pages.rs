//! Pages of the past: what is in memory, and what the history has of the time before.
//!
//! Memory has the newest of what there is, and says below which id it has nothing; from there on the history answers. So
//! nothing is told twice. The header `Link` (RFC 8288) names the next page while there may be one.

use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use reqwest::Url;
use serde::Serialize;

use super::Api;
use super::csv::{self, Column};
use super::error::ApiError;
use super::parameters::Parameters;
use crate::history::{Page, Range, Row, Series};

/// Which part of the past is asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) range: Range,
    /// Only above this id.
    above: Option<u64>,
}

impl Asked {
    /// `before`, `from` and `until` of a request.
    ///
    /// # Errors
    /// 400
    pub(super) fn read(parameters: &Parameters, now: u64) -> Result<Self, ApiError> {
        let range = Range {
            before: parameters.whole("before")?,
            from: parameters.second("from", now)?,
            until: parameters.second("until", now)?,
        };
        Ok(Self { range, above: None })
    }

    /// Whether one of them was said.
    pub(super) fn is_past(&self) -> bool {
        self.range != Range::default()
    }

    /// And only what was not seen yet.
    pub(super) fn above(mut self, seen: Option<i64>) -> Self {
        self.above = seen.and_then(|seen| u64::try_from(seen).ok());
        self
    }
}

/// What memory has for a question.
#[derive(Debug)]
pub(super) struct Memory {
    /// Newest first.
    pub(super) rows: Vec<Row>,
    /// It has nothing with lower ids.
    pub(super) floor: u64,
}

/// A record as it is answered and kept.
pub(super) fn row(id: u64, time: u64, document: &impl Serialize) -> Row {
    // Our documents have names as keys, and no numbers that JSON lacks.
    let json = serde_json::to_vec(document).unwrap_or_else(|_| b"null".to_vec());
    Row { id, time, json }
}

/// At most `most` records, newest first.
///
/// # Errors
/// 503
pub(super) async fn page(
    api: &Api,
    series: Series,
    asked: Asked,
    memory: Memory,
    most: usize,
    meant: impl Fn(&[u8]) -> bool + Send + 'static,
) -> Result<Page, ApiError> {
    let Memory { mut rows, floor } = memory;
    let mut next = rows.last().map(|row| row.id);
    if rows.len() < most {
        let before = asked.range.before.map_or(floor, |before| before.min(floor));
        let range = Range {
            before: Some(before),
            ..asked.range
        };
        let older = api.history.read(series, range, most - rows.len(), meant).await?;
        rows.extend(older.rows);
        next = older.next;
    }
    if let Some(above) = asked.above {
        let asked = rows.partition_point(|row| row.id > above);
        next = next.filter(|_| asked == rows.len());
        rows.truncate(asked);
    }
    Ok(Page { rows, next })
}

/// Records as JSON.
pub(super) fn all(rows: &[Row]) -> Response {
    let mut body = Vec::with_capacity(2 + rows.iter().map(|row| row.json.len() + 1).sum::<usize>());
    body.push(b'[');
    for (n, row) in rows.iter().enumerate() {
        if n > 0 {
            body.push(b',');
        }
        body.extend_from_slice(&row.json);
    }
    body.push(b']');
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// A page as JSON.
pub(super) fn json(page: &Page, parameters: &Parameters) -> Response {
    let link = link(page, parameters);
    (link, all(&page.rows)).into_response()
}

/// A page as a table.
pub(super) fn csv(page: &Page, parameters: &Parameters, name: &'static str, columns: &[Column]) -> Response {
    let mut headers = link(page, parameters);
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8; header=present"),
    );
    if let Ok(file) = HeaderValue::try_from(format!("attachment; filename=\"{name}.csv\"")) {
        headers.insert(CONTENT_DISPOSITION, file);
    }
    (headers, csv::table(columns, &page.rows)).into_response()
}

/// Where the page goes on: the same question, from there.
fn link(page: &Page, parameters: &Parameters) -> HeaderMap {
    let next = page.next.and_then(|next| {
        let mut url = Url::parse("http://localhost/").ok()?;
        let others = parameters.pairs().filter(|(name, _)| *name != "before");
        url.query_pairs_mut()
            .extend_pairs(others)
            .append_pair("before", &next.to_string());
        HeaderValue::try_from(format!("<?{}>; rel=\"next\"", url.query()?)).ok()
    });
    next.map(|next| (LINK, next)).into_iter().collect()
}
