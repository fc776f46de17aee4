//! What the store is opened with, what it is given, and what it tells.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::SpanBatch;
use crate::decoder::{Admission, Decoder, PayloadKind};
use crate::env::Env;
use crate::limits::Limits;
use crate::sampling::TailSampling;

/// How to open a [`Store`](super::Store).
#[derive(Clone)]
pub struct StoreOptions {
    /// Data directory, made if absent.
    pub data_dir: PathBuf,
    /// Clock, file system and randomness.
    pub env: Env,
    /// Bounds.
    pub limits: Limits,
    /// Turns logged payloads back into spans at start-up.
    pub decoder: Arc<dyn Decoder>,
    /// What of the hot window is kept; everything without it.
    pub tail_sampling: Option<TailSampling>,
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("data_dir", &self.data_dir)
            .field("limits", &self.limits)
            .field("tail_sampling", &self.tail_sampling)
            .finish_non_exhaustive()
    }
}

/// What start-up found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// Records replayed from the log into the hot window.
    pub replayed_records: u64,
    /// Spans in them.
    pub replayed_spans: u64,
    /// Records that hold the same payload as an earlier one and were left out.
    pub replayed_duplicates: u64,
    /// Bytes of a torn tail that were cut off.
    pub torn_tail_bytes: u64,
    /// Damage: file, place and reason. What is damaged in the log is kept in `quarantine/`.
    pub damaged: Vec<String>,
    /// Files that no manifest names, removed.
    pub orphans_removed: u64,
    /// Segments in the manifest.
    pub segments: u64,
    /// Spans in them.
    pub stored_spans: u64,
    /// How long it took, ms.
    pub elapsed_ms: u64,
}

/// One payload to store.
#[derive(Debug)]
pub struct Append {
    /// Kind, for replay.
    pub kind: PayloadKind,
    /// The payload, decompressed.
    pub payload: Bytes,
    /// When it was received, ns since the epoch.
    pub received_at_unix_nano: u64,
    /// What admission decided.
    pub admission: Admission,
    /// The decoded spans that admission keeps.
    pub batch: SpanBatch,
}

/// Figures for the status page.
#[derive(Debug, Clone, Default, serde::Serialize)]
pub struct StoreStatus {
    /// Manifest version.
    pub manifest_version: u64,
    /// Stored segments.
    pub segments: u64,
    /// Spans in them.
    pub stored_spans: u64,
    /// Their bytes on disk.
    pub stored_bytes: u64,
    /// Spans in the hot window.
    pub hot_spans: u64,
    /// Its memory, bytes.
    pub hot_bytes: u64,
    /// Bytes of log files.
    pub wal_bytes: u64,
    /// Last sequence number on stable storage.
    pub durable_seq: u64,
    /// Why ingest is refused at the moment, if it is.
    pub unavailable: Option<String>,
    /// Why the last flush failed, if it did; it is tried again by itself.
    pub flush_error: Option<String>,
}

/// What retention is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionRequest {
    /// Segments whose newest span arrived longer ago than this go, ns.
    pub older_than_ns: u64,
    /// Only report.
    pub dry_run: bool,
    /// Do not wait when the clock may have leapt.
    pub trust_clock: bool,
}

/// What a retention run dropped, or would drop.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct RetentionReport {
    /// True when nothing was changed.
    pub dry_run: bool,
    /// Names of the segments.
    pub segments: Vec<String>,
    /// Spans in them.
    pub spans: u64,
    /// Bytes of their files.
    pub bytes: u64,
    /// Why segments that are old enough were kept (a leap of the clock, or what looks like one), if so.
    pub suspended: Option<String>,
}
