//! Find inside one trace: the rows whose span meets a text, over everything that the span carries.
//!
//! The text is read as a query of the query language. What is no query is plain text: a span meets it when each of its words
//! stands, in any case, somewhere in the span: service, name, status message, scope, a key or a value of an attribute at any
//! level, the name of an event, or an id. The answer says which of the two it was, and why it was no query.

use regex::{Regex, RegexBuilder};
use serde::Serialize;

use super::Trace;
use super::summary::Summary;
use crate::coverage::{Coverage, Covering};
use crate::error::QueryError;
use crate::language::{self, TEXT_BYTES_MAX, TraceFilter};
use crate::rows::{Attributes, SpanRow, SpanRows};
use crate::search::matcher::Matcher;
use crate::ser::Hex;
use crate::service::{Budget, Reading};
use clew_storage::TraceId;

/// Rows looked at between two looks at the clock.
const STEP_ROWS: usize = 1_024;

/// What is looked for in a trace.
pub(crate) struct Find {
    wanted: Wanted,
    syntax: Option<Syntax>,
}

enum Wanted {
    Query(Box<Matcher>, Option<TraceFilter>),
    Words(Vec<Regex>),
}

/// Why a text is no query.
#[derive(Debug, Serialize)]
struct Syntax {
    message: String,
    /// Byte of the text.
    position: Option<u64>,
}

/// The rows that were found.
#[derive(Debug, Serialize)]
pub(crate) struct Found {
    /// `query` or `text`.
    read_as: &'static str,
    syntax: Option<Syntax>,
    /// Rows of the trace's skeleton, ascending.
    rows: Vec<u32>,
    coverage: Coverage,
}

impl Find {
    /// Reads `text`, as a query if it is one.
    ///
    /// # Errors
    /// When there is nothing to look for, or more than the limits allow.
    pub(crate) fn new(text: &str, words_max: usize) -> Result<Self, QueryError> {
        if text.trim().is_empty() {
            return Err(QueryError::invalid_with_hint(
                "parameter q is required",
                "q is a query, or words to look for",
            ));
        }
        if text.len() > TEXT_BYTES_MAX {
            return Err(QueryError::limit(
                format!("q has {} bytes, over {TEXT_BYTES_MAX}", text.len()),
                "look for less at once",
            ));
        }
        match language::parse(text).and_then(|node| language::compile(&node)) {
            Ok(query) => Ok(Self {
                wanted: Wanted::Query(Box::new(Matcher::new(&query.span)?), query.trace),
                syntax: None,
            }),
            Err(error) => Ok(Self {
                wanted: Wanted::Words(words(text, words_max)?),
                syntax: Some(Syntax {
                    message: error.to_string(),
                    position: error.position(),
                }),
            }),
        }
    }

    /// Looks through the trace `id`; blocks.
    ///
    /// # Errors
    /// As [`Trace::load`].
    pub(crate) fn run(self, reading: &Reading, id: TraceId) -> Result<Found, QueryError> {
        let Trace {
            rows,
            table,
            mut covering,
            ..
        } = Trace::load(reading, id)?;
        let (read_as, rows) = match &self.wanted {
            Wanted::Query(_, Some(trace)) if !trace.matches(&Summary::of(&rows)) => {
                ("query", Vec::new())
            }
            Wanted::Query(matcher, _) => ("query", places(&matcher.matches(&table)?)),
            Wanted::Words(words) => (
                "text",
                rows_with(words, &rows, &reading.budget, &mut covering),
            ),
        };
        Ok(Found {
            read_as,
            syntax: self.syntax,
            rows,
            coverage: covering.finish(reading.budget.elapsed_ns()),
        })
    }
}

fn places(mask: &arrow::array::BooleanArray) -> Vec<u32> {
    mask.values().set_indices().map(|row| row as u32).collect()
}

