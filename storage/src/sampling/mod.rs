//! Sampling of whole traces: what the store asks of a sampler, what it shows it, and what it remembers of the answer.
//!
//! - [`threshold`]: probabilities and weights.
//! - [`view`]: traces as a sampler sees them.
//! - `decisions`: what was decided, for spans that come later.
//! - `strata`: sampling of what is stored, when it is old.
//! - `rehearse`: stored traces, shown to a sampler without consequences.
//!
//! The policies themselves are no part of this crate.

pub(crate) mod decisions;
pub(crate) mod rehearse;
pub(crate) mod strata;
pub mod threshold;
pub mod view;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use rehearse::Rehearsed;
pub use strata::{StoredSampler, StoredSampling};
pub use threshold::Threshold;
pub use view::{SpanSet, SpanView, TraceView};

/// Decides about whole traces.
pub trait TailSampler: Send + Sync {
    /// The threshold that each of `traces` is kept with; `None` for a trace that is dropped.
    ///
    /// A kept trace must be one that the threshold keeps, given the trace's random bits, and the threshold must not depend on these
    /// bits: the weight of its spans follows from it.
    fn decide(&self, traces: &[TraceView<'_>]) -> Vec<Option<Threshold>>;
}

/// How whole traces are sampled when they leave the hot window.
#[derive(Clone)]
pub struct TailSampling {
    /// Decides.
    pub sampler: Arc<dyn TailSampler>,
    /// How long spans wait for the rest of their traces before these are decided about.
    pub decision_wait: Duration,
    /// For how long a decision is remembered.
    pub decision_age: Duration,
    /// How many decisions are remembered.
    pub decisions_max: usize,
}

impl fmt::Debug for TailSampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailSampling")
            .field("decision_wait", &self.decision_wait)
            .field("decision_age", &self.decision_age)
            .field("decisions_max", &self.decisions_max)
            .finish_non_exhaustive()
    }
}
