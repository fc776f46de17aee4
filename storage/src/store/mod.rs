//! The store: owner of the data directory, the log's writer and the flusher.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;

use crate::batch::SpanBatch;
use crate::decoder::{Admission, Decoder, PayloadKind};
use crate::env::Env;
use crate::error::StoreError;
use crate::limits::Limits;
use crate::policy::FlushPolicy;
use crate::snapshot::Snapshot;

/// How to open a [`Store`].
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
    /// What a flush keeps.
    pub flush_policy: Arc<dyn FlushPolicy>,
}

/// What start-up found.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// Records replayed from the log into the hot window.
    pub replayed_records: u64,
    /// Spans in them.
    pub replayed_spans: u64,
    /// Bytes of a torn tail that were cut off.
    pub torn_tail_bytes: u64,
    /// Damage below the durable mark: file, place and reason. Damaged files are moved to `quarantine/`.
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

/// What becomes of a payload that is about to be decoded.
pub enum Claim {
    /// Not seen within `Limits::recent_payload_age`: decode it and call [`Store::append`] with the ticket. A ticket
    /// dropped without an append forgets the payload.
    New(Ticket),
    /// The same payload is being stored or was stored lately: await [`Duplicate::durable`], then answer as for a stored one.
    Duplicate(Duplicate),
}

/// Right to append one payload.
pub struct Ticket {
    _private: (),
}

/// A payload that is already on its way.
pub struct Duplicate {
    _private: (),
}

impl Duplicate {
    /// Returns when the original is on stable storage.
    ///
    /// # Errors
    /// When the original could not be stored: the sender has to try again.
    pub async fn durable(self) -> Result<(), StoreError> {
        todo!()
    }
}

/// One payload to store.
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
    /// Why nothing was deleted although there was something to delete (a leap of the clock), if so.
    pub suspended: Option<String>,
}

/// The store. Clone freely; the last [`Store::close`] ends it.
#[derive(Clone)]
pub struct Store {
    _private: (),
}

impl Store {
    /// Locks the directory, reads the manifest, replays the log, removes orphans, starts the writer and the flusher.
    ///
    /// # Errors
    /// When the directory is locked, unreadable, or its manifest is damaged.
    pub fn open(options: StoreOptions) -> Result<(Self, Recovery), StoreError> {
        let _ = options;
        todo!()
    }

    /// Says whether `payload` was stored lately, and holds its place if not.
    #[must_use]
    pub fn claim(&self, kind: PayloadKind, payload: &[u8]) -> Claim {
        let _ = (kind, payload);
        todo!()
    }

    /// Stores one payload; returns when it is on stable storage and visible to every later [`Store::snapshot`].
    ///
    /// # Errors
    /// See [`StoreError`]; on an error nothing was stored.
    pub async fn append(&self, ticket: Ticket, append: Append) -> Result<(), StoreError> {
        let _ = (ticket, append);
        todo!()
    }

    /// An immutable view of all that is stored.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        todo!()
    }

    /// Flushes all that was appended before the call.
    ///
    /// # Errors
    /// When the segment or the manifest cannot be written; the spans stay in the log and the hot window.
    pub async fn flush(&self) -> Result<(), StoreError> {
        todo!()
    }

    /// Drops segments whose newest span arrived before `older_than_ns` ago.
    ///
    /// # Errors
    /// When the manifest cannot be written.
    pub fn retain(&self, older_than_ns: u64, dry_run: bool) -> Result<RetentionReport, StoreError> {
        let _ = (older_than_ns, dry_run);
        todo!()
    }

    /// Figures of the moment.
    #[must_use]
    pub fn status(&self) -> StoreStatus {
        todo!()
    }

    /// Clock, file system and randomness that the store was opened with.
    #[must_use]
    pub fn env(&self) -> &Env {
        todo!()
    }

    /// Refuses new appends, waits for running ones, flushes, unlocks.
    ///
    /// # Errors
    /// When the last flush failed; the log still has everything.
    pub async fn close(&self) -> Result<(), StoreError> {
        todo!()
    }
}
