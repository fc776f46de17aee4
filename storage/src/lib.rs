//! The span store: schema, write-ahead log, hot window, segments, manifest and retention.
//!
//! A span's way through this crate:
//!
//! ```text
//!  SpanBatch ──append──▶ WAL (group commit, fdatasync) ──publish──▶ hot window ──flush──▶ segment + manifest commit
//!                                                                       │                          │
//!                                                                       └──────── Snapshot ────────┘
//! ```
//!
//! Invariants:
//! - this crate knows no protocol, no HTTP and no SQL; payloads are opaque bytes that a [`Decoder`] turns into a [`SpanBatch`];
//! - [`Store::append`] returns only after the payload is on stable storage and visible to the next [`Snapshot`];
//! - a [`Snapshot`] never changes; files that it names stay until it is dropped;
//! - clock, file system and randomness come in through [`env::Env`]; only this crate calls fsync.

pub mod attributes;
pub mod backup;
pub mod batch;
mod compaction;
pub mod decoder;
pub mod derived;
pub mod env;
pub mod error;
mod fast;
pub mod glob;
pub mod histogram;
pub mod ids;
mod interleave;
pub mod limits;
mod lock;
mod manifest;
mod measure;
pub mod policy;
mod quarantine;
mod recent;
pub mod repair;
mod retention;
pub mod sampling;
pub mod schema;
pub mod segment;
pub mod snapshot;
pub mod span;
pub mod store;
#[cfg(test)]
pub(crate) mod testing;
pub mod trace;
pub mod tree;
pub mod verify;
mod wal;

pub use batch::{SpanBatch, SpanBatchBuilder};
pub use decoder::{Admission, DecodeError, Decoder, PayloadKind};
pub use error::StoreError;
pub use ids::{SpanId, TraceId};
pub use limits::{CompactionLimits, Limits};
pub use policy::{FlushPolicy, KeepAll};
pub use retention::rules::Rule;
pub use segment::{Segment, SegmentMeta};
pub use snapshot::{Snapshot, TraceRows};
pub use store::{Store, StoreOptions};
