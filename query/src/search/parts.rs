//! The parts of traces: where they lie, when they start, and what they add up to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::UInt32Type;
use clew_storage::segment::SegmentTable;
use clew_storage::span::{earlier_start, start_order};
use clew_storage::{Segment, Snapshot, TraceId, schema};

use super::Found;
use super::matcher::{Hit, Matcher};
use super::scan::Scan;
use crate::error::QueryError;
use crate::rows::Columns;
use crate::service::Reading;
use crate::trace::Trace;
use crate::trace::summary::{ServiceCount, Summary};

/// Rows of `traces` that are summed up at a time.
const FIGURES_ROWS: u32 = 8_192;

/// Traces of the hot window that are looked up one by one.
const HOT_FEW: usize = 64;

/// What the rows of `traces` say of some traces, or why they cannot be read.
pub(super) type Summaries = HashMap<TraceId, Result<Summary, QueryError>>;

/// Finds the parts of traces in one snapshot.
pub(super) struct Parts<'a> {
    snapshot: &'a Snapshot,
    /// Earliest start of each trace in the hot window; made when first needed.
    hot: OnceLock<HashMap<TraceId, u64>>,
}

impl<'a> Parts<'a> {
    /// The parts in `snapshot`.
    pub(super) fn new(snapshot: &'a Snapshot) -> Self {
        Self {
            snapshot,
            hot: OnceLock::new(),
        }
    }

    fn hot(&self) -> &HashMap<TraceId, u64> {
        self.hot.get_or_init(|| {
            let mut starts: HashMap<TraceId, u64> = HashMap::new();
            for batch in self.snapshot.hot() {
                let (ids, _) = batch.trace_ids().value_data().as_chunks::<16>();
                let mut row = 0;
                // Spans of one trace mostly arrive side by side.
                for run in ids.chunk_by(|left, right| left == right) {
                    let times = &batch.start_times().values()[row..row + run.len()];
                    row += run.len();
                    let start = times.iter().map(|start| *start as u64);
                    let start = start.reduce(earlier_start).unwrap_or(0);
                    let known = starts.entry(TraceId(run[0])).or_insert(start);
                    *known = earlier_start(*known, start);
                }
            }
            starts
        })
    }

    /// Every trace of a segment as a hit with all its spans.
    pub(super) fn all_of(segment: &Segment) -> Result<Vec<Hit>, QueryError> {
        let rows = traces(segment, &["trace_id", "start_time", "span_count"])?;
        let columns = Columns(&rows);
        let (ids, starts) = (columns.fixed("trace_id")?, columns.time("start_time")?);
        let counts = columns.u32("span_count")?;
        let hits = (0..rows.num_rows()).filter_map(|row| {
            TraceId::from_bytes(ids.value(row)).map(|trace_id| Hit {
                trace_id,
                start_time: starts.value(row) as u64,
                count: counts.value(row),
            })
        });
        Ok(hits.collect())
    }

    /// The earliest start of the trace over all parts, given that some span of it starts at `known`.
    pub(super) fn start(&self, id: TraceId, known: u64) -> Result<u64, QueryError> {
        let mut start = known;
        if let Some(hot) = self.hot().get(&id) {
            start = earlier_start(start, *hot);
        }
        for segment in self.snapshot.segments() {
            let later = start_order(earliest_start(segment)) >= start_order(start);
            if later && earliest_start(segment) != 0 {
                continue;
            }
            if let Some(part) = segment.trace_place(id)? {
                start = earlier_start(start, part.start_unix_nano);
            }
        }
        Ok(start)
    }

