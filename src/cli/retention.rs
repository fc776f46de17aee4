//! `clew retention`, for cron.

use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;
use clew_storage::store::RetentionReport;
use indicatif::HumanBytes;

use super::data::{DataArgs, open_stopped, running_server};
use super::{Failure, Misuse, Outcome, say};
use crate::client::Call;
use crate::config::{Loaded, parse_duration, parse_size};
use crate::serve::admin::RetentionCall;
use crate::serve::nanoseconds;

/// Flags of `clew retention`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct RetentionArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Drop spans that arrived longer ago than this, such as 14d [default: `retention.max_age` of the configuration]
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    older_than: Option<Duration>,
    /// Drop the spans that arrived first until all segments together have this size at most, such as 200GiB [default: `retention.max_size`
    /// of the configuration]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_bytes: Option<u64>,
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
Whole segments go, when the newest of their spans is old enough, or the ones whose spans arrived first when all are too large; what goes by \
`retention.rules` is taken out of segments that stay. With --older-than or --max-bytes that alone is done. Works while a server uses the directory (through its socket) \
and while none does. Ends with 1 when something is old enough but is kept, because the clock may be wrong.";

/// Runs the command.
pub(super) async fn run(args: RetentionArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    let configured = &loaded.config.retention;
    // What is said here is all that is meant: a run for the size alone drops nothing for its age.
    let said = args.older_than.is_some() || args.max_bytes.is_some();
    let (max_age, max_bytes, rules) = if said {
        (args.older_than, args.max_bytes, Vec::new())
    } else {
        let rules = configured.rules.clone();
        (configured.max_age, configured.max_bytes, rules)
    };
    if max_age.is_none() && max_bytes.is_none() && rules.is_empty() {
        let hint = "retention.max_age and retention.max_size are off; say how old with --older-than 14d, or how much with --max-bytes 200GiB";
        return Err(Misuse(anyhow!(hint)).into());
    }
    let call = RetentionCall {
        older_than_ns: max_age.map(nanoseconds),
        rules,
        max_bytes,
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
    let (store, _) = open_stopped(loaded)?;
    let retaining = store.clone();
    let report = tokio::task::spawn_blocking(move || retaining.retain_with(&call.request()))
        .await
        .context("retention failed")?
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
        reduced_segments,
        reduced_spans,
        segments_for_size,
        suspended,
    } = report;
    let nothing = segments.is_empty() && reduced_segments.is_empty();
    if let (Some(why), true) = (suspended, nothing) {
        return format!("nothing was dropped: {why} (--trust-clock overrides this)");
    }
    let verb = if *dry_run { "would drop" } else { "dropped" };
    let for_size = match segments_for_size {
        0 => String::new(),
        count => format!("; {count} of them for the size"),
    };
    let mut lines = vec![format!(
        "{verb} {} segments with {spans} spans, {}{for_size}",
        segments.len(),
        HumanBytes(*bytes)
    )];
    if !reduced_segments.is_empty() {
        lines.push(format!(
            "{verb} {reduced_spans} spans by rule from {} segments that stay",
            reduced_segments.len()
        ));
    }
    if let Some(why) = suspended {
        lines.push(format!(
            "nothing was dropped for its age: {why} (--trust-clock overrides this)"
        ));
    }
    if *dry_run {
        lines.extend(segments.iter().map(|name| format!("  {name}")));
        let reduced = reduced_segments.iter();
        lines.extend(reduced.map(|name| format!("  {name} (some of it)")));
    }
    lines.join("\n")
}
