//! Writing a segment: rows in their order, filters, three files.
//!
//! An epoch is written in one go (`epoch`); a merge hands its rows over piece by piece. Both come here.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};

use super::attributes::{
    AttributeLayout, AttributeOwner, CensusOfFile, GroupColumns, KeyList, Placed, Source, Splitter,
};
use super::contents::{Extent, Operations, TraceRows};
use super::copy::{RowGroup, RowGroupFacts};
use super::files::Files;
use super::index::values::{Salt, SaltedFilter, ValueCollector};
use super::index::{self, Contents};
use super::layouts::Layouts;
use super::plan::{OperationRef, PlannedRow};
use super::rows::RowSource;
use super::table_writer::TableWriter;
use super::{FORMAT, Merged, Segment, SegmentMeta, SegmentTable};
use crate::batch::SpanBatch;
use crate::env::Env;
use crate::error::StoreError;
use crate::limits::SegmentShape;
use crate::policy::Weighing;
use crate::schema::column;
use crate::trace::columns::SpanColumns;
use crate::trace::summary::{Summary, TracesBuilder};

/// A row group of less than this part of its rows goes on into the next slice.
const SMALL: usize = 8;

/// What a segment that is about to be written is called.
#[derive(Debug, Clone, Copy)]
pub struct NewSegment<'a> {
    /// Data directory.
    pub data_dir: &'a Path,
    /// Name: path below the data directory without the endings; not taken yet. Its directory is made where absent.
    pub name: &'a str,
    /// Tenant.
    pub tenant: &'a str,
    /// First and last log sequence number of the spans, inclusive.
    pub wal: (u64, u64),
    /// What the merge that makes it is, if it is one.
    pub merged: Option<Merged>,
    /// It holds nothing but pinned traces.
    pub is_pinned: bool,
}

/// Rows that follow those written so far.
pub(super) struct Part<'a> {
    pub(super) batches: &'a [Arc<SpanBatch>],
    /// The attributes of `batches`: of spans, of resources.
    pub(super) sources: [Source<'a>; 2],
    pub(super) rows: &'a [PlannedRow],
    /// Places in `rows` behind which a trace ends, ascending.
    pub(super) ends: &'a [usize],
    /// Rows of each slice that begins here, together all of them; or the slice under way goes on.
    pub(super) slices: &'a [usize],
    /// The operations of the rows, each once.
    pub(super) operations: &'a [OperationRef<'a>],
}

/// A segment on its way. The files have temporary names until all are whole, so that nobody who looks for `*.parquet` meets half a file; they
/// are removed when this is dropped unfinished, as far as possible.
pub(crate) struct SegmentWriter<'e> {
    files: Files<'e>,
    shape: SegmentShape,
    spans: TableWriter,
    traces: TableWriter,
    trace_group: TracesBuilder,
    attributes: Attributes,
    collector: ValueCollector,
    /// The filter of each row group that is written.
    filters: Vec<SaltedFilter>,
    /// Rows of the row group that is under way.
    group_rows: usize,
    /// Rows that it is to have.
    group_rows_full: usize,
    span_count: u64,
    repeats_ids: bool,
    operations: Operations,
    trace_rows: TraceRows,
    start_time: Extent,
    ingested_at: Extent,
}

impl<'e> SegmentWriter<'e> {
    /// Begins a segment, and makes its first two files.
    ///
    /// # Errors
    /// When a file cannot be made.
    pub(crate) fn new(
        env: &'e Env,
        new: &NewSegment<'_>,
        shape: &SegmentShape,
        layouts: Layouts,
    ) -> Result<Self, StoreError> {
        let files = Files::new(env, new)?;
        let attributes = Attributes::new(layouts);
        let layout = attributes.layout();
        let spans = TableWriter::spans(files.create(0)?, &files.temporary(0), shape, &layout)?;
        let traces = TableWriter::traces(files.create(1)?, &files.temporary(1), shape)?;
        Ok(Self {
            files,
            shape: *shape,
            spans,
            traces,
            trace_group: TracesBuilder::new(),
            attributes,
            collector: ValueCollector::new(),
            filters: Vec::new(),
            group_rows: 0,
            group_rows_full: shape.row_group_rows,
            span_count: 0,
            repeats_ids: false,
            operations: Operations::default(),
            trace_rows: TraceRows::default(),
            start_time: Extent::default(),
            ingested_at: Extent::default(),
        })
    }

