//! Answers of many messages, made while they are sent.
//!
//! A reader's thread loads, then sends into a channel of [`MESSAGES_WAITING`]; a client that reads slowly slows it, a client that
//! leaves ends it. An error before the first message is the answer's status; later ones end the stream with theirs.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::Stream;
use tokio::sync::{mpsc, oneshot};
use tonic::{Response, Status};

use super::status;
use crate::error::QueryError;
use crate::service::{QueryService, Reading};

/// Messages that may wait for the client.
const MESSAGES_WAITING: usize = 4;

/// Messages of an answer, as tonic sends them.
pub(crate) struct Messages<M>(mpsc::Receiver<Result<M, Status>>);

impl<M> Stream for Messages<M> {
    type Item = Result<M, Status>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// Where a reader's thread puts its messages.
pub(super) struct Outlet<M>(mpsc::Sender<Result<M, Status>>);

/// The client does not wait any more.
pub(super) struct Gone;

impl<M> Outlet<M> {
    /// Sends a message; waits while the client is behind.
    pub(super) fn send(&self, message: M) -> Result<(), Gone> {
        self.0.blocking_send(Ok(message)).map_err(|_| Gone)
    }

    /// Ends the stream with an error.
    pub(super) fn fail(&self, error: &QueryError) {
        let _ = self.0.blocking_send(Err(status::of(error)));
    }
}

/// Loads on a reader's thread, then answers with what `send` sends. `load` gives what to send and why it is not whole.
pub(super) async fn answer<T, M, L, S>(
    service: &QueryService,
    load: L,
    send: S,
) -> Result<Response<Messages<M>>, Status>
where
    M: Send + 'static,
    L: FnOnce(&Reading) -> Result<(T, Vec<String>), QueryError> + Send + 'static,
    S: FnOnce(T, &Outlet<M>) -> Result<(), Gone> + Send + 'static,
{
    let (loaded, head) = oneshot::channel();
    let (sender, receiver) = mpsc::channel(MESSAGES_WAITING);
    let turn = service.turn().await.map_err(|error| status::of(&error))?;
    let reading = service.reading();
    let leaving = reading.leaving();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match load(&reading) {
            Err(error) => {
                let _ = loaded.send(Err(error));
            }
            Ok((document, incomplete)) => {
                if loaded.send(Ok(incomplete)).is_ok() {
                    // Who has left needs no end.
                    let _ = send(document, &Outlet(sender));
                }
            }
        }
    });
    let incomplete = head
        .await
        .map_err(|_| Status::internal("a reader failed"))?
        .map_err(|error| status::of(&error))?;
    leaving.stay();
    Ok(status::answer(Messages(receiver), &incomplete))
}
