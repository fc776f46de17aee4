//! Columns that hold no more memory than they need.
//!
//! In most batches many columns have one and the same value in all rows: no state, no flags, nothing dropped, no events, one kind, one
//! group. A span that waits in the hot window would pay for each of them, some 100 bytes, so such columns share their memory with those of
//! other batches: for each of a few well-known values there is one buffer that repeats it [`ROWS`] times, and columns are cut from it.

use std::sync::{Arc, LazyLock, OnceLock};

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, PrimitiveArray, StringViewArray, make_view,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Float64Type, UInt32Type};

use crate::span::{kind_text, status_text};

const SAME: &str = "a shared buffer holds the same bytes";

/// Rows of a batch that can share; more are seldom sent at once.
const ROWS: usize = 16 << 10;

/// Flags of a span that its parent says is local, or remote, sampled or not (OTLP `SpanFlags`), and without a word on it.
const FLAGS: [u32; 6] = [0, 1, 0x100, 0x101, 0x300, 0x301];

/// A value, and a buffer that repeats it.
struct Repeated {
    value: Vec<u8>,
    buffer: OnceLock<Buffer>,
}

static REPEATED: LazyLock<Vec<Repeated>> = LazyLock::new(|| {
    let numbers = FLAGS.map(|flags| flags.to_ne_bytes().to_vec());
    let weight = 1f64.to_ne_bytes().to_vec();
    let kinds = (0..=5).map(kind_text);
    let texts = kinds.chain((0..=2).map(status_text)).chain(["".into()]);
    let views = texts.map(|text| make_view(text.as_bytes(), 0, 0).to_ne_bytes().to_vec());
    let values = numbers.into_iter().chain([weight]).chain(views);
    let repeated = values.map(|value| Repeated {
        value,
        buffer: OnceLock::new(),
    });
    repeated.collect()
});

/// The same bytes in memory that others use too, if they are one well-known value of `width` bytes after the other.
fn shared(own: &Buffer, width: usize) -> Option<Buffer> {
    let first = own.get(..width)?;
    let is_one = own[width..] == own[..own.len() - width];
    if !is_one || own.len() > ROWS * width {
        return None;
    }
    let known = REPEATED.iter().find(|known| known.value == first)?;
    let buffer = known
        .buffer
        .get_or_init(|| Buffer::from_vec(known.value.repeat(ROWS)));
    Some(buffer.slice_with_length(0, own.len()))
}

fn is_shared(buffer: &Buffer) -> bool {
    let known = REPEATED.iter().filter_map(|known| known.buffer.get());
    known
        .into_iter()
        .any(|known| known.data_ptr() == buffer.data_ptr())
}

/// The buffer of a column that may be shared, and the bytes of a value in it.
fn buffer_of(column: &ArrayRef) -> Option<(&Buffer, usize)> {
    match column.data_type() {
        DataType::Utf8View => Some((column.as_string_view().views().inner(), 16)),
        DataType::UInt32 => Some((column.as_primitive::<UInt32Type>().values().inner(), 4)),
        DataType::Float64 => Some((column.as_primitive::<Float64Type>().values().inner(), 8)),
        DataType::Map(..) => Some((column.as_map().offsets().inner().inner(), 4)),
        DataType::List(_) => Some((column.as_list::<i32>().offsets().inner().inner(), 4)),
        _ => None,
    }
}

/// `column` with its memory shared where it can be, and without what it does not need.
pub(super) fn lean(mut column: ArrayRef) -> ArrayRef {
    column.shrink_to_fit();
    let shared = buffer_of(&column).and_then(|(own, width)| shared(own, width));
    match shared {
        Some(shared) => with_buffer(&column, shared),
        None => column,
    }
}

