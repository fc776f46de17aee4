//! A data set as segments of one shape, and what is asked of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use clew_storage::env::Env;
use clew_storage::limits::SegmentShape;
use clew_storage::segment::{SegmentCache, SegmentTable};
use clew_storage::trace::assemble;
use clew_storage::{Limits, Segment, TraceId};
use cpu_time::ThreadTime;
use serde::Serialize;
use tempfile::TempDir;

use super::search::{Found, Question, search};
use super::sets::DataSet;
use crate::stored::write;

/// Segments on disk, as long as they are asked.
pub(super) struct Stored {
    segments: Vec<Arc<Segment>>,
    cache: Arc<SegmentCache>,
    /// CPU that it took to write all of them.
    pub(super) write_ns: f64,
    _folder: TempDir,
}

/// What it took to read traces.
pub(super) struct LookUps {
    pub(super) median_us: f64,
    pub(super) read_bytes: u64,
    pub(super) spans: usize,
}

/// A column of the `spans` files, nested ones whole.
#[derive(Debug, Serialize)]
pub(super) struct ColumnBytes {
    name: String,
    bytes: u64,
}

impl Stored {
    pub(super) fn write(set: &DataSet, shape: &SegmentShape, work: Option<&Path>) -> Result<Self> {
        let folder = match work {
            Some(work) => tempfile::tempdir_in(work),
            None => tempfile::tempdir(),
        };
        let folder = folder.context("a folder for segments")?;
        let mut metas = Vec::new();
        let started = ThreadTime::now();
        for (number, flush) in set.flushes.iter().enumerate() {
            let name = format!("default/{number}");
            metas.push(write(folder.path(), &name, flush, shape)?);
        }
        let write_ns = started.elapsed().as_secs_f64() * 1e9;
        let cache = Arc::new(SegmentCache::new(Limits::default().segment_cache_bytes));
        let open = |meta| Arc::new(Segment::open(&Env::system(), folder.path(), meta, &cache));
        Ok(Self {
            segments: metas.into_iter().map(open).collect(),
            cache: Arc::clone(&cache),
            write_ns,
            _folder: folder,
        })
    }

    /// Bytes of all `spans` files, all `traces` files, and all indexes.
    pub(super) fn file_bytes(&self) -> [u64; 3] {
        let mut sum = [0; 3];
        for segment in &self.segments {
            for (sum, bytes) in sum.iter_mut().zip(segment.meta().file_bytes) {
                *sum += bytes;
            }
        }
        sum
    }

    /// Reads the traces `ids` whole, one after the other; footers and indexes are in memory.
    pub(super) fn look_up(&self, ids: &BTreeSet<TraceId>) -> Result<LookUps> {
        let read = |id: &TraceId| {
            let trace = assemble(*id, &[], &self.segments, usize::MAX)?;
            trace.context("a trace that was written is not found")
        };
        // Loads what is kept in memory.
        if let Some(id) = ids.first() {
            read(id)?;
        }
        let (mut times, mut spans) = (Vec::with_capacity(ids.len()), 0);
        let read_before = self.cache.bytes_read();
        for id in ids {
            let started = ThreadTime::now();
            let trace = read(id)?;
            times.push(started.elapsed());
            spans += trace.rows.num_rows();
        }
        times.sort_unstable();
        Ok(LookUps {
            median_us: times[times.len() / 2].as_secs_f64() * 1e6,
            read_bytes: self.cache.bytes_read() - read_before,
            spans,
        })
    }

    /// Asks `question` of all rows, some times; the shortest time counts.
    pub(super) fn search(&self, question: &Question) -> Result<Found> {
        /// So short a time needs more than one look.
        const TIMES: usize = 3;
        let mut best = Found {
            matches: 0,
            us: f64::INFINITY,
        };
        for _ in 0..TIMES {
            let (started, mut matches) = (ThreadTime::now(), 0);
            for segment in &self.segments {
                matches += search(segment, question)?;
            }
            let us = started.elapsed().as_secs_f64() * 1e6;
            best = Found {
                matches,
                us: us.min(best.us),
            };
        }
        Ok(best)
    }

    /// Bytes of each column of the `spans` files, the largest first.
    pub(super) fn columns(&self) -> Result<Vec<ColumnBytes>> {
        let mut columns: BTreeMap<String, u64> = BTreeMap::new();
        for segment in &self.segments {
            let metadata = segment.metadata(SegmentTable::Spans)?;
            for group in metadata.metadata().row_groups() {
                for column in group.columns() {
                    let name = column.column_path().parts().first().cloned();
                    *columns.entry(name.unwrap_or_default()).or_default() +=
                        column.compressed_size() as u64;
                }
            }
        }
        let columns = columns
            .into_iter()
            .map(|(name, bytes)| ColumnBytes { name, bytes });
        let mut columns: Vec<_> = columns.collect();
        columns.sort_by_key(|column| std::cmp::Reverse(column.bytes));
        Ok(columns)
    }
}
