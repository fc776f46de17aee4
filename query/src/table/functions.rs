//! What a scan calls to make columns of the table `spans` from those of a file.

use std::fmt::Display;
use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::datatypes::DataType;
use clew_storage::schema;
use clew_storage::segment::attributes::{OwnerLayout, double_text, of_columns};
use clew_storage::segment::ids;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// A function of columns of a file. It lives in the expressions of a scan alone: no statement can call it.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) enum Function {
    /// `span_id`, of the column of both ids.
    SpanId,
    /// `parent_span_id`, of the same and of `has_parent`.
    ParentId,
    /// A map of attributes, of the columns in which the layout has it.
    WholeMap(OwnerLayout),
    /// Canonical text of doubles.
    DoubleText,
}

impl Function {
    /// Type of what it gives.
    pub(super) fn gives(&self) -> DataType {
        match self {
            Self::SpanId | Self::ParentId => ids::data_type(),
            Self::WholeMap(_) => schema::attribute_map(),
            Self::DoubleText => DataType::Utf8,
        }
    }

    pub(super) fn udf(self) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(Udf {
            function: self,
            signature: Signature::variadic_any(Volatility::Immutable),
        }))
    }

    /// What it makes of `columns`.
    ///
    /// # Errors
    /// When they are of another kind: the file is damaged.
    fn of(&self, columns: Vec<ArrayRef>) -> Result<ArrayRef> {
        let made = match (self, columns.as_slice()) {
            (Self::SpanId, [joined]) => ids::span_ids(joined),
            (Self::ParentId, [joined, has_parent]) => ids::parent_ids(joined, has_parent),
            (Self::DoubleText, [column]) if *column.data_type() == DataType::Float64 => {
                Some(Arc::new(double_text(column)) as ArrayRef)
            }
            (Self::WholeMap(layout), _) => {
                let columns: Vec<_> = columns.into_iter().map(Some).collect();
                let map = of_columns(layout, &columns);
                return map.map(|map| Arc::new(map) as ArrayRef).map_err(damaged);
            }
            _ => None,
        };
        made.ok_or_else(|| damaged("a column is of another type"))
    }
}

fn damaged(error: impl Display) -> DataFusionError {
    exec_datafusion_err!("a segment is damaged: {error}")
}

/// The function as DataFusion wants to have it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Udf {
    function: Function,
    signature: Signature,
}

impl ScalarUDFImpl for Udf {
    fn name(&self) -> &'static str {
        match self.function {
            Function::SpanId => "span_id_of",
            Function::ParentId => "parent_id_of",
            Function::WholeMap(_) => "whole_map",
            Function::DoubleText => "double_text",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(self.function.gives())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        self.function.of(columns).map(ColumnarValue::Array)
    }
}
