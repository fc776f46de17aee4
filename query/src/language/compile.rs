//! Tree to conditions: one on a span, one on its trace.

use super::clause::clauses;
use super::key::{Field, Sort, Subject};
use super::quantity::{Number, duration_ns};
use super::trace_filter::{Count, Name, TraceFilter};
use super::{Node, Op, Order, REGEX_BYTES_MAX, Term, Test, Value};
use crate::error::QueryError;
use crate::filter::{AttributeTest, Filter, IdField, Level, Pattern, TextField};

/// What a query asks of a span and of the trace that it is in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Compiled {
    /// Of one span.
    pub(crate) span: Filter,
    /// Of its trace; `None` when nothing.
    pub(crate) trace: Option<TraceFilter>,
}

/// Makes a query ready.
///
/// # Errors
/// When a value does not suit its key, or terms about a trace and about a span are mixed in one `or` or `not`.
pub(crate) fn compile(node: &Node) -> Result<Compiled, QueryError> {
    let mut span = Vec::new();
    let mut trace = Vec::new();
    for part in clauses(node) {
        match (first_term(part, false), first_term(part, true)) {
            (Some(_), Some(of_trace)) => {
                return Err(QueryError::at(
                    of_trace.at,
                    format!(
                        "`{}` is of the trace and stands in one `or` or `not` with terms of a span",
                        of_trace.subject
                    ),
                    "join terms of the trace and of a span by `and`",
                ));
            }
            (None, Some(_)) => trace.push(trace_filter(part)?),
            _ => span.push(span_filter(part)?),
        }
    }
    Ok(Compiled {
        span: Filter::All(span),
        trace: (!trace.is_empty()).then_some(TraceFilter::All(trace)),
    })
}

/// The first term that is of the trace, or that is not.
fn first_term(node: &Node, of_trace: bool) -> Option<&Term> {
    match node {
        Node::All(parts) | Node::Any(parts) => {
            parts.iter().find_map(|part| first_term(part, of_trace))
        }
        Node::Not(part) => first_term(part, of_trace),
        Node::Term(term) => {
            let is = matches!(term.subject, Subject::Field(field) if field.of_trace());
            (is == of_trace).then_some(term)
        }
    }
}

