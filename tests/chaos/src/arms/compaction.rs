//! What a merge costs: processor time for each span that it rewrites.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::{Arm, Task};
use crate::record::Outcome;
use crate::server::{Server, Setup};
use crate::statistics::count;
use crate::{ask, stop};

pub(super) const ARM: Arm = Arm {
    name: "merge",
    title: "the cost of merges",
    trial: "merge",
    times: 3,
    about: "`clew-loadgen` sends made-up spans of some 310 bytes, with eight attributes and six of their resource, for 15 s at 60,000 spans/s, which \
        become a segment a second. Then nothing else happens, and `clew compact` merges them; the server's processor time before and after is \
        divided by the spans that were read.",
    void_if: "fewer than 500,000 spans were merged",
    is_suite: false,
    run,
};

const SPANS_MIN: u64 = 500_000;

fn run(task: &Task) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut costs = Vec::new();
    for number in 0..task.times {
        stop::check()?;
        let mut setup = task.setup();
        setup.data_dir = task.home.path().join(format!("data-{number}"));
        setup.set("COMPACTION_ENABLED", "false");
        setup.set("STORAGE_EPOCH_AGE", "1s");
        let server = setup.start()?;
        send(&server, task.seed + number)?;
        settle(&server)?;
        let before = (server.cpu_seconds()?, span_count(&server)?);
        let report = compact(&setup)?;
        let field = |name: &str| ask::number(&report[name]).context(name.to_owned());
        let (spans, segments) = (field("input_spans")?, field("input_segments")?);
        let cost_us = (server.cpu_seconds()? - before.0) * 1e6 / spans.max(1) as f64;
        if spans < SPANS_MIN {
            outcome.void += 1;
        } else {
            outcome.trials += 1;
            costs.push(cost_us);
        }
        let after = span_count(&server)?;
        if after != before.1 {
            outcome.fail(format!("{} spans before, {after} after a merge", before.1));
        }
        outcome.figure(
            &format!("merge {}", number + 1),
            format!(
                "{} spans of {segments} segments into {}, {cost_us:.2} us of processor a span",
                count(spans),
                field("output_segments")?
            ),
        );
        server.terminate()?;
        setup.verify()?;
        std::fs::remove_dir_all(&setup.data_dir)?;
    }
    let mean = costs.iter().sum::<f64>() / costs.len().max(1) as f64;
    outcome.figure(
        "processor time a rewritten span, mean, us",
        format!("{mean:.2}"),
    );
    Ok(outcome)
}

fn span_count(server: &Server) -> Result<u64> {
    ask::sql_number(server.addresses().http, "SELECT count(*) FROM spans")
}

/// Sends with the load generator, which is built beside this program.
fn send(server: &Server, seed: u64) -> Result<()> {
    let generator = std::env::current_exe()?.with_file_name("clew-loadgen");
    let output = Command::new(&generator)
        .args([
            "--endpoint",
            &format!("http://{}", server.addresses().otlp_grpc),
        ])
        .args(["--rate", "60000", "--seconds", "15"])
        .args(["--seed", &seed.to_string()])
        .output()
        .with_context(|| generator.display().to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {said}", generator.display());
    Ok(())
}

/// Waits until all lies in segments and nothing goes on.
fn settle(server: &Server) -> Result<()> {
    for _ in 0..300 {
        stop::sleep(Duration::from_millis(100))?;
        if ask::number(&server.status()?["hot_spans"]) == Some(0) {
            return stop::sleep(Duration::from_secs(2));
        }
    }
    anyhow::bail!("spans are not written to segments")
}

fn compact(setup: &Setup) -> Result<Value> {
    let output = Command::new(&setup.binary)
        .args(["compact", "--json", "--data-dir"])
        .arg(&setup.data_dir)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "clew compact: {said}");
    Ok(serde_json::from_slice(&output.stdout)?)
}
