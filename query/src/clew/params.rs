//! Parameters of the questions about traces: which ones, and how to show them.
//!
//! `q` (the query language), `service`, `operation`, `tags` (a JSON object), `min_duration_ns`, `max_duration_ns`, `start`, `end`
//! (ns since the epoch), `trace_start` and `trace_end` (the same for the start of the whole trace) say which; all may be left out.

use crate::error::QueryError;
use crate::filter::{Filter, TextField, tags};
use crate::http::params::{Params, malformed};
use crate::language::{self, TraceFilter};
use crate::limits::QueryLimits;
use crate::search::explain::ExplainRequest;
use crate::search::facets::{FacetsRequest, Selection};
use crate::search::heatmap::{HeatmapRequest, Unit};
use crate::search::{Count, Order, SearchRequest};

/// Facets of attributes when the request does not say how many.
const FREQUENT_DEFAULT: usize = 12;
/// Values of a facet when the request does not say how many.
const VALUES_DEFAULT: usize = 10;
/// Columns of a heatmap when the request does not say how many.
const COLUMNS_DEFAULT: usize = 120;
/// Rows of a heatmap when the request does not say how many, and the fewest that any durations fit in.
const ROWS_DEFAULT: usize = 48;
const ROWS_MIN: usize = 21;
/// Keys or values that completion offers when the request does not say how many.
const COMPLETION_DEFAULT: usize = 20;

/// Which traces, condition by condition.
struct Asked(Vec<Condition>);

/// One condition of a request.
struct Condition {
    /// As the query language, or the parameter, has it.
    text: String,
    /// The key that it is about, when facets have that.
    key: Option<String>,
    /// It is the time range.
    is_range: bool,
    span: Option<Filter>,
    trace: Option<TraceFilter>,
}

impl Condition {
    fn of_span(text: String, span: Filter) -> Self {
        Self {
            text,
            key: None,
            is_range: false,
            span: Some(span),
            trace: None,
        }
    }
}

impl Asked {
    /// Reads all conditions.
    ///
    /// # Errors
    /// Names the parameter that is malformed.
    fn read(params: &Params) -> Result<Self, QueryError> {
        let mut conditions = Vec::new();
        for (name, field) in [
            ("service", TextField::Service),
            ("operation", TextField::Name),
        ] {
            conditions.extend(params.get(&[name]).map(|value| Condition {
                key: (name == "service").then(|| name.to_owned()),
                ..Condition::of_span(
                    format!("{name}={value}"),
                    Filter::Text(field, value.to_owned()),
                )
            }));
        }
        if let Some((min_ns, max_ns)) = range(params, "min_duration_ns", "max_duration_ns")? {
            let filter = Filter::Duration { min_ns, max_ns };
            conditions.push(Condition::of_span("duration".to_owned(), filter));
        }
        if let Some((min, max)) = range(params, "start", "end")? {
            conditions.push(Condition {
                is_range: true,
                ..Condition::of_span("start, end".to_owned(), Filter::Start { min, max })
            });
        }
        if let Some(text) = params.get(&["tags"]) {
            let tags = tags::from_json(text).map_err(|error| {
                QueryError::invalid_with_hint(
                    format!("malformed parameter tags: {error}"),
                    "tags is a JSON object of text, like {\"http.route\":\"/cart\"}",
                )
            })?;
            conditions.extend(
                tags.into_iter()
                    .map(|tag| Condition::of_span("tags".to_owned(), tag)),
            );
        }
        conditions.extend(of_query(params)?);
        if let Some((min, max)) = range(params, "trace_start", "trace_end")? {
            let ns = |bound: Option<i64>| bound.and_then(|ns| u64::try_from(ns).ok());
            conditions.push(Condition {
                text: "trace_start, trace_end".to_owned(),
                key: None,
                is_range: false,
                span: None,
                trace: Some(TraceFilter::Start {
                    min: ns(min),
                    max: ns(max),
                }),
            });
        }
        Ok(Self(conditions))
    }

    fn all(&self) -> Selection {
        self.select(|_, _| true)
    }

    /// The conditions that `wanted` picks by place and content.
    fn select(&self, wanted: impl Fn(usize, &Condition) -> bool) -> Selection {
        let picked = || {
            let all = self.0.iter().enumerate();
            all.filter(|(place, condition)| wanted(*place, condition))
                .map(|(_, condition)| condition)
        };
        let traces: Vec<_> = picked()
            .filter_map(|condition| condition.trace.clone())
            .collect();
        Selection {
            filter: Filter::All(
                picked()
                    .filter_map(|condition| condition.span.clone())
                    .collect(),
            ),
            trace: (!traces.is_empty()).then_some(TraceFilter::All(traces)),
        }
    }
}

/// The conditions of `q`.
fn of_query(params: &Params) -> Result<Vec<Condition>, QueryError> {
    let Some(text) = params.get(&["q"]) else {
        return Ok(Vec::new());
    };
    let node = language::parse(text)?;
    let clauses = language::clauses(&node).into_iter().map(|clause| {
        let compiled = language::compile(clause)?;
        let is_of_trace = compiled.trace.is_some();
        Ok(Condition {
            text: clause.to_string(),
            key: language::facet_key(clause),
            is_range: false,
            span: (!is_of_trace).then_some(compiled.span),
            trace: compiled.trace,
        })
    });
    clauses.collect()
}

