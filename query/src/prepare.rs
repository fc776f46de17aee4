//! What the first search and the first trace after a start would have to wait for, done before anybody asks.
//!
//! Most code of a process that has just started lies on disk still, and so do footers and filters of the segments. So the newest segment is asked
//! what a client would ask: a search with a condition of each sort, and a trace that it finds. Nobody gets the answer; what was read stays in memory.

use std::sync::Arc;
use std::time::Duration;

use clew_storage::Segment;
use clew_storage::segment::attributes::AttributeOwner;

use crate::error::QueryError;
use crate::filter::{AttributeTest, Filter, Level, TextField};
use crate::search::{self, Count, Order, SearchRequest};
use crate::service::{QueryService, Reading};
use crate::trace::Trace;
use crate::trace::skeleton::Skeleton;

/// The search ends after so long, found or not.
const SEARCH_TIME: Duration = Duration::from_millis(250);

impl QueryService {
    /// Gets ready for the first search and trace. Blocks, for about a quarter of a second at most; changes no answer, and does nothing where
    /// no span is stored.
    pub fn prepare(&self) {
        if let Err(error) = prepare(&self.reading_for(SEARCH_TIME)) {
            // Whoever asks will be told.
            tracing::debug!(%error, "the first search was not prepared");
        }
    }
}

fn prepare(reading: &Reading) -> Result<(), QueryError> {
    let segments = reading.snapshot.segments().iter();
    let Some(newest) = segments.max_by_key(|segment| segment.meta().start_time.1) else {
        return Ok(());
    };
    let request = SearchRequest {
        filter: of_each_sort(newest)?,
        trace: None,
        order: Order::Newest,
        limit: 1,
        after: None,
        count: Count::Page,
    };
    for found in search::search(reading, &request)?.traces {
        Skeleton::new(Trace::load(reading, found.trace_id)?, 0)?;
    }
    Ok(())
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
