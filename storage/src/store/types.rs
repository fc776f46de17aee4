//! What the store is opened with, what it is given, and what it tells.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::SpanBatch;
use crate::decoder::{Admission, Decoder, PayloadKind};
use crate::env::Env;
use crate::limits::Limits;
use crate::retention::rules::Rule;
use crate::sampling::{StoredSampling, TailSampling};

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
    /// What of it stays when it is old; everything without it.
    pub stored_sampling: Option<StoredSampling>,
}

impl fmt::Debug for StoreOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreOptions")
            .field("data_dir", &self.data_dir)
            .field("limits", &self.limits)
            .field("tail_sampling", &self.tail_sampling)
            .field("stored_sampling", &self.stored_sampling)
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
    /// Bytes free on the disk, as far as they are known; the metric `clew_disk_free_bytes` shows them to people.
    #[serde(skip)]
    pub disk_free_bytes: Option<u64>,
    /// Why ingest is refused at the moment, if it is.
    pub unavailable: Option<String>,
    /// Why the last flush failed, if it did; it is tried again by itself.
    pub flush_error: Option<String>,
}

/// What retention is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RetentionRequest {
    /// Segments whose newest span arrived longer ago than this go, ns; `None` keeps all.
    pub older_than_ns: Option<u64>,
    /// Traces that have another term; the first rule that fits a trace counts.
    pub rules: Vec<Rule>,
    /// The oldest segments go until the rest has so many bytes at most; `None` keeps all.
    pub max_bytes: Option<u64>,
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
    /// Segments that lose the traces whose terms, by a rule, are over, and stay with the others.
    #[serde(default)]
    pub reduced_segments: Vec<String>,
    /// Spans that they lose.
    #[serde(default)]
    pub reduced_spans: u64,
    /// How many of the segments are not too old, but have no room.
    #[serde(default)]
    pub segments_for_size: u64,
    /// Why segments that are old enough were kept (a leap of the clock, or what looks like one), if so.
    pub suspended: Option<String>,
}

/// What merges have done.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct CompactionReport {
    /// Merges.
    pub merges: u64,
    /// Segments that they took.
    pub input_segments: u64,
    /// Segments that they made of them.
    pub output_segments: u64,
    /// Spans taken.
    pub input_spans: u64,
    /// Spans written: fewer where copies of one span met, and where old traces were sampled.
    pub output_spans: u64,
    /// Bytes of the segments taken.
    pub input_bytes: u64,
    /// Bytes of the segments made.
    pub output_bytes: u64,
    /// Old traces that were sampled out.
    #[serde(default)]
    pub sampled_out_traces: u64,
    /// Spans written that were taken over as they were, neither decoded nor encoded.
    #[serde(default)]
    pub copied_spans: u64,
}

impl CompactionReport {
    pub(super) fn add(&mut self, other: &Self) {
        self.merges += other.merges;
        self.input_segments += other.input_segments;
        self.output_segments += other.output_segments;
        self.input_spans += other.input_spans;
        self.output_spans += other.output_spans;
        self.input_bytes += other.input_bytes;
        self.output_bytes += other.output_bytes;
        self.sampled_out_traces += other.sampled_out_traces;
        self.copied_spans += other.copied_spans;
    }
}
