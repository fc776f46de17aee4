//! `GET /api/metrics/{calls,errors,latencies,minstep}`: rates, errors and durations of services and operations over time, for the Monitor
//! tab of Jaeger's UI.
//!
//! They are counted from all spans, before sampling drops any. The answers are gauges: at each step the value over the `ratePer` before it.
//! Counts are kept by minute, so a window is the minutes that begin in it, and a rate is taken over the time from the first of them on.
//! A value that cannot be told, because there was nothing in the window, is left out.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use clew_storage::derived::DerivedTable;
use clew_storage::histogram::Histogram;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{data, or_error};
use crate::counts::{self, MINUTE_NS};
use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::http::params::{Params, malformed};
use crate::service::{QueryService, Reading};

/// Steps of one answer.
const STEPS_MAX: i64 = 11_000;
/// Points of one answer: steps times series.
const POINTS_MAX: i64 = 500_000;
/// What a request means that does not say, ms.
const LOOKBACK_DEFAULT_MS: i64 = 3_600_000;
const STEP_DEFAULT_MS: i64 = 5_000;
const RATE_DEFAULT_MS: i64 = 600_000;
const KINDS: [&str; 6] = [
    "unspecified",
    "internal",
    "server",
    "client",
    "producer",
    "consumer",
];

/// The routes.
pub(super) fn router() -> Router<QueryService> {
    Router::new()
        .route("/api/metrics/calls", get(calls))
        .route("/api/metrics/errors", get(errors))
        .route("/api/metrics/latencies", get(latencies))
        .route("/api/metrics/minstep", get(min_step))
}

async fn min_step(params: Params) -> Answer {
    data(MINUTE_NS / 1_000_000, 0, &params)
}

async fn calls(State(service): State<QueryService>, params: Params) -> Answer {
    answer(&service, &params, |_| Ok(Figure::Calls)).await
}

async fn errors(State(service): State<QueryService>, params: Params) -> Answer {
    answer(&service, &params, |_| Ok(Figure::Errors)).await
}

async fn latencies(State(service): State<QueryService>, params: Params) -> Answer {
    answer(&service, &params, quantile).await
}

fn quantile(params: &Params) -> Result<Figure, QueryError> {
    let quantile: Option<f64> = params.parsed(&["quantile"], "a number")?;
    match quantile {
        Some(quantile) if (0.0..=1.0).contains(&quantile) => Ok(Figure::Latency(quantile)),
        Some(_) => Err(QueryError::invalid(
            "parameter 'quantile' is not between 0 and 1",
        )),
        None => Err(QueryError::invalid("parameter 'quantile' is required")),
    }
}

async fn answer(
    service: &QueryService,
    params: &Params,
    figure: impl FnOnce(&Params) -> Result<Figure, QueryError>,
) -> Answer {
    let answer = async {
        let figure = figure(params)?;
        let wanted = Wanted::of(params, service.clock().now_unix_nano())?;
        let family = service
            .read(move |reading| family(reading, figure, &wanted))
            .await?;
        Ok(json::answer(StatusCode::OK, &family, params.pretty()))
    };
    or_error(answer.await)
}

/// What is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    /// Calls a second.
    Calls,
    /// Errors by calls.
    Errors,
    /// A quantile of durations, ms.
    Latency(f64),
}

impl Figure {
    fn name(self, by_operation: bool) -> &'static str {
        match (self, by_operation) {
            (Self::Calls, false) => "service_call_rate",
            (Self::Calls, true) => "service_operation_call_rate",
            (Self::Errors, false) => "service_error_rate",
            (Self::Errors, true) => "service_operation_error_rate",
            (Self::Latency(_), false) => "service_latencies",
            (Self::Latency(_), true) => "service_operation_latencies",
        }
    }

    fn help(self, by_operation: bool) -> String {
        let what = match self {
            Self::Calls => "calls/sec".to_owned(),
            Self::Errors => {
                "error rate, computed as a fraction of errors/sec over calls/sec".to_owned()
            }
            Self::Latency(quantile) => format!("{quantile:.2}th quantile latency"),
        };
        let by = if by_operation {
            "service & operation"
        } else {
            "service"
        };
        format!("{what}, grouped by {by}")
    }
}

/// What a request asks for; times in ns.
#[derive(Debug)]
struct Wanted {
    services: Vec<String>,
    kinds: Vec<String>,
    by_operation: bool,
    end: i64,
    lookback: i64,
    step: i64,
    rate: i64,
}

