//! `/` and `/assets/…`: the page, for everybody who can connect. It holds nothing secret, and can do nothing by itself: for
//! that it asks for `/page/token`, as a caller.

use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde::Serialize;

use super::auth::Caller;
use super::browser::{self, PageToken};
use super::error::ApiError;
use crate::web::{self, Asset};

/// What the page may load and speak to: us. Nobody may frame it, so that nobody can have its buttons pressed.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Older browsers know no `frame-ancestors`.
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    // It is asked for each time whether there is a newer one: a page and a daemon of two versions do not go together.
    (header::CACHE_CONTROL, "no-cache"),
];

/// The routes of the page. They belong outside of what asks for credentials.
pub(super) fn routes() -> Router {
    let asset = |Path(path): Path<String>, headers: HeaderMap| async move { answer(&path, &headers) };
    Router::new()
        .route(
            "/",
            get(|headers: HeaderMap| async move { answer("index.html", &headers) }),
        )
        .route("/assets/{*path}", get(asset))
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
}

fn answer(path: &str, headers: &HeaderMap) -> Response {
    match web::find(path) {
        None => ApiError::no_such_path(&["/ and what it loads"]).into_response(),
        Some(asset) => (
            HEADERS,
            [(header::ETAG, asset.etag.as_str())],
            body(asset, headers),
        )
            .into_response(),
    }
}

fn body(asset: &'static Asset, headers: &HeaderMap) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut known = known
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    // The comparison is weak (RFC 9110 §13.1.2).
    let is_same = |tag: &str| {
        let tag = tag.trim();
        tag == "*" || tag.strip_prefix("W/").unwrap_or(tag) == asset.etag
    };
    match known.any(is_same) {
        true => StatusCode::NOT_MODIFIED.into_response(),
        false => ([(header::CONTENT_TYPE, asset.kind)], asset.bytes).into_response(),
    }
}

/// What the page needs to change something.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub(super) struct Page {
    /// For the header `X-Flow-Marker-Page` of every change; another one after a restart.
    token: String,
    /// Who is asking, as decisions and the log name him.
    caller: String,
    /// Whether he may change anything.
    write: bool,
}

/// `GET /page/token`: what our own page shows when it changes something. No other page is told.
///
/// # Errors
/// 403
pub(super) async fn token(
    Extension(page): Extension<PageToken>,
    caller: Caller,
    request: Request,
) -> Result<Response, ApiError> {
    if let Some(why) = browser::foreign(request.headers(), browser::host(&request)) {
        return Err(ApiError::foreign_page(&why));
    }
    caller.is_meant(&request)?;
    let answer = Page {
        token: page.text().to_owned(),
        caller: caller.id(),
        write: caller.may_write().is_ok(),
    };
    let headers = [
        (header::CACHE_CONTROL, "no-store"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ];
    Ok((headers, Json(answer)).into_response())
}
