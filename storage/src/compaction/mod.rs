//! Merging segments: few large ones in place of many small ones, each of one stretch of time.
//!
//! ```text
//!  plan     which segments next        pure, over the manifest's facts
//!  survey   what is in them            ids, rows, windows and slices of traces; which traces lie in several
//!  merge    one window after the other, slice by slice: cursors over the inputs ─▶ k-way by (root service, root name, shape, start) ─▶ segments
//!  commit   all inputs out and all outputs in, as one version of the manifest (the store does it)
//! ```
//!
//! Invariants:
//! - every span of the inputs is in exactly one output, but for copies that are identical in every field, which collapse;
//! - within a window a trace is put together: one row of `traces`, its spans depth first. Left in parts is only a trace of more than
//!   `CompactionLimits::trace_spans_max` spans;
//! - memory does not grow with the inputs' bytes: some thousand rows of each input, one row group, [`CompactionLimits::held_bytes`] for traces
//!   that wait for their other parts, and some 60 bytes a trace;
//! - nothing of a merge is named by the manifest before all of it is durable. What a crash leaves of one is removed at the next start, and the
//!   merge is made anew: its size is bounded, so little is lost.
//!
//! A trace whose parts lay in several inputs takes its place in the order when its last part is met; the order serves compression
//! and nothing else.
//!
//! [`CompactionLimits::held_bytes`]: crate::limits::CompactionLimits::held_bytes

mod chunk;
mod cursor;
mod held;
mod merge;
mod pace;
mod plan;
mod rebuild;
mod sample;
#[cfg(test)]
mod simulation;
mod survey;
#[cfg(test)]
mod tests;

pub(crate) use merge::{Merge, Merged, Names};
pub(crate) use pace::Pace;
pub(crate) use plan::{Job, next_job, next_sampling};
pub(crate) use rebuild::Rebuild;
pub(crate) use sample::draw;
