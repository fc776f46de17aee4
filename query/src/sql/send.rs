//! Sends a result while it is made.
//!
//! Rows are encoded on the engine's threads and wait in a channel of [`CHUNKS_WAITING`] chunks; a client that reads slowly slows
//! the statement, a client that leaves ends it. A result that is complete within [`WHOLE_BYTES`] is answered whole, with its
//! statistics as header fields; a longer one has them as trailer fields. Where a client takes no trailers (`TE: trailers`) and the form
//! has no place for statistics, it could not know that a result was cut off: such a result is answered whole in any case.
//!
//! An error before the first byte is an answer with its status. Afterwards it is a last line where the form has one for it;
//! else the connection is cut, so that half a result is never taken for a whole one.

use std::time::Duration;

use arrow::array::RecordBatch;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use futures::stream;
use http_body::Frame;
use http_body_util::StreamBody;
use tokio::sync::mpsc;

use super::encode::{Encoder, Format};
use super::progress::Stats;
use super::run::{AbortOnDrop, SqlRows};
use crate::error::QueryError;
use crate::http::json::{self, Answer};
use crate::service::QueryService;

/// Rows encoded between two looks at the size of the result.
const CHUNK_ROWS: usize = 256;
/// Bytes handed to the connection at a time.
const CHUNK_BYTES: usize = 64 << 10;
/// Chunks that may wait for the client.
const CHUNKS_WAITING: usize = 4;
/// A result up to this size is answered whole.
const WHOLE_BYTES: usize = 256 << 10;
/// Time between two lines of progress.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);

const ROWS: HeaderName = HeaderName::from_static("x-clew-rows");
const TRUNCATED: HeaderName = HeaderName::from_static("x-clew-truncated");
const STATS: HeaderName = HeaderName::from_static("x-clew-stats");

/// Answers with `rows` in `format`, to a client that says with `trailers` whether it takes trailer fields.
///
/// # Errors
/// When the rows cannot be written in this form, or the statement fails before the answer begins.
pub(super) async fn answer(
    service: &QueryService,
    rows: SqlRows,
    format: Format,
    trailers: bool,
) -> Result<Answer, QueryError> {
    let whole_bytes = match format {
        Format::NdjsonProgress => 0,
        _ if trailers || format == Format::Json => WHOLE_BYTES,
        _ => usize::MAX,
    };
    let pump = Pump {
        encoder: format.encoder(rows.schema())?,
        rows,
        enough: whole_bytes,
        progress: format == Format::NdjsonProgress,
        bytes_max: service.limits().sql.result_bytes_max,
        encoded_rows: 0,
        sent_bytes: 0,
        full: false,
    };
    let (sender, mut pieces) = mpsc::channel(CHUNKS_WAITING);
    let task = service.sql().handle()?.spawn(pump.run(sender));
    let task = AbortOnDrop(task.abort_handle());
    match next(&mut pieces).await? {
        Piece::End(bytes, stats) => {
            let mut answer = json::with_body(StatusCode::OK, format.content_type(), bytes);
            answer.headers_mut().extend(fields(&stats));
            Ok(answer)
        }
        Piece::Bytes(first) => {
            let body = streamed(first, pieces, task);
            let mut answer = json::with_body(StatusCode::OK, format.content_type(), body);
            let announced = HeaderValue::from_static("x-clew-rows, x-clew-truncated, x-clew-stats");
            answer.headers_mut().insert(header::TRAILER, announced);
            Ok(answer)
        }
    }
}

/// A part of an answer's body.
enum Piece {
    Bytes(Bytes),
    /// The last part.
    End(Bytes, Stats),
}

type Pieces = mpsc::Receiver<Result<Piece, QueryError>>;

async fn next(pieces: &mut Pieces) -> Result<Piece, QueryError> {
    let broken = || QueryError::internal("the encoding of a result broke off");
    pieces.recv().await.unwrap_or_else(|| Err(broken()))
}

