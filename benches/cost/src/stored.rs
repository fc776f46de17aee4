//! Batches as a segment, and what can be asked of it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use clew_storage::env::Env;
use clew_storage::limits::SegmentShape;
use clew_storage::schema::{self, column};
use clew_storage::segment::{self, Held, NewSegment, SegmentCache, SegmentTable};
use clew_storage::trace::assemble;
use clew_storage::{KeepAll, Segment, SegmentMeta, SpanBatch, TraceId};
use tempfile::TempDir;

/// Traces that are looked up.
const LOOK_UPS: usize = 50;
/// Questions to the filters, as many of names that are there as of such that are not.
const QUESTIONS: usize = 200;
/// Bytes of the cache: more than a segment takes.
const CACHE_BYTES: usize = 64 << 20;

/// Columns that a search reads: who, what, when, how long, how it ended.
const SEARCHED: [&str; 6] = [
    "trace_id",
    "name",
    "start_time",
    "duration_ns",
    "status_code",
    "service_name",
];

/// Writes `batches` as the segment `name` below `folder`.
pub(crate) fn write(
    folder: &Path,
    name: &str,
    batches: &[Arc<SpanBatch>],
    shape: &SegmentShape,
) -> Result<SegmentMeta> {
    let new = NewSegment {
        data_dir: folder,
        name,
        tenant: "default",
        wal: (1, 1),
        merged: None,
        is_pinned: false,
    };
    let meta = segment::write(&Env::system(), &new, batches, shape, &KeepAll)?;
    meta.context("a segment without spans")
}

/// A segment of all spans of some batches, as long as it is asked.
pub(crate) struct Stored {
    segment: [Arc<Segment>; 1],
    ids: Vec<TraceId>,
    names: Vec<String>,
    projection: Vec<usize>,
    _folder: TempDir,
}

impl Stored {
    pub(crate) fn new(batches: &[Arc<SpanBatch>]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let shape = SegmentShape::default();
        let meta = write(folder.path(), "default/1", batches, &shape)?;
        let cache = Arc::new(SegmentCache::new(CACHE_BYTES));
        let segment = Segment::open(&Env::system(), folder.path(), meta, &cache);
        let rows = || {
            let rows = batches.iter();
            rows.flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)))
        };
        let ids: BTreeSet<_> = rows().map(|(batch, row)| batch.trace_id(row)).collect();
        let names: BTreeSet<_> = rows()
            .map(|(batch, row)| batch.names().value(row))
            .collect();
        let there = names.iter().copied().cycle().take(QUESTIONS / 2);
        let absent = (0..QUESTIONS / 2).map(|number| format!("no span is called {number}"));
        let schema = schema::spans();
        let projection = SEARCHED.iter().map(|name| schema.index_of(name));
        Ok(Self {
            segment: [Arc::new(segment)],
            ids: ids.into_iter().take(LOOK_UPS).collect(),
            names: there.map(str::to_owned).chain(absent).collect(),
            projection: projection.collect::<Result<_, _>>()?,
            _folder: folder,
        })
    }

    fn segment(&self) -> &Segment {
        &self.segment[0]
    }

    /// Traces that [`Stored::look_up`] finds.
    pub(crate) fn look_ups(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Traces by id, whole.
    pub(crate) fn look_up(&self) -> Result<()> {
        for id in &self.ids {
            let trace = assemble(*id, &[], &self.segment, usize::MAX)?;
            trace.context("a trace that was written is not found")?;
        }
        Ok(())
    }

    /// Questions that [`Stored::filter`] asks.
    pub(crate) fn questions(&self) -> Result<u64> {
        Ok((self.names.len() * self.row_groups()?) as u64)
    }

    fn row_groups(&self) -> Result<usize> {
        let metadata = self.segment().metadata(SegmentTable::Spans)?;
        Ok(metadata.metadata().num_row_groups())
    }

    /// Asks the filter of each row group for span names.
    pub(crate) fn filter(&self) -> Result<()> {
        let mut found = 0;
        for row_group in 0..self.row_groups()? {
            for name in &self.names {
                let held = Held::Name(name);
                found += usize::from(self.segment().row_group_may_hold(row_group, held)?);
            }
        }
        ensure!(found >= QUESTIONS / 2, "a name that was written is missing");
        Ok(())
    }

    /// Reads the columns of all spans that a search looks at, and the attributes.
    pub(crate) fn scan(&self) -> Result<()> {
        let rows = 0..self.segment().meta().span_count as u32;
        let searched = Some(self.projection.as_slice());
        for projection in [searched, Some(&[column::ATTRIBUTES])] {
            let table = self
                .segment()
                .read_rows(SegmentTable::Spans, rows.clone(), projection)?;
            ensure!(table.num_rows() == rows.len(), "rows are missing");
        }
        Ok(())
    }
}