/// `column` with another buffer in place of that of [`buffer_of`].
fn with_buffer(column: &ArrayRef, buffer: Buffer) -> ArrayRef {
    let (rows, nulls) = (column.len(), column.nulls().cloned());
    let offsets = |buffer| OffsetBuffer::new(ScalarBuffer::new(buffer, 0, rows + 1));
    match column.data_type() {
        DataType::Utf8View => {
            // What is known is short, so the views hold it.
            let views = ScalarBuffer::new(buffer, 0, rows);
            Arc::new(StringViewArray::try_new(views, Vec::new(), nulls).expect(SAME))
        }
        DataType::UInt32 => {
            let values = ScalarBuffer::new(buffer, 0, rows);
            Arc::new(PrimitiveArray::<UInt32Type>::new(values, nulls))
        }
        DataType::Float64 => {
            let values = ScalarBuffer::new(buffer, 0, rows);
            Arc::new(PrimitiveArray::<Float64Type>::new(values, nulls))
        }
        DataType::Map(..) => {
            let (field, _, entries, nulls, is_sorted) = column.as_map().clone().into_parts();
            let map = MapArray::try_new(field, offsets(buffer), entries, nulls, is_sorted);
            Arc::new(map.expect(SAME))
        }
        DataType::List(_) => {
            let (field, _, items, nulls) = column.as_list::<i32>().clone().into_parts();
            let list = ListArray::try_new(field, offsets(buffer), items, nulls);
            Arc::new(list.expect(SAME))
        }
        _ => Arc::clone(column),
    }
}

/// Bytes of memory that `column` holds, without what is shared.
pub(super) fn held_bytes(column: &ArrayRef) -> usize {
    let shared = buffer_of(column).filter(|(buffer, _)| is_shared(buffer));
    let shared = shared.map_or(0, |(buffer, _)| buffer.capacity());
    column.get_array_memory_size().saturating_sub(shared)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Float64Array, UInt32Array};

    /// The column made lean, and the bytes that it holds.
    fn made_lean(column: impl Array + 'static) -> (ArrayRef, usize) {
        let column: ArrayRef = Arc::new(column);
        let lean = lean(Arc::clone(&column));
        assert_eq!(&lean, &column);
        let bytes = held_bytes(&lean);
        (lean, bytes)
    }

    #[test]
    fn a_well_known_value_in_all_rows_takes_no_memory() {
        let texts = |text: &str, rows| StringViewArray::from(vec![text; rows]);
        for text in ["", "server", "unset"] {
            assert!(made_lean(texts(text, ROWS)).1 < 500);
        }
        assert!(made_lean(UInt32Array::from(vec![0x301; ROWS])).1 < 500);
        assert!(made_lean(Float64Array::from(vec![1.0; ROWS])).1 < 500);
        let (one, other) = (made_lean(texts("", 3)).0, made_lean(texts("", 9)).0);
        let views = |column: &ArrayRef| column.as_string_view().views().as_ptr();
        assert_eq!(views(&one), views(&other));
    }

    #[test]
    fn any_other_column_keeps_its_own() {
        assert!(made_lean(UInt32Array::from(vec![0; ROWS + 1])).1 > 4 * ROWS);
        assert!(made_lean(UInt32Array::from(vec![2; ROWS])).1 >= 4 * ROWS);
        let mut last = vec![0; ROWS];
        last[ROWS - 1] = 1;
        assert!(made_lean(UInt32Array::from(last)).1 >= 4 * ROWS);
        assert!(made_lean(StringViewArray::from(vec!["some text"; ROWS])).1 >= 16 * ROWS);
        assert_eq!(made_lean(UInt32Array::from(Vec::<u32>::new())).0.len(), 0);
    }

    #[test]
    fn nulls_stay_where_they_are() {
        let column = UInt32Array::from(vec![Some(0), None, Some(0)]);
        assert_eq!(made_lean(column).0.null_count(), 1);
        let column = StringViewArray::from(vec![Some(""), None]);
        assert_eq!(made_lean(column).0.null_count(), 1);
    }

    #[test]
    fn only_no_items_at_all_are_shared() {
        use arrow::datatypes::Int32Type;
        let lists = |items: Vec<Option<Vec<Option<i32>>>>| {
            ListArray::from_iter_primitive::<Int32Type, _, _>(items)
        };
        // One bit a row says that there is a list.
        let (none, bytes) = made_lean(lists(vec![Some(vec![]); ROWS - 1]));
        assert!(bytes < ROWS && none.len() == ROWS - 1);
        let (some, _) = made_lean(lists(vec![Some(vec![]), Some(vec![Some(7)])]));
        assert_eq!(some.as_list::<i32>().value_length(1), 1);
        assert_eq!(made_lean(lists(vec![Some(vec![]), None])).0.null_count(), 1);
    }
}
