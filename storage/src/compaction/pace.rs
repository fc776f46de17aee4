//! How fast a merge may go.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::env::Env;
use crate::limits::CompactionLimits;

/// Longest rest at a time.
const REST_MAX: Duration = Duration::from_secs(2);

/// Somebody wants the merge to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stopped;

/// Holds a merge to its share of processor and disk, and ends it when asked to.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    stopped: Mutex<bool>,
    wake: Condvar,
}

impl Pace {
    /// Ends the merge under way, and all to come.
    pub(crate) fn stop(&self) {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.wake.notify_all();
    }

    /// True once [`Pace::stop`] was called.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests as long as work of `worked_ns` that moved `bytes` asks for.
    pub(crate) fn rest(
        &self,
        limits: &CompactionLimits,
        worked_ns: u64,
        bytes: u64,
    ) -> Result<(), Stopped> {
        let rest = rest_after(limits, worked_ns, bytes);
        let stopped = self.stopped.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .wake
            .wait_timeout_while(stopped, rest, |stopped| !*stopped);
        let (stopped, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *stopped { Err(Stopped) } else { Ok(()) }
    }
}

fn rest_after(limits: &CompactionLimits, worked_ns: u64, bytes: u64) -> Duration {
    let worked = u128::from(worked_ns);
    let percent = u128::from(limits.cpu_percent.clamp(1, 100));
    let for_processor = worked * (100 - percent) / percent;
    let per_second = u128::from(limits.bytes_per_second.max(1));
    let for_disk = (u128::from(bytes) * 1_000_000_000 / per_second).saturating_sub(worked);
    let rest = u64::try_from(for_processor.max(for_disk)).unwrap_or(u64::MAX);
    Duration::from_nanos(rest).min(REST_MAX)
}

/// Measures pieces of work.
pub(crate) struct Stopwatch<'a> {
    env: &'a Env,
    begun_ns: u64,
}

impl<'a> Stopwatch<'a> {
    pub(crate) fn start(env: &'a Env) -> Self {
        Self {
            begun_ns: env.clock.monotonic_ns(),
            env,
        }
    }

    /// Time since the start or the last lap.
    pub(crate) fn lap_ns(&mut self) -> u64 {
        let now_ns = self.env.clock.monotonic_ns();
        let lap = now_ns.saturating_sub(self.begun_ns);
        self.begun_ns = now_ns;
        lap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rests_keep_to_both_shares() {
        let limits = |cpu_percent, bytes_per_second| CompactionLimits {
            cpu_percent,
            bytes_per_second,
            ..CompactionLimits::default()
        };
        let ms = |ms| Duration::from_millis(ms);
        let rest = |limits: CompactionLimits, worked: u64, bytes| {
            rest_after(&limits, worked * 1_000_000, bytes)
        };
        assert_eq!(rest(limits(50, u64::MAX), 10, 1), ms(10));
        assert_eq!(rest(limits(100, u64::MAX), 10, 1), ms(0));
        assert_eq!(rest(limits(20, u64::MAX), 10, 1), ms(40));
        assert_eq!(
            rest(limits(100, 1000), 10, 100),
            ms(90),
            "100 ms for 100 bytes"
        );
        assert_eq!(rest(limits(10, 1000), 10, 10), ms(90));
        assert_eq!(rest(limits(0, 0), 10, u64::MAX), REST_MAX);
    }

    #[test]
    fn a_stop_ends_a_rest_and_all_to_come() {
        let pace = Pace::default();
        let limits = CompactionLimits {
            cpu_percent: 1,
            ..CompactionLimits::default()
        };
        assert_eq!(pace.rest(&limits, 1, 0), Ok(()));
        pace.stop();
        assert_eq!(pace.rest(&limits, 1 << 40, 0), Err(Stopped));
        assert!(pace.is_stopped());
    }
}
