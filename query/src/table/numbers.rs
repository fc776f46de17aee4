//! Comparisons of attributes with numbers and truth values.
//!
//! An attribute is text to SQL, and `attributes['http.status_code'] > 500` would turn each text into an integer and fail at the
//! first that is none. Before types are coerced such a comparison becomes one that suits values of every type:
//!
//! | written | becomes |
//! |---|---|
//! | `= 500`, `<> 500`, `IN (500, 503)`, `= true` | the same with the canonical text, `'500'`: equal for integers, doubles and text alike |
//! | `> 500`, `BETWEEN 400 AND 499` | `text_compares(…, '>', '500')`: by number where the value reads as one, else null |
//! | a comparison with a number that is no constant | the same with `attribute_number(…)` |

use arrow::datatypes::DataType;
use clew_storage::attributes::AttributeValue;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Between, BinaryExpr, ExprSchemable, LogicalPlan, Operator, binary_expr, cast, lit, not,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::prelude::Expr;

use crate::filter::{attribute_number, text_compares};
use crate::language::quantity::Number;

/// Rewrites comparisons.
#[derive(Debug)]
pub(crate) struct AttributeNumbers;

impl AnalyzerRule for AttributeNumbers {
    fn name(&self) -> &'static str {
        "attribute_numbers"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        plan.transform_up_with_subqueries(|plan| {
            let mut schema = DFSchema::empty();
            for input in plan.inputs() {
                schema.merge(input.schema());
            }
            let names = NamePreserver::new(&plan);
            let plan = plan.map_expressions(|expr| {
                let name = names.save(&expr);
                let expr = expr.transform_up(|expr| Ok(rewrite(expr, &schema)))?;
                Ok(expr.update_data(|expr| name.restore(expr)))
            })?;
            if plan.transformed {
                plan.map_data(LogicalPlan::recompute_schema)
            } else {
                Ok(plan)
            }
        })
        .data()
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let better = match &expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_attribute(left, schema) => {
            comparison(left, *op, right, schema)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_attribute(right, schema) => {
            op.swap().and_then(|op| comparison(right, op, left, schema))
        }
        Expr::Between(between) if is_attribute(&between.expr, schema) => {
            self::between(between, schema)
        }
        Expr::InList(list) if is_attribute(&list.expr, schema) => in_list(list),
        _ => None,
    };
    better.map_or_else(|| Transformed::no(expr), Transformed::yes)
}

/// True for a look-up in a map of text.
fn is_attribute(expr: &Expr, schema: &DFSchema) -> bool {
    let Expr::ScalarFunction(call) = expr else {
        return false;
    };
    let of_map = |map: &Expr| matches!(map.get_type(schema), Ok(DataType::Map(..)));
    call.name() == "get_field" && call.args.len() == 2 && call.args.first().is_some_and(of_map)
}

fn comparison(attribute: &Expr, op: Operator, other: &Expr, schema: &DFSchema) -> Option<Expr> {
    let equality = matches!(op, Operator::Eq | Operator::NotEq);
    let order = matches!(
        op,
        Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq
    );
    if let Expr::Literal(value, _) = other {
        if equality {
            let text = canonical_text(value)?;
            return Some(binary_expr(attribute.clone(), op, lit(text)));
        }
        let number = order.then(|| number(value))??;
        let args = vec![
            attribute.clone(),
            lit(op.to_string()),
            lit(number.to_string()),
        ];
        return Some(text_compares().call(args));
    }
    let other_type = other.get_type(schema).ok()?;
    if other_type.is_numeric() && (equality || order) {
        let number = attribute_number().call(vec![attribute.clone()]);
        return Some(binary_expr(number, op, other.clone()));
    }
    if other_type == DataType::Boolean && equality {
        let text = cast(other.clone(), DataType::Utf8);
        return Some(binary_expr(attribute.clone(), op, text));
    }
    None
}

fn between(between: &Between, schema: &DFSchema) -> Option<Expr> {
    let low = comparison(&between.expr, Operator::GtEq, &between.low, schema)?;
    let high = comparison(&between.expr, Operator::LtEq, &between.high, schema)?;
    let both = low.and(high);
    Some(if between.negated { not(both) } else { both })
}

fn in_list(list: &InList) -> Option<Expr> {
    let texts: Option<Vec<Expr>> = list
        .list
        .iter()
        .map(|item| match item {
            Expr::Literal(value, _) => match value.try_as_str() {
                Some(_) => Some(item.clone()),
                None => canonical_text(value).map(lit),
            },
            _ => None,
        })
        .collect();
    let texts = texts.filter(|texts| *texts != list.list)?;
    Some(Expr::InList(InList::new(
        list.expr.clone(),
        texts,
        list.negated,
    )))
}

/// The canonical text of an attribute of this value; `None` when it is neither a number nor a truth value.
fn canonical_text(value: &ScalarValue) -> Option<String> {
    if let ScalarValue::Boolean(Some(value)) = value {
        return Some(value.to_string());
    }
    Some(match number(value)? {
        Number::Int(int) => int.to_string(),
        Number::Float(float) => AttributeValue::Double(float).to_text(),
    })
}

fn number(value: &ScalarValue) -> Option<Number> {
    if value.is_null() || !value.data_type().is_numeric() {
        return None;
    }
    if value.data_type().is_integer()
        && let Ok(ScalarValue::Int64(Some(int))) = value.cast_to(&DataType::Int64)
    {
        return Some(Number::Int(int));
    }
    match value.cast_to(&DataType::Float64) {
        Ok(ScalarValue::Float64(Some(float))) if float.is_finite() => Some(Number::Float(float)),
        _ => None,
    }
}
