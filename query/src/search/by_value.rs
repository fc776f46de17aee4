//! A condition on one column of text that is asked once for each value, not for each row.
//!
//! The column is read as the file has it, keys into a dictionary:
//!
//! ```text
//!  dictionary   cart   checkout   payment        keys   1  1  0  2  1
//!  condition    no     yes        no        ──▶  rows   ×  ×        ×
//! ```
//!
//! A row group has one dictionary, so a regular expression is tried on some values instead of some 65,536 rows.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayData, ArrayRef, AsArray, BooleanArray, RecordBatch, UInt32Array, new_null_array,
};
use arrow::compute;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::matcher::Stage;
use crate::filter::is_true;
use crate::table::footer::DictionaryKey;

/// A condition and what it says of the dictionary that it met last.
pub(super) struct ByValue {
    stage: Stage,
    /// A table of values alone.
    schema: SchemaRef,
    /// What it says where there is no value.
    of_null: bool,
    /// The dictionary, and its values that meet the condition.
    last: Option<(ArrayData, Values)>,
}

/// Keys of a dictionary.
enum Values {
    None,
    One(u32),
    Some(BooleanArray),
}

impl ByValue {
    /// For a condition on one column of text.
    ///
    /// # Errors
    /// When the condition cannot be evaluated.
    pub(super) fn new(stage: Stage) -> Result<Self, ArrowError> {
        let field = Field::new("value", DataType::Utf8View, true);
        let mut made = Self {
            stage,
            schema: Arc::new(Schema::new(vec![field])),
            of_null: false,
            last: None,
        };
        made.of_null = made
            .of_values(new_null_array(&DataType::Utf8View, 1))?
            .value(0);
        Ok(made)
    }

    /// Which rows of a table with that column meet it.
    pub(super) fn evaluate(&mut self, table: &RecordBatch) -> Result<BooleanArray, ArrowError> {
        let Some(column) = table.column(0).as_dictionary_opt::<DictionaryKey>() else {
            let message = "a column was not read as a dictionary".to_owned();
            return Err(ArrowError::SchemaError(message));
        };
        let keys = column.keys();
        let mask = match self.values(column.values())? {
            Values::None => BooleanArray::from(vec![false; keys.len()]),
            Values::One(key) => compute::kernels::cmp::eq(keys, &UInt32Array::new_scalar(*key))?,
            Values::Some(meeting) => compute::take(meeting, keys, None)?.as_boolean().clone(),
        };
        let mask = BooleanArray::new(is_true(&mask), None);
        if self.of_null && keys.null_count() > 0 {
            return compute::or(&mask, &compute::is_null(keys)?);
        }
        Ok(mask)
    }

    /// The values of `dictionary` that meet the condition.
    fn values(&mut self, dictionary: &ArrayRef) -> Result<&Values, ArrowError> {
        let data = dictionary.to_data();
        let last = self.last.take().filter(|(last, _)| last.ptr_eq(&data));
        let values = if let Some((_, values)) = last {
            values
        } else {
            let values = compute::cast(dictionary, &DataType::Utf8View)?;
            Values::of(self.of_values(values)?)
        };
        Ok(&self.last.insert((data, values)).1)
    }

    fn of_values(&self, values: ArrayRef) -> Result<BooleanArray, ArrowError> {
        let table = RecordBatch::try_new(Arc::clone(&self.schema), vec![values])?;
        self.stage.evaluate(&table)
    }
}

impl Values {
    fn of(meeting: BooleanArray) -> Self {
        match meeting.true_count() {
            0 => Self::None,
            1 => {
                let key = meeting.values().set_indices().next();
                key.map_or(Self::None, |key| Self::One(key as u32))
            }
            _ => Self::Some(meeting),
        }
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, StringArray};
    use datafusion::logical_expr::Operator;
    use datafusion::physical_expr::expressions::{Column, binary, in_list, is_null, lit, not};
    use datafusion::physical_plan::PhysicalExpr;

    use super::*;

    fn table(values: &[&str], keys: &[Option<u32>]) -> RecordBatch {
        let values = Arc::new(StringArray::from(values.to_vec()));
        let keys = UInt32Array::from(keys.to_vec());
        of(DictionaryArray::try_new(keys, values).unwrap())
    }

