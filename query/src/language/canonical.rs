//! A tree as text: the same condition, written one way.

use std::fmt::{Display, Formatter, Result};

use super::key::{self, Subject};
use super::{Node, Term, Test, Value};
use crate::filter::Level;

impl Display for Node {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::All(parts) => joined(f, parts, " and ", |part| {
                matches!(part, Self::Any(_) | Self::All(_))
            }),
            Self::Any(parts) => joined(f, parts, " or ", |part| {
                matches!(part, Self::Any(_) | Self::All(_))
            }),
            Self::Not(part) => {
                f.write_str("not ")?;
                inner(f, part, matches!(**part, Self::All(_) | Self::Any(_)))
            }
            Self::Term(term) => term.fmt(f),
        }
    }
}

fn joined(
    f: &mut Formatter<'_>,
    parts: &[Node],
    between: &str,
    nested: impl Fn(&Node) -> bool,
) -> Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(between)?;
        }
        inner(f, part, nested(part))?;
    }
    Ok(())
}

fn inner(f: &mut Formatter<'_>, node: &Node, nested: bool) -> Result {
    if nested {
        write!(f, "({node})")
    } else {
        node.fmt(f)
    }
}

impl Display for Term {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match &self.test {
            Test::Holds => self.subject.fmt(f),
            Test::Exists => write!(f, "has:{}", self.subject),
            Test::Compare(op, values) => {
                if self.subject != Subject::Names {
                    write!(f, "{}{}", self.subject, op.sign())?;
                }
                for (place, value) in values.iter().enumerate() {
                    if place > 0 {
                        f.write_str("|")?;
                    }
                    value.write(f, self.subject == Subject::Names)?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Subject {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        match self {
            Self::Field(field) => f.write_str(field.name()),
            Self::Names => Ok(()),
            Self::Attribute(level, name) => {
                f.write_str(key::prefix(*level))?;
                let as_written = format!("{}{name}", key::prefix(*level));
                let bare = is_word(name)
                    && (*level != Level::Any || !is_of_the_language(name))
                    && Subject::of_key(&as_written).as_ref() == Ok(self);
                if bare {
                    f.write_str(name)
                } else {
                    quote(f, name)
                }
            }
        }
    }
}

impl Value {
    fn write(&self, f: &mut Formatter<'_>, always_quoted: bool) -> Result {
        let star = self.quoted && self.text.contains('*');
        // What has a wildcard was a word, and quotes would take it away.
        let bare = self.has_wildcard() || is_word(&self.text);
        if always_quoted || star || !bare {
            quote(f, &self.text)
        } else {
            f.write_str(&self.text)
        }
    }
}

/// True when `text` needs no quotes.
fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|sign| sign.is_ascii_alphanumeric() || "._/:@%+*-$#".contains(sign))
        && !text.starts_with('-')
}

/// True when a key would be taken for something else.
fn is_of_the_language(name: &str) -> bool {
    let words = ["and", "or", "not", "in", "exists"];
    words.iter().any(|word| name.eq_ignore_ascii_case(word)) || name.starts_with("has:")
}

fn quote(f: &mut Formatter<'_>, text: &str) -> Result {
    f.write_str("\"")?;
    for sign in text.chars() {
        match sign {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\t' => f.write_str("\\t")?,
            '\r' => f.write_str("\\r")?,
            other => write!(f, "{other}")?,
        }
    }
    f.write_str("\"")
}
