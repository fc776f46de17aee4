//! `clew export`: the traces that a query finds, in one file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use clew_storage::env::{Clock, SystemClock};
use indicatif::ProgressBar;
use serde_json::Value;

use super::source::{Source, SourceArgs};
use super::sql::TRUNCATED;
use super::{Failure, Misuse, Outcome};
use crate::client::Answer;
use crate::config::parse_duration;
use crate::serve::nanoseconds;

/// Traces of one page of a search.
const PAGE: usize = 500;

/// Level of zstd.
const ZSTD_LEVEL: i32 = 3;

/// Flags of `clew export`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct ExportArgs {
    /// The query, as in the search box [default: all traces]
    query: Option<String>,
    /// The file; `.parquet`, `.csv`, `.json` or `.jsonl`, which may end in `.zst`
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// Form of the file [default: by its name]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Only traces with a span that began so long ago at most, such as 1h
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    since: Option<Duration>,
    /// Traces at most, the newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    limit: usize,
    #[command(flatten)]
    source: SourceArgs,
}

const NOTES: &str = "\
OTLP is written as OTLP JSON, a trace a line, whole and as it was sent; `clew import` takes it back. Parquet and CSV are the rows of the table \
`spans`, all spans of each trace; for other columns or rows there is `clew sql --output`.

Who is asked: as for `clew sql`.";

/// Form of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// OTLP JSON, a trace a line
    Otlp,
    /// A Parquet file
    Parquet,
    /// Comma-separated, with a header
    Csv,
}

/// Runs the command.
pub(super) async fn run(args: ExportArgs) -> Result<Outcome, Failure> {
    let form = form(&args).map_err(Misuse)?;
    let mut source = Source::open(&args.source).await?;
    let exported = export(&mut source, &args, form).await;
    source.close().await?;
    let exported = exported?;
    eprintln!("{} traces in {}", exported.traces, args.output.display());
    if let Some(why) = &exported.incomplete {
        eprintln!("warning: {why}");
        return Ok(Outcome::Incomplete);
    }
    Ok(Outcome::Done)
}

/// Form of the file, and whether it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Form {
    format: Format,
    zstd: bool,
}

fn form(args: &ExportArgs) -> anyhow::Result<Form> {
    let named = of_name(&args.output);
    let format = args.format.or(named.map(|named| named.format));
    let format = format.ok_or_else(|| {
        anyhow!(
            "{} does not say what form it is to have: name it .parquet, .csv, .json or .jsonl, or say --format",
            args.output.display()
        )
    })?;
    let zstd = args.output.extension() == Some("zst".as_ref());
    if zstd && format == Format::Parquet {
        bail!("a Parquet file is compressed already: name it .parquet");
    }
    if args.limit == 0 {
        bail!("--limit 0 exports nothing");
    }
    Ok(Form { format, zstd })
}

fn of_name(path: &Path) -> Option<Form> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let (name, zstd) = match name.strip_suffix(".zst") {
        Some(name) => (name, true),
        None => (name.as_str(), false),
    };
    let format = match name.rsplit_once('.')?.1 {
        "parquet" => Format::Parquet,
        "csv" => Format::Csv,
        "json" | "jsonl" | "ndjson" => Format::Otlp,
        _ => return None,
    };
    Some(Form { format, zstd })
}

struct Exported {
    traces: usize,
    /// What is missing, if anything is.
    incomplete: Option<String>,
}

async fn export(source: &mut Source, args: &ExportArgs, form: Form) -> anyhow::Result<Exported> {
    let found = search(source, args).await?;
    let bytes = match form.format {
        Format::Otlp => otlp(source, &found.ids).await?,
        Format::Parquet => rows(source, &found.ids, "application/vnd.apache.parquet").await?,
        Format::Csv => rows(source, &found.ids, "text/csv").await?,
    };
    write(&args.output, &bytes, form.zstd)?;
    Ok(Exported {
        traces: found.ids.len(),
        incomplete: found.incomplete,
    })
}

#[derive(Default)]
struct Found {
    ids: Vec<String>,
    incomplete: Option<String>,
}