impl Wanted {
    fn of(params: &Params, now: u64) -> Result<Self, QueryError> {
        let services: Vec<String> = params.all("service").map(str::to_owned).collect();
        if services.is_empty() {
            return Err(QueryError::invalid(
                "parameter 'service' is required: name at least one",
            ));
        }
        let mut kinds: Vec<String> = params.all("spanKind").map(str::to_lowercase).collect();
        if let Some(kind) = kinds.iter().find(|kind| !KINDS.contains(&kind.as_str())) {
            return Err(malformed("spanKind", kind, &KINDS.join(", ")));
        }
        if kinds.is_empty() {
            kinds.push("server".to_owned());
        }
        let ms = |name: &str, default_ms: i64| -> Result<i64, QueryError> {
            let value: Option<i64> = params.parsed(&[name], "a whole number")?;
            let value = value.unwrap_or(default_ms);
            if value <= 0 {
                let message = format!("parameter '{name}' is not above 0");
                return Err(QueryError::invalid(message));
            }
            Ok(value.saturating_mul(1_000_000))
        };
        let wanted = Self {
            services,
            kinds,
            by_operation: params.flag(&["groupByOperation"])?,
            end: ms("endTs", (now / 1_000_000) as i64)?,
            lookback: ms("lookback", LOOKBACK_DEFAULT_MS)?,
            step: ms("step", STEP_DEFAULT_MS)?,
            // A minute is the shortest time that is counted by itself.
            rate: ms("ratePer", RATE_DEFAULT_MS)?.max(MINUTE_NS),
        };
        if wanted.lookback / wanted.step >= STEPS_MAX {
            return Err(QueryError::limit(
                format!("lookback and step make over {STEPS_MAX} points"),
                "ask for a longer step or a shorter lookback",
            ));
        }
        Ok(wanted)
    }

    fn steps(&self) -> impl Iterator<Item = i64> + use<> {
        let (end, step) = (self.end, self.step);
        let count = self.lookback / step;
        (0..=count).rev().map(move |n| end.saturating_sub(n * step))
    }

    fn takes(&self, row: counts::CountRow<'_>) -> bool {
        self.services.iter().any(|service| service == row.service())
            && self.kinds.iter().any(|kind| kind == row.kind())
    }
}

/// What is counted of a minute.
#[derive(Default)]
struct Minute {
    calls: f64,
    errors: f64,
    durations: Histogram,
}

impl Minute {
    fn add(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.durations.merge(&other.durations);
    }
}

type Series = BTreeMap<(String, Option<String>), BTreeMap<i64, Minute>>;

fn family(reading: &Reading, figure: Figure, wanted: &Wanted) -> Result<Value, QueryError> {
    let from = wanted.end.saturating_sub(wanted.lookback);
    let window = (
        from.saturating_sub(wanted.rate),
        wanted.end.saturating_add(1),
    );
    let mut series: Series = BTreeMap::new();
    let incomplete = counts::read(reading, DerivedTable::SpanMetrics, window, &mut |row| {
        if wanted.takes(row) {
            let operation = wanted.by_operation.then(|| row.name().to_owned());
            let key = (row.service().to_owned(), operation);
            let minute = series.entry(key).or_default().entry(row.minute());
            let minute = minute.or_default();
            minute.calls += row.count();
            minute.errors += row.errors();
            if matches!(figure, Figure::Latency(_)) {
                minute.durations.merge(&row.histogram());
            }
        }
        Ok(())
    })?;
    if let Some(why) = incomplete.first() {
        // These answers have no place to say that something is missing.
        return Err(QueryError::internal(why));
    }
    if (series.len() as i64).saturating_mul(wanted.lookback / wanted.step + 1) > POINTS_MAX {
        return Err(QueryError::limit(
            format!("the answer would have over {POINTS_MAX} points"),
            "ask for a longer step, a shorter lookback or fewer services",
        ));
    }
    let metrics = series.iter().map(|((service, operation), minutes)| {
        let mut labels = vec![json!({"name": "service_name", "value": service})];
        if let Some(operation) = operation {
            labels.insert(0, json!({"name": "operation", "value": operation}));
        }
        json!({"labels": labels, "metricPoints": points(figure, wanted, minutes)})
    });
    Ok(json!({
        "name": figure.name(wanted.by_operation),
        "type": "GAUGE",
        "help": figure.help(wanted.by_operation),
        "metrics": metrics.collect::<Vec<_>>(),
    }))
}

