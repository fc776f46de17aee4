//! The command line: what was typed, which command runs, and how its end is told.
//!
//! Exit status: 0 done; 1 something failed, was refused or was found damaged; 2 the command line or the configuration is wrong.

mod backup;
mod compact;
mod config;
mod data;
mod demo;
mod export;
mod flush;
mod import;
mod progress;
mod repair;
mod retention;
mod sampling;
mod serve;
mod server;
mod source;
mod sql;
mod verify;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Distributed tracing in one binary: takes OTLP and Zipkin, stores every acknowledged span, answers in the browser, in
/// Jaeger's API and in SQL.
#[derive(Debug, Parser)]
#[command(name = "clew", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    serve: serve::ServeArgs,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "\
Examples:
  clew                                       start a server on ./data (the same as `clew serve`)
  clew serve --data-dir /var/lib/clew        start it on another directory
  clew import traces.otlp.zst                send a file of spans to it
  clew sql 'SELECT count(*) FROM spans'      ask it
  clew help serve                            every setting

Without --config, the file clew.yaml is read if it is there.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (what `clew` does without a command)
    Serve(serve::ServeArgs),
    /// Send files of spans to a running server
    Import(import::ImportArgs),
    /// Ask the stored spans a question in SQL
    Sql(sql::SqlArgs),
    /// Write the traces that a query finds to a file
    Export(export::ExportArgs),
    /// Drop spans that are too old
    Retention(retention::RetentionArgs),
    /// Check that all stored data is intact
    Verify(verify::VerifyArgs),
    /// Repair what is damaged, as far as that is possible
    Repair(repair::RepairArgs),
    /// Copy everything that is stored to another directory, also while the server runs
    Backup(backup::BackupArgs),
    /// Bring a backup back into an empty data directory
    Restore(backup::RestoreArgs),
    /// Merge small segments into large ones now
    Compact(compact::CompactArgs),
    /// Write all recent spans to segments now
    Flush(flush::FlushArgs),
    /// Send the traces of a small made-up shop, to have something to look at
    Demo(demo::DemoArgs),
    /// Try policies of sampling on what is stored
    #[command(subcommand)]
    Sampling(sampling::SamplingCommand),
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
    let cli = match parse() {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    match run(cli) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::from(1),
        Err(Failure::Failed(error)) => complain(&error, 1),
        Err(Failure::Misuse(error)) => complain(&error, 2),
    }
}

/// The settings, which every command of the server takes at the top as well, are shown by `clew help serve` only.
fn parse() -> Result<Cli, clap::Error> {
    let hide = |arg: clap::Arg| {
        let shown = ["help", "version"].contains(&arg.get_id().as_str());
        arg.hide(!shown)
    };
    let matches = Cli::command().mut_args(hide).get_matches();
    Cli::from_arg_matches(&matches)
}

fn run(cli: Cli) -> Result<Outcome, Failure> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => serve::run(&args),
        Command::Import(args) => block_on(import::run(args)),
        Command::Sql(args) => block_on(sql::run(args)),
        Command::Export(args) => block_on(export::run(args)),
        Command::Retention(args) => block_on(retention::run(args)),
        Command::Verify(args) => block_on(verify::run(args)),
        Command::Repair(args) => block_on(repair::run(args)),
        Command::Backup(args) => block_on(backup::backup(args)),
        Command::Restore(args) => block_on(backup::restore(args)),
        Command::Compact(args) => block_on(compact::run(args)),
        Command::Flush(args) => block_on(flush::run(args)),
        Command::Sampling(command) => block_on(sampling::run(command)),
        Command::Demo(args) => block_on(demo::run(args)),
        Command::Config(command) => config::run(&command),
        Command::Version => {
            say(&format!("clew {}", env!("CARGO_PKG_VERSION")));
            Ok(Outcome::Done)
        }
    }
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
