//! The shapes that are compared: each changes the default in one respect.

use clew_storage::limits::{AttributeColumns, NumberEncoding, SegmentShape, TraceOrder};

/// A shape, and what it is called.
pub(super) struct Variant {
    /// The respect in which it differs; variants of one group stand together.
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) shape: SegmentShape,
}

/// Name of the first one.
const DEFAULT: &str = "default";

impl Variant {
    fn new(
        group: &'static str,
        name: &'static str,
        change: impl FnOnce(&mut SegmentShape),
    ) -> Self {
        let mut shape = SegmentShape::default();
        change(&mut shape);
        Self { group, name, shape }
    }

    fn of_columns(name: &'static str, change: impl FnOnce(&mut AttributeColumns)) -> Self {
        Self::new("columns of keys", name, |shape| {
            change(&mut shape.attribute_columns);
        })
    }

    /// The default always is.
    pub(super) fn is_wanted(&self, only: &[String]) -> bool {
        let named =
            |part: &String| self.name.contains(part.as_str()) || self.group.contains(part.as_str());
        self.name == DEFAULT || only.is_empty() || only.iter().any(named)
    }
}

/// All of them, the default first.
pub(super) fn all() -> Vec<Variant> {
    let mut all = vec![
        Variant::new("", DEFAULT, |_| {}),
        Variant::new("", "the default again", |_| {}),
    ];
    all.extend(packing());
    all.extend(pages());
    all.extend(numbers());
    all.extend(row_groups());
    all.extend(columns());
    all.extend(orders());
    all
}

fn packing() -> [Variant; 5] {
    let level = |name, level| Variant::new("packing", name, |shape| shape.zstd_level = level);
    let ids = |name, level| Variant::new("packing", name, |shape| shape.ids_zstd_level = level);
    [
        level("zstd 3", 3),
        level("zstd 6", 6),
        ids("ids with zstd 1", 1),
        ids("ids with zstd 6", 6),
        Variant::new("packing", "every column packed", |shape| {
            shape.leaves_columns_plain = false;
        }),
    ]
}

fn pages() -> [Variant; 8] {
    let rows = |name, rows| Variant::new("pages", name, |shape| shape.page_rows = rows);
    let bytes = |name, bytes| Variant::new("pages", name, |shape| shape.page_bytes = bytes);
    let dictionary =
        |name, bytes| Variant::new("dictionaries", name, |shape| shape.dictionary_bytes = bytes);
    [
        rows("pages of 2,048 rows", 2048),
        rows("pages of 8,192 rows", 8192),
        rows("pages of 16,384 rows", 16_384),
        bytes("pages of 128 KiB", 128 << 10),
        dictionary("dictionaries up to 16 KiB", 16 << 10),
        dictionary("dictionaries up to 64 KiB", 64 << 10),
        dictionary("dictionaries up to 256 KiB", 256 << 10),
        dictionary("dictionaries up to 1 MiB", 1 << 20),
    ]
}

fn numbers() -> [Variant; 4] {
    use NumberEncoding::{DeltaBinaryPacked, Plain};
    let start = |name, encoding| {
        Variant::new("numbers", name, |shape| {
            shape.start_time_encoding = encoding;
        })
    };
    let duration =
        |name, encoding| Variant::new("numbers", name, |shape| shape.duration_encoding = encoding);
    [
        start("start times as deltas", DeltaBinaryPacked),
        start("start times plain", Plain),
        duration("durations as deltas", DeltaBinaryPacked),
        duration("durations plain", Plain),
    ]
}

fn row_groups() -> [Variant; 2] {
    let rows = |name, rows| Variant::new("row groups", name, |shape| shape.row_group_rows = rows);
    [
        rows("row groups of 32,768 rows", 32 << 10),
        rows("row groups of 131,072 rows", 128 << 10),
    ]
}

fn columns() -> [Variant; 5] {
    [
        Variant::of_columns("no columns", |columns| {
            (columns.span_max, columns.resource_max) = (0, 0);
        }),
        Variant::of_columns("16 columns", |columns| columns.span_max = 16),
        Variant::of_columns("48 columns", |columns| columns.span_max = 48),
        Variant::of_columns("keys of 1 span in 32", |columns| columns.share_max = 32),
        Variant::of_columns("keys of 1 span in 512", |columns| columns.share_max = 512),
    ]
}

fn orders() -> [Variant; 2] {
    let order =
        |name, order| Variant::new("order of traces", name, |shape| shape.trace_order = order);
    [
        order("traces by start", TraceOrder::StartTime),
        order("traces by id", TraceOrder::TraceId),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_variant_differs_from_all_others() {
        let all = all();
        let shapes: BTreeSet<_> = all
            .iter()
            .map(|variant| format!("{:?}", variant.shape))
            .collect();
        let names: BTreeSet<_> = all.iter().map(|variant| variant.name).collect();
        // The default stands there twice.
        assert_eq!((shapes.len(), names.len()), (all.len() - 1, all.len()));
        assert_eq!(all[0].shape, SegmentShape::default());
    }
}
