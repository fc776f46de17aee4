//! What became of each batch. It lives in the driver's memory, so nothing that befalls the server or its disk touches it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::batch::Recipe;
use crate::clock;

/// Time in spans runs so much faster than that of the day, so that ten seconds of a run fill a window of merges of a minute, the
/// shortest there is. It begins a day ago, so that no span is of the future.
const HASTE: u64 = 6;
const BEFORE: Duration = Duration::from_hours(24);

/// What a sender knows of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Sent, or about to be, and no answer: it may be stored whole, or not at all.
    Open,
    /// Refused in words, and not sent again. As open: a refusal may come after the write.
    Refused,
    /// Acknowledged: it must be there.
    Acknowledged,
}

/// A batch and its fate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// When it was made, so before it was sent, ns since 1970.
    pub(crate) made_ns: u64,
    /// The round it was made in.
    pub(crate) round: u32,
    /// What the sender knows.
    pub(crate) fate: Fate,
}

/// All batches of a run, by number. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    tag: u64,
    batch_spans: u64,
    began_ns: u64,
    entries: Arc<Mutex<Vec<Entry>>>,
    closed: Arc<AtomicBool>,
    late: Arc<AtomicU64>,
}

impl Ledger {
    /// An empty ledger of the run with this tag, whose batches have so many spans.
    pub(crate) fn new(tag: u64, batch_spans: u64) -> Self {
        Self {
            tag,
            batch_spans,
            began_ns: clock::unix_nano(),
            entries: Arc::default(),
            closed: Arc::default(),
            late: Arc::default(),
        }
    }

    /// Tag of the run.
    pub(crate) fn tag(&self) -> u64 {
        self.tag
    }

    /// Spans of each batch.
    pub(crate) fn batch_spans(&self) -> u64 {
        self.batch_spans
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a new batch, open.
    pub(crate) fn enter(&self, round: u32, made_ns: u64) -> Recipe {
        let entry = Entry {
            made_ns,
            round,
            fate: Fate::Open,
        };
        let mut entries = self.lock();
        entries.push(entry);
        self.recipe(entries.len() as u64 - 1, &entry)
    }

    /// Says what became of a batch. An acknowledgement is never taken back.
    pub(crate) fn set(&self, number: u64, fate: Fate) {
        let mut entries = self.lock();
        if self.closed.load(Ordering::SeqCst) {
            self.late.fetch_add(1, Ordering::SeqCst);
            return;
        }
        if let Some(entry) = entries.get_mut(number as usize)
            && entry.fate != Fate::Acknowledged
        {
            entry.fate = fate;
        }
    }

    /// From here on answers do not count, until [`Ledger::reopen`]: a machine without power sends none.
    pub(crate) fn close(&self) {
        let _entries = self.lock();
        self.closed.store(true, Ordering::SeqCst);
    }

    /// Answers count again.
    pub(crate) fn reopen(&self) {
        self.closed.store(false, Ordering::SeqCst);
    }

    /// Answers that did not count.
    pub(crate) fn late(&self) -> u64 {
        self.late.load(Ordering::SeqCst)
    }

    /// Every batch so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.lock().clone()
    }

    /// How many of the batches have this fate.
    pub(crate) fn count(&self, fate: Fate) -> u64 {
        self.lock().iter().filter(|e| e.fate == fate).count() as u64
    }

    /// The batches of a round that have no answer.
    pub(crate) fn open(&self, round: u32) -> Vec<Recipe> {
        let entries = self.lock();
        let open = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.round == round && entry.fate == Fate::Open);
        open.map(|(number, entry)| self.recipe(number as u64, entry))
            .collect()
    }

    /// Acknowledged spans.
    pub(crate) fn acknowledged_spans(&self) -> u64 {
        self.count(Fate::Acknowledged) * self.batch_spans
    }

    /// What makes the batch of this number again.
    pub(crate) fn recipe(&self, number: u64, entry: &Entry) -> Recipe {
        let since_ns = entry.made_ns.saturating_sub(self.began_ns);
        Recipe {
            tag: self.tag,
            number,
            round: entry.round,
            start_ns: self.began_ns - BEFORE.as_nanos() as u64 + HASTE * since_ns,
            spans: self.batch_spans,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_stays_and_open_batches_can_be_made_again() {
        let ledger = Ledger::new(9, 50);
        let first = ledger.enter(0, 100);
        let second = ledger.enter(0, 200);
        ledger.set(first.number, Fate::Acknowledged);
        ledger.set(first.number, Fate::Refused);
        assert_eq!(ledger.count(Fate::Acknowledged), 1);
        assert_eq!(ledger.open(0), [second]);
        assert_eq!(ledger.open(1), []);
        assert_eq!(ledger.entries().len(), 2);
        ledger.close();
        ledger.set(second.number, Fate::Acknowledged);
        assert_eq!((ledger.open(0), ledger.late()), (vec![second], 1));
        ledger.reopen();
        ledger.set(second.number, Fate::Acknowledged);
        assert_eq!(ledger.open(0), []);
    }
}
