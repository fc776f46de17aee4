//! The ids of spans and parents in the expressions of a scan: most files have both in one column
//! ([`clew_storage::segment::ids`]).

use clew_storage::schema::column;
use datafusion::physical_expr::expressions::Column;

use super::attributes::{Expr, FileExprs};
use super::functions::Function;

impl FileExprs {
    /// The id that the table calls `name`, where it lies in one column with another.
    pub(super) fn joined_id(&self, name: &str) -> Option<Expr> {
        if !self.layout.joined_ids() {
            return None;
        }
        let joined = self.at(column::SPAN_ID);
        match name {
            "span_id" => Some(self.of_file(Function::SpanId, vec![joined], false)),
            "parent_span_id" => {
                let args = vec![joined, self.at(column::PARENT_SPAN_ID)];
                Some(self.of_file(Function::ParentId, args, true))
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
