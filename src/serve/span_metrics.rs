//! `/metrics/spans`: how many spans there were and how long they took, in the format of Prometheus, with the names that the span metrics
//! connector of OpenTelemetry's Collector gives.
//!
//! Totals begin at the start of the process and grow when spans leave memory. They are of all spans, before tail sampling drops any, and weighted
//! where they were sampled before. Series are bounded by the store.

use std::fmt::Write;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use clew_storage::Store;
use clew_storage::derived::{TOTAL_BOUNDS_MS, Total, TotalKey};
use http::StatusCode;

const CALLS: &str = "traces_span_metrics_calls_total";
const DURATION: &str = "traces_span_metrics_duration_milliseconds";

/// The route.
pub(super) fn router(store: Store) -> Router {
    let serve = move || {
        let store = store.clone();
        async move { answer(store).await }
    };
    Router::new().route("/metrics/spans", get(serve))
}

async fn answer(store: Store) -> Response {
    let rendered = tokio::task::spawn_blocking(move || render(&store.span_totals()));
    match rendered.await {
        Ok(text) => (
            [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn render(series: &[(TotalKey, Total)]) -> String {
    let mut text = String::new();
    let labels: Vec<String> = series.iter().map(|(key, _)| labels(key)).collect();
    let _ = writeln!(text, "# HELP {CALLS} Spans, before tail sampling.");
    let _ = writeln!(text, "# TYPE {CALLS} counter");
    for (labels, (_, total)) in labels.iter().zip(series) {
        let _ = writeln!(text, "{CALLS}{{{labels}}} {}", total.count);
    }
    let _ = writeln!(
        text,
        "# HELP {DURATION} Durations of spans, before tail sampling."
    );
    let _ = writeln!(text, "# TYPE {DURATION} histogram");
    for (labels, (_, total)) in labels.iter().zip(series) {
        let mut sum = 0.0;
        for (bound, count) in TOTAL_BOUNDS_MS.iter().zip(&total.buckets) {
            sum += count;
            let _ = writeln!(text, "{DURATION}_bucket{{{labels},le=\"{bound}\"}} {sum}");
        }
        let count = total.count;
        let _ = writeln!(text, "{DURATION}_bucket{{{labels},le=\"+Inf\"}} {count}");
        let _ = writeln!(
            text,
            "{DURATION}_sum{{{labels}}} {}",
            total.duration_sum_ns / 1e6
        );
        let _ = writeln!(text, "{DURATION}_count{{{labels}}} {count}");
    }
    text
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
    use super::*;

    #[test]
    fn series_are_written_as_prometheus_reads_them() {
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
        let text = render(&[(key, total)]);
        let labels = "service_name=\"sh\\\"op\",span_name=\"a\\\\b\\nc\",span_kind=\"SPAN_KIND_SERVER\",\
                      status_code=\"STATUS_CODE_ERROR\"";
        for line in [
            format!("{CALLS}{{{labels}}} 3.5"),
            format!("{DURATION}_bucket{{{labels},le=\"2\"}} 1"),
            format!("{DURATION}_bucket{{{labels},le=\"8\"}} 1"),
            format!("{DURATION}_bucket{{{labels},le=\"10\"}} 3"),
            format!("{DURATION}_bucket{{{labels},le=\"15000\"}} 3"),
            format!("{DURATION}_bucket{{{labels},le=\"+Inf\"}} 3.5"),
            format!("{DURATION}_sum{{{labels}}} 12.5"),
            format!("{DURATION}_count{{{labels}}} 3.5"),
        ] {
            assert!(text.lines().any(|other| other == line), "{line}\n{text}");
        }
        assert_eq!(text.lines().count(), 4 + 1 + 19);
    }
}