/// A body that begins with `first`; its trailer fields are the statistics.
fn streamed(first: Bytes, pieces: Pieces, task: AbortOnDrop) -> Body {
    let frames = stream::unfold(Sending::Bytes(first, pieces, task), |sending| async move {
        match sending {
            Sending::Bytes(bytes, pieces, task) => {
                Some((Ok(Frame::data(bytes)), Sending::Wait(pieces, task)))
            }
            Sending::Wait(mut pieces, task) => match next(&mut pieces).await {
                Ok(Piece::Bytes(bytes)) => {
                    Some((Ok(Frame::data(bytes)), Sending::Wait(pieces, task)))
                }
                Ok(Piece::End(bytes, stats)) => {
                    Some((Ok(Frame::data(bytes)), Sending::Trailers(stats)))
                }
                Err(error) => {
                    tracing::warn!(%error, "a result was cut off while it was being sent");
                    Some((Err(error), Sending::Over))
                }
            },
            Sending::Trailers(stats) => Some((Ok(Frame::trailers(fields(&stats))), Sending::Over)),
            Sending::Over => None,
        }
    });
    Body::new(StreamBody::new(Box::pin(frames)))
}

/// What comes next in a body.
enum Sending {
    Bytes(Bytes, Pieces, AbortOnDrop),
    Wait(Pieces, AbortOnDrop),
    Trailers(Stats),
    Over,
}

/// The statistics as header or trailer fields.
fn fields(stats: &Stats) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert(ROWS, HeaderValue::from(stats.rows));
    if let Some(limit) = stats.truncated_by {
        fields.insert(TRUNCATED, HeaderValue::from_static(limit));
    }
    let json = serde_json::to_string(stats).unwrap_or_default();
    if let Ok(json) = HeaderValue::from_str(&json) {
        fields.insert(STATS, json);
    }
    fields
}

/// Encodes the rows of a statement.
struct Pump {
    rows: SqlRows,
    encoder: Box<dyn Encoder>,
    /// Bytes that make the next piece; the first one may be the whole result.
    enough: usize,
    progress: bool,
    bytes_max: usize,
    encoded_rows: usize,
    sent_bytes: usize,
    /// The limit on bytes has cut the result off.
    full: bool,
}

impl Pump {
    async fn run(mut self, pieces: mpsc::Sender<Result<Piece, QueryError>>) {
        let end = match self.all(&pieces).await {
            Ok(true) => self.finish(),
            // The client has left.
            Ok(false) => return,
            Err(error) => self.fail(error),
        };
        let _ = pieces.send(end).await;
    }

    /// Encodes and sends all rows but for the last bytes; false when nobody reads them.
    async fn all(
        &mut self,
        pieces: &mpsc::Sender<Result<Piece, QueryError>>,
    ) -> Result<bool, QueryError> {
        if self.progress {
            self.encoder.progress(&self.rows.progress())?;
        }
        loop {
            if self.encoder.waiting() >= self.enough {
                let bytes = Bytes::from(self.encoder.take());
                self.sent_bytes += bytes.len();
                if !bytes.is_empty() {
                    self.enough = if self.progress { 0 } else { CHUNK_BYTES };
                    if pieces.send(Ok(Piece::Bytes(bytes))).await.is_err() {
                        return Ok(false);
                    }
                }
            }
            let next = if self.progress {
                let Ok(next) = tokio::time::timeout(PROGRESS_EVERY, self.rows.next()).await else {
                    self.encoder.progress(&self.rows.progress())?;
                    continue;
                };
                next?
            } else {
                self.rows.next().await?
            };
            let Some(batch) = next else { return Ok(true) };
            self.write(&batch)?;
            if self.full {
                return Ok(true);
            }
        }
    }

    /// Encodes the rows of `batch` that are within the limit on bytes.
    fn write(&mut self, batch: &RecordBatch) -> Result<(), QueryError> {
        for first in (0..batch.num_rows()).step_by(CHUNK_ROWS) {
            if self.sent_bytes + self.encoder.waiting() >= self.bytes_max {
                self.full = true;
                return Ok(());
            }
            let rows = CHUNK_ROWS.min(batch.num_rows() - first);
            self.encoder.write(&batch.slice(first, rows))?;
            self.encoded_rows += rows;
        }
        Ok(())
    }

    fn finish(self) -> Result<Piece, QueryError> {
        let mut stats = self.rows.stats();
        stats.rows = self.encoded_rows;
        if self.full {
            stats.truncated = true;
            stats.truncated_by = Some("bytes");
        }
        let bytes = self.encoder.finish(&stats)?;
        Ok(Piece::End(bytes.into(), stats))
    }

    fn fail(mut self, error: QueryError) -> Result<Piece, QueryError> {
        if !self.encoder.fail(&error) {
            return Err(error);
        }
        let mut stats = self.rows.stats();
        stats.rows = self.encoded_rows;
        Ok(Piece::End(self.encoder.take().into(), stats))
    }
}
