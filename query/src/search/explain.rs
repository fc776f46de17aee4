//! Why nothing is there: what would match without each condition of a query, and when the nearest match outside of the time range
//! is.
//!
//! Each condition costs a search, the nearest matches at most two. All share one budget of time; what could not be counted is
//! labelled.

use clew_storage::TraceId;

use super::facets::Selection;
use super::matcher::Hit;
use super::scan::Scan;
use super::{Count, Order, SearchRequest, Total, check_terms, search};
use crate::coverage::{Coverage, Covering};
use crate::error::QueryError;
use crate::filter::Filter;
use crate::service::Reading;

/// What to explain.
#[derive(Debug, Clone)]
pub(crate) struct ExplainRequest {
    /// The query as a whole, with its time range.
    pub(crate) selection: Selection,
    /// Each condition as text, and the query without it.
    pub(crate) clauses: Vec<(String, Selection)>,
    /// The query without its time range, when it has one.
    pub(crate) timeless: Option<Selection>,
    /// Ends of the range, ns since the epoch.
    pub(crate) range: (Option<i64>, Option<i64>),
}

/// What was found out.
#[derive(Debug)]
pub(crate) struct Explanation {
    /// Each condition, and the traces that match without it.
    pub(crate) clauses: Vec<(String, Total)>,
    /// Traces that match at any time, when there is a range.
    pub(crate) timeless: Option<Total>,
    /// The last matching span before the range.
    pub(crate) before: Option<Nearest>,
    /// The first matching span after it.
    pub(crate) after: Option<Nearest>,
    /// What was read.
    pub(crate) coverage: Coverage,
}

/// A match outside of the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nearest {
    /// Its trace.
    pub(crate) trace_id: TraceId,
    /// Start of the span, ns since the epoch, as sent.
    pub(crate) start_time: u64,
}

/// Explains. Blocks.
///
/// # Errors
/// When the filter has too many terms.
pub(crate) fn explain(
    reading: &Reading,
    request: &ExplainRequest,
) -> Result<Explanation, QueryError> {
    check_terms(reading, &request.selection.filter)?;
    let mut covering = Covering {
        segments_total: reading.snapshot.segments().len(),
        ..Covering::default()
    };
    let (before, after) = match &request.timeless {
        Some(timeless) => nearest(reading, timeless, request.range, &mut covering)?,
        None => (None, None),
    };
    let mut clauses = Vec::with_capacity(request.clauses.len());
    for (clause, without) in &request.clauses {
        clauses.push((clause.clone(), total(reading, without, &mut covering)?));
    }
    let timeless = request.timeless.as_ref();
    let timeless = timeless
        .map(|timeless| total(reading, timeless, &mut covering))
        .transpose()?;
    Ok(Explanation {
        clauses,
        timeless,
        before,
        after,
        coverage: covering.finish(reading.budget.elapsed_ns()),
    })
}

fn total(
    reading: &Reading,
    selection: &Selection,
    covering: &mut Covering,
) -> Result<Total, QueryError> {
    let request = SearchRequest {
        filter: selection.filter.clone(),
        trace: selection.trace.clone(),
        order: Order::Newest,
        limit: 1,
        after: None,
        count: Count::All,
    };
    let answer = search(reading, &request)?;
    note(
        covering,
        answer.coverage.segments_read,
        answer.coverage.reasons,
    );
    Ok(answer.total)
}

fn note(covering: &mut Covering, segments_read: usize, reasons: Vec<String>) {
    covering.segments_read = covering.segments_read.max(segments_read);
    for reason in reasons {
        covering.incomplete(reason);
    }
}

/// The last match before the range and the first one after it.
fn nearest(
    reading: &Reading,
    timeless: &Selection,
    (start, end): (Option<i64>, Option<i64>),
    covering: &mut Covering,
) -> Result<(Option<Nearest>, Option<Nearest>), QueryError> {
    let mut at = |min, max, is_after: bool| {
        let range = Filter::Start { min, max };
        let filter = Filter::All(vec![timeless.filter.clone(), range]);
        let mut scan = Scan::new(reading, &filter)?;
        let wanted = super::heatmap::wanted_traces(&mut scan, &filter, timeless.trace.as_ref())?;
        let mut best: Option<Nearest> = None;
        let mut offer = |hit: Hit| {
            if wanted
                .as_ref()
                .is_some_and(|wanted| !wanted.contains(&hit.trace_id))
            {
                return;
            }
            // A part of a trace tells its earliest match. Near enough for the last one before the range too.
            let found = Nearest {
                trace_id: hit.trace_id,
                start_time: hit.start_time,
            };
            let better = best.is_none_or(|best| {
                let order =
                    (found.start_time, found.trace_id).cmp(&(best.start_time, best.trace_id));
                if is_after {
                    order.is_lt()
                } else {
                    order.is_gt()
                }
            });
            if better {
                best = Some(found);
            }
        };
        scan.hot()?.into_iter().for_each(&mut offer);
        scan.hits(Some(0), |hits| {
            hits.into_iter().for_each(&mut offer);
            Some(0)
        });
        note(covering, scan.covering.segments_read, scan.covering.reasons);
        Ok::<_, QueryError>(best)
    };
    let before = match start {
        Some(start) => at(None, Some(start), false)?,
        None => None,
    };
    let after = match end {
        Some(end) => at(Some(end), None, true)?,
        None => None,
    };
    Ok((before, after))
}
