//! Documents that are written while they are sent, so that a trace of any size costs one chunk of memory.
//!
//! A blocking thread loads the document, then writes it into a channel of [`CHUNKS_WAITING`] chunks of [`CHUNK_BYTES`];
//! a client that reads slowly slows the writer, a client that leaves ends it. An error before the first byte becomes an
//! answer with its status; afterwards the connection is cut, so that half a document is never taken for a whole one.

use std::io::{self, BufWriter, Write};

use axum::body::Body;
use axum::http::StatusCode;
use bytes::Bytes;
use futures::stream;
use tokio::sync::{mpsc, oneshot};

use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::service::{QueryService, Reading};

/// Bytes handed to the connection at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait for the client.
const CHUNKS_WAITING: usize = 4;

/// Loads a document on a reader's thread, answers 200 with `content_type`, and sends what `write` writes.
///
/// # Errors
/// When the document cannot be loaded, or there is no turn to be had.
pub(crate) async fn document<T, L, W>(
    service: &QueryService,
    content_type: &'static str,
    load: L,
    write: W,
) -> Result<Answer, QueryError>
where
    L: FnOnce(&Reading) -> Result<T, QueryError> + Send + 'static,
    W: FnOnce(&T, &mut dyn Write) -> io::Result<()> + Send + 'static,
{
    let (loaded, head) = oneshot::channel();
    let (sender, receiver) = mpsc::channel(CHUNKS_WAITING);
    let turn = service.turn().await?;
    let reading = service.reading();
    let leaving = reading.leaving();
    tokio::task::spawn_blocking(move || {
        let _turn = turn;
        match load(&reading) {
            Err(error) => {
                let _ = loaded.send(Err(error));
            }
            Ok(document) => {
                if loaded.send(Ok(())).is_ok() {
                    send(&document, &sender, write);
                }
            }
        }
    });
    head.await
        .map_err(|_| QueryError::internal("the reader of a document failed"))??;
    leaving.stay();
    let chunks = stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|chunk| (chunk, receiver))
    });
    Ok(json::with_body(
        StatusCode::OK,
        content_type,
        Body::from_stream(chunks),
    ))
}

fn send<T>(
    document: &T,
    sender: &mpsc::Sender<io::Result<Bytes>>,
    write: impl FnOnce(&T, &mut dyn Write) -> io::Result<()>,
) {
    let mut writer = BufWriter::with_capacity(
        CHUNK_BYTES,
        ChunkWriter {
            sender: sender.clone(),
        },
    );
    let written = write(document, &mut writer).and_then(|()| writer.flush());
    // The buffer must not be flushed once more after a failure.
    let _ = writer.into_parts();
    if let Err(error) = written {
        if error.kind() != io::ErrorKind::BrokenPipe {
            tracing::error!(%error, "a document was cut off while it was being sent");
        }
        let _ = sender.blocking_send(Err(error));
    }
}

struct ChunkWriter {
    sender: mpsc::Sender<io::Result<Bytes>>,
}

impl Write for ChunkWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.sender
            .blocking_send(Ok(Bytes::copy_from_slice(bytes)))
            .map_err(|_| io::Error::new(io::ErrorKind::BrokenPipe, "the client has left"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
