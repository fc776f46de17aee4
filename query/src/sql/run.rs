//! Plans and runs statements.
//!
//! Planning recurses over trees that a client shaped, so it has a thread with a large stack; it cannot be stopped, so its
//! turn ends only with it. Execution has a runtime of its own with a few threads: a heavy statement takes nothing from the
//! threads that take spans in. Rows go out as they come ([`SqlRows`]), until the limit on rows cuts the result off.
//!
//! The time limit counts while the statement works. While it waits for a slow client the clock of
//! [`SqlLimits::client_wait`] runs instead, anew for each batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use clew_storage::Snapshot;
use clew_storage::env::Clock;
use datafusion::common::Result as PlanResult;
use datafusion::execution::TaskContext;
use datafusion::execution::context::{SQLOptions, SessionState};
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use datafusion::sql::parser::Statement;
use futures::StreamExt;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::interrupt::Deadline;
use super::progress::{self, Progress, Stats, Watch};
use super::{cage, error, session};
use crate::error::QueryError;
use crate::limits::{QueryLimits, SqlLimits};
use crate::service::QueryService;
use crate::table::ScanCount;
use crate::turns::{Turn, Turns};

/// Stack of the thread that plans a statement. Memory is taken only as far as the stack grows.
const PLANNER_STACK_BYTES: usize = 256 << 20;
/// Stack of the threads that run statements, and drop their plans.
const RUNNER_STACK_BYTES: usize = 32 << 20;
/// How often a statement that gives no rows notes how far it is.
const NOTE_EVERY: Duration = Duration::from_millis(100);
/// Batches that may wait for whoever reads them.
const BATCHES_WAITING: usize = 2;

/// Runs statements.
pub(crate) struct SqlEngine {
    runtime: Option<Runtime>,
    turns: Turns,
}

/// The rows of a statement that runs. Dropping it ends the statement.
pub(crate) struct SqlRows {
    schema: SchemaRef,
    events: mpsc::Receiver<Result<Event, QueryError>>,
    watch: Watch,
    stats: Option<Stats>,
    deadline: Deadline,
    _task: AbortOnDrop,
}

/// What a running statement says.
enum Event {
    Rows(RecordBatch),
    /// All rows are out; true when there were more than the limit.
    End(bool),
}

impl SqlEngine {
    /// An engine with threads of its own, each of which calls `thread_begins` first.
    pub(crate) fn new(limits: &QueryLimits, thread_begins: fn()) -> Self {
        let turn_wait = limits.turn_wait;
        let limits = &limits.sql;
        let runtime = Builder::new_multi_thread()
            .worker_threads(limits.threads.max(1))
            .thread_name("clew-sql")
            .on_thread_start(thread_begins)
            .thread_stack_size(RUNNER_STACK_BYTES)
            .enable_time()
            .build();
        if let Err(error) = &runtime {
            tracing::error!(%error, "no threads for SQL; statements will be refused");
        }
        Self {
            runtime: runtime.ok(),
            turns: Turns::new(
                "statements",
                limits.running_max,
                limits.waiting_max,
                turn_wait,
            ),
        }
    }

    /// The threads that statements run on.
    ///
    /// # Errors
    /// When there are none.
    pub(crate) fn handle(&self) -> Result<&Handle, QueryError> {
        let runtime = self.runtime.as_ref().map(Runtime::handle);
        runtime.ok_or_else(|| QueryError::Unavailable {
            message: "there are no threads for SQL".to_owned(),
        })
    }