    /// Appends the spans `rows` of `batch`, which is all of them in this order. A trace ends behind each of `ends`, places in `rows`; the
    /// last one may go on in the next call.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(
        &mut self,
        batch: SpanBatch,
        rows: &[PlannedRow],
        ends: &[usize],
    ) -> Result<(), StoreError> {
        let batches = [Arc::new(batch)];
        let columns = SpanColumns::of_batch(&batches[0]);
        let operation = |row| (columns.service(row), columns.name(row), columns.kind(row));
        let mut operations: Vec<_> = (0..columns.len()).map(operation).collect();
        operations.sort_unstable();
        operations.dedup();
        self.write_part(Part {
            batches: &batches,
            sources: AttributeOwner::ALL.map(|owner| Source::of(&batches, owner)),
            rows,
            ends,
            slices: &[],
            operations: &operations,
        })
    }

    /// A slice of `rows` rows begins, with a row group of its own if the one under way is not small; it is cut into equal row groups.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn begin_slice(&mut self, rows: usize) -> Result<(), StoreError> {
        let full = self.shape.row_group_rows;
        if self.group_rows >= (full / SMALL).max(1) {
            self.end_row_group()?;
        }
        let groups = ((rows + full / 2) / full).max(1);
        self.group_rows_full = rows.div_ceil(groups).max(1);
        Ok(())
    }

    /// Appends the row groups `row_groups` of `segment` as they are, or nothing: false when one is under way here, and when `segment` is laid out
    /// otherwise than this one or does not tell enough.
    ///
    /// # Errors
    /// When `segment` cannot be read, or a file not be written.
    pub(crate) fn copy(
        &mut self,
        segment: &Segment,
        row_groups: Range<usize>,
    ) -> Result<bool, StoreError> {
        let metadata = segment.metadata(SegmentTable::Spans)?;
        let layout = segment.attribute_layout()?;
        if self.group_rows > 0
            || metadata.schema().fields() != self.spans.schema.fields()
            || !self.attributes.places_alike(&layout)
        {
            return Ok(false);
        }
        let mut taken = Vec::with_capacity(row_groups.len());
        for number in row_groups {
            let facts = RowGroupFacts::of(metadata.metadata(), number);
            let Some(both) = facts.zip(segment.row_group_filter(number)?) else {
                return Ok(false);
            };
            taken.push((number, both));
        }
        let file = segment.table(SegmentTable::Spans)?;
        for (number, (facts, filter)) in taken {
            self.spans.copy_row_group(&RowGroup {
                file: &file,
                metadata: metadata.metadata(),
                number,
            })?;
            self.filters.push(filter);
            self.span_count += facts.rows;
            self.start_time.add_all(facts.start_time);
            self.ingested_at.add_all(facts.ingested_at);
        }
        self.attributes.note(&layout);
        let operations = segment.operations()?;
        self.operations
            .add_all((*operations).as_deref(), &segment.meta().services);
        Ok(true)
    }

    /// Appends the row of a trace: in the order in which the traces' spans are appended.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn add_trace(
        &mut self,
        summary: &Summary<'_>,
        weighing: Weighing,
    ) -> Result<(), StoreError> {
        let first_row = self.trace_rows.add(summary.trace_id, summary.span_count);
        self.trace_group.push(summary, weighing, first_row);
        self.repeats_ids |= summary.repeats_ids;
        if self
            .trace_rows
            .len()
            .is_multiple_of(self.shape.row_group_rows)
        {
            self.end_trace_group()?;
        }
        Ok(())
    }

    /// Bytes of the files so far, about.
    pub(crate) fn bytes(&self) -> u64 {
        (self.spans.bytes() + self.traces.bytes()) as u64
    }

    /// Makes everything durable, names included.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn finish(mut self) -> Result<SegmentMeta, StoreError> {
        if self.group_rows > 0 {
            self.end_row_group()?;
        }
        if !self
            .trace_rows
            .len()
            .is_multiple_of(self.shape.row_group_rows)
        {
            self.end_trace_group()?;
        }
        let (layout, census) = self.attributes.finish();
        self.spans.describe(&layout, &census, self.repeats_ids);
        let (spans, traces) = (self.spans.finish()?, self.traces.finish()?);
        let operations = self.operations.list();
        let contents = Contents {
            name: &self.files.name,
            traces: self.trace_rows.sorted(),
            values: &self.filters,
            operations: operations.as_deref(),
            blocks: [&spans.blocks, &traces.blocks],
        };
        let index = index::write(self.files.create(2)?, &self.files.temporary(2), &contents)?;
        self.files.give_names()?;
        let written = [spans, traces, index];
        self.files.keep();
        Ok(SegmentMeta {
            name: self.files.name.clone(),
            tenant: self.files.tenant.clone(),
            format: FORMAT,
            wal: self.files.wal,
            span_count: self.span_count,
            trace_count: self.trace_rows.len() as u64,
            file_bytes: written.each_ref().map(|file| file.bytes),
            file_crc: written.each_ref().map(|file| file.crc),
            start_time: self.start_time.0,
            ingested_at: self.ingested_at.0,
            services: self.operations.services(),
            merged: self.files.merged,
            is_pinned: self.files.is_pinned,
            is_undecided: false,
        })
    }

    /// Appends rows, and ends row groups behind a trace if possible.
    pub(super) fn write_part(&mut self, part: Part<'_>) -> Result<(), StoreError> {
        let (batches, rows) = (part.batches, part.rows);
        for operation in part.operations {
            self.operations.add(*operation);
        }
        self.note_extents(batches, rows);
        let placed = self.attributes.place(part.sources);
        let source = RowSource::new(batches, rows);
        let mut start = 0;
        for slice in part.slices {
            self.begin_slice(*slice)?;
            let rows = start..start + slice;
            self.write_slice(&source, &placed, rows, part.ends)?;
            start += slice;
        }
        self.write_slice(&source, &placed, start..rows.len(), part.ends)?;
        self.attributes.batches += batches.len() as u32;
        Ok(())
    }

    /// Appends the rows `rows` of one slice.
    fn write_slice(
        &mut self,
        source: &RowSource<'_>,
        placed: &PlacedPart<'_>,
        rows: Range<usize>,
        ends: &[usize],
    ) -> Result<(), StoreError> {
        let mut start = rows.start;
        while start < rows.end {
            if self.group_rows == self.group_rows_max() {
                self.end_row_group()?;
            }
            let group_end = self.group_end(start, rows.end, ends);
            let end = source.part_end(start, group_end);
            self.write_rows(source, placed, start..end)?;
            let is_full = end == group_end
                && self.group_rows >= self.group_rows_full
                && ends.binary_search(&end).is_ok();
            if is_full || self.spans.row_group_bytes() >= self.shape.row_group_bytes {
                self.end_row_group()?;
            }
            start = end;
        }
        Ok(())
    }

    /// Rows at which a row group ends even inside a trace.
    fn group_rows_max(&self) -> usize {
        2 * self.shape.row_group_rows
    }

    /// Where the row group ends that row `start` is in: behind the trace that makes it large, unless that is too far; at most `rows`.
    fn group_end(&self, start: usize, rows: usize, ends: &[usize]) -> usize {
        let missing = self.group_rows_full.saturating_sub(self.group_rows);
        let large = start + missing.max(1);
        let behind_trace = ends.get(ends.partition_point(|end| *end < large));
        let farthest = (start + self.group_rows_max() - self.group_rows).min(rows);
        behind_trace.map_or(farthest, |end| *end.min(&farthest))
    }

    fn write_rows(
        &mut self,
        source: &RowSource<'_>,
        placed: &PlacedPart<'_>,
        rows: Range<usize>,
    ) -> Result<(), StoreError> {
        let of_spans = self.attributes.spans.split(
            &placed.spans,
            source.places(rows.clone()),
            &mut self.collector,
        );
        let table = source
            .table(rows.clone(), &self.spans.schema, of_spans, &placed.groups)
            .map_err(|error| self.spans.failed(error.into()))?;
        self.attributes.collect(
            &mut self.collector,
            &table,
            source.places(rows.clone()),
            source.batches,
        );
        self.spans.write(&table)?;
        self.group_rows += rows.len();
        self.span_count += rows.len() as u64;
        Ok(())
    }

    fn end_row_group(&mut self) -> Result<(), StoreError> {
        self.group_rows = 0;
        let salt = Salt::of(&self.files.name, self.filters.len() as u32);
        self.filters.push(self.collector.finish(salt));
        self.spans.end_row_group()
    }

    fn end_trace_group(&mut self) -> Result<(), StoreError> {
        let group = std::mem::replace(&mut self.trace_group, TracesBuilder::new());
        self.traces.write(&group.finish())?;
        self.traces.end_row_group()
    }

    fn note_extents(&mut self, batches: &[Arc<SpanBatch>], rows: &[PlannedRow]) {
        let columns: Vec<_> = batches.iter().map(|b| SpanColumns::of_batch(b)).collect();
        for row in rows {
            let columns = &columns[row.span.batch as usize];
            let row = row.span.row as usize;
            self.start_time.add(columns.start(row));
            self.ingested_at.add(columns.ingested_at(row));
        }
    }
}

