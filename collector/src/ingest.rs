//! The one path behind all doors: decompress, claim, decode, sample, store.
//!
//! ```text
//!  Request ──inflate──▶ payload ──Store::claim──▶ new ──decode, sample──▶ Store::append ──▶ Accepted
//!                                          └────▶ duplicate ──wait until the original is durable──▶ Accepted
//! ```
//!
//! A request that was begun is carried to its end even if its sender goes away, so that what is counted and what is stored
//! agree. Large bodies are inflated and decoded on blocking threads, a few at a time.

use std::sync::Arc;

use bytes::Bytes;
use clew_storage::store::{Append, Claim, Duplicate, Ticket};
use clew_storage::{PayloadKind, Store};
use metrics::{counter, histogram};
use tokio::sync::Semaphore;

use crate::budget::{Budget, Lease};
use crate::decode::{self, Decoded};
use crate::http::Coding;
use crate::http::InflateError;
use crate::limits::Limits;
use crate::metrics as names;
use crate::refusal::Refusal;
use crate::rejected::Rejected;
use crate::sampling::Sampler;
use crate::sampling::remote::Observed;

/// How much larger a compressed body is taken to be than it looks, when it is decided where to decode it.
const INFLATION_GUESS: usize = 8;

/// A protocol, as metrics name it.
pub(crate) type Protocol = &'static str;

/// A request whose body has arrived.
pub(crate) struct Request {
    pub(crate) protocol: Protocol,
    pub(crate) kind: PayloadKind,
    pub(crate) coding: Coding,
    pub(crate) body: Bytes,
    /// Memory that the body holds.
    pub(crate) lease: Lease,
}

/// A request that was taken.
#[derive(Debug, Default)]
pub(crate) struct Accepted {
    /// Spans that were invalid.
    pub(crate) rejected: Rejected,
    /// Whether the payload had been stored before.
    pub(crate) duplicate: bool,
}

impl Accepted {
    fn outcome(&self) -> &'static str {
        match self {
            Self {
                duplicate: true, ..
            } => "duplicate",
            Self { rejected, .. } if rejected.is_everything() => "rejected",
            Self { rejected, .. } if rejected.count() > 0 => "partial",
            _ => "accepted",
        }
    }
}

/// What all doors share.
pub(crate) struct Ingest {
    store: Store,
    pub(crate) limits: Limits,
    sampler: Sampler,
    /// Counts root spans, if remote sampling follows them.
    observed: Option<Arc<Observed>>,
    pub(crate) budget: Budget,
    /// Permits for blocking threads.
    decoders: Semaphore,
}

/// A payload on its way from the decoder to the store.
enum Prepared {
    Duplicate(Duplicate),
    New(Box<New>),
}

/// A payload that was not seen before.
struct New {
    ticket: Ticket,
    payload: Bytes,
    received_at_unix_nano: u64,
    decoded: Decoded,
}

