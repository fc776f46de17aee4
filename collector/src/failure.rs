//! Why a payload cannot be decoded.

use crate::protobuf::WireError;

/// A payload that cannot be decoded, by what the sender can do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The bytes are not what the content type says. Sending them again cannot help.
    #[error("{0}")]
    Malformed(String),
    /// The payload holds more spans or parts of spans than a request may. Smaller batches would be taken.
    #[error("the request has more than {max} {what}; send smaller batches")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// Limit.
        max: u64,
    },
}

impl From<WireError> for BodyError {
    #[cold]
    fn from(error: WireError) -> Self {
        Self::Malformed(error.to_string())
    }
}
