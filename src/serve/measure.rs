//! What the doors for queries count: requests that came, and how they ended.
//!
//! Over gRPC the end is the status in the last frame, or in the headers of an answer without a body. A request whose client leaves
//! before its end has come, and never ends.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use http::HeaderMap;
use http_body_util::BodyExt;
use metrics::{Label, counter, describe_counter};

const RECEIVED: &str = "clew_query_requests_total";
const FINISHED: &str = "clew_query_finished_total";
const GRPC_STATUS: &str = "grpc-status";

/// Describes the metrics of this module.
pub(crate) fn describe() {
    describe_counter!(RECEIVED, "Requests at the doors for queries");
    describe_counter!(
        FINISHED,
        "Requests at the doors for queries that were answered, by HTTP status or gRPC code"
    );
}

/// Counts what goes through `router`, the door `name`.
pub(crate) fn measure(name: &'static str, router: Router) -> Router {
    router.layer(from_fn_with_state(name, count))
}

async fn count(State(door): State<&'static str>, request: Request, next: Next) -> Response {
    counter!(RECEIVED, "door" => door).increment(1);
    let response = next.run(request).await;
    let is_grpc = response
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        finished(door, response.status().as_str());
        return response;
    }
    if let Some(code) = grpc_status(response.headers()) {
        finished(door, &code);
        return response;
    }
    response.map(|body| {
        Body::new(body.map_frame(move |frame| {
            if let Some(code) = frame.trailers_ref().and_then(grpc_status) {
                finished(door, &code);
            }
            frame
        }))
    })
}

/// The number of the status: at most 17 values, since anything else counts as unknown.
fn grpc_status(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(GRPC_STATUS)?.to_str().ok();
    let code = value.and_then(|value| value.parse::<u8>().ok());
    Some(code.filter(|code| *code <= 16).unwrap_or(2).to_string())
}

fn finished(door: &'static str, status: &str) {
    let labels = [
        Label::from_static_parts("door", door),
        Label::new("status", status.to_owned()),
    ];
    counter!(FINISHED, labels.to_vec()).increment(1);
}
