//! The statements that run, by number, to be cancelled from another connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tonic::Status;

/// What runs. Only statements that have a turn or wait for one are in it, so that their limit bounds it.
#[derive(Clone, Default)]
pub(super) struct Running {
    next: Arc<AtomicU64>,
    /// One number may run several times at once: a ticket can be used again.
    runs: Arc<Mutex<HashMap<u64, Vec<watch::Sender<bool>>>>>,
}

/// A statement that runs; it leaves when dropped.
pub(super) struct Run {
    number: u64,
    cancelled: watch::Receiver<bool>,
    all: Running,
}

impl Running {
    /// A number that no other statement has.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Notes that the statement `number` runs.
    pub(super) fn enter(&self, number: u64) -> Run {
        let (sender, cancelled) = watch::channel(false);
        self.with(|runs| runs.entry(number).or_default().push(sender));
        Run {
            number,
            cancelled,
            all: self.clone(),
        }
    }

    /// Cancels all runs of `number`; false when there is none.
    pub(super) fn cancel(&self, number: u64) -> bool {
        self.with(|runs| {
            let runs = runs.get(&number);
            runs.into_iter()
                .flatten()
                .filter(|run| run.send(true).is_ok())
                .count()
                > 0
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<u64, Vec<watch::Sender<bool>>>) -> T) -> T {
        work(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Run {
    /// What `work` gives, unless the run is cancelled first.
    ///
    /// # Errors
    /// `CANCELLED`.
    pub(super) async fn until_cancelled<T>(
        &self,
        work: impl Future<Output = T>,
    ) -> Result<T, Status> {
        let mut cancelled = self.cancelled.clone();
        tokio::select! {
            biased;
            _ = cancelled.wait_for(|cancelled| *cancelled) => {
                Err(Status::cancelled("the statement was cancelled"))
            }
            done = work => Ok(done),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.all.with(|runs| {
            if let Some(same) = runs.get_mut(&self.number) {
                let mine = same
                    .iter()
                    .position(|run| run.subscribe().same_channel(&self.cancelled));
                if let Some(mine) = mine {
                    same.swap_remove(mine);
                }
                if same.is_empty() {
                    runs.remove(&self.number);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_run_is_cancelled_by_its_number_and_only_while_it_lasts() {
        let running = Running::default();
        let (first, second) = (running.enter(1), running.enter(2));
        assert!(!running.cancel(3));
        assert!(running.cancel(1));
        let never = first.until_cancelled(std::future::pending::<()>());
        assert_eq!(never.await.unwrap_err().code(), tonic::Code::Cancelled);
        assert_eq!(second.until_cancelled(async { 5 }).await.unwrap(), 5);
        drop((first, second));
        assert!(!running.cancel(1));
        assert!(running.with(|runs| runs.is_empty()));
    }
}
