//! The query service: the store to read, the limits, and turns at the readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clew_storage::env::Clock;
use clew_storage::{Decoder, PayloadKind, Snapshot, Store};
use serde_json::{Map, Value};

use crate::catalogue::Catalogue;
use crate::error::QueryError;
use crate::limits::QueryLimits;
use crate::sql::SqlEngine;
use crate::turns::{Turn, Turns};
use crate::vocabulary::Vocabulary;

/// What a [`QueryService`] is made of.
pub struct QueryOptions {
    /// Store to read.
    pub store: Store,
    /// Bounds.
    pub limits: QueryLimits,
    /// Reads the OTLP JSON of `POST /api/transform`; without it that call answers 501.
    pub otlp_json: Option<(Arc<dyn Decoder>, PayloadKind)>,
    /// Fields that `GET /api/clew/v1/status` answers beside the store's own.
    pub status: Arc<dyn Fn() -> Map<String, Value> + Send + Sync>,
    /// What each thread that runs statements does before anything else.
    pub sql_thread_begins: fn(),
}

/// Answers queries. Cheap to clone.
#[derive(Clone)]
pub struct QueryService {
    inner: Arc<Inner>,
}

struct Inner {
    options: QueryOptions,
    reads: Turns,
    catalogue: Catalogue,
    vocabulary: Arc<Vocabulary>,
    sql: SqlEngine,
}

impl QueryService {
    /// A service over `options.store`.
    #[must_use]
    pub fn new(options: QueryOptions) -> Self {
        let limits = &options.limits;
        let reads = Turns::new(
            "searches and trace look-ups",
            limits.reads_running_max,
            limits.reads_waiting_max,
            limits.turn_wait,
        );
        let catalogue = Catalogue::new(limits.names_max);
        let vocabulary = Vocabulary::new(limits);
        let sql = SqlEngine::new(limits, options.sql_thread_begins);
        Self {
            inner: Arc::new(Inner {
                options,
                reads,
                catalogue,
                vocabulary,
                sql,
            }),
        }
    }

    /// Bounds.
    pub(crate) fn limits(&self) -> &QueryLimits {
        &self.inner.options.limits
    }

    /// The store.
    pub(crate) fn store(&self) -> &Store {
        &self.inner.options.store
    }

    /// What was given beside the store.
    pub(crate) fn options(&self) -> &QueryOptions {
        &self.inner.options
    }

    /// Names of services and operations.
    pub(crate) fn catalogue(&self) -> &Catalogue {
        &self.inner.catalogue
    }

    /// Keys and values, for completion.
    pub(crate) fn vocabulary(&self) -> &Arc<Vocabulary> {
        &self.inner.vocabulary
    }

    /// Runs statements.
    pub(crate) fn sql(&self) -> &SqlEngine {
        &self.inner.sql
    }

    /// The clock.
    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.store().env().clock
    }

    /// Waits for a turn to read.
    ///
    /// # Errors
    /// When too many wait already.
    pub(crate) async fn turn(&self) -> Result<Turn, QueryError> {
        self.inner.reads.take().await
    }

    /// A view of the store as it is now, with a fresh budget of time.
    pub(crate) fn reading(&self) -> Reading {
        self.reading_for(self.limits().search_time)
    }

    /// A view of the store as it is now, for work that ends after `time`.
    pub(crate) fn reading_for(&self, time: Duration) -> Reading {
        Reading {
            service: self.clone(),
            snapshot: self.store().snapshot(),
            budget: Budget::new(Arc::clone(self.clock()), time),
        }
    }

    /// Runs `work` on a thread that may block, when it is its turn. Dropping the future tells `work` to stop.
    ///
    /// # Errors
    /// Those of `work`, and when too many wait already.
    pub(crate) async fn read<T, F>(&self, work: F) -> Result<T, QueryError>
    where
        T: Send + 'static,
        F: FnOnce(&Reading) -> Result<T, QueryError> + Send + 'static,
    {
        let turn = self.turn().await?;
        let reading = self.reading();
        let _leaving = reading.leaving();
        let task = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&reading)
        });
        task.await
            .map_err(|error| QueryError::internal(format!("a reader failed: {error}")))?
    }
}

/// What a piece of reading work has at hand.
pub(crate) struct Reading {
    pub(crate) service: QueryService,
    pub(crate) snapshot: Snapshot,
    pub(crate) budget: Budget,
}

impl Reading {
    /// The same view, for work that goes on after this.
    pub(crate) fn again(&self) -> Self {
        Self {
            service: self.service.clone(),
            snapshot: self.snapshot.clone(),
            budget: self.budget.clone(),
        }
    }

