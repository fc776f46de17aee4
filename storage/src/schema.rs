//! Arrow schemas of the four tables, as queries see them.
//!
//! The hot window and the segments both hand out exactly these columns, in this order. Scalar text is `Utf8View`, the
//! inside of maps and lists is `Utf8`. Ids are fixed-size binary. Times are as sent, bit for bit, so a time beyond 2^63 ns
//! wraps to a negative one; `duration_ns` is the wrapping difference of end and start.
//!
//! Types with parts are made once: every batch asks for them, and equal ones that are one and the same are compared at once.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};

/// Where each column of [`spans`] stands.
pub mod column {
    macro_rules! places {
        ($($name:ident)*) => {
            #[allow(non_camel_case_types, clippy::upper_case_acronyms, reason = "only the discriminants are used")]
            enum Place { $($name),* }
            $(
                #[doc = concat!("Place of `", stringify!($name), "`, in capitals here.")]
                pub const $name: usize = Place::$name as usize;
            )*
        };
    }
    places! {
        TRACE_ID
        SPAN_ID
        PARENT_SPAN_ID
        TRACE_STATE
        FLAGS
        NAME
        KIND
        START_TIME
        DURATION_NS
        STATUS_CODE
        STATUS_MESSAGE
        ATTRIBUTES
        ATTRIBUTE_TYPES
        DROPPED_ATTRIBUTES_COUNT
        EVENTS
        DROPPED_EVENTS_COUNT
        LINKS
        DROPPED_LINKS_COUNT
        SAMPLE_WEIGHT
        INGESTED_AT
        SERVICE_NAME
        RESOURCE_ATTRIBUTES
        RESOURCE_ATTRIBUTE_TYPES
        RESOURCE_DROPPED_ATTRIBUTES_COUNT
        RESOURCE_SCHEMA_URL
        SCOPE_NAME
        SCOPE_VERSION
        SCOPE_ATTRIBUTES
        SCOPE_ATTRIBUTE_TYPES
        SCOPE_DROPPED_ATTRIBUTES_COUNT
        SCOPE_SCHEMA_URL
        DEPTH
        PARENT_OFFSET
        SUBTREE_SIZE
    }
    /// Number of columns.
    pub const COUNT: usize = SUBTREE_SIZE + 1;
}

fn text() -> DataType {
    DataType::Utf8View
}

/// Type of every time column: ns since the Unix epoch, UTC.
#[must_use]
pub fn timestamp() -> DataType {
    static TYPE: LazyLock<DataType> =
        LazyLock::new(|| DataType::Timestamp(TimeUnit::Nanosecond, Some("UTC".into())));
    TYPE.clone()
}

/// Type of an attribute map: key to canonical text, in the order sent.
#[must_use]
pub fn attribute_map() -> DataType {
    static TYPE: LazyLock<DataType> = LazyLock::new(|| {
        let entries = Fields::from(vec![
            Field::new("key", DataType::Utf8, false),
            Field::new("value", DataType::Utf8, true),
        ]);
        let entries = Field::new("key_value", DataType::Struct(entries), false);
        DataType::Map(Arc::new(entries), false)
    });
    TYPE.clone()
}

fn list_of(fields: Vec<Field>) -> DataType {
    DataType::List(Arc::new(Field::new(
        "item",
        DataType::Struct(fields.into()),
        false,
    )))
}

/// Type of the `events` column.
#[must_use]
pub fn events() -> DataType {
    static TYPE: LazyLock<DataType> = LazyLock::new(|| {
        list_of(vec![
            Field::new("time", timestamp(), false),
            Field::new("name", DataType::Utf8, false),
            Field::new("attributes", attribute_map(), false),
            Field::new("attribute_types", DataType::Utf8, false),
            Field::new("dropped_attributes_count", DataType::UInt32, false),
        ])
    });
    TYPE.clone()
}

