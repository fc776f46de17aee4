//! The newest traces that meet Zipkin's criteria.
//!
//! Candidates are the traces that one condition finds, newest first and none that is too new; each is read and held against all
//! conditions. They come in rounds, each larger than the one before, until there are enough or no more.

use std::collections::HashSet;

use clew_storage::TraceId;

use super::criteria::Criteria;
use super::ids::{self, Ids};
use super::{ORDER, names};
use crate::error::QueryError;
use crate::search::cursor::Place;
use crate::search::{Count, SearchRequest, search_places};
use crate::service::Reading;

/// Candidates of the first round, at least.
const ROUND_MIN: usize = 20;
/// Candidates of one round, at most.
const ROUND_MAX: usize = 20_000;
/// How much larger each round is than the one before.
const GROWTH: usize = 4;

/// What a search found.
pub(super) struct Found {
    /// The ids of each trace, newest first.
    pub(super) traces: Vec<Vec<TraceId>>,
    /// Why traces may be missing.
    pub(super) incomplete: Vec<String>,
}

/// Searches. Blocks.
///
/// # Errors
/// When the search is refused, or a trace cannot be read.
pub(super) fn search(
    reading: &Reading,
    criteria: &Criteria,
    same: &Ids,
) -> Result<Found, QueryError> {
    let mut found = Found {
        traces: Vec::new(),
        incomplete: Vec::new(),
    };
    let services = match &criteria.service {
        Some(service) => names::stored(reading, service),
        None => Vec::new(),
    };
    if criteria.service.is_some() && services.is_empty() {
        return Ok(found);
    }
    let newest_ns = criteria
        .range_us
        .1
        .saturating_mul(1_000)
        .saturating_add(999);
    let mut request = SearchRequest {
        filter: criteria.filter(&services),
        trace: None,
        order: ORDER,
        limit: criteria.limit.max(ROUND_MIN),
        // No trace starts later than its root.
        after: Some(Place::newest(
            newest_ns.saturating_add(1),
            TraceId([0xff; 16]),
        )),
        count: Count::Page,
    };
    let mut seen = HashSet::new();
    loop {
        let round = search_places(reading, &request)?;
        for place in &round.places {
            let ids = same.same(place.trace_id);
            if !seen.insert(ids[0]) {
                continue;
            }
            if criteria.meets(&ids::load(reading, &ids)?) {
                found.traces.push(ids);
            }
            if found.traces.len() == criteria.limit {
                return Ok(found);
            }
            if reading.budget.over() {
                found.note("the time for a query is over; older traces were not looked at");
                return Ok(found);
            }
        }
        round
            .incomplete
            .iter()
            .for_each(|reason| found.note(reason));
        let Some(next) = round.next else {
            return Ok(found);
        };
        request.after = Some(next);
        request.limit = (request.limit * GROWTH).min(ROUND_MAX);
    }
}

impl Found {
    fn note(&mut self, reason: &str) {
        if !self.incomplete.iter().any(|known| known == reason) {
            self.incomplete.push(reason.to_owned());
        }
    }
}
