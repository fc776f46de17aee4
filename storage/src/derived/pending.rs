//! Calls of which one side has left the hot window and the other has not arrived.
//!
//! A caller waits for spans of the called service, a called span for its caller. After [`PAIRING_WAIT_NS`] a caller whose attributes name
//! what it called is counted as a call of that, and everything else is given up. When there are too many, the oldest do not wait for so long.

use serde::{Deserialize, Serialize};

use super::peer::Peer;
use super::table::{Event, Table};
use crate::fast::FastMap;
use crate::ids::{SpanId, TraceId};
use crate::limits::PENDING_CALLS_MAX;
use crate::tree::Role;

/// How long a side waits after it has left the hot window.
const PAIRING_WAIT_NS: i64 = 120_000_000_000;

/// Trace and span id of the caller.
pub(super) type Key = [u64; 3];

/// The key of the caller with this id.
pub(super) fn key(trace: TraceId, span: SpanId) -> Key {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |n, byte| n << 8 | u64::from(*byte));
    [
        number(&trace.0[..8]),
        number(&trace.0[8..]),
        number(&span.0),
    ]
}

/// A caller that has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Caller {
    pub(super) service: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) peer: Option<Peer>,
    pub(super) event: Event,
    /// When it began to wait, ns since the epoch.
    pub(super) since: i64,
    /// A span that it called is known.
    pub(super) is_paired: bool,
}

impl Caller {
    /// A server or consumer, which calls others only where no client or producer tells of it.
    fn is_server(&self) -> bool {
        Role::of_kind(&self.kind) == Role::Callee && !self.is_paired
    }
}

/// A called span that has left.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Callee {
    pub(super) service: Box<str>,
    pub(super) kind: Box<str>,
    pub(super) event: Event,
    /// When it began to wait, ns since the epoch.
    pub(super) since: i64,
}

/// Sides of calls that wait for the other.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PendingCalls {
    callers: FastMap<Key, Caller>,
    callees: FastMap<Key, Vec<Callee>>,
    /// Called spans in all.
    callee_count: usize,
}

/// As it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    callers: Vec<(Key, Caller)>,
    callees: Vec<(Key, Vec<Callee>)>,
}

impl PendingCalls {
    /// True when nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of sides.
    pub(crate) fn len(&self) -> usize {
        self.callers.len() + self.callee_count
    }

    /// The text of [`PendingCalls::parse`].
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut stored = Stored {
            callers: self.callers.clone().into_iter().collect(),
            callees: self.callees.clone().into_iter().collect(),
        };
        stored.callers.sort_unstable_by_key(|(key, _)| *key);
        stored.callees.sort_unstable_by_key(|(key, _)| *key);
        serde_json::to_vec(&stored)
            .expect("numbers, texts and lists of them always have a JSON form")
    }

    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let stored: Stored = serde_json::from_slice(json)?;
        Ok(Self {
            callers: stored.callers.into_iter().collect(),
            callee_count: stored.callees.iter().map(|(_, list)| list.len()).sum(),
            callees: stored.callees.into_iter().collect(),
        })
    }

    /// The caller with this key, if it waits.
    pub(super) fn caller(&mut self, key: Key) -> Option<&mut Caller> {
        self.callers.get_mut(&key)
    }

    /// The called spans that waited for the caller with this key.
    pub(super) fn callees(&mut self, key: Key) -> Vec<Callee> {
        if self.callees.is_empty() {
            return Vec::new();
        }
        let callees = self.callees.remove(&key).unwrap_or_default();
        self.callee_count -= callees.len();
        callees
    }

    pub(super) fn wait_for_callee(&mut self, key: Key, caller: Caller) {
        self.callers.insert(key, caller);
    }

    pub(super) fn wait_for_caller(&mut self, key: Key, callee: Callee) {
        self.callees.entry(key).or_default().push(callee);
        self.callee_count += 1;
    }

    /// Counts the calls of callers that have waited long enough.
    pub(super) fn overdue(&self, now: i64, edges: &mut Table<3>) {
        let before = now.saturating_sub(PAIRING_WAIT_NS);
        let callers = self.callers.values();
        for caller in callers.filter(|caller| caller.since <= before) {
            count(caller, edges);
        }
    }

    /// Settles when there are half again as many as may stay: traces of one epoch may leave far more behind.
    pub(super) fn settle_excess(&mut self, now: i64, edges: &mut Table<3>) {
        if self.len() > PENDING_CALLS_MAX / 2 * 3 {
            self.settle(now, edges);
        }
    }

    /// Counts and forgets what has waited long enough, and of what is too much: servers that may be callers first, then the oldest.
    pub(super) fn settle(&mut self, now: i64, edges: &mut Table<3>) {
        self.settle_until(now.saturating_sub(PAIRING_WAIT_NS), edges);
        let Some(too_many) = self.len().checked_sub(PENDING_CALLS_MAX + 1) else {
            return;
        };
        let servers = self.callers.values().filter(|caller| caller.is_server());
        let until = oldest(servers.map(|caller| caller.since), too_many);
        self.callers
            .retain(|_, caller| !caller.is_server() || caller.since > until);
        if let Some(too_many) = self.len().checked_sub(PENDING_CALLS_MAX + 1) {
            let called = self.callees.values().flatten();
            let of_called = called.map(|callee| callee.since);
            let of_callers = self.callers.values().map(|caller| caller.since);
            let until = oldest(of_called.chain(of_callers), too_many);
            self.settle_until(until, edges);
        }
    }

    fn settle_until(&mut self, since: i64, edges: &mut Table<3>) {
        self.callers.retain(|_, caller| {
            let stays = caller.since > since;
            if !stays {
                count(caller, edges);
            }
            stays
        });
        self.callees.retain(|_, callees| {
            callees.retain(|callee| callee.since > since);
            !callees.is_empty()
        });
        self.callee_count = self.callees.values().map(Vec::len).sum();
    }
}

