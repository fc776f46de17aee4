//! Matching traces in any order, and those whose figures meet a condition.
//!
//! No bound can be told before a trace is known as a whole, so the spans are read first, to the end, and then the figures of
//! every trace that has a hit:
//!
//! ```text
//!  scan ──▶ hits: trace ─▶ spans that match ──▶ figures: a row of `traces` where the trace lies in one segment,
//!                                               else its parts put together ──▶ condition ──▶ page
//! ```
//!
//! Memory is about 40 bytes for each trace that has a hit, bounded by `search_total_max`; beyond it the answer says that it may
//! miss some.

use std::collections::HashMap;

use clew_storage::TraceId;

use super::matcher::Hit;
use super::parts::Parts;
use super::scan::Scan;
use super::{Ranking, SearchRequest};
use crate::error::QueryError;
use crate::trace::summary::Summary;

/// Ranks all traces of `scan`. Blocks.
pub(super) fn rank(
    request: &SearchRequest,
    scan: &mut Scan<'_>,
    parts: &mut Parts<'_>,
) -> Result<Ranking, QueryError> {
    let hits = hits(scan)?;
    let mut ranking = Ranking::new(request);
    let mut counted = 0;
    parts.figures(&hits, scan, |id: TraceId, trace: &Summary| {
        if request
            .trace
            .as_ref()
            .is_none_or(|wanted| wanted.matches(trace))
        {
            counted += 1;
            let count = hits.get(&id).copied().unwrap_or(0);
            ranking.put(request.order.place(id, trace), count);
        }
    });
    ranking.counted = Some(counted);
    Ok(ranking)
}

/// Each trace that has a span that matches, and how many.
pub(super) fn hits(scan: &mut Scan<'_>) -> Result<HashMap<TraceId, u32>, QueryError> {
    let traces_max = scan.limits().search_total_max;
    let mut traces: HashMap<TraceId, u32> = HashMap::new();
    let mut more = false;
    let mut add = |hits: Vec<Hit>| {
        for hit in hits {
            if traces.len() < traces_max || traces.contains_key(&hit.trace_id) {
                *traces.entry(hit.trace_id).or_default() += hit.count;
            } else {
                more = true;
                return None;
            }
        }
        Some(0)
    };
    let from = add(scan.hot()?);
    scan.hits(from, add);
    if more {
        scan.incomplete(format!(
            "more than {traces_max} traces have a span that matches; the older ones were not looked at"
        ));
    }
    Ok(traces)
}
