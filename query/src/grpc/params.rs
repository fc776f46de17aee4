//! Parameters of searches and time ranges, in both of Jaeger's packages.

use clew_storage::attributes::AttributeValue;
use prost_types::{Duration, Timestamp};

use super::proto::api_v3;
use super::proto::storage::v2;
use crate::error::QueryError;
use crate::filter::{Filter, TextField, tags};
use crate::jaeger::check_limit;
use crate::limits::QueryLimits;
use crate::search::{Count, Order, SearchRequest};

/// Traces that a search returns when the request does not say.
const LIMIT_DEFAULT: usize = 100;
/// Seconds of the time that Go's clients send for none: the first of January of the year 1.
const GO_ZERO_SECONDS: i64 = -62_135_596_800;

/// What both packages ask for.
struct Query {
    service_name: String,
    operation_name: String,
    tags: Vec<Filter>,
    start: (Option<i64>, Option<i64>),
    duration: (Option<Duration>, Option<Duration>),
    depth: i32,
    is_structured: bool,
}

/// Reads a search of `jaeger.api_v3`, whose times are required.
///
/// # Errors
/// Names the field that is missing, wrong or not understood.
pub(super) fn search_v3(
    query: Option<api_v3::TraceQueryParameters>,
    limits: &QueryLimits,
) -> Result<SearchRequest, QueryError> {
    let query = query.ok_or_else(|| QueryError::invalid("the request has no query"))?;
    let (min, max) = (time(query.start_time_min), time(query.start_time_max));
    if min.is_none() || max.is_none() {
        return Err(QueryError::invalid(
            "start_time_min and start_time_max are required",
        ));
    }
    let tags = query.attributes.iter();
    search(
        Query {
            tags: tags.map(|(key, value)| tags::tag(key, value)).collect(),
            start: (min, max),
            duration: (query.duration_min, query.duration_max),
            depth: query.search_depth,
            is_structured: query.filter.is_some(),
            service_name: query.service_name,
            operation_name: query.operation_name,
        },
        limits,
    )
}

/// Reads a search of `jaeger.storage.v2`, which may leave everything out.
///
/// # Errors
/// Names the field that is wrong or not understood.
pub(super) fn search_v2(
    query: Option<v2::TraceQueryParameters>,
    limits: &QueryLimits,
) -> Result<SearchRequest, QueryError> {
    let query = query.ok_or_else(|| QueryError::invalid("the request has no query"))?;
    let tag = |pair: v2::KeyValue| {
        let value = value(pair.value.unwrap_or_default());
        tags::tag(&pair.key, &value.to_text())
    };
    search(
        Query {
            tags: query.attributes.into_iter().map(tag).collect(),
            start: (time(query.start_time_min), time(query.start_time_max)),
            duration: (query.duration_min, query.duration_max),
            depth: query.search_depth,
            is_structured: query.filter.is_some(),
            service_name: query.service_name,
            operation_name: query.operation_name,
        },
        limits,
    )
}

fn search(query: Query, limits: &QueryLimits) -> Result<SearchRequest, QueryError> {
    if query.is_structured {
        return Err(QueryError::invalid_with_hint(
            "the structured filter is not understood by this server",
            "use attributes, or ask in SQL",
        ));
    }
    let text = |field, value: String| (!value.is_empty()).then_some(Filter::Text(field, value));
    let mut parts = Vec::new();
    parts.extend(text(TextField::Service, query.service_name));
    parts.extend(text(TextField::Name, query.operation_name));
    parts.extend(start(query.start)?);
    parts.extend(duration(query.duration)?);
    parts.extend(query.tags);
    let limit = usize::try_from(query.depth).unwrap_or(0);
    let limit = if limit == 0 { LIMIT_DEFAULT } else { limit };
    check_limit("search_depth", limit, limits)?;
    Ok(SearchRequest {
        filter: Filter::All(parts),
        trace: None,
        order: Order::Newest,
        limit,
        after: None,
        count: Count::Page,
    })
}

fn start((min, max): (Option<i64>, Option<i64>)) -> Result<Option<Filter>, QueryError> {
    match (min, max) {
        (None, None) => Ok(None),
        (Some(min), Some(max)) if min >= max => Err(QueryError::invalid(
            "start_time_min must be before start_time_max",
        )),
        (min, max) => Ok(Some(Filter::Start { min, max })),
    }
}

fn duration(
    (min, max): (Option<Duration>, Option<Duration>),
) -> Result<Option<Filter>, QueryError> {
    let (min_ns, max_ns) = (
        nanoseconds("duration_min", min)?,
        nanoseconds("duration_max", max)?,
    );
    match (min_ns, max_ns) {
        (None, None) => Ok(None),
        (Some(min), Some(max)) if max < min => Err(QueryError::invalid(
            "duration_max must not be less than duration_min",
        )),
        _ => Ok(Some(Filter::Duration { min_ns, max_ns })),
    }
}

/// A duration in ns; zero is none.
fn nanoseconds(name: &str, duration: Option<Duration>) -> Result<Option<i64>, QueryError> {
    let Some(Duration { seconds, nanos }) = duration else {
        return Ok(None);
    };
    let ns = seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanos.into());
    match ns {
        0 => Ok(None),
        1.. => Ok(Some(ns)),
        _ => Err(QueryError::invalid(format!("{name} is negative"))),
    }
}