/// Reads a search: which traces, `order`, `limit`, `cursor` and `total`.
///
/// # Errors
/// Names the parameter that is malformed or out of bounds.
pub(super) fn search(params: &Params, limits: &QueryLimits) -> Result<SearchRequest, QueryError> {
    let Selection { filter, trace } = Asked::read(params)?.all();
    let limit = params
        .parsed(&["limit"], "a number")?
        .unwrap_or(limits.search_traces_default);
    if !(1..=limits.search_traces_max).contains(&limit) {
        return Err(QueryError::invalid_with_hint(
            format!(
                "limit {limit} is not between 1 and {}",
                limits.search_traces_max
            ),
            "use next_cursor for the traces after a page",
        ));
    }
    let after = params.get(&["cursor"]).map(str::parse).transpose()?;
    Ok(SearchRequest {
        filter,
        trace,
        order: order(params)?,
        limit,
        after,
        count: match params.get(&["total"]) {
            None | Some("exact") => Count::All,
            Some("bound") => Count::Seen,
            Some(other) => return Err(malformed("total", other, "exact or bound")),
        },
    })
}

/// Reads what a heatmap is of: which traces, `unit`, `columns` and `rows`, and the ends of the time axis `axis_start` and `axis_end` (those
/// of the range unless given; what is outside of them is in the first or last column).
///
/// # Errors
/// Names the parameter that is malformed or out of bounds.
pub(super) fn heatmap(params: &Params, limits: &QueryLimits) -> Result<HeatmapRequest, QueryError> {
    let Selection { filter, trace } = Asked::read(params)?.all();
    let unit = match params.get(&["unit"]) {
        None | Some("traces") => Unit::Traces,
        Some("spans") => Unit::Spans,
        Some(other) => return Err(malformed("unit", other, "traces or spans")),
    };
    let ends = match range(params, "axis_start", "axis_end")? {
        Some(axis) => axis,
        None => range(params, "start", "end")?.unwrap_or_default(),
    };
    let ns = |bound: Option<i64>| bound.and_then(|ns| u64::try_from(ns).ok());
    let (columns, rows) = (
        1..=limits.heatmap_columns_max,
        ROWS_MIN..=limits.heatmap_rows_max,
    );
    Ok(HeatmapRequest {
        filter,
        trace,
        unit,
        range: (ns(ends.0), ns(ends.1)),
        columns: number(params, "columns", COLUMNS_DEFAULT, columns)?,
        rows: number(params, "rows", ROWS_DEFAULT, rows)?,
    })
}

