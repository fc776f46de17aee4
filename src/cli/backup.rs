//! `clew backup` and `clew restore`.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use clew_storage::backup::{BackupReport, backup_dir};
use clew_storage::env::Env;
use indicatif::{HumanBytes, ProgressBar};

use super::data::{DataArgs, open_stopped, running_server};
use super::{Failure, Outcome, progress, say};
use crate::client::Call;
use crate::config::Loaded;
use crate::serve::admin::BackupCall;

/// Flags of `clew backup`.
#[derive(Debug, Args)]
#[command(after_help = BACKUP_NOTES)]
pub(super) struct BackupArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Directory of the backup: empty, absent, or an earlier backup of the same data
    #[arg(value_name = "BACKUP")]
    to: PathBuf,
    /// Link files where that is possible: takes no room, and does not protect against a failing disk
    #[arg(long)]
    link: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const BACKUP_NOTES: &str = "\
Holds everything that was acknowledged before the command. Works while a server uses the directory (through its socket, as the server's user) \
and while none does. Into an earlier backup only new segments are copied. A backup is a data directory: `clew verify --data-dir BACKUP` checks \
it, `clew serve --data-dir` can read it, but then it is a backup no more.";

/// Flags of `clew restore`.
#[derive(Debug, Args)]
#[command(after_help = RESTORE_NOTES)]
pub(super) struct RestoreArgs {
    /// Directory of the backup
    #[arg(value_name = "BACKUP")]
    from: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Link files where that is possible instead of copying them
    #[arg(long)]
    link: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const RESTORE_NOTES: &str = "\
The data directory must be empty or absent. Every byte is compared with its checksum; what is damaged is named, and nothing is restored.";

/// Runs `clew backup`.
pub(super) async fn backup(args: BackupArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let to = std::path::absolute(&args.to).context("the backup's directory is not known")?;
    let bar = progress::bytes_bar(Some(0));
    let report = make(&loaded, &to, args.link, &bar).await;
    bar.finish_and_clear();
    tell(&report?, args.json, "backed up")
}

async fn make(
    loaded: &Loaded,
    to: &Path,
    link: bool,
    bar: &ProgressBar,
) -> anyhow::Result<BackupReport> {
    if let Some(client) = running_server(loaded).await? {
        let call = BackupCall {
            to: to.to_path_buf(),
            link,
        };
        let body = serde_json::to_vec(&call)?;
        let call = Call::post("/admin/backup", "application/json", body);
        return progress::ask(client, &call, bar).await;
    }
    let (store, _) = open_stopped(loaded)?;
    store
        .close()
        .await
        .context("recent spans cannot be written")?;
    drop(store);
    copy(&loaded.config.data_dir, to, link, bar).await
}

/// Runs `clew restore`.
pub(super) async fn restore(args: RestoreArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let bar = progress::bytes_bar(Some(0));
    let report = bring_back(&args.from, &loaded.config.data_dir, args.link, &bar).await;
    bar.finish_and_clear();
    tell(&report?, args.json, "restored")
}

async fn bring_back(
    from: &Path,
    data_dir: &Path,
    link: bool,
    bar: &ProgressBar,
) -> anyhow::Result<BackupReport> {
    if !from.join("manifest").is_dir() {
        bail!("{} is no backup: it has no manifest", from.display());
    }
    let is_empty = match std::fs::read_dir(data_dir) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
        Err(error) => return Err(error).context(data_dir.display().to_string()),
    };
    if !is_empty {
        bail!(
            "{} is not empty; restore into another directory, or move this one away",
            data_dir.display()
        );
    }
    copy(from, data_dir, link, bar).await
}

async fn copy(
    from: &Path,
    to: &Path,
    link: bool,
    bar: &ProgressBar,
) -> anyhow::Result<BackupReport> {
    let (from, to, bar) = (from.to_path_buf(), to.to_path_buf(), bar.clone());
    let work = move || {
        let show = &mut |progress| progress::show(&bar, progress);
        backup_dir(&Env::system(), &from, &to, link, show).context("nothing was changed")
    };
    tokio::task::spawn_blocking(work)
        .await
        .context("the copy failed")?
}

fn tell(report: &BackupReport, json: bool, verb: &str) -> Result<Outcome, Failure> {
    if json {
        say(&serde_json::to_string(report).context("the report cannot be written")?);
    } else {
        say(&format!(
            "{verb} {} segments with {} spans, {}; {} of them new, {} copied, {} old ones removed",
            report.segments,
            report.spans,
            HumanBytes(report.bytes),
            report.new_segments,
            HumanBytes(report.copied_bytes),
            report.removed_segments,
        ));
    }
    Ok(Outcome::Done)
}
