//! Reads request bodies: bounded in size, in time, and by the budget of all requests in flight.

use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use tokio::time::timeout;

use crate::budget::Lease;
use crate::limits::Limits;
use crate::refusal::Refusal;

/// Most memory that is set aside on the word of a `content-length`.
const RESERVE_BYTES_MAX: u64 = 1 << 20;

/// The value of `content-length`.
fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(header::CONTENT_LENGTH)?
        .to_str()
        .ok()?
        .parse()
        .ok()
}

/// Reads all of `body`, at most `max` bytes; `lease` grows before each part is kept.
///
/// # Errors
/// When the body is too large, late, cut short, or no memory is left for it.
pub(crate) async fn read(
    headers: &HeaderMap,
    body: &mut Body,
    max: usize,
    limits: &Limits,
    lease: &mut Lease,
) -> Result<Bytes, Refusal> {
    let declared = content_length(headers).unwrap_or(0);
    if declared > max as u64 {
        return Err(Refusal::body_too_large(max));
    }
    if !lease.budget().has(declared) {
        return Err(Refusal::Busy {
            retry_after: limits.retry_after,
        });
    }
    let reading = collect(body, max, declared, limits, lease);
    let late = late(limits, limits.body_timeout);
    timeout(limits.body_timeout, reading)
        .await
        .unwrap_or(Err(late))
}

fn late(limits: &Limits, after: Duration) -> Refusal {
    Refusal::TimedOut {
        after,
        retry_after: limits.retry_after,
    }
}

async fn collect(
    body: &mut Body,
    max: usize,
    declared: u64,
    limits: &Limits,
    lease: &mut Lease,
) -> Result<Bytes, Refusal> {
    let mut first = Bytes::new();
    let mut all = BytesMut::new();
    loop {
        let Ok(frame) = timeout(limits.body_idle_timeout, body.frame()).await else {
            return Err(late(limits, limits.body_idle_timeout));
        };
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| {
            Refusal::Invalid(format!("the request body cannot be read: {error}"))
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if data.len() > max - first.len() - all.len() {
            return Err(Refusal::body_too_large(max));
        }
        lease
            .grow(data.len())
            .map_err(Refusal::busy(limits.retry_after))?;
        if first.is_empty() && all.is_empty() {
            first = data;
            continue;
        }
        if all.is_empty() {
            all.reserve(declared.min(RESERVE_BYTES_MAX) as usize);
            all.extend_from_slice(&std::mem::take(&mut first));
        }
        all.extend_from_slice(&data);
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
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