/// Reads what facets are of: which traces, `key` (any number of attributes), `frequent` and `values`.
///
/// # Errors
/// Names the parameter that is malformed or out of bounds.
pub(super) fn facets(params: &Params, limits: &QueryLimits) -> Result<FacetsRequest, QueryError> {
    let asked = Asked::read(params)?;
    let mut own: Vec<(String, Selection)> = Vec::new();
    for key in asked
        .0
        .iter()
        .filter_map(|condition| condition.key.as_ref())
    {
        if own.len() < limits.facet_keys_max && own.iter().all(|(known, _)| known != key) {
            let without = asked.select(|_, condition| condition.key.as_ref() != Some(key));
            own.push((key.clone(), without));
        }
    }
    let mut keys: Vec<String> = Vec::new();
    for key in params.all("key").filter(|key| !key.is_empty()) {
        if !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    let keys_max = limits.facet_keys_max;
    if keys.len() > keys_max {
        return Err(QueryError::limit(
            format!("{} keys are asked for; the limit is {keys_max}", keys.len()),
            "ask for some of them at a time",
        ));
    }
    Ok(FacetsRequest {
        selection: asked.all(),
        own,
        keys,
        frequent: number(params, "frequent", FREQUENT_DEFAULT, 0..=keys_max)?,
        values: number(
            params,
            "values",
            VALUES_DEFAULT,
            1..=limits.facet_values_max,
        )?,
    })
}

/// Reads what is to be explained: which traces.
///
/// # Errors
/// Names the parameter that is malformed, and the limit when there are too many conditions.
pub(super) fn explain(params: &Params, limits: &QueryLimits) -> Result<ExplainRequest, QueryError> {
    let asked = Asked::read(params)?;
    let is_clause = |condition: &Condition| !condition.is_range;
    let (count, clauses_max) = (
        asked
            .0
            .iter()
            .filter(|condition| is_clause(condition))
            .count(),
        limits.explain_clauses_max,
    );
    if count > clauses_max {
        return Err(QueryError::limit(
            format!("the query has {count} conditions; the limit is {clauses_max}"),
            "ask with fewer conditions",
        ));
    }
    let clauses = asked.0.iter().enumerate();
    let clauses = clauses.filter(|(_, condition)| is_clause(condition));
    let range = range(params, "start", "end")?;
    Ok(ExplainRequest {
        selection: asked.all(),
        clauses: clauses
            .map(|(place, condition)| {
                (
                    condition.text.clone(),
                    asked.select(|other, _| other != place),
                )
            })
            .collect(),
        timeless: range.map(|_| asked.select(|_, condition| is_clause(condition))),
        range: range.unwrap_or_default(),
    })
}

/// What completion looks for.
#[derive(Debug)]
pub(super) struct Completion {
    /// Text that keys or values contain.
    pub(super) text: String,
    /// Ends of the time range, inclusive.
    pub(super) range: (i64, i64),
    /// How many to offer.
    pub(super) limit: usize,
}

/// Reads `prefix`, `start`, `end` and `limit` of completion.
///
/// # Errors
/// Names the parameter that is malformed or out of bounds.
pub(super) fn completion(params: &Params, limits: &QueryLimits) -> Result<Completion, QueryError> {
    let (start, end) = range(params, "start", "end")?.unwrap_or_default();
    Ok(Completion {
        text: params.get(&["prefix"]).unwrap_or_default().to_owned(),
        range: (
            start.unwrap_or(i64::MIN),
            end.map_or(i64::MAX, |end| end.saturating_sub(1)),
        ),
        limit: number(
            params,
            "limit",
            COMPLETION_DEFAULT.min(limits.completion_max),
            1..=limits.completion_max,
        )?,
    })
}

fn number(
    params: &Params,
    name: &str,
    default: usize,
    allowed: std::ops::RangeInclusive<usize>,
) -> Result<usize, QueryError> {
    let value = params.parsed(&[name], "a number")?.unwrap_or(default);
    if allowed.contains(&value) {
        return Ok(value);
    }
    let (low, high) = allowed.into_inner();
    Err(QueryError::invalid(format!(
        "{name} {value} is not between {low} and {high}"
    )))
}

/// `order`: one of the names below.
fn order(params: &Params) -> Result<Order, QueryError> {
    match params.get(&["order"]) {
        None | Some("newest") => Ok(Order::Newest),
        Some("oldest") => Ok(Order::Oldest),
        Some("longest") => Ok(Order::Longest),
        Some("shortest") => Ok(Order::Shortest),
        Some("errors") => Ok(Order::MostErrors),
        Some("spans") => Ok(Order::MostSpans),
        Some(other) => Err(malformed(
            "order",
            other,
            "one of newest, oldest, longest, shortest, errors and spans",
        )),
    }
}

type Range = (Option<i64>, Option<i64>);

/// Two bounds; `None` when neither is there. What 64 signed bits do not hold is taken as the largest that they do.
fn range(params: &Params, min: &str, max: &str) -> Result<Option<Range>, QueryError> {
    let read = |name: &str| -> Result<Option<i64>, QueryError> {
        let value: Option<u64> = params.parsed(&[name], "a whole number of nanoseconds")?;
        Ok(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)))
    };
    let (low, high) = (read(min)?, read(max)?);
    match (low, high) {
        (None, None) => Ok(None),
        (Some(low), Some(high)) if high < low => {
            Err(QueryError::invalid(format!("{max} is before {min}")))
        }
        range => Ok(Some(range)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<SearchRequest, QueryError> {
        search(&Params::parse(query), &QueryLimits::default())
    }

    #[test]
    fn all_parameters_become_one_conjunction() {
        let request = read(
            "service=a&operation=b&tags=%7B%22k%22%3A%22v%22%7D&min_duration_ns=1&max_duration_ns=2&start=3&end=4&limit=5\
             &cursor=000000000000000100000000000000000000000000000001",
        )
        .unwrap();
        let expected = Filter::All(vec![
            Filter::Text(TextField::Service, "a".into()),
            Filter::Text(TextField::Name, "b".into()),
            Filter::Duration {
                min_ns: Some(1),
                max_ns: Some(2),
            },
            Filter::Start {
                min: Some(3),
                max: Some(4),
            },
            tags::tag("k", "v"),
        ]);
        assert_eq!(request.filter, expected);
        assert_eq!((request.limit, request.count), (5, Count::All));
        assert_eq!(request.after.unwrap().start_time, 1);
    }

    #[test]
    fn nothing_at_all_is_the_newest_traces() {
        let request = read("").unwrap();
        assert_eq!(request.filter, Filter::All(vec![]));
        assert_eq!((request.limit, request.after), (20, None));
    }

    #[test]
    fn bounds_hold_at_the_limit_and_not_beyond() {
        assert!(read("limit=1").is_ok());
        assert!(read("limit=1500").is_ok());
        assert!(read("start=18446744073709551615&end=18446744073709551615").is_ok());
        for query in [
            "limit=0",
            "limit=1501",
            "limit=-1",
            "start=2&end=1",
            "start=-1",
            "tags=%5B%5D",
            "cursor=abc",
            "min_duration_ns=1ms",
        ] {
            assert!(
                matches!(read(query), Err(QueryError::InvalidArgument { .. })),
                "{query}"
            );
        }
    }
}
