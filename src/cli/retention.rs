//! `clew retention`, for cron.

use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use clew_storage::store::RetentionReport;
use indicatif::HumanBytes;

use super::data::{DataArgs, running_server};
use super::{Failure, Misuse, Outcome, say};
use crate::client::Call;
use crate::config::{Loaded, parse_duration};
use crate::serve::admin::RetentionCall;
use crate::serve::{nanoseconds, open_store};

/// Flags of `clew retention`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct RetentionArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Drop spans that arrived longer ago than this, such as 14d [default: `retention.max_age` of the configuration]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    older_than: Option<Duration>,
    /// Only say what would go
    #[arg(long)]
    dry_run: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Believe the clock even if it seems to have leapt
    #[arg(long)]
    trust_clock: bool,
}

const NOTES: &str = "\
Whole segments go, when the newest of their spans is old enough. Works while a server uses the directory (through its socket) \
and while none does. Ends with 1 when something is old enough but is kept, because the clock may be wrong.";

/// Runs the command.
pub(super) async fn run(args: RetentionArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let max_age = args.older_than.or(loaded.config.retention.max_age);
    let max_age = max_age.ok_or_else(|| {
        Misuse(anyhow!(
            "retention.max_age is off; say how old with --older-than 14d"
        ))
    })?;
    let call = RetentionCall {
        older_than_ns: nanoseconds(max_age),
        dry_run: args.dry_run,
        trust_clock: args.trust_clock,
    };
    let report = retain(&loaded, call).await?;
    if args.json {
        say(&serde_json::to_string(&report).context("the report cannot be written")?);
    } else {
        say(&describe(&report));
    }
    Ok(if report.suspended.is_some() {
        Outcome::Incomplete
    } else {
        Outcome::Done
    })
}

async fn retain(loaded: &Loaded, call: RetentionCall) -> anyhow::Result<RetentionReport> {
    if let Some(mut client) = running_server(loaded).await? {
        let body = serde_json::to_vec(&call)?;
        let answer = client
            .call(&Call::post("/admin/retention", "application/json", body))
            .await?
            .ok()?;
        return serde_json::from_slice(&answer.body).context("the server's report cannot be read");
    }
    let (store, _) = open_store(&loaded.config).context("the data directory cannot be opened")?;
    let report = store
        .retain_with(&call.request())
        .context("retention failed")?;
    store
        .close()
        .await
        .context("the data directory cannot be closed")?;
    Ok(report)
}

fn describe(report: &RetentionReport) -> String {
    let RetentionReport {
        dry_run,
        segments,
        spans,
        bytes,
        suspended,
    } = report;
    if let Some(why) = suspended {
        return format!("nothing was dropped: {why} (--trust-clock overrides this)");
    }
    let verb = if *dry_run { "would drop" } else { "dropped" };
    let mut text = format!(
        "{verb} {} segments with {spans} spans, {}",
        segments.len(),
        HumanBytes(*bytes)
    );
    for name in segments.iter().filter(|_| *dry_run) {
        text += "\n  ";
        text += name;
    }
    text
}
