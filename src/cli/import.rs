//! `clew import`: flags, progress and the summary.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use tokio::time::Instant;

use super::server::CredentialArgs;
use super::{Failure, Misuse, Outcome, progress, say};
use crate::client::Url;
use crate::import::{Format, Import, Progress};

/// Flags of `clew import`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct ImportArgs {
    /// Files, plain or packed with zstd or gzip; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Format of the files [default: told from their content]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Requests at the same time
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    concurrency: u16,
    /// How long one request is tried when the server is busy or away, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    retry_for: u64,
    /// Where OTLP and Jaeger files go
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:4318",
        help_heading = "Server"
    )]
    otlp_url: Url,
    /// Where Zipkin files go
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://127.0.0.1:9411",
        help_heading = "Server"
    )]
    zipkin_url: Url,
    #[command(flatten)]
    credentials: CredentialArgs,
}

const NOTES: &str = "\
Formats:
  otlp-stream     OTLP protobuf requests, each after its length as a varint
  otlp-protobuf   one OTLP protobuf request
  otlp-json       OTLP JSON, one document or one a line; also what Jaeger's API v3 answers
  jaeger          Jaeger JSON as its API and UI write it, one document or one a line
  zipkin          Zipkin JSON, v1 or v2

A file can be imported again: what the server has stored in the last ten minutes is counted as a duplicate, and equal spans \
are kept once. Ends with 1 if anything was not accepted.";

/// Runs the command.
pub(super) async fn run(args: ImportArgs) -> Result<Outcome, Failure> {
    let import = Import {
        token: args.credentials.token().map_err(Misuse)?,
        trust: args.credentials.trust(),
        format: args.format,
        otlp_url: args.otlp_url,
        zipkin_url: args.zipkin_url,
        concurrency: args.concurrency.into(),
        retry_for: Duration::from_secs(args.retry_for),
        files: args.files,
    };
    let progress = Arc::new(Progress::default());
    let bar = progress::bytes_bar(total_bytes(&import.files));
    let drawing = tokio::spawn(draw(bar.clone(), Arc::clone(&progress)));
    let started = Instant::now();
    let summary = import.run(progress).await;
    drawing.abort();
    bar.finish_and_clear();
    let summary = summary?;
    say(&summary.report(started.elapsed()));
    Ok(if summary.is_complete() {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

/// Bytes of all files; unknown if one is standard input or cannot be asked.
fn total_bytes(files: &[PathBuf]) -> Option<u64> {
    files
        .iter()
        .map(|path| Some(std::fs::metadata(path).ok()?.len()))
        .sum()
}

async fn draw(bar: ProgressBar, progress: Arc<Progress>) {
    loop {
        bar.set_position(progress.bytes.load(Ordering::Relaxed));
        bar.set_message(format!("{} spans", progress.spans.load(Ordering::Relaxed)));
        tokio::time::sleep(progress::REDRAW).await;
    }
}
