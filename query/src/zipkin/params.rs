//! Parameters of Zipkin's query API.
//!
//! A search takes `serviceName`, `remoteServiceName`, `spanName`, `annotationQuery` (`key`, `key=value`, joined by ` and `),
//! `minDuration` and `maxDuration` (µs), `endTs` and `lookback` (ms), and `limit`; all may be left out. What is wrong is said in
//! Zipkin's words.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use clew_storage::TraceId;

use super::criteria::Criteria;
use super::{ZipkinOptions, ids, required};
use crate::error::QueryError;
use crate::http::params::Params;
use crate::limits::QueryLimits;

/// Traces that a search returns when the request does not say.
const LIMIT_DEFAULT: usize = 10;

/// Reads the parameters of a search at `now_ms`.
///
/// # Errors
/// Names the parameter that is wrong.
pub(super) fn search(
    params: &Params,
    limits: &QueryLimits,
    options: &ZipkinOptions,
    now_ms: u64,
) -> Result<Criteria, QueryError> {
    let lower = |name: &str| params.get(&[name]).map(str::to_lowercase);
    let end_ts = positive(params, "endTs")?.unwrap_or(now_ms.max(1));
    let lookback = positive(params, "lookback")?.unwrap_or(lookback_ms(options));
    let limit = positive(params, "limit")?.map_or(LIMIT_DEFAULT, |limit| limit as usize);
    let (limit_max, terms_max) = (limits.search_traces_max, limits.filter_terms_max);
    if limit > limit_max {
        return Err(QueryError::invalid_with_hint(
            format!("limit > {limit_max}"),
            "narrow the time range instead",
        ));
    }
    let annotations = annotations(params.get(&["annotationQuery"]).unwrap_or_default());
    if annotations.len() > terms_max {
        return Err(QueryError::limit(
            format!(
                "annotationQuery has {} terms; the limit is {terms_max}",
                annotations.len()
            ),
            "ask for fewer tags",
        ));
    }
    Ok(Criteria {
        service: lower("serviceName"),
        remote_service: lower("remoteServiceName"),
        span_name: lower("spanName").filter(|name| name != "all"),
        annotations,
        duration_us: duration(params)?,
        range_us: (
            end_ts.saturating_sub(lookback).saturating_mul(1_000),
            end_ts.saturating_mul(1_000),
        ),
        limit,
    })
}

fn lookback_ms(options: &ZipkinOptions) -> u64 {
    u64::try_from(options.lookback.as_millis()).unwrap_or(u64::MAX)
}

/// A number above zero.
fn positive(params: &Params, name: &str) -> Result<Option<u64>, QueryError> {
    let value: Option<i64> = params.parsed(&[name], "a whole number")?;
    match value {
        None => Ok(None),
        Some(value @ 1..) => Ok(Some(value as u64)),
        Some(_) => Err(QueryError::invalid(format!("{name} <= 0"))),
    }
}

fn duration(params: &Params) -> Result<Option<(u64, Option<u64>)>, QueryError> {
    match (
        positive(params, "minDuration")?,
        positive(params, "maxDuration")?,
    ) {
        (None, None) => Ok(None),
        (None, Some(_)) => Err(QueryError::invalid(
            "maxDuration is only valid with minDuration",
        )),
        (Some(min), Some(max)) if max < min => {
            Err(QueryError::invalid("maxDuration < minDuration"))
        }
        (Some(min), max) => Ok(Some((min, max))),
    }
}

/// A tag's last value counts; a bare key counts only where there is no value.
fn annotations(text: &str) -> BTreeMap<String, Option<String>> {
    let mut terms = BTreeMap::new();
    for term in text.split(" and ") {
        match term.split_once('=') {
            Some((key, value)) => {
                let value = Some(value.trim()).filter(|value| !value.is_empty());
                terms.insert(key.trim().to_owned(), value.map(str::to_owned));
            }
            None => {
                if let Entry::Vacant(entry) = terms.entry(term.trim().to_owned()) {
                    entry.insert(None);
                }
            }
        }
    }
    terms.remove("");
    terms
}

/// Reads `traceIds`.
///
/// # Errors
/// When there are fewer than two, one twice, too many, or one that is none.
pub(super) fn many(params: &Params, limits: &QueryLimits) -> Result<Vec<TraceId>, QueryError> {
    let Some(text) = params.all("traceIds").next() else {
        return Err(QueryError::invalid("traceIds parameter is required"));
    };
    if text.is_empty() {
        return Err(QueryError::invalid("traceIds parameter is empty"));
    }
    let mut ids = Vec::new();
    for text in text.split(',') {
        let id = ids::parse(text)?;
        if ids.contains(&id) {
            return Err(QueryError::invalid(format!("redundant traceId: {text}")));
        }
        if ids.len() == limits.trace_ids_max {
            return Err(QueryError::limit(
                format!("the limit is {} trace ids", limits.trace_ids_max),
                "ask for them in several requests",
            ));
        }
        ids.push(id);
    }
    if ids.len() == 1 {
        return Err(QueryError::invalid(
            "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace",
        ));
    }
    Ok(ids)
}

