//! Text to tree, by recursive descent; the grammar is that of `docs/query-language.md`.

use super::key::{self, Sort, Subject};
use super::scan::{Scanner, ends_key};
use super::{DEPTH_MAX, Node, Op, Order, TERMS_MAX, TEXT_BYTES_MAX, Term, Test, Value};
use crate::error::QueryError;

/// Comparisons, those first that begin like another.
const OPS: [(&str, Op); 8] = [
    ("!=", Op::IsNot),
    ("!~", Op::MatchesNot),
    ("<=", Op::Order(Order::AtMost)),
    (">=", Op::Order(Order::AtLeast)),
    ("<", Op::Order(Order::Below)),
    (">", Op::Order(Order::Above)),
    ("=", Op::Is),
    ("~", Op::Matches),
];

/// Reads a query. Terms side by side, and all of an empty query, are [`Node::All`].
///
/// # Errors
/// When it does not follow the grammar or is over a limit; says what was found, what was expected, and where.
pub(crate) fn parse(text: &str) -> Result<Node, QueryError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(QueryError::limit(
            format!(
                "the query has {} bytes; the limit is {TEXT_BYTES_MAX}",
                text.len()
            ),
            "ask for less at once",
        ));
    }
    let mut parser = Parser {
        scanner: Scanner::new(text),
        depth: 0,
        terms: 0,
    };
    parser.scanner.blanks();
    if parser.scanner.peek().is_none() {
        return Ok(Node::All(Vec::new()));
    }
    let node = parser.or()?;
    match parser.scanner.peek() {
        None => Ok(node),
        Some(sign) => Err(QueryError::at(
            parser.scanner.at(),
            format!("`{sign}` has no place here"),
            match sign {
                ')' => "remove it, or open a parenthesis before",
                _ => "put text with signs in quotes",
            },
        )),
    }
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    depth: usize,
    terms: usize,
}

impl Parser<'_> {
    fn or(&mut self) -> Result<Node, QueryError> {
        let mut parts = vec![self.and()?];
        loop {
            self.scanner.blanks();
            if !(self.scanner.take("||") || self.scanner.take_word("or")) {
                break;
            }
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Node::Any))
    }

    fn and(&mut self) -> Result<Node, QueryError> {
        let mut parts = vec![self.not()?];
        loop {
            self.scanner.blanks();
            if !(self.scanner.take("&&") || self.scanner.take_word("and")) && self.and_ends() {
                break;
            }
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Node::All))
    }

    /// True when no further term follows side by side.
    fn and_ends(&mut self) -> bool {
        let start = self.scanner.at();
        let or = self.scanner.take_word("or");
        self.scanner.go(start);
        or || matches!(self.scanner.peek(), None | Some(')' | '|'))
    }

    fn not(&mut self) -> Result<Node, QueryError> {
        self.scanner.blanks();
        let negated =
            self.scanner.take("!") || self.scanner.take("-") || self.scanner.take_word("not");
        if negated {
            return self.deeper(|parser| Ok(Node::Not(Box::new(parser.not()?))));
        }
        if !self.scanner.take("(") {
            return self.term();
        }
        self.deeper(|parser| {
            let node = parser.or()?;
            parser.scanner.blanks();
            if parser.scanner.take(")") {
                return Ok(node);
            }
            Err(QueryError::at(
                parser.scanner.at(),
                "a parenthesis is not closed",
                "write ) after the last term that belongs into it",
            ))
        })
    }

    fn deeper(
        &mut self,
        inner: impl FnOnce(&mut Self) -> Result<Node, QueryError>,
    ) -> Result<Node, QueryError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(QueryError::limit(
                format!("the query is nested deeper than {DEPTH_MAX} levels"),
                "write it with fewer parentheses",
            ));
        }
        let node = inner(self);
        self.depth -= 1;
        node
    }

    fn term(&mut self) -> Result<Node, QueryError> {
        let at = self.scanner.at();
        self.count()?;
        if let Some(has) = self.has()? {
            return Ok(has);
        }
        let (subject, quoted) = self.key()?;
        self.scanner.blanks();
        if let Some(op) = self.op() {
            let values = self.values(op)?;
            return Ok(comparison(at, subject, op, values));
        }
        if self.scanner.take_word("exists") {
            return exists(at, subject);
        }
        if let Some(values) = self.list()? {
            return Ok(comparison(at, subject, Op::Is, values));
        }
        alone(at, subject, quoted)
    }

    fn count(&mut self) -> Result<(), QueryError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(QueryError::limit(
                format!("the query has more than {TERMS_MAX} terms"),
                "ask for less at once",
            ));
        }
        Ok(())
    }

    /// `has:key`
    fn has(&mut self) -> Result<Option<Node>, QueryError> {
        let at = self.scanner.at();
        if !self.scanner.take("has:") {
            return Ok(None);
        }
        let (subject, _) = self.key()?;
        exists(at, subject).map(Some)
    }

    /// A key, and the text of it when it is wholly in quotes.
    fn key(&mut self) -> Result<(Subject, Option<String>), QueryError> {
        let at = self.scanner.at();
        if let Some(text) = self.scanner.quoted()? {
            let subject = Subject::Attribute(crate::filter::Level::Any, text.clone());
            return Ok((subject, Some(text)));
        }
        let word = self.scanner.until(ends_key);
        if word.is_empty() {
            return Err(self.expected_term());
        }
        if let Some((level, "")) = key::level(word)
            && let Some(name) = self.scanner.quoted()?
        {
            return Ok((Subject::Attribute(level, name), None));
        }
        let subject = Subject::of_key(word).map_err(|message| {
            QueryError::at(at, message, "quote a key that has another meaning")
        })?;
        Ok((subject, None))
    }

    fn expected_term(&self) -> QueryError {
        let found = match self.scanner.peek() {
            None => "the query ends where a term is expected".to_owned(),
            Some(sign) => format!("`{sign}` where a term is expected"),
        };
        QueryError::at(
            self.scanner.at(),
            found,
            "a term is like service=cart, duration>250ms, error or has:db.system",
        )
    }

    fn op(&mut self) -> Option<Op> {
        OPS.into_iter()
            .find(|(sign, _)| self.scanner.take(sign))
            .map(|(_, op)| op)
    }

    fn values(&mut self, op: Op) -> Result<Vec<Value>, QueryError> {
        let mut values = vec![self.value(false)?];
        // `|` is of the language only where a choice makes sense; `||` is an or.
        while matches!(op, Op::Is | Op::IsNot)
            && self.scanner.rest().starts_with('|')
            && !self.scanner.rest().starts_with("||")
        {
            self.scanner.take("|");
            self.count()?;
            values.push(self.value(false)?);
        }
        Ok(values)
    }

    /// `in (a, b)`
    fn list(&mut self) -> Result<Option<Vec<Value>>, QueryError> {
        let start = self.scanner.at();
        if !self.scanner.take_word("in") {
            return Ok(None);
        }
        self.scanner.blanks();
        if !self.scanner.take("(") {
            self.scanner.go(start);
            return Ok(None);
        }
        let mut values = vec![self.value(true)?];
        loop {
            self.scanner.blanks();
            if self.scanner.take(")") {
                return Ok(Some(values));
            }
            if !self.scanner.take(",") {
                return Err(QueryError::at(
                    self.scanner.at(),
                    "the list of `in` goes on with neither , nor )",
                    "a list is like in (200, 204, \"not found\")",
                ));
            }
            self.count()?;
            values.push(self.value(true)?);
        }
    }

    fn value(&mut self, in_list: bool) -> Result<Value, QueryError> {
        self.scanner.blanks();
        let at = self.scanner.at();
        if let Some(text) = self.scanner.quoted()? {
            let quoted = true;
            return Ok(Value { at, text, quoted });
        }
        let text = self
            .scanner
            .until(|sign| sign.is_whitespace() || "()|".contains(sign) || (in_list && sign == ','));
        if self.scanner.peek() == Some('(') {
            return Err(QueryError::at(
                self.scanner.at(),
                "a parenthesis inside a value",
                "put a value with parentheses in quotes",
            ));
        }
        if text.is_empty() {
            return Err(QueryError::at(
                at,
                "a value is missing",
                "a value is a word, or text in quotes; \"\" is empty text",
            ));
        }
        Ok(Value {
            at,
            text: text.to_owned(),
            quoted: false,
        })
    }
}