    /// The figures of those of `ids` that lie in one segment alone, in one read of each segment.
    pub(super) fn stored(&self, ids: impl Iterator<Item = TraceId>) -> Summaries {
        let mut summaries = Summaries::new();
        let mut wanted: BTreeMap<usize, Vec<(u32, TraceId)>> = BTreeMap::new();
        for id in ids {
            match self.only_place(id) {
                Ok(Some((segment, row))) => wanted.entry(segment).or_default().push((row, id)),
                Ok(None) => {}
                Err(error) => {
                    summaries.insert(id, Err(error));
                }
            }
        }
        for (segment, mut traces) in wanted {
            traces.sort_unstable();
            traces.dedup();
            let rows: Vec<u32> = traces.iter().map(|(row, _)| *row).collect();
            let segment = &self.snapshot.segments()[segment];
            let read = segment.pick_rows(SegmentTable::Traces, &rows, None);
            for (row, (_, id)) in traces.into_iter().enumerate() {
                let read = read.as_ref().map_err(|error| error.copy().into());
                summaries.insert(id, read.and_then(|rows| summary(rows, row)));
            }
        }
        summaries
    }

    /// Number of the segment that holds the whole trace, if one does, and its row in `traces` there.
    fn only_place(&self, id: TraceId) -> Result<Option<(usize, u32)>, QueryError> {
        let Some(number) = self.only_segment(id)? else {
            return Ok(None);
        };
        let place = self.snapshot.segments()[number].trace_place(id)?;
        Ok(place.map(|place| (number, place.row)))
    }

    /// The figures of a trace that may lie in several parts; `None` when it is gone.
    pub(super) fn joined(
        reading: &Reading,
        matcher: &Matcher,
        id: TraceId,
    ) -> Result<Option<Found>, QueryError> {
        // Spans may stand in several parts alike, or twice in the hot window: only the whole trace counts them once.
        let Some(trace) = Trace::find(reading, id)? else {
            return Ok(None);
        };
        Ok(Some(Found {
            trace_id: id,
            summary: Summary::of(&trace.rows),
            matched_count: matcher.matches(&trace.table)?.true_count() as u32,
        }))
    }

    /// Tells the figures of each of `wanted` that can be read, in any order; notes in `scan` what cannot.
    pub(super) fn figures(
        &mut self,
        wanted: &HashMap<TraceId, u32>,
        scan: &mut Scan<'_>,
        mut tell: impl FnMut(TraceId, &Summary),
    ) {
        let mut in_parts: HashSet<TraceId> = HashSet::new();
        let hot = self.hot().keys().copied();
        in_parts.extend(hot.filter(|id| wanted.contains_key(id)));
        for place in 0..self.snapshot.segments().len() {
            if scan.over() {
                return;
            }
            if let Err(error) = self.stored_figures(place, wanted, &mut in_parts, &mut tell) {
                let name = &self.snapshot.segments()[place].meta().name;
                scan.incomplete(format!("segment {name} cannot be read: {error}"));
            }
        }
        if let Err(error) = self.hot_figures(&mut in_parts, &mut tell) {
            scan.incomplete(format!("the hot window cannot be read: {error}"));
        }
        for id in in_parts {
            if scan.over() {
                return;
            }
            match Trace::find(scan.reading(), id) {
                Ok(Some(trace)) => tell(id, &Summary::of(&trace.rows)),
                Ok(None) => {}
                Err(error) => scan.incomplete(format!("trace {id} cannot be read: {error}")),
            }
        }
    }

    /// Tells the figures of the traces of `in_parts` that lie in the hot window alone, and takes them out, where there are so many that
    /// summing the whole window up is less work than looking each of them up.
    fn hot_figures(
        &self,
        in_parts: &mut HashSet<TraceId>,
        tell: &mut impl FnMut(TraceId, &Summary),
    ) -> Result<(), QueryError> {
        if in_parts.len() <= HOT_FEW {
            return Ok(());
        }
        let rows = self.snapshot.hot_traces();
        let ids = Columns(&rows).fixed("trace_id")?;
        for (row, id) in ids.iter().enumerate() {
            let Some(id) = id.and_then(TraceId::from_bytes) else {
                continue;
            };
            if in_parts.contains(&id) && !self.is_stored(id)? {
                in_parts.remove(&id);
                tell(id, &summary(&rows, row)?);
            }
        }
        Ok(())
    }

