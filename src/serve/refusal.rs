//! Requests that are turned away before they reach a door's own code, answered in the words that the caller understands.
//!
//! | request | answer |
//! |---|---|
//! | gRPC | 200 with `grpc-status` in the headers, no body ("trailers only") |
//! | OTLP over HTTP | `google.rpc.Status` in the request's own content type |
//! | Clew's API and SQL | `{"error": {"code", "message", "hint", "position"}}` |
//! | Jaeger v3 | `{"error": {"httpCode", "message"}}` |
//! | Jaeger's older API | `{"data": null, …, "errors": [{"code", "msg"}]}` |
//! | anything else | one line of text |

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode};
use prost::Message;
use serde_json::{Value, json};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no token, or one that nobody has.
    NoToken,
    /// The token is for other doors.
    OtherToken,
    /// The Host header names a host that is not this server.
    Host,
    /// A web page of another origin asks.
    Origin,
}

/// What kind of answer the caller understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dialect {
    Grpc,
    OtlpProtobuf,
    OtlpJson,
    Clew,
    JaegerV3,
    JaegerLegacy,
    Text,
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Self::NoToken => StatusCode::UNAUTHORIZED,
            Self::OtherToken | Self::Host | Self::Origin => StatusCode::FORBIDDEN,
        }
    }

    /// `google.rpc.Code`: UNAUTHENTICATED or `PERMISSION_DENIED`.
    fn grpc_code(self) -> i32 {
        if self == Self::NoToken { 16 } else { 7 }
    }

    /// Clew's own error code; also the label of the metric.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::NoToken => "unauthenticated",
            Self::OtherToken => "permission_denied",
            Self::Host => "host_denied",
            Self::Origin => "origin_denied",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::NoToken => {
                "a bearer token is required here: send `Authorization: Bearer <token>`"
            }
            Self::OtherToken => "this token does not open this door",
            Self::Host => {
                "the Host header names a host that this server does not know: call it by localhost or an IP address, \
                 or add the name to server.allowed_hosts"
            }
            Self::Origin => "pages of this web origin are not allowed: add it to cors.origins",
        }
    }

    /// The answer to `request`.
    pub(crate) fn answer<B>(self, request: &Request<B>) -> Response {
        let dialect = dialect(request.headers(), request.uri().path());
        let mut response = match dialect {
            Dialect::Grpc => self.grpc(),
            Dialect::OtlpProtobuf => {
                let status = RpcStatus {
                    code: self.grpc_code(),
                    message: self.message().to_owned(),
                };
                self.body("application/x-protobuf", status.encode_to_vec())
            }
            Dialect::OtlpJson => {
                self.json(&json!({"code": self.grpc_code(), "message": self.message()}))
            }
            Dialect::Clew => {
                let (code, message) = (self.code(), self.message());
                self.json(&json!({"error": {"code": code, "message": message, "hint": null, "position": null}}))
            }
            Dialect::JaegerV3 => self.json(
                &json!({"error": {"httpCode": self.status().as_u16(), "message": self.message()}}),
            ),
            Dialect::JaegerLegacy => self.json(&json!({
                "data": null, "total": 0, "limit": 0, "offset": 0,
                "errors": [{"code": self.status().as_u16(), "msg": self.message()}],
            })),
            Dialect::Text => {
                self.body("text/plain; charset=utf-8", format!("{}\n", self.message()))
            }
        };
        if self == Self::NoToken {
            response
                .headers_mut()
                .insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }

    fn body(self, content_type: &'static str, body: impl Into<Body>) -> Response {
        let mut response = Response::new(body.into());
        *response.status_mut() = self.status();
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    }

    fn json(self, body: &Value) -> Response {
        self.body("application/json", body.to_string())
    }

    /// gRPC messages are percent-encoded; ours are plain ASCII without a percent sign.
    fn grpc(self) -> Response {
        let mut response = self.body("application/grpc", Body::empty());
        *response.status_mut() = StatusCode::OK;
        response
            .headers_mut()
            .insert(GRPC_STATUS, HeaderValue::from(self.grpc_code()));
        response
            .headers_mut()
            .insert(GRPC_MESSAGE, HeaderValue::from_static(self.message()));
        response
    }
}

