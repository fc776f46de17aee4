//! Zipkin: `POST /api/v2/spans` and `/api/v1/spans`, both answered 202.
//!
//! Zipkin has no partial success. If some spans are invalid the others are kept, the answer is 202 and names them; if all
//! are, it is 400.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clew_storage::PayloadKind;
use http::{HeaderMap, Request, StatusCode};

use super::body::{self, Length};
use super::coding::Coding;
use super::otlp::wrong_method;
use super::status::{media_type, set_retry_after, tell};
use crate::decode::kind;
use crate::ingest::{self, Accepted, Ingest, Protocol};
use crate::refusal::Refusal;

/// The routes.
pub(crate) fn router(ingest: Arc<Ingest>) -> Router {
    Router::new()
        .route("/api/v2/spans", post(v2).fallback(wrong_method))
        .route("/api/v1/spans", post(v1).fallback(wrong_method))
        .with_state(ingest)
}

async fn v2(State(ingest): State<Arc<Ingest>>, request: Request<Body>) -> Response {
    let format = match media_type(request.headers()).as_deref() {
        None | Some("application/json") => Ok(("zipkin_v2_json", kind::ZIPKIN_V2_JSON)),
        Some("application/x-protobuf") => Ok(("zipkin_v2_protobuf", kind::ZIPKIN_V2_PROTOBUF)),
        Some(_) => Err("content-type has to be application/json or application/x-protobuf"),
    };
    answer(&ingest, request, format).await
}

async fn v1(State(ingest): State<Arc<Ingest>>, request: Request<Body>) -> Response {
    let format = match media_type(request.headers()).as_deref() {
        None | Some("application/json") => Ok(("zipkin_v1_json", kind::ZIPKIN_V1_JSON)),
        Some("application/x-thrift") => Ok(("zipkin_v1_thrift", kind::ZIPKIN_V1_THRIFT)),
        Some(_) => Err("content-type has to be application/json or application/x-thrift"),
    };
    answer(&ingest, request, format).await
}

/// Name for metrics and payload kind, or why the media type is none of ours.
type Format = Result<(Protocol, PayloadKind), &'static str>;

async fn answer(ingest: &Arc<Ingest>, request: Request<Body>, format: Format) -> Response {
    let (head, mut body) = request.into_parts();
    let begun = ingest.begin(format.map_or("zipkin_other", |(protocol, _)| protocol));
    let result = accept(ingest, &head.headers, &mut body, format).await;
    if result.is_err() {
        body::discard(&mut body, &ingest.limits).await;
    }
    ingest.finish(&begun, &result);
    match result {
        Ok(accepted) if accepted.rejected.is_everything() => {
            (StatusCode::BAD_REQUEST, format!("{}\n", accepted.rejected)).into_response()
        }
        Ok(accepted) if accepted.rejected.count() > 0 => {
            let body = format!("{}\n", accepted.rejected);
            tell(&accepted, (StatusCode::ACCEPTED, body).into_response())
        }
        Ok(accepted) => tell(&accepted, StatusCode::ACCEPTED.into_response()),
        Err(refusal) => {
            let mut response = (refusal.http_status(), format!("{refusal}\n")).into_response();
            set_retry_after(response.headers_mut(), &refusal);
            response
        }
    }
}

async fn accept(
    ingest: &Arc<Ingest>,
    headers: &HeaderMap,
    body: &mut Body,
    format: Format,
) -> Result<Accepted, Refusal> {
    let (protocol, kind) = format.map_err(|message| Refusal::Unsupported(message.to_owned()))?;
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
