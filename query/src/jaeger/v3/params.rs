//! Parameters of API v3.

use jiff::Timestamp;

use crate::error::QueryError;
use crate::filter::{Filter, TextField, tags};
use crate::http::params::{Params, malformed};
use crate::jaeger::legacy::params::{check_limit, durations};
use crate::limits::QueryLimits;
use crate::search::{Count, Order, SearchRequest};

/// Traces that a search returns when the request does not say.
const LIMIT_DEFAULT: usize = 100;

/// Reads the parameters of a search.
///
/// # Errors
/// Names the parameter that is malformed, missing or not understood.
pub(super) fn search(params: &Params, limits: &QueryLimits) -> Result<SearchRequest, QueryError> {
    if params.get(&["query.filter"]).is_some() {
        return Err(QueryError::invalid_with_hint(
            "query.filter is not understood by this server",
            "use query.attributes, or ask in SQL",
        ));
    }
    let text = |names: &[&str], field| {
        params
            .get(names)
            .map(|value| Filter::Text(field, value.to_owned()))
    };
    let mut parts = Vec::new();
    parts.extend(text(
        &["query.serviceName", "query.service_name"],
        TextField::Service,
    ));
    parts.extend(text(
        &["query.operationName", "query.operation_name"],
        TextField::Name,
    ));
    parts.push(times(params)?);
    let min = ["query.durationMin", "query.duration_min"];
    parts.extend(durations(
        params,
        &min,
        &["query.durationMax", "query.duration_max"],
    )?);
    if let Some(text) = params.get(&["query.attributes"]) {
        let attributes = tags::from_json(text);
        parts.extend(attributes.map_err(|error| {
            QueryError::invalid(format!("malformed parameter query.attributes: {error}"))
        })?);
    }
    let depth = [
        "query.searchDepth",
        "query.search_depth",
        "query.num_traces",
    ];
    let limit = params.parsed(&depth, "a number")?.unwrap_or(LIMIT_DEFAULT);
    check_limit(depth[0], limit, limits)?;
    params.flag(&["query.rawTraces", "query.raw_traces"])?;
    Ok(SearchRequest {
        filter: Filter::All(parts),
        trace: None,
        order: Order::Newest,
        limit,
        after: None,
        count: Count::Page,
    })
}

/// Checks the parameters of one trace, none of which changes the answer.
///
/// # Errors
/// Names the parameter that is malformed.
pub(super) fn check_trace(params: &Params) -> Result<(), QueryError> {
    time(params, &["startTime", "start_time"])?;
    time(params, &["endTime", "end_time"])?;
    params.flag(&["rawTraces", "raw_traces"]).map(|_| ())
}

fn times(params: &Params) -> Result<Filter, QueryError> {
    let min = time(params, &["query.startTimeMin", "query.start_time_min"])?;
    let max = time(params, &["query.startTimeMax", "query.start_time_max"])?;
    match (min, max) {
        (Some(min), Some(max)) if min < max => Ok(Filter::Start {
            min: Some(min),
            max: Some(max),
        }),
        (Some(_), Some(_)) => Err(QueryError::invalid(
            "query.startTimeMin must be before query.startTimeMax",
        )),
        _ => Err(QueryError::invalid(
            "query.startTimeMin and query.startTimeMax are required",
        )),
    }
}

/// A time as RFC 3339, in ns since the epoch; beyond what 64 bits hold, the nearest that they do.
fn time(params: &Params, names: &[&str]) -> Result<Option<i64>, QueryError> {
    let Some(text) = params.get(names) else {
        return Ok(None);
    };
    let time: Timestamp = text
        .parse()
        .map_err(|_| malformed(names[0], text, "a time like 2026-11-23T10:00:00.000Z"))?;
    let ns = time.as_nanosecond();
    Ok(Some(ns.clamp(i64::MIN.into(), i64::MAX.into()) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<SearchRequest, QueryError> {
        search(&Params::parse(query), &QueryLimits::default())
    }

    const TIMES: &str = "query.startTimeMin=2017-01-26T16:46:31.639Z&query.startTimeMax=2017-01-26T17:46:31.639875001%2B00:00";

    #[test]
    fn both_spellings_give_the_same_search() {
        let new = format!(
            "query.serviceName=a&query.operationName=b&{TIMES}&query.searchDepth=5&query.durationMin=4500ns\
             &query.durationMax=1.5us&query.attributes=%7B%22k%22:%22v%22%7D&query.rawTraces=true"
        );
        let new = new.replace("1.5us", "5.5us");
        let old = new
            .replace("serviceName", "service_name")
            .replace("operationName", "operation_name")
            .replace("startTime", "start_time_")
            .replace("time_M", "time_m")
            .replace("searchDepth", "num_traces")
            .replace("durationM", "duration_m")
            .replace("rawTraces", "raw_traces");
        let request = read(&new).unwrap();
        let expected = Filter::All(vec![
            Filter::Text(TextField::Service, "a".into()),
            Filter::Text(TextField::Name, "b".into()),
            Filter::Start {
                min: Some(1_485_449_191_639_000_000),
                max: Some(1_485_452_791_639_875_001),
            },
            Filter::Duration {
                min_ns: Some(4_500),
                max_ns: Some(5_500),
            },
            tags::tag("k", "v"),
        ]);
        assert_eq!(request.filter, expected);
        assert_eq!(request.limit, 5);
        assert_eq!(read(&old).unwrap().filter, expected);
    }

    #[test]
    fn wrong_parameters_are_named() {
        for (query, message) in [
            (
                String::new(),
                "query.startTimeMin and query.startTimeMax are required",
            ),
            (
                "query.startTimeMin=2017-01-26T16:46:31Z&query.startTimeMax=2017-01-26T16:46:31Z"
                    .to_owned(),
                "query.startTimeMin must be before query.startTimeMax",
            ),
            (
                "query.startTimeMin=yesterday&query.startTimeMax=2017-01-26T16:46:31Z".to_owned(),
                "malformed parameter query.startTimeMin: `yesterday` is not a time like 2026-11-23T10:00:00.000Z",
            ),
            (
                format!("{TIMES}&query.searchDepth=many"),
                "malformed parameter query.searchDepth: `many` is not a number",
            ),
            (
                format!("{TIMES}&query.searchDepth=1501"),
                "query.searchDepth 1501 is not between 1 and 1500",
            ),
            (
                format!("{TIMES}&query.filter=%7B%7D"),
                "query.filter is not understood by this server",
            ),
        ] {
            assert_eq!(read(&query).unwrap_err().to_string(), message, "{query}");
        }
        assert!(read(&format!("{TIMES}&query.attributes=%5B%5D")).is_err());
        assert!(read(TIMES).is_ok());
    }
}
