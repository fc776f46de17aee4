//! What an answer covers.

use serde::Serialize;

/// Says whether an answer is whole, and if not, why.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Coverage {
    /// True when everything that was asked for could be read.
    pub complete: bool,
    /// Segments that the snapshot holds.
    pub segments_total: usize,
    /// Segments that had to be opened; the others could not hold an answer.
    pub segments_read: usize,
    /// Why the answer is not complete; empty when it is.
    pub reasons: Vec<String>,
    /// Time that the answer took, ms.
    pub elapsed_ms: f64,
}

/// Gathers a [`Coverage`] while an answer is being made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Covering {
    pub(crate) segments_total: usize,
    pub(crate) segments_read: usize,
    pub(crate) reasons: Vec<String>,
}

impl Covering {
    /// Notes a reason why the answer is not complete, once.
    pub(crate) fn incomplete(&mut self, reason: impl Into<String>) {
        let reason = reason.into();
        if !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// The finished account.
    pub(crate) fn finish(self, elapsed_ns: u64) -> Coverage {
        Coverage {
            complete: self.reasons.is_empty(),
            segments_total: self.segments_total,
            segments_read: self.segments_read,
            reasons: self.reasons,
            elapsed_ms: (elapsed_ns / 1_000) as f64 / 1_000.0,
        }
    }
}
