//! A bound on the open connections of one door.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_server::accept::Accept;
use metrics::counter;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

/// An acceptor that closes a connection at once when there are too many.
#[derive(Clone)]
pub(crate) struct Capped<A> {
    inner: A,
    places: Arc<Semaphore>,
    door: &'static str,
}

/// The service of a connection, which keeps its place until it is dropped.
#[derive(Clone)]
pub(crate) struct Placed<S> {
    inner: S,
    _place: Arc<OwnedSemaphorePermit>,
}

impl<A> Capped<A> {
    /// At most `connections_max` connections at `door`; they are accepted by `inner`.
    pub(crate) fn new(inner: A, connections_max: usize, door: &'static str) -> Self {
        let places = Arc::new(Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS)));
        Self {
            inner,
            places,
            door,
        }
    }
}

impl<A, I, S> Accept<I, S> for Capped<A>
where
    A: Accept<I, S>,
    A::Future: Send + 'static,
    A::Stream: Send,
    A::Service: Send,
{
    type Stream = A::Stream;
    type Service = Placed<A::Service>;
    type Future = Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send>>;

    fn accept(&self, stream: I, service: S) -> Self::Future {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            counter!("clew_http_connections_refused_total", "door" => self.door).increment(1);
            return Box::pin(async { Err(io::Error::other("too many connections")) });
        };
        let accepted = self.inner.accept(stream, service);
        Box::pin(async move {
            let (stream, inner) = accepted.await?;
            Ok((
                stream,
                Placed {
                    inner,
                    _place: Arc::new(place),
                },
            ))
        })
    }
}

impl<R, S: Service<R>> Service<R> for Placed<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        self.inner.call(request)
    }
}
