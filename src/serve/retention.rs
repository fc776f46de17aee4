//! Retention on a schedule.

use std::time::Duration;

use clew_storage::Store;
use clew_storage::store::{RetentionReport, RetentionRequest};
use tokio::time::{MissedTickBehavior, interval};

use crate::config::RetentionConfig;

/// What the configuration asks for; `None` when it keeps everything.
pub(crate) fn request(config: &RetentionConfig) -> Option<RetentionRequest> {
    let any = config.max_age.is_some() || config.max_bytes.is_some() || !config.rules.is_empty();
    any.then(|| RetentionRequest {
        older_than_ns: config.max_age.map(nanoseconds),
        rules: config.rules.clone(),
        max_bytes: config.max_bytes,
        dry_run: false,
        trust_clock: false,
    })
}

/// Drops what `request` says every `every`, for as long as the task runs.
pub(crate) async fn run(store: Store, request: RetentionRequest, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let (store, request) = (store.clone(), request.clone());
        let retained = tokio::task::spawn_blocking(move || store.retain_with(&request));
        match retained.await {
            Ok(Ok(report)) => tell(&report),
            Ok(Err(error)) => {
                tracing::error!(%error, "retention failed; it is tried again at the next interval");
            }
            // The panic hook has told why.
            Err(_) => {}
        }
    }
}

fn tell(report: &RetentionReport) {
    if let Some(why) = &report.suspended {
        tracing::warn!(
            why,
            "retention by age is suspended; `clew retention --trust-clock` overrides it"
        );
    }
    if !report.segments.is_empty() {
        let (segments, spans, bytes) = (report.segments.len(), report.spans, report.bytes);
        tracing::info!(segments, spans, bytes, "dropped old spans");
    }
    if !report.reduced_segments.is_empty() {
        let (segments, spans) = (report.reduced_segments.len(), report.reduced_spans);
        tracing::info!(
            segments,
            spans,
            "dropped spans by rule, and kept the rest of their segments"
        );
    }
}

/// A duration as the store takes it; the longest one that it takes if it is longer.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
