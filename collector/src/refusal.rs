//! Why a request was not accepted, by what its sender should do, and what each protocol calls that.

use std::time::Duration;

use clew_storage::StoreError;
use http::StatusCode;
use tonic::Code;

use crate::budget::Exhausted;
use crate::failure::BodyError;

/// When a sender should come back after the log could not be written.
const RETRY_UNAVAILABLE: Duration = Duration::from_secs(5);

/// Why a request was not accepted. Nothing of it was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// The request makes no sense; sending it again cannot help.
    #[error("{0}")]
    Invalid(String),
    /// The request is larger than a request may be; sending it again cannot help.
    #[error("{0}")]
    TooLarge(String),
    /// The body's media type or compression is not one that this door takes.
    #[error("{0}")]
    Unsupported(String),
    /// There is nothing at this path.
    #[error("{0}")]
    NotFound(&'static str),
    /// Requests in flight hold all the memory that they may.
    #[error(
        "too many bytes of requests are in flight; retry later, or send fewer requests at once"
    )]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The store cannot take spans at the moment.
    #[error("{message}")]
    Unavailable {
        /// Cause.
        message: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The body did not arrive in time.
    #[error("the request body did not arrive within {} s", after.as_secs())]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
        /// When to try again.
        retry_after: Duration,
    },
    /// A fault of ours.
    #[error("internal error; the server's log has more")]
    Internal,
}

impl Refusal {
    /// Name for metrics.
    pub(crate) fn outcome(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid",
            Self::TooLarge(_) => "too_large",
            Self::Unsupported(_) => "unsupported",
            Self::NotFound(_) => "not_found",
            Self::Busy { .. } => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::TimedOut { .. } => "timed_out",
            Self::Internal => "internal",
        }
    }

    /// HTTP status.
    pub(crate) fn http_status(&self) -> StatusCode {
        match self {
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unsupported(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Busy { .. } => StatusCode::TOO_MANY_REQUESTS,
            // 408 would be the word for a body that is late, but OTLP's exporters drop what they sent on a 408.
            Self::Unavailable { .. } | Self::TimedOut { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// gRPC status code. `RESOURCE_EXHAUSTED` is worth a retry only where [`Refusal::retry_after`] says so.
    pub(crate) fn grpc_code(&self) -> Code {
        match self {
            Self::Invalid(_) => Code::InvalidArgument,
            Self::TooLarge(_) | Self::Busy { .. } => Code::ResourceExhausted,
            Self::Unsupported(_) | Self::NotFound(_) => Code::Unimplemented,
            Self::Unavailable { .. } => Code::Unavailable,
            Self::TimedOut { .. } => Code::DeadlineExceeded,
            Self::Internal => Code::Internal,
        }
    }

    /// When to try again, if trying again makes sense.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after }
            | Self::Unavailable { retry_after, .. }
            | Self::TimedOut { retry_after, .. } => Some(*retry_after),
            _ => None,
        }
    }

    /// What [`Exhausted`] is to the sender.
    pub(crate) fn busy(retry_after: Duration) -> impl Fn(Exhausted) -> Self {
        move |Exhausted| Self::Busy { retry_after }
    }

    /// A body of more than `max` bytes.
    pub(crate) fn body_too_large(max: usize) -> Self {
        Self::TooLarge(format!(
            "the request body has more than {max} bytes after decompression; send smaller batches"
        ))
    }
}

impl From<BodyError> for Refusal {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::Malformed(message) => Self::Invalid(message),
            BodyError::TooMany { .. } => Self::TooLarge(error.to_string()),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::TooLarge { .. } => Self::TooLarge(message),
            StoreError::Overloaded { retry_after_ms, .. } => Self::Unavailable {
                message,
                retry_after: Duration::from_millis(retry_after_ms),
            },
            // The sender can do nothing but come back; what is wrong here is for our log.
            StoreError::Unavailable { .. } | StoreError::Closed => Self::Unavailable {
                message,
                retry_after: RETRY_UNAVAILABLE,
            },
            _ => {
                tracing::error!(error = %message, "the store failed to take a payload");
                let message = "the store failed; the server's log has more".to_owned();
                Self::Unavailable {
                    message,
                    retry_after: RETRY_UNAVAILABLE,
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(error: StoreError, code: Code, status: u16, retry_after_ms: Option<u64>) {
        let refusal = Refusal::from(error);
        assert_eq!(refusal.grpc_code(), code);
        assert_eq!(refusal.http_status(), status);
        assert_eq!(
            refusal.retry_after(),
            retry_after_ms.map(Duration::from_millis)
        );
    }

    #[test]
    fn store_errors_tell_the_sender_what_to_do() {
        let overloaded = StoreError::Overloaded {
            what: "hot window",
            retry_after_ms: 250,
        };
        check(overloaded, Code::Unavailable, 503, Some(250));
        let unavailable = StoreError::Unavailable {
            message: "disk full".into(),
        };
        check(unavailable, Code::Unavailable, 503, Some(5000));
        check(StoreError::Closed, Code::Unavailable, 503, Some(5000));
        check(
            StoreError::TooLarge { bytes: 2, max: 1 },
            Code::ResourceExhausted,
            413,
            None,
        );
        let source = std::io::Error::other("broken");
        let path = "/secret/path".into();
        check(
            StoreError::Io { path, source },
            Code::Unavailable,
            503,
            Some(5000),
        );
    }

    #[test]
    fn paths_of_the_server_stay_there() {
        let source = std::io::Error::other("broken");
        let refusal = Refusal::from(StoreError::Io {
            path: "/secret/path".into(),
            source,
        });
        assert!(!refusal.to_string().contains("secret"));
    }
}
