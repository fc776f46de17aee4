//! Parameters of the legacy API.

use clew_storage::TraceId;

use crate::error::QueryError;
use crate::filter::{Filter, TextField, tags};
use crate::http::params::{Params, malformed};
use crate::jaeger::{duration, trace_id};
use crate::limits::QueryLimits;
use crate::search::{Count, Order, SearchRequest};

/// Traces that a search returns when the request does not say.
const LIMIT_DEFAULT: usize = 100;
/// How far a search reaches back when the request does not say: two days.
const LOOKBACK_DEFAULT_NS: i64 = 2 * 86_400 * 1_000_000_000;
/// How far dependencies reach back when the request does not say: a day.
const DEPENDENCY_LOOKBACK_DEFAULT_MS: i64 = 86_400_000;

/// What `GET /api/traces` asks for.
pub(super) enum Wanted {
    /// These traces.
    Ids(Vec<TraceId>),
    /// Traces that match.
    Search(SearchRequest),
}

/// Reads the parameters of `GET /api/traces`; `now` is ns since the epoch.
///
/// # Errors
/// Names the parameter that is malformed or missing.
pub(super) fn traces(
    params: &Params,
    limits: &QueryLimits,
    now: u64,
) -> Result<Wanted, QueryError> {
    let ids = params
        .all("traceID")
        .map(trace_id)
        .collect::<Result<Vec<_>, _>>()?;
    if ids.len() > limits.trace_ids_max {
        return Err(QueryError::limit(
            format!(
                "{} trace ids were asked for; the limit is {}",
                ids.len(),
                limits.trace_ids_max
            ),
            "ask for them in several requests",
        ));
    }
    if !ids.is_empty() {
        return Ok(Wanted::Ids(ids));
    }
    let service = params
        .get(&["service"])
        .ok_or_else(|| QueryError::invalid("parameter 'service' is required"))?;
    let limit = params
        .parsed(&["limit"], "a number")?
        .unwrap_or(LIMIT_DEFAULT);
    check_limit("limit", limit, limits)?;
    let mut parts = vec![Filter::Text(TextField::Service, service.to_owned())];
    parts.extend(
        params
            .get(&["operation"])
            .map(|name| Filter::Text(TextField::Name, name.to_owned())),
    );
    parts.extend(durations(params, &["minDuration"], &["maxDuration"])?);
    parts.push(Filter::Start {
        min: Some(
            time(params, "start", 1_000)?
                .unwrap_or((now as i64).saturating_sub(LOOKBACK_DEFAULT_NS)),
        ),
        max: time(params, "end", 1_000)?.or(Some(now as i64)),
    });
    parts.extend(simple_tags(params)?);
    for text in params.all("tags").filter(|text| !text.is_empty()) {
        parts.extend(tags::from_json(text).map_err(|error| {
            QueryError::invalid(format!(
                "malformed 'tags' parameter, cannot unmarshal JSON: {error}"
            ))
        })?);
    }
    Ok(Wanted::Search(SearchRequest {
        filter: Filter::All(parts),
        trace: None,
        order: Order::Newest,
        limit,
        after: None,
        count: Count::Page,
    }))
}

fn simple_tags(params: &Params) -> Result<Vec<Filter>, QueryError> {
    let pairs = params.all("tag").map(|text| match text.split_once(':') {
        Some((key, value)) => Ok(tags::tag(key, value)),
        None => Err(malformed("tag", text, "key:value")),
    });
    pairs.collect()
}

/// Refuses a number of traces that no search returns.
///
/// # Errors
/// Names the parameter `name`.
pub(crate) fn check_limit(
    name: &str,
    limit: usize,
    limits: &QueryLimits,
) -> Result<(), QueryError> {
    let max = limits.search_traces_max;
    if (1..=max).contains(&limit) {
        return Ok(());
    }
    Err(QueryError::invalid_with_hint(
        format!("{name} {limit} is not between 1 and {max}"),
        "narrow the time range instead",
    ))
}

/// The condition on the duration, if the request has one.
///
/// # Errors
/// Names the parameter that is malformed, and when the longest is shorter than the shortest.
pub(in crate::jaeger) fn durations(
    params: &Params,
    min: &[&str],
    max: &[&str],
) -> Result<Option<Filter>, QueryError> {
    let read = |names: &[&str]| {
        let Some(text) = params.get(names) else {
            return Ok(None);
        };
        let ns = duration::parse(text)
            .ok_or_else(|| malformed(names[0], text, "a duration like 1.2s, 100ms or 500us"));
        // Zero is no bound.
        ns.map(|ns| (ns != 0).then_some(ns))
    };
    let (min_ns, max_ns) = (read(min)?, read(max)?);
    match (min_ns, max_ns) {
        (None, None) => Ok(None),
        (Some(shortest), Some(longest)) if longest < shortest => Err(QueryError::invalid(format!(
            "'{}' should be greater than '{}'",
            max[0], min[0]
        ))),
        _ => Ok(Some(Filter::Duration { min_ns, max_ns })),
    }
}

