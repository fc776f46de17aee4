//! What the prompt knows while a statement is typed: where it ends, and how a word may go on.

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

/// Words of SQL that are worth completing.
const KEYWORDS: [&str; 61] = [
    "ALL",
    "AND",
    "AS",
    "ASC",
    "BETWEEN",
    "BY",
    "CASE",
    "CAST",
    "CROSS",
    "CURRENT",
    "DESC",
    "DESCRIBE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXISTS",
    "EXPLAIN",
    "FALSE",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "INTERVAL",
    "IS",
    "JOIN",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "QUALIFY",
    "RIGHT",
    "ROWS",
    "SELECT",
    "SHOW",
    "TABLES",
    "THEN",
    "TIMESTAMP",
    "TRUE",
    "UNION",
    "USING",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
];

/// Words behind which a table stands.
const BEFORE_TABLES: [&str; 4] = ["FROM", "JOIN", "DESCRIBE", "\\D"];

/// Names that a statement can use.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Tables.
    pub(super) tables: Vec<String>,
    /// Columns of all tables.
    pub(super) columns: Vec<String>,
    /// Functions.
    pub(super) functions: Vec<String>,
}

impl Names {
    /// The ways in which the word before `end` may go on, and where it begins.
    fn completions(&self, line: &str, end: usize) -> (usize, Vec<Pair>) {
        let before = &line[..end];
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let start = before
            .char_indices()
            .rev()
            .find(|(_, c)| !is_part(*c))
            .map_or(0, |(at, c)| at + c.len_utf8());
        let word = &before[start..];
        if in_text(&before[..start]) {
            return (start, Vec::new());
        }
        let previous = before[..start].split_whitespace().next_back();
        let previous = previous.unwrap_or_default().to_uppercase();
        let tables = self.tables.iter().map(|name| (name.clone(), name.clone()));
        let mut pairs: Vec<(String, String)> = tables.collect();
        if !BEFORE_TABLES.contains(&previous.as_str()) {
            if word.is_empty() {
                return (start, Vec::new());
            }
            pairs.extend(self.columns.iter().map(|name| (name.clone(), name.clone())));
            let functions = self.functions.iter();
            pairs.extend(functions.map(|name| (format!("{name}()"), format!("{name}("))));
            // Keywords are written as the word was begun.
            let lower = word.chars().all(char::is_lowercase);
            pairs.extend(KEYWORDS.iter().map(|word| {
                let word = if lower {
                    word.to_lowercase()
                } else {
                    (*word).to_owned()
                };
                (word.clone(), word)
            }));
        }
        let begins = word.to_lowercase();
        pairs.retain(|(_, written)| written.to_lowercase().starts_with(&begins));
        pairs.sort();
        pairs.dedup();
        let pairs = pairs.into_iter().map(|(display, replacement)| Pair {
            display,
            replacement,
        });
        (start, pairs.collect())
    }
}

/// True when `text` ends inside quotes.
fn in_text(text: &str) -> bool {
    matches!(scan(text), End::Quoted)
}

/// True when nothing is missing: a command, nothing at all, or a statement with its semicolon.
pub(super) fn is_complete(text: &str) -> bool {
    let text = text.trim();
    let is_command = text.is_empty()
        || text.starts_with('\\')
        || ["quit", "exit", "help"].contains(&text.to_lowercase().as_str());
    is_command || matches!(scan(text), End::Semicolon)
}

/// How a piece of SQL ends.
enum End {
    /// With a semicolon, and nothing but space and comments behind it.
    Semicolon,
    /// Inside quotes or a comment of several lines.
    Quoted,
    Open,
}

fn scan(text: &str) -> End {
    let mut end = End::Open;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            match comment.find("*/") {
                Some(length) => length + 4,
                None => return End::Quoted,
            }
        } else if first == '\'' || first == '"' {
            match rest[1..].find(first) {
                // A doubled quote opens the next piece of the same text, which is scanned as one of its own.
                Some(length) => {
                    end = End::Open;
                    length + 2
                }
                None => return End::Quoted,
            }
        } else {
            if first == ';' {
                end = End::Semicolon;
            } else if !first.is_whitespace() {
                end = End::Open;
            }
            first.len_utf8()
        };
        rest = &rest[skipped..];
    }
    end
}

impl Completer for Names {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        pos: usize,
        _ctx: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        Ok(self.completions(line, pos))
    }
}

impl Validator for Names {
    fn validate(&self, ctx: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_complete(ctx.input()) {
            ValidationResult::Valid(None)
        } else {
            ValidationResult::Incomplete
        })
    }
}

impl Hinter for Names {
    type Hint = String;
}

impl Highlighter for Names {}

impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_ends_with_a_semicolon_outside_of_quotes_and_comments() {
        for text in [
            "",
            "  ",
            "SELECT 1;",
            "SELECT ';';",
            "SELECT 'it''s' ; -- done",
            "SELECT 1; /* done */ ",
            "\\d spans",
            "quit",
        ] {
            assert!(is_complete(text), "{text}");
        }
        for text in [
            "SELECT 1",
            "SELECT ';",
            "SELECT 1 -- ;",
            "SELECT 1 /* ;",
            "SELECT \"a;",
            "SELECT 1; SELECT",
            "SELECT 'it''s;",
        ] {
            assert!(!is_complete(text), "{text}");
        }
    }

    #[test]
    fn a_word_goes_on_as_table_column_function_or_keyword() {
        let names = Names {
            tables: vec!["spans".to_owned(), "span_tree".to_owned()],
            columns: vec!["span_id".to_owned(), "start_time".to_owned()],
            functions: vec!["sum".to_owned(), "span_id".to_owned()],
        };
        let check = |line: &str, start: usize, expected: &[&str]| {
            let (at, pairs) = names.completions(line, line.len());
            let found: Vec<_> = pairs.iter().map(|pair| pair.replacement.as_str()).collect();
            assert_eq!((at, found.as_slice()), (start, expected), "{line}");
        };
        check("SELECT sta", 7, &["start_time"]);
        check("SELECT su", 7, &["sum("]);
        check("sel", 0, &["select"]);
        check("SEL", 0, &["SELECT"]);
        check("SELECT * FROM ", 14, &["span_tree", "spans"]);
        check("SELECT * from spa", 14, &["span_tree", "spans"]);
        check("\\d span_", 3, &["span_tree"]);
        check("SELECT count(span_i", 13, &["span_id", "span_id("]);
        check("SELECT 'sta", 8, &[]);
        check("SELECT ", 7, &[]);
        check("SELECT é", 7, &[]);
    }
}
