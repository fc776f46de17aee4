//! The newest matching traces.
//!
//! ```text
//!  hot window, then segments by latest start ──▶ hits (trace, earliest matching start) ──▶ page, ordered by merged start
//!        scanned by threads, pruned                 bound < page's last? else dropped          limit + 1 places
//! ```
//!
//! A trace can stand no earlier in the order than its matching spans say, so only hits that may still enter the page are looked
//! up in the other parts. Memory is the page, the hits of a few row groups, and 16 bytes for each matching trace if they are to be
//! counted. Unless all are to be counted, the search ends as soon as no older segment can reach the page.

use std::collections::{HashMap, HashSet};

use clew_storage::TraceId;
use clew_storage::span::earlier_start;

use super::cursor::Place;
use super::matcher::Hit;
use super::parts::Parts;
use super::scan::Scan;
use super::{Count, Ranking, SearchRequest};
use crate::error::QueryError;

/// Ranks the newest traces of `scan`. Blocks.
pub(super) fn rank<'a>(
    request: &SearchRequest,
    scan: &mut Scan<'a>,
    parts: &mut Parts<'a>,
) -> Result<Ranking, QueryError> {
    let counted_max = scan.limits().search_total_max;
    let hot = scan.hot()?;
    let mut newest = Newest {
        parts,
        ranking: Ranking::new(request),
        unread: Vec::new(),
        seen: (request.count != Count::Page).then(HashSet::new),
        counted_max,
    };
    newest.offer(hot);
    let counts_all = request.count == Count::All;
    let from = |newest: &Newest<'_, '_>| Some(if counts_all { 0 } else { newest.from() });
    let first = from(&newest);
    let whole = scan.hits(first, |hits| {
        newest.offer(hits);
        from(&newest)
    });
    newest.ranking.exact &= whole;
    let unread = newest.unread.into_iter();
    unread.for_each(|reason| scan.covering.incomplete(reason));
    newest.ranking.counted = newest.seen.map(|seen| seen.len());
    Ok(newest.ranking)
}

struct Newest<'a, 'b> {
    parts: &'a mut Parts<'b>,
    ranking: Ranking,
    /// What could not be read, in words.
    unread: Vec<String>,
    /// The matching traces, if they are counted.
    seen: Option<HashSet<TraceId>>,
    counted_max: usize,
}

impl Newest<'_, '_> {
    /// When a trace has to start, at least, to enter the page.
    fn from(&self) -> u64 {
        self.ranking.last().map_or(0, |last| last.start_time)
    }

    /// Takes the hits of a segment or of the hot window.
    fn offer(&mut self, hits: Vec<Hit>) {
        let mut traces: HashMap<TraceId, Hit> = HashMap::with_capacity(hits.len());
        for hit in hits {
            let known = traces
                .entry(hit.trace_id)
                .or_insert(Hit { count: 0, ..hit });
            known.count += hit.count;
            known.start_time = earlier_start(known.start_time, hit.start_time);
        }
        let mut hits: Vec<Hit> = traces.into_values().collect();
        hits.sort_by_key(|hit| Place::newest(hit.start_time, hit.trace_id));
        for hit in hits {
            self.count(hit.trace_id);
            self.place(hit);
        }
    }

    fn count(&mut self, id: TraceId) {
        let Some(seen) = &mut self.seen else { return };
        if seen.len() < self.counted_max {
            seen.insert(id);
        } else if !seen.contains(&id) {
            self.ranking.exact = false;
        }
    }

    /// Puts a trace on the page if it belongs there.
    fn place(&mut self, hit: Hit) {
        let bound = Place::newest(hit.start_time, hit.trace_id);
        // A hit without a start time may belong to a trace that starts at any time.
        let bounded = hit.start_time != 0;
        if bounded && self.ranking.last().is_some_and(|last| bound > *last) {
            return;
        }
        let start_time = match self.parts.start(hit.trace_id, hit.start_time) {
            Ok(start_time) => start_time,
            Err(error) => {
                let id = hit.trace_id;
                self.unread
                    .push(format!("a part of trace {id} cannot be read: {error}"));
                hit.start_time
            }
        };
        self.ranking
            .put(Place::newest(start_time, hit.trace_id), hit.count);
    }
}
