//! Writing a segment: plan, rows, filters, three files.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use super::attributes::{
    AttributeLayout, AttributeOwner, GroupColumns, KeyList, LAYOUT_KEY, Source, Splitter,
};
use super::file::{FileWriter, Written, io_error};
use super::index::values::ValueCollector;
use super::index::{self, Contents};
use super::plan::Plan;
use super::properties::properties;
use super::rows::RowSource;
use super::{FORMAT, Segment, SegmentMeta, SegmentTable};
use crate::batch::SpanBatch;
use crate::env::Env;
use crate::error::StoreError;
use crate::ids::TraceId;
use crate::limits::AttributeColumns;
use crate::policy::FlushPolicy;
use crate::schema::column;
use crate::trace::gather::Gathered;
use crate::trace::summary::TracesBuilder;

/// A row group ends with the first trace that makes it this large.
const GROUP_ROWS: usize = 64 << 10;
/// A row group ends here even inside a trace.
const GROUP_ROWS_MAX: usize = 128 << 10;
/// A row group ends when its encoded columns take this much memory.
const GROUP_BYTES_MAX: usize = 32 << 20;
/// Service names that a segment's facts list.
const SERVICES_MAX: usize = 1000;

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
    /// Which attribute keys get a column.
    pub attribute_columns: AttributeColumns,
}

/// Writes the spans of `batches` that `policy` keeps as a new segment; `None`, and no file, when it keeps none.
///
/// Everything is durable, names included, when this returns `Ok`. On an error the files are removed as far as possible.
/// Blocks; takes memory for some 80 bytes a span, one row group, and a bounded number of attribute keys.
///
/// # Errors
/// When a file cannot be written.
pub fn write(
    env: &Env,
    new: &NewSegment<'_>,
    batches: &[Arc<SpanBatch>],
    policy: &dyn FlushPolicy,
) -> Result<Option<SegmentMeta>, StoreError> {
    let gathered = Gathered::of(batches);
    let plan = Plan::new(&gathered, policy);
    if plan.rows.is_empty() {
        return Ok(None);
    }
    let paths = Segment::paths(new.data_dir, new.name);
    let files = Files {
        env,
        new,
        paths,
        batches,
        plan: &plan,
        created: Cell::new(0),
    };
    match files.write() {
        Ok(written) => Ok(Some(files.meta(&gathered, &written))),
        Err(error) => {
            files.remove();
            Err(error)
        }
    }
}

/// The files of a segment on their way.
struct Files<'a> {
    env: &'a Env,
    new: &'a NewSegment<'a>,
    /// Spans, traces, index.
    paths: [PathBuf; 3],
    batches: &'a [Arc<SpanBatch>],
    plan: &'a Plan<'a>,
    /// How many of the files have been made.
    created: Cell<usize>,
}

