//! `POST /api/clew/v1/sampling/try?last=1h`: what policies of tail sampling would keep of what is stored. The body is the file of policies.
//! Nothing is changed. One runs at a time, and ends when its client goes away.
//!
//! An error is `{"error": {"code", "message", "hint", "position"}}`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Json, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clew_storage::Store;
use http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::Mutex;

use crate::config::{POLICY_FILE_BYTES_MAX, parse_duration, parse_policies};
use crate::trial::{Fault, try_policies};

/// How far back if the request does not say.
const LAST_DEFAULT: Duration = Duration::from_hours(1);

#[derive(Clone)]
struct Trials {
    store: Store,
    /// Traces that arrive within this time are decided about together.
    epoch: Duration,
    turn: Arc<Mutex<()>>,
}

/// The route.
pub(super) fn router(store: Store, epoch: Duration) -> Router {
    let trials = Trials {
        store,
        epoch,
        turn: Arc::default(),
    };
    Router::new()
        .route("/api/clew/v1/sampling/try", post(run))
        .layer(DefaultBodyLimit::max(POLICY_FILE_BYTES_MAX as usize))
        .with_state(trials)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    last: Option<String>,
}

async fn run(
    State(trials): State<Trials>,
    call: Result<Query<Call>, QueryRejection>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let wrong = |message: String| refused(StatusCode::BAD_REQUEST, "invalid_argument", &message);
    let last = match call {
        Ok(Query(call)) => call.last,
        Err(error) => return wrong(error.body_text()),
    };
    let last = match last.as_deref().map(parse_duration).transpose() {
        Ok(last) => last.unwrap_or(LAST_DEFAULT),
        Err(error) => return wrong(format!("parameter `last`: {error}")),
    };
    let body = match body {
        Ok(body) => body,
        Err(error) => return wrong(format!("the body cannot be read: {}", error.body_text())),
    };
    let Ok(text) = std::str::from_utf8(&body) else {
        return wrong("the body is not text".to_owned());
    };
    let policies = match parse_policies(text) {
        Ok(policies) => policies,
        Err(error) => return wrong(error),
    };
    let Ok(turn) = trials.turn.try_lock_owned() else {
        let message = "policies are being tried already; ask again when that is done";
        return refused(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message);
    };
    let leaving = Leaving::default();
    let given_up = Arc::clone(&leaving.0);
    let report = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        try_policies(&trials.store, &policies, last, trials.epoch, &given_up)
    });
    match report.await {
        Ok(Ok(report)) => Json(report).into_response(),
        Ok(Err(Fault::Policies(error))) => wrong(error),
        Ok(Err(Fault::GivenUp)) | Err(_) => refused(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; see its log",
        ),
    }
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let error = json!({ "code": code, "message": message, "hint": null, "position": null });
    (status, Json(json!({ "error": error }))).into_response()
}

/// Ends the work when its client leaves.
#[derive(Default)]
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
