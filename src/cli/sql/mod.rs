//! `clew sql`: questions to a running server, or to a data directory that no server uses.

mod complete;
mod prompt;
mod table;

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use serde_json::Value;

use super::source::{Source, SourceArgs};
use super::{Failure, Misuse, Outcome, say};
use crate::client::Answer;

/// Header or trailer field by which a server says that it cut a result off.
pub(super) const TRUNCATED: &str = "x-clew-truncated";

/// Characters of a cell that are shown on a terminal.
const TERMINAL_CELL_CHARS: usize = 80;

/// Flags of `clew sql`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct SqlArgs {
    /// The statement [default: standard input; a prompt, if that is a terminal]
    query: Option<String>,
    /// Read the statement from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Form of the result [default: by the name of --output, else table]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Write the result to a file
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
}

const NOTES: &str = "\
Tables: spans, span_attributes, traces, events, links, span_tree, span_metrics, service_edges; `SHOW TABLES` and `DESCRIBE spans` tell more. \
Attributes: attributes['http.route'].

Who is asked: the server at --url, if given; the server that uses the data directory; the data directory itself, if no server \
uses it; else a server on this machine at the usual port.";

/// Form of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Columns for a person to read
    Table,
    /// One JSON document with columns, rows and figures
    Json,
    /// One JSON object a row
    Ndjson,
    /// Comma-separated, with a header
    Csv,
    /// A Parquet file
    Parquet,
    /// An Arrow IPC stream
    Arrow,
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.stream",
        }
    }

    /// The form that a file's name ends with.
    fn of_name(path: &Path) -> Option<Self> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        Some(match ending.as_str() {
            "json" => Self::Json,
            "ndjson" | "jsonl" => Self::Ndjson,
            "csv" => Self::Csv,
            "parquet" => Self::Parquet,
            "arrow" | "arrows" => Self::Arrow,
            "txt" => Self::Table,
            _ => return None,
        })
    }

    /// True when a terminal cannot show it.
    fn is_binary(self) -> bool {
        matches!(self, Self::Parquet | Self::Arrow)
    }
}

/// Runs the command.
pub(super) async fn run(args: SqlArgs) -> Result<Outcome, Failure> {
    let asks = args.query.is_some() || args.file.is_some();
    if !asks && io::stdin().is_terminal() && io::stdout().is_terminal() && args.output.is_none() {
        let mut source = Source::open(&args.source).await?;
        let ended = prompt::run(&mut source, args.format.unwrap_or(Format::Table)).await;
        source.close().await?;
        ended?;
        return Ok(Outcome::Done);
    }
    let format = format(&args).map_err(Misuse)?;
    let statement = statement(&args).map_err(Misuse)?;
    let mut source = Source::open(&args.source).await?;
    let answer = source.ask(format.media_type(), &statement).await;
    source.close().await?;
    let answer = answer?;
    if !answer.status.is_success() {
        return Err(anyhow!("{}", refusal(&answer, &statement)).into());
    }
    write(&answer, format, args.output.as_deref())?;
    if let Some(warning) = warning(&answer) {
        eprintln!("{warning}");
    }
    Ok(Outcome::Done)
}

fn format(args: &SqlArgs) -> anyhow::Result<Format> {
    let named = args.output.as_deref().and_then(Format::of_name);
    let format = args.format.or(named).unwrap_or(Format::Table);
    if format.is_binary() && args.output.is_none() && io::stdout().is_terminal() {
        bail!("a terminal cannot show this form; name a file with --output");
    }
    Ok(format)
}

fn statement(args: &SqlArgs) -> anyhow::Result<String> {
    let text = match (&args.query, &args.file) {
        (Some(query), _) => query.clone(),
        (None, Some(path)) => {
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?
        }
        (None, None) => {
            let mut text = String::new();
            io::stdin()
                .read_to_string(&mut text)
                .context("cannot read standard input")?;
            text
        }
    };
    let text = text.trim().trim_end_matches(';').to_owned();
    if text.is_empty() {
        bail!("there is no statement; `clew sql 'SELECT count(*) FROM spans'`");
    }
    Ok(text)
}

/// Writes a result to a file or to standard output.
fn write(answer: &Answer, format: Format, output: Option<&Path>) -> anyhow::Result<()> {
    let bytes = if matches!(format, Format::Table) {
        let to_terminal = output.is_none() && io::stdout().is_terminal();
        let mut text = shown(answer, to_terminal)?;
        text.push('\n');
        text.into_bytes().into()
    } else {
        answer.body.clone()
    };
    if let Some(path) = output {
        return fs::write(path, &bytes).with_context(|| format!("cannot write {}", path.display()));
    }
    // A reader that has gone away is no fault of the command.
    let _ = io::stdout().lock().write_all(&bytes);
    Ok(())
}

/// The table in an answer of JSON.
fn shown(answer: &Answer, to_terminal: bool) -> anyhow::Result<String> {
    let result = serde_json::from_slice(&answer.body).context("the answer cannot be read")?;
    let width_max = if to_terminal {
        TERMINAL_CELL_CHARS
    } else {
        usize::MAX
    };
    table::render(&result, width_max)
}

/// What to say of a result that was cut off.
fn warning(answer: &Answer) -> Option<String> {
    let limit = answer.headers.get(TRUNCATED)?.to_str().unwrap_or_default();
    Some(format!(
        "warning: the result was cut off at the limit of {limit}"
    ))
}

/// What the server says against the statement, with the place in it.
fn refusal(answer: &Answer, statement: &str) -> String {
    let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let position = json.pointer("/error/position").and_then(Value::as_u64);
    let place = position.and_then(|position| pointed(statement, position as usize));
    answer.message() + &place.unwrap_or_default()
}

/// The line of the statement at byte `position`, with a mark below it.
fn pointed(statement: &str, position: usize) -> Option<String> {
    let before = statement.get(..position)?;
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = statement[start..].lines().next()?;
    let indent = statement[start..position].chars().count();
    Some(format!("\n  {line}\n  {:indent$}^", ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_error_is_pointed_at() {
        let check = |position, expected: Option<&str>| {
            assert_eq!(
                pointed("SELECT 'é'\nFROM spams", position).as_deref(),
                expected,
                "{position}"
            );
        };
        check(0, Some("\n  SELECT 'é'\n  ^"));
        check(10, Some("\n  SELECT 'é'\n           ^"));
        check(17, Some("\n  FROM spams\n       ^"));
        check(9, None);
        check(100, None);
    }

    #[test]
    fn a_file_is_of_the_form_that_its_name_says() {
        for (name, format) in [
            ("a.csv", Some(Format::Csv)),
            ("a.b/c.PARQUET", Some(Format::Parquet)),
            ("a.jsonl", Some(Format::Ndjson)),
            ("csv", None),
            ("a.sql", None),
        ] {
            assert_eq!(Format::of_name(Path::new(name)), format, "{name}");
        }
    }
}
