//! Telling the different rows of some columns.

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef, AsArray, MapArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type, UInt32Type};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// For each row the number of its content, numbered in the order met; and the first row of each content.
///
/// # Panics
/// When a column is of a type that no resource or scope has, or shorter than `rows`.
pub(crate) fn distinct_rows(columns: &[ArrayRef], rows: usize) -> (Vec<u32>, Vec<u32>) {
    let mut hashes = vec![0u64; rows];
    for column in columns {
        add_hashes(column, &mut hashes);
    }
    let mut by_hash: HashMap<u64, Vec<u32>> = HashMap::new();
    let (mut numbers, mut firsts) = (Vec::with_capacity(rows), Vec::new());
    for (row, hash) in hashes.iter().enumerate() {
        let alike = by_hash.entry(*hash).or_default();
        let known = alike.iter().find(|number| {
            let first = firsts[**number as usize] as usize;
            columns.iter().all(|column| equal(column, first, row))
        });
        let number = known.copied().unwrap_or_else(|| {
            let number = firsts.len() as u32;
            firsts.push(row as u32);
            alike.push(number);
            number
        });
        numbers.push(number);
    }
    (numbers, firsts)
}

fn mix(hash: &mut u64, value: u64) {
    *hash = (hash.rotate_left(25) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
}

fn add_hashes(column: &dyn Array, hashes: &mut [u64]) {
    let rows = hashes.iter_mut().enumerate();
    match column.data_type() {
        DataType::Utf8View => {
            let column = column.as_string_view();
            rows.for_each(|(row, hash)| mix(hash, xxh3_64(column.value(row).as_bytes())));
        }
        DataType::UInt32 => {
            let column = column.as_primitive::<UInt32Type>();
            rows.for_each(|(row, hash)| mix(hash, column.value(row).into()));
        }
        DataType::Int64 => {
            let column = column.as_primitive::<Int64Type>();
            rows.for_each(|(row, hash)| mix(hash, column.value(row) as u64));
        }
        DataType::Float64 => {
            let column = column.as_primitive::<Float64Type>();
            rows.for_each(|(row, hash)| mix(hash, column.value(row).to_bits()));
        }
        DataType::Boolean => {
            let column = column.as_boolean();
            rows.for_each(|(row, hash)| mix(hash, column.value(row).into()));
        }
        DataType::Map(..) => {
            let map = column.as_map();
            rows.for_each(|(row, hash)| mix(hash, map_hash(map, row)));
        }
        other => unreachable!("no column of resources and scopes is of type {other}"),
    }
}

fn map_hash(map: &MapArray, row: usize) -> u64 {
    let offsets = map.value_offsets();
    let (start, end) = (offsets[row] as usize, offsets[row + 1] as usize);
    let bytes = |array: &dyn Array, seed: u64| {
        let text = array.as_string::<i32>();
        let offsets = text.value_offsets();
        let bytes = &text.value_data()[offsets[start] as usize..offsets[end] as usize];
        xxh3_64_with_seed(bytes, seed)
    };
    bytes(map.values(), bytes(map.keys(), (end - start) as u64))
}

fn equal(column: &dyn Array, left: usize, right: usize) -> bool {
    if column.is_null(left) || column.is_null(right) {
        return column.is_null(left) && column.is_null(right);
    }
    match column.data_type() {
        DataType::Utf8View => {
            let column = column.as_string_view();
            column.value(left) == column.value(right)
        }
        DataType::UInt32 => {
            let column = column.as_primitive::<UInt32Type>();
            column.value(left) == column.value(right)
        }
        DataType::Int64 => {
            let column = column.as_primitive::<Int64Type>();
            column.value(left) == column.value(right)
        }
        DataType::Float64 => {
            let column = column.as_primitive::<Float64Type>();
            column.value(left).to_bits() == column.value(right).to_bits()
        }
        DataType::Boolean => column.as_boolean().value(left) == column.as_boolean().value(right),
        DataType::Map(..) => equal_maps(column.as_map(), left, right),
        other => unreachable!("no column of resources and scopes is of type {other}"),
    }
}

fn equal_maps(map: &MapArray, left: usize, right: usize) -> bool {
    let offsets = map.value_offsets();
    let entries = |row: usize| offsets[row] as usize..offsets[row + 1] as usize;
    let (left, right) = (entries(left), entries(right));
    let (keys, values) = (
        map.keys().as_string::<i32>(),
        map.values().as_string::<i32>(),
    );
    left.len() == right.len()
        && left.zip(right).all(|(left, right)| {
            keys.value(left) == keys.value(right)
                && values.is_null(left) == values.is_null(right)
                && (values.is_null(left) || values.value(left) == values.value(right))
        })
}
