//! The draw before segments are written anew without the traces that go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::pace::{Pace, Stopped, Stopwatch};
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::CompactionLimits;
use crate::sampling::rehearse::show_all;
use crate::sampling::strata::{Draw, Strata};
use crate::sampling::{StoredSampler, TraceView};
use crate::segment::Segment;

/// Draws which traces of `inputs` stay; those in `pinned` do. Blocks; rests as the limits ask for.
///
/// # Errors
/// [`StoreError::Closed`] when the pace was stopped; otherwise when an input cannot be read.
pub(crate) fn draw(
    env: &Env,
    limits: &CompactionLimits,
    inputs: &[Arc<Segment>],
    sampler: &dyn StoredSampler,
    pinned: &BTreeSet<TraceId>,
    pace: &Pace,
) -> Result<Draw, StoreError> {
    let mut strata = Strata::default();
    let mut stopwatch = Stopwatch::start(env);
    let is_complete = show_all(
        inputs,
        &[],
        &mut |set| {
            let traces: Vec<TraceView<'_>> = set.traces().collect();
            let thresholds = sampler.thresholds(&traces);
            strata.take(&traces, &thresholds, |id| pinned.contains(&id));
            let rested = pace.rest(limits, stopwatch.lap_ns(), 0);
            stopwatch.lap_ns();
            rested != Err(Stopped)
        },
        &mut Err,
    )?;
    if is_complete {
        Ok(strata.draw())
    } else {
        Err(StoreError::Closed)
    }
}