fn words(text: &str, words_max: usize) -> Result<Vec<Regex>, QueryError> {
    let words: Vec<&str> = text.split_whitespace().collect();
    if words.len() > words_max {
        return Err(QueryError::limit(
            format!("{} words to look for, over {words_max}", words.len()),
            "look for fewer words, or write a query",
        ));
    }
    let regex = |word: &&str| {
        RegexBuilder::new(&regex::escape(word))
            .case_insensitive(true)
            .size_limit(language::REGEX_BYTES_MAX)
            .build()
            .map_err(|_| QueryError::limit("a word to look for is too long", "look for less"))
    };
    words.iter().map(regex).collect()
}

fn rows_with(
    words: &[Regex],
    rows: &SpanRows,
    budget: &Budget,
    covering: &mut Covering,
) -> Vec<u32> {
    let mut found = Vec::new();
    for span in rows.iter() {
        if span.row.is_multiple_of(STEP_ROWS) && budget.over() {
            covering.incomplete(format!(
                "time was over after {} of {} spans",
                span.row,
                rows.len()
            ));
            break;
        }
        if words.iter().all(|word| stands_in(word, span)) {
            found.push(span.row as u32);
        }
    }
    found
}

/// True when `word` stands somewhere in `span`.
fn stands_in(word: &Regex, span: SpanRow<'_>) -> bool {
    let is = |text: &str| word.is_match(text);
    let among = |mut attributes: Attributes<'_>| {
        attributes.any(|attribute| is(attribute.key) || is(attribute.text))
    };
    let id = |id: &[u8]| is(&Hex(id).to_string());
    is(span.name())
        || is(span.service_name())
        || is(span.status_message())
        || among(span.attributes())
        || among(span.resource_attributes())
        || span
            .events()
            .any(|event| is(event.name()) || among(event.attributes()))
        || is(span.scope_name())
        || is(span.scope_version())
        || among(span.scope_attributes())
        || span
            .links()
            .any(|link| id(link.trace_id()) || id(link.span_id()) || among(link.attributes()))
        || id(span.span_id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(text: &str) -> &'static str {
        match Find::new(text, 3).unwrap().wanted {
            Wanted::Query(..) => "query",
            Wanted::Words(_) => "text",
        }
    }

    #[test]
    fn a_text_is_a_query_where_it_is_one_and_says_why_where_it_is_none() {
        for query in [
            "error",
            "service=cart",
            "\"get cart\"",
            "duration>1ms -error",
        ] {
            assert_eq!(read_as(query), "query", "{query}");
        }
        for text in ["cart", "GET /cart", "duration>1", "service=", "("] {
            assert_eq!(read_as(text), "text", "{text}");
        }
        let syntax = Find::new("ok duration>1", 3).unwrap().syntax.unwrap();
        assert_eq!(syntax.position, Some(0));
        assert!(!syntax.message.is_empty());
    }

    #[test]
    fn words_and_bytes_have_bounds() {
        assert!(Find::new("a b c", 3).is_ok());
        assert_eq!(Find::new("a b c d", 3).err().unwrap().code(), "limit");
        let text = |bytes| format!("{0} {0} {1}", "x".repeat(5_000), "x".repeat(bytes - 10_002));
        assert!(Find::new(&text(TEXT_BYTES_MAX), 3).is_ok());
        let refused = Find::new(&text(TEXT_BYTES_MAX + 1), 3).err().unwrap();
        assert_eq!(refused.code(), "limit");
        // One word as long as that is over the bound of a regular expression.
        let refused = Find::new(&"x".repeat(TEXT_BYTES_MAX), 3).err().unwrap();
        assert_eq!(refused.code(), "limit");
        assert_eq!(
            Find::new(" \t", 3).err().unwrap().code(),
            "invalid_argument"
        );
    }

    #[test]
    fn signs_of_regular_expressions_are_text() {
        let words = words("a.b ÄÖ", 3).unwrap();
        assert!(words[0].is_match("xA.By") && !words[0].is_match("axb"));
        assert!(words[1].is_match("xäöy"));
    }
}
