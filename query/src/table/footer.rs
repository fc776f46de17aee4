//! What the footer of a segment's file tells of its columns, and how they are read.

use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, UInt32Type};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions};
use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};

/// Type of the keys of a column that is read as keys and dictionary.
pub(crate) type DictionaryKey = UInt32Type;

/// True when the column `place` is of text, and every page of it refers to a dictionary.
pub(crate) fn has_values(metadata: &ArrowReaderMetadata, place: usize) -> bool {
    let is_text = metadata.schema().field(place).data_type() == &DataType::Utf8View;
    let only_keys = |chunk: &ColumnChunkMetaData| {
        let encodings = chunk.page_encoding_stats_mask();
        chunk.dictionary_page_offset().is_some()
            && encodings.is_some_and(|mask| mask.is_only(Encoding::RLE_DICTIONARY))
    };
    is_text && chunks(metadata.metadata(), &[place]).all(only_keys)
}

/// The same file, with the columns `places` read as keys and dictionaries.
///
/// # Errors
/// When one of them is not of text.
pub(crate) fn with_dictionaries(
    metadata: &ArrowReaderMetadata,
    places: &[usize],
) -> Result<ArrowReaderMetadata> {
    if places.is_empty() {
        return Ok(metadata.clone());
    }
    let coded = || DataType::Dictionary(Box::new(DataType::UInt32), Box::new(DataType::Utf8));
    let schema = metadata.schema();
    let fields = schema.fields().iter().enumerate().map(|(place, field)| {
        if places.contains(&place) {
            Arc::new(field.as_ref().clone().with_data_type(coded()))
        } else {
            Arc::clone(field)
        }
    });
    let schema = Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone());
    let options = ArrowReaderOptions::new().with_schema(Arc::new(schema));
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
}

/// The columns `places`, as a reader is told of them.
pub(crate) fn mask(metadata: &ArrowReaderMetadata, places: &[usize]) -> ProjectionMask {
    ProjectionMask::roots(metadata.parquet_schema(), places.iter().copied())
}

/// What the file has of the columns `places`.
pub(crate) fn chunks<'a>(
    metadata: &'a ParquetMetaData,
    places: &'a [usize],
) -> impl Iterator<Item = &'a ColumnChunkMetaData> {
    leaves(metadata, places).flat_map(|leaf| {
        let groups = metadata.row_groups().iter();
        groups.map(move |group| group.column(leaf))
    })
}

/// The leaves of the columns `places`.
pub(crate) fn leaves<'a>(
    metadata: &'a ParquetMetaData,
    places: &'a [usize],
) -> impl Iterator<Item = usize> + 'a {
    let schema = metadata.file_metadata().schema_descr();
    let is_wanted = |leaf: &usize| places.contains(&schema.get_column_root_idx(*leaf));
    (0..schema.num_columns()).filter(is_wanted)
}