impl Files<'_> {
    fn write(&self) -> Result<[Written; 3], StoreError> {
        let dir = self.paths[0].parent().unwrap_or(self.new.data_dir);
        self.env
            .fs
            .create_dir_all(dir)
            .map_err(|source| io_error(dir, source))?;
        let (spans, values) = self.write_spans()?;
        let traces = self.write_traces()?;
        let mut trace_rows: Vec<(TraceId, Range<u32>)> = self
            .plan
            .traces
            .iter()
            .map(|trace| (trace.summary.trace_id, trace.rows.clone()))
            .collect();
        trace_rows.sort_unstable_by_key(|(id, _)| *id);
        let contents = Contents {
            name: self.new.name,
            traces: &trace_rows,
            values: &values,
            operations: &self.plan.operations,
            blocks: [&spans.blocks, &traces.blocks],
        };
        let index = index::write(self.create(2)?, &self.paths[2], &contents)?;
        self.env
            .fs
            .sync_dir(dir)
            .map_err(|source| io_error(dir, source))?;
        Ok([spans, traces, index])
    }

    /// The file of `spans`, and the filter of each of its row groups.
    fn write_spans(&self) -> Result<(Written, Vec<Vec<u8>>), StoreError> {
        let mut attributes = Attributes::new(self.batches, &self.new.attribute_columns);
        let mut table = TableWriter::spans(self.create(0)?, &self.paths[0], &attributes.layout)?;
        let source = RowSource::new(self.batches, self.plan);
        let mut collector = ValueCollector::new();
        let mut filters = Vec::new();
        let mut start = 0;
        for end in self.row_group_ends() {
            while start < end {
                let part_end = source.part_end(start, end);
                let rows = start..part_end;
                let of_spans = attributes
                    .spans
                    .split(source.places(rows.clone()), &mut collector);
                let part = source
                    .table(rows.clone(), &table.schema, of_spans, &attributes.groups)
                    .map_err(|error| table.failed(error.into()))?;
                self.collect(&mut collector, &mut attributes.keys, &part, rows);
                table.write(&part)?;
                start = part_end;
                if start == end || table.row_group_bytes() >= GROUP_BYTES_MAX {
                    table.end_row_group()?;
                    filters.push(collector.finish());
                }
            }
        }
        table.set_layout(&attributes.finish());
        Ok((table.finish()?, filters))
    }

    /// Where row groups end: behind a trace if possible.
    fn row_group_ends(&self) -> Vec<usize> {
        let (mut ends, mut start) = (Vec::new(), 0);
        for trace in &self.plan.traces {
            let end = trace.rows.end as usize;
            while end - start > GROUP_ROWS_MAX {
                start += GROUP_ROWS_MAX;
                ends.push(start);
            }
            if end - start >= GROUP_ROWS {
                start = end;
                ends.push(start);
            }
        }
        if start < self.plan.rows.len() {
            ends.push(self.plan.rows.len());
        }
        ends
    }

    /// Takes what the rows `rows`, whose table is `part`, hold; the attributes of spans are in already.
    fn collect(
        &self,
        collector: &mut ValueCollector,
        keys: &mut Keys,
        part: &RecordBatch,
        rows: Range<usize>,
    ) {
        // Place of `attributes` in an event and in a link.
        const IN_EVENT: usize = 2;
        const IN_LINK: usize = 3;
        let (events, links) = (part.column(column::EVENTS), part.column(column::LINKS));
        collector.add_items(events, IN_EVENT, |key| keys.event.add(key));
        collector.add_items(links, IN_LINK, |key| keys.link.add(key));
        part.column(column::NAME)
            .as_string_view()
            .iter()
            .flatten()
            .for_each(|name| collector.add_name(name));
        for row in &self.plan.rows[rows] {
            let batch = &self.batches[row.span.batch as usize];
            let group = batch.group_of().value(row.span.row as usize);
            if collector.is_new_group(row.span.batch, group) {
                let own = batch.groups().slice(group as usize, 1);
                collector.add_service(batch.group_service_names().value(group as usize));
                let map = |place: usize| own.column(place - column::SERVICE_NAME).as_map();
                collector.add_attributes(map(column::RESOURCE_ATTRIBUTES), |_| {});
                collector.add_attributes(map(column::SCOPE_ATTRIBUTES), |key| keys.scope.add(key));
            }
        }
    }

    fn write_traces(&self) -> Result<Written, StoreError> {
        let mut table = TableWriter::traces(self.create(1)?, &self.paths[1])?;
        for traces in self.plan.traces.chunks(GROUP_ROWS) {
            let mut builder = TracesBuilder::new();
            for trace in traces {
                builder.push(&trace.summary, trace.threshold, trace.rows.start);
            }
            table.write(&builder.finish())?;
            table.end_row_group()?;
        }
        table.finish()
    }

    fn meta(&self, gathered: &Gathered<'_>, written: &[Written; 3]) -> SegmentMeta {
        let spans = self.plan.rows.iter().map(|row| {
            let columns = &gathered.columns[row.span.batch as usize];
            let row = row.span.row as usize;
            (
                columns.node(row).start_unix_nano as i64,
                columns.ingested_at(row),
            )
        });
        let (mut start_time, mut ingested_at) = ((i64::MAX, i64::MIN), (i64::MAX, i64::MIN));
        for (start, ingested) in spans {
            start_time = (start_time.0.min(start), start_time.1.max(start));
            ingested_at = (ingested_at.0.min(ingested), ingested_at.1.max(ingested));
        }
        let services: BTreeSet<_> = self
            .plan
            .operations
            .iter()
            .map(|operation| operation.0)
            .collect();
        let listed = if services.len() > SERVICES_MAX {
            BTreeSet::new()
        } else {
            services
        };
        SegmentMeta {
            name: self.new.name.to_owned(),
            tenant: self.new.tenant.to_owned(),
            format: FORMAT,
            wal: self.new.wal,
            span_count: self.plan.rows.len() as u64,
            trace_count: self.plan.traces.len() as u64,
            file_bytes: written.each_ref().map(|file| file.bytes),
            file_crc: written.each_ref().map(|file| file.crc),
            start_time,
            ingested_at,
            services: listed.into_iter().map(str::to_owned).collect(),
        }
    }

    /// Makes the file `place`, and remembers that it is ours to remove.
    fn create(&self, place: usize) -> Result<FileWriter, StoreError> {
        let file = FileWriter::create(self.env, &self.paths[place])?;
        self.created.set(place + 1);
        Ok(file)
    }

    /// Removes what was made. What cannot be removed is an orphan, and start-up removes it.
    fn remove(&self) {
        for path in &self.paths[..self.created.get()] {
            if let Err(error) = self.env.fs.remove_file(path) {
                tracing::warn!(path = %path.display(), %error, "part of a failed segment stays behind");
            }
        }
    }
}