/// Type of the `links` column. Ids are binary of whatever length was sent.
#[must_use]
pub fn links() -> DataType {
    static TYPE: LazyLock<DataType> = LazyLock::new(|| {
        list_of(vec![
            Field::new("trace_id", DataType::Binary, false),
            Field::new("span_id", DataType::Binary, false),
            Field::new("trace_state", DataType::Utf8, false),
            Field::new("attributes", attribute_map(), false),
            Field::new("attribute_types", DataType::Utf8, false),
            Field::new("dropped_attributes_count", DataType::UInt32, false),
            Field::new("flags", DataType::UInt32, false),
        ])
    });
    TYPE.clone()
}

/// Columns of `spans` that the span itself carries; the first ones, in table order.
pub(crate) fn own_fields() -> Vec<Field> {
    vec![
        Field::new("trace_id", DataType::FixedSizeBinary(16), false),
        Field::new("span_id", DataType::FixedSizeBinary(8), false),
        Field::new("parent_span_id", DataType::FixedSizeBinary(8), true),
        Field::new("trace_state", text(), false),
        Field::new("flags", DataType::UInt32, false),
        Field::new("name", text(), false),
        Field::new("kind", text(), false),
        Field::new("start_time", timestamp(), false),
        Field::new("duration_ns", DataType::Int64, false),
        Field::new("status_code", text(), false),
        Field::new("status_message", text(), false),
        Field::new("attributes", attribute_map(), false),
        Field::new("attribute_types", text(), false),
        Field::new("dropped_attributes_count", DataType::UInt32, false),
        Field::new("events", events(), false),
        Field::new("dropped_events_count", DataType::UInt32, false),
        Field::new("links", links(), false),
        Field::new("dropped_links_count", DataType::UInt32, false),
        Field::new("sample_weight", DataType::Float64, false),
        Field::new("ingested_at", timestamp(), false),
    ]
}

/// Columns of `spans` that all spans of one resource and scope share.
pub(crate) fn group_fields() -> Vec<Field> {
    vec![
        Field::new("service_name", text(), false),
        Field::new("resource_attributes", attribute_map(), false),
        Field::new("resource_attribute_types", text(), false),
        Field::new("resource_dropped_attributes_count", DataType::UInt32, false),
        Field::new("resource_schema_url", text(), false),
        Field::new("scope_name", text(), false),
        Field::new("scope_version", text(), false),
        Field::new("scope_attributes", attribute_map(), false),
        Field::new("scope_attribute_types", text(), false),
        Field::new("scope_dropped_attributes_count", DataType::UInt32, false),
        Field::new("scope_schema_url", text(), false),
    ]
}

/// Columns of `spans` that tell the span's place in its trace; null while the span is in the hot window.
pub(crate) fn structure_fields() -> Vec<Field> {
    vec![
        // Steps down from the root of its part of the trace.
        Field::new("depth", DataType::Int32, true),
        // How many rows up the parent stands; null for a root or an orphan.
        Field::new("parent_offset", DataType::Int32, true),
        // Rows of the subtree, this one included; the subtree follows its root.
        Field::new("subtree_size", DataType::Int32, true),
    ]
}