fn dialect(headers: &HeaderMap, path: &str) -> Dialect {
    let content_type = headers
        .get(CONTENT_TYPE)
        .map_or(&b""[..], HeaderValue::as_bytes);
    if content_type.starts_with(b"application/grpc") {
        return Dialect::Grpc;
    }
    let starts = |prefix: &str| path.starts_with(prefix);
    match () {
        () if starts("/v1") && content_type.starts_with(b"application/x-protobuf") => {
            Dialect::OtlpProtobuf
        }
        () if starts("/v1") => Dialect::OtlpJson,
        () if starts("/api/clew/") || path == "/api/sql" => Dialect::Clew,
        () if starts("/api/v3/") => Dialect::JaegerV3,
        () if starts("/api/v2/") || starts("/api/v1/") => Dialect::Text,
        () if starts("/api/") => Dialect::JaegerLegacy,
        () => Dialect::Text,
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    async fn answer(
        path: &str,
        content_type: &str,
        refusal: Refusal,
    ) -> (StatusCode, HeaderMap, Vec<u8>) {
        let request = Request::builder()
            .uri(path)
            .header(CONTENT_TYPE, content_type)
            .body(())
            .unwrap();
        let (parts, body) = refusal.answer(&request).into_parts();
        (
            parts.status,
            parts.headers,
            body.collect().await.unwrap().to_bytes().to_vec(),
        )
    }

    #[tokio::test]
    async fn grpc_is_told_in_headers() {
        let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        for (refusal, code) in [
            (Refusal::NoToken, "16"),
            (Refusal::OtherToken, "7"),
            (Refusal::Host, "7"),
        ] {
            let (status, headers, body) = answer(path, "application/grpc", refusal).await;
            assert_eq!((status, body.len()), (StatusCode::OK, 0));
            assert_eq!(headers["grpc-status"], code);
            assert!(headers.contains_key("grpc-message"));
        }
    }

    #[tokio::test]
    async fn otlp_is_told_in_its_own_encoding() {
        let (status, headers, body) =
            answer("/v1/traces", "application/x-protobuf", Refusal::NoToken).await;
        assert_eq!(
            (status, headers[CONTENT_TYPE].as_bytes()),
            (StatusCode::UNAUTHORIZED, &b"application/x-protobuf"[..])
        );
        assert_eq!(RpcStatus::decode(&body[..]).unwrap().code, 16);
        let (_, headers, body) = answer(
            "/v1/traces",
            "application/json; charset=utf-8",
            Refusal::OtherToken,
        )
        .await;
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["code"], 7);
    }

    #[tokio::test]
    async fn every_api_has_its_envelope() {
        let check = async |path: &str, pointer: &str, expected: Value| {
            let (status, headers, body) = answer(path, "", Refusal::NoToken).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED);
            assert_eq!(headers[WWW_AUTHENTICATE], "Bearer");
            let json: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(json.pointer(pointer), Some(&expected), "{path}");
        };
        check(
            "/api/clew/v1/search",
            "/error/code",
            json!("unauthenticated"),
        )
        .await;
        check("/api/sql", "/error/code", json!("unauthenticated")).await;
        check("/api/v3/services", "/error/httpCode", json!(401)).await;
        check("/api/traces/1", "/errors/0/code", json!(401)).await;
        let (_, headers, body) = answer("/api/v2/spans", "", Refusal::NoToken).await;
        assert_eq!(headers[CONTENT_TYPE], "text/plain; charset=utf-8");
        assert!(body.starts_with(b"a bearer token"));
    }
}
