//! DataFusion's errors as ours: whose fault it was, and where in the statement.

use arrow::error::ArrowError;
use clew_storage::StoreError;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use parquet::errors::ParquetError;

use crate::error::QueryError;

/// Longest message that is passed on.
const MESSAGE_CHARS_MAX: usize = 2_000;

/// The error that `failed` is for the author of `statement`.
pub(super) fn of(failed: &DataFusionError, statement: &str) -> QueryError {
    let root = failed.find_root();
    if let DataFusionError::SQL(error, _) = root {
        return parser_error(error, statement);
    }
    if let Some(diagnostic) = failed.diagnostic() {
        let position = diagnostic
            .span
            .and_then(|span| offset(statement, span.start.line, span.start.column));
        let helps = diagnostic.helps.iter().map(|help| help.message.clone());
        let notes = diagnostic.notes.iter().map(|note| note.message.clone());
        let hint: Vec<String> = helps.chain(notes).collect();
        return QueryError::InvalidArgument {
            message: short(&diagnostic.message),
            hint: (!hint.is_empty()).then(|| short(&hint.join("; "))),
            position,
        };
    }
    let message = short(&plain(root));
    let arrow = match root {
        DataFusionError::ArrowError(error, _) => Some(error.as_ref()),
        DataFusionError::External(error) => error.downcast_ref::<ArrowError>(),
        _ => None,
    };
    if let Some(error) = arrow {
        return arrow_error(error, message);
    }
    match root {
        DataFusionError::ResourcesExhausted(_) => {
            QueryError::limit(message, "read fewer rows or columns, or aggregate earlier")
        }
        DataFusionError::External(cause) if !is_of_reading(cause.as_ref()) => {
            QueryError::invalid(message)
        }
        // What DataFusion cannot do with a type it often calls internal.
        DataFusionError::Internal(what) if what.contains("not implemented") => {
            QueryError::invalid(message)
        }
        DataFusionError::Internal(_)
        | DataFusionError::ObjectStore(_)
        | DataFusionError::IoError(_)
        | DataFusionError::ParquetError(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::External(_) => QueryError::internal(message),
        _ => QueryError::invalid(message),
    }
}

/// An error of a kernel: about a value of the statement or its rows, unless something could not be read.
fn arrow_error(error: &ArrowError, message: String) -> QueryError {
    match error {
        // Patterns that cannot be read come as errors of the crate that reads them.
        ArrowError::ExternalError(cause) if !is_of_reading(cause.as_ref()) => {
            QueryError::invalid(message)
        }
        ArrowError::ExternalError(_)
        | ArrowError::IoError(..)
        | ArrowError::ParquetError(_)
        | ArrowError::IpcError(_) => QueryError::internal(message),
        ArrowError::MemoryError(_) => {
            QueryError::limit(message, "read fewer rows or columns, or aggregate earlier")
        }
        _ => QueryError::invalid(message),
    }
}

/// True when the store could not be read.
fn is_of_reading(cause: &(dyn std::error::Error + 'static)) -> bool {
    let mut causes = std::iter::successors(Some(cause), |cause| cause.source());
    causes.any(|cause| cause.is::<StoreError>() || cause.is::<ParquetError>())
}

/// An error at a line and column of the statement, both counted from 1.
pub(super) fn at(message: &str, statement: &str, line: u64, column: u64) -> QueryError {
    QueryError::InvalidArgument {
        message: short(message),
        hint: None,
        position: offset(statement, line, column),
    }
}

fn parser_error(error: &ParserError, statement: &str) -> QueryError {
    match error {
        ParserError::RecursionLimitExceeded => QueryError::limit(
            "the statement is nested too deeply",
            "nest fewer parentheses and queries",
        ),
        ParserError::TokenizerError(message) | ParserError::ParserError(message) => {
            let Some((what, place)) = message.rsplit_once(" at Line: ") else {
                let position = message
                    .ends_with("found: EOF")
                    .then_some(statement.len() as u64);
                return QueryError::InvalidArgument {
                    message: short(message),
                    hint: None,
                    position,
                };
            };
            let place = place.split_once(", Column: ").and_then(|(line, column)| {
                Some((line.trim().parse().ok()?, column.trim().parse().ok()?))
            });
            match place {
                Some((line, column)) => at(what, statement, line, column),
                None => QueryError::invalid(short(message)),
            }
        }
    }
}

/// The message without the library's preamble.
fn plain(error: &DataFusionError) -> String {
    match error {
        DataFusionError::Plan(message)
        | DataFusionError::Execution(message)
        | DataFusionError::NotImplemented(message)
        | DataFusionError::ResourcesExhausted(message)
        | DataFusionError::Internal(message) => message.clone(),
        other => other.strip_backtrace(),
    }
}

fn short(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}

/// Byte offset of a line and column (in characters), both counted from 1.
fn offset(statement: &str, line: u64, column: u64) -> Option<u64> {
    let line = usize::try_from(line.checked_sub(1)?).ok()?;
    let column = usize::try_from(column.checked_sub(1)?).ok()?;
    let start: usize = statement
        .split_inclusive('\n')
        .take(line)
        .map(str::len)
        .sum();
    let rest = statement.get(start..)?;
    let within = rest
        .char_indices()
        .nth(column)
        .map_or(rest.len(), |(at, _)| at);
    Some((start + within) as u64)
}

#[cfg(test)]
mod tests {
    use super::offset;

    #[test]
    fn places_become_byte_offsets() {
        let text = "SELECT 'é',\n  x FROM y";
        for (line, column, expected) in [
            (1, 1, Some(0)),
            (1, 11, Some(11)),
            (2, 3, Some(15)),
            (0, 1, None),
            (9, 1, Some(23)),
        ] {
            assert_eq!(offset(text, line, column), expected, "{line}:{column}");
        }
        assert_eq!(&text[15..16], "x");
    }
}
