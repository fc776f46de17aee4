//! Retention on a schedule.

use std::time::Duration;

use clew_storage::Store;
use clew_storage::store::RetentionReport;
use tokio::time::{MissedTickBehavior, interval};

/// Looks for old spans every `every`, for as long as the task runs.
pub(crate) async fn run(store: Store, max_age: Duration, every: Duration) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let store = store.clone();
        let retained =
            tokio::task::spawn_blocking(move || store.retain(nanoseconds(max_age), false));
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
            "retention is suspended; `clew retention --trust-clock` overrides it"
        );
    } else if !report.segments.is_empty() {
        let (segments, spans, bytes) = (report.segments.len(), report.spans, report.bytes);
        tracing::info!(segments, spans, bytes, "dropped old spans");
    }
}

/// A duration as the store takes it; the longest one that it takes if it is longer.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
