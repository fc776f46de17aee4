//! Names of services and operations.
//!
//! Services come from the manifest entries, operations from the segments' indexes; where there are too many for either, from
//! the rows. What a segment or a batch of the hot window holds never changes, so it is read once and kept until the segment
//! or batch is gone. A segment or batch keeps at most [`QueryLimits::names_max`](crate::QueryLimits::names_max) operations; a
//! list that hits the bound says that it is incomplete.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use arrow::array::{RecordBatch, StringViewArray};
use clew_storage::schema::column;
use clew_storage::segment::SegmentTable;
use clew_storage::{Segment, Snapshot, SpanBatch};

use crate::coverage::Covering;
use crate::error::QueryError;
use crate::rows::Columns;
use crate::service::Reading;

/// Rows of a segment read at a time.
const CHUNK_ROWS: u32 = 65_536;
/// Columns that make an operation.
const COLUMNS: [usize; 3] = [column::SERVICE_NAME, column::NAME, column::KIND];

/// An operation of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct Operation {
    /// Span name.
    pub(crate) name: String,
    /// Kind as text.
    pub(crate) kind: String,
}

/// The operations of each service in one segment or batch.
#[derive(Debug, Default)]
struct Operations {
    by_service: BTreeMap<String, BTreeSet<Operation>>,
    count: usize,
    truncated: bool,
}

/// A batch of the hot window, as long as it is there, and its operations.
type Known = (Weak<SpanBatch>, Arc<Operations>);

/// Knows the names in each segment and batch it has seen.
#[derive(Debug)]
pub(crate) struct Catalogue {
    names_max: usize,
    segments: Mutex<HashMap<String, Arc<Operations>>>,
    /// By the address of the batch; the weak reference tells whether it is still that batch.
    batches: Mutex<HashMap<usize, Known>>,
}

impl Catalogue {
    /// An empty catalogue that keeps `names_max` operations a segment.
    pub(crate) fn new(names_max: usize) -> Self {
        Self {
            names_max,
            segments: Mutex::default(),
            batches: Mutex::default(),
        }
    }

    /// All services, sorted. Blocks.
    pub(crate) fn services(&self, reading: &Reading) -> (Vec<String>, Covering) {
        let mut names = BTreeSet::new();
        let mut covering = self.each(
            reading,
            |segment| segment.meta().services.is_empty(),
            |operations| {
                names.extend(operations.by_service.keys().cloned());
            },
        );
        for segment in reading.snapshot.segments() {
            names.extend(segment.meta().services.iter().cloned());
        }
        let names = bounded(names, self.names_max, &mut covering);
        (names, covering)
    }

    /// The operations of `service`, sorted. Blocks.
    pub(crate) fn operations(
        &self,
        reading: &Reading,
        service: &str,
    ) -> (Vec<Operation>, Covering) {
        let mut names = BTreeSet::new();
        let may_hold = |segment: &Segment| {
            let services = &segment.meta().services;
            services.is_empty()
                || services
                    .binary_search_by(|name| name.as_str().cmp(service))
                    .is_ok()
        };
        let mut covering = self.each(reading, may_hold, |operations| {
            names.extend(
                operations
                    .by_service
                    .get(service)
                    .into_iter()
                    .flatten()
                    .cloned(),
            );
        });
        let names = bounded(names, self.names_max, &mut covering);
        (names, covering)
    }

    /// Visits the hot window and the segments that `wanted` picks.
    fn each(
        &self,
        reading: &Reading,
        wanted: impl Fn(&Segment) -> bool,
        mut visit: impl FnMut(&Operations),
    ) -> Covering {
        let segments = reading.snapshot.segments();
        let mut covering = Covering {
            segments_total: segments.len(),
            ..Covering::default()
        };
        self.forget(&reading.snapshot);
        for batch in reading.snapshot.hot() {
            match self.batch(batch) {
                Ok(operations) => note(&operations, &mut covering, &mut visit),
                Err(error) => {
                    covering.incomplete(format!("the hot window cannot be read: {error}"));
                }
            }
        }
        for segment in segments.iter().filter(|segment| wanted(segment)) {
            if reading.budget.over() {
                covering.incomplete("the time for a query is over");
                break;
            }
            covering.segments_read += 1;
            match self.segment(segment) {
                Ok(operations) => note(&operations, &mut covering, &mut visit),
                Err(error) => covering.incomplete(format!(
                    "segment {} cannot be read: {error}",
                    segment.meta().name
                )),
            }
        }
        covering
    }

