//! Our errors in gRPC's terms.

use tonic::metadata::MetadataValue;
use tonic::{Code, Response, Status};

use crate::error::QueryError;

/// Header that says why an answer is not whole.
const INCOMPLETE: &str = "x-clew-incomplete";

/// The status that goes with an error.
pub(crate) fn of(error: &QueryError) -> Status {
    let code = match error {
        QueryError::InvalidArgument { .. } => Code::InvalidArgument,
        QueryError::NotFound { .. } => Code::NotFound,
        QueryError::Limit { .. } => Code::ResourceExhausted,
        QueryError::Unavailable { .. } => Code::Unavailable,
        QueryError::Internal { .. } => {
            tracing::error!(%error, "a query over gRPC failed");
            Code::Internal
        }
    };
    let message = match error.hint() {
        Some(hint) => format!("{error}; {hint}"),
        None => error.to_string(),
    };
    Status::new(code, message)
}

/// Answers with `message`, and says why it is not whole.
pub(super) fn answer<M>(message: M, incomplete: &[String]) -> Response<M> {
    let mut response = Response::new(message);
    if !incomplete.is_empty() {
        // What a header cannot hold is replaced: reasons may name what was found in a file.
        let text: String = incomplete
            .join("; ")
            .chars()
            .map(|c| if (' '..='~').contains(&c) { c } else { '?' })
            .collect();
        if let Ok(value) = MetadataValue::try_from(text) {
            response.metadata_mut().insert(INCOMPLETE, value);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_has_its_code_and_tells_what_to_do() {
        let invalid = QueryError::invalid_with_hint("wrong", "do this");
        let status = of(&invalid);
        assert_eq!(
            (status.code(), status.message()),
            (Code::InvalidArgument, "wrong; do this")
        );
        assert_eq!(
            of(&QueryError::limit("a", "b")).code(),
            Code::ResourceExhausted
        );
        assert_eq!(of(&QueryError::internal("a")).code(), Code::Internal);
        let full = QueryError::Unavailable {
            message: "full".to_owned(),
        };
        assert_eq!(of(&full).code(), Code::Unavailable);
    }

    #[test]
    fn reasons_stand_in_a_header_whatever_they_name() {
        let response = answer((), &["a\nb".to_owned(), "é".to_owned()]);
        assert_eq!(response.metadata().get(INCOMPLETE).unwrap(), "a?b; ?");
        assert!(answer((), &[]).metadata().get(INCOMPLETE).is_none());
    }
}
