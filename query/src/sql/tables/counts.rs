//! The rows of a derived table as the store has them: those of its files one after the other, then those of the hot window. Several rows may
//! have the same key; counts are not rounded.

use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use clew_storage::Snapshot;
use clew_storage::derived::{DerivedFile, DerivedTable};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, ScalarValue, project_schema};
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::logical_expr::{BinaryExpr, Operator, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::prelude::Expr;

use super::pass::{Out, Pass, PassExec, failed};

/// A derived table of a snapshot.
#[derive(Debug)]
pub(super) struct CountsTable {
    snapshot: Snapshot,
    table: DerivedTable,
    /// Time of the statement, ns since the epoch.
    now: i64,
    schema: SchemaRef,
}

impl CountsTable {
    pub(super) fn new(snapshot: Snapshot, table: DerivedTable, now: i64) -> Self {
        Self {
            snapshot,
            table,
            now,
            schema: table.schema(),
        }
    }
}

#[async_trait]
impl TableProvider for CountsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let minutes = Minutes::of(filters);
        let files = self.snapshot.derived(self.table);
        let pass = CountsPass {
            files: files
                .filter(|file| minutes.meet(file.meta().minutes))
                .cloned()
                .collect(),
            snapshot: self.snapshot.clone(),
            table: self.table,
            now: self.now,
            projection: projection.cloned(),
            schema: project_schema(&self.schema, projection)?,
        };
        Ok(Arc::new(PassExec::new(pass)))
    }
}

/// The minutes that conditions leave, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Minutes {
    first: i64,
    last: i64,
}

impl Minutes {
    fn of(filters: &[Expr]) -> Self {
        let mut minutes = Self {
            first: i64::MIN,
            last: i64::MAX,
        };
        for filter in filters {
            minutes.take(filter);
        }
        minutes
    }

    fn take(&mut self, filter: &Expr) {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else {
            return;
        };
        let (op, bound) = match (&**left, &**right) {
            (left, right) if *op == Operator::And => {
                self.take(left);
                self.take(right);
                return;
            }
            (Expr::Column(column), bound) if column.name == "minute" => (Some(*op), bound),
            (bound, Expr::Column(column)) if column.name == "minute" => (op.swap(), bound),
            _ => return,
        };
        let Expr::Literal(ScalarValue::TimestampNanosecond(Some(bound), _), _) = bound else {
            return;
        };
        let (bound, op) = (*bound, op);
        if matches!(op, Some(Operator::Gt | Operator::GtEq | Operator::Eq)) {
            self.first = self.first.max(bound);
        }
        if matches!(op, Some(Operator::Lt | Operator::LtEq | Operator::Eq)) {
            self.last = self.last.min(bound);
        }
    }

    fn meet(self, (first, last): (i64, i64)) -> bool {
        first <= self.last && last >= self.first
    }
}

/// All rows.
#[derive(Debug, Clone)]
struct CountsPass {
    files: Vec<Arc<DerivedFile>>,
    snapshot: Snapshot,
    table: DerivedTable,
    now: i64,
    /// Columns of the table to give; all if `None`.
    projection: Option<Vec<usize>>,
    /// Schema of what is given.
    schema: SchemaRef,
}

impl CountsPass {
    fn projected(&self, rows: RecordBatch) -> Result<RecordBatch> {
        Ok(match &self.projection {
            Some(projection) => rows.project(projection)?,
            None => rows,
        })
    }
}

impl fmt::Display for CountsPass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "files={}", self.files.len())
    }
}

impl Pass for CountsPass {
    const NAME: &'static str = "CountsExec";

    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn partitions(&self) -> usize {
        1
    }

    fn again(&self) -> Self {
        self.clone()
    }

    fn run(&self, _partition: usize, _memory: MemoryReservation, send: Out<'_>) -> Result<()> {
        for file in &self.files {
            let rows = file.read().map_err(failed)?;
            if !send(self.projected(rows)?) {
                return Ok(());
            }
        }
        let hot = self.snapshot.hot_counts();
        let more = send(self.projected(hot.rows(self.table).clone())?);
        if more && self.table == DerivedTable::ServiceEdges {
            send(self.projected(hot.overdue_edges(self.now))?);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::prelude::{col, lit};

    use super::*;

    #[test]
    fn conditions_on_the_minute_choose_files() {
        let at = |ns: i64| {
            lit(ScalarValue::TimestampNanosecond(
                Some(ns),
                Some("UTC".into()),
            ))
        };
        let of = |filters: &[Expr]| {
            let minutes = Minutes::of(filters);
            (minutes.first, minutes.last)
        };
        assert_eq!(of(&[]), (i64::MIN, i64::MAX));
        assert_eq!(
            of(&[col("minute").gt_eq(at(5)), col("minute").lt(at(9))]),
            (5, 9)
        );
        assert_eq!(
            of(&[at(5).lt_eq(col("minute")).and(at(9).gt(col("minute")))]),
            (5, 9)
        );
        assert_eq!(of(&[col("minute").eq(at(7))]), (7, 7));
        assert_eq!(
            of(&[col("minute").lt(at(7)).or(col("name").eq(lit("x")))]),
            (i64::MIN, i64::MAX)
        );
        let minutes = Minutes { first: 5, last: 9 };
        for (file, met) in [
            ((0, 4), false),
            ((0, 5), true),
            ((9, 12), true),
            ((10, 12), false),
            ((6, 7), true),
        ] {
            assert_eq!(minutes.meet(file), met, "{file:?}");
        }
    }
}
