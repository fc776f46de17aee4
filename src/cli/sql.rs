//! `clew sql`: a question to a running server, or to a data directory that no server uses.

use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use axum::body::Body;
use clap::{Args, ValueEnum};
use http::header::{ACCEPT, CONTENT_TYPE};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use super::data::{DataArgs, running_server};
use super::server::CredentialArgs;
use super::{Failure, Misuse, Outcome, say, table};
use crate::client::{Answer, Call, Client, Url};
use crate::config::Loaded;
use crate::serve::{open_store, query_service};

/// Where a server is looked for when nothing says where.
const DEFAULT_URL: &str = "http://127.0.0.1:16686";

/// Longest wait for an answer; the server's own limit is shorter.
const TIMEOUT: Duration = Duration::from_hours(1);

/// Path of the SQL API.
const PATH: &str = "/api/sql";

/// Header field by which a server says that it cut a result off.
const TRUNCATED: &str = "x-clew-truncated";

/// Flags of `clew sql`.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct SqlArgs {
    /// The statement [default: standard input]
    query: Option<String>,
    /// Read the statement from a file
    #[arg(long, short, value_name = "FILE", conflicts_with = "query")]
    file: Option<PathBuf>,
    /// Form of the result
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Ask the server at this address
    #[arg(long, value_name = "URL", env = "CLEW_URL", help_heading = "Server")]
    url: Option<Url>,
    #[command(flatten)]
    credentials: CredentialArgs,
    #[command(flatten)]
    data: DataArgs,
}

const NOTES: &str = "\
Tables: spans (one row a span) and traces. Attributes: attributes['http.route'].

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
}

impl Format {
    fn media_type(self) -> &'static str {
        match self {
            Self::Table | Self::Json => "application/json",
            Self::Ndjson => "application/x-ndjson",
            Self::Csv => "text/csv",
        }
    }
}

/// Runs the command.
pub(super) async fn run(args: SqlArgs) -> Result<Outcome, Failure> {
    let statement = statement(&args).map_err(Misuse)?;
    let answer = ask(&args, &statement).await?;
    if !answer.status.is_success() {
        return Err(anyhow!("{}", refusal(&answer, &statement)).into());
    }
    if args.format == Format::Table {
        let result = serde_json::from_slice(&answer.body).context("the answer cannot be read")?;
        say(&table::render(&result)?);
    } else {
        // A reader that has gone away is no fault of the command.
        let _ = io::stdout().lock().write_all(&answer.body);
    }
    if let Some(limit) = answer.headers.get(TRUNCATED) {
        eprintln!(
            "warning: the result was cut off at the limit of {}",
            limit.to_str().unwrap_or_default()
        );
    }
    Ok(Outcome::Done)
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

async fn ask(args: &SqlArgs, statement: &str) -> Result<Answer, Failure> {
    if let Some(url) = &args.url {
        return Ok(ask_url(args, url, statement).await?);
    }
    let loaded = args.data.load()?;
    let body = json!({ "query": statement }).to_string();
    if let Some(mut client) = running_server(&loaded).await? {
        return Ok(client.call(&call(args.format, body)).await?);
    }
    if args.data.is_given() || loaded.config.data_dir.is_dir() {
        return Ok(ask_directory(&loaded, args.format, body).await?);
    }
    let url = DEFAULT_URL.parse().expect("a constant address");
    let answer = ask_url(args, &url, statement).await;
    Ok(answer.context("no data directory is named, and no server was found at the usual port")?)
}

fn call(format: Format, body: String) -> Call {
    Call::post(PATH, "application/json", body).with(ACCEPT, format.media_type())
}

async fn ask_url(args: &SqlArgs, url: &Url, statement: &str) -> anyhow::Result<Answer> {
    let token = args.credentials.token()?;
    let mut client = Client::new(url, token, &args.credentials.trust(), TIMEOUT)?;
    client
        .call(&call(
            args.format,
            json!({ "query": statement }).to_string(),
        ))
        .await
}

/// Asks a directory that no server uses, through the same routes that a server has.
async fn ask_directory(loaded: &Loaded, format: Format, body: String) -> anyhow::Result<Answer> {
    let config = &loaded.config;
    if !config.data_dir.is_dir() {
        bail!("there is no directory {}", config.data_dir.display());
    }
    let (store, _) = open_store(config).context("the data directory cannot be opened")?;
    let router = clew_query::router(query_service(config, &store));
    let request = http::Request::post(PATH)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT, format.media_type())
        .body(Body::from(body))
        .context("the request cannot be made")?;
    let (parts, body) = router.oneshot(request).await?.into_parts();
    let body = body
        .collect()
        .await
        .context("the result broke off")?
        .to_bytes();
    store
        .close()
        .await
        .context("the data directory cannot be closed")?;
    Ok(Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    })
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
}
