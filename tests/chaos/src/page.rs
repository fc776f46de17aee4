//! `docs/reliability.md`, made of the records. Nothing on it is typed by hand but what an arm does and the bugs that were found.

use std::fmt::Write as _;

use crate::arms::{ARMS, Arm};
use crate::record::{Record, Records, Verdict};
use crate::statistics::{bound_percent, count};

/// Bugs that campaigns found.
const FOUND: &str = include_str!("../found.md");

const HEAD: &str = "# Reliability\n\n\
    <!-- Made by `make chaos` from docs/reliability.json. Do not edit. -->\n\n\
    What befell a running server, how often, and what came of it. Every row is from a run; the command that makes it again stands with it.\n\n";

const TERMS: &str = "\
- **Acknowledged** is what was answered with HTTP 200 or gRPC `OK`. The ledger of it is in the memory of the driver, which is neither the server's process nor its disk.\n\
- **Lost** is an acknowledged span that is missing in SQL after the next start, before its term of retention is over. **Wrong** is a span that was never sent, or \
differs from what was sent, or a batch that is there in part. **Double** is a span that is there twice. Each is a failure, and so is a panic, a start that fails, \
and what the arm itself says.\n\
- **Void** trials did not meet the arm's condition, such as its least load. They prove nothing and are not among the trials; their failures count all the same.\n\
- **At most** is the bound that so many trials without a failure put on the rate of failures, with 95 % confidence: about 3 in n.\n\
- A **control** is the same with a safeguard taken away. It must lose something, or the arm could not see a loss.\n\
- A loop device is not a disk. The cut is the file system's: what was written and not synced is gone, in an order that ext4 keeps. Disks that lie about their cache are not in it.\n\
- Retention per tenant is not among the rows: a server has one tenant.\n\n";

/// The page.
pub(crate) fn render(records: &Records) -> String {
    let mut page = HEAD.to_owned();
    page.push_str(
        "| what | holds | trials | void besides | failures | at most | control lost in | day |\n\
         |---|---|--:|--:|--:|--:|---|---|\n",
    );
    for arm in ARMS {
        page.push_str(&row(arm, records.get(arm.name)));
    }
    page.push('\n');
    page.push_str(TERMS);
    page.push_str(
        "`make chaos` runs all of it as root: it mounts ext4 on loop devices and bounds processes by control groups, and takes some hours. \
         `make chaos ARGUMENTS='--arm kill --times 20'` runs a part. Without root, `make test` has fifty kills, an abort at each \
         step, failing and full disks, 2,000 flipped bits and 1,000 simulated lives in a few minutes.\n\n",
    );
    page.push_str(FOUND);
    for arm in ARMS {
        page.push_str(&section(arm, records.get(arm.name)));
    }
    page
}

fn row(arm: &Arm, record: Option<&Record>) -> String {
    let title = format!("[{}](#{})", arm.title, arm.name);
    let Some(record) = record else {
        return format!("| {title} | not run | | | | | | |\n");
    };
    let outcome = &record.outcome;
    let holds = match outcome.verdict() {
        Verdict::Holds => "yes",
        Verdict::Fails => "**no**",
        Verdict::Void => "void",
    };
    let bound = match outcome.verdict() {
        Verdict::Holds => format!("{:.2} %", bound_percent(outcome.trials)),
        Verdict::Fails | Verdict::Void => String::new(),
    };
    let control = outcome
        .control
        .as_ref()
        .map_or_else(String::new, |control| {
            format!(
                "{} of {}, without {}",
                control.failed, control.trials, control.without
            )
        });
    format!(
        "| {title} | {holds} | {} | {} | {} | {bound} | {control} | {} |\n",
        count(outcome.trials),
        count(outcome.void),
        count(outcome.failures),
        record.date
    )
}

fn section(arm: &Arm, record: Option<&Record>) -> String {
    let mut text = format!("\n## {}\n\n{}\n\n", arm.name, arm.about);
    let _ = writeln!(
        text,
        "A trial is one {}. Void if {}.\n",
        arm.trial, arm.void_if
    );
    let Some(record) = record else {
        let _ = writeln!(
            text,
            "Not run yet: `make chaos ARGUMENTS='--arm {}'`.",
            arm.name
        );
        return text;
    };
    let _ = writeln!(text, "```sh\n{}\n```\n", record.command);
    let _ = writeln!(
        text,
        "{}, commit and build {}, {} minutes. {}.\n",
        record.date, record.build, record.minutes, record.machine
    );
    let outcome = &record.outcome;
    if let Some(why) = &outcome.void_because {
        let _ = writeln!(text, "**Void**: {why}.\n");
    }
    text.push_str("| | |\n|---|--:|\n");
    for figure in &outcome.figures {
        let _ = writeln!(text, "| {} | {} |", figure.what, figure.value);
    }
    if let Some(control) = &outcome.control {
        let _ = writeln!(
            text,
            "| control without {}: trials with a loss, of all; spans lost | {} of {}; {} |",
            control.without,
            control.failed,
            control.trials,
            count(control.lost_spans)
        );
    }
    if !outcome.faults.is_empty() {
        text.push_str("\nThe first failures:\n\n");
        for fault in outcome.faults.iter().take(5) {
            let _ = writeln!(text, "- `{}`", fault.replace(['`', '\n'], " "));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Outcome;

    fn page(outcome: Outcome) -> String {
        let record = Record {
            date: "2026-11-29".into(),
            build: "0123abcd release".into(),
            machine: "a machine".into(),
            command: "make chaos".into(),
            seed: 1,
            minutes: 2.0,
            outcome,
        };
        render(&Records::from([("kill".to_owned(), record)]))
    }

    #[test]
    fn a_row_says_whether_it_holds_and_with_what_bound() {
        let sound = Outcome {
            trials: 1000,
            void: 7,
            ..Outcome::default()
        };
        let row =
            "| [`kill -9` under load](#kill) | yes | 1,000 | 7 | 0 | 0.30 % |  | 2026-11-29 |";
        assert!(page(sound.clone()).contains(row));
        let mut broken = sound;
        broken.fail("batch 5 is missing");
        let text = page(broken);
        assert!(text.contains("| **no** | 1,000 | 7 | 1 |  |"));
        assert!(text.contains("- `batch 5 is missing`"));
        assert!(text.contains("| [power cuts under load](#power) | not run |"));
    }
}
