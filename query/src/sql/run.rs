//! Plans and runs statements.
//!
//! Planning recurses over trees that a client shaped, so it has a thread with a large stack; it cannot be stopped, so its
//! turn ends only with it. Execution has a runtime of its own with a few threads: a heavy statement takes nothing from the
//! threads that take spans in. Rows are encoded as they come, until a limit on rows or bytes cuts the result off.

use std::sync::Arc;

use clew_storage::Snapshot;
use datafusion::common::Result as PlanResult;
use datafusion::execution::TaskContext;
use datafusion::execution::context::{SQLOptions, SessionState};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;

use super::encode::{Encoder, Format, Stats};
use super::{cage, error, session};
use crate::error::QueryError;
use crate::limits::SqlLimits;
use crate::service::QueryService;
use crate::table::ScanCount;
use crate::turns::{Turn, Turns};

/// Stack of the thread that plans a statement. Memory is taken only as far as the stack grows.
const PLANNER_STACK_BYTES: usize = 256 << 20;
/// Stack of the threads that run statements, and drop their plans.
const RUNNER_STACK_BYTES: usize = 32 << 20;

/// A result, encoded.
pub(crate) struct SqlAnswer {
    /// The body.
    pub(crate) body: Vec<u8>,
    /// What it holds.
    pub(crate) stats: Stats,
}

/// Runs statements.
pub(crate) struct SqlEngine {
    runtime: Option<Runtime>,
    turns: Turns,
}

impl SqlEngine {
    /// An engine with threads of its own.
    pub(crate) fn new(limits: &SqlLimits) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("clew-sql")
            .thread_stack_size(RUNNER_STACK_BYTES)
            .enable_time()
            .build();
        if let Err(error) = &runtime {
            tracing::error!(%error, "no threads for SQL; statements will be refused");
        }
        Self {
            runtime: runtime.ok(),
            turns: Turns::new("statements", limits.running_max, limits.waiting_max),
        }
    }

    /// Runs `text` over the store as it is now.
    ///
    /// # Errors
    /// When the statement is refused, wrong, or over a limit.
    pub(crate) async fn run(
        &self,
        service: &QueryService,
        text: String,
        format: Format,
    ) -> Result<SqlAnswer, QueryError> {
        let Some(runtime) = self.runtime.as_ref().map(Runtime::handle) else {
            return Err(QueryError::Unavailable {
                message: "there are no threads for SQL".to_owned(),
            });
        };
        let turn = Arc::new(self.turns.take().await?);
        let limits = service.limits().sql.clone();
        let clock = Arc::clone(service.clock());
        let started_ns = clock.monotonic_ns();
        let time = limits.time;
        let task = Task {
            text,
            format,
            limits,
            snapshot: service.store().snapshot(),
            turn,
            runtime: runtime.clone(),
        };
        let running =
            AbortOnDrop(runtime.spawn(async move { tokio::time::timeout(time, task.run()).await }));
        let done = running
            .wait()
            .await
            .map_err(|error| QueryError::internal(format!("a statement failed: {error}")))?;
        let mut finished = done.map_err(|_| {
            QueryError::limit(
                format!("the statement took longer than {} s", time.as_secs()),
                "narrow it by start_time or service_name",
            )
        })??;
        finished.stats.elapsed_ms =
            (clock.monotonic_ns().saturating_sub(started_ns) / 1_000) as f64 / 1_000.0;
        Ok(SqlAnswer {
            body: finished.encoder.finish(&finished.stats)?,
            stats: finished.stats,
        })
    }
}

impl Drop for SqlEngine {
    fn drop(&mut self) {
        // A runtime must not wait for its threads inside of another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Ends its task when nobody waits for it any more.
struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> AbortOnDrop<T> {
    async fn wait(mut self) -> Result<T, tokio::task::JoinError> {
        (&mut self.0).await
    }
}

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One statement.
struct Task {
    text: String,
    format: Format,
    limits: SqlLimits,
    snapshot: Snapshot,
    turn: Arc<Turn>,
    runtime: Handle,
}

/// A plan ready to run.
struct Planned {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    segments_read: usize,
}

/// All rows encoded, the end not written yet.
struct Finished {
    encoder: Box<dyn Encoder>,
    stats: Stats,
}

impl Task {
    async fn run(self) -> Result<Finished, QueryError> {
        let planned = self.plan().await?;
        let mut stats = Stats {
            segments_total: self.snapshot.segments().len(),
            segments_read: planned.segments_read,
            ..Stats::default()
        };
        let failed = |failed| error::of(&failed, &self.text);
        let mut encoder = self.format.encoder(&planned.plan.schema())?;
        let mut stream = execute_stream(planned.plan, planned.context).map_err(failed)?;
        while let Some(batch) = stream.next().await {
            if !encoder.take(&batch.map_err(failed)?, &self.limits, &mut stats)? {
                break;
            }
        }
        Ok(Finished { encoder, stats })
    }

    /// Plans the statement on a thread of its own.
    async fn plan(&self) -> Result<Planned, QueryError> {
        let (text, limits, snapshot) = (
            self.text.clone(),
            self.limits.clone(),
            self.snapshot.clone(),
        );
        let (runtime, turn) = (self.runtime.clone(), Arc::clone(&self.turn));
        let (sender, receiver) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("clew-sql-plan".to_owned())
            .stack_size(PLANNER_STACK_BYTES);
        let spawned = thread.spawn(move || {
            let _turn = turn;
            let _ = sender.send(runtime.block_on(plan(&text, &limits, &snapshot)));
        });
        spawned.map_err(|error| QueryError::Unavailable {
            message: format!("no thread to plan a statement: {error}"),
        })?;
        receiver
            .await
            .map_err(|_| QueryError::internal("planning a statement failed"))?
    }
}

async fn plan(text: &str, limits: &SqlLimits, snapshot: &Snapshot) -> Result<Planned, QueryError> {
    let statement = cage::parse(text, limits)?;
    let count = Arc::new(ScanCount::default());
    let failed = |failed| error::of(&failed, text);
    let state = session::session(snapshot, limits, &count).map_err(failed)?;
    let plan = physical_plan(&state, statement).await.map_err(failed)?;
    Ok(Planned {
        plan,
        context: state.task_ctx(),
        segments_read: count.segments(),
    })
}

async fn physical_plan(
    state: &SessionState,
    statement: Statement,
) -> PlanResult<Arc<dyn ExecutionPlan>> {
    let plan = state.statement_to_plan(statement).await?;
    let options = SQLOptions::new()
        .with_allow_ddl(false)
        .with_allow_dml(false)
        .with_allow_statements(false);
    options.verify_plan(&plan)?;
    state.create_physical_plan(&plan).await
}
