//! The log's writer: a thread that drains the queue, makes each group durable, publishes it, and only then answers.

use std::sync::Arc;

use super::Shared;
use super::queue::{Item, Next, Pending};
use super::view::Published;
use crate::error::StoreError;
use crate::measure;
use crate::recent::Known;
use crate::wal::frame::{Record, record_bytes};
use crate::wal::writer::Writer;

/// Where groups go.
#[derive(Debug)]
pub(super) enum Log {
    /// To the log.
    Files(Writer),
    /// Nowhere: the control arm of crash tests.
    Off {
        /// Sequence number of the next record.
        next_seq: u64,
    },
}

impl Log {
    fn next_seq(&self) -> u64 {
        match self {
            Self::Files(writer) => writer.next_seq(),
            Self::Off { next_seq } => *next_seq,
        }
    }

    fn append(&mut self, records: &[Record], manifest_version: u64) -> Result<(), StoreError> {
        match self {
            Self::Files(writer) => writer.append(records, manifest_version),
            Self::Off { next_seq } => {
                *next_seq += records.len() as u64;
                Ok(())
            }
        }
    }

    /// Leaves out the numbers of `count` records that need no writing.
    fn skip(&mut self, count: u64) {
        match self {
            Self::Files(writer) => writer.skip(count),
            Self::Off { next_seq } => *next_seq += count,
        }
    }

    fn mark(&mut self) {
        if let Self::Files(writer) = self {
            writer.mark();
        }
    }
}

/// The writer's side of the store.
#[derive(Debug)]
pub(super) struct Ingest {
    pub(super) shared: Arc<Shared>,
    pub(super) log: Log,
    /// Records from the end of the old log that are to be written again before anything else.
    pub(super) tail: Vec<Record>,
    /// False until this process has put its number into the manifest and written the tail.
    begun: bool,
}

impl Ingest {
    pub(super) fn new(shared: Arc<Shared>, log: Log, tail: Vec<Record>) -> Self {
        Self {
            shared,
            log,
            tail,
            begun: false,
        }
    }

    /// Writes until the queue is closed and empty.
    pub(super) fn run(mut self) {
        let _guard = AbandonOnPanic(Arc::clone(&self.shared));
        loop {
            let limits = &self.shared.options.limits;
            let waiting_for_disk = self.shared.queue.unavailable().is_some();
            let timeout = waiting_for_disk.then_some(limits.retry_pause);
            match self.shared.queue.next(limits.wal_group_bytes, timeout) {
                Next::Group(items) => self.group(items),
                Next::Idle => self.probe(),
                Next::Closed => break,
            }
        }
        self.shared.ingest_ended();
    }

    /// Tries to write, and opens or shuts the queue accordingly.
    pub(super) fn probe(&mut self) {
        let written = if self.begun {
            let version = self.shared.manifest_version();
            self.log.append(&[], version)
        } else {
            self.begin()
        };
        self.note(&written);
    }

    fn note(&self, written: &Result<(), StoreError>) {
        let was_available = self.shared.queue.unavailable().is_none();
        match written {
            Err(error) if was_available => {
                tracing::error!(%error, "the log cannot be written; payloads are refused");
            }
            Ok(()) if !was_available => tracing::info!("the log can be written again"),
            _ => {}
        }
        let reason = written.as_ref().err().map(ToString::to_string);
        self.shared.queue.set_unavailable(reason);
    }

    /// Tells the manifest of this process, and makes the end of the old log durable under its name.
    fn begin(&mut self) -> Result<(), StoreError> {
        let (version, flushed_seq) = self.shared.begin_incarnation()?;
        let in_tail = self.tail.len();
        self.tail.retain(|record| record.seq > flushed_seq);
        self.log.skip((in_tail - self.tail.len()) as u64);
        if !self.tail.is_empty() {
            self.log.append(&self.tail, version)?;
            self.log.mark();
        }
        self.tail = Vec::new();
        self.begun = true;
        self.shared.remember_replayed_tail();
        Ok(())
    }

    fn group(&mut self, items: Vec<Item>) {
        let first_seq = self.log.next_seq();
        let (mut records, mut pending) = (Vec::with_capacity(items.len()), Vec::new());
        for (seq, item) in (first_seq..).zip(items) {
            records.push(Record { seq, ..item.record });
            pending.push(item.pending);
        }
        let bytes = records.iter().map(record_bytes).sum();
        let written = if let Some(message) = self.shared.queue.unavailable() {
            Err(StoreError::Unavailable { message })
        } else {
            let written = self.log.append(&records, self.shared.manifest_version());
            self.note(&written);
            written
        };
        drop(records);
        match written {
            Ok(()) => self.stored(first_seq, pending, bytes),
            Err(error) => self.refuse(pending, bytes, &error),
        }
    }

    /// Publishes a durable group and answers its senders.
    fn stored(&mut self, first_seq: u64, items: Vec<Pending>, bytes: usize) {
        if self.shared.queue.is_empty() {
            self.log.mark();
        }
        measure::wal_bytes(self.shared.log_files.bytes());
        let now = self.shared.options.env.clock.now_unix_nano();
        let mut waiting = Vec::with_capacity(items.len());
        let mut published = Vec::with_capacity(items.len());
        for (seq, item) in (first_seq..).zip(items) {
            published.push(Published {
                seq,
                batch: Some(item.batch),
                known: Some(Known {
                    hash: item.ticket.hash,
                    at_unix_nano: now,
                }),
                reserved_bytes: item.reserved_bytes,
            });
            waiting.push((item.ticket, item.done));
        }
        self.shared.publish(published);
        self.shared.queue.finished(bytes);
        for (ticket, done) in waiting {
            ticket.stored(now);
            // A client that has gone away hears nothing.
            let _ = done.send(Ok(()));
        }
        measure::recent_payloads(self.shared.recent.len());
        self.shared.view.merge_tiny();
    }

    fn refuse(&self, items: Vec<Pending>, bytes: usize, error: &StoreError) {
        self.shared.queue.finished(bytes);
        for item in items {
            self.shared.view.release(item.reserved_bytes);
            drop(item.ticket);
            measure::refusal("unavailable");
            let _ = item.done.send(Err(StoreError::Unavailable {
                message: error.to_string(),
            }));
        }
    }
}

/// A writer that panicked must not leave requests waiting.
struct AbandonOnPanic(Arc<Shared>);

impl Drop for AbandonOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!("the log's writer has panicked; payloads are refused until a restart");
            self.0.queue.abandon();
            self.0.ingest_ended();
        }
    }
}
