//! Trace search: the traces in which one span meets every condition, with exact limits and stable pages.
//!
//! A trace may lie in parts: in several segments and in the hot window. Its figures (start, duration, counts) are those of all
//! parts together, so a part alone only bounds them.
//!
//! - [`newest`] finds the newest traces, and reads older segments only as long as they may reach the page.
//! - [`ranked`] is for any other order, and for conditions on the trace as a whole: it has to know every matching trace.
//!
//! Both read the same [`scan`] and find the other parts of a trace in [`parts`].
//!
//! What matches can also be looked at as a whole: [`heatmap`] counts it by time and duration, [`facets`] by value, [`explain`] tells
//! why nothing is there.

mod by_byte;
mod by_value;
pub(crate) mod cursor;
pub(crate) mod explain;
pub(crate) mod facets;
mod file;
pub(crate) mod heatmap;
pub(crate) mod matcher;
mod newest;
mod parts;
mod pieces;
mod ranked;
mod read_ahead;
mod sample;
mod scan;

use std::collections::BTreeMap;

use clew_storage::TraceId;
use serde::Serialize;

use crate::coverage::Coverage;
use crate::error::QueryError;
use crate::filter::Filter;
use crate::language::TraceFilter;
use crate::service::Reading;
use crate::trace::summary::Summary;
use cursor::Place;
use parts::Parts;
use scan::Scan;

/// What to look for.
#[derive(Debug, Clone)]
pub(crate) struct SearchRequest {
    /// Condition on one span.
    pub(crate) filter: Filter,
    /// Condition on its trace.
    pub(crate) trace: Option<TraceFilter>,
    /// Which traces come first.
    pub(crate) order: Order,
    /// Traces of a page.
    pub(crate) limit: usize,
    /// Where the page before ended.
    pub(crate) after: Option<Place>,
    /// Whether the matching traces are to be counted.
    pub(crate) count: Count,
}

/// Which traces come first; those alike go newest first, then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// The latest start.
    Newest,
    /// The longest duration.
    Longest,
    /// The most spans whose status is error.
    MostErrors,
    /// The most spans.
    MostSpans,
    /// The earliest start.
    Oldest,
    /// The shortest duration.
    Shortest,
}

/// How far matching traces are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Count {
    /// Only those of the page.
    Page,
    /// As many as are seen until the page is known: a lower bound.
    Seen,
    /// All.
    All,
}

impl Order {
    /// The place of a trace.
    fn place(self, trace_id: TraceId, trace: &Summary) -> Place {
        let key = match self {
            Self::Newest => trace.start_time,
            Self::Longest => trace.duration_ns.unsigned_abs(),
            Self::MostErrors => u64::from(trace.error_count),
            Self::MostSpans => u64::from(trace.span_count),
            Self::Oldest => !trace.start_time,
            Self::Shortest => !trace.duration_ns.unsigned_abs(),
        };
        Place {
            key,
            start_time: trace.start_time,
            trace_id,
        }
    }
}

/// A page of matching traces.
#[derive(Debug)]
pub(crate) struct SearchAnswer {
    /// The traces, in order.
    pub(crate) traces: Vec<Found>,
    /// How many match in all; the part that was seen when no count was asked for.
    pub(crate) total: Total,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Place>,
    /// What was read.
    pub(crate) coverage: Coverage,
}

/// A matching trace.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Found {
    /// Its id.
    pub(crate) trace_id: TraceId,
    /// Its figures, over all parts.
    pub(crate) summary: Summary,
    /// Spans that match.
    pub(crate) matched_count: u32,
}

/// A count, and whether it is the whole one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Total {
    /// Traces.
    pub(crate) value: usize,
    /// False when there may be more.
    pub(crate) exact: bool,
}

/// Searches, and sums up the traces of the page. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn search(
    reading: &Reading,
    request: &SearchRequest,
) -> Result<SearchAnswer, QueryError> {
    let mut search = Search::run(reading, request)?;
    let (page, next) = search.ranking.page(request.limit);
    let traces = search.found(page);
    let total = search.total(traces.len(), next.is_some());
    let coverage = search.scan.covering.finish(reading.budget.elapsed_ns());
    Ok(SearchAnswer {
        traces,
        total,
        next,
        coverage,
    })
}

/// Searches, and names the traces of the page and why there may be more. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn search_ids(
    reading: &Reading,
    request: &SearchRequest,
) -> Result<(Vec<TraceId>, Vec<String>), QueryError> {
    let mut search = Search::run(reading, request)?;
    let (page, _) = search.ranking.page(request.limit);
    let ids = page.into_iter().map(|(place, _)| place.trace_id);
    Ok((ids.collect(), search.scan.covering.reasons))
}