/// Attributes on their way into columns.
struct Attributes {
    spans: Splitter,
    resources: Splitter,
    keys: Keys,
    census: CensusOfFile,
    /// Batches of the parts that are written: they number groups through.
    batches: u32,
}

/// Keys at the levels that have no columns.
#[derive(Default)]
struct Keys {
    scope: KeyList,
    event: KeyList,
    link: KeyList,
}

/// The attributes of a part.
struct PlacedPart<'b> {
    spans: Placed<'b>,
    groups: GroupColumns,
}

impl Attributes {
    fn new(layouts: Layouts) -> Self {
        Self {
            spans: Splitter::new(layouts.span),
            resources: Splitter::new(layouts.resource),
            keys: Keys::default(),
            census: layouts.census,
            batches: 0,
        }
    }

    /// Whether a file of the layout `layout` keeps attributes in the same places.
    fn places_alike(&self, layout: &AttributeLayout) -> bool {
        let own = [self.spans.layout(), self.resources.layout()];
        let mut both = AttributeOwner::ALL.into_iter().zip(own);
        both.all(|(owner, own)| own.places_alike(layout.owner(owner)))
    }

    /// Takes what the layout `layout`, which is alike, says of rows that are not seen here.
    fn note(&mut self, layout: &AttributeLayout) {
        self.spans.note(layout.owner(AttributeOwner::Span));
        self.resources.note(layout.owner(AttributeOwner::Resource));
        self.keys.scope.add_all(layout.scope_keys.as_ref());
        self.keys.event.add_all(layout.event_keys.as_ref());
        self.keys.link.add_all(layout.link_keys.as_ref());
    }

