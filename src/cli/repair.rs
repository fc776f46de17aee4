//! `clew repair`: says what can be done about damage, and does it when told to.

use anyhow::Context;
use clap::Args;
use clew_storage::env::Env;
use clew_storage::repair::{Remedy, Repair, RepairReport, plan_dir};
use indicatif::{HumanBytes, ProgressBar};

use super::data::{DataArgs, check_data_dir, open_stopped, running_server};
use super::{Failure, Outcome, progress, say};
use crate::client::Call;
use crate::config::Loaded;
use crate::serve::admin::RepairCall;

/// Flags of `clew repair`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct RepairArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Do it; without this only what would be done is said
    #[arg(long)]
    apply: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
Reads every byte. What can be made again from sound files is; of a damaged file of spans the rows that can be read are written anew; what \
cannot be read leaves the store. Damaged files that lose spans are kept in `quarantine/` in the data directory. A backup may have those \
spans: look there first. Works while a server uses the directory (through its socket) and while none does. Ends with 1 when something is \
damaged, or when spans were lost.";

/// Runs the command.
pub(super) async fn run(args: RepairArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let bar = progress::bytes_bar(Some(0));
    let report = repair(&loaded, args.apply, &bar).await;
    bar.finish_and_clear();
    let report = report?;
    if args.json {
        say(&serde_json::to_string(&report).context("the report cannot be written")?);
    } else {
        say(&describe(&report));
    }
    Ok(if report.is_well() {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

async fn repair(loaded: &Loaded, apply: bool, bar: &ProgressBar) -> anyhow::Result<RepairReport> {
    if let Some(client) = running_server(loaded).await? {
        let body = serde_json::to_vec(&RepairCall { apply })?;
        let call = Call::post("/admin/repair", "application/json", body);
        return progress::ask(client, &call, bar).await;
    }
    let data_dir = loaded.config.data_dir.clone();
    check_data_dir(&data_dir)?;
    if apply {
        return apply_here(loaded, bar).await;
    }
    let bar = bar.clone();
    let work = move || {
        let show = &mut |progress| progress::show(&bar, progress);
        plan_dir(&Env::system(), &data_dir, show).context("the data directory cannot be read")
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("the check failed")?
}

/// Repairs a directory that no server uses. To open it is a repair already: what is damaged of the log is set aside, orphans go.
async fn apply_here(loaded: &Loaded, bar: &ProgressBar) -> anyhow::Result<RepairReport> {
    let (store, recovery) = open_stopped(loaded)?;
    store
        .flush()
        .await
        .context("recent spans cannot be written")?;
    let (repairing, bar) = (store.clone(), bar.clone());
    let work = move || {
        let show = &mut |progress| progress::show(&bar, progress);
        repairing.repair(true, show)
    };
    let mut report = tokio::task::spawn_blocking(work)
        .await
        .context("the repair failed")?
        .context("the repair was not finished")?;
    report.note_start(recovery.damaged);
    store
        .close()
        .await
        .context("the data directory cannot be closed")?;
    Ok(report)
}

fn describe(report: &RepairReport) -> String {
    let RepairReport {
        applied,
        segments,
        spans,
        bytes,
        at_start,
        repairs,
        remaining,
    } = report;
    let mut lines = vec![format!(
        "read {segments} segments with {spans} spans ({})",
        HumanBytes(*bytes)
    )];
    lines.extend(at_start.iter().map(|what| format!("  set aside: {what}")));
    lines.extend(repairs.iter().map(|repair| line(repair, *applied)));
    let left = |problem: &clew_storage::verify::Problem| {
        format!(
            "  STAYS DAMAGED {}: {}",
            problem.file.display(),
            problem.message
        )
    };
    lines.extend(remaining.iter().map(left));
    lines.push(
        match (repairs.is_empty(), remaining.is_empty(), applied) {
            (true, true, _) => "nothing to repair",
            (false, _, false) => "nothing was changed; --apply does it",
            (_, _, _) if remaining.is_empty() => "repaired",
            (_, _, _) => "some of it stays damaged",
        }
        .to_owned(),
    );
    lines.join("\n")
}

fn line(repair: &Repair, applied: bool) -> String {
    let Repair {
        file,
        problem,
        remedy,
        spans_kept,
        spans_lost,
    } = repair;
    let what = match (remedy, applied) {
        (Remedy::Rebuilt, true) => "made again, nothing is lost".to_owned(),
        (Remedy::Rebuilt, false) => "can be made again, nothing is lost".to_owned(),
        (Remedy::Reduced, true) => {
            format!("{spans_kept} spans written anew, {spans_lost} are lost")
        }
        (Remedy::Reduced, false) => {
            format!("{spans_kept} spans can be written anew, {spans_lost} are lost")
        }
        (Remedy::SetAside, true) => format!("taken out of the store, {spans_lost} spans are lost"),
        (Remedy::SetAside, false) => {
            format!("can be taken out of the store, {spans_lost} spans are lost")
        }
    };
    format!("  {}: {problem}: {what}", file.display())
}