/// The range of a request for dependencies, ns since the epoch: from (inclusive) and to (exclusive).
///
/// # Errors
/// When an end is missing, or they stand the wrong way round.
pub(super) fn window(
    start: Option<Timestamp>,
    end: Option<Timestamp>,
) -> Result<(i64, i64), QueryError> {
    let start = time(start).ok_or_else(|| QueryError::invalid("start_time is required"))?;
    let end = time(end).ok_or_else(|| QueryError::invalid("end_time is required"))?;
    if end <= start {
        return Err(QueryError::invalid("end_time must be after start_time"));
    }
    Ok((start, end))
}

/// A time in ns since the epoch, the nearest that 64 bits hold; none for the zero time of Go's clients.
fn time(time: Option<Timestamp>) -> Option<i64> {
    let Timestamp { seconds, nanos } = time.filter(|time| time.seconds != GO_ZERO_SECONDS)?;
    Some(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanos.into()),
    )
}

/// A value to look for. Its depth is bounded by what prost decodes.
fn value(value: v2::AnyValue) -> AttributeValue {
    use v2::any_value::Value;
    match value.value {
        None => AttributeValue::Empty,
        Some(Value::StringValue(text)) => AttributeValue::String(text),
        Some(Value::BoolValue(value)) => AttributeValue::Bool(value),
        Some(Value::IntValue(value)) => AttributeValue::Int(value),
        Some(Value::DoubleValue(value)) => AttributeValue::Double(value),
        Some(Value::BytesValue(bytes)) => AttributeValue::Bytes(bytes),
        Some(Value::ArrayValue(array)) => {
            AttributeValue::Array(array.values.into_iter().map(self::value).collect())
        }
        Some(Value::KvlistValue(list)) => {
            let entry =
                |pair: v2::KeyValue| (pair.key, self::value(pair.value.unwrap_or_default()));
            AttributeValue::Map(list.values.into_iter().map(entry).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: i32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    fn read(query: api_v3::TraceQueryParameters) -> Result<SearchRequest, QueryError> {
        search_v3(Some(query), &QueryLimits::default())
    }

    /// Makes a query wrong.
    type Change = fn(&mut api_v3::TraceQueryParameters);

    fn timed() -> api_v3::TraceQueryParameters {
        api_v3::TraceQueryParameters {
            start_time_min: Some(at(1, 5)),
            start_time_max: Some(at(2, 0)),
            ..Default::default()
        }
    }

    #[test]
    fn all_fields_become_one_conjunction() {
        let query = api_v3::TraceQueryParameters {
            service_name: "cart".to_owned(),
            operation_name: "GET".to_owned(),
            attributes: [("k".to_owned(), "v".to_owned())].into(),
            duration_min: Some(Duration {
                seconds: 0,
                nanos: 4_500,
            }),
            duration_max: Some(Duration::default()),
            search_depth: 7,
            ..timed()
        };
        let request = read(query).unwrap();
        let expected = Filter::All(vec![
            Filter::Text(TextField::Service, "cart".into()),
            Filter::Text(TextField::Name, "GET".into()),
            Filter::Start {
                min: Some(1_000_000_005),
                max: Some(2_000_000_000),
            },
            Filter::Duration {
                min_ns: Some(4_500),
                max_ns: None,
            },
            tags::tag("k", "v"),
        ]);
        assert_eq!((request.filter, request.limit), (expected, 7));
        assert_eq!(read(timed()).unwrap().limit, 100);
    }

    #[test]
    fn a_typed_value_is_looked_for_by_its_text() {
        use v2::any_value::Value;
        let pair = |key: &str, value| v2::KeyValue {
            key: key.to_owned(),
            value: Some(v2::AnyValue { value: Some(value) }),
        };
        let query = v2::TraceQueryParameters {
            attributes: vec![
                pair("a", Value::IntValue(123)),
                pair("b", Value::DoubleValue(72.5)),
                pair("error", Value::BoolValue(true)),
            ],
            start_time_min: Some(at(GO_ZERO_SECONDS, 0)),
            ..Default::default()
        };
        let request = search_v2(Some(query), &QueryLimits::default()).unwrap();
        let expected = Filter::All(vec![
            tags::tag("a", "123"),
            tags::tag("b", "72.5"),
            tags::tag("error", "true"),
        ]);
        assert_eq!(request.filter, expected);
    }

    #[test]
    fn wrong_fields_are_named() {
        let negative = Some(Duration {
            seconds: -1,
            nanos: 0,
        });
        let second = Some(Duration {
            seconds: 1,
            nanos: 0,
        });
        let half = Some(Duration {
            seconds: 0,
            nanos: 500_000_000,
        });
        let wrong: [(Change, &str); 4] = [
            (
                |query| query.start_time_min = None,
                "start_time_min and start_time_max are required",
            ),
            (
                |query| query.start_time_max = Some(at(GO_ZERO_SECONDS, 0)),
                "start_time_min and start_time_max are required",
            ),
            (
                |query| query.start_time_max = Some(at(1, 5)),
                "start_time_min must be before start_time_max",
            ),
            (
                |query| query.search_depth = 1_501,
                "search_depth 1501 is not between 1 and 1500",
            ),
        ];
        for (change, message) in wrong {
            let mut query = timed();
            change(&mut query);
            assert_eq!(read(query).unwrap_err().to_string(), message);
        }
        assert!(duration((negative, None)).is_err());
        assert!(duration((second, half)).is_err());
        assert!(duration((second, second)).is_ok());
        assert!(
            read(api_v3::TraceQueryParameters {
                search_depth: 1_500,
                ..timed()
            })
            .is_ok()
        );
        assert!(window(Some(at(1, 0)), Some(at(1, 0))).is_err());
        assert!(window(None, Some(at(1, 0))).is_err());
        assert_eq!(
            window(Some(at(1, 0)), Some(at(1, 1))).unwrap(),
            (1_000_000_000, 1_000_000_001)
        );
    }
}
