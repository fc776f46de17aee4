//! `clew import`: files to a running server, through the same doors as any other sender.
//!
//! ```text
//!  file ─▶ decompress ─▶ detect the format ─▶ bodies ─▶ bounded queue ─▶ connections ─▶ summary
//!         └──────────── one blocking thread ────────┘                  └ concurrent ┘
//! ```
//!
//! Invariants: nothing is counted as accepted before the server has answered; memory holds a bounded number of bodies; a file
//! that is broken in the middle is reported, and what was before the break is sent.

mod body;
mod format;
mod jaeger;
mod readers;
mod send;
mod source;
mod summary;
mod wire;
mod zipkin;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use crate::client::{Client, Trust, Url};
use crate::config::Secret;
use body::Body;
pub(crate) use format::Format;
use readers::Sink;
use send::Sender;
use source::Source;
pub(crate) use summary::Summary;

/// What to import, and where to.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// Files; `-` is standard input.
    pub(crate) files: Vec<PathBuf>,
    /// Their format, if it is not to be detected.
    pub(crate) format: Option<Format>,
    /// Server, OTLP over HTTP.
    pub(crate) otlp_url: Url,
    /// Server, Zipkin.
    pub(crate) zipkin_url: Url,
    /// Ingest token.
    pub(crate) token: Option<Secret>,
    /// Trusted certificates.
    pub(crate) trust: Trust,
    /// Requests at the same time.
    pub(crate) concurrency: usize,
    /// How long one request is tried.
    pub(crate) retry_for: Duration,
}

/// Figures of a running import, for a progress bar.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Bytes read from disk.
    pub(crate) bytes: Arc<AtomicU64>,
    /// Spans answered for.
    pub(crate) spans: AtomicU64,
}

/// What the reading thread hands over.
enum Item {
    Body(Body),
    Rejected(String),
    Broken(String),
}

impl Import {
    /// Runs the import. An error means that it could not begin; everything later is in the summary.
    pub(crate) async fn run(self, progress: Arc<Progress>) -> anyhow::Result<Summary> {
        let mut first = self.sender()?;
        first
            .otlp
            .connect()
            .await
            .context("is `clew serve` running? --otlp-url says where")?;
        let mut senders = vec![first];
        for _ in 1..self.concurrency.max(1) {
            senders.push(self.sender()?);
        }
        let (sender, receiver) = mpsc::channel(senders.len());
        let bytes = Arc::clone(&progress.bytes);
        let reading = tokio::task::spawn_blocking(move || {
            self.files
                .iter()
                .for_each(|path| read_file(path, self.format, &bytes, &sender));
        });
        let summary = deliver(senders, receiver, progress).await?;
        reading.await.context("the reader failed")?;
        Ok(summary)
    }

    fn sender(&self) -> anyhow::Result<Sender> {
        let timeout = self.retry_for.max(Duration::from_secs(1));
        let client = |url| Client::new(url, self.token.clone(), &self.trust, timeout);
        Ok(Sender {
            otlp: client(&self.otlp_url)?,
            zipkin: client(&self.zipkin_url)?,
            retry_for: self.retry_for,
        })
    }
}

async fn deliver(
    senders: Vec<Sender>,
    receiver: mpsc::Receiver<Item>,
    progress: Arc<Progress>,
) -> anyhow::Result<Summary> {
    let receiver = Arc::new(Mutex::new(receiver));
    let summary = Arc::new(Mutex::new(Summary::default()));
    let mut workers = JoinSet::new();
    for sender in senders {
        workers.spawn(work(
            sender,
            Arc::clone(&receiver),
            Arc::clone(&summary),
            Arc::clone(&progress),
        ));
    }
    while let Some(worker) = workers.join_next().await {
        worker.context("a connection failed")?;
    }
    Ok(summary.lock().await.clone())
}

async fn work(
    mut sender: Sender,
    receiver: Arc<Mutex<mpsc::Receiver<Item>>>,
    summary: Arc<Mutex<Summary>>,
    progress: Arc<Progress>,
) {
    loop {
        let item = receiver.lock().await.recv().await;
        match item {
            Some(Item::Body(body)) => {
                let delivery = sender.send(&body).await;
                progress
                    .spans
                    .fetch_add(body.spans, std::sync::atomic::Ordering::Relaxed);
                summary.lock().await.add(&body, &delivery);
            }
            Some(Item::Rejected(why)) => summary.lock().await.reject(1, &why),
            Some(Item::Broken(why)) => summary.lock().await.broken_files.push(why),
            None => return,
        }
    }
}

/// Reads one file; a fault of it goes the same way as its bodies.
fn read_file(
    path: &Path,
    format: Option<Format>,
    bytes: &Arc<AtomicU64>,
    queue: &mpsc::Sender<Item>,
) {
    if let Err(error) = try_read_file(path, format, bytes, &mut Queue(queue)) {
        // A closed queue means that nobody counts any more.
        let _ = queue.blocking_send(Item::Broken(format!("{}: {error:#}", path.display())));
    }
}

fn try_read_file(
    path: &Path,
    format: Option<Format>,
    bytes: &Arc<AtomicU64>,
    sink: &mut dyn Sink,
) -> anyhow::Result<()> {
    let source = Source::open(path, Arc::clone(bytes))?;
    let head = source.head();
    if head.is_empty() {
        bail!("the file is empty");
    }
    let detected = || format::detect(head, head.len() < source::HEAD_BYTES);
    let format = format.or_else(detected).context(
        "its format is not recognised; --format names one of otlp-stream, otlp-protobuf, otlp-json, jaeger, zipkin",
    )?;
    readers::read(format, &mut source.into_reader(), sink)
        .with_context(|| format!("read as {format}"))
}

/// The queue between the reading thread and the connections.
struct Queue<'a>(&'a mpsc::Sender<Item>);

impl Sink for Queue<'_> {
    fn body(&mut self, body: Body) -> anyhow::Result<()> {
        self.0
            .blocking_send(Item::Body(body))
            .context("the connections have ended")
    }

    fn rejected(&mut self, why: String) {
        let _ = self.0.blocking_send(Item::Rejected(why));
    }
}
