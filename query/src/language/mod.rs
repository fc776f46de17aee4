//! The query language, as `docs/query-language.md` defines it: text to tree, tree to conditions on spans and traces.
//!
//! ```text
//!  "error duration>1s"  ──parse──▶  Node  ──compile──▶  Filter on one span + TraceFilter on its trace
//!                                    │ ▲
//!                             Display┘ └ parse: the canonical text means the same
//! ```
//!
//! Nothing here reads data. Every error tells the byte at which the text went wrong.

mod canonical;
mod clause;
mod compile;
mod key;
mod parse;
pub(crate) mod quantity;
mod scan;
#[cfg(test)]
mod tests;
mod trace_filter;

pub(crate) use clause::{clauses, facet_key};
#[cfg(test)]
pub(crate) use compile::Compiled;
pub(crate) use compile::compile;
pub(crate) use parse::parse;
pub(crate) use trace_filter::TraceFilter;

use key::Subject;

/// Bytes of a query.
pub(crate) const TEXT_BYTES_MAX: usize = 16 << 10;
/// Terms of a query; each value of a list is one.
pub(crate) const TERMS_MAX: usize = 64;
/// Parentheses and negations inside each other.
pub(crate) const DEPTH_MAX: usize = 32;
/// Size of a compiled regular expression.
pub(crate) const REGEX_BYTES_MAX: usize = 1 << 20;

/// A condition as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    /// All hold; true when empty.
    All(Vec<Node>),
    /// One holds.
    Any(Vec<Node>),
    /// It does not hold.
    Not(Box<Node>),
    /// A term.
    Term(Term),
}

/// One question about one thing.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    /// Byte at which it begins.
    pub(crate) at: usize,
    /// What is looked at.
    pub(crate) subject: Subject,
    /// What it has to be.
    pub(crate) test: Test,
}

/// What a subject has to be.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Test {
    /// A flag is up.
    Holds,
    /// It is there.
    Exists,
    /// It compares so with one of the values; with all of them when the comparison is a negative one.
    Compare(Op, Vec<Value>),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// `=`
    Is,
    /// `!=`
    IsNot,
    /// `~`
    Matches,
    /// `!~`
    MatchesNot,
    /// `<`, `<=`, `>`, `>=`
    Order(Order),
}

/// An ordering comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Order {
    /// `<`
    Below,
    /// `<=`
    AtMost,
    /// `>`
    Above,
    /// `>=`
    AtLeast,
}

/// A value as it was written.
#[derive(Debug, Clone)]
pub(crate) struct Value {
    /// Byte at which it begins.
    pub(crate) at: usize,
    /// Its text, without quotes.
    pub(crate) text: String,
    /// It stood in quotes: a star is a star.
    pub(crate) quoted: bool,
}

impl PartialEq for Term {
    /// Where a term stood does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.subject == other.subject && self.test == other.test
    }
}

impl PartialEq for Value {
    /// Where a value stood does not matter, nor do quotes that change nothing.
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text && self.has_wildcard() == other.has_wildcard()
    }
}

impl Value {
    /// True when a star in it stands for any text.
    pub(crate) fn has_wildcard(&self) -> bool {
        !self.quoted && self.text.contains('*')
    }
}

impl Op {
    /// How it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Is => "=",
            Self::IsNot => "!=",
            Self::Matches => "~",
            Self::MatchesNot => "!~",
            Self::Order(order) => order.sign(),
        }
    }
}

impl Order {
    /// How it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        }
    }

    /// Whether something that compares so with the bound meets it.
    pub(crate) fn meets(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Self::Below => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Above => ordering.is_gt(),
            Self::AtLeast => ordering.is_ge(),
        }
    }
}
