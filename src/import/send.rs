//! One body to the server, with retries where the protocol allows them.
//!
//! A request whose answer was lost may have been stored; the server recognises it and stores it once, so repeating it is safe.

use std::time::Duration;

use http::StatusCode;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message;
use tokio::time::{Instant, sleep};

use super::body::{Body, Door};
use crate::client::{Answer, Call, Client};

/// First pause before a repetition; each next one is twice as long.
const PAUSE_MIN: Duration = Duration::from_millis(200);

/// Longest pause, unless the server asks for more.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Header field by which the server says that it had stored the same request before.
const DUPLICATE: &str = "x-clew-duplicate";

/// Header field with the number of spans that the server did not take.
const REJECTED_SPANS: &str = "x-clew-rejected-spans";

/// What became of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// Taken; `rejected` of its spans were not, with a reason.
    Taken {
        /// Spans that the server refused.
        rejected: u64,
        /// Why.
        message: String,
        /// True when the server had the same request already.
        duplicate: bool,
    },
    /// Not taken, and repeating it would not help or did not.
    Refused(String),
}

/// A connection to each of the two doors.
pub(crate) struct Sender {
    /// OTLP over HTTP.
    pub(crate) otlp: Client,
    /// Zipkin.
    pub(crate) zipkin: Client,
    /// How long one body is tried.
    pub(crate) retry_for: Duration,
}

impl Sender {
    /// Sends `body` until it is taken, refused for good, or the time is over.
    pub(crate) async fn send(&mut self, body: &Body) -> Delivery {
        let started = Instant::now();
        let client = if body.door.is_zipkin() {
            &mut self.zipkin
        } else {
            &mut self.otlp
        };
        let call = Call::post(
            body.door.path(),
            body.door.content_type(),
            body.bytes.clone(),
        );
        let mut pause = PAUSE_MIN;
        loop {
            let (why, asked) = match client.call(&call).await {
                Ok(answer) if answer.status.is_success() => return taken(body.door, &answer),
                Ok(answer) if is_retryable(answer.status) => (
                    format!("{}: {}", answer.status, answer.message()),
                    answer.retry_after(),
                ),
                Ok(answer) => return Delivery::Refused(refusal(body.door, &answer)),
                Err(error) => (format!("{error:#}"), None),
            };
            let wait = asked.unwrap_or(pause);
            if started.elapsed() + wait > self.retry_for {
                return Delivery::Refused(format!(
                    "given up after {} s: {why}",
                    started.elapsed().as_secs()
                ));
            }
            sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// The statuses that OTLP names as worth a repetition; Zipkin's server answers the same ones.
fn is_retryable(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}

fn taken(door: Door, answer: &Answer) -> Delivery {
    let (rejected, message) = match door {
        Door::OtlpProtobuf => partial_protobuf(answer),
        Door::OtlpJson => partial_json(answer),
        Door::ZipkinV2 | Door::ZipkinV1 => partial_zipkin(answer),
    };
    let duplicate = answer.headers.contains_key(DUPLICATE);
    Delivery::Taken {
        rejected,
        message,
        duplicate,
    }
}

/// Zipkin has no partial success of its own.
fn partial_zipkin(answer: &Answer) -> (u64, String) {
    let rejected = answer
        .headers
        .get(REJECTED_SPANS)
        .and_then(|count| count.to_str().ok()?.parse().ok());
    (rejected.unwrap_or(0), answer.message())
}

fn partial_protobuf(answer: &Answer) -> (u64, String) {
    let response = ExportTraceServiceResponse::decode(answer.body.clone()).unwrap_or_default();
    let partial = response.partial_success.unwrap_or_default();
    (
        u64::try_from(partial.rejected_spans).unwrap_or(0),
        partial.error_message,
    )
}

/// The number is a string in OTLP JSON.
fn partial_json(answer: &Answer) -> (u64, String) {
    let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let partial = &json["partialSuccess"];
    let rejected = &partial["rejectedSpans"];
    let rejected = rejected
        .as_u64()
        .or_else(|| rejected.as_str()?.parse().ok());
    (
        rejected.unwrap_or(0),
        partial["errorMessage"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
    )
}

/// A refusal in protobuf is a `google.rpc.Status`, whose second field is the message.
fn refusal(door: Door, answer: &Answer) -> String {
    let message = match door {
        Door::OtlpProtobuf => RpcStatus::decode(answer.body.clone())
            .map(|status| status.message)
            .ok(),
        Door::OtlpJson | Door::ZipkinV2 | Door::ZipkinV1 => None,
    };
    let message = message.filter(|message| !message.is_empty());
    format!(
        "{}: {}",
        answer.status,
        message.unwrap_or_else(|| answer.message())
    )
}

#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}
