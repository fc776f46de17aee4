//! What readers see: the segments of one manifest version and the hot window, swapped as one.
//!
//! The hot window is a queue of epochs, each a contiguous range of log records. The newest one is open; the others wait for the
//! flusher, oldest first. One mutex guards manifest version and window together, so that a snapshot never shows a span twice or
//! not at all while its epoch is flushed. Snapshots are built when asked for and kept until something changes.
//!
//! Memory is reserved before a payload goes to the log and given back when its epoch is flushed, so the window's bound counts what
//! is on its way too.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::batch::SpanBatch;
use crate::derived::{DerivedFile, PendingCalls};
use crate::limits::Limits;
use crate::measure;
use crate::recent::Known;
use crate::segment::Segment;
use crate::snapshot::Snapshot;

/// So many neighbouring batches of a size class become one.
const MERGE_COUNT: usize = 16;
/// Bounds of the size classes of tiny batches, spans; larger batches are left alone.
const TINY_SPANS: [usize; 2] = [16, 256];

/// A contiguous range of log records whose spans are in memory.
#[derive(Debug)]
pub(crate) struct Epoch {
    /// First and last record, inclusive.
    pub(crate) seqs: (u64, u64),
    pub(crate) batches: Vec<Arc<SpanBatch>>,
    /// Hashes of the payloads.
    pub(crate) known: Vec<Known>,
    bytes: usize,
    spans: u64,
    opened_at_ns: u64,
    /// When the newest record was published.
    pub(crate) newest_at_ns: u64,
}

impl Epoch {
    /// Number of spans.
    pub(crate) fn spans(&self) -> u64 {
        self.spans
    }
}

/// A record that is durable and now becomes visible.
pub(crate) struct Published {
    pub(crate) seq: u64,
    /// `None` when the record is accounted for otherwise: a duplicate, or damaged.
    pub(crate) batch: Option<SpanBatch>,
    pub(crate) known: Option<Known>,
    /// Bytes that were reserved for the batch.
    pub(crate) reserved_bytes: usize,
}

#[derive(Debug, Default)]
struct Inner {
    version: u64,
    segments: Arc<[Arc<Segment>]>,
    counts: Counts,
    closed: VecDeque<Arc<Epoch>>,
    open: Option<Epoch>,
    used_bytes: usize,
    /// The smallest payload whose batch found no room since an epoch left the window.
    refused_bytes: Option<usize>,
    snapshot: Option<Snapshot>,
}

/// What has been counted of spans that left the hot window.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts {
    /// Files, oldest commit first.
    pub(crate) files: Arc<[Arc<DerivedFile>]>,
    /// What the file of pending calls holds.
    pub(crate) pending: Arc<PendingCalls>,
}

/// Figures of the hot window.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct HotFigures {
    pub(crate) spans: u64,
    pub(crate) bytes: usize,
    pub(crate) epochs: usize,
}

/// The swapped state.
#[derive(Debug)]
pub(crate) struct View {
    limits: Limits,
    inner: Mutex<Inner>,
}