/// The time up to which the oldest `last + 1` of `times` lie; that of all when they are fewer.
fn oldest(times: impl Iterator<Item = i64>, last: usize) -> i64 {
    let mut times: Vec<i64> = times.collect();
    if last >= times.len() {
        return i64::MAX;
    }
    *times.select_nth_unstable(last).1
}

fn count(caller: &Caller, edges: &mut Table<3>) {
    if let Some(peer) = caller.peer.as_ref().filter(|_| !caller.is_paired) {
        let texts: [&str; 3] = [&caller.service, &peer.name, peer.kind.name()];
        edges.add(texts, caller.event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(kind: &str, since: i64) -> Caller {
        Caller {
            service: "a".into(),
            kind: kind.into(),
            peer: None,
            event: Event {
                start_time: 0,
                duration_ns: 0,
                is_error: false,
                weight: 1.0,
            },
            since,
            is_paired: false,
        }
    }

    #[test]
    fn as_many_wait_as_allowed_and_of_one_more_the_oldest_server_goes() {
        let mut pending = PendingCalls::default();
        let mut edges = Table::service_edges(10);
        for number in 0..PENDING_CALLS_MAX as u64 {
            let kind = if number < 2 { "client" } else { "server" };
            pending.wait_for_callee([0, 0, number], caller(kind, number as i64));
        }
        pending.settle(0, &mut edges);
        assert_eq!(pending.len(), PENDING_CALLS_MAX);
        pending.wait_for_callee([1, 0, 0], caller("client", i64::MAX));
        pending.settle(0, &mut edges);
        assert_eq!(pending.len(), PENDING_CALLS_MAX);
        assert!(pending.caller([0, 0, 1]).is_some() && pending.caller([0, 0, 2]).is_none());
        for number in 0..PENDING_CALLS_MAX as u64 {
            pending.wait_for_callee([2, 0, number], caller("client", 1 << 40));
        }
        pending.settle(0, &mut edges);
        assert!(pending.len() <= PENDING_CALLS_MAX);
        assert!(pending.caller([0, 0, 0]).is_none() && pending.caller([1, 0, 0]).is_some());
    }

    #[test]
    fn what_one_epoch_leaves_behind_is_settled_before_it_is_much() {
        let mut pending = PendingCalls::default();
        let mut edges = Table::service_edges(10);
        let most = PENDING_CALLS_MAX as u64 / 2 * 3;
        for number in 0..most {
            pending.wait_for_callee([0, 0, number], caller("server", number as i64));
            pending.settle_excess(0, &mut edges);
            assert_eq!(pending.len() as u64, number + 1);
        }
        pending.wait_for_callee([0, 0, most], caller("server", most as i64));
        pending.settle_excess(0, &mut edges);
        assert_eq!(pending.len(), PENDING_CALLS_MAX);
        assert!(pending.caller([0, 0, most]).is_some() && pending.caller([0, 0, 0]).is_none());
    }
}
