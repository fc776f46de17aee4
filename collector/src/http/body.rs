//! Reads request bodies: bounded in size, in time, and by the budget of all requests in flight.
//!
//! A request is refused before its body is received, as far as its length is known: under more load than the server can take, bodies that
//! are received and then refused would take the processor from those that are taken.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::budget::Lease;
use crate::ingest::Ingest;
use crate::limits::Limits;
use crate::refusal::Refusal;

/// Most memory that is set aside on the word of a sender.
const RESERVE_BYTES_MAX: u64 = 1 << 20;

/// Bytes before a gRPC message.
pub(crate) const GRPC_PREFIX_BYTES: usize = 5;

/// Where a request says how long its body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// In `content-length`, or nowhere.
    Header,
    /// At the start of the body, in the prefix of a gRPC message.
    GrpcPrefix,
}

impl Length {
    /// Bytes of a body that is as long as it may be.
    fn max(self, limits: &Limits) -> usize {
        match self {
            Self::Header => limits.body_bytes_max,
            Self::GrpcPrefix => limits.body_bytes_max + GRPC_PREFIX_BYTES,
        }
    }
}

/// The value of `content-length`.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// The length that stands in the prefix of a gRPC message, prefix included, once all of the prefix is there.
fn grpc_length(body: &[u8]) -> Option<u64> {
    let length = body.get(1..GRPC_PREFIX_BYTES)?.try_into().ok()?;
    Some(u64::from(u32::from_be_bytes(length)) + GRPC_PREFIX_BYTES as u64)
}

/// Reads all of `body`; the lease is for as many bytes.
///
/// # Errors
/// When the body is too large, late, cut short, no memory is left for it, or the store would not take it now.
pub(crate) async fn read(
    ingest: &Ingest,
    headers: &HeaderMap,
    body: &mut Body,
    length: Length,
) -> Result<(Bytes, Lease), Refusal> {
    let mut reading = Reading {
        ingest,
        length,
        declared: 0,
        lease: ingest.budget.lease(),
    };
    reading.admit(content_length(headers).unwrap_or(0))?;
    let limits = &ingest.limits;
    let received = timeout(limits.body_timeout, reading.collect(body)).await;
    let received = received.unwrap_or_else(|_| Err(late(limits, limits.body_timeout)))?;
    reading.lease.shrink_to(received.len());
    Ok((received, reading.lease))
}

fn late(limits: &Limits, after: Duration) -> Refusal {
    Refusal::TimedOut {
        after,
        retry_after: limits.retry_after,
    }
}

/// A body that is being received.
struct Reading<'a> {
    ingest: &'a Ingest,
    length: Length,
    /// Its bytes, as its sender says; 0 as long as that is not known.
    declared: u64,
    lease: Lease,
}

impl Reading<'_> {
    /// Takes room for a body of `declared` bytes before it is received, so that what is begun is seldom in vain.
    fn admit(&mut self, declared: u64) -> Result<(), Refusal> {
        let limits = &self.ingest.limits;
        if declared > self.length.max(limits) as u64 {
            return Err(Refusal::body_too_large(limits.body_bytes_max));
        }
        self.ingest.check_room(declared as usize)?;
        if !self.ingest.budget.has(declared) {
            return Err(Refusal::Busy {
                retry_after: limits.retry_after,
            });
        }
        self.declared = declared;
        self.lease(declared.min(RESERVE_BYTES_MAX) as usize)
    }

    fn lease(&mut self, bytes: usize) -> Result<(), Refusal> {
        let busy = Refusal::busy(self.ingest.limits.retry_after);
        self.lease.grow_to(bytes).map_err(busy)
    }

    async fn collect(&mut self, body: &mut Body) -> Result<Bytes, Refusal> {
        let mut received = Received::default();
        while let Some(data) = self.next(body).await? {
            let bytes = received.len() + data.len();
            let limits = &self.ingest.limits;
            if bytes > self.length.max(limits) {
                return Err(Refusal::body_too_large(limits.body_bytes_max));
            }
            self.lease(bytes)?;
            received.push(data, self.declared);
            if self.length == Length::GrpcPrefix
                && self.declared == 0
                && let Some(declared) = grpc_length(received.bytes())
            {
                self.admit(declared)?;
            }
        }
        Ok(received.finish())
    }

    /// The next part of the body.
    async fn next(&self, body: &mut Body) -> Result<Option<Bytes>, Refusal> {
        let limits = &self.ingest.limits;
        loop {
            let Ok(frame) = timeout(limits.body_idle_timeout, body.frame()).await else {
                return Err(late(limits, limits.body_idle_timeout));
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| {
                Refusal::Invalid(format!("the request body cannot be read: {error}"))
            })?;
            if let Ok(data) = frame.into_data() {
                return Ok(Some(data));
            }
        }
    }
}