fn span_filter(node: &Node) -> Result<Filter, QueryError> {
    let all = |parts: &[Node]| parts.iter().map(span_filter).collect::<Result<_, _>>();
    Ok(match node {
        Node::All(parts) => Filter::All(all(parts)?),
        Node::Any(parts) => Filter::Any(all(parts)?),
        Node::Not(part) => not(span_filter(part)?),
        Node::Term(term) => span_term(term)?,
    })
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn span_term(term: &Term) -> Result<Filter, QueryError> {
    match (&term.subject, &term.test) {
        (Subject::Names, Test::Compare(_, values)) => names(values),
        (Subject::Attribute(level, key), Test::Compare(op, values)) => {
            attribute(*level, key, *op, values)
        }
        (Subject::Attribute(level, key), _) => Ok(has(*level, key)),
        (Subject::Field(Field::Error), Test::Holds) => {
            Ok(Filter::Text(TextField::Status, "error".to_owned()))
        }
        (Subject::Field(Field::Root), Test::Holds) => Ok(Filter::Root),
        (Subject::Field(Field::ParentSpanId), Test::Exists) => Ok(not(Filter::Root)),
        (Subject::Field(Field::EventName), Test::Exists) => Ok(Filter::Event(any_text()?)),
        (Subject::Field(field), Test::Compare(op, values)) => field_term(*field, *op, values),
        (Subject::Field(field), _) => match text_field(*field) {
            Some(field) => Ok(not(Filter::Text(field, String::new()))),
            None => Ok(Filter::All(Vec::new())),
        },
        (Subject::Names, _) => Ok(Filter::All(Vec::new())),
    }
}

/// Text that is part of the service or of the span's name.
fn names(values: &[Value]) -> Result<Filter, QueryError> {
    let mut parts = Vec::new();
    for value in values {
        let part = pattern(value, &format!("(?i){}", regex::escape(&value.text)))?;
        parts.push(Filter::TextMatches(TextField::Service, part.clone()));
        parts.push(Filter::TextMatches(TextField::Name, part));
    }
    Ok(Filter::Any(parts))
}

fn field_term(field: Field, op: Op, values: &[Value]) -> Result<Filter, QueryError> {
    match field.sort() {
        Sort::Duration => duration(field, op, values),
        Sort::Id(bytes) => ids(field, bytes, op, values),
        Sort::Flag => Err(flag_value(field, values)),
        _ if field == Field::EventName => text(field, op, values, |pattern| match pattern {
            Texts::Is(text) => Ok(Filter::Event(Pattern::exactly(&text))),
            Texts::Matches(pattern) => Ok(Filter::Event(pattern)),
        }),
        _ => {
            let column = text_field(field).unwrap_or(TextField::Name);
            text(field, op, values, |pattern| match pattern {
                Texts::Is(text) => Ok(Filter::Text(column, text)),
                Texts::Matches(pattern) => Ok(Filter::TextMatches(column, pattern)),
            })
        }
    }
}

fn text_field(field: Field) -> Option<TextField> {
    Some(match field {
        Field::Service => TextField::Service,
        Field::Name => TextField::Name,
        Field::Kind => TextField::Kind,
        Field::Status => TextField::Status,
        Field::StatusMessage => TextField::StatusMessage,
        Field::ScopeName => TextField::ScopeName,
        Field::ScopeVersion => TextField::ScopeVersion,
        _ => return None,
    })
}

/// What a text has to be.
enum Texts {
    Is(String),
    Matches(Pattern),
}

/// A condition on a text: `one` of its values, or none of them.
fn text(
    field: Field,
    op: Op,
    values: &[Value],
    one: impl Fn(Texts) -> Result<Filter, QueryError>,
) -> Result<Filter, QueryError> {
    let lower = field.sort() == Sort::Word;
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        parts.push(one(match op {
            Op::Is | Op::IsNot if value.has_wildcard() => Texts::Matches(wildcard(value, lower)?),
            Op::Is | Op::IsNot if lower => Texts::Is(value.text.to_ascii_lowercase()),
            Op::Is | Op::IsNot => Texts::Is(value.text.clone()),
            Op::Matches | Op::MatchesNot if lower => {
                Texts::Matches(pattern(value, &format!("(?i){}", value.text))?)
            }
            Op::Matches | Op::MatchesNot => Texts::Matches(pattern(value, &value.text)?),
            Op::Order(order) => return Err(unordered(field, order, value)),
        })?);
    }
    Ok(one_of(op, parts))
}

/// One of `parts`, or none of them when the comparison is a negative one.
fn one_of(op: Op, mut parts: Vec<Filter>) -> Filter {
    let any = if parts.len() == 1 {
        parts.remove(0)
    } else {
        Filter::Any(parts)
    };
    if matches!(op, Op::IsNot | Op::MatchesNot) {
        not(any)
    } else {
        any
    }
}

fn has(level: Level, key: &str) -> Filter {
    Filter::AttributeTest {
        level,
        key: key.to_owned(),
        test: AttributeTest::Exists,
    }
}

fn attribute(level: Level, key: &str, op: Op, values: &[Value]) -> Result<Filter, QueryError> {
    let tested = |test| Filter::AttributeTest {
        level,
        key: key.to_owned(),
        test,
    };
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        parts.push(match op {
            Op::Is | Op::IsNot if value.has_wildcard() => {
                tested(AttributeTest::Matches(wildcard(value, false)?))
            }
            Op::Is | Op::IsNot => Filter::Attribute {
                level,
                key: key.to_owned(),
                value: value.text.clone(),
            },
            Op::Matches | Op::MatchesNot => {
                tested(AttributeTest::Matches(pattern(value, &value.text)?))
            }
            Op::Order(order) => tested(AttributeTest::Compares(order, number(value)?)),
        });
    }
    let compared = one_of(op, parts);
    Ok(if matches!(op, Op::IsNot | Op::MatchesNot) {
        // Another value is a value: where the key is not, there is none.
        Filter::All(vec![has(level, key), compared])
    } else {
        compared
    })
}

