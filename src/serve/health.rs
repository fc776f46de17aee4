//! `/health/live`, `/health/ready` and `/metrics`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clew_storage::Store;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::json;

/// Whether the server takes requests.
#[derive(Clone)]
pub(crate) struct Health {
    store: Store,
    open: Arc<AtomicBool>,
    prepared: Arc<AtomicBool>,
}

impl Health {
    /// Ready from [`Health::prepared`] to [`Health::close`], as long as `store` takes spans.
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            open: Arc::new(AtomicBool::new(true)),
            prepared: Arc::new(AtomicBool::new(false)),
        }
    }

    /// Queries have nothing to wait for any more.
    pub(crate) fn prepared(&self) {
        self.prepared.store(true, Ordering::Release);
    }

    /// Not ready any more.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
    }

    /// `/health/*`, open to everybody: they tell nothing but how the server is.
    ///
    /// `live` hangs on nothing but the event loop. `ready` is 503 when spans would be refused, or the server has only just started
    /// or is shutting down.
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/health/live", get(|| async { "live\n" }))
            .route("/health/ready", get(ready))
            .with_state(self.clone())
    }
}

async fn ready(State(health): State<Health>) -> Response {
    let open = health.open.load(Ordering::Acquire);
    let ingest = match health.store.status().unavailable {
        _ if !open => "shutting down",
        // Why is in the log and in `/api/clew/v1/status`: not everybody who may ask here may know.
        Some(_) => "unavailable",
        None => "ready",
    };
    let query = match health.prepared.load(Ordering::Acquire) {
        _ if !open => "shutting down",
        true => "ready",
        false => "preparing",
    };
    let ready = ingest == "ready" && query == "ready";
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({"ready": ready, "ingest": ingest, "query": query});
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        body.to_string(),
    )
        .into_response()
}

/// `/metrics` in the format of Prometheus.
pub(crate) fn metrics_router(metrics: PrometheusHandle) -> Router {
    let render = move || {
        let text = metrics.render();
        async move {
            (
                [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
                text,
            )
        }
    };
    Router::new().route("/metrics", get(render))
}
