//! The admin socket: `clew.sock` in the data directory, by which commands work on a directory that a server uses.
//!
//! HTTP over a Unix socket that only the server's user can open, so there are no tokens:
//!
//! | request | answer |
//! |---|---|
//! | `POST /admin/flush` | `{}` when all spans so far are in segments |
//! | `POST /admin/retention` `{"older_than_ns", "rules", "max_bytes", "dry_run", "trust_clock"}` | the report |
//! | `POST /admin/compact` | the report |
//! | `POST /admin/backup` `{"to", "link"}` | as for `verify` |
//! | `POST /admin/repair` `{"apply"}` | as for `verify` |
//! | `POST /admin/verify` | lines of JSON: `{"progress": {…}}` while it goes on, then `{"report": {…}}` |
//! | `/api/*` | the query APIs, SQL among them |
//!
//! An error is `{"error": {"code", "message", "hint", "position"}}`, and as the last line of `verify` likewise.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Json, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use clew_storage::store::RetentionRequest;
use clew_storage::verify::Progress;
use clew_storage::{Rule, Store, StoreError};
use futures::stream;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc;

/// Name of the socket in the data directory.
pub(crate) const SOCKET: &str = "clew.sock";

/// Lines of progress that may wait for the reader.
const LINES_WAITING_MAX: usize = 16;

/// Steps of progress that are told, at most.
const PROGRESS_STEPS: u64 = 200;

/// Body of `POST /admin/retention`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct RetentionCall {
    /// Segments whose newest span arrived longer ago than this go, ns.
    pub(crate) older_than_ns: Option<u64>,
    /// Traces that have another term.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// The oldest segments go until the rest has so many bytes at most.
    pub(crate) max_bytes: Option<u64>,
    /// Only report.
    pub(crate) dry_run: bool,
    /// Do not wait when the clock may have leapt.
    pub(crate) trust_clock: bool,
}

impl RetentionCall {
    /// What the store is asked for.
    pub(crate) fn request(self) -> RetentionRequest {
        let Self {
            older_than_ns,
            rules,
            max_bytes,
            dry_run,
            trust_clock,
        } = self;
        RetentionRequest {
            older_than_ns,
            rules,
            max_bytes,
            dry_run,
            trust_clock,
        }
    }
}

/// Body of `POST /admin/backup`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BackupCall {
    /// Directory of the backup, absolute.
    pub(crate) to: PathBuf,
    /// Link files where that is possible.
    pub(crate) link: bool,
}

/// Body of `POST /admin/repair`.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct RepairCall {
    /// Do it; otherwise only say what would be done.
    pub(crate) apply: bool,
}

/// The socket of one server; removed when dropped.
pub(crate) struct Socket {
    path: PathBuf,
}

impl Socket {
    /// Makes the socket. Nobody else can open it at any moment: it is made in a directory of its own and moved into place.
    pub(crate) fn bind(data_dir: &Path) -> io::Result<(Self, UnixListener)> {
        let path = data_dir.join(SOCKET);
        let cradle = data_dir.join(format!(".{SOCKET}.{}", std::process::id()));
        fs::DirBuilder::new().mode(0o700).create(&cradle)?;
        let made = bind_in(&cradle, &path);
        let removed = fs::remove_dir_all(&cradle);
        let listener = made?;
        removed?;
        Ok((Self { path }, listener))
    }
}

fn bind_in(cradle: &Path, path: &Path) -> io::Result<UnixListener> {
    let born = cradle.join("s");
    let listener = UnixListener::bind(&born)?;
    fs::set_permissions(&born, fs::Permissions::from_mode(0o600))?;
    fs::rename(&born, path)?;
    Ok(listener)
}

impl Drop for Socket {
    fn drop(&mut self) {
        // What is left over is replaced by the next server.
        let _ = fs::remove_file(&self.path);
    }
}

/// The routes, with the query APIs beside them.
pub(crate) fn router(store: Store, apis: Router) -> Router {
    Router::new()
        .route("/admin/flush", post(flush))
        .route("/admin/retention", post(retention))
        .route("/admin/compact", post(compact))
        .route("/admin/backup", post(backup))
        .route("/admin/repair", post(repair))
        .route("/admin/verify", post(verify))
        .with_state(store)
        .merge(apis)
}

async fn flush(State(store): State<Store>) -> Response {
    match store.flush().await {
        Ok(()) => Json(json!({})).into_response(),
        Err(error) => failed(&error),
    }
}

async fn retention(State(store): State<Store>, Json(call): Json<RetentionCall>) -> Response {
    let run = move || store.retain_with(&call.request());
    match tokio::task::spawn_blocking(run).await {
        Ok(Ok(report)) => Json(report).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(_) => failed(&"the server failed; see its log"),
    }
}

async fn compact(State(store): State<Store>) -> Response {
    match tokio::task::spawn_blocking(move || store.compact(true)).await {
        Ok(Ok(report)) => Json(report).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(_) => failed(&"the server failed; see its log"),
    }
}

async fn verify(State(store): State<Store>) -> Response {
    streamed(move |progress| store.verify(progress))
}

async fn repair(State(store): State<Store>, Json(call): Json<RepairCall>) -> Response {
    // What was damaged in the log was set aside at the start, and goes with the log.
    if call.apply
        && let Err(error) = store.flush().await
    {
        return failed(&error);
    }
    streamed(move |progress| store.repair(call.apply, progress))
}

async fn backup(State(store): State<Store>, Json(call): Json<BackupCall>) -> Response {
    if let Err(error) = store.flush().await {
        return failed(&error);
    }
    streamed(move |progress| store.backup(&call.to, call.link, progress))
}

/// Streams progress, so that the reader can draw a bar and the connection is never silent for long, and then the report.
fn streamed<T: Serialize>(
    work: impl FnOnce(&mut dyn FnMut(Progress)) -> Result<T, StoreError> + Send + 'static,
) -> Response {
    let (sender, receiver) = mpsc::channel::<Value>(LINES_WAITING_MAX);
    tokio::task::spawn_blocking(move || {
        let mut told = 0;
        let progress = &mut |progress: Progress| {
            let step = progress.done_bytes * PROGRESS_STEPS / progress.total_bytes.max(1);
            if step > told {
                told = step;
                let Progress {
                    done_bytes,
                    total_bytes,
                } = progress;
                // A full channel loses a step of a bar, nothing else.
                let _ = sender.try_send(
                    json!({"progress": {"done_bytes": done_bytes, "total_bytes": total_bytes}}),
                );
            }
        };
        let last = match work(progress) {
            Ok(report) => json!({ "report": report }),
            Err(error) => error_body(&error),
        };
        // Nobody waits for it any more if this fails.
        let _ = sender.blocking_send(last);
    });
    let lines = stream::unfold(receiver, async |mut receiver| {
        let line = receiver.recv().await?;
        Some((
            Ok::<_, io::Error>(Bytes::from(format!("{line}\n"))),
            receiver,
        ))
    });
    (
        [(http::header::CONTENT_TYPE, "application/x-ndjson")],
        Body::from_stream(lines),
    )
        .into_response()
}

fn failed(error: &dyn ToString) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, Json(error_body(error))).into_response()
}

fn error_body(error: &dyn ToString) -> Value {
    json!({"error": {"code": "internal", "message": error.to_string(), "hint": null, "position": null}})
}
