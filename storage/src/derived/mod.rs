//! Tables that are counted from all spans when they leave the hot window, before tail sampling drops any.
//!
//! ```text
//!  epoch ──count──▶ rows by minute ──▶ derived/….span_metrics.parquet ──┐ eight of one level
//!            │                         derived/….service_edges.parquet ─┴─────▶ merged into one of the next
//!            └──▶ calls whose other side has not arrived ──▶ derived/….pending: one file, replaced by each flush
//! ```
//!
//! Files are named in the same commit as the segment of their epoch, so that each span is counted once however often the log is replayed.
//! Files are merged as they become many. They outlive the spans: they go when the newest span in them is older than
//! [`Limits::derived_age`](crate::Limits::derived_age).
//!
//! Counts are sums of weights, not rounded. A histogram has at most 160 buckets, so the relative error of a quantile is one bucket of its
//! scale: below 2.2 % where the durations of a row differ by a factor of 30 at most, below 4.5 % up to 900, below 9.1 % up to 800 000.
//!
//! A call is counted when its two spans are in the hot window at the same time, and when the later one comes within two minutes after the
//! earlier one has left it and they are a client or producer, or a server or consumer
//! without children, and a server or consumer. Of the spans that one client calls one may come so late, of those that take a producer's
//! message any number.
//!
//! Limits: rows of one file are bounded, and what does not fit is counted under [`OVERFLOW`]. A span that is sent twice, at such a
//! distance that both copies are not in one epoch, counts twice.

mod count;
mod exemplars;
mod file;
mod merge;
mod peer;
mod pending;
mod table;
#[cfg(test)]
mod tests;
mod totals;

pub use count::Counted;
pub(crate) use count::Counting;
pub use exemplars::Exemplar;
pub(crate) use exemplars::{Wanted, find as find_exemplars};
pub use file::{DerivedFile, DerivedMeta, DerivedTable};
pub(crate) use file::{write, write_pending};
pub(crate) use merge::{due, merge};
pub(crate) use pending::PendingCalls;
pub use table::{EdgeKind, OVERFLOW};
pub(crate) use totals::Totals;
pub use totals::{TOTAL_BOUNDS_MS, Total, TotalKey};
