//! The prompt of `clew sql`: statements of several lines, history, and words that complete themselves.

use std::path::PathBuf;

use anyhow::{Context, anyhow};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{CompletionType, Config, Editor};
use serde_json::Value;

use super::complete::Names;
use super::{Format, refusal, say, shown, warning};
use crate::cli::source::Source;

/// Statements that are remembered.
const HISTORY_MAX: usize = 1_000;

const PROMPT: &str = "clew> ";

const HELP: &str = "\
A statement ends with a semicolon and may have several lines. Tab completes names, the arrow keys go through what was asked before,
Ctrl-C drops the line or ends the statement that runs.

  \\d            tables
  \\d TABLE      columns of a table
  \\format FORM  table, json, ndjson or csv
  \\q            leave (also Ctrl-D)";

type Prompt = Editor<Names, FileHistory>;

/// What was typed.
enum Typed {
    Nothing,
    Leave,
    Help,
    Format(String),
    Statement(String),
}

/// Asks and answers until the person leaves.
pub(super) async fn run(source: &mut Source, format: Format) -> anyhow::Result<()> {
    let config = Config::builder()
        .max_history_size(HISTORY_MAX)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Prompt::with_config(config).context("the prompt cannot start")?;
    editor.set_helper(Some(names(source).await?));
    let history = history_file();
    if let Some(path) = &history {
        // There is none before the first time.
        let _ = editor.load_history(path);
    }
    say("Type a statement and a semicolon; \\? for help, \\q to leave.");
    let mut format = format;
    loop {
        let (back, line) = read(editor).await?;
        editor = back;
        let text = match line {
            Ok(text) => text,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("the terminal cannot be read"),
        };
        if !text.trim().is_empty() {
            editor.add_history_entry(text.as_str())?;
        }
        match typed(&text) {
            Typed::Nothing => {}
            Typed::Leave => break,
            Typed::Help => say(HELP),
            Typed::Format(name) => match clap::ValueEnum::from_str(&name, true) {
                Ok(named) if !Format::is_binary(named) => format = named,
                _ => eprintln!("a form is one of table, json, ndjson, csv"),
            },
            Typed::Statement(statement) => answer(source, format, &statement).await,
        }
    }
    if let Some(path) = &history
        && let Err(error) = editor.save_history(path)
    {
        eprintln!("the history cannot be kept in {}: {error}", path.display());
    }
    Ok(())
}

/// Reads a line on a thread that may block, while the connection is served.
async fn read(mut editor: Prompt) -> anyhow::Result<(Prompt, Result<String, ReadlineError>)> {
    tokio::task::spawn_blocking(move || {
        let line = editor.readline(PROMPT);
        (editor, line)
    })
    .await
    .context("the prompt broke off")
}

fn typed(text: &str) -> Typed {
    let text = text.trim();
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let rest = rest.trim().trim_end_matches(';');
    match word.to_lowercase().trim_end_matches(';') {
        "" => Typed::Nothing,
        "\\q" | "quit" | "exit" => Typed::Leave,
        "\\?" | "\\h" | "help" => Typed::Help,
        "\\format" | "\\f" => Typed::Format(rest.to_owned()),
        "\\d" if rest.is_empty() => Typed::Statement("SHOW TABLES".to_owned()),
        "\\d" => Typed::Statement(format!("DESCRIBE {rest}")),
        _ if text.starts_with('\\') => Typed::Help,
        _ => Typed::Statement(text.trim_end_matches(';').to_owned()),
    }
}

/// Runs a statement and shows what comes of it. Ctrl-C ends it.
async fn answer(source: &mut Source, format: Format, statement: &str) {
    let asking = source.ask(format.media_type(), statement);
    let answered = tokio::select! {
        answered = asking => answered,
        _ = tokio::signal::ctrl_c() => Err(anyhow!("ended")),
    };
    let result = answered.and_then(|answer| {
        if !answer.status.is_success() {
            return Err(anyhow!("{}", refusal(&answer, statement)));
        }
        if format == Format::Table {
            say(&shown(&answer, true)?);
        } else {
            say(String::from_utf8_lossy(&answer.body).trim_end());
        }
        if let Some(warning) = warning(&answer) {
            eprintln!("{warning}");
        }
        Ok(())
    });
    if let Err(error) = result {
        eprintln!("{error:#}");
    }
}

/// Names of tables, columns and functions, asked for like anything else.
async fn names(source: &mut Source) -> anyhow::Result<Names> {
    let column = async |source: &mut Source, statement: &str| -> anyhow::Result<Vec<String>> {
        let answer = source
            .ask(Format::Json.media_type(), statement)
            .await?
            .ok()?;
        let json: Value = serde_json::from_slice(&answer.body)?;
        let rows = json["rows"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let names = rows.iter().filter_map(|row| row[0].as_str());
        Ok(names.map(str::to_owned).collect())
    };
    Ok(Names {
        tables: column(source, "SHOW TABLES").await?,
        columns: column(
            source,
            "SELECT DISTINCT column_name FROM information_schema.columns WHERE table_schema = 'public' ORDER BY column_name",
        )
        .await?,
        functions: column(
            source,
            "SELECT DISTINCT routine_name FROM information_schema.routines ORDER BY routine_name",
        )
        .await?,
    })
}

/// Where statements are remembered: the state directory of the person.
fn history_file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let state = match set("XDG_STATE_HOME") {
        Some(state) => PathBuf::from(state),
        None => PathBuf::from(set("HOME")?).join(".local/state"),
    };
    let directory = state.join("clew");
    std::fs::create_dir_all(&directory).ok()?;
    Some(directory.join("sql_history"))
}
