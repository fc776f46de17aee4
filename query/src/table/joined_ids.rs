//! The ids of spans and parents in the expressions of a scan: most files have both in one column ([`ids`]).

use std::sync::Arc;

use arrow::datatypes::DataType;
use clew_storage::schema::column;
use clew_storage::segment::ids;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr::expressions::Column;

use super::attributes::{Expr, FileExprs};

impl FileExprs {
    /// The id that the table calls `name`, where it lies in one column with another.
    pub(super) fn joined_id(&self, name: &str) -> Option<Expr> {
        if !self.layout.joined_ids() {
            return None;
        }
        let joined = self.at(column::SPAN_ID);
        let id = |function, args, null| self.call(function, args, ids::data_type(), null);
        match name {
            "span_id" => Some(id(JoinedId::udf("span_id_of"), vec![joined], false)),
            "parent_span_id" => {
                let args = vec![joined, self.at(column::PARENT_SPAN_ID)];
                Some(id(JoinedId::udf("parent_id_of"), args, true))
            }
            _ => None,
        }
    }

    /// The column that tells whether `expr`, the id of the parent, is not null.
    pub(super) fn has_parent(&self, expr: &Expr) -> Option<Expr> {
        let column = expr.downcast_ref::<Column>()?;
        let is_parent = column.name() == "parent_span_id" && self.layout.joined_ids();
        is_parent.then(|| self.at(column::PARENT_SPAN_ID))
    }
}

/// An id out of a column of two.
#[derive(Debug, PartialEq, Eq, Hash)]
struct JoinedId {
    name: &'static str,
    signature: Signature,
}

impl JoinedId {
    fn udf(name: &'static str) -> Arc<ScalarUDF> {
        Arc::new(ScalarUDF::new_from_impl(Self {
            name,
            signature: Signature::variadic_any(Volatility::Immutable),
        }))
    }
}

impl ScalarUDFImpl for JoinedId {
    fn name(&self) -> &'static str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _types: &[DataType]) -> Result<DataType> {
        Ok(ids::data_type())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = ColumnarValue::values_to_arrays(&args.args)?;
        let id = match columns.as_slice() {
            [joined] => ids::span_ids(joined),
            [joined, has_parent] => ids::parent_ids(joined, has_parent),
            _ => None,
        };
        let name = self.name;
        id.map(ColumnarValue::Array)
            .ok_or_else(|| exec_datafusion_err!("{name} takes the columns of ids of a segment"))
    }
}