    /// Plans `text` over the store as it is now, and begins to run it.
    ///
    /// # Errors
    /// When the statement is refused, wrong, or cannot be planned within its time.
    pub(crate) async fn run(
        &self,
        service: &QueryService,
        text: String,
    ) -> Result<SqlRows, QueryError> {
        let runtime = self.handle()?.clone();
        let turn = Arc::new(self.turns.take().await?);
        let clock = Arc::clone(service.clock());
        let task = Task {
            text,
            limits: service.limits().sql.clone(),
            snapshot: service.store().snapshot(),
            turn,
            runtime: runtime.clone(),
            started_ns: clock.monotonic_ns(),
            deadline: Deadline::new(Arc::clone(&clock)),
            clock,
        };
        let deadline = task.deadline.clone();
        let (planned, receiver) = oneshot::channel();
        let (sender, events) = mpsc::channel(BATCHES_WAITING);
        let running = AbortOnDrop(runtime.spawn(task.run(planned, sender)).abort_handle());
        let begin = receiver
            .await
            .map_err(|_| QueryError::internal("a statement failed"))??;
        Ok(SqlRows {
            schema: begin.schema,
            events,
            watch: begin.watch,
            stats: None,
            deadline,
            _task: running,
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

impl Drop for SqlRows {
    fn drop(&mut self) {
        self.deadline.end();
    }
}

impl SqlRows {
    /// Schema of every batch.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The next batch; `None` after the last one.
    ///
    /// # Errors
    /// When the statement fails or meets a limit; there are no more rows then.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, QueryError> {
        if self.stats.is_some() {
            return Ok(None);
        }
        match self.events.recv().await {
            Some(Ok(Event::Rows(batch))) => {
                self.watch.count_rows(batch.num_rows());
                Ok(Some(batch))
            }
            Some(Ok(Event::End(cut))) => {
                self.stats = Some(self.watch.stats(cut.then_some("rows")));
                Ok(None)
            }
            Some(Err(error)) => Err(error),
            None => Err(QueryError::internal("a statement broke off")),
        }
    }

    /// How far the statement is.
    pub(crate) fn progress(&self) -> Progress {
        self.watch.progress()
    }

    /// What was read and returned; whole once [`SqlRows::next`] has given `None`.
    pub(crate) fn stats(&self) -> Stats {
        self.stats.clone().unwrap_or_else(|| self.watch.stats(None))
    }
}

/// Ends its task when dropped.
pub(super) struct AbortOnDrop(pub(super) tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// One statement.
struct Task {
    text: String,
    limits: SqlLimits,
    snapshot: Snapshot,
    turn: Arc<Turn>,
    runtime: Handle,
    clock: Arc<dyn Clock>,
    started_ns: u64,
    deadline: Deadline,
}

/// What is known once the statement is planned.
struct Begin {
    schema: SchemaRef,
    watch: Watch,
}

/// A plan ready to run.
struct Planned {
    plan: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
    segments_read: usize,
}

impl Task {
    /// Runs the statement and sends what it gives to `events`.
    async fn run(
        self,
        begun: oneshot::Sender<Result<Begin, QueryError>>,
        events: mpsc::Sender<Result<Event, QueryError>>,
    ) {
        let planned = match self.in_time(self.limits.time, self.plan()).await {
            Ok(planned) => planned,
            Err(error) => {
                let _ = begun.send(Err(error));
                return;
            }
        };
        let rows_read = Arc::new(AtomicUsize::new(0));
        let watch = Watch::new(
            Arc::clone(&rows_read),
            self.snapshot.segments().len(),
            planned.segments_read,
            Arc::clone(&self.clock),
            self.started_ns,
        );
        let schema = planned.plan.schema();
        if begun.send(Ok(Begin { schema, watch })).is_err() {
            return;
        }
        let end = self.send(planned, &rows_read, &events).await;
        // The turn is over, even if the client takes nothing more.
        drop(self);
        // Nobody listens when the client has left.
        let _ = events.send(end.map(Event::End)).await;
    }

    /// Sends all rows; true when the limit on rows cut them off.
    async fn send(
        &self,
        planned: Planned,
        rows_read: &AtomicUsize,
        events: &mpsc::Sender<Result<Event, QueryError>>,
    ) -> Result<bool, QueryError> {
        let failed = |failed| {
            if self.deadline.is_over() {
                self.too_long()
            } else {
                error::of(&failed, &self.text)
            }
        };
        let plan = Arc::clone(&planned.plan);
        let note = || rows_read.store(progress::rows_read(&plan), Ordering::Relaxed);
        let mut stream = execute_stream(planned.plan, planned.context).map_err(failed)?;
        let mut room = self.limits.rows_max;
        let mut left = self.limits.time.saturating_sub(self.elapsed());
        loop {
            let asked_ns = self.clock.monotonic_ns();
            self.deadline.set(left);
            let next = async { Ok(noting(stream.next(), &note).await) };
            let batch = self.in_time(left, next).await?;
            note();
            let Some(batch) = batch else {
                return Ok(false);
            };
            left = left.saturating_sub(self.since(asked_ns));
            let batch = batch.map_err(failed)?;
            self.deadline.lift();
            let cut = batch.num_rows() > room;
            let batch = if cut { batch.slice(0, room) } else { batch };
            room -= batch.num_rows();
            if batch.num_rows() > 0 && !self.hand_over(batch, events).await? {
                return Ok(false);
            }
            if cut {
                return Ok(true);
            }
        }
    }

    /// Gives a batch to the client; false when it has left.
    async fn hand_over(
        &self,
        batch: RecordBatch,
        events: &mpsc::Sender<Result<Event, QueryError>>,
    ) -> Result<bool, QueryError> {
        let wait = self.limits.client_wait;
        match tokio::time::timeout(wait, events.send(Ok(Event::Rows(batch)))).await {
            Ok(sent) => Ok(sent.is_ok()),
            Err(_) => Err(QueryError::limit(
                format!("the client took no rows for {} s", wait.as_secs()),
                "read the answer without pauses, or ask for fewer rows",
            )),
        }
    }

    async fn in_time<T>(
        &self,
        time: Duration,
        work: impl Future<Output = Result<T, QueryError>>,
    ) -> Result<T, QueryError> {
        tokio::time::timeout(time, work)
            .await
            .unwrap_or_else(|_| Err(self.too_long()))
    }

    fn too_long(&self) -> QueryError {
        let limit = self.limits.time;
        QueryError::limit(
            format!("the statement took longer than {} s", limit.as_secs_f64()),
            "narrow it by start_time or service_name",
        )
    }

    fn since(&self, then_ns: u64) -> Duration {
        Duration::from_nanos(self.clock.monotonic_ns().saturating_sub(then_ns))
    }

    fn elapsed(&self) -> Duration {
        self.since(self.started_ns)
    }

    /// Plans the statement on a thread of its own.
    async fn plan(&self) -> Result<Planned, QueryError> {
        let (text, limits, snapshot) = (
            self.text.clone(),
            self.limits.clone(),
            self.snapshot.clone(),
        );
        let (runtime, turn) = (self.runtime.clone(), Arc::clone(&self.turn));
        let deadline = self.deadline.clone();
        let (sender, receiver) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("clew-sql-plan".to_owned())
            .stack_size(PLANNER_STACK_BYTES);
        let spawned = thread.spawn(move || {
            let _turn = turn;
            let _ = sender.send(runtime.block_on(plan(&text, &limits, &snapshot, &deadline)));
        });
        spawned.map_err(|error| QueryError::Unavailable {
            message: format!("no thread to plan a statement: {error}"),
        })?;
        receiver
            .await
            .map_err(|_| QueryError::internal("planning a statement failed"))?
    }
}

/// Waits for `work` and notes progress meanwhile.
async fn noting<T>(work: impl Future<Output = T>, note: &impl Fn()) -> T {
    let mut work = std::pin::pin!(work);
    loop {
        match tokio::time::timeout(NOTE_EVERY, &mut work).await {
            Ok(done) => return done,
            Err(_) => note(),
        }
    }
}

async fn plan(
    text: &str,
    limits: &SqlLimits,
    snapshot: &Snapshot,
    deadline: &Deadline,
) -> Result<Planned, QueryError> {
    let statement = cage::parse(text, limits)?;
    let count = Arc::new(ScanCount::default());
    let failed = |failed| error::of(&failed, text);
    let state = session::session(snapshot, limits, &count, deadline)
        .await
        .map_err(failed)?;
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
