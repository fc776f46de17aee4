//! Lets a statement be ended inside of a join.
//!
//! A task of the runtime ends, or learns that its time is over, only where it waits. DataFusion's operators come to such a
//! place whenever their input does, which is too seldom for joins: one batch of input can make millions of pairs, and a
//! filter on the pairs can refuse them all before anything is given out. So a rule gives each join two ways out. The
//! batches that it gives out count against the budget of its task. The filter on its pairs looks at the [`Deadline`] before
//! each batch of pairs, and fails after it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::{FieldRef, Schema};
use clew_storage::env::Clock;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder,
};
use datafusion::physical_plan::{ExecutionPlan, PhysicalExpr};

/// The deadline of a statement that has been ended.
const ENDED: u64 = 0;

/// The time until which a statement may work. Clones are of the same statement.
#[derive(Clone)]
pub(crate) struct Deadline {
    clock: Arc<dyn Clock>,
    /// Monotonic.
    at_ns: Arc<AtomicU64>,
}

impl Deadline {
    /// No deadline yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let at_ns = Arc::new(AtomicU64::new(u64::MAX));
        Self { clock, at_ns }
    }

    /// Lets the statement work for `left` from now on.
    pub(super) fn set(&self, left: Duration) {
        let left_ns = u64::try_from(left.as_nanos()).unwrap_or(u64::MAX);
        self.put(self.clock.monotonic_ns().saturating_add(left_ns));
    }

    /// Takes the deadline away: the statement waits for its client, whose clock is another.
    pub(super) fn lift(&self) {
        self.put(u64::MAX);
    }

    /// Ends the statement for good, whatever it is told afterwards.
    pub(super) fn end(&self) {
        self.at_ns.store(ENDED, Ordering::Relaxed);
    }

    fn put(&self, at_ns: u64) {
        let unless_ended = |at| (at != ENDED).then_some(at_ns);
        let _ = self
            .at_ns
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, unless_ended);
    }

    /// The time of day, ns since the epoch.
    pub(super) fn now_unix_nano(&self) -> u64 {
        self.clock.now_unix_nano()
    }

    /// Whether it has passed.
    pub(super) fn is_over(&self) -> bool {
        self.clock.monotonic_ns() >= self.at_ns.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Deadline").field(&self.at_ns).finish()
    }
}

/// Gives every join its ways out.
#[derive(Debug)]
pub(super) struct InterruptJoins(pub(super) Deadline);

impl InterruptJoins {
    fn filter(&self, filter: &JoinFilter) -> JoinFilter {
        let asks = Asks {
            inner: Arc::clone(filter.expression()),
            deadline: self.0.clone(),
        };
        JoinFilter::new(
            Arc::new(asks),
            filter.column_indices().to_vec(),
            Arc::clone(filter.schema()),
        )
    }

    /// `plan` with ways out if it is a join.
    fn join(&self, plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
            let filter = join.filter().map(|filter| self.filter(filter));
            let join = NestedLoopJoinExecBuilder::from(join).with_filter(filter);
            return Ok(Some(Arc::new(join.build()?)));
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            let filter = join.filter().map(|filter| self.filter(filter));
            return Ok(Some(Arc::new(join.builder().with_filter(filter).build()?)));
        }
        Ok(plan.is::<CrossJoinExec>().then(|| Arc::clone(plan)))
    }
}

impl PhysicalOptimizerRule for InterruptJoins {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let interruptible = plan.transform_up(|plan| match self.join(&plan)? {
            Some(join) => Ok(Transformed::yes(Arc::new(CooperativeExec::new(join)) as _)),
            None => Ok(Transformed::no(plan)),
        });
        Ok(interruptible?.data)
    }

    fn name(&self) -> &'static str {
        "interrupt_joins"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// An expression that is evaluated only before the deadline of its statement.
#[derive(Debug)]
struct Asks {
    inner: Arc<dyn PhysicalExpr>,
    deadline: Deadline,
}

impl PartialEq for Asks {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner) && Arc::ptr_eq(&self.deadline.at_ns, &other.deadline.at_ns)
    }
}

impl Eq for Asks {}

impl Hash for Asks {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for Asks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for Asks {
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.deadline.is_over() {
            return exec_err!("the statement has no time left");
        }
        self.inner.evaluate(batch)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(input_schema)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }

    fn with_new_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(inner) if children.is_empty() => Ok(Arc::new(Self {
                inner,
                deadline: self.deadline.clone(),
            })),
            _ => exec_err!("the filter of a join has one expression"),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}

#[cfg(test)]
mod tests {
    use clew_storage::env::Env;
    use datafusion::execution::SessionStateBuilder;
    use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};

    use super::*;

    /// A nested loop that refuses every pair, and a hash join that does.
    const BARREN: [&str; 2] = [
        "SELECT * FROM range(1, 100) a JOIN range(1, 100) b ON a.value + b.value < 0",
        "SELECT * FROM range(1, 100) a JOIN range(1, 100) b
         ON a.value % 2 = b.value % 2 AND a.value + b.value < 0",
    ];

    async fn frame(deadline: &Deadline, statement: &str) -> DataFrame {
        let state = SessionStateBuilder::new_with_default_features()
            .with_config(SessionConfig::new().with_target_partitions(1))
            .with_physical_optimizer_rule(Arc::new(InterruptJoins(deadline.clone())))
            .build();
        SessionContext::new_with_state(state)
            .sql(statement)
            .await
            .unwrap()
    }

    fn deadline() -> Deadline {
        Deadline::new(Env::system().clock)
    }

    #[tokio::test]
    async fn a_join_without_results_ends_at_the_deadline() {
        for statement in BARREN {
            let deadline = deadline();
            deadline.set(Duration::ZERO);
            let join = frame(&deadline, statement).await.collect().await;
            let error = join.unwrap_err().to_string();
            assert!(error.contains("no time left"), "{statement}: {error}");
        }
    }

    #[tokio::test]
    async fn a_join_without_results_goes_on_before_the_deadline() {
        for statement in BARREN {
            let deadline = deadline();
            deadline.set(Duration::ZERO);
            deadline.lift();
            let join = frame(&deadline, statement).await;
            assert_eq!(join.count().await.unwrap(), 0, "{statement}");
        }
    }

    #[test]
    fn what_was_ended_goes_on_for_nobody() {
        let deadline = deadline();
        deadline.set(Duration::from_mins(1));
        assert!(!deadline.is_over());
        deadline.end();
        deadline.set(Duration::from_mins(1));
        assert!(deadline.is_over());
        deadline.lift();
        assert!(deadline.is_over());
    }

    #[tokio::test]
    async fn what_consumes_the_pairs_of_a_join_makes_way_for_other_tasks() {
        for on in ["true", "a.value <> b.value", "a.value % 2 = b.value % 2"] {
            let pairs = format!(
                "SELECT count(a.value + b.value) FROM range(0, 4000) a JOIN range(0, 4000) b ON {on}"
            );
            let counting = frame(&deadline(), &pairs).await;
            let mut counting = std::pin::pin!(counting.collect());
            let first = futures::poll!(counting.as_mut());
            assert!(first.is_pending(), "{on}");
            counting.await.unwrap();
        }
    }
}
