//! What the store takes from outside: clock, file system, randomness. Tests pass their own.

use std::sync::Arc;

/// Clock, file system and randomness.
#[derive(Clone)]
pub struct Env {
    /// Wall and monotonic time.
    pub clock: Arc<dyn Clock>,
}

/// Time.
pub trait Clock: Send + Sync {
    /// Wall clock, ns since the Unix epoch.
    fn now_unix_nano(&self) -> u64;
    /// Monotonic clock, ns since some start.
    fn monotonic_ns(&self) -> u64;
}

impl Env {
    /// The machine's own.
    #[must_use]
    pub fn system() -> Self {
        todo!()
    }
}
