//! OTLP/HTTP: `POST /v1/traces`.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::{any, post};
use http::{HeaderMap, Request, StatusCode, header};

use super::body::{self, Length};
use super::coding::Coding;
use super::status::{self, Encoding};
use crate::decode::kind;
use crate::ingest::{self, Accepted, Ingest, Protocol};
use crate::refusal::Refusal;

const NOT_TRACES: &str = "Clew stores traces only; switch the exporter of this signal off \
    (OTEL_METRICS_EXPORTER=none, OTEL_LOGS_EXPORTER=none) or send it elsewhere";

/// The routes.
pub(crate) fn router(ingest: Arc<Ingest>) -> Router {
    Router::new()
        .route("/v1/traces", post(traces).fallback(wrong_method))
        .route("/v1/metrics", any(not_traces))
        .route("/v1/logs", any(not_traces))
        .route("/v1development/profiles", any(not_traces))
        .with_state(ingest)
}

async fn traces(State(ingest): State<Arc<Ingest>>, request: Request<Body>) -> Response {
    let (head, mut body) = request.into_parts();
    let encoding = Encoding::from_headers(&head.headers);
    let protocol = match encoding {
        Some(Encoding::Protobuf) => "otlp_http_protobuf",
        Some(Encoding::Json) => "otlp_http_json",
        None => "otlp_http_other",
    };
    let begun = ingest.begin(protocol);
    let result = accept(&ingest, protocol, encoding, &head.headers, &mut body).await;
    if result.is_err() {
        body::discard(&mut body, &ingest.limits).await;
    }
    ingest.finish(&begun, &result);
    // A sender of something else is a person with a browser or curl.
    let encoding = encoding.unwrap_or(Encoding::Json);
    match result {
        Ok(accepted) => {
            let response = status::http_success(encoding, &accepted.rejected);
            status::tell(&accepted, response)
        }
        Err(refusal) => status::http_failure(encoding, &refusal),
    }
}

async fn accept(
    ingest: &Arc<Ingest>,
    protocol: Protocol,
    encoding: Option<Encoding>,
    headers: &HeaderMap,
    body: &mut Body,
) -> Result<Accepted, Refusal> {
    let kind = match encoding {
        Some(Encoding::Protobuf) => kind::OTLP_PROTOBUF,
        Some(Encoding::Json) => kind::OTLP_JSON,
        None => {
            let message = "content-type has to be application/x-protobuf or application/json";
            return Err(Refusal::Unsupported(message.to_owned()));
        }
    };
    let coding = Coding::of_request(headers)?;
    let (body, lease) = body::read(ingest, headers, body, Length::Header).await?;
    ingest
        .accept(ingest::Request {
            protocol,
            kind,
            coding,
            body,
            lease,
        })
        .await
}

async fn not_traces(State(ingest): State<Arc<Ingest>>, request: Request<Body>) -> Response {
    let (head, mut body) = request.into_parts();
    let encoding = Encoding::from_headers(&head.headers).unwrap_or(Encoding::Json);
    body::discard(&mut body, &ingest.limits).await;
    status::http_failure(encoding, &Refusal::NotFound(NOT_TRACES))
}

/// Answers what is not a POST.
pub(super) async fn wrong_method() -> (
    StatusCode,
    [(header::HeaderName, &'static str); 1],
    &'static str,
) {
    (
        StatusCode::METHOD_NOT_ALLOWED,
        [(header::ALLOW, "POST")],
        "send spans with POST\n",
    )
}
