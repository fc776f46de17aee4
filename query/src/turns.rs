//! Turns: how many requests run, how many may wait, and for how long.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::QueryError;

/// A bounded number of places to run, and a bounded queue before them.
#[derive(Debug, Clone)]
pub(crate) struct Turns {
    what: &'static str,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
    wait_max: Duration,
}

/// The right to run, given back when dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _running: OwnedSemaphorePermit,
    _admitted: OwnedSemaphorePermit,
}

impl Turns {
    /// `running_max` places for `what`, and a queue of `waiting_max` where nobody waits longer than `wait_max`.
    pub(crate) fn new(
        what: &'static str,
        running_max: usize,
        waiting_max: usize,
        wait_max: Duration,
    ) -> Self {
        Self {
            what,
            running: Arc::new(Semaphore::new(running_max)),
            admitted: Arc::new(Semaphore::new(running_max + waiting_max)),
            wait_max,
        }
    }

    /// Waits for a turn.
    ///
    /// # Errors
    /// [`QueryError::Unavailable`] at once when the queue is full, and when no turn came in time.
    pub(crate) async fn take(&self) -> Result<Turn, QueryError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| self.refused())?;
        let turn = Arc::clone(&self.running).acquire_owned();
        match tokio::time::timeout(self.wait_max, turn).await {
            Ok(Ok(running)) => Ok(Turn {
                _running: running,
                _admitted: admitted,
            }),
            _ => Err(self.refused()),
        }
    }

    fn refused(&self) -> QueryError {
        metrics::counter!("clew_query_refused_total", "what" => self.what).increment(1);
        QueryError::Unavailable {
            message: format!("too many {} at once; try again in a second", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_more_than_running_and_waiting_is_refused_until_a_turn_ends() {
        let turns = Turns::new("tests", 1, 1, Duration::from_mins(1));
        let first = turns.take().await.unwrap();
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { turns.take().await }
        });
        tokio::task::yield_now().await;
        assert!(matches!(
            turns.take().await,
            Err(QueryError::Unavailable { .. })
        ));
        drop(first);
        let second = waiting.await.unwrap().unwrap();
        drop(second);
        turns.take().await.unwrap();
    }

    #[tokio::test]
    async fn nobody_waits_longer_than_the_limit() {
        let turns = Turns::new("tests", 1, 1, Duration::from_millis(20));
        let first = turns.take().await.unwrap();
        let waiting = turns.take().await;
        assert!(matches!(waiting, Err(QueryError::Unavailable { .. })));
        drop(first);
        turns.take().await.unwrap();
    }
}
