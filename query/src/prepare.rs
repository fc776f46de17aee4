//! What the first search and the first trace after a start would have to wait for, done before anybody asks.
//!
//! Most code of a process that has just started lies on disk still, and so do footers and filters of the segments. So the newest segment is asked
//! what a client would ask: a search with a condition of each sort, and a trace that it finds. Nobody gets the answer; what was read stays in memory,
//! and with it the footers of the other new segments.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use clew_storage::Segment;
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::AttributeOwner;

use crate::error::QueryError;
use crate::filter::{AttributeTest, Filter, Level, TextField};
use crate::search::{self, Count, Order, SearchRequest};
use crate::service::{QueryService, Reading};
use crate::trace::Trace;
use crate::trace::skeleton::Skeleton;

/// It ends after so long, ready or not.
const TIME: Duration = Duration::from_millis(250);
/// The newest segments of which the footers are read.
const FOOTERS_MAX: usize = 16;

impl QueryService {
    /// Gets ready for the first search and trace; how many traces were read, which is one, or none where none is stored, found in time or
    /// readable. Blocks, for about a quarter of a second at most; changes no answer.
    #[expect(
        clippy::must_use_candidate,
        reason = "it is called for what it leaves in memory"
    )]
    pub fn prepare(&self) -> usize {
        prepare(&self.reading_for(TIME)).unwrap_or_else(|error| {
            // Whoever asks will be told.
            tracing::debug!(%error, "the first search was not prepared");
            0
        })
    }
}

fn prepare(reading: &Reading) -> Result<usize, QueryError> {
    let mut segments: Vec<&Arc<Segment>> = reading.snapshot.segments().iter().collect();
    segments.sort_by_key(|segment| Reverse(segment.meta().start_time.1));
    let Some(newest) = segments.first() else {
        return Ok(0);
    };
    let request = SearchRequest {
        filter: of_each_sort(newest)?,
        trace: None,
        order: Order::Newest,
        limit: 1,
        after: None,
        count: Count::Page,
    };
    let found = search::search(reading, &request)?.traces;
    for trace in &found {
        Skeleton::new(Trace::load(reading, trace.trace_id)?, 0)?;
    }
    // To make sense of a footer takes longer than to read a trace.
    for segment in segments.into_iter().take(FOOTERS_MAX) {
        if reading.budget.over() {
            break;
        }
        segment.metadata(SegmentTable::Spans)?;
    }
    Ok(found.len())
}

/// A condition on each sort of column, which spans of `segment` meet.
fn of_each_sort(segment: &Arc<Segment>) -> Result<Filter, QueryError> {
    let (earliest, latest) = segment.meta().start_time;
    let mut all = vec![
        Filter::Start {
            min: Some(earliest.saturating_add(1)),
            max: Some(latest.saturating_add(1)),
        },
        Filter::Duration {
            min_ns: Some(0),
            max_ns: None,
        },
    ];
    let service = segment.meta().services.first().cloned();
    all.extend(service.map(|service| Filter::Text(TextField::Service, service)));
    let layout = segment.attribute_layout()?;
    let key = layout.owner(AttributeOwner::Span).columns.first();
    all.extend(key.map(|column| Filter::AttributeTest {
        level: Level::Span,
        key: column.key.clone(),
        test: AttributeTest::Exists,
    }));
    Ok(Filter::All(all))
}
