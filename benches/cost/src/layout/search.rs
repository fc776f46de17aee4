//! Searching for `key = value` among the attributes of spans: the column of the key is read where it has one, else its residue map.

use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;

use anyhow::{Context, Result};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, Scalar, StringArray};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{CastOptions, cast_with_options};
use arrow::error::ArrowError;
use bytes::Bytes;
use clew_storage::Segment;
use clew_storage::schema::column;
use clew_storage::segment::SegmentTable;
use clew_storage::segment::attributes::AttributeOwner;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use serde::Serialize;

use super::sets::DataSet;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;
/// The rarer key is one that at least one span of so many has: few enough that not every variant gives it a column.
const RARE_SHARE: usize = 100;

/// An attribute that is searched for.
#[derive(Debug, Serialize)]
pub(super) struct Question {
    key: String,
    /// Canonical text.
    value: String,
    /// Spans that have the key.
    spans: usize,
}

/// A key that nearly all spans have, and one that few have.
#[derive(Debug, Serialize)]
pub(super) struct Questions {
    frequent: Question,
    rare: Question,
}

impl Questions {
    pub(super) fn each(&self) -> [&Question; 2] {
        [&self.frequent, &self.rare]
    }
}

/// What came of a search.
pub(super) struct Found {
    pub(super) matches: usize,
    pub(super) us: f64,
}

/// The most frequent key of spans with more than one value, and the rarest one that one span in [`RARE_SHARE`] has; each with its most frequent
/// value.
pub(super) fn choose(set: &DataSet) -> Result<Questions> {
    let mut keys: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
    for batch in set.batches() {
        let map = batch.own().column(column::ATTRIBUTES).as_map();
        let (names, values) = (
            map.keys().as_string::<i32>(),
            map.values().as_string::<i32>(),
        );
        for (name, value) in names.iter().zip(values) {
            let of_key = keys.entry(name.unwrap_or_default()).or_default();
            *of_key.entry(value.unwrap_or_default()).or_default() += 1;
        }
    }
    let mut questions: Vec<_> = keys
        .into_iter()
        .filter(|(_, values)| values.len() > 1)
        .filter_map(|(key, values)| {
            let spans = values.values().sum();
            let (value, _) = values
                .into_iter()
                .max_by_key(|(value, count)| (*count, *value))?;
            Some(Question {
                key: key.to_owned(),
                value: value.to_owned(),
                spans,
            })
        })
        .filter(|question| question.spans * RARE_SHARE >= set.spans())
        .collect();
    questions.sort_by(|left, right| (left.spans, &left.key).cmp(&(right.spans, &right.key)));
    let frequent = questions.pop().context("no key has more than one value")?;
    let rare = questions
        .into_iter()
        .next()
        .context("no second key has more than one value")?;
    Ok(Questions { frequent, rare })
}

/// How many spans of `segment` match. Reads all row groups: filters are not asked.
pub(super) fn search(segment: &Arc<Segment>, question: &Question) -> Result<usize> {
    let (metadata, layout) = (
        segment.metadata(SegmentTable::Spans)?,
        segment.attribute_layout()?,
    );
    let owner = layout.owner(AttributeOwner::Span);
    let first = layout.places(AttributeOwner::Span).start;
    let in_column = owner.column_of(&question.key);
    let is_elsewhere = in_column.is_none_or(|place| owner.columns[place].elsewhere);
    let residue = owner.residue_of(&question.key).filter(|_| is_elsewhere);
    let residue = residue.map(|place| first + owner.columns.len() + place);
    let places = in_column
        .map(|place| first + place)
        .into_iter()
        .chain(residue);
    let mask = ProjectionMask::roots(metadata.parquet_schema(), places);
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(
        SpansFile(Arc::clone(segment)),
        metadata,
    )
    .with_projection(mask)
    .with_batch_size(BATCH_ROWS)
    .build()?;
    let mut matches = 0;
    for rows in reader {
        matches += matches_of(&rows?, in_column.is_some(), residue.is_some(), question)?;
    }
    Ok(matches)
}

/// The matches among `rows`, which are the column, the residue map, or both.
fn matches_of(
    rows: &RecordBatch,
    has_column: bool,
    has_residue: bool,
    question: &Question,
) -> Result<usize, ArrowError> {
    let column = has_column.then(|| rows.column(0));
    let mut matches = match column {
        Some(column) => equal(column, &question.value)?.true_count(),
        None => 0,
    };
    if has_residue && let Some(residue) = rows.columns().last() {
        let is_null = |row| column.is_none_or(|column| column.is_null(row));
        let map = residue.as_map();
        let (keys, values) = (
            map.keys().as_string::<i32>(),
            map.values().as_string::<i32>(),
        );
        for (row, ends) in map.value_offsets().windows(2).enumerate() {
            let mut entries = ends[0] as usize..ends[1] as usize;
            let found = entries.find(|entry| keys.value(*entry) == question.key);
            let is_match = found.is_some_and(|entry| values.value(entry) == question.value);
            matches += usize::from(is_match && is_null(row));
        }
    }
    Ok(matches)
}

/// Where `column` holds what the text `value` stands for.
fn equal(column: &ArrayRef, value: &str) -> Result<BooleanArray, ArrowError> {
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let text = StringArray::from(vec![value]);
    let value = cast_with_options(&text, column.data_type(), &strict)?;
    eq(column, &Scalar::new(value))
}

/// The file of `spans`; reads are checked.
struct SpansFile(Arc<Segment>);

impl Length for SpansFile {
    fn len(&self) -> u64 {
        self.0.meta().file_bytes[0]
    }
}

impl ChunkReader for SpansFile {
    type T = Sequential;

    fn get_read(&self, start: u64) -> Result<Sequential, ParquetError> {
        Ok(Sequential {
            segment: Arc::clone(&self.0),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let range = start..start + length as u64;
        let read = self.0.read(SegmentTable::Spans, range);
        read.map_err(|error| ParquetError::External(error.into()))
    }
}

/// The file from some place on.
struct Sequential {
    segment: Arc<Segment>,
    at: u64,
}

impl Read for Sequential {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let end = (self.at + buffer.len() as u64).min(self.segment.meta().file_bytes[0]);
        let read = self
            .segment
            .read(SegmentTable::Spans, self.at.min(end)..end);
        let bytes = read.map_err(std::io::Error::other)?;
        buffer[..bytes.len()].copy_from_slice(&bytes);
        self.at += bytes.len() as u64;
        Ok(bytes.len())
    }
}
