//! `clew compact`.

use std::fmt::Write;

use anyhow::Context;
use clap::Args;
use clew_storage::store::CompactionReport;
use indicatif::HumanBytes;

use super::data::{DataArgs, open_stopped, running_server};
use super::{Failure, Outcome, say};
use crate::client::Call;
use crate::config::Loaded;

/// Flags of `clew compact`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct CompactArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
The server merges by itself (`compaction.enabled`); this does not wait for more segments or for windows to settle, and takes as much of \
the processor as there is. Works while a server uses the directory (through its socket) and while none does. Queries go on meanwhile; the \
old files go when no query holds them.";

/// Runs the command.
pub(super) async fn run(args: CompactArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let report = compact(&loaded).await?;
    if args.json {
        say(&serde_json::to_string(&report).context("the report cannot be written")?);
    } else {
        say(&describe(&report));
    }
    Ok(Outcome::Done)
}

async fn compact(loaded: &Loaded) -> anyhow::Result<CompactionReport> {
    if let Some(mut client) = running_server(loaded).await? {
        let answer = client
            .call(&Call::post("/admin/compact", "application/json", "{}"))
            .await?
            .ok()?;
        return serde_json::from_slice(&answer.body).context("the server's report cannot be read");
    }
    let (store, _) = open_stopped(loaded)?;
    store
        .flush()
        .await
        .context("recent spans cannot be written")?;
    let merging = store.clone();
    let report = tokio::task::spawn_blocking(move || merging.compact(true))
        .await
        .context("the merge failed")?
        .context("segments cannot be merged")?;
    store
        .close()
        .await
        .context("the data directory cannot be closed")?;
    Ok(report)
}

fn describe(report: &CompactionReport) -> String {
    if report.merges == 0 {
        return "nothing to merge".to_owned();
    }
    let mut text = format!(
        "merged {} segments, {}, into {}, {}",
        report.input_segments,
        HumanBytes(report.input_bytes),
        report.output_segments,
        HumanBytes(report.output_bytes)
    );
    if report.sampled_out_traces > 0 {
        let _ = write!(
            text,
            "; {} old traces were sampled out",
            report.sampled_out_traces
        );
    }
    text
}
