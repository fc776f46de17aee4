//! Columns of a batch by name and type.

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array,
    ListArray, RecordBatch, StringViewArray, TimestampNanosecondArray, UInt32Array,
};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampNanosecondType, UInt32Type};

use super::attributes::AttributeColumn;
use crate::error::QueryError;

/// Looks columns up by name and type.
pub(crate) struct Columns<'a>(pub(crate) &'a RecordBatch);

impl Columns<'_> {
    pub(crate) fn get<T>(
        &self,
        name: &str,
        downcast: impl Fn(&ArrayRef) -> Option<T>,
    ) -> Result<T, QueryError> {
        let column = self
            .0
            .column_by_name(name)
            .ok_or_else(|| QueryError::internal(format!("column `{name}` is missing")))?;
        downcast(column).ok_or_else(|| {
            QueryError::internal(format!(
                "column `{name}` has the unexpected type {}",
                column.data_type()
            ))
        })
    }

    pub(crate) fn fixed(&self, name: &str) -> Result<FixedSizeBinaryArray, QueryError> {
        self.get(name, |c| c.as_fixed_size_binary_opt().cloned())
    }

    pub(crate) fn text(&self, name: &str) -> Result<StringViewArray, QueryError> {
        self.get(name, |c| c.as_string_view_opt().cloned())
    }

    pub(crate) fn u32(&self, name: &str) -> Result<UInt32Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<UInt32Type>().cloned())
    }

    pub(crate) fn i32(&self, name: &str) -> Result<Int32Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<Int32Type>().cloned())
    }

    pub(crate) fn i64(&self, name: &str) -> Result<Int64Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<Int64Type>().cloned())
    }

    pub(crate) fn f64(&self, name: &str) -> Result<Float64Array, QueryError> {
        self.get(name, |c| c.as_primitive_opt::<Float64Type>().cloned())
    }

    pub(crate) fn time(&self, name: &str) -> Result<TimestampNanosecondArray, QueryError> {
        self.get(name, |c| {
            c.as_primitive_opt::<TimestampNanosecondType>().cloned()
        })
    }

    pub(crate) fn list(&self, name: &str) -> Result<ListArray, QueryError> {
        self.get(name, |c| c.as_list_opt::<i32>().cloned())
    }

    pub(super) fn attributes(&self, map: &str, types: &str) -> Result<AttributeColumn, QueryError> {
        let map = self.get(map, |c| c.as_map_opt().cloned())?;
        AttributeColumn::new(map, self.text(types)?.into())
    }

    pub(super) fn nested_attributes(&self) -> Result<AttributeColumn, QueryError> {
        let map = self.get("attributes", |c| c.as_map_opt().cloned())?;
        let types = self.get("attribute_types", |c| c.as_string_opt::<i32>().cloned())?;
        AttributeColumn::new(map, types.into())
    }
}
