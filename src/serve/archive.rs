//! `POST /api/archive/{id}`, as Jaeger's UI and API clients know it: the trace stays when retention drops its neighbours.
//!
//! Jaeger copies the trace to a second store; here it is pinned where it is, and found by every query as before. The answer is Jaeger's: an
//! empty list.

use axum::Router;
use axum::extract::{Json, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clew_storage::{Store, StoreError, TraceId};
use http::StatusCode;
use serde_json::{Value, json};

/// The route.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/api/archive/{id}", post(archive))
        .with_state(store)
}

async fn archive(State(store): State<Store>, Path(id): Path<String>) -> Response {
    let id: TraceId = match id.parse() {
        Ok(id) => id,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    // Looking for the trace reads files.
    let pinned = tokio::task::spawn_blocking(move || store.pin(id)).await;
    match pinned {
        Ok(Ok(true)) => answer(StatusCode::OK, &json!([]), &json!(null)),
        Ok(Ok(false)) => refused(StatusCode::NOT_FOUND, "trace not found"),
        Ok(Err(error @ StoreError::TooMany { .. })) => {
            refused(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())
        }
        Ok(Err(error)) => {
            tracing::error!(%error, trace_id = %id, "a trace cannot be archived");
            refused(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string())
        }
        Err(_) => refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the server failed; see its log",
        ),
    }
}

fn refused(status: StatusCode, msg: &str) -> Response {
    let errors = json!([{ "code": status.as_u16(), "msg": msg }]);
    answer(status, &json!(null), &errors)
}

fn answer(status: StatusCode, data: &Value, errors: &Value) -> Response {
    let body = json!({ "data": data, "total": 0, "limit": 0, "offset": 0, "errors": errors });
    (status, Json(body)).into_response()
}