fn one_or(mut parts: Vec<Node>, several: impl FnOnce(Vec<Node>) -> Node) -> Node {
    if parts.len() == 1 {
        parts.remove(0)
    } else {
        several(parts)
    }
}

/// A comparison; that of a flag with `true` or `false` is the flag itself.
fn comparison(at: usize, subject: Subject, op: Op, values: Vec<Value>) -> Node {
    let flag = matches!(subject, Subject::Field(field) if field.sort() == Sort::Flag);
    let truth = match values.as_slice() {
        [value] if flag => match value.text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        },
        _ => None,
    };
    let holds = match (op, truth) {
        (Op::Is, Some(truth)) => truth,
        (Op::IsNot, Some(truth)) => !truth,
        _ => {
            let test = Test::Compare(op, values);
            return Node::Term(Term { at, subject, test });
        }
    };
    let test = Test::Holds;
    let term = Node::Term(Term { at, subject, test });
    if holds {
        term
    } else {
        Node::Not(Box::new(term))
    }
}

fn exists(at: usize, subject: Subject) -> Result<Node, QueryError> {
    if let Subject::Field(field) = subject
        && !field.may_miss()
    {
        return Err(QueryError::at(
            at,
            format!("`{}` is always there", field.name()),
            format!("has:\"{}\" asks for an attribute of that key", field.name()),
        ));
    }
    let test = Test::Exists;
    Ok(Node::Term(Term { at, subject, test }))
}

/// A key without a comparison: a flag, or text in quotes.
fn alone(at: usize, subject: Subject, quoted: Option<String>) -> Result<Node, QueryError> {
    if let Some(text) = quoted {
        let value = Value {
            at,
            text,
            quoted: true,
        };
        let test = Test::Compare(Op::Is, vec![value]);
        let subject = Subject::Names;
        return Ok(Node::Term(Term { at, subject, test }));
    }
    match subject {
        Subject::Field(field) if field.sort() == Sort::Flag => Ok(Node::Term(Term {
            at,
            subject: Subject::Field(field),
            test: Test::Holds,
        })),
        Subject::Field(field) => Err(QueryError::at(
            at,
            format!("`{}` is compared with nothing", field.name()),
            match field.sort() {
                Sort::Duration => format!("write {}>250ms", field.name()),
                Sort::Count => format!("write {}>10", field.name()),
                _ => format!("write {}=…", field.name()),
            },
        )),
        Subject::Attribute(level, name) => {
            let key = format!("{}{name}", key::prefix(level));
            Err(QueryError::at(
                at,
                format!("`{key}` alone is no term"),
                format!(
                    "write {key}=… to compare, has:{key} if it only has to be there, \"{key}\" for a name with that text"
                ),
            ))
        }
        Subject::Names => Ok(Node::All(Vec::new())),
    }
}