impl Ingest {
    pub(crate) fn new(
        store: Store,
        limits: Limits,
        sampler: Sampler,
        observed: Option<Arc<Observed>>,
    ) -> Self {
        let budget = Budget::new(limits.in_flight_bytes_max);
        let decoders = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            store,
            limits,
            sampler,
            observed,
            budget,
            decoders: Semaphore::new(decoders),
        }
    }

    /// Notes that a request has come in, and the time.
    pub(crate) fn begin(&self, protocol: Protocol) -> Begun {
        counter!(names::REQUESTS_RECEIVED, "protocol" => protocol).increment(1);
        Begun {
            protocol,
            at_ns: self.store.env().clock.monotonic_ns(),
        }
    }

    /// Notes how the request `begun` was answered.
    pub(crate) fn finish(&self, begun: &Begun, result: &Result<Accepted, Refusal>) {
        let outcome = match result {
            Ok(accepted) => accepted.outcome(),
            Err(refusal) => refusal.outcome(),
        };
        let protocol = begun.protocol;
        counter!(names::REQUESTS_FINISHED, "protocol" => protocol, "outcome" => outcome)
            .increment(1);
        let elapsed_ns = self
            .store
            .env()
            .clock
            .monotonic_ns()
            .saturating_sub(begun.at_ns);
        histogram!(names::REQUEST_SECONDS, "protocol" => protocol).record(elapsed_ns as f64 / 1e9);
        if let Err(refusal) = result {
            tracing::debug!(protocol, outcome, %refusal, "ingest request refused");
        }
    }

    /// Whether the store would take a payload of so many bytes at the moment.
    ///
    /// # Errors
    /// When it would refuse it.
    pub(crate) fn check_room(&self, bytes: usize) -> Result<(), Refusal> {
        Ok(self.store.check_room(bytes)?)
    }

    /// Stores the spans of `request`; returns when they are on stable storage.
    ///
    /// # Errors
    /// When nothing of it was stored.
    pub(crate) async fn accept(self: &Arc<Self>, request: Request) -> Result<Accepted, Refusal> {
        let ingest = Arc::clone(self);
        let task = tokio::spawn(async move { ingest.run(request).await });
        task.await.unwrap_or_else(|error| {
            tracing::error!(%error, "an ingest request failed by a fault in the server");
            Err(Refusal::Internal)
        })
    }

    async fn run(self: Arc<Self>, request: Request) -> Result<Accepted, Refusal> {
        let (protocol, kind) = (request.protocol, request.kind);
        // Holds the memory of the payload until the store has it.
        let (prepared, _lease) = self.prepare_where_it_fits(request).await?;
        match prepared {
            Prepared::Duplicate(duplicate) => {
                duplicate.durable().await?;
                Ok(Accepted {
                    duplicate: true,
                    ..Accepted::default()
                })
            }
            Prepared::New(new) => self.store(protocol, kind, *new).await,
        }
    }

    async fn store(
        &self,
        protocol: Protocol,
        kind: PayloadKind,
        new: New,
    ) -> Result<Accepted, Refusal> {
        let New {
            ticket,
            payload,
            received_at_unix_nano,
            decoded,
        } = new;
        let Decoded {
            batch,
            admission,
            rejected,
            sampled_out,
        } = decoded;
        let kept = batch.len() as u64;
        count_spans(protocol, &rejected, sampled_out);
        if kept > 0 {
            let append = Append {
                kind,
                payload,
                received_at_unix_nano,
                admission,
                batch,
            };
            let stored = self.store.append(ticket, append).await;
            let name = if stored.is_ok() {
                names::SPANS_STORED
            } else {
                names::SPANS_REFUSED
            };
            counter!(name, "protocol" => protocol).increment(kept);
            stored?;
        }
        Ok(Accepted {
            rejected,
            duplicate: false,
        })
    }

    async fn prepare_where_it_fits(
        self: &Arc<Self>,
        request: Request,
    ) -> Result<(Prepared, Lease), Refusal> {
        let inflation = if request.coding == Coding::Identity {
            1
        } else {
            INFLATION_GUESS
        };
        if request.body.len().saturating_mul(inflation) <= self.limits.inline_decode_bytes_max {
            return self.prepare(request);
        }
        let _permit = self
            .decoders
            .acquire()
            .await
            .map_err(|_| Refusal::Internal)?;
        let ingest = Arc::clone(self);
        let work = tokio::task::spawn_blocking(move || ingest.prepare(request));
        work.await.unwrap_or_else(|error| {
            tracing::error!(%error, "decoding failed by a fault in the server");
            Err(Refusal::Internal)
        })
    }

    /// Decompresses, claims and decodes: all that takes time but no waiting.
    fn prepare(&self, request: Request) -> Result<(Prepared, Lease), Refusal> {
        let Request {
            protocol,
            kind,
            coding,
            body,
            mut lease,
        } = request;
        let payload = self.inflate(coding, body, &mut lease)?;
        counter!(names::BODY_BYTES, "protocol" => protocol).increment(payload.len() as u64);
        let prepared = match self.store.claim(kind, &payload) {
            Claim::Duplicate(duplicate) => Prepared::Duplicate(duplicate),
            Claim::New(ticket) => {
                // Room may have gone while the body came in; what is not decoded in vain is left for what is taken.
                self.check_room(payload.len())?;
                let received_at_unix_nano = self.store.env().clock.now_unix_nano();
                let decoded = decode::arrived(
                    kind,
                    &payload,
                    received_at_unix_nano,
                    &self.limits.payload,
                    &self.sampler,
                    self.observed.as_deref(),
                )?;
                Prepared::New(Box::new(New {
                    ticket,
                    payload,
                    received_at_unix_nano,
                    decoded,
                }))
            }
        };
        Ok((prepared, lease))
    }

    fn inflate(&self, coding: Coding, body: Bytes, lease: &mut Lease) -> Result<Bytes, Refusal> {
        if coding == Coding::Identity {
            return Ok(body);
        }
        let max = self.limits.body_bytes_max;
        let inflated = coding
            .inflate(&body, max, lease)
            .map_err(|error| match error {
                InflateError::Malformed(error) => Refusal::Invalid(format!(
                    "the request body is not valid {coding:?} data: {error}"
                )),
                InflateError::TooLarge => Refusal::body_too_large(max),
                InflateError::Exhausted => Refusal::Busy {
                    retry_after: self.limits.retry_after,
                },
            })?;
        lease.shrink_to(inflated.len());
        Ok(inflated.into())
    }
}

/// A request that has come in.
pub(crate) struct Begun {
    protocol: Protocol,
    at_ns: u64,
}

fn count_spans(protocol: Protocol, rejected: &Rejected, sampled_out: u64) {
    counter!(names::SPANS_RECEIVED, "protocol" => protocol).increment(rejected.total());
    counter!(names::SPANS_REJECTED, "protocol" => protocol).increment(rejected.count());
    counter!(names::SPANS_SAMPLED_OUT, "protocol" => protocol).increment(sampled_out);
}
