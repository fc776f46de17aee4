//! `/metrics/spans`: how many spans there were and how long they took, with the names that the span metrics connector of OpenTelemetry's
//! Collector gives, in the format of Prometheus; or, when `Accept` asks for it, in that of `OpenMetrics`, with exemplars.
//!
//! Totals begin at the start of the process and grow when spans leave memory. They are of all spans, before tail sampling drops any, and weighted
//! where they were sampled before. Exemplars are spans that were kept, one a bucket at most. Series are bounded by the store.

use std::fmt::Write;

use axum::Router;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clew_storage::Store;
use clew_storage::derived::{Exemplar, TOTAL_BOUNDS_MS, Total, TotalKey};
use http::{HeaderMap, StatusCode};

const CALLS: &str = "traces_span_metrics_calls";
const DURATION: &str = "traces_span_metrics_duration_milliseconds";

/// What a scraper reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Prometheus,
    OpenMetrics,
}

impl Format {
    /// Prometheus' format unless the other one is asked for by name.
    fn wanted(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(ACCEPT).iter();
        let mut types = accepted
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let is_open = |part: &str| {
            let mut parts = part.split(';').map(str::trim);
            let name = parts.next().unwrap_or("");
            name.eq_ignore_ascii_case("application/openmetrics-text")
                && !parts.any(|part| matches!(part, "q=0" | "q=0.0"))
        };
        if types.any(is_open) {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    fn media_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// Name of the family of the counter: in `OpenMetrics` without the `_total` of its samples.
    fn calls_family(self) -> String {
        match self {
            Self::Prometheus => format!("{CALLS}_total"),
            Self::OpenMetrics => CALLS.to_owned(),
        }
    }
}

/// The route.
pub(super) fn router(store: Store) -> Router {
    let serve = move |headers: HeaderMap| {
        let store = store.clone();
        async move { answer(store, Format::wanted(&headers)).await }
    };
    Router::new().route("/metrics/spans", get(serve))
}

async fn answer(store: Store, format: Format) -> Response {
    let rendered = tokio::task::spawn_blocking(move || {
        let series = match format {
            Format::Prometheus => store.span_totals(),
            Format::OpenMetrics => store.span_totals_with_exemplars(),
        };
        render(&series, format)
    });
    match rendered.await {
        Ok(text) => (
            [(CONTENT_TYPE, format.media_type()), (VARY, "Accept")],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn render(series: &[(TotalKey, Total)], format: Format) -> String {
    let mut text = String::new();
    let labels: Vec<String> = series.iter().map(|(key, _)| labels(key)).collect();
    let calls = format.calls_family();
    let _ = writeln!(text, "# HELP {calls} Spans, before tail sampling.");
    let _ = writeln!(text, "# TYPE {calls} counter");
    for (labels, (_, total)) in labels.iter().zip(series) {
        let _ = writeln!(text, "{CALLS}_total{{{labels}}} {}", total.count);
    }
    let _ = writeln!(
        text,
        "# HELP {DURATION} Durations of spans, before tail sampling."
    );
    let _ = writeln!(text, "# TYPE {DURATION} histogram");
    for (labels, (_, total)) in labels.iter().zip(series) {
        histogram(&mut text, labels, total, format);
    }
    if format == Format::OpenMetrics {
        text += "# EOF\n";
    }
    text
}

fn histogram(text: &mut String, labels: &str, total: &Total, format: Format) {
    let bounds = TOTAL_BOUNDS_MS.iter().map(|bound| match format {
        Format::Prometheus => bound.to_string(),
        // A bound is written as a float there.
        Format::OpenMetrics => format!("{bound:?}"),
    });
    let mut sum = 0.0;
    for (place, bound) in bounds.chain(["+Inf".to_owned()]).enumerate() {
        sum += total.buckets[place];
        // The last bucket is everything, whatever became of the sum by rounding.
        let count = if place < TOTAL_BOUNDS_MS.len() {
            sum
        } else {
            total.count
        };
        let _ = write!(text, "{DURATION}_bucket{{{labels},le=\"{bound}\"}} {count}");
        if let (Format::OpenMetrics, Some(exemplar)) = (format, &total.exemplars[place]) {
            write_exemplar(text, exemplar);
        }
        text.push('\n');
    }
    let _ = writeln!(
        text,
        "{DURATION}_sum{{{labels}}} {}",
        total.duration_sum_ns / 1e6
    );
    let _ = writeln!(text, "{DURATION}_count{{{labels}}} {}", total.count);
}

fn write_exemplar(text: &mut String, exemplar: &Exemplar) {
    let Exemplar {
        trace_id,
        span_id,
        duration_ms,
        at_unix_nano,
    } = exemplar;
    let (seconds, millis) = (
        at_unix_nano.div_euclid(1_000_000_000),
        at_unix_nano.rem_euclid(1_000_000_000) / 1_000_000,
    );
    let _ = write!(
        text,
        " # {{trace_id=\"{trace_id}\",span_id=\"{span_id}\"}} {duration_ms} {seconds}.{millis:03}"
    );
}

fn labels(key: &TotalKey) -> String {
    format!(
        "service_name=\"{}\",span_name=\"{}\",span_kind=\"SPAN_KIND_{}\",status_code=\"STATUS_CODE_{}\"",
        escaped(&key.service_name),
        escaped(&key.name),
        escaped(&key.kind.to_uppercase()),
        escaped(&key.status_code.to_uppercase()),
    )
}

/// A text between quotes.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use clew_storage::{SpanId, TraceId};

    use super::*;

    fn series() -> [(TotalKey, Total); 1] {
        let key = TotalKey {
            service_name: "sh\"op".to_owned(),
            name: "a\\b\nc".to_owned(),
            kind: "server".to_owned(),
            status_code: "error".to_owned(),
        };
        let mut total = Total {
            count: 3.5,
            duration_sum_ns: 12_500_000.0,
            ..Total::default()
        };
        total.buckets[0] = 1.0;
        total.buckets[4] = 2.0;
        total.buckets[16] = 0.5;
        total.exemplars[4] = Some(Exemplar {
            trace_id: TraceId([0xab; 16]),
            span_id: SpanId([1; 8]),
            duration_ms: 9.25,
            at_unix_nano: 1_700_000_000_012_345_678,
        });
        [(key, total)]
    }

    const LABELS: &str = "service_name=\"sh\\\"op\",span_name=\"a\\\\b\\nc\",span_kind=\"SPAN_KIND_SERVER\",status_code=\"STATUS_CODE_ERROR\"";

    #[test]
    fn series_are_written_as_prometheus_reads_them() {
        let text = render(&series(), Format::Prometheus);
        for line in [
            format!("# TYPE {CALLS}_total counter"),
            format!("{CALLS}_total{{{LABELS}}} 3.5"),
            format!("{DURATION}_bucket{{{LABELS},le=\"2\"}} 1"),
            format!("{DURATION}_bucket{{{LABELS},le=\"8\"}} 1"),
            format!("{DURATION}_bucket{{{LABELS},le=\"10\"}} 3"),
            format!("{DURATION}_bucket{{{LABELS},le=\"15000\"}} 3"),
            format!("{DURATION}_bucket{{{LABELS},le=\"+Inf\"}} 3.5"),
            format!("{DURATION}_sum{{{LABELS}}} 12.5"),
            format!("{DURATION}_count{{{LABELS}}} 3.5"),
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().count(), 4 + 1 + 19);
    }

    #[test]
    fn openmetrics_has_exemplars_and_an_end() {
        let text = render(&series(), Format::OpenMetrics);
        let exemplar = format!(
            " # {{trace_id=\"{}\",span_id=\"{}\"}} 9.25 1700000000.012",
            "ab".repeat(16),
            "01".repeat(8)
        );
        for line in [
            format!("# TYPE {CALLS} counter"),
            format!("{CALLS}_total{{{LABELS}}} 3.5"),
            format!("{DURATION}_bucket{{{LABELS},le=\"8.0\"}} 1"),
            format!("{DURATION}_bucket{{{LABELS},le=\"10.0\"}} 3{exemplar}"),
            format!("{DURATION}_bucket{{{LABELS},le=\"+Inf\"}} 3.5"),
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert!(text.ends_with("\n# EOF\n"));
        assert_eq!(text.lines().count(), 4 + 1 + 19 + 1);
    }

    #[test]
    fn the_format_is_what_accept_asks_for() {
        let wanted = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().expect("a header"));
            Format::wanted(&headers)
        };
        let prometheus_asks = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        assert_eq!(wanted(prometheus_asks), Format::OpenMetrics);
        for other in ["*/*", "text/plain", "application/openmetrics-text;q=0"] {
            assert_eq!(wanted(other), Format::Prometheus, "{other}");
        }
        assert_eq!(Format::wanted(&HeaderMap::new()), Format::Prometheus);
    }
}
