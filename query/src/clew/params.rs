//! Parameters of Clew's search.

use crate::error::QueryError;
use crate::filter::{Filter, TextField, tags};
use crate::http::params::{Params, malformed};
use crate::language;
use crate::limits::QueryLimits;
use crate::search::{Order, SearchRequest};

/// Reads `q` (the query language), `service`, `operation`, `tags` (a JSON object), `min_duration_ns`, `max_duration_ns`, `start`,
/// `end` (ns since the epoch), `order`, `limit` and `cursor`; all may be left out.
///
/// # Errors
/// Names the parameter that is malformed or out of bounds.
pub(super) fn search(params: &Params, limits: &QueryLimits) -> Result<SearchRequest, QueryError> {
    let text = |name: &str, field| {
        params
            .get(&[name])
            .map(|value| Filter::Text(field, value.to_owned()))
    };
    let mut parts = Vec::new();
    parts.extend(text("service", TextField::Service));
    parts.extend(text("operation", TextField::Name));
    parts.extend(
        range(params, "min_duration_ns", "max_duration_ns")?
            .map(|(min_ns, max_ns)| Filter::Duration { min_ns, max_ns }),
    );
    parts.extend(range(params, "start", "end")?.map(|(min, max)| Filter::Start { min, max }));
    if let Some(text) = params.get(&["tags"]) {
        parts.extend(tags::from_json(text).map_err(|error| {
            QueryError::invalid_with_hint(
                format!("malformed parameter tags: {error}"),
                "tags is a JSON object of text, like {\"http.route\":\"/cart\"}",
            )
        })?);
    }
    let mut trace = None;
    if let Some(text) = params.get(&["q"]) {
        let query = language::compile(&language::parse(text)?)?;
        parts.push(query.span);
        trace = query.trace;
    }
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
        filter: Filter::All(parts),
        trace,
        order: order(params)?,
        limit,
        after,
        count: true,
    })
}

/// `order`: `newest`, `longest`, `errors` or `spans`.
fn order(params: &Params) -> Result<Order, QueryError> {
    match params.get(&["order"]) {
        None | Some("newest") => Ok(Order::Newest),
        Some("longest") => Ok(Order::Longest),
        Some("errors") => Ok(Order::MostErrors),
        Some("spans") => Ok(Order::MostSpans),
        Some(other) => Err(malformed(
            "order",
            other,
            "one of newest, longest, errors and spans",
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
        assert_eq!((request.limit, request.count), (5, true));
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