fn points(figure: Figure, wanted: &Wanted, minutes: &BTreeMap<i64, Minute>) -> Vec<Value> {
    let point = |at: i64| {
        let value = value(figure, minutes, at, wanted.rate)?;
        Some(json!({"gaugeValue": {"doubleValue": value}, "timestamp": timestamp(at)}))
    };
    wanted.steps().filter_map(point).collect()
}

/// The value over the minutes that begin in the `rate` ns before `at`.
fn value(figure: Figure, minutes: &BTreeMap<i64, Minute>, at: i64, rate: i64) -> Option<f64> {
    let from = at.saturating_sub(rate);
    let begun = from.rem_euclid(MINUTE_NS);
    let first = if begun == 0 {
        from
    } else {
        from.saturating_add(MINUTE_NS - begun)
    };
    if first >= at {
        return None;
    }
    let mut sum = Minute::default();
    for minute in minutes.range(first..at).map(|(_, minute)| minute) {
        sum.add(minute);
    }
    match figure {
        Figure::Calls => {
            let over = Duration::from_nanos((at - first) as u64);
            Some(sum.calls / over.as_secs_f64())
        }
        Figure::Errors => (sum.calls > 0.0).then(|| sum.errors / sum.calls),
        Figure::Latency(quantile) => {
            let found = sum.durations.finish().quantile(quantile);
            found.map(|ns| ns / 1e6)
        }
    }
}

/// RFC 3339, ms, as Jaeger writes it.
fn timestamp(at: i64) -> String {
    let timestamp = Timestamp::from_millisecond(at.div_euclid(1_000_000));
    timestamp.unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    fn minutes(counts: &[(i64, f64, f64)]) -> BTreeMap<i64, Minute> {
        let minute = |(minute, calls, errors): &(i64, f64, f64)| {
            let mut durations = Histogram::default();
            durations.record(2_000_000, *calls);
            let counted = Minute {
                calls: *calls,
                errors: *errors,
                durations,
            };
            (minute * MINUTE_NS, counted)
        };
        counts.iter().map(minute).collect()
    }

    fn thousandths(value: Option<f64>) -> Option<i64> {
        value.map(|value| (value * 1_000.0).round() as i64)
    }

    #[test]
    fn a_window_is_the_minutes_that_begin_in_it() {
        let minutes = minutes(&[(9, 600.0, 6.0), (10, 60.0, 0.0), (11, 120.0, 12.0)]);
        let at = |figure, seconds: i64, rate_minutes: i64| {
            let value = value(
                figure,
                &minutes,
                seconds * SECOND_NS,
                rate_minutes * MINUTE_NS,
            );
            thousandths(value)
        };
        // Minutes 10 and 11, two minutes.
        assert_eq!(at(Figure::Calls, 720, 2), Some(1_500));
        // The first half of minute 12 too, in which nothing was.
        assert_eq!(at(Figure::Calls, 750, 2), Some(1_333));
        // Minute 11 so far.
        assert_eq!(at(Figure::Calls, 690, 1), Some(4_000));
        assert_eq!(at(Figure::Errors, 720, 2), Some(67));
        assert_eq!(at(Figure::Errors, 1_720, 2), None);
        assert_eq!(at(Figure::Calls, 1_720, 2), Some(0));
        let latency = at(Figure::Latency(0.5), 720, 2).unwrap();
        assert!((1_999..=2_001).contains(&latency), "{latency}");
    }

    #[test]
    fn what_is_asked_for_is_read_or_refused_by_name() {
        let wanted = |query: &str| Wanted::of(&Params::parse(query), 7_200_000_000_000);
        let plain = wanted("service=a&service=b").unwrap();
        assert_eq!(plain.services, ["a", "b"]);
        assert_eq!(plain.kinds, ["server"]);
        assert_eq!(plain.steps().count(), 721);
        assert_eq!(plain.steps().last(), Some(7_200_000_000_000));
        for (query, name) in [
            ("", "service"),
            ("service=a&spanKind=x", "spanKind"),
            ("service=a&step=0", "step"),
            ("service=a&endTs=x", "endTs"),
            ("service=a&groupByOperation=maybe", "groupByOperation"),
            ("service=a&step=1", "points"),
        ] {
            let refused = wanted(query).unwrap_err().to_string();
            assert!(refused.contains(name), "{query}: {refused}");
        }
        assert!(wanted("service=a&step=1000&lookback=10999999").is_ok());
        assert!(wanted("service=a&step=1000&lookback=11000000").is_err());
    }
}
