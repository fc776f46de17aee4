//! `clew sampling try`.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use indicatif::{HumanBytes, HumanCount};

use super::data::{DataArgs, open_stopped, running_server};
use super::{Failure, Misuse, Outcome, say};
use crate::client::Call;
use crate::config::{Loaded, parse_duration, parse_policies, read_policy_text};
use crate::trial::{Amount, Fault, OfService, TrialReport, try_policies};

/// `clew sampling …`.
#[derive(Debug, Subcommand)]
pub(super) enum SamplingCommand {
    /// Tell what policies of tail sampling would keep of what is stored; nothing is changed
    Try(TryArgs),
}

/// Flags of `clew sampling try`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct TryArgs {
    /// YAML file of the policies
    policies: PathBuf,
    /// Traces of which a span arrived within this time
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = parse_duration)]
    last: Duration,
    #[command(flatten)]
    data: DataArgs,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
}

const NOTES: &str = "\
Works while a server uses the directory (through its socket) and while none does. A trace counts for the policy with the lowest threshold, the first \
of several. The error of a count is how far off it is when made of the kept spans alone, and in brackets how far off it is to be expected, one standard \
deviation: which traces a share keeps is a matter of luck. What is stored may be sampled already; what was dropped before cannot be shown.";

/// Runs the command.
pub(super) async fn run(command: SamplingCommand) -> Result<Outcome, Failure> {
    let SamplingCommand::Try(args) = command;
    let text = read_policy_text(&args.policies)
        .and_then(|text| parse_policies(&text).map(|_| text))
        .map_err(|error| Misuse(anyhow!("{}: {error}", args.policies.display())))?;
    let loaded = args.data.load()?;
    let report = attempt(&loaded, text, args.last).await?;
    if args.json {
        say(&serde_json::to_string(&report).context("the report cannot be written")?);
    } else {
        say(&describe(&report));
    }
    Ok(if report.unreadable.is_empty() {
        Outcome::Done
    } else {
        Outcome::Incomplete
    })
}

async fn attempt(loaded: &Loaded, text: String, last: Duration) -> anyhow::Result<TrialReport> {
    if let Some(mut client) = running_server(loaded).await? {
        let path = format!("/api/clew/v1/sampling/try?last={}ms", last.as_millis());
        let answer = client
            .call(&Call::post(&path, "text/plain; charset=utf-8", text))
            .await?
            .ok()?;
        return serde_json::from_slice(&answer.body).context("the server's report cannot be read");
    }
    let (store, _) = open_stopped(loaded)?;
    let policies = parse_policies(&text).map_err(|error| anyhow!(error))?;
    let epoch = loaded.config.storage.epoch_age;
    let report = tokio::task::spawn_blocking(move || {
        // The store is dropped without a close, so that nothing is flushed.
        try_policies(&store, &policies, last, epoch, &AtomicBool::new(false))
    });
    report
        .await
        .context("the trial failed")?
        .map_err(|fault| match fault {
            Fault::Policies(why) => anyhow!(why),
            Fault::GivenUp => anyhow!("the trial was given up"),
        })
}

fn describe(report: &TrialReport) -> String {
    let TrialReport { all, kept, .. } = report;
    let mut rows = vec![
        heading(["", "", ""]),
        row("stored", *all, *all, String::new()),
        row("would be kept", *kept, *all, String::new()),
        row("would be saved", all.without(*kept), *all, String::new()),
    ];
    if all.traces == 0 {
        return "no span has arrived in this time".to_owned();
    }
    rows.push(heading(["kept by policy", "", ""]));
    for policy in &report.policies {
        rows.push(row(&policy.name, policy.kept, *all, String::new()));
    }
    rows.push(heading(["kept of service", "of it", "error of its count"]));
    for service in &report.services {
        rows.push(row(
            &service.name,
            service.kept,
            service.all,
            error_of(service),
        ));
    }
    let mut text = table(&rows);
    for why in &report.unreadable {
        let _ = write!(text, "\nmissing: {why}");
    }
    text
}

const COLUMNS: usize = 6;

fn heading([first, share, error]: [&str; 3]) -> [String; COLUMNS] {
    [first, "traces", "spans", "bytes", share, error].map(str::to_owned)
}

fn row(name: &str, part: Amount, all: Amount, error: String) -> [String; COLUMNS] {
    let percent = part.spans as f64 / all.spans.max(1) as f64 * 100.0;
    [
        name.chars().flat_map(char::escape_debug).collect(),
        HumanCount(part.traces).to_string(),
        HumanCount(part.spans).to_string(),
        HumanBytes(part.bytes).to_string(),
        format!("{percent:.1} %"),
        error,
    ]
}

fn error_of(service: &OfService) -> String {
    let percent = |number: f64| number / service.count * 100.0;
    if service.count <= 0.0 {
        return String::new();
    }
    if service.kept.spans == 0 {
        return "none is left to count".to_owned();
    }
    let error = percent(service.estimated_count - service.count);
    format!("{error:+.1} % (±{:.1} %)", percent(service.standard_error))
}

/// Columns side by side, numbers to the right; an empty line before each heading but the first.
fn table(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..COLUMNS).filter_map(width).collect();
    let mut lines = Vec::new();
    for row in rows {
        if row[1] == "traces" && !lines.is_empty() {
            lines.push(String::new());
        }
        let cells = row.iter().zip(&widths).enumerate();
        let cells = cells.map(|(column, (cell, width))| match column {
            0 | 5 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        lines.push(cells.collect::<Vec<_>>().join("  ").trim_end().to_owned());
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::OfPolicy;

    #[test]
    fn a_report_can_be_read() {
        let amount = |traces, spans, bytes| Amount {
            traces,
            spans,
            bytes,
        };
        let report = TrialReport {
            all: amount(1_000, 4_000, 2_048_000),
            kept: amount(250, 1_000, 512_000),
            policies: vec![OfPolicy {
                name: "errors".to_owned(),
                kept: amount(50, 200, 102_400),
            }],
            services: vec![OfService {
                name: "cart\u{1b}".to_owned(),
                all: amount(1_000, 2_000, 1_024_000),
                kept: amount(250, 500, 256_000),
                count: 2_000.0,
                estimated_count: 2_100.0,
                standard_error: 80.0,
            }],
            unreadable: vec!["a file is gone".to_owned()],
            ..TrialReport::default()
        };
        let expected = [
            "                 traces  spans       bytes",
            "stored            1,000  4,000    1.95 MiB  100.0 %",
            "would be kept       250  1,000  500.00 KiB   25.0 %",
            "would be saved      750  3,000    1.46 MiB   75.0 %",
            "",
            "kept by policy   traces  spans       bytes",
            "errors               50    200  100.00 KiB    5.0 %",
            "",
            "kept of service  traces  spans       bytes    of it  error of its count",
            "cart\\u{1b}          250    500  250.00 KiB   25.0 %  +5.0 % (±4.0 %)",
            "missing: a file is gone",
        ];
        assert_eq!(describe(&report), expected.join("\n"));
        assert_eq!(
            describe(&TrialReport::default()),
            "no span has arrived in this time"
        );
    }
}
