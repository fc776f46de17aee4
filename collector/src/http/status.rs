//! Answers in OTLP's terms: `ExportTraceServiceResponse` and `google.rpc.Status`, in protobuf, JSON and gRPC.

use axum::body::Body;
use axum::response::Response;
use bytes::{BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::{BodyExt, Full};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::{Value, json};

use crate::ingest::Accepted;
use crate::refusal::Refusal;
use crate::rejected::Rejected;

const BAD_REQUEST_TYPE: &str = "type.googleapis.com/google.rpc.BadRequest";
const RETRY_INFO_TYPE: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RpcStatus {
    /// `google.rpc.Code`.
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    /// For a person to read.
    #[prost(string, tag = "2")]
    pub(crate) message: String,
    /// For a program to read.
    #[prost(message, repeated, tag = "3")]
    pub(crate) details: Vec<prost_types::Any>,
}

/// `google.rpc.BadRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct BadRequest {
    /// What is wrong with which field.
    #[prost(message, repeated, tag = "1")]
    pub(crate) field_violations: Vec<FieldViolation>,
}

/// `google.rpc.BadRequest.FieldViolation`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct FieldViolation {
    /// Path of the field.
    #[prost(string, tag = "1")]
    pub(crate) field: String,
    /// What is wrong with it.
    #[prost(string, tag = "2")]
    pub(crate) description: String,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct RetryInfo {
    /// How long to wait.
    #[prost(message, optional, tag = "1")]
    pub(crate) retry_delay: Option<prost_types::Duration>,
}

/// How a body of OTLP/HTTP is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// `application/x-protobuf`.
    Protobuf,
    /// `application/json`.
    Json,
}

impl Encoding {
    /// The encoding that a request's content type names.
    pub(crate) fn from_headers(headers: &HeaderMap) -> Option<Self> {
        match media_type(headers)?.as_str() {
            "application/x-protobuf" => Some(Self::Protobuf),
            "application/json" => Some(Self::Json),
            _ => None,
        }
    }

    fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Protobuf => "application/x-protobuf",
            Self::Json => "application/json",
        })
    }
}

/// The media type of the content type, in lower case and without parameters.
pub(crate) fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(
        value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase(),
    )
}

/// OTLP/HTTP's answer to a request that was taken.
pub(crate) fn http_success(encoding: Encoding, rejected: &Rejected) -> Response {
    let body = match encoding {
        Encoding::Protobuf => success(rejected).encode_to_vec(),
        Encoding::Json if rejected.count() == 0 => b"{}".to_vec(),
        Encoding::Json => {
            let partial = json!({
                "rejectedSpans": rejected.count().to_string(),
                "errorMessage": rejected.to_string(),
            });
            json!({ "partialSuccess": partial })
                .to_string()
                .into_bytes()
        }
    };
    response(StatusCode::OK, encoding, body)
}

/// OTLP/HTTP's answer to a request that was refused.
pub(crate) fn http_failure(encoding: Encoding, refusal: &Refusal) -> Response {
    let body = match encoding {
        Encoding::Protobuf => rpc_status(refusal).encode_to_vec(),
        Encoding::Json => json_status(refusal).to_string().into_bytes(),
    };
    let mut response = response(refusal.http_status(), encoding, body);
    set_retry_after(response.headers_mut(), refusal);
    response
}

/// Header field with the number of spans of a taken request that were invalid.
const REJECTED_SPANS: HeaderName = HeaderName::from_static("x-clew-rejected-spans");

/// Header field of the answer to a request that had been stored before.
const DUPLICATE: HeaderName = HeaderName::from_static("x-clew-duplicate");

/// Says in the head what the protocol's own answer has no place for.
pub(crate) fn tell(accepted: &Accepted, mut response: Response) -> Response {
    let headers = response.headers_mut();
    if accepted.rejected.count() > 0 {
        headers.insert(REJECTED_SPANS, HeaderValue::from(accepted.rejected.count()));
    }
    if accepted.duplicate {
        headers.insert(DUPLICATE, HeaderValue::from_static("true"));
    }
    response
}

fn response(status: StatusCode, encoding: Encoding, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, encoding.content_type());
    response
}

/// Sets `retry-after`, in whole seconds, rounded up.
pub(crate) fn set_retry_after(headers: &mut HeaderMap, refusal: &Refusal) {
    if let Some(retry_after) = refusal.retry_after() {
        let seconds = retry_after.as_millis().div_ceil(1000).max(1) as u64;
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// gRPC's answer to a request that was taken.
pub(crate) fn grpc_success(rejected: &Rejected) -> Response {
    let message = success(rejected);
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.encoded_len() as u32);
    message.encode(&mut frame).expect("the buffer grows");
    let trailers =
        HeaderMap::from_iter([(tonic::Status::GRPC_STATUS, HeaderValue::from_static("0"))]);
    let body = Full::new(frame.freeze()).with_trailers(async { Some(Ok(trailers)) });
    let mut response = Response::new(Body::new(body));
    let content_type = HeaderValue::from_static("application/grpc");
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// gRPC's answer to a request that was refused.
pub(crate) fn grpc_failure(refusal: &Refusal) -> Response {
    let status = rpc_status(refusal);
    let details = if status.details.is_empty() {
        Bytes::new()
    } else {
        status.encode_to_vec().into()
    };
    tonic::Status::with_details(refusal.grpc_code(), status.message, details).into_http()
}

fn success(rejected: &Rejected) -> ExportTraceServiceResponse {
    let partial_success = (rejected.count() > 0).then(|| ExportTracePartialSuccess {
        rejected_spans: rejected.count() as i64,
        error_message: rejected.to_string(),
    });
    ExportTraceServiceResponse { partial_success }
}

fn rpc_status(refusal: &Refusal) -> RpcStatus {
    let message = refusal.to_string();
    let any = |type_url: &str, value: Vec<u8>| prost_types::Any {
        type_url: type_url.into(),
        value,
    };
    let mut details = Vec::new();
    if let Refusal::Invalid(_) = refusal {
        let violation = FieldViolation {
            field: "body".into(),
            description: message.clone(),
        };
        let bad_request = BadRequest {
            field_violations: vec![violation],
        };
        details.push(any(BAD_REQUEST_TYPE, bad_request.encode_to_vec()));
    }
    if let Some(retry_after) = refusal.retry_after() {
        let retry_delay = prost_types::Duration {
            seconds: retry_after.as_secs() as i64,
            nanos: retry_after.subsec_nanos() as i32,
        };
        let retry_info = RetryInfo {
            retry_delay: Some(retry_delay),
        };
        details.push(any(RETRY_INFO_TYPE, retry_info.encode_to_vec()));
    }
    RpcStatus {
        code: refusal.grpc_code() as i32,
        message,
        details,
    }
}

/// [`rpc_status`] in protobuf's JSON mapping.
fn json_status(refusal: &Refusal) -> Value {
    let message = refusal.to_string();
    let mut details = Vec::new();
    if let Refusal::Invalid(_) = refusal {
        let violation = json!({ "field": "body", "description": message });
        details.push(json!({ "@type": BAD_REQUEST_TYPE, "fieldViolations": [violation] }));
    }
    if let Some(retry_after) = refusal.retry_after() {
        let delay = format!("{}s", retry_after.as_secs_f64());
        details.push(json!({ "@type": RETRY_INFO_TYPE, "retryDelay": delay }));
    }
    json!({ "code": refusal.grpc_code() as i32, "message": message, "details": details })
}
