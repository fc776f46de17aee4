//! `clew-layout`: writes data sets as segments of different shapes, and prints what each costs as JSON, a line for each data set.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Parser;
use clew_cost::layout::{DATA_SETS, Study};

/// Compares ways to lay a segment out.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Folder with the streams, whole or cut.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/otlp"))]
    corpus: PathBuf,
    /// Folder for segments; that of temporary files if absent.
    #[arg(long)]
    work: Option<PathBuf>,
    /// Data sets to measure.
    #[arg(long, num_args = 1.., default_values_t = DATA_SETS.map(str::to_owned))]
    data: Vec<String>,
    /// Measure the default and variants whose name contains one of these.
    #[arg(long, num_args = 1..)]
    only: Vec<String>,
    /// Spans of the data set `rich`.
    #[arg(long, default_value_t = 200_000)]
    rich_spans: usize,
    /// Spans of a flush at most.
    #[arg(long, default_value_t = 200_000)]
    flush_spans: usize,
    /// How often everything is measured.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Traces that are read by id.
    #[arg(long, default_value_t = 250)]
    traces: usize,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(
        arguments.rounds > 0 && arguments.traces > 0 && arguments.rich_spans > 0,
        "--rounds, --traces and --rich-spans start at 1"
    );
    let study = Study {
        corpus: arguments.corpus,
        work: arguments.work,
        only: arguments.only,
        rich_spans: arguments.rich_spans,
        flush_spans: arguments.flush_spans,
        rounds: arguments.rounds,
        traces: arguments.traces,
    };
    for name in &arguments.data {
        println!("{}", serde_json::to_string(&study.run(name)?)?);
    }
    Ok(())
}