    /// True when a segment holds a part of the trace.
    fn is_stored(&self, id: TraceId) -> Result<bool, QueryError> {
        for segment in self.snapshot.segments() {
            if segment.trace_rows(id)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells the figures of the traces that lie in segment `place` alone; puts the others that it holds in `in_parts`.
    fn stored_figures(
        &self,
        place: usize,
        wanted: &HashMap<TraceId, u32>,
        in_parts: &mut HashSet<TraceId>,
        tell: &mut impl FnMut(TraceId, &Summary),
    ) -> Result<(), QueryError> {
        let segment = &self.snapshot.segments()[place];
        let trace_count = segment.meta().trace_count as u32;
        for first in (0..trace_count).step_by(FIGURES_ROWS as usize) {
            let window = first..first.saturating_add(FIGURES_ROWS).min(trace_count);
            let id_column = schema::traces().index_of("trace_id")?;
            let ids =
                segment.read_rows(SegmentTable::Traces, window.clone(), Some(&[id_column]))?;
            let mut whole = Vec::new();
            for (row, id) in Columns(&ids).fixed("trace_id")?.iter().enumerate() {
                let Some(id) = id.and_then(TraceId::from_bytes) else {
                    continue;
                };
                if !wanted.contains_key(&id) || in_parts.contains(&id) {
                    continue;
                }
                if self.only_segment(id)? == Some(place) {
                    whole.push((row, id));
                } else {
                    in_parts.insert(id);
                }
            }
            if whole.is_empty() {
                continue;
            }
            let rows = segment.read_rows(SegmentTable::Traces, window, None)?;
            for (row, id) in whole {
                tell(id, &summary(&rows, row)?);
            }
        }
        Ok(())
    }

    /// Place of the segment that holds the whole trace, if one does. In a segment no span stands twice.
    fn only_segment(&self, id: TraceId) -> Result<Option<usize>, QueryError> {
        if self.hot().contains_key(&id) {
            return Ok(None);
        }
        let mut only = None;
        for (place, segment) in self.snapshot.segments().iter().enumerate() {
            if segment.trace_rows(id)?.is_some() && only.replace(place).is_some() {
                return Ok(None);
            }
        }
        Ok(only)
    }
}

/// The earliest start that a span of the segment may have, as sent; a time beyond 2^63 is negative in the manifest.
fn earliest_start(segment: &Segment) -> u64 {
    u64::try_from(segment.meta().start_time.0).unwrap_or(0)
}

/// All rows of a segment's `traces`, some columns.
fn traces(segment: &Segment, columns: &[&str]) -> Result<RecordBatch, QueryError> {
    let schema = schema::traces();
    let projection = columns
        .iter()
        .map(|name| schema.index_of(name))
        .collect::<Result<Vec<_>, _>>()?;
    let rows = 0..segment.meta().trace_count as u32;
    Ok(segment.read_rows(SegmentTable::Traces, rows, Some(&projection))?)
}

/// The figures in row `row` of `traces`.
fn summary(rows: &RecordBatch, row: usize) -> Result<Summary, QueryError> {
    let columns = Columns(rows);
    let services = columns.list("services")?.value(row);
    let services = services
        .as_struct_opt()
        .ok_or_else(|| QueryError::internal("`services` is not a list of structs"))?;
    let names = services.column(0).as_string::<i32>();
    let spans = services.column(1).as_primitive::<UInt32Type>();
    let errors = services.column(2).as_primitive::<UInt32Type>();
    let mut services: Vec<ServiceCount> = (0..services.len())
        .map(|item| ServiceCount {
            name: names.value(item).to_owned(),
            span_count: spans.value(item),
            error_count: errors.value(item),
        })
        .collect();
    services.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Summary {
        root_service_name: columns.text("root_service_name")?.value(row).to_owned(),
        root_name: columns.text("root_name")?.value(row).to_owned(),
        start_time: columns.time("start_time")?.value(row) as u64,
        duration_ns: columns.i64("duration_ns")?.value(row),
        span_count: columns.u32("span_count")?.value(row),
        error_count: columns.u32("error_count")?.value(row),
        orphan_count: columns.u32("orphan_count")?.value(row),
        services,
        complete: columns
            .get("complete", |c| c.as_boolean_opt().cloned())?
            .value(row),
    })
}
