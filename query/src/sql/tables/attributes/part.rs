//! Expressions over some columns of a table or a file.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::physical_expr::utils::{collect_columns, reassign_expr_columns};
use datafusion::physical_plan::PhysicalExpr;

/// Expressions, and what has to be read for them.
pub(super) struct Part {
    /// Places of the columns, ascending.
    pub(super) columns: Vec<usize>,
    /// Over these columns.
    exprs: Vec<Arc<dyn PhysicalExpr>>,
}

impl Part {
    /// `exprs`, which are over all columns of `schema`.
    ///
    /// # Errors
    /// When one is not.
    pub(super) fn of(exprs: Vec<Arc<dyn PhysicalExpr>>, schema: &Schema) -> Result<Self> {
        let read = exprs.iter().flat_map(collect_columns);
        let mut columns: Vec<usize> = read.map(|column| column.index()).collect();
        columns.sort_unstable();
        columns.dedup();
        let read: SchemaRef = Arc::new(schema.project(&columns)?);
        let exprs = exprs.into_iter();
        let exprs = exprs.map(|expr| reassign_expr_columns(expr, &read));
        Ok(Self {
            exprs: exprs.collect::<Result<_>>()?,
            columns,
        })
    }

    /// What the expressions give on `rows`, which have the columns.
    ///
    /// # Errors
    /// When one cannot be evaluated.
    pub(super) fn of_rows(&self, rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
        let exprs = self.exprs.iter();
        exprs
            .map(|expr| expr.evaluate(rows)?.into_array(rows.num_rows()))
            .collect()
    }
}
