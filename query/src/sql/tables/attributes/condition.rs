//! What a statement asks of the spans and of the keys, as far as the scan can tell by itself.

use std::fmt;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{Schema, SchemaRef};
use clew_storage::schema as stored;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{DFSchema, Result, internal_datafusion_err};
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_plan::PhysicalExpr;
use datafusion::prelude::Expr;

use super::{KEY, schema};
use crate::filter::{Prune, is_true};

/// True for a condition on columns of the span alone, which the scan evaluates.
pub(super) fn is_of_span(filter: &Expr) -> bool {
    let mut columns = filter.column_refs().into_iter();
    !columns.any(|column| matches!(column.name(), "key" | "value")) && !asks_elsewhere(filter)
}

/// True for a condition on `key` and nothing else.
fn is_of_key(filter: &Expr) -> bool {
    let columns = filter.column_refs();
    !columns.is_empty()
        && columns.iter().all(|column| column.name() == "key")
        && !asks_elsewhere(filter)
}

/// True where something else than the row decides.
fn asks_elsewhere(filter: &Expr) -> bool {
    let asks = filter.exists(|part| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
        ))
    });
    asks.unwrap_or(true)
}

/// The conditions of a statement that decide what is read.
#[derive(Debug, Clone)]
pub(super) struct Condition {
    /// What of segments and row groups may be left out.
    pub(super) prune: Prune,
    /// Over `spans`.
    pub(super) of_span: Option<Arc<dyn PhysicalExpr>>,
    /// Over rows of a key.
    of_key: Option<Arc<dyn PhysicalExpr>>,
}

impl Condition {
    /// Of the conjunction of `filters`; those that are neither of the span nor of the key are left out.
    ///
    /// # Errors
    /// When one is no expression over the table.
    pub(super) fn new(state: &dyn Session, filters: &[Expr]) -> Result<Self> {
        let physical = |keep: fn(&Expr) -> bool, schema: SchemaRef| {
            let kept = conjunction(filters.iter().filter(|filter| keep(filter)).cloned());
            let schema = DFSchema::try_from(schema)?;
            kept.map(|kept| state.create_physical_expr(kept, &schema))
                .transpose()
        };
        Ok(Self {
            prune: Prune::new(filters),
            of_span: physical(is_of_span, stored::spans())?,
            of_key: physical(is_of_key, key_schema()?)?,
        })
    }

    /// Which of `keys` are asked for.
    ///
    /// # Errors
    /// When the condition cannot be evaluated.
    pub(super) fn admits<'a>(&self, keys: impl Iterator<Item = &'a str>) -> Result<BooleanBuffer> {
        let keys = StringViewArray::from_iter_values(keys);
        match &self.of_key {
            None => Ok(BooleanBuffer::new_set(keys.len())),
            Some(condition) => {
                let keys = RecordBatch::try_new(key_schema()?, vec![Arc::new(keys) as ArrayRef])?;
                met(&condition.evaluate(&keys)?.into_array(keys.num_rows())?)
            }
        }
    }
}

fn key_schema() -> Result<SchemaRef> {
    Ok(Arc::new(Schema::project(&schema(), &[KEY])?))
}

/// Where a condition that gave `answers` is met.
///
/// # Errors
/// When the answers are not true or false.
pub(super) fn met(answers: &dyn Array) -> Result<BooleanBuffer> {
    let mask = answers.as_boolean_opt();
    let mask = mask.ok_or_else(|| internal_datafusion_err!("a condition is not true or false"))?;
    Ok(is_true(mask))
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(condition) = &self.of_span {
            write!(f, ", spans: {condition}")?;
        }
        if let Some(condition) = &self.of_key {
            write!(f, ", keys: {condition}")?;
        }
        Ok(())
    }
}
