//! `GET /api/openapi.json`: the description of the HTTP APIs, as it stands in `docs/openapi.json`. Tests hold it against the routes.

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;

use crate::http::json;
use crate::service::QueryService;

const DESCRIPTION: &str = include_str!("../../docs/openapi.json");

/// The route.
pub(crate) fn router() -> Router<QueryService> {
    let answer = || async { json::with_body(StatusCode::OK, "application/json", DESCRIPTION) };
    Router::new().route("/api/openapi.json", get(answer))
}
