//! Rows of several arrays put into one, as Arrow's own `interleave` does it, which has no fast way for ids.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeBinaryArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow::error::ArrowError;

/// The rows at `places` (array, and row there) of `arrays`, which are of one type.
///
/// # Errors
/// When the arrays are not of one type, or there are none.
pub(crate) fn interleave(
    arrays: &[&dyn Array],
    places: &[(usize, usize)],
) -> Result<ArrayRef, ArrowError> {
    let ids_of: Option<Vec<_>> = arrays
        .iter()
        .map(|array| array.as_fixed_size_binary_opt())
        .collect();
    match ids_of.as_deref() {
        Some(arrays @ [first, ..])
            if arrays
                .iter()
                .all(|a| a.value_length() == first.value_length()) =>
        {
            Ok(Arc::new(ids(arrays, places)?))
        }
        _ => arrow::compute::interleave(arrays, places),
    }
}

fn ids(
    arrays: &[&FixedSizeBinaryArray],
    places: &[(usize, usize)],
) -> Result<FixedSizeBinaryArray, ArrowError> {
    let width = arrays.first().map_or(0, |array| array.value_length());
    let mut bytes = Vec::with_capacity(width as usize * places.len());
    for (array, row) in places {
        bytes.extend_from_slice(arrays[*array].value(*row));
    }
    let has_nulls = arrays.iter().any(|array| array.null_count() > 0);
    let nulls = has_nulls.then(|| {
        let is_valid = |place: usize| {
            let (array, row) = places[place];
            arrays[array].is_valid(row)
        };
        NullBuffer::new(BooleanBuffer::collect_bool(places.len(), is_valid))
    });
    FixedSizeBinaryArray::try_new(width, Buffer::from_vec(bytes), nulls)
}

#[cfg(test)]
mod tests {
    use arrow::array::FixedSizeBinaryBuilder;

    use super::*;

    #[test]
    fn ids_come_as_arrow_puts_them() {
        let array = |ids: &[Option<[u8; 8]>]| {
            let mut builder = FixedSizeBinaryBuilder::new(8);
            for id in ids {
                match id {
                    Some(id) => builder.append_value(id).expect("8 bytes"),
                    None => builder.append_null(),
                }
            }
            builder.finish()
        };
        let with_nulls = array(&[Some([1; 8]), None, Some([2; 8])]).slice(1, 2);
        let without = array(&[Some([3; 8]), Some([4; 8])]);
        let arrays: [&dyn Array; 2] = [&with_nulls, &without];
        for places in [&[][..], &[(1, 1), (0, 0), (0, 1), (1, 0), (1, 1)]] {
            let expected = arrow::compute::interleave(&arrays, places).unwrap();
            assert_eq!(&interleave(&arrays, places).unwrap(), &expected);
        }
        let other = arrow::array::Int64Array::from(vec![1]);
        assert!(interleave(&[&without, &other], &[(0, 0)]).is_err());
        assert!(interleave(&[], &[]).is_err());
    }
}