    /// The columns; the keys in the residue are not known yet.
    fn layout(&self) -> AttributeLayout {
        AttributeLayout::new(self.spans.layout().clone(), self.resources.layout().clone())
    }

    fn place<'b>(&mut self, [spans, resources]: [Source<'b>; 2]) -> PlacedPart<'b> {
        let resources = self.resources.place_all(resources);
        PlacedPart {
            spans: self.spans.place_all(spans),
            groups: self.resources.groups(&resources),
        }
    }

    /// Takes what the rows at `places`, whose table is `table`, hold; the attributes of spans are in already.
    fn collect(
        &mut self,
        collector: &mut ValueCollector,
        table: &RecordBatch,
        places: impl Iterator<Item = (usize, usize)>,
        batches: &[Arc<SpanBatch>],
    ) {
        // Place of `attributes` in an event and in a link.
        const IN_EVENT: usize = 2;
        const IN_LINK: usize = 3;
        let keys = &mut self.keys;
        let (events, links) = (table.column(column::EVENTS), table.column(column::LINKS));
        collector.add_items(events, IN_EVENT, |key| keys.event.add(key));
        collector.add_items(links, IN_LINK, |key| keys.link.add(key));
        table
            .column(column::NAME)
            .as_string_view()
            .iter()
            .flatten()
            .for_each(|name| collector.add_name(name));
        for (place, row) in places {
            let batch = &batches[place];
            let group = batch.group_of().value(row);
            if collector.is_new_group(self.batches + place as u32, group) {
                let own = batch.groups().slice(group as usize, 1);
                collector.add_service(batch.group_service_names().value(group as usize));
                let map = |place: usize| own.column(place - column::SERVICE_NAME).as_map();
                collector.add_attributes(map(column::RESOURCE_ATTRIBUTES), |_| {});
                collector.add_attributes(map(column::SCOPE_ATTRIBUTES), |key| keys.scope.add(key));
            }
        }
    }

    /// The whole layout, when all spans are split, and the attributes in numbers.
    fn finish(self) -> (AttributeLayout, CensusOfFile) {
        let mut layout = AttributeLayout::new(self.spans.finish(), self.resources.finish());
        layout.scope_keys = self.keys.scope.finish();
        layout.event_keys = self.keys.event.finish();
        layout.link_keys = self.keys.link.finish();
        (layout, self.census)
    }
}
