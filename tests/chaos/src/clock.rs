//! Time, as the driver and the server's clients see it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, on a clock that never goes back.
#[expect(
    clippy::disallowed_methods,
    reason = "real processes are measured in real time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Now, ns since 1970.
#[expect(
    clippy::disallowed_methods,
    reason = "spans carry the time of the day, and retention counts by it"
)]
pub(crate) fn unix_nano() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as u64)
}

/// Milliseconds of a duration.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
