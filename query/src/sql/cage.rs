//! What is checked of a statement before it is planned.
//!
//! Parsing, walking and dropping a syntax tree recurse, so the number of tokens is bounded first, then the depth; chains
//! like `1+1+1…` nest once a term. All of it happens on a thread with a large stack.

use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    self, Expr, ObjectName, Query, SetExpr, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::error;
use crate::error::QueryError;
use crate::limits::SqlLimits;

/// What may be asked.
const ALLOWED: &str =
    "only one SELECT, WITH, VALUES or EXPLAIN statement can be run here; nothing can be changed";

/// Reads one statement that only reads.
///
/// # Errors
/// When the text is over a bound, is not SQL, or is anything but one query.
pub(super) fn parse(text: &str, limits: &SqlLimits) -> Result<Statement, QueryError> {
    if text.len() > limits.text_bytes_max {
        return Err(too_long(limits.text_bytes_max));
    }
    let dialect = GenericDialect {};
    let tokens = Tokenizer::new(&dialect, text)
        .tokenize_with_location()
        .map_err(|failed| {
            error::at(
                &failed.message,
                text,
                failed.location.line,
                failed.location.column,
            )
        })?;
    let count = tokens
        .iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_)))
        .count();
    if count > limits.tokens_max {
        return Err(QueryError::limit(
            format!(
                "the statement has {count} tokens; the limit is {}",
                limits.tokens_max
            ),
            "split it, or join with a VALUES list instead of a long OR or IN",
        ));
    }
    let parser = DFParserBuilder::new(tokens)
        .with_dialect(&dialect)
        .with_recursion_limit(limits.depth_max)
        .build();
    let statements = parser.and_then(|mut parser| parser.parse_statements());
    let mut statements = statements.map_err(|failed| error::of(&failed, text))?;
    match (statements.pop_front(), statements.len()) {
        (Some(statement), 0) => {
            check(&statement, limits)?;
            Ok(statement)
        }
        (None, _) => Err(refused("the statement is empty")),
        (Some(_), more) => Err(refused(format!("{} statements were sent", more + 1))),
    }
}

/// The error for a text over `max` bytes.
pub(super) fn too_long(max: usize) -> QueryError {
    QueryError::limit(
        format!("the statement is over {max} bytes"),
        "send a shorter one",
    )
}

fn refused(message: impl Into<String>) -> QueryError {
    QueryError::invalid_with_hint(message, ALLOWED)
}

fn check(statement: &Statement, limits: &SqlLimits) -> Result<(), QueryError> {
    match statement {
        Statement::Statement(statement) => match statement.as_ref() {
            ast::Statement::Query(query) => walk(query.as_ref(), limits),
            other => Err(refused(format!(
                "{} is not a query",
                verb(&other.to_string())
            ))),
        },
        Statement::Explain(explain) if !matches!(*explain.statement, Statement::Explain(_)) => {
            check(&explain.statement, limits)
        }
        other => Err(refused(format!(
            "{} is not a query",
            verb(&other.to_string())
        ))),
    }
}

/// The first word of a statement.
fn verb(statement: &str) -> String {
    statement
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
}

fn walk(query: &Query, limits: &SqlLimits) -> Result<(), QueryError> {
    let mut walker = Walker {
        depth: 0,
        depth_max: limits.depth_max,
    };
    match query.visit(&mut walker) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Walker {
    depth: usize,
    depth_max: usize,
}

impl Walker {
    fn enter(&mut self) -> ControlFlow<QueryError> {
        self.depth += 1;
        if self.depth > self.depth_max {
            let message = format!("the statement is nested over {} levels", self.depth_max);
            return ControlFlow::Break(QueryError::limit(
                message,
                "use IN or a join instead of a long chain of operators",
            ));
        }
        ControlFlow::Continue(())
    }

    fn leave(&mut self) -> ControlFlow<QueryError> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}

impl Visitor for Walker {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        if !query.locks.is_empty() || query.for_clause.is_some() {
            return ControlFlow::Break(refused("FOR clauses are not for a query that only reads"));
        }
        check_body(&query.body)?;
        self.enter()
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<QueryError> {
        self.leave()
    }

    fn pre_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<QueryError> {
        self.enter()
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<QueryError> {
        self.leave()
    }

    fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<QueryError> {
        ControlFlow::Break(refused(format!(
            "{} is not a query",
            verb(&statement.to_string())
        )))
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<QueryError> {
        if name.0.len() > 3 {
            return ControlFlow::Break(refused(format!("there is no table `{name}`")));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, _table: &TableFactor) -> ControlFlow<QueryError> {
        self.enter()
    }

    fn post_visit_table_factor(&mut self, _table: &TableFactor) -> ControlFlow<QueryError> {
        self.leave()
    }
}

/// Refuses what stands in the place of a `SELECT` and is none.
fn check_body(body: &SetExpr) -> ControlFlow<QueryError> {
    match body {
        SetExpr::Select(select) if select.into.is_some() => {
            ControlFlow::Break(refused("SELECT INTO makes a table"))
        }
        SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) => {
            ControlFlow::Break(refused(format!(
                "{} is not a query",
                verb(&body.to_string())
            )))
        }
        _ => ControlFlow::Continue(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, limits: &SqlLimits) -> Result<Statement, QueryError> {
        parse(text, limits)
    }

    #[test]
    fn queries_pass() {
        for text in [
            "SELECT 1",
            "select * from spans where attributes['http.route'] = '/cart';",
            "WITH a AS (SELECT 1 AS x) SELECT x FROM a UNION ALL SELECT 2",
            "VALUES (1, 'a'), (2, 'b')",
            "EXPLAIN SELECT 1",
            "EXPLAIN ANALYZE SELECT 1",
            "(SELECT 1)",
            "-- a comment\nSELECT 1 /* and another */",
        ] {
            check(text, &SqlLimits::default()).unwrap();
        }
    }

    #[test]
    fn every_bound_holds_at_the_limit_and_not_beyond() {
        let text = "SELECT 1";
        let exact = SqlLimits {
            text_bytes_max: text.len(),
            tokens_max: 2,
            ..SqlLimits::default()
        };
        check(text, &exact).unwrap();
        for limits in [
            SqlLimits {
                text_bytes_max: text.len() - 1,
                ..exact.clone()
            },
            SqlLimits {
                tokens_max: 1,
                ..exact.clone()
            },
        ] {
            assert!(matches!(
                check(text, &limits),
                Err(QueryError::Limit { .. })
            ));
        }
        // A query, n - 1 additions and a number.
        let sum = |terms: usize| format!("SELECT {}", vec!["1"; terms].join("+"));
        let limits = SqlLimits {
            depth_max: 60,
            ..SqlLimits::default()
        };
        check(&sum(59), &limits).unwrap();
        assert!(matches!(
            check(&sum(60), &limits),
            Err(QueryError::Limit { .. })
        ));
    }

    #[test]
    fn an_error_of_syntax_tells_its_place() {
        for (text, position) in [
            ("SELECT 1\nFROM spans WHERE )", 26),
            ("SELECT 1 FROM", 13),
            ("SELECT 'abc", 7),
        ] {
            let error = check(text, &SqlLimits::default()).unwrap_err();
            assert_eq!(
                (error.code(), error.position()),
                ("invalid_argument", Some(position)),
                "{error:?}"
            );
        }
    }
}
