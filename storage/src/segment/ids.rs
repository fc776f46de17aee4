//! How a `spans` file keeps the ids of spans and of their parents.
//!
//! Nothing packs an id: it is eight random bytes. But a parent's id is that of a span, which mostly stands a few rows above, so the file has
//! both side by side in one column, and zstd finds the parent's eight bytes there:
//!
//! ```text
//!  table    span_id    a1…  b2…  c3…          file    span_and_parent_id    a1…00…  b2…a1…  c3…a1…
//!           parent     -    a1…  a1…                  has_parent            no      yes     yes
//! ```
//!
//! On recorded traces both take 8.5 to 8.8 bytes a span instead of 12.4 to 14.3 (docs/segment-layout.md). Files of format 2 have the
//! columns of the table.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray};
use arrow::buffer::{Buffer, NullBuffer};
use arrow::datatypes::{DataType, Field, Schema};

use crate::schema::column;

/// The column of ids, in the place of `span_id`.
pub(super) const SPAN_AND_PARENT_ID: &str = "span_and_parent_id";
/// The column that says whether a span has a parent, in the place of `parent_span_id`.
const HAS_PARENT: &str = "has_parent";

/// Bytes of an id.
const WIDTH: usize = 8;

/// Whether a file of this schema has both ids in one column.
pub(super) fn are_joined(file: &Schema) -> bool {
    let field = file.fields().get(column::SPAN_ID);
    field.is_some_and(|field| field.name() == SPAN_AND_PARENT_ID)
}

/// Type of an id in the table.
#[must_use]
pub fn data_type() -> DataType {
    DataType::FixedSizeBinary(WIDTH as i32)
}

/// The fields in the places of `span_id` and `parent_span_id`.
pub(super) fn fields() -> [Field; 2] {
    let joined = DataType::FixedSizeBinary(2 * WIDTH as i32);
    [
        Field::new(SPAN_AND_PARENT_ID, joined, false),
        Field::new(HAS_PARENT, DataType::Boolean, false),
    ]
}

/// The columns of the file, given those of the table; `None` when these are no ids.
pub(super) fn join(span_ids: &ArrayRef, parent_ids: &ArrayRef) -> Option<[ArrayRef; 2]> {
    let (spans, parents) = (of_width(span_ids, WIDTH)?, of_width(parent_ids, WIDTH)?);
    let mut bytes = Vec::with_capacity(2 * WIDTH * spans.len());
    for row in 0..spans.len() {
        bytes.extend_from_slice(spans.value(row));
        let parent = parents.is_valid(row).then(|| parents.value(row));
        bytes.extend_from_slice(parent.unwrap_or(&[0; WIDTH]));
    }
    let has_parent: BooleanArray = (0..parents.len())
        .map(|row| Some(parents.is_valid(row)))
        .collect();
    Some([ids(2 * WIDTH, bytes, None)?, Arc::new(has_parent)])
}

/// `span_id` of the table, given what the file has in its place; `None` when that is something else.
#[must_use]
pub fn span_ids(joined: &ArrayRef) -> Option<ArrayRef> {
    half(joined, 0, None)
}

/// `parent_span_id` of the table, given both columns of the file; `None` when they are something else.
#[must_use]
pub fn parent_ids(joined: &ArrayRef, has_parent: &ArrayRef) -> Option<ArrayRef> {
    let has_parent = has_parent.as_boolean_opt()?;
    let nulls = NullBuffer::new(has_parent.values().clone());
    half(joined, WIDTH, Some(nulls))
}

/// The ids that begin at byte `start` of each row of `joined`.
fn half(joined: &ArrayRef, start: usize, nulls: Option<NullBuffer>) -> Option<ArrayRef> {
    let joined = of_width(joined, 2 * WIDTH)?;
    let mut bytes = Vec::with_capacity(WIDTH * joined.len());
    for row in 0..joined.len() {
        bytes.extend_from_slice(&joined.value(row)[start..][..WIDTH]);
    }
    ids(WIDTH, bytes, nulls)
}

fn ids(width: usize, bytes: Vec<u8>, nulls: Option<NullBuffer>) -> Option<ArrayRef> {
    let ids = FixedSizeBinaryArray::try_new(width as i32, Buffer::from_vec(bytes), nulls);
    ids.ok().map(|ids| Arc::new(ids) as ArrayRef)
}

fn of_width(ids: &ArrayRef, width: usize) -> Option<&FixedSizeBinaryArray> {
    let ids = ids.as_fixed_size_binary_opt()?;
    (ids.value_length() as usize == width).then_some(ids)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[Option<[u8; 8]>]) -> ArrayRef {
        let ids = FixedSizeBinaryArray::try_from_sparse_iter_with_size(ids.iter().copied(), 8);
        Arc::new(ids.unwrap())
    }

    #[test]
    fn ids_come_back_from_one_column_those_of_zeros_among_them() {
        let spans = of(&[Some([1; 8]), Some([2; 8]), Some([0; 8]), Some([3; 8])]);
        let parents = of(&[None, Some([1; 8]), Some([0; 8]), Some([9; 8])]);
        let [joined, has_parent] = join(&spans, &parents).unwrap();
        assert_eq!(joined.data_type(), fields()[0].data_type());
        assert_eq!(joined.null_count() + has_parent.null_count(), 0);
        let first = joined.as_fixed_size_binary().value(1);
        assert_eq!(first, [[2; 8], [1; 8]].concat());
        assert_eq!(span_ids(&joined), Some(Arc::clone(&spans)));
        assert_eq!(parent_ids(&joined, &has_parent), Some(Arc::clone(&parents)));

        // Some of the rows, and none.
        for rows in [1..3, 2..2] {
            let part = |ids: &ArrayRef| ids.slice(rows.start, rows.len());
            let (joined, has_parent) = (part(&joined), part(&has_parent));
            assert_eq!(span_ids(&joined), Some(part(&spans)));
            assert_eq!(parent_ids(&joined, &has_parent), Some(part(&parents)));
        }
    }

    #[test]
    fn what_is_no_column_of_ids_is_told() {
        let (ids, other) = (
            of(&[Some([1; 8])]),
            Arc::new(BooleanArray::from(vec![true])) as ArrayRef,
        );
        assert!(join(&ids, &other).is_none());
        assert!(span_ids(&ids).is_none());
        let [joined, has_parent] = join(&ids, &of(&[None])).unwrap();
        assert!(parent_ids(&joined, &ids).is_none());
        assert!(parent_ids(&ids, &has_parent).is_none());
    }
}
