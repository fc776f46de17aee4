//! The command line: what was typed, which command runs, and how its end is told.
//!
//! Exit status: 0 done; 1 something failed, was refused or was found damaged; 2 the command line or the configuration is wrong.

mod config;
mod import;
mod progress;
mod server;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Distributed tracing in one binary: takes OTLP and Zipkin, stores every acknowledged span, answers in the browser, in
/// Jaeger's API and in SQL.
#[derive(Debug, Parser)]
#[command(name = "clew", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  clew import traces.otlp.zst                send a file of spans to a server
  clew config print                          show every setting, and where its value comes from";

#[derive(Debug, Subcommand)]
enum Command {
    /// Send files of spans to a running server
    Import(import::ImportArgs),
    /// Check or show the configuration
    #[command(subcommand)]
    Config(config::ConfigCommand),
    /// Print the version
    Version,
}

/// How a command that could run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All was done.
    Done,
    /// Something was refused, damaged or left over; what, was printed.
    Incomplete,
}

/// An error of the command line or the configuration.
#[derive(Debug)]
pub(crate) struct Misuse(pub(crate) anyhow::Error);

/// Why a command did not run to its end.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for in the wrong way.
    Misuse(anyhow::Error),
    /// It failed.
    Failed(anyhow::Error),
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse.0)
    }
}

/// Runs the command that was typed.
pub(crate) fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::from(1),
        Err(Failure::Failed(error)) => complain(&error, 1),
        Err(Failure::Misuse(error)) => complain(&error, 2),
    }
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command {
        Command::Import(args) => block_on(import::run(args)),
        Command::Config(command) => config::run(&command),
        Command::Version => version(),
    }
}

fn version() -> Result<Outcome, Failure> {
    say(&format!("clew {}", env!("CARGO_PKG_VERSION")));
    Ok(Outcome::Done)
}

/// Runs a command that talks to a server.
fn block_on(command: impl Future<Output = Result<Outcome, Failure>>) -> Result<Outcome, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| anyhow::Error::new(error).context("the runtime cannot start"))?;
    runtime.block_on(command)
}

/// Prints a line of result. A reader that has gone away (`clew … | head`) is no fault of the command.
pub(crate) fn say(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// Prints why nothing came of it, without a stack trace.
fn complain(error: &anyhow::Error, status: u8) -> ExitCode {
    let _ = writeln!(io::stderr().lock(), "clew: {error:#}");
    ExitCode::from(status)
}
