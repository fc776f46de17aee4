//! `clew verify`: a check of everything that is stored, with a progress bar and a report.

use anyhow::Context;
use clap::Args;
use clew_storage::env::Env;
use clew_storage::verify::{VerifyReport, verify_dir};
use indicatif::{HumanBytes, ProgressBar};

use super::data::{DataArgs, check_data_dir, running_server};
use super::{Failure, Outcome, progress, say};
use crate::client::Call;
use crate::config::Loaded;

/// Flags of `clew verify`.
#[derive(Debug, Args)]
#[command(after_help = "Reads every byte and changes nothing. Ends with 1 if anything is damaged.")]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: VerifyArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let bar = progress::bytes_bar(Some(0));
    let report = check(&loaded, &bar).await;
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        say(&serde_json::to_string(&report).context("the report cannot be written")?);
    } else {
        say(&describe(&report));
    }
    Ok(if report.is_ok() {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

async fn check(loaded: &Loaded, bar: &ProgressBar) -> anyhow::Result<VerifyReport> {
    if let Some(client) = running_server(loaded).await? {
        let call = Call::post("/admin/verify", "application/json", "{}");
        return progress::ask(client, &call, bar).await;
    }
    let (data_dir, bar) = (loaded.config.data_dir.clone(), bar.clone());
    let work = move || {
        check_data_dir(&data_dir)?;
        let show = &mut |progress| progress::show(&bar, progress);
        verify_dir(&Env::system(), &data_dir, show).context("the data directory cannot be read")
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("the check failed")?
}

fn describe(report: &VerifyReport) -> String {
    let VerifyReport {
        segments,
        spans,
        bytes,
        log_records,
        torn_tail_bytes,
        problems,
        ..
    } = report;
    let mut lines = vec![format!(
        "read {segments} segments with {spans} spans ({}), {log_records} records of the log",
        HumanBytes(*bytes)
    )];
    if *torn_tail_bytes > 0 {
        lines.push(format!(
            "  the log ends with {torn_tail_bytes} bytes of a write that never ended and was never acknowledged; \
             the next start cuts them off"
        ));
    }
    lines.extend(
        problems
            .iter()
            .map(|problem| format!("  DAMAGED {}: {}", problem.file.display(), problem.message)),
    );
    lines.push(match problems.len() {
        0 => "all is well".to_owned(),
        1 => "1 problem".to_owned(),
        n => format!("{n} problems"),
    });
    lines.join("\n")
}
