//! What can go wrong with a query, by what the caller can do about it.

use clew_storage::StoreError;

/// An error of the query side.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// The request is wrong; the same request will fail again.
    #[error("{message}")]
    InvalidArgument {
        /// What is wrong.
        message: String,
        /// What to do instead.
        hint: Option<String>,
        /// Where in the text of the statement, as a byte offset.
        position: Option<u64>,
    },
    /// What was asked for is not here.
    #[error("{message}")]
    NotFound {
        /// What was looked for.
        message: String,
        /// Why it may be missing.
        hint: Option<String>,
    },
    /// The request needs more than a limit allows.
    #[error("{message}")]
    Limit {
        /// Which limit.
        message: String,
        /// How to stay below it.
        hint: Option<String>,
    },
    /// Too many requests at once, or the store cannot be read now; try again later.
    #[error("{message}")]
    Unavailable {
        /// Why.
        message: String,
    },
    /// A fault of ours.
    #[error("{message}")]
    Internal {
        /// What happened.
        message: String,
    },
}

impl QueryError {
    /// A wrong request.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidArgument {
            message: message.into(),
            hint: None,
            position: None,
        }
    }

    /// A wrong request, with advice.
    pub(crate) fn invalid_with_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::InvalidArgument {
            message: message.into(),
            hint: Some(hint.into()),
            position: None,
        }
    }

    /// A text that is wrong from byte `position` on, with advice.
    pub(crate) fn at(position: usize, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::InvalidArgument {
            message: message.into(),
            hint: Some(hint.into()),
            position: Some(position as u64),
        }
    }

    /// A limit that was met, with advice.
    pub(crate) fn limit(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Limit {
            message: message.into(),
            hint: Some(hint.into()),
        }
    }

    /// A fault of ours.
    pub(crate) fn internal(message: impl std::fmt::Display) -> Self {
        Self::Internal {
            message: message.to_string(),
        }
    }

    /// The error's name in answers.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArgument { .. } => "invalid_argument",
            Self::NotFound { .. } => "not_found",
            Self::Limit { .. } => "limit",
            Self::Unavailable { .. } => "unavailable",
            Self::Internal { .. } => "internal",
        }
    }

    /// Advice, if there is any.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::InvalidArgument { hint, .. }
            | Self::NotFound { hint, .. }
            | Self::Limit { hint, .. } => hint.as_deref(),
            _ => None,
        }
    }

    /// Byte offset in the statement, if known.
    #[must_use]
    pub fn position(&self) -> Option<u64> {
        match self {
            Self::InvalidArgument { position, .. } => *position,
            _ => None,
        }
    }
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded { .. } | StoreError::Unavailable { .. } | StoreError::Closed => {
                Self::Unavailable {
                    message: error.to_string(),
                }
            }
            other => Self::internal(other),
        }
    }
}

impl From<arrow::error::ArrowError> for QueryError {
    fn from(error: arrow::error::ArrowError) -> Self {
        Self::internal(error)
    }
}

impl From<parquet::errors::ParquetError> for QueryError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::internal(error)
    }
}
