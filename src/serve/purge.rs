//! `POST /test/purge`: drops every span and every count of spans, so that a test can begin anew. The route exists only where `unsafe_test_purge` is set.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clew_storage::Store;
use clew_storage::store::RetentionRequest;
use http::StatusCode;

/// The route.
pub(crate) fn router(store: Store) -> Router {
    Router::new()
        .route("/test/purge", post(purge))
        .with_state(store)
}

async fn purge(State(store): State<Store>) -> Response {
    let purged = async {
        store.flush().await?;
        let request = RetentionRequest {
            older_than_ns: Some(0),
            rules: Vec::new(),
            max_bytes: None,
            dry_run: false,
            trust_clock: true,
        };
        let retained = tokio::task::spawn_blocking(move || {
            store.drop_counts()?;
            store.retain_with(&request)
        });
        retained
            .await
            .unwrap_or(Err(clew_storage::StoreError::Closed))
    };
    match purged.await {
        Ok(report) => format!("dropped {} spans\n", report.spans).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
