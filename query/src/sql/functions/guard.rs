//! DataFusion's scalar functions, less those that are left out, and with a guard around those that may make too much.
//!
//! DataFusion's memory pool does not see what a scalar function makes, so `replace(x, 'a', <10 kB>)` three times over would
//! take a terabyte. A guarded call is refused when an upper bound of its result is over the limit.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::{is_null, nullif};
use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{DFSchema, Result, resources_datafusion_err};
use datafusion::execution::SessionStateDefaults;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ExprSchemable, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature,
};
use datafusion::prelude::Expr;
use datafusion::sql::sqlparser::ast::BinaryOperator;

/// Functions that are left out: their result is as long as a number says, or tells of the machine.
const LEFT_OUT: [&str; 8] = [
    "repeat",
    "lpad",
    "rpad",
    "array_repeat",
    "array_resize",
    "range",
    "generate_series",
    "version",
];

/// Functions whose result is guarded.
const GUARDED: [&str; 13] = [
    "concat",
    "concat_ws",
    "replace",
    "regexp_replace",
    "overlay",
    "translate",
    "array_to_string",
    "make_array",
    "array_concat",
    "array_append",
    "array_prepend",
    "arrays_zip",
    "string_to_array",
];

/// DataFusion's functions that may be called, guarded at `bytes_max`.
pub(super) fn kept(bytes_max: usize) -> impl Iterator<Item = Arc<ScalarUDF>> {
    let defaults = SessionStateDefaults::default_scalar_functions();
    let kept = defaults
        .into_iter()
        .filter(|function| !LEFT_OUT.contains(&function.name()));
    kept.map(move |function| {
        if GUARDED.contains(&function.name()) {
            guard(function, bytes_max)
        } else {
            function
        }
    })
}

fn guard(function: Arc<ScalarUDF>, bytes_max: usize) -> Arc<ScalarUDF> {
    Arc::new(ScalarUDF::new_from_impl(Guarded {
        function,
        bytes_max,
        operator: false,
    }))
}

/// Plans `a || b` on text as a guarded `concat`.
#[derive(Debug)]
pub(in crate::sql) struct ConcatPlanner {
    /// Limit on what one call makes.
    pub(in crate::sql) bytes_max: usize,
}

impl ExprPlanner for ConcatPlanner {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        let nested = |side: &Expr| side.get_type(schema).is_ok_and(|side| side.is_nested());
        if expr.op != BinaryOperator::StringConcat || nested(&expr.left) || nested(&expr.right) {
            return Ok(PlannerResult::Original(expr));
        }
        let concat = datafusion::functions::string::concat();
        let operator = Guarded {
            function: concat,
            bytes_max: self.bytes_max,
            operator: true,
        };
        let operator = Arc::new(ScalarUDF::new_from_impl(operator));
        Ok(PlannerResult::Planned(Expr::ScalarFunction(
            ScalarFunction::new_udf(operator, vec![expr.left, expr.right]),
        )))
    }
}

/// A function that is called only when its result will be within bounds.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Guarded {
    function: Arc<ScalarUDF>,
    bytes_max: usize,
    /// The function is `concat` in the part of the operator `||`, which is null when a side is.
    operator: bool,
}

impl ScalarUDFImpl for Guarded {
    fn name(&self) -> &str {
        if self.operator {
            "||"
        } else {
            self.function.name()
        }
    }

    fn aliases(&self) -> &[String] {
        if self.operator {
            &[]
        } else {
            self.function.aliases()
        }
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match (self.operator, args) {
            (true, [left, right]) => {
                Ok(format!("{} || {}", left.schema_name(), right.schema_name()))
            }
            _ => self.function.schema_name(args),
        }
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.function.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let field = self.function.return_field_from_args(args)?;
        Ok(if self.operator {
            Arc::new(field.as_ref().clone().with_nullable(true))
        } else {
            field
        })
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        // A simpler form could be one without the guard.
        let _ = info;
        Ok(ExprSimplifyResult::Original(args))
    }

    fn with_updated_config(&self, _config: &ConfigOptions) -> Option<ScalarUDF> {
        None
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let bytes = result_bytes(self.function.name(), &args.args, args.number_rows);
        if bytes > self.bytes_max {
            return Err(resources_datafusion_err!(
                "{} would make up to {bytes} bytes for {} rows; the limit is {}",
                self.name(),
                args.number_rows,
                self.bytes_max
            ));
        }
        if !self.operator {
            return self.function.invoke_with_args(args);
        }
        let rows = args.number_rows;
        let sides = ColumnarValue::values_to_arrays(&args.args)?;
        let result = self.function.invoke_with_args(args)?.into_array(rows)?;
        sides
            .iter()
            .try_fold(result, |result, side| Ok(nullif(&result, &is_null(side)?)?))
            .map(ColumnarValue::Array)
    }
}

/// An upper bound of the bytes that a call makes.
fn result_bytes(name: &str, args: &[ColumnarValue], rows: usize) -> usize {
    let sizes: Vec<usize> = args.iter().map(|arg| value_bytes(arg, rows)).collect();
    let total: usize = sizes
        .iter()
        .fold(0, |total, size| total.saturating_add(*size));
    match name {
        // Each character may be replaced by the longest replacement.
        "replace" | "regexp_replace" | "translate" => {
            let subject = sizes
                .first()
                .copied()
                .unwrap_or_default()
                .saturating_add(rows);
            let longest = args.get(2).map_or(0, longest_text);
            subject
                .saturating_mul(longest.saturating_add(1))
                .saturating_add(total)
        }
        // The separator stands between all parts of all rows.
        "array_to_string" | "concat_ws" => {
            let longest = args.iter().map(longest_text).max().unwrap_or_default();
            total
                .saturating_mul(2)
                .saturating_add(items(args).saturating_mul(longest))
        }
        _ => total.saturating_mul(2),
    }
}

/// Bytes of a value spread over `rows` rows.
fn value_bytes(value: &ColumnarValue, rows: usize) -> usize {
    match value {
        ColumnarValue::Scalar(scalar) => scalar.size().saturating_mul(rows),
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8View => array
                .as_string_view()
                .lengths()
                .fold(0_usize, |total, length| {
                    total.saturating_add(length as usize)
                }),
            _ => array.get_array_memory_size(),
        },
    }
}

/// Bytes of the longest text in a value.
fn longest_text(value: &ColumnarValue) -> usize {
    match value {
        ColumnarValue::Scalar(scalar) => scalar.try_as_str().flatten().map_or(0, str::len),
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::Utf8 => array
                .as_string::<i32>()
                .offsets()
                .lengths()
                .max()
                .unwrap_or(0),
            DataType::LargeUtf8 => array
                .as_string::<i64>()
                .offsets()
                .lengths()
                .max()
                .unwrap_or(0),
            DataType::Utf8View => array.as_string_view().lengths().max().unwrap_or(0) as usize,
            _ => 0,
        },
    }
}

/// Elements of the lists among some values, or the values themselves.
fn items(args: &[ColumnarValue]) -> usize {
    let of = |arg: &ColumnarValue| match arg {
        ColumnarValue::Array(array) => match array.data_type() {
            DataType::List(_) => array.as_list::<i32>().values().len(),
            DataType::LargeList(_) => array.as_list::<i64>().values().len(),
            _ => array.len(),
        },
        ColumnarValue::Scalar(_) => 1,
    };
    args.iter().map(of).sum()
}