/// Attributes on their way into columns.
struct Attributes<'a> {
    /// The columns; the keys in the residue are not known yet.
    layout: AttributeLayout,
    spans: Splitter<'a>,
    resources: Splitter<'a>,
    groups: GroupColumns,
    keys: Keys,
}

/// Keys at the levels that have no columns.
#[derive(Default)]
struct Keys {
    scope: KeyList,
    event: KeyList,
    link: KeyList,
}

impl<'a> Attributes<'a> {
    fn new(batches: &'a [Arc<SpanBatch>], limits: &AttributeColumns) -> Self {
        let splitter = |owner| Splitter::new(Source::of(batches, owner), limits, owner);
        let spans = splitter(AttributeOwner::Span);
        let mut resources = splitter(AttributeOwner::Resource);
        Self {
            layout: AttributeLayout::new(spans.layout().clone(), resources.layout().clone()),
            groups: resources.groups(),
            spans,
            resources,
            keys: Keys::default(),
        }
    }

    /// The whole layout, when all spans are split.
    fn finish(self) -> AttributeLayout {
        let mut layout = AttributeLayout::new(self.spans.finish(), self.resources.finish());
        layout.scope_keys = self.keys.scope.finish();
        layout.event_keys = self.keys.event.finish();
        layout.link_keys = self.keys.link.finish();
        layout
    }
}

/// A Parquet file on its way.
struct TableWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: ArrowWriter<FileWriter>,
}

impl TableWriter {
    fn spans(file: FileWriter, path: &Path, layout: &AttributeLayout) -> Result<Self, StoreError> {
        let properties = properties(SegmentTable::Spans, layout);
        Self::new(file, path, layout.file_schema(), properties)
    }

    fn traces(file: FileWriter, path: &Path) -> Result<Self, StoreError> {
        let table = SegmentTable::Traces;
        let properties = properties(table, &AttributeLayout::default());
        Self::new(file, path, table.schema(), properties)
    }

    fn new(
        file: FileWriter,
        path: &Path,
        schema: SchemaRef,
        properties: WriterProperties,
    ) -> Result<Self, StoreError> {
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        let writer = writer.map_err(|error| failed(path, error))?;
        Ok(Self {
            path: path.to_owned(),
            schema,
            writer,
        })
    }

    fn set_layout(&mut self, layout: &AttributeLayout) {
        let entry = KeyValue::new(LAYOUT_KEY.to_owned(), layout.to_text());
        self.writer.append_key_value_metadata(entry);
    }

    fn write(&mut self, part: &RecordBatch) -> Result<(), StoreError> {
        self.writer
            .write(part)
            .map_err(|error| failed(&self.path, error))
    }

    fn row_group_bytes(&self) -> usize {
        self.writer.memory_size()
    }

    fn end_row_group(&mut self) -> Result<(), StoreError> {
        self.writer
            .flush()
            .map_err(|error| failed(&self.path, error))
    }

    fn finish(self) -> Result<Written, StoreError> {
        let Self { path, writer, .. } = self;
        writer
            .into_inner()
            .map_err(|error| failed(&path, error))?
            .finish()
    }

    fn failed(&self, error: ParquetError) -> StoreError {
        failed(&self.path, error)
    }
}

/// What stopped a file from being written: the system's own error where there is one.
fn failed(path: &Path, error: ParquetError) -> StoreError {
    let source = match error {
        ParquetError::External(source) => match source.downcast::<std::io::Error>() {
            Ok(source) => *source,
            Err(source) => std::io::Error::other(source),
        },
        other => std::io::Error::other(other),
    };
    io_error(path, source)
}
