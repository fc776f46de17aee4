//! The queue between requests and the log's writer: bounded in bytes, closed at shutdown, refusing while the log cannot be written.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::claim::Ticket;
use crate::batch::SpanBatch;
use crate::error::StoreError;
use crate::measure;
use crate::wal::frame::{Record, record_bytes};

/// When a client is asked to try again after a refusal, ms.
pub(super) const RETRY_AFTER_MS: u64 = 1000;

/// A payload on its way to the log.
#[derive(Debug)]
pub(super) struct Item {
    /// Its sequence number is set by the writer.
    pub(super) record: Record,
    pub(super) pending: Pending,
}

/// What becomes of a payload once it is in the log.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) batch: SpanBatch,
    pub(super) ticket: Ticket,
    /// Bytes reserved in the hot window.
    pub(super) reserved_bytes: usize,
    /// Where the request waits.
    pub(super) done: oneshot::Sender<Result<(), StoreError>>,
}

/// What the writer is to do next.
#[derive(Debug)]
pub(super) enum Next {
    /// Write these together.
    Group(Vec<Item>),
    /// Nothing came in the time given.
    Idle,
    /// The queue is closed and empty.
    Closed,
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    /// Bytes of the items and of those taken but not yet finished.
    bytes: usize,
    closed: bool,
    /// Why nothing can be written at the moment.
    unavailable: Option<String>,
    /// Why nothing is to be written at the moment, although it could.
    full: Option<String>,
}

/// The queue.
#[derive(Debug)]
pub(super) struct Queue {
    bytes_max: usize,
    state: Mutex<State>,
    wake: Condvar,
}

impl Queue {
    /// An open queue that holds up to `bytes_max` bytes of records.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            state: Mutex::default(),
            wake: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts an item in, or gives it back with the reason.
    pub(super) fn push(&self, item: Item) -> Result<(), Box<(Item, StoreError)>> {
        let mut state = self.state();
        let bytes = record_bytes(&item.record);
        if let Err(refusal) = state.check(bytes, self.bytes_max) {
            return Err(Box::new((item, refusal)));
        }
        state.bytes += bytes;
        state.items.push_back(item);
        measure::queue_bytes(state.bytes);
        self.wake.notify_all();
        Ok(())
    }

    /// Whether a record of so many bytes would be taken now.
    pub(super) fn check(&self, bytes: usize) -> Result<(), StoreError> {
        self.state().check(bytes, self.bytes_max)
    }

    /// Waits for items and takes as many as fit into `bytes_max`, but at least one; gives up after `timeout`.
    pub(super) fn next(&self, bytes_max: usize, timeout: Option<Duration>) -> Next {
        let mut state = self.state();
        while state.items.is_empty() {
            if state.closed {
                return Next::Closed;
            }
            state = match timeout {
                None => self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let waited = self.wake.wait_timeout(state, timeout);
                    let (state, result) = waited.unwrap_or_else(PoisonError::into_inner);
                    if result.timed_out() && state.items.is_empty() && !state.closed {
                        return Next::Idle;
                    }
                    state
                }
            };
        }
        let mut bytes = 0;
        let mut group = Vec::new();
        while let Some(item) = state.items.front() {
            bytes += record_bytes(&item.record);
            if bytes > bytes_max && !group.is_empty() {
                break;
            }
            group.extend(state.items.pop_front());
        }
        Next::Group(group)
    }

    /// Gives back the room of items that were taken.
    pub(super) fn finished(&self, bytes: usize) {
        let mut state = self.state();
        state.bytes -= bytes;
        measure::queue_bytes(state.bytes);
    }

    /// True when no item waits.
    pub(super) fn is_empty(&self) -> bool {
        self.state().items.is_empty()
    }

    /// Refuses everything with `reason` from now on, or takes items again.
    pub(super) fn set_unavailable(&self, reason: Option<String>) {
        measure::wal_available(reason.is_none());
        self.state().unavailable = reason;
    }

    /// Why nothing can be written at the moment.
    pub(super) fn unavailable(&self) -> Option<String> {
        self.state().unavailable.clone()
    }

    /// Refuses everything with `reason` from now on, or takes items again; what is in the queue is still written.
    pub(super) fn set_full(&self, reason: Option<String>) {
        self.state().full = reason;
    }

    /// Why nothing is to be written at the moment.
    pub(super) fn full(&self) -> Option<String> {
        self.state().full.clone()
    }

    /// Takes nothing more; what is in the queue is still written.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_all();
    }

    /// Drops everything that waits: the writer is gone.
    pub(super) fn abandon(&self) {
        let items = {
            let mut state = self.state();
            state.closed = true;
            std::mem::take(&mut state.items)
        };
        drop(items);
    }
}

impl State {
    /// Whether `bytes` more are taken, where there may be `bytes_max`. What is refused is counted.
    fn check(&self, bytes: usize, bytes_max: usize) -> Result<(), StoreError> {
        if self.closed {
            measure::refusal("unavailable");
            return Err(StoreError::Closed);
        }
        if let Some(message) = self.unavailable.as_ref().or(self.full.as_ref()) {
            measure::refusal("unavailable");
            let message = message.clone();
            return Err(StoreError::Unavailable { message });
        }
        if self.bytes.saturating_add(bytes) > bytes_max {
            measure::refusal("queue");
            return Err(StoreError::Overloaded {
                what: "log queue",
                retry_after_ms: RETRY_AFTER_MS,
            });
        }
        Ok(())
    }
}