    fn batch(&self, batch: &Arc<SpanBatch>) -> Result<Arc<Operations>, QueryError> {
        let address = Arc::as_ptr(batch) as usize;
        let known = lock(&self.batches).get(&address).cloned();
        if let Some((_, operations)) = known.filter(|(known, _)| known.strong_count() > 0) {
            return Ok(operations);
        }
        let mut operations = Operations::default();
        operations.add(&batch.to_table(Some(&COLUMNS)), self.names_max)?;
        let operations = Arc::new(operations);
        lock(&self.batches).insert(address, (Arc::downgrade(batch), Arc::clone(&operations)));
        Ok(operations)
    }

    fn segment(&self, segment: &Segment) -> Result<Arc<Operations>, QueryError> {
        let meta = segment.meta();
        if let Some(operations) = lock(&self.segments).get(&meta.name) {
            return Ok(Arc::clone(operations));
        }
        let listed = segment.operations()?;
        let mut operations = Operations::default();
        if let Some(listed) = listed.as_ref() {
            for operation in listed {
                operations.insert(
                    &operation.service_name,
                    &operation.name,
                    &operation.kind,
                    self.names_max,
                );
            }
        } else {
            self.scan(segment, &mut operations)?;
        }
        let operations = Arc::new(operations);
        lock(&self.segments).insert(meta.name.clone(), Arc::clone(&operations));
        Ok(operations)
    }

    fn scan(&self, segment: &Segment, operations: &mut Operations) -> Result<(), QueryError> {
        let meta = segment.meta();
        for first in (0..meta.span_count as u32).step_by(CHUNK_ROWS as usize) {
            let end = first.saturating_add(CHUNK_ROWS).min(meta.span_count as u32);
            let rows = segment.read_rows(SegmentTable::Spans, first..end, Some(&COLUMNS))?;
            operations.add(&rows, self.names_max)?;
        }
        Ok(())
    }

    /// Drops what belongs to segments and batches that are gone.
    fn forget(&self, snapshot: &Snapshot) {
        lock(&self.batches).retain(|_, (batch, _)| batch.strong_count() > 0);
        let mut segments = lock(&self.segments);
        if segments.len() > snapshot.segments().len() {
            let names: BTreeSet<&str> = snapshot
                .segments()
                .iter()
                .map(|segment| segment.meta().name.as_str())
                .collect();
            segments.retain(|name, _| names.contains(name.as_str()));
        }
    }
}

impl Operations {
    fn add(&mut self, rows: &RecordBatch, names_max: usize) -> Result<(), QueryError> {
        let columns = Columns(rows);
        let services = columns.text("service_name")?;
        let names = columns.text("name")?;
        let kinds = columns.text("kind")?;
        let same = |column: &StringViewArray, row: usize| {
            row > 0 && column.value(row) == column.value(row - 1)
        };
        for row in 0..rows.num_rows() {
            if same(&names, row) && same(&services, row) && same(&kinds, row) {
                continue;
            }
            self.insert(
                services.value(row),
                names.value(row),
                kinds.value(row),
                names_max,
            );
        }
        Ok(())
    }

    fn insert(&mut self, service: &str, name: &str, kind: &str, names_max: usize) {
        let operation = Operation {
            name: name.to_owned(),
            kind: kind.to_owned(),
        };
        if self.count >= names_max {
            let known = self
                .by_service
                .get(service)
                .is_some_and(|operations| operations.contains(&operation));
            self.truncated |= !known;
            return;
        }
        let operations = match self.by_service.get_mut(service) {
            Some(operations) => operations,
            None => self.by_service.entry(service.to_owned()).or_default(),
        };
        self.count += usize::from(operations.insert(operation));
    }
}

fn note(operations: &Operations, covering: &mut Covering, visit: &mut impl FnMut(&Operations)) {
    if operations.truncated {
        covering.incomplete("a segment has more operations than a list holds");
    }
    visit(operations);
}

fn bounded<T>(names: BTreeSet<T>, names_max: usize, covering: &mut Covering) -> Vec<T> {
    if names.len() > names_max {
        covering.incomplete(format!("{} of {} names are listed", names_max, names.len()));
    }
    names.into_iter().take(names_max).collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
