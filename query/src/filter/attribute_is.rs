//! `attribute_is(column, key, value)`: whether some attribute of `column` has `key` with the canonical text `value`.
//!
//! The column is a map of attributes, or a list of events or links that each have one. Unlike `column['key']`, which takes
//! the first of equal keys, every entry counts.

use std::sync::{Arc, LazyLock};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, ListArray, MapArray, Scalar,
    StringArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::kernels::cmp;
use arrow::datatypes::DataType;
use datafusion::common::{Result, ScalarValue, exec_datafusion_err, exec_err, plan_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Name of the function.
pub(crate) const NAME: &str = "attribute_is";

/// The function.
pub(crate) fn attribute_is() -> Arc<ScalarUDF> {
    static FUNCTION: LazyLock<Arc<ScalarUDF>> =
        LazyLock::new(|| Arc::new(AttributeIs::new().into()));
    Arc::clone(&FUNCTION)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AttributeIs {
    signature: Signature,
}

impl AttributeIs {
    fn new() -> Self {
        Self {
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }
}

impl ScalarUDFImpl for AttributeIs {
    fn name(&self) -> &str {
        NAME
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [column @ (DataType::Map(..) | DataType::List(_)), _, _] => {
                Ok(vec![column.clone(), DataType::Utf8, DataType::Utf8])
            }
            _ => {
                plan_err!("{NAME} takes a column of attributes, events or links, a key and a value")
            }
        }
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [column, key, value] = args.args.as_slice() else {
            return exec_err!("{NAME} takes 3 arguments");
        };
        let column = column.to_array(args.number_rows)?;
        let (Some(key), Some(value)) = (literal(key)?, literal(value)?) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(false))));
        };
        Ok(ColumnarValue::Array(Arc::new(matches(
            &column, &key, &value,
        )?)))
    }
}

fn literal(value: &ColumnarValue) -> Result<Option<String>> {
    match value {
        ColumnarValue::Scalar(scalar) if scalar.is_null() => Ok(None),
        ColumnarValue::Scalar(scalar) => scalar
            .try_as_str()
            .map(|text| text.map(str::to_owned))
            .ok_or_else(|| exec_datafusion_err!("{NAME} takes text as key and value")),
        ColumnarValue::Array(_) => exec_err!("{NAME} takes a constant key and value"),
    }
}

fn matches(column: &ArrayRef, key: &str, value: &str) -> Result<BooleanArray> {
    match column.data_type() {
        DataType::Map(..) => in_map(column.as_map(), key, value),
        DataType::List(_) => in_list(column.as_list::<i32>(), key, value),
        other => exec_err!("{NAME} cannot look into {other}"),
    }
}

fn in_map(map: &MapArray, key: &str, value: &str) -> Result<BooleanArray> {
    let (Some(keys), Some(values)) = (
        map.keys().as_string_opt::<i32>(),
        map.values().as_string_opt::<i32>(),
    ) else {
        return exec_err!("{NAME} looks into maps of text to text");
    };
    let wanted = Scalar::new(StringArray::from(vec![key]));
    let (first, end) = span(map.offsets());
    let hits = cmp::eq(&keys.slice(first, end - first), &wanted)?;
    let entries = hits.values().set_indices().map(|entry| entry + first);
    let entries = entries.filter(|entry| values.is_valid(*entry) && values.value(*entry) == value);
    Ok(owners(map.offsets(), entries))
}

fn in_list(list: &ListArray, key: &str, value: &str) -> Result<BooleanArray> {
    let attributes = list
        .values()
        .as_struct_opt()
        .and_then(|items| items.column_by_name("attributes"));
    let Some(attributes) = attributes else {
        return exec_err!("{NAME} looks into lists of events or links");
    };
    let items = matches(attributes, key, value)?;
    let (first, end) = span(list.offsets());
    let hits = items
        .values()
        .set_indices()
        .filter(|item| (first..end).contains(item));
    Ok(owners(list.offsets(), hits))
}

fn span(offsets: &OffsetBuffer<i32>) -> (usize, usize) {
    let first = offsets.first().copied().unwrap_or(0);
    let end = offsets.last().copied().unwrap_or(0);
    (first as usize, end as usize)
}

/// True for each row whose range of `offsets` holds one of `entries`, which ascend.
fn owners(offsets: &OffsetBuffer<i32>, entries: impl Iterator<Item = usize>) -> BooleanArray {
    let rows = offsets.len() - 1;
    let mut found = BooleanBufferBuilder::new(rows);
    found.append_n(rows, false);
    let mut row = 0;
    for entry in entries {
        while (offsets[row + 1] as usize) <= entry {
            row += 1;
        }
        found.set_bit(row, true);
    }
    BooleanArray::new(found.finish(), None)
}
