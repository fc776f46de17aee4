//! JSON answers, and the envelope of Clew's own errors.

use std::io::Write;

use axum::body::Body;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};

use crate::error::QueryError;

/// An answer of this crate.
pub(crate) type Answer = Response<Body>;

/// Writes `value` as JSON, indented if `pretty`.
pub(crate) fn write<T: Serialize + ?Sized>(
    writer: impl Write,
    value: &T,
    pretty: bool,
) -> serde_json::Result<()> {
    if pretty {
        serde_json::to_writer_pretty(writer, value)
    } else {
        serde_json::to_writer(writer, value)
    }
}

/// An answer of `status` whose body is `value`.
pub(crate) fn answer<T: Serialize + ?Sized>(status: StatusCode, value: &T, pretty: bool) -> Answer {
    let mut body = Vec::new();
    match write(&mut body, value, pretty) {
        Ok(()) => with_body(status, "application/json", body),
        Err(error) => {
            tracing::error!(%error, "an answer could not be written as JSON");
            with_body(
                StatusCode::INTERNAL_SERVER_ERROR,
                "application/json",
                "{}".to_owned(),
            )
        }
    }
}

/// An answer of `status` with a body of `content_type`.
pub(crate) fn with_body(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Body>,
) -> Answer {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The status that goes with an error.
pub(crate) fn status(error: &QueryError) -> StatusCode {
    match error {
        QueryError::InvalidArgument { .. } => StatusCode::BAD_REQUEST,
        QueryError::NotFound { .. } => StatusCode::NOT_FOUND,
        QueryError::Limit { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        QueryError::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        QueryError::Internal { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Clew's own error envelope: `{"error":{"code","message","hint","position"}}`.
pub(crate) fn error(error: &QueryError) -> Answer {
    let body = json!({"error": envelope(error)});
    finish_error(error, answer(status(error), &body, false))
}

/// The inside of the envelope.
pub(crate) fn envelope(error: &QueryError) -> Value {
    json!({
        "code": error.code(),
        "message": error.to_string(),
        "hint": error.hint(),
        "position": error.position(),
    })
}

/// Logs a fault of ours, and tells the client of an overload when to come back.
pub(crate) fn finish_error(error: &QueryError, mut answer: Answer) -> Answer {
    if matches!(error, QueryError::Internal { .. }) {
        tracing::error!(%error, "a query failed");
    }
    if matches!(error, QueryError::Unavailable { .. }) {
        answer
            .headers_mut()
            .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}
