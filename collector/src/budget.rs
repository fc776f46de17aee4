//! The memory that requests in flight may hold together.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A number of bytes to be shared. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Budget(Arc<Shares>);

#[derive(Debug)]
struct Shares {
    max: usize,
    leased: AtomicUsize,
}

/// The budget has no bytes left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

impl Budget {
    /// A budget of `max` bytes.
    pub(crate) fn new(max: usize) -> Self {
        Self(Arc::new(Shares {
            max,
            leased: AtomicUsize::new(0),
        }))
    }

    /// A lease of nothing, to grow.
    pub(crate) fn lease(&self) -> Lease {
        Lease {
            budget: self.clone(),
            bytes: 0,
        }
    }

    /// Whether `bytes` could be leased now.
    pub(crate) fn has(&self, bytes: u64) -> bool {
        bytes <= (self.0.max - self.0.leased.load(Ordering::Relaxed)) as u64
    }
}

/// Bytes that one request holds; they go back when it is dropped.
#[derive(Debug)]
pub(crate) struct Lease {
    budget: Budget,
    bytes: usize,
}

impl Lease {
    /// Leases what is missing to `bytes`.
    ///
    /// # Errors
    /// When fewer than that are left; the lease stays as it was.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> Result<(), Exhausted> {
        match bytes.checked_sub(self.bytes) {
            None | Some(0) => Ok(()),
            Some(missing) => self.grow(missing),
        }
    }

    /// Leases `bytes` more.
    ///
    /// # Errors
    /// When fewer than that are left; the lease stays as it was.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), Exhausted> {
        let Shares { max, leased } = &*self.budget.0;
        leased
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |leased| {
                leased.checked_add(bytes).filter(|sum| sum <= max)
            })
            .map_err(|_| Exhausted)?;
        self.bytes += bytes;
        metrics::gauge!(crate::metrics::IN_FLIGHT_BYTES).increment(bytes as f64);
        Ok(())
    }

    /// Gives back all but `bytes`.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let returned = self.bytes.saturating_sub(bytes);
        self.bytes -= returned;
        self.budget.0.leased.fetch_sub(returned, Ordering::Relaxed);
        metrics::gauge!(crate::metrics::IN_FLIGHT_BYTES).decrement(returned as f64);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_take_the_budget_to_its_end_and_not_beyond() {
        let budget = Budget::new(10);
        let mut first = budget.lease();
        let mut second = budget.lease();
        assert_eq!(first.grow(4), Ok(()));
        assert_eq!(second.grow(6), Ok(()));
        assert_eq!(second.grow(1), Err(Exhausted));
        assert_eq!(second.grow(usize::MAX), Err(Exhausted));
        assert!(budget.has(0) && !budget.has(1));
        first.shrink_to(3);
        assert!(budget.has(1) && !budget.has(2));
        assert_eq!(first.grow_to(2), Ok(()));
        assert_eq!(first.grow_to(5), Err(Exhausted));
        assert_eq!(first.grow_to(4), Ok(()));
        assert!(budget.has(0) && !budget.has(1));
        drop(second);
        assert_eq!(first.grow_to(10), Ok(()));
        drop(first);
        assert!(budget.has(10) && !budget.has(11));
    }
}
