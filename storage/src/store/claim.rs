//! Claims on payloads: who may store one, and who waits for the first copy.

use tokio::sync::watch;

use crate::error::StoreError;
use crate::recent::{Outcome, PayloadHash, Recent};

/// What becomes of a payload that is about to be decoded.
#[derive(Debug)]
pub enum Claim {
    /// Not seen within `Limits::recent_payload_age`: decode it and call [`Store::append`](super::Store::append) with the
    /// ticket. A ticket dropped without an append forgets the payload.
    New(Ticket),
    /// The same payload is being stored or was stored lately: await [`Duplicate::durable`], then answer as for a stored one.
    Duplicate(Duplicate),
}

/// Right to append one payload.
#[derive(Debug)]
pub struct Ticket {
    pub(super) hash: PayloadHash,
    recent: Recent,
    outcome: watch::Sender<Option<bool>>,
    settled: bool,
}

impl Ticket {
    pub(super) fn new(
        hash: PayloadHash,
        recent: Recent,
        outcome: watch::Sender<Option<bool>>,
    ) -> Self {
        Self {
            hash,
            recent,
            outcome,
            settled: false,
        }
    }

    /// The payload is durable and visible: it is remembered, and those who wait for it are told.
    pub(super) fn stored(mut self, at_unix_nano: u64) {
        self.settle(Some(at_unix_nano));
    }

    fn settle(&mut self, stored_at_unix_nano: Option<u64>) {
        if !self.settled {
            self.settled = true;
            self.recent.settle(self.hash, stored_at_unix_nano);
            self.outcome
                .send_replace(Some(stored_at_unix_nano.is_some()));
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.settle(None);
    }
}

/// A payload that is already on its way, or stored.
#[derive(Debug)]
pub struct Duplicate {
    /// `None` when it is stored already.
    pub(super) outcome: Option<Outcome>,
}

impl Duplicate {
    /// Returns when the original is on stable storage.
    ///
    /// # Errors
    /// When the original could not be stored: the sender has to try again.
    pub async fn durable(self) -> Result<(), StoreError> {
        let Some(mut outcome) = self.outcome else {
            return Ok(());
        };
        match outcome.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(true)) => Ok(()),
            _ => Err(StoreError::Unavailable {
                message: "the first copy of this payload could not be stored; send it again"
                    .to_owned(),
            }),
        }
    }
}
