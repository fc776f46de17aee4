//! Ids in SQL: a comparison of an id column with text takes the text as hex digits.
//!
//! `trace_id = '4bf92f3577b34da6a3ce929d0e0e4736'` becomes a comparison with 16 bytes while the statement is planned, so
//! that it is well typed and prunes. Short ids are padded with zeros on the left. Comparisons are caught as they are
//! parsed ([`IdPlanner`]), lists and ranges before types are coerced ([`IdRule`]).

use arrow::datatypes::DataType;
use clew_storage::{SpanId, TraceId};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, ExprSchema, Result, ScalarValue, plan_datafusion_err};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Between, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

/// Rewrites comparisons.
#[derive(Debug)]
pub(crate) struct IdPlanner;

impl ExprPlanner for IdPlanner {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        if let Some(bytes) = id_bytes(&expr.left, schema) {
            expr.right = literal(expr.right, bytes)?;
        } else if let Some(bytes) = id_bytes(&expr.right, schema) {
            expr.left = literal(expr.left, bytes)?;
        }
        Ok(PlannerResult::Original(expr))
    }
}

/// Rewrites `IN` and `BETWEEN`.
#[derive(Debug)]
pub(crate) struct IdRule;

impl AnalyzerRule for IdRule {
    fn name(&self) -> &'static str {
        "hex_ids"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let mut schema = DFSchema::empty();
            for input in plan.inputs() {
                schema.merge(input.schema());
            }
            plan.map_expressions(|expr| expr.transform_up(|expr| rewrite(expr, &schema)))
        });
        Ok(rewritten?.data)
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::InList(InList {
            expr,
            list,
            negated,
        }) => {
            let Some(bytes) = id_bytes(&expr, schema) else {
                return Ok(Transformed::no(Expr::InList(InList {
                    expr,
                    list,
                    negated,
                })));
            };
            let list = list
                .into_iter()
                .map(|item| literal(item, bytes))
                .collect::<Result<_>>()?;
            Ok(Transformed::yes(Expr::InList(InList {
                expr,
                list,
                negated,
            })))
        }
        Expr::Between(Between {
            expr,
            negated,
            low,
            high,
        }) => {
            let Some(bytes) = id_bytes(&expr, schema) else {
                return Ok(Transformed::no(Expr::Between(Between {
                    expr,
                    negated,
                    low,
                    high,
                })));
            };
            let (low, high) = (
                Box::new(literal(*low, bytes)?),
                Box::new(literal(*high, bytes)?),
            );
            Ok(Transformed::yes(Expr::Between(Between {
                expr,
                negated,
                low,
                high,
            })))
        }
        other => Ok(Transformed::no(other)),
    }
}

/// Length of the ids in the column that `expr` is; `None` when it is none.
fn id_bytes(expr: &Expr, schema: &DFSchema) -> Option<i32> {
    let Expr::Column(column) = expr else {
        return None;
    };
    match column_type(column, schema)? {
        DataType::FixedSizeBinary(bytes @ (8 | 16)) => Some(bytes),
        _ => None,
    }
}

fn column_type(column: &Column, schema: &DFSchema) -> Option<DataType> {
    schema.data_type(column).ok().cloned()
}

/// A literal text as the id that it is in hex; anything else as it is.
fn literal(expr: Expr, bytes: i32) -> Result<Expr> {
    let Expr::Literal(value, metadata) = &expr else {
        return Ok(expr);
    };
    let Some(Some(text)) = value.try_as_str() else {
        return Ok(expr);
    };
    let id = match bytes {
        16 => text.parse::<TraceId>().map(|id| id.0.to_vec()),
        _ => text.parse::<SpanId>().map(|id| id.0.to_vec()),
    };
    let id = id.map_err(|error| plan_datafusion_err!("{error}"))?;
    Ok(Expr::Literal(
        ScalarValue::FixedSizeBinary(bytes, Some(id)),
        metadata.clone(),
    ))
}