/// # Errors
/// When the filter has too many terms.
fn check_terms(reading: &Reading, filter: &Filter) -> Result<(), QueryError> {
    let (terms, terms_max) = (filter.terms(), reading.limits().filter_terms_max);
    if terms > terms_max {
        return Err(QueryError::limit(
            format!("the filter has {terms} terms; the limit is {terms_max}"),
            "ask for fewer tags",
        ));
    }
    Ok(())
}

/// The places of a page of matching traces.
#[derive(Debug)]
pub(crate) struct PlacesPage {
    /// The places, in order.
    pub(crate) places: Vec<Place>,
    /// Where the next page begins, if there is one.
    pub(crate) next: Option<Place>,
    /// Why there may be more.
    pub(crate) incomplete: Vec<String>,
}

/// Searches, and names the places of the traces of the page. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn search_places(
    reading: &Reading,
    request: &SearchRequest,
) -> Result<PlacesPage, QueryError> {
    let mut search = Search::run(reading, request)?;
    let (page, next) = search.ranking.page(request.limit);
    Ok(PlacesPage {
        places: page.into_iter().map(|(place, _)| place).collect(),
        next,
        incomplete: search.scan.covering.reasons,
    })
}

/// A search whose spans are all read.
struct Search<'a> {
    reading: &'a Reading,
    request: &'a SearchRequest,
    scan: Scan<'a>,
    parts: Parts<'a>,
    ranking: Ranking,
}

impl<'a> Search<'a> {
    fn run(reading: &'a Reading, request: &'a SearchRequest) -> Result<Self, QueryError> {
        check_terms(reading, &request.filter)?;
        let mut scan = Scan::new(reading, &request.filter)?;
        let mut parts = Parts::new(&reading.snapshot);
        let ranking = if request.order == Order::Newest && request.trace.is_none() {
            newest::rank(request, &mut scan, &mut parts)?
        } else {
            ranked::rank(request, &mut scan, &mut parts)?
        };
        Ok(Self {
            reading,
            request,
            scan,
            parts,
            ranking,
        })
    }

    /// Sums the traces of a page up, each given with its matching spans; leaves out, and notes, what cannot be read any more.
    fn found(&mut self, page: Vec<(Place, u32)>) -> Vec<Found> {
        let mut stored = self
            .parts
            .stored(page.iter().map(|(place, _)| place.trace_id));
        let mut found = Vec::with_capacity(page.len());
        for (place, matched_count) in page {
            let trace_id = place.trace_id;
            let figures = match stored.remove(&trace_id) {
                Some(summary) => summary.map(|summary| {
                    Some(Found {
                        trace_id,
                        summary,
                        matched_count,
                    })
                }),
                None => Parts::joined(self.reading, self.scan.matcher(), trace_id),
            };
            match figures {
                Ok(figures) => found.extend(figures),
                Err(error) => {
                    let message = format!("trace {trace_id} cannot be read: {error}");
                    self.scan.covering.incomplete(message);
                }
            }
        }
        found
    }

    /// How many traces match, given how many are on this page and whether another follows.
    fn total(&self, on_page: usize, more: bool) -> Total {
        let exact = self.ranking.exact && self.scan.complete;
        match self.ranking.counted {
            Some(value) => Total { value, exact },
            None => Total {
                value: on_page,
                exact: exact && !more && self.request.after.is_none(),
            },
        }
    }
}

/// The traces that come first behind a place.
#[derive(Debug)]
struct Ranking {
    after: Option<Place>,
    /// One more than the page holds, to know whether another follows.
    places_max: usize,
    /// The best places so far and the matching spans of each.
    places: BTreeMap<Place, u32>,
    /// How many traces match, if they are counted.
    counted: Option<usize>,
    /// No matching trace is left out of the count.
    exact: bool,
}

impl Ranking {
    fn new(request: &SearchRequest) -> Self {
        Self {
            after: request.after,
            places_max: request.limit + 1,
            places: BTreeMap::new(),
            counted: None,
            exact: true,
        }
    }

    /// The last place, if there is no room for one behind it.
    fn last(&self) -> Option<&Place> {
        let full = self.places.len() >= self.places_max;
        self.places
            .last_key_value()
            .filter(|_| full)
            .map(|(place, _)| place)
    }

    /// Puts a trace, or more spans of it, where it belongs, if that is on the page.
    fn put(&mut self, place: Place, count: u32) {
        if self.after.is_some_and(|after| place <= after) {
            return;
        }
        *self.places.entry(place).or_default() += count;
        if self.places.len() > self.places_max {
            self.places.pop_last();
        }
    }

    /// The places of the page and their matching spans, and the last of them if another page follows.
    fn page(&mut self, limit: usize) -> (Vec<(Place, u32)>, Option<Place>) {
        let more = self.places.len() > limit;
        let page = std::mem::take(&mut self.places).into_iter();
        let page: Vec<(Place, u32)> = page.take(limit).collect();
        let next = page.last().filter(|_| more).map(|(place, _)| *place);
        (page, next)
    }
}