/// Ids of the traces, page by page.
async fn search(source: &mut Source, args: &ExportArgs) -> anyhow::Result<Found> {
    let since = args.since.map_or_else(String::new, |since| {
        let start = SystemClock::new().now_unix_nano();
        format!("&start={}", start.saturating_sub(nanoseconds(since)))
    });
    let query = encoded(args.query.as_deref().unwrap_or_default());
    let (mut found, mut cursor) = (Found::default(), String::new());
    loop {
        let limit = PAGE.min(args.limit - found.ids.len());
        let path = format!("/api/clew/v1/search?q={query}{since}&limit={limit}{cursor}");
        let page = json(&source.get(&path).await?.ok()?)?;
        let traces = page["traces"].as_array().map_or(&[][..], Vec::as_slice);
        let ids = traces.iter().filter_map(|trace| trace["trace_id"].as_str());
        found.ids.extend(ids.map(str::to_owned));
        if page["coverage"]["complete"] == Value::Bool(false) {
            found.incomplete = Some(format!(
                "the search has not seen everything: {}",
                page["coverage"]["reasons"]
            ));
        }
        let Some(next) = page["next_cursor"].as_str() else {
            return Ok(found);
        };
        if found.ids.len() >= args.limit {
            found.incomplete = Some(format!(
                "there are more traces than {}; --limit takes more",
                args.limit
            ));
            return Ok(found);
        }
        cursor = format!("&cursor={}", encoded(next));
    }
}

fn json(answer: &Answer) -> anyhow::Result<Value> {
    serde_json::from_slice(&answer.body).context("the answer cannot be read")
}

/// A trace a line.
async fn otlp(source: &mut Source, ids: &[String]) -> anyhow::Result<Vec<u8>> {
    let bar = ProgressBar::new(ids.len() as u64);
    let mut lines = Vec::new();
    for id in ids {
        let answer = source.get(&format!("/api/clew/v1/traces/{id}/otlp")).await;
        let trace: Box<serde_json::value::RawValue> =
            serde_json::from_slice(&answer?.ok()?.body).context("a trace cannot be read")?;
        serde_json::to_writer(&mut lines, &trace).context("a trace cannot be written")?;
        lines.push(b'\n');
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(lines)
}

/// The rows of `spans` of the traces.
async fn rows(
    source: &mut Source,
    ids: &[String],
    media_type: &'static str,
) -> anyhow::Result<Vec<u8>> {
    let ids: Vec<String> = ids.iter().map(|id| format!("'{id}'")).collect();
    let of_ids = match ids.len() {
        0 => "false".to_owned(),
        _ => format!("trace_id IN ({})", ids.join(", ")),
    };
    let statement = format!("SELECT * FROM spans WHERE {of_ids} ORDER BY trace_id, start_time");
    let answer = source.ask(media_type, &statement).await?.ok()?;
    if answer.headers.contains_key(TRUNCATED) {
        bail!(
            "these traces have more rows than one statement may return; take fewer (--limit, --since), export OTLP, or raise \
             query.sql.rows_max and query.sql.result_size_max"
        );
    }
    Ok(answer.body.to_vec())
}

fn write(path: &Path, bytes: &[u8], zstd: bool) -> anyhow::Result<()> {
    let cannot = || format!("cannot write {}", path.display());
    if !zstd {
        return fs::write(path, bytes).with_context(cannot);
    }
    let file = fs::File::create(path).with_context(cannot)?;
    let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL).with_context(cannot)?;
    encoder.write_all(bytes).with_context(cannot)?;
    encoder.finish().map(|_| ()).with_context(cannot)
}

/// Text as part of a query of an address.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_of_the_form_that_its_name_says() {
        let form = |format, zstd| Some(Form { format, zstd });
        for (name, expected) in [
            ("a.csv", form(Format::Csv, false)),
            ("a.CSV.zst", form(Format::Csv, true)),
            ("x/a.otlp.jsonl.zst", form(Format::Otlp, true)),
            ("a.parquet", form(Format::Parquet, false)),
            ("a.zst", None),
            ("a", None),
        ] {
            assert_eq!(of_name(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn a_query_goes_into_an_address_whole() {
        assert_eq!(encoded("a b&c=\"é\"%"), "a%20b%26c%3D%22%C3%A9%22%25");
    }
}
