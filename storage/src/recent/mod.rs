//! Payloads of the last minutes, by hash, so that a retry is not stored twice.
//!
//! A hash is XXH3-128 over tenant, kind and payload. It is *pending* from the claim until the payload is durable or given up, and
//! *known* from then on until it is older than `Limits::recent_payload_age` or pushed out by
//! `Limits::recent_payloads_max` newer ones. Pending ones are bounded by the requests under way.
//!
//! Who claims a pending payload waits for the outcome of the first copy. Nothing is said about payloads that are forgotten:
//! a retry after that is stored again, and its spans collapse with their twins when they are read.

mod file;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use xxhash_rust::xxh3::Xxh3;

#[cfg(test)]
pub(crate) use file::Content;
pub(crate) use file::{read, write};

/// Hash of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PayloadHash(pub(crate) [u64; 2]);

impl PayloadHash {
    /// The hash of a payload of `tenant`.
    pub(crate) fn of(tenant: &str, kind: u16, payload: &[u8]) -> Self {
        let mut hasher = Xxh3::new();
        hasher.update(&(tenant.len() as u64).to_le_bytes());
        hasher.update(tenant.as_bytes());
        hasher.update(&kind.to_le_bytes());
        hasher.update(payload);
        let hash = hasher.digest128();
        Self([(hash >> 64) as u64, hash as u64])
    }
}

/// A payload that is stored, and when that was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) hash: PayloadHash,
    /// Wall clock, ns since the epoch.
    pub(crate) at_unix_nano: u64,
}

/// What became of the first copy of a payload; `None` while it is under way.
pub(crate) type Outcome = watch::Receiver<Option<bool>>;

/// Answer to a claim.
pub(crate) enum Claimed {
    /// Nobody has it: it is pending now, until [`Recent::settle`].
    New(watch::Sender<Option<bool>>),
    /// The first copy is under way.
    Pending(Outcome),
    /// It is stored.
    Known,
}

#[derive(Debug, Default)]
struct Inner {
    pending: HashMap<PayloadHash, Outcome>,
    known: HashSet<PayloadHash>,
    /// The known ones, oldest first.
    order: VecDeque<Known>,
}

/// The memory of recent payloads. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    age_ns: u64,
    count_max: usize,
    inner: Arc<Mutex<Inner>>,
}

impl Recent {
    /// A memory that is bounded by age and number.
    pub(crate) fn new(age: Duration, count_max: usize) -> Self {
        Self {
            age_ns: age.as_nanos() as u64,
            count_max,
            inner: Arc::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether a payload is known, and makes it pending if not.
    pub(crate) fn claim(&self, hash: PayloadHash, now_unix_nano: u64) -> Claimed {
        let mut inner = self.inner();
        self.forget_old(&mut inner, now_unix_nano);
        if inner.known.contains(&hash) {
            return Claimed::Known;
        }
        if let Some(outcome) = inner.pending.get(&hash) {
            return Claimed::Pending(outcome.clone());
        }
        let (sender, outcome) = watch::channel(None);
        inner.pending.insert(hash, outcome);
        Claimed::New(sender)
    }

    /// Ends a claim: the payload is known from now on, or forgotten. The caller then tells those who wait.
    pub(crate) fn settle(&self, hash: PayloadHash, stored_at_unix_nano: Option<u64>) {
        let mut inner = self.inner();
        inner.pending.remove(&hash);
        if let Some(at_unix_nano) = stored_at_unix_nano {
            self.remember(&mut inner, Known { hash, at_unix_nano });
        }
    }

    /// Takes a payload found at start-up; false when it is known already.
    pub(crate) fn insert(&self, known: Known) -> bool {
        self.remember(&mut self.inner(), known)
    }

    /// True when the payload is known.
    pub(crate) fn contains(&self, hash: PayloadHash) -> bool {
        self.inner().known.contains(&hash)
    }

    /// Number of payloads that are known.
    pub(crate) fn len(&self) -> usize {
        self.inner().order.len()
    }

    fn remember(&self, inner: &mut Inner, known: Known) -> bool {
        if self.count_max == 0 || !inner.known.insert(known.hash) {
            return false;
        }
        inner.order.push_back(known);
        if inner.order.len() > self.count_max {
            inner.forget_oldest();
        }
        true
    }

    fn forget_old(&self, inner: &mut Inner, now_unix_nano: u64) {
        while let Some(oldest) = inner.order.front() {
            if now_unix_nano.saturating_sub(oldest.at_unix_nano) <= self.age_ns {
                return;
            }
            inner.forget_oldest();
        }
    }
}

impl Inner {
    fn forget_oldest(&mut self) {
        if let Some(oldest) = self.order.pop_front() {
            self.known.remove(&oldest.hash);
        }
    }
}