/// Schema of `spans`: one row a span.
#[must_use]
pub fn spans() -> SchemaRef {
    static SPANS: LazyLock<SchemaRef> = LazyLock::new(|| {
        let fields = [own_fields(), group_fields(), structure_fields()].concat();
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SPANS)
}

/// Schema of `traces`: one row a trace in one segment.
#[must_use]
pub fn traces() -> SchemaRef {
    static TRACES: LazyLock<SchemaRef> = LazyLock::new(|| {
        let services = list_of(vec![
            Field::new("name", DataType::Utf8, false),
            Field::new("span_count", DataType::UInt32, false),
            Field::new("error_count", DataType::UInt32, false),
        ]);
        Arc::new(Schema::new(vec![
            Field::new("trace_id", DataType::FixedSizeBinary(16), false),
            // Earliest span without a parent; where there is none, the earliest span.
            Field::new("root_service_name", text(), false),
            Field::new("root_name", text(), false),
            Field::new("start_time", timestamp(), false),
            Field::new("duration_ns", DataType::Int64, false),
            Field::new("span_count", DataType::UInt32, false),
            Field::new("error_count", DataType::UInt32, false),
            // Spans whose parent id is set but not among these rows.
            Field::new("orphan_count", DataType::UInt32, false),
            Field::new("services", services, false),
            Field::new("depth", DataType::Int32, false),
            Field::new("sample_weight", DataType::Float64, false),
            // A root is here and no parent is missing.
            Field::new("complete", DataType::Boolean, false),
            // First row in the segment's `spans` file; the rows follow each other.
            Field::new("first_row", DataType::UInt32, false),
        ]))
    });
    Arc::clone(&TRACES)
}

fn histogram_fields() -> Vec<Field> {
    let counts = DataType::List(Arc::new(Field::new("item", DataType::UInt64, false)));
    vec![
        Field::new("duration_sum_ns", DataType::Float64, false),
        Field::new("duration_min_ns", DataType::Int64, false),
        Field::new("duration_max_ns", DataType::Int64, false),
        // OpenTelemetry exponential histogram: scale, zero count, offset of the first bucket, counts.
        Field::new("histogram_scale", DataType::Int32, false),
        Field::new("histogram_zero_count", DataType::UInt64, false),
        Field::new("histogram_offset", DataType::Int32, false),
        Field::new("histogram_counts", counts, false),
    ]
}

/// Schema of `span_metrics`: minute x service x name x kind x status, over all spans, before sampling.
#[must_use]
pub fn span_metrics() -> SchemaRef {
    static METRICS: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields = vec![
            Field::new("minute", timestamp(), false),
            Field::new("service_name", text(), false),
            Field::new("name", text(), false),
            Field::new("kind", text(), false),
            Field::new("status_code", text(), false),
            Field::new("count", DataType::UInt64, false),
            Field::new("error_count", DataType::UInt64, false),
        ];
        fields.extend(histogram_fields());
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&METRICS)
}

/// Schema of `service_edges`: minute x caller x callee x kind of connection, over all spans, before sampling.
#[must_use]
pub fn service_edges() -> SchemaRef {
    static EDGES: LazyLock<SchemaRef> = LazyLock::new(|| {
        let mut fields = vec![
            Field::new("minute", timestamp(), false),
            Field::new("caller", text(), false),
            Field::new("callee", text(), false),
            Field::new("kind", text(), false),
            Field::new("call_count", DataType::UInt64, false),
            Field::new("error_count", DataType::UInt64, false),
        ];
        fields.extend(histogram_fields());
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&EDGES)
}

/// The columns of a table of counts while these are sums of weights that are not rounded yet.
#[must_use]
pub fn unrounded(schema: &Schema) -> SchemaRef {
    let data_type = |data_type: &DataType| match data_type {
        DataType::UInt64 => DataType::Float64,
        other => other.clone(),
    };
    let fields = schema.fields().iter().map(|field| {
        let of_column = match field.data_type() {
            DataType::List(item) => {
                let of_item = data_type(item.data_type());
                DataType::List(Arc::new(item.as_ref().clone().with_data_type(of_item)))
            }
            other => data_type(other),
        };
        field.as_ref().clone().with_data_type(of_column)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_those_of_the_schema() {
        let spans = spans();
        for (name, place) in [
            ("trace_id", column::TRACE_ID),
            ("name", column::NAME),
            ("ingested_at", column::INGESTED_AT),
            ("service_name", column::SERVICE_NAME),
            ("scope_schema_url", column::SCOPE_SCHEMA_URL),
            ("depth", column::DEPTH),
            ("subtree_size", column::SUBTREE_SIZE),
        ] {
            assert_eq!(spans.index_of(name).unwrap(), place);
        }
        assert_eq!(spans.fields().len(), column::COUNT);
    }
}
