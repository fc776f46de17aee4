//! `clew-loadgen`: an OTLP load generator.
//!
//! It replays a corpus stream, one of two made-up shops or the data set of Jaeger's benchmark on `ClickHouse` to any OTLP endpoint, with fresh ids and times in each pass, and prints
//! what it measured as JSON. Requests are encoded once and patched in place, so that it costs well under a microsecond a
//! span and does not measure itself.
//!
//! Limits: no compression, no TLS; the whole stream is held in memory.

mod clock;
mod connection;
mod run;
mod template;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use clew_loadgen::client::Protocol;
use clew_loadgen::{jaeger, rich, stream};

use crate::run::Plan;
use crate::template::Template;

/// Spans of one pass over a made-up stream of ordinary batches.
const MADE_UP_SPANS: usize = 200_000;

/// Sends OTLP spans to an endpoint and measures.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Endpoint: `http://host:4317` for gRPC, `http://host:4318/v1/traces` for HTTP.
    #[arg(long, default_value = "http://127.0.0.1:4317")]
    endpoint: String,
    /// Protocol of the endpoint.
    #[arg(long, value_enum, default_value = "grpc")]
    protocol: Protocol,
    /// Bearer token to send.
    #[arg(long, env = "CLEW_TOKEN")]
    token: Option<String>,
    /// Corpus stream (*.otlp.zst) to replay; made-up spans of some 310 bytes if absent.
    #[arg(long)]
    corpus: Option<PathBuf>,
    /// Send the stream once, ids and times as they are.
    #[arg(long, requires = "corpus")]
    as_is: bool,
    /// Send the data set of Jaeger's benchmark on `ClickHouse`, made up anew; with `--passes 50` it is 10 million spans in 1 million traces.
    #[arg(long, conflicts_with_all = ["corpus", "batch"])]
    jaeger: bool,
    /// Send made-up spans with 15 attributes of the semantic conventions each.
    #[arg(long, conflicts_with_all = ["corpus", "jaeger"])]
    rich: bool,
    /// Spans per request of a made-up stream.
    #[arg(long, default_value_t = 1_000)]
    batch: usize,
    /// Connections, each with one request under way; each opens when it is first needed.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Spans to offer per second, on a fixed schedule; as fast as they are taken if absent.
    #[arg(long)]
    rate: Option<f64>,
    /// Stop after this many passes over the stream.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true)]
    passes: u64,
    /// Stop after this time, s.
    #[arg(long, default_value_t = 3_600.0)]
    seconds: f64,
    /// Seed of the fresh ids [default: the time of the day]
    #[arg(long)]
    seed: Option<u64>,
    /// Write up to 1,000 acknowledged trace ids to this file, one a line.
    #[arg(long)]
    sample_ids: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        arguments.connections > 0 && arguments.batch > 0,
        "--connections and --batch start at 1"
    );
    let count = (MADE_UP_SPANS / arguments.batch).clamp(50, 20_000);
    let requests = match &arguments.corpus {
        Some(path) => stream::corpus(path)?,
        None if arguments.jaeger => jaeger::requests(),
        None if arguments.rich => rich::requests(count, arguments.batch),
        None => stream::synthetic(count, arguments.batch),
    };
    let templates = requests
        .into_iter()
        .map(Template::new)
        .collect::<Result<Vec<_>>>()?;
    ensure!(!templates.is_empty(), "the stream is empty");
    let passes = if arguments.as_is { 1 } else { arguments.passes };
    let plan = Plan {
        protocol: arguments.protocol,
        endpoint: arguments.endpoint,
        token: arguments.token,
        connections: arguments.connections,
        rate: arguments.rate,
        requests: passes.saturating_mul(templates.len() as u64),
        time: Duration::try_from_secs_f64(arguments.seconds).context("--seconds")?,
        as_is: arguments.as_is,
        seed: arguments.seed.unwrap_or_else(clock::unix_nano),
    };
    let report = run::run(&plan, templates)?;
    if let Some(path) = &arguments.sample_ids {
        std::fs::write(path, report.sample_trace_ids.join("\n") + "\n")
            .with_context(|| path.display().to_string())?;
    }
    let mut json = serde_json::to_value(&report)?;
    json.as_object_mut()
        .expect("an object")
        .remove("sample_trace_ids");
    println!("{}", serde_json::to_string_pretty(&json)?);
    Ok(())
}