/// A time in units of `unit_ns` since the epoch, in ns.
fn time(params: &Params, name: &str, unit_ns: i64) -> Result<Option<i64>, QueryError> {
    let value: Option<i64> = params.parsed(&[name], "a whole number")?;
    Ok(value.map(|value| value.saturating_mul(unit_ns)))
}

/// The window of `GET /api/dependencies`, in ns since the epoch: from (inclusive) and to (exclusive).
///
/// # Errors
/// Names the parameter that is malformed.
pub(super) fn dependency_window(params: &Params, now: u64) -> Result<(i64, i64), QueryError> {
    let end = time(params, "endTs", 1_000_000)?.unwrap_or(now as i64);
    let lookback: Option<i64> = params.parsed(&["lookback"], "a whole number")?;
    let lookback = lookback
        .unwrap_or(DEPENDENCY_LOOKBACK_DEFAULT_MS)
        .saturating_mul(1_000_000);
    Ok((end.saturating_sub(lookback), end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(query: &str) -> Result<SearchRequest, QueryError> {
        match traces(
            &Params::parse(query),
            &QueryLimits::default(),
            5_000_000_000_000_000,
        )? {
            Wanted::Search(request) => Ok(request),
            Wanted::Ids(ids) => panic!("{ids:?}"),
        }
    }

    #[test]
    fn all_parameters_become_one_conjunction() {
        let request = search(
            "service=cart&operation=GET%20%2F&start=1000001&end=2000002&limit=7&minDuration=1.5ms&maxDuration=2s\
             &tag=a:b:c&tag=error:true&tags=%7B%22k%22%3A%22v%22%7D&lookback=1h",
        )
        .unwrap();
        let attribute = |key: &str, value: &str| tags::tag(key, value);
        let expected = Filter::All(vec![
            Filter::Text(TextField::Service, "cart".into()),
            Filter::Text(TextField::Name, "GET /".into()),
            Filter::Duration {
                min_ns: Some(1_500_000),
                max_ns: Some(2_000_000_000),
            },
            Filter::Start {
                min: Some(1_000_001_000),
                max: Some(2_000_002_000),
            },
            attribute("a", "b:c"),
            Filter::Text(TextField::Status, "error".into()),
            attribute("k", "v"),
        ]);
        assert_eq!(request.filter, expected);
        assert_eq!(
            (request.limit, request.count, request.after),
            (7, Count::Page, None)
        );
    }

    #[test]
    fn without_times_a_search_reaches_two_days_back_from_now() {
        let request = search("service=cart&minDuration=0s").unwrap();
        let now = 5_000_000_000_000_000;
        let times = Filter::Start {
            min: Some(now - 172_800_000_000_000),
            max: Some(now),
        };
        assert_eq!(
            request.filter,
            Filter::All(vec![Filter::Text(TextField::Service, "cart".into()), times])
        );
        assert_eq!(request.limit, 100);
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (query, message) in [
            ("operation=x", "parameter 'service' is required"),
            ("service=", "parameter 'service' is required"),
            (
                "service=a&limit=x",
                "malformed parameter limit: `x` is not a number",
            ),
            ("service=a&limit=0", "limit 0 is not between 1 and 1500"),
            (
                "service=a&limit=1501",
                "limit 1501 is not between 1 and 1500",
            ),
            (
                "service=a&start=now",
                "malformed parameter start: `now` is not a whole number",
            ),
            (
                "service=a&tag=x",
                "malformed parameter tag: `x` is not key:value",
            ),
            (
                "service=a&minDuration=5",
                "malformed parameter minDuration: `5` is not a duration like 1.2s, 100ms or 500us",
            ),
            (
                "service=a&minDuration=2s&maxDuration=1s",
                "'maxDuration' should be greater than 'minDuration'",
            ),
        ] {
            assert_eq!(search(query).unwrap_err().to_string(), message, "{query}");
        }
        assert!(search("service=a&limit=1500").is_ok());
        assert!(
            search("service=a&tags={")
                .unwrap_err()
                .to_string()
                .starts_with("malformed 'tags' parameter")
        );
    }

    #[test]
    fn ids_go_before_a_search_and_have_a_limit() {
        let limits = QueryLimits {
            trace_ids_max: 2,
            ..QueryLimits::default()
        };
        let wanted = |query: &str| traces(&Params::parse(query), &limits, 0);
        assert!(
            matches!(wanted("traceID=1&traceID=2&service=a"), Ok(Wanted::Ids(ids)) if ids.len() == 2)
        );
        assert!(matches!(
            wanted("traceID=1&traceID=2&traceID=3"),
            Err(QueryError::Limit { .. })
        ));
        assert!(matches!(
            wanted("traceID=xyz"),
            Err(QueryError::InvalidArgument { .. })
        ));
    }

    #[test]
    fn dependencies_look_back_a_day_from_now_unless_told() {
        let day = 86_400_000_000_000;
        assert_eq!(
            dependency_window(&Params::parse(""), 2 * day as u64).unwrap(),
            (day, 2 * day)
        );
        assert_eq!(
            dependency_window(&Params::parse("endTs=5&lookback=2"), 0).unwrap(),
            (3_000_000, 5_000_000)
        );
        assert!(dependency_window(&Params::parse("endTs=x"), 0).is_err());
    }
}