/// What was received. A body that comes in one part is not copied.
#[derive(Default)]
struct Received {
    first: Bytes,
    all: Vec<u8>,
}

impl Received {
    fn len(&self) -> usize {
        self.bytes().len()
    }

    fn bytes(&self) -> &[u8] {
        if self.all.is_empty() {
            &self.first
        } else {
            &self.all
        }
    }

    /// Adds a part of a body of `declared` bytes.
    fn push(&mut self, data: Bytes, declared: u64) {
        if self.bytes().is_empty() {
            self.first = data;
            return;
        }
        if self.all.is_empty() {
            self.make_room(self.first.len(), declared);
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.make_room(data.len(), declared);
        self.all.extend_from_slice(&data);
    }

    /// Makes room for `more` bytes: for all that are declared, if these are not many, and otherwise for twice as many as there are, but
    /// no more than are declared.
    fn make_room(&mut self, more: usize, declared: u64) {
        let bytes = self.all.len() + more;
        if bytes <= self.all.capacity() {
            return;
        }
        let twice = 2 * bytes as u64;
        let room = if declared >= bytes as u64 {
            declared.min(twice.max(RESERVE_BYTES_MAX))
        } else {
            // Nothing was declared, or too little.
            twice
        };
        self.all.reserve_exact(room as usize - self.all.len());
    }

    fn finish(self) -> Bytes {
        if self.all.is_empty() {
            self.first
        } else {
            self.all.into()
        }
    }
}

/// Reads and drops what is left of a body that was refused, so that an HTTP/1 client that is still sending gets to see
/// the answer instead of a reset connection. Gives up at the limits that hold for any body.
pub(crate) async fn discard(body: &mut Body, limits: &Limits) {
    let mut left = limits.body_bytes_max;
    let reading = async {
        while let Ok(Some(Ok(frame))) = timeout(limits.body_idle_timeout, body.frame()).await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => break,
            }
        }
    };
    // Late or not, the answer goes out now.
    drop(timeout(limits.body_timeout, reading).await);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;
    const PART_BYTES: usize = 16 << 10;

    /// What comes of `bytes` in parts, and the most room that there was for them.
    fn received(bytes: &[u8], declared: usize) -> (Bytes, usize) {
        let (mut received, mut room) = (Received::default(), 0);
        for part in bytes.chunks(PART_BYTES) {
            received.push(Bytes::copy_from_slice(part), declared as u64);
            room = room.max(received.all.capacity());
        }
        (received.finish(), room)
    }

    #[test]
    fn a_body_has_the_room_that_it_needs() {
        let bytes: Vec<u8> = (0..3 * MIB).map(|at| (at % 251) as u8).collect();
        for length in [0, 1, PART_BYTES, PART_BYTES + 1, MIB, MIB + 1, 3 * MIB] {
            let (all, room) = received(&bytes[..length], length);
            assert_eq!(all, bytes[..length]);
            assert!(room <= length, "{room} for {length}");
        }
    }

    #[test]
    fn a_declared_length_is_believed_as_far_as_bytes_follow() {
        let bytes = vec![1; 5 * MIB];
        for (length, most) in [(2 * PART_BYTES, MIB), (MIB + 1, 2 * MIB + 2 * PART_BYTES)] {
            let (all, room) = received(&bytes[..length], 64 * MIB);
            assert_eq!(all.len(), length);
            assert!(room <= most, "{room} for {length}");
        }
    }

    #[test]
    fn a_body_of_unknown_length_grows_by_doubling() {
        let bytes = vec![1; 5 * MIB];
        for declared in [0, 1, MIB] {
            let (all, room) = received(&bytes, declared);
            assert_eq!(all.len(), bytes.len());
            assert!(room <= 2 * bytes.len() && room > bytes.len(), "{room}");
        }
    }
}