fn duration(field: Field, op: Op, values: &[Value]) -> Result<Filter, QueryError> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        let ns = duration_of(field, value)?;
        let between = |min_ns, max_ns| Filter::Duration { min_ns, max_ns };
        parts.push(match op {
            Op::Order(Order::AtMost) => between(None, Some(ns)),
            Op::Order(Order::AtLeast) => between(Some(ns), None),
            Op::Order(Order::Below) => between(None, Some(ns - 1)),
            Op::Order(Order::Above) => ns
                .checked_add(1)
                .map_or(Filter::Any(Vec::new()), |ns| between(Some(ns), None)),
            Op::Is | Op::IsNot => between(Some(ns), Some(ns)),
            Op::Matches | Op::MatchesNot => return Err(no_text(field, value)),
        });
    }
    Ok(one_of(op, parts))
}

fn duration_of(field: Field, value: &Value) -> Result<i64, QueryError> {
    duration_ns(&value.text).ok_or_else(|| {
        QueryError::at(
            value.at,
            format!("`{}` is no duration", value.text),
            format!(
                "a duration has a unit, like {0}>250ms or {0}<1m30s",
                field.name()
            ),
        )
    })
}

fn ids(field: Field, bytes: usize, op: Op, values: &[Value]) -> Result<Filter, QueryError> {
    let id_field = match field {
        Field::TraceId => IdField::Trace,
        Field::ParentSpanId => IdField::Parent,
        _ => IdField::Span,
    };
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        if !matches!(op, Op::Is | Op::IsNot) {
            return Err(QueryError::at(
                value.at,
                format!("`{}` compares as a whole", field.name()),
                format!("write {}=…", field.name()),
            ));
        }
        let digits = 2 * bytes;
        let id = hex::decode(format!("{:0>digits$}", value.text));
        let id = id.ok().filter(|id| id.len() == bytes).ok_or_else(|| {
            QueryError::at(
                value.at,
                format!("`{}` is no {}", value.text, field.name()),
                format!("an id has at most {digits} hexadecimal digits"),
            )
        })?;
        parts.push(Filter::Id(id_field, id));
    }
    Ok(one_of(op, parts))
}

fn trace_filter(node: &Node) -> Result<TraceFilter, QueryError> {
    let all = |parts: &[Node]| parts.iter().map(trace_filter).collect::<Result<_, _>>();
    Ok(match node {
        Node::All(parts) => TraceFilter::All(all(parts)?),
        Node::Any(parts) => TraceFilter::Any(all(parts)?),
        Node::Not(part) => TraceFilter::Not(Box::new(trace_filter(part)?)),
        Node::Term(term) => match (&term.subject, &term.test) {
            (Subject::Field(field), Test::Compare(op, values)) => trace_term(*field, *op, values)?,
            _ => TraceFilter::Complete,
        },
    })
}

fn trace_term(field: Field, op: Op, values: &[Value]) -> Result<TraceFilter, QueryError> {
    let mut parts = Vec::with_capacity(values.len());
    for value in values {
        parts.push(match field {
            Field::TraceDuration => trace_duration(field, op, value)?,
            Field::TraceSpans => count(field, Count::Spans, op, value)?,
            Field::TraceErrors => count(field, Count::Errors, op, value)?,
            Field::TraceOrphans => count(field, Count::Orphans, op, value)?,
            Field::TraceServices => named(field, Name::Services, op, value)?,
            Field::TraceRootService => named(field, Name::RootService, op, value)?,
            Field::TraceRootName => named(field, Name::Root, op, value)?,
            _ => return Err(flag_value(field, values)),
        });
    }
    let any = TraceFilter::Any(parts);
    Ok(if matches!(op, Op::IsNot | Op::MatchesNot) {
        TraceFilter::Not(Box::new(any))
    } else {
        any
    })
}