/// The window of a request for dependencies: from (inclusive) and to (exclusive), ns since the epoch.
///
/// # Errors
/// Names the parameter that is wrong or missing.
pub(super) fn window(params: &Params, options: &ZipkinOptions) -> Result<(i64, i64), QueryError> {
    required(params, "endTs")?;
    let end_ms = positive(params, "endTs")?.unwrap_or(1);
    let lookback_ms = positive(params, "lookback")?.unwrap_or(lookback_ms(options));
    let ns = |ms: u64| {
        i64::try_from(ms)
            .unwrap_or(i64::MAX)
            .saturating_mul(1_000_000)
    };
    Ok((
        ns(end_ms.saturating_sub(lookback_ms)),
        ns(end_ms.saturating_add(1)),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Criteria, QueryError> {
        let (limits, options) = (QueryLimits::default(), ZipkinOptions::default());
        search(&Params::parse(query), &limits, &options, 90_000_000)
    }

    #[test]
    fn without_parameters_the_newest_ten_of_a_day_are_asked_for() {
        let expected = Criteria {
            range_us: (3_600_000_000, 90_000_000_000),
            limit: 10,
            ..Criteria::default()
        };
        assert_eq!(read("").unwrap(), expected);
        assert_eq!(read("spanName=all&serviceName=").unwrap(), expected);
    }

    #[test]
    fn all_parameters_are_read() {
        let query = "serviceName=Web&remoteServiceName=DB&spanName=GET&annotationQuery=a%20and%20b%3Dc%3Dd%20and%20error\
                     &minDuration=5&maxDuration=7&endTs=100&lookback=30&limit=3";
        let term = |key: &str, value: Option<&str>| (key.to_owned(), value.map(str::to_owned));
        let expected = Criteria {
            service: Some("web".to_owned()),
            remote_service: Some("db".to_owned()),
            span_name: Some("get".to_owned()),
            annotations: [term("a", None), term("b", Some("c=d")), term("error", None)].into(),
            duration_us: Some((5, Some(7))),
            range_us: (70_000, 100_000),
            limit: 3,
        };
        assert_eq!(read(query).unwrap(), expected);
    }

    #[test]
    fn a_value_wins_over_the_bare_key() {
        for text in ["a=b and a", "a and a=b", "a=c and a=b", " a = b and "] {
            let expected = [("a".to_owned(), Some("b".to_owned()))].into();
            assert_eq!(annotations(text), expected, "{text}");
        }
    }

    #[test]
    fn wrong_parameters_are_named_in_zipkins_words() {
        for (query, message) in [
            ("endTs=0", "endTs <= 0"),
            ("lookback=-1", "lookback <= 0"),
            ("limit=0", "limit <= 0"),
            ("limit=1501", "limit > 1500"),
            ("minDuration=0", "minDuration <= 0"),
            (
                "maxDuration=5",
                "maxDuration is only valid with minDuration",
            ),
            ("minDuration=6&maxDuration=5", "maxDuration < minDuration"),
            (
                "limit=x",
                "malformed parameter limit: `x` is not a whole number",
            ),
        ] {
            assert_eq!(read(query).unwrap_err().to_string(), message, "{query}");
        }
        assert!(read("limit=1500&minDuration=5&maxDuration=5").is_ok());
    }

    #[test]
    fn several_ids_have_to_be_several() {
        let limits = QueryLimits {
            trace_ids_max: 2,
            ..QueryLimits::default()
        };
        let read = |query: &str| many(&Params::parse(query), &limits);
        assert_eq!(read("traceIds=1,2").unwrap().len(), 2);
        for (query, message) in [
            ("", "traceIds parameter is required"),
            ("traceIds=", "traceIds parameter is empty"),
            ("traceIds=1,01", "redundant traceId: 01"),
            (
                "traceIds=1",
                "Use /api/v2/trace/{traceId} endpoint to retrieve a single trace",
            ),
            (
                "traceIds=1,x",
                "x should be lower-hex encoded with no prefix",
            ),
            ("traceIds=1,2,3", "the limit is 2 trace ids"),
        ] {
            assert_eq!(read(query).unwrap_err().to_string(), message, "{query}");
        }
    }
}
