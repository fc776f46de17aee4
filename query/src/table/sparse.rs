//! Expressions over columns that few rows have a value in.
//!
//! `try_cast(attributes['http.status_code'] AS BIGINT) >= 400` is null in every row without the key, and most rows lack most keys. A scan
//! evaluates such an expression as
//!
//! ```sql
//! CASE WHEN "http.status_code" IS NOT NULL THEN try_cast("http.status_code" AS BIGINT) >= 400 END
//! ```
//!
//! which takes the rows with a value together first. Comparisons of a column with a constant stay as they are: they cost
//! less than that, and prune by statistics.

use std::sync::Arc;

use arrow::array::{RecordBatch, new_null_array};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::physical_expr::ScalarFunctionExpr;
use datafusion::physical_expr::expressions::{Column, TryCastExpr, case, is_not_null};
use datafusion::physical_expr::utils::collect_columns;

use super::attributes::Expr;

/// `expr`, over columns of the file with the schema `file`, with what is null wherever one column is null evaluated in the other rows alone.
///
/// # Errors
/// When it is no expression over that file.
pub(super) fn where_set(expr: Expr, file: &Schema) -> Result<Expr> {
    expr.transform_down(|expr| {
        Ok(match needed(&expr, file)? {
            Some(column) => {
                let is_set = is_not_null(Arc::new(column))?;
                let only_there = case(None, vec![(is_set, expr)], None)?;
                Transformed::new(only_there, true, TreeNodeRecursion::Jump)
            }
            None => Transformed::no(expr),
        })
    })
    .data()
}

/// The column without which `expr`, which computes something, is null; `None` where there is more than one column, or none like that.
fn needed(expr: &Expr, file: &Schema) -> Result<Option<Column>> {
    if !computes(expr)? {
        return Ok(None);
    }
    let columns: Vec<Column> = collect_columns(expr).into_iter().collect();
    let [column] = columns.as_slice() else {
        return Ok(None);
    };
    let field = file.field(column.index());
    let is_map = matches!(field.data_type(), DataType::Map(..));
    Ok(
        (field.is_nullable() && !is_map && is_null_without(expr, column, file)?)
            .then(|| column.clone()),
    )
}

/// True for what costs more than a comparison: a call or a reading of text as something else.
fn computes(expr: &Expr) -> Result<bool> {
    expr.exists(|part| Ok(part.is::<ScalarFunctionExpr>() || part.is::<TryCastExpr>()))
}

/// What `expr` gives in a row where `column`, its only one, is null: whether that is null too.
fn is_null_without(expr: &Expr, column: &Column, file: &Schema) -> Result<bool> {
    let field = file.field(column.index()).clone();
    let value = new_null_array(field.data_type(), 1);
    let row = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![value])?;
    let on_row = Arc::clone(expr).transform(|part| {
        Ok(if part.is::<Column>() {
            Transformed::yes(Arc::new(Column::new(column.name(), 0)) as Expr)
        } else {
            Transformed::no(part)
        })
    });
    // What cannot be evaluated there is left as it is.
    let answer = on_row
        .data()?
        .evaluate(&row)
        .and_then(|value| value.into_array(1));
    Ok(answer.is_ok_and(|answer| answer.is_null(0)))
}

#[cfg(test)]
mod tests {
    use arrow::datatypes::Field;
    use datafusion::common::DFSchema;
    use datafusion::prelude::SessionContext;

    use super::*;

    /// `text` is null in some rows; `name` never is.
    fn schema() -> Schema {
        Schema::new(vec![
            Field::new("name", DataType::Utf8View, false),
            Field::new("text", DataType::Utf8View, true),
            Field::new("other", DataType::Utf8View, true),
        ])
    }

    #[test]
    fn what_is_null_with_its_column_is_evaluated_where_that_is_set() {
        let set = |part: &str| format!("CASE WHEN text@1 IS NOT NULL THEN {part} END");
        let schema = DFSchema::try_from(schema()).unwrap();
        let context = SessionContext::new();
        let rewritten = |expr: &str| {
            let expr = context.parse_sql_expr(expr, &schema).unwrap();
            let expr = context.create_physical_expr(expr, &schema).unwrap();
            let rewritten = where_set(Arc::clone(&expr), schema.as_arrow()).unwrap();
            (expr.to_string(), rewritten.to_string())
        };
        for whole in [
            "try_cast(text AS BIGINT) >= 400",
            "length(text) = 3 AND upper(text) = 'A'",
            "upper(text)",
        ] {
            let (before, after) = rewritten(whole);
            assert_eq!(after, set(&before), "{whole}");
        }
        for left in [
            "text = 'a'",
            "text IN ('a', 'b')",
            "upper(name) = 'A'",
            "upper(text) = other",
            "upper(text) IS NULL",
            "coalesce(text, 'a') = 'a'",
            "concat(text, 'a') = 'a'",
        ] {
            let (before, after) = rewritten(left);
            let inside = after.replace(
                "CASE WHEN text@1 IS NOT NULL THEN upper(text@1) END",
                "upper(text@1)",
            );
            assert_eq!(inside, before, "{left}");
        }
        let (before, after) = rewritten("length(text) > 2 AND name = 'x'");
        let (part, rest) = before.split_once(" AND ").unwrap();
        assert_eq!(after, format!("{} AND {rest}", set(part)));
    }
}