fn trace_duration(field: Field, op: Op, value: &Value) -> Result<TraceFilter, QueryError> {
    let ns = duration_of(field, value)?;
    Ok(match op {
        Op::Order(order) => TraceFilter::Duration(order, ns),
        Op::Is | Op::IsNot => TraceFilter::All(vec![
            TraceFilter::Duration(Order::AtLeast, ns),
            TraceFilter::Duration(Order::AtMost, ns),
        ]),
        Op::Matches | Op::MatchesNot => return Err(no_text(field, value)),
    })
}

fn count(field: Field, count: Count, op: Op, value: &Value) -> Result<TraceFilter, QueryError> {
    let number = number(value)?;
    Ok(match op {
        Op::Order(order) => TraceFilter::Count(count, order, number),
        Op::Is | Op::IsNot => TraceFilter::CountIs(count, number),
        Op::Matches | Op::MatchesNot => return Err(no_text(field, value)),
    })
}

fn named(field: Field, name: Name, op: Op, value: &Value) -> Result<TraceFilter, QueryError> {
    let pattern = match op {
        Op::Is | Op::IsNot if value.has_wildcard() => wildcard(value, false)?,
        Op::Is | Op::IsNot => Pattern::exactly(&value.text),
        Op::Matches | Op::MatchesNot => pattern(value, &value.text)?,
        Op::Order(order) => return Err(unordered(field, order, value)),
    };
    Ok(TraceFilter::Name(name, pattern))
}

fn number(value: &Value) -> Result<Number, QueryError> {
    Number::with_size(&value.text).ok_or_else(|| {
        let hint = if duration_ns(&value.text).is_some() {
            "only `duration` and `trace.duration` have units of time; write a plain number"
        } else {
            "a number is like 500, -1.5, 1e6 or 10MB; text compares by =, !=, ~ and !~"
        };
        QueryError::at(value.at, format!("`{}` is no number", value.text), hint)
    })
}

/// The pattern of a value whose stars stand for any text.
fn wildcard(value: &Value, any_case: bool) -> Result<Pattern, QueryError> {
    let parts: Vec<_> = value.text.split('*').map(regex::escape).collect();
    let flags = if any_case { "(?si)" } else { "(?s)" };
    pattern(value, &format!("{flags}^{}$", parts.join(".*")))
}

fn any_text() -> Result<Pattern, QueryError> {
    Pattern::new("", REGEX_BYTES_MAX).map_err(QueryError::internal)
}

fn pattern(value: &Value, source: &str) -> Result<Pattern, QueryError> {
    Pattern::new(source, REGEX_BYTES_MAX).map_err(|message| {
        QueryError::at(
            value.at,
            format!("`{}` is no regular expression: {message}", value.text),
            "put a \\ before a sign that stands for itself, or compare by = with * for any text",
        )
    })
}

fn unordered(field: Field, order: Order, value: &Value) -> QueryError {
    QueryError::at(
        value.at,
        format!(
            "`{}` is text and does not compare by {}",
            field.name(),
            order.sign()
        ),
        format!("write {0}=… or {0}~…", field.name()),
    )
}

fn no_text(field: Field, value: &Value) -> QueryError {
    QueryError::at(
        value.at,
        format!("`{}` is no text and does not compare by ~", field.name()),
        format!("write {}>…", field.name()),
    )
}

fn flag_value(field: Field, values: &[Value]) -> QueryError {
    let name = field.name();
    QueryError::at(
        values.first().map_or(0, |value| value.at),
        format!("`{name}` is true or false"),
        format!("write {name} or not {name}; \"{name}\"=… asks for an attribute of that key"),
    )
}
