//! How the two Parquet files are encoded. What else was tried and what it costs stands in `docs/segment-layout.md`.

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::attributes::{AttributeLayout, AttributeOwner};
use super::ids::SPAN_AND_PARENT_ID;
use super::{FORMAT, SegmentTable};
use crate::limits::{NumberEncoding, SegmentShape};

/// Key of the format version in the footers.
pub(super) const FORMAT_KEY: &str = "clew.format";
/// Key of the table's name in the footers.
pub(super) const TABLE_KEY: &str = "clew.table";

/// Key in the footer of `spans` of whether several spans of a trace may have one id.
pub(super) const REPEATED_IDS_KEY: &str = "clew.repeated_span_ids";

/// How the file of `table` is written; `attributes` tells the columns of `spans`.
pub(super) fn properties(
    table: SegmentTable,
    shape: &SegmentShape,
    attributes: &AttributeLayout,
) -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(concat!("clew ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_key_value_metadata(Some(vec![
            KeyValue::new(FORMAT_KEY.to_owned(), FORMAT.to_string()),
            KeyValue::new(TABLE_KEY.to_owned(), table.name().to_owned()),
        ]))
        .set_compression(zstd(shape.zstd_level))
        .set_column_compression(
            ColumnPath::from(SPAN_AND_PARENT_ID),
            zstd(shape.ids_zstd_level),
        )
        .set_data_page_row_count_limit(shape.page_rows)
        .set_data_page_size_limit(shape.page_bytes)
        .set_write_batch_size(shape.page_rows)
        .set_dictionary_page_size_limit(shape.dictionary_bytes)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        // Row groups end where the writer says.
        .set_max_row_group_row_count(None);
    for column in ["trace_id", SPAN_AND_PARENT_ID] {
        let column = ColumnPath::from(column);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    for (column, encoding) in [
        ("start_time", shape.start_time_encoding),
        ("duration_ns", shape.duration_encoding),
    ] {
        let column = ColumnPath::from(column);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column.clone(), parquet_encoding(encoding))
            .set_column_statistics_enabled(column, EnabledStatistics::Page);
    }
    for column in UNSEARCHED {
        let column = ColumnPath::new(column.split('/').map(str::to_owned).collect());
        builder = builder.set_column_statistics_enabled(column, EnabledStatistics::None);
    }
    let plain = match table {
        _ if !shape.leaves_columns_plain => &[][..],
        SegmentTable::Spans => &SPANS_PLAIN[..],
        SegmentTable::Traces => &TRACES_PLAIN[..],
    };
    for column in plain {
        let column = ColumnPath::new(column.split('/').map(str::to_owned).collect());
        builder = builder.set_column_compression(column, Compression::UNCOMPRESSED);
    }
    for owner in AttributeOwner::ALL {
        let layout = ColumnPath::from(owner.layout());
        builder = builder.set_column_statistics_enabled(layout, EnabledStatistics::None);
        for bucket in attributes.owner(owner).filled() {
            for part in ["key", "value"] {
                let map = format!("{}#{bucket}", owner.map());
                let leaf = ColumnPath::new(vec![map, "key_value".to_owned(), part.to_owned()]);
                builder = builder.set_column_statistics_enabled(leaf, EnabledStatistics::None);
            }
        }
    }
    builder.build()
}

fn zstd(level: i32) -> Compression {
    Compression::ZSTD(ZstdLevel::try_new(level).expect("a level of zstd"))
}

fn parquet_encoding(encoding: NumberEncoding) -> Encoding {
    match encoding {
        NumberEncoding::ByteStreamSplit => Encoding::BYTE_STREAM_SPLIT,
        NumberEncoding::DeltaBinaryPacked => Encoding::DELTA_BINARY_PACKED,
        NumberEncoding::Plain => Encoding::PLAIN,
    }
}

/// Leaves of `spans` that zstd makes no smaller, or so little that it is not worth its context, which the reader sets up for
/// each column: values that hardly ever change.
const SPANS_PLAIN: [&str; 18] = [
    "flags",
    "status_code",
    "dropped_attributes_count",
    "dropped_events_count",
    "dropped_links_count",
    "sample_weight",
    "resource_attribute_types",
    "resource_dropped_attributes_count",
    "resource_schema_url",
    "scope_version",
    "scope_attribute_types",
    "scope_dropped_attributes_count",
    "scope_schema_url",
    "links/list/item/trace_id",
    "links/list/item/span_id",
    "links/list/item/attribute_types",
    "links/list/item/dropped_attributes_count",
    "links/list/item/flags",
];

/// The same of `traces`.
const TRACES_PLAIN: [&str; 8] = [
    "root_service_name",
    "root_name",
    "span_count",
    "error_count",
    "orphan_count",
    "depth",
    "complete",
    "sample_weight",
];

/// Leaves whose smallest and largest value say nothing.
const UNSEARCHED: [&str; 17] = [
    "scope_attributes/key_value/key",
    "scope_attributes/key_value/value",
    "events/list/item/time",
    "events/list/item/name",
    "events/list/item/attributes/key_value/key",
    "events/list/item/attributes/key_value/value",
    "events/list/item/attribute_types",
    "events/list/item/dropped_attributes_count",
    "links/list/item/trace_id",
    "links/list/item/span_id",
    "links/list/item/trace_state",
    "links/list/item/attributes/key_value/key",
    "links/list/item/attributes/key_value/value",
    "links/list/item/attribute_types",
    "links/list/item/dropped_attributes_count",
    "links/list/item/flags",
    "status_message",
];
