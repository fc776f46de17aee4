//! Why a payload cannot be decoded.

use std::fmt::Display;

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

/// Characters of a message that are kept: it may quote the payload.
const MESSAGE_CHARS_MAX: usize = 500;

impl BodyError {
    /// [`BodyError::Malformed`] with `message`, cut to a bearable length.
    pub(crate) fn malformed(message: &dyn Display) -> Self {
        let mut message = message.to_string();
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_CHARS_MAX) {
            message.truncate(end);
            message.push('…');
        }
        Self::Malformed(message)
    }
}

impl From<WireError> for BodyError {
    #[cold]
    fn from(error: WireError) -> Self {
        Self::malformed(&error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut() {
        let at_limit = "é".repeat(MESSAGE_CHARS_MAX);
        assert_eq!(BodyError::malformed(&at_limit).to_string(), at_limit);
        let over = format!("{at_limit}é");
        assert_eq!(
            BodyError::malformed(&over).to_string(),
            format!("{at_limit}…")
        );
    }
}