impl View {
    /// The view of a manifest version with an empty window.
    pub(crate) fn new(
        limits: Limits,
        version: u64,
        segments: Vec<Arc<Segment>>,
        counts: Counts,
    ) -> Self {
        Self {
            limits,
            inner: Mutex::new(Inner {
                version,
                segments: segments.into(),
                counts,
                ..Inner::default()
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes memory for the batch of a payload, or answers false when the window is full. A batch that alone is over the bound is taken
    /// when the window is empty.
    pub(crate) fn reserve(&self, bytes: usize, payload_bytes: usize) -> bool {
        let mut inner = self.inner();
        let fits = inner.used_bytes.saturating_add(bytes) <= self.limits.hot_window_bytes;
        if fits || inner.used_bytes == 0 {
            inner.used_bytes += bytes;
            return true;
        }
        let smallest = inner
            .refused_bytes
            .map_or(payload_bytes, |refused| refused.min(payload_bytes));
        inner.refused_bytes = Some(smallest);
        false
    }

    /// Whether the batch of a payload of so many bytes may find room now: not when there is less room than that, or when the batch of a payload
    /// as small has found none, whose memory is only known once it is decoded.
    pub(crate) fn has_room(&self, payload_bytes: usize) -> bool {
        let inner = self.inner();
        let fits = inner.used_bytes.saturating_add(payload_bytes) <= self.limits.hot_window_bytes;
        let refused = inner
            .refused_bytes
            .is_some_and(|refused| payload_bytes >= refused);
        inner.used_bytes == 0 || fits && !refused
    }

    /// Takes memory for a batch from the log, which is in the window whatever its size.
    pub(crate) fn reserve_replayed(&self, bytes: usize) {
        self.inner().used_bytes += bytes;
    }

    /// Gives back memory of a batch that was not published.
    pub(crate) fn release(&self, bytes: usize) {
        self.inner().used_bytes -= bytes;
    }

    /// Makes records visible, in log order; true when an epoch was closed by it.
    pub(crate) fn publish(&self, records: Vec<Published>, now_ns: u64) -> bool {
        let mut inner = self.inner();
        let mut closed = false;
        for record in records {
            inner.take(record, now_ns);
            if inner
                .open
                .as_ref()
                .is_some_and(|open| open.bytes >= self.limits.epoch_bytes)
            {
                inner.close_open();
                closed = true;
            }
        }
        inner.changed();
        closed
    }

    /// Puts neighbouring tiny batches of the open epoch together, so that a window of single spans stays quick to read.
    pub(crate) fn merge_tiny(&self) {
        loop {
            let Some((first_seq, tiny)) = self.inner().tiny_run() else {
                return;
            };
            let parts: Vec<_> = tiny.iter().map(|batch| &**batch).collect();
            let merged = Arc::new(SpanBatch::concat(&parts));
            self.inner().replace_run(first_seq, tiny.len(), merged);
        }
    }

    /// Closes the open epoch, if it has records, and says which record is the last that now waits for the flusher.
    pub(crate) fn close_open(&self) -> Option<u64> {
        let mut inner = self.inner();
        inner.close_open();
        inner.closed.back().map(|epoch| epoch.seqs.1)
    }

    /// Closes the open epoch when none waits to leave the window. While one does, what little came in since stays open: a flush of little
    /// takes nearly as long as one of much, and under more load than can be flushed the window would fall to pieces.
    pub(crate) fn make_room(&self) {
        let mut inner = self.inner();
        if inner.closed.is_empty() {
            inner.close_open();
        }
    }

    /// Closes the open epoch when it was opened at or before `opened_at_ns`.
    pub(crate) fn close_older(&self, opened_at_ns: u64) {
        let mut inner = self.inner();
        if inner
            .open
            .as_ref()
            .is_some_and(|open| open.opened_at_ns <= opened_at_ns)
        {
            inner.close_open();
        }
    }

    /// The epoch to flush next.
    pub(crate) fn oldest_closed(&self) -> Option<Arc<Epoch>> {
        self.inner().closed.front().cloned()
    }

    /// What arrived after record `seq`.
    pub(crate) fn batches_after(&self, seq: u64) -> Vec<Arc<SpanBatch>> {
        let inner = self.inner();
        let later = inner.epochs().filter(|epoch| epoch.seqs.0 > seq);
        later
            .flat_map(|epoch| epoch.batches.iter().cloned())
            .collect()
    }

    /// True when the window is so full that the oldest epoch should make room.
    pub(crate) fn is_filling_up(&self) -> bool {
        self.inner().used_bytes > self.limits.hot_window_bytes / 4 * 3
    }

    /// Swaps in a manifest version, without the epochs that are in it.
    pub(crate) fn swap(
        &self,
        version: u64,
        segments: Vec<Arc<Segment>>,
        counts: Counts,
        flushed_seq: u64,
    ) {
        let mut inner = self.inner();
        while let Some(epoch) = inner.closed.front()
            && epoch.seqs.1 <= flushed_seq
        {
            inner.used_bytes -= epoch.bytes;
            inner.refused_bytes = None;
            inner.closed.pop_front();
        }
        inner.version = version;
        inner.segments = segments.into();
        inner.counts = counts;
        inner.changed();
    }

    /// Segments of the newest version.
    pub(crate) fn segments(&self) -> Arc<[Arc<Segment>]> {
        Arc::clone(&self.inner().segments)
    }

    /// Counts of the newest version.
    pub(crate) fn counts(&self) -> Counts {
        self.inner().counts.clone()
    }

    /// All that is stored at this moment.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut inner = self.inner();
        if let Some(snapshot) = &inner.snapshot {
            return snapshot.clone();
        }
        let hot = inner
            .epochs()
            .flat_map(|epoch| &epoch.batches)
            .cloned()
            .collect();
        let segments = Arc::clone(&inner.segments);
        let spans_max = self.limits.trace_spans_max;
        let counts = inner.counts.clone();
        let snapshot = Snapshot::new(inner.version, segments, counts, hot, spans_max);
        inner.snapshot = Some(snapshot.clone());
        snapshot
    }

    /// The last record in the window, 0 when it is empty.
    pub(crate) fn last_seq(&self) -> u64 {
        let inner = self.inner();
        inner.epochs().last().map_or(0, |epoch| epoch.seqs.1)
    }

    /// Figures of the hot window.
    pub(crate) fn hot(&self) -> HotFigures {
        self.inner().hot()
    }
}

impl Inner {
    fn epochs(&self) -> impl Iterator<Item = &Epoch> {
        self.closed.iter().map(|epoch| &**epoch).chain(&self.open)
    }

    fn hot(&self) -> HotFigures {
        HotFigures {
            spans: self.epochs().map(Epoch::spans).sum(),
            bytes: self.used_bytes,
            epochs: self.epochs().count(),
        }
    }

    fn changed(&mut self) {
        self.snapshot = None;
        let hot = self.hot();
        measure::hot_window(hot.bytes, hot.spans, hot.epochs);
    }

    fn take(&mut self, record: Published, now_ns: u64) {
        let open = self.open.get_or_insert_with(|| Epoch {
            seqs: (record.seq, record.seq),
            batches: Vec::new(),
            known: Vec::new(),
            bytes: 0,
            spans: 0,
            opened_at_ns: now_ns,
            newest_at_ns: now_ns,
        });
        open.newest_at_ns = now_ns;
        open.seqs.1 = record.seq;
        open.bytes += record.reserved_bytes;
        open.known.extend(record.known);
        if let Some(batch) = record.batch.filter(|batch| !batch.is_empty()) {
            open.spans += batch.len() as u64;
            open.batches.push(Arc::new(batch));
        }
    }

    fn close_open(&mut self) {
        self.closed.extend(self.open.take().map(Arc::new));
    }

    /// The newest batches of the open epoch that are tiny and many, with the epoch's first record.
    fn tiny_run(&self) -> Option<(u64, Vec<Arc<SpanBatch>>)> {
        let open = self.open.as_ref()?;
        TINY_SPANS.iter().find_map(|below| {
            let newest_first = open.batches.iter().rev();
            let count = newest_first
                .take_while(|batch| batch.len() < *below)
                .count();
            let run = &open.batches[open.batches.len() - count..];
            (count >= MERGE_COUNT).then(|| (open.seqs.0, run.to_vec()))
        })
    }

    /// Puts `merged` in place of the newest `count` batches, unless the epoch was closed meanwhile.
    fn replace_run(&mut self, first_seq: u64, count: usize, merged: Arc<SpanBatch>) {
        let Some(open) = self.open.as_mut().filter(|open| open.seqs.0 == first_seq) else {
            return;
        };
        let before: usize = open.batches[open.batches.len() - count..]
            .iter()
            .map(|batch| batch.memory_bytes())
            .sum();
        let after = merged.memory_bytes();
        open.batches.truncate(open.batches.len() - count);
        open.batches.push(merged);
        open.bytes = (open.bytes + after).saturating_sub(before);
        self.used_bytes = (self.used_bytes + after).saturating_sub(before);
        self.changed();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A window of 100 bytes in epochs of 60.
    fn window() -> View {
        let limits = Limits {
            hot_window_bytes: 100,
            epoch_bytes: 60,
            ..Limits::default()
        };
        View::new(limits, 0, Vec::new(), Counts::default())
    }

    /// Takes in record `seq` of so many bytes.
    fn take_in(view: &View, seq: u64, bytes: usize) {
        assert!(view.reserve(bytes, bytes));
        let record = Published {
            seq,
            batch: None,
            known: None,
            reserved_bytes: bytes,
        };
        view.publish(vec![record], 0);
    }

    #[test]
    fn a_full_window_does_not_fall_to_pieces() {
        let view = window();
        take_in(&view, 1, 60);
        for seq in 2..6 {
            take_in(&view, seq, 10);
            assert!(!view.reserve(50, 50));
            view.make_room();
        }
        assert_eq!(view.hot().epochs, 2);
        view.swap(1, Vec::new(), Counts::default(), 1);
        assert!(view.oldest_closed().is_none());
        take_in(&view, 6, 10);
        assert!(!view.reserve(60, 60));
        view.make_room();
        let waiting = view.oldest_closed();
        assert_eq!(waiting.map(|epoch| epoch.seqs), Some((2, 6)));
    }
}