    fn of(column: DictionaryArray<DictionaryKey>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([("name", Arc::new(column) as ArrayRef, true)])
            .unwrap()
    }

    /// The same column, row by row.
    fn rows(table: &RecordBatch) -> RecordBatch {
        let rows = compute::cast(table.column(0), &DataType::Utf8View).unwrap();
        RecordBatch::try_from_iter_with_nullable([("name", rows, true)]).unwrap()
    }

    /// Conditions on a column of text: one value, all but one, a pattern, some values, no value at all.
    fn conditions() -> Vec<Stage> {
        let schema = Schema::new(vec![Field::new("name", DataType::Utf8View, true)]);
        let column = || Arc::new(Column::new("name", 0)) as Arc<dyn PhysicalExpr>;
        let text = |text: &str| lit(datafusion::common::ScalarValue::Utf8View(Some(text.into())));
        let compared = |op, with: &str| binary(column(), op, text(with), &schema).unwrap();
        let some = vec![text("cart"), text("pay"), text("elsewhere")];
        let exprs = [
            compared(Operator::Eq, "cart"),
            compared(Operator::Eq, "nowhere"),
            compared(Operator::NotEq, "cart"),
            compared(Operator::Gt, "cart"),
            compared(Operator::RegexMatch, "^c.*t$"),
            in_list(column(), some, &false, &schema).unwrap(),
            is_null(column()).unwrap(),
            not(compared(Operator::Eq, "cart")).unwrap(),
            binary(
                is_null(column()).unwrap(),
                Operator::Or,
                compared(Operator::Eq, "pay"),
                &schema,
            )
            .unwrap(),
        ];
        let stage = |expr| Stage {
            columns: vec![0],
            expr,
        };
        exprs.into_iter().map(stage).collect()
    }

    #[test]
    fn each_row_is_told_as_its_value_is() {
        let keys = [Some(0), None, Some(2), Some(1), Some(0), Some(3)];
        let tables = [
            table(&["cart", "checkout", "pay", ""], &keys),
            table(&["pay", "cart", "cart", "cat"], &keys),
            table(&["ship", "mail", "pack", "send"], &keys),
            table(&["cart"], &[Some(0), Some(0)]),
            table(&[], &[None, None]),
            table(&[], &[]),
        ];
        for (number, stage) in conditions().into_iter().enumerate() {
            let mut by_value = ByValue::new(stage.clone()).unwrap();
            for table in &tables {
                let expected = stage.evaluate(&rows(table)).unwrap();
                assert_eq!(
                    by_value.evaluate(table).unwrap(),
                    expected,
                    "{number} {table:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_known_of_a_dictionary_serves_for_its_next_rows_only() {
        let values: ArrayRef = Arc::new(StringArray::from(vec!["cart", "pay"]));
        let rows_of = |values: &ArrayRef, keys: &[u32]| {
            let keys = UInt32Array::from(keys.to_vec());
            of(DictionaryArray::try_new(keys, Arc::clone(values)).unwrap())
        };
        let mut by_value = ByValue::new(conditions().remove(0)).unwrap();
        let mut told = |values: &ArrayRef, keys: &[u32]| {
            let mask = by_value.evaluate(&rows_of(values, keys)).unwrap();
            mask.iter().flatten().collect::<Vec<_>>()
        };
        assert_eq!(told(&values, &[0, 1]), [true, false]);
        assert_eq!(told(&values, &[1, 1, 0]), [false, false, true]);
        let others: ArrayRef = Arc::new(StringArray::from(vec!["pay", "cart"]));
        assert_eq!(told(&others, &[0, 1]), [false, true]);
        assert_eq!(told(&values, &[0, 1]), [true, false]);
    }

    #[test]
    fn a_column_that_was_read_otherwise_is_an_error() {
        let mut by_value = ByValue::new(conditions().remove(0)).unwrap();
        let table = rows(&table(&["cart"], &[Some(0)]));
        let error = by_value.evaluate(&table).unwrap_err().to_string();
        assert!(error.contains("not read as a dictionary"), "{error}");
    }
}