    /// Bounds.
    pub(crate) fn limits(&self) -> &QueryLimits {
        self.service.limits()
    }

    /// Tells the work to end when dropped: for whoever waits for it.
    pub(crate) fn leaving(&self) -> Leaving {
        Leaving(Some(Arc::clone(&self.budget.left)))
    }
}

/// How long a piece of work may go on, and whether anyone still waits for it.
#[derive(Clone)]
pub(crate) struct Budget {
    clock: Arc<dyn Clock>,
    started_ns: u64,
    time_ns: u64,
    left: Arc<AtomicBool>,
    /// Enough is known already.
    stopped: Vec<Arc<AtomicBool>>,
}

impl Budget {
    /// For work that begins now and ends after `time`.
    pub(crate) fn new(clock: Arc<dyn Clock>, time: Duration) -> Self {
        Self {
            started_ns: clock.monotonic_ns(),
            clock,
            time_ns: time.as_nanos() as u64,
            left: Arc::new(AtomicBool::new(false)),
            stopped: Vec::new(),
        }
    }

    /// The same for a piece of the work that can be stopped by itself: by dropping what stands beside it.
    pub(crate) fn stoppable(&self) -> (Self, Leaving) {
        let stopped = Arc::new(AtomicBool::new(false));
        let mut budget = self.clone();
        budget.stopped.push(Arc::clone(&stopped));
        (budget, Leaving(Some(stopped)))
    }

    /// Time since the work began, ns.
    pub(crate) fn elapsed_ns(&self) -> u64 {
        self.clock.monotonic_ns().saturating_sub(self.started_ns)
    }

    /// True when the work has to end: its time is over, the client has left, or it was stopped.
    pub(crate) fn over(&self) -> bool {
        let mut flags = self.stopped.iter().chain([&self.left]);
        flags.any(|flag| flag.load(Ordering::Relaxed)) || self.elapsed_ns() > self.time_ns
    }
}

/// Sets its flag when dropped.
pub(crate) struct Leaving(Option<Arc<AtomicBool>>);

impl Leaving {
    /// What was waited for is here; the work may go on.
    pub(crate) fn stay(mut self) {
        self.0 = None;
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(left) = &self.0 {
            left.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use axum::http::StatusCode;
    use clew_storage::Limits;

    use super::*;
    use crate::http::stream;
    use crate::testing;

    fn service(dir: &tempfile::TempDir) -> QueryService {
        let store = testing::open(dir, Limits::default());
        // Time does not end the work of these tests.
        let limits = QueryLimits {
            search_time: Duration::from_secs(1_000_000),
            ..QueryLimits::default()
        };
        QueryService::new(QueryOptions {
            store,
            limits,
            otlp_json: None,
            status: Arc::new(Map::new),
            sql_thread_begins: || {},
        })
    }

    /// Work that says that it has begun, goes on until its budget is over, and says so.
    fn endless(
        said: mpsc::Sender<&'static str>,
    ) -> impl FnOnce(&Reading) -> Result<(), QueryError> {
        move |reading| {
            said.send("begun").unwrap();
            while !reading.budget.over() {
                std::thread::yield_now();
            }
            said.send("over").unwrap();
            Ok(())
        }
    }

    fn hear(words: &mpsc::Receiver<&'static str>) -> &'static str {
        words.recv_timeout(Duration::from_mins(1)).unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_search_ends_when_its_client_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let service = service(&dir);
        let (said, words) = mpsc::channel();
        let waiting = tokio::spawn(async move { service.read(endless(said)).await });
        assert_eq!(hear(&words), "begun");
        waiting.abort();
        assert_eq!(hear(&words), "over");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_document_that_is_being_loaded_ends_when_its_client_leaves() {
        let dir = tempfile::tempdir().unwrap();
        let service = service(&dir);
        let (said, words) = mpsc::channel();
        let load = endless(said);
        let waiting = tokio::spawn(async move {
            stream::document(&service, "text/plain", load, |(), _| Ok(())).await
        });
        assert_eq!(hear(&words), "begun");
        waiting.abort();
        assert_eq!(hear(&words), "over");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_document_may_still_be_read_from_when_it_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let service = service(&dir);
        let (said, words) = mpsc::channel();
        let answer = stream::document(
            &service,
            "text/plain",
            |reading| Ok(reading.again()),
            move |reading, _| {
                said.send(if reading.budget.over() { "over" } else { "on" })
                    .unwrap();
                Ok(())
            },
        );
        assert_eq!(answer.await.unwrap().status(), StatusCode::OK);
        assert_eq!(hear(&words), "on");
    }
}
