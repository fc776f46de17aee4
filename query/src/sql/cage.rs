//! What is checked of a statement before it is planned.
//!
//! Parsing, walking and dropping a syntax tree recurse, so the number of tokens is bounded first, then the depth; chains
//! like `1+1+1…` nest once a term. All of it happens on a thread with a large stack.
//!
//! The planner puts a CTE in the place of each of its names. A few lines of `b AS (SELECT * FROM a, a), c AS (SELECT * FROM b, b)`…
//! are a plan of any size, which nothing could stop any more, so the tables of the statement as it will be planned are
//! counted here ([`Relations`]).

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    self, Expr, ObjectName, Query, SetExpr, TableFactor, Visit, Visitor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};

use super::{describe, error};
use crate::error::QueryError;
use crate::limits::SqlLimits;

/// What may be asked.
const ALLOWED: &str = "only one SELECT, WITH, VALUES, EXPLAIN, SHOW TABLES or DESCRIBE statement can be run here; nothing can be changed";

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
            if let Statement::Statement(short) = &statement
                && let Some(query) = describe::as_query(short)?
            {
                return parse(&query, &SqlLimits::default());
            }
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
        relations: Relations::default(),
        relations_max: limits.relations_max,
    };
    match query.visit(&mut walker) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Walker {
    depth: usize,
    depth_max: usize,
    relations: Relations,
    relations_max: usize,
}

/// Counts the tables of each query, with those of the CTEs that it names.
#[derive(Default)]
struct Relations {
    /// The queries that the walk is in, outermost first, and their tables so far.
    open: Vec<usize>,
    /// Names of the CTEs that the walk is in or will come to, by where their queries stand.
    names: HashMap<*const Query, String>,
    /// Tables of the CTEs that were left, by name in lower case; of several CTEs of one name those of the largest.
    known: HashMap<String, usize>,
}

impl Relations {
    fn enter(&mut self, query: &Query) {
        self.open.push(0);
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = cte.alias.name.value.to_lowercase();
            self.names.insert(std::ptr::from_ref(&*cte.query), name);
        }
    }

    /// Adds what `name` stands for to the query that the walk is in.
    fn add(&mut self, name: &ObjectName) {
        let known = match name.0.as_slice() {
            [part] => part
                .as_ident()
                .and_then(|name| self.known.get(&name.value.to_lowercase())),
            _ => None,
        };
        let count = known.copied().unwrap_or(1);
        self.add_count(count);
    }

    fn add_count(&mut self, count: usize) {
        if let Some(open) = self.open.last_mut() {
            *open = open.saturating_add(count);
        }
    }

    /// A CTE counts where it is named, any other query where it stands.
    fn leave(&mut self, query: &Query) {
        let count = self.open.pop().unwrap_or_default();
        match self.names.remove(&std::ptr::from_ref(query)) {
            Some(name) => {
                let known = self.known.entry(name).or_default();
                *known = count.max(*known);
            }
            None => self.add_count(count),
        }
    }

    /// Tables of the query that the walk is in.
    fn count(&self) -> usize {
        self.open.last().copied().unwrap_or_default()
    }
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

    fn check_relations(&self) -> ControlFlow<QueryError> {
        if self.relations.count() <= self.relations_max {
            return ControlFlow::Continue(());
        }
        let message = format!(
            "the statement reads over {} tables, each CTE counted as often as it is named",
            self.relations_max
        );
        ControlFlow::Break(QueryError::limit(message, "name fewer tables and CTEs"))
    }
}

impl Visitor for Walker {
    type Break = QueryError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        if !query.locks.is_empty() || query.for_clause.is_some() {
            return ControlFlow::Break(refused("FOR clauses are not for a query that only reads"));
        }
        check_body(&query.body)?;
        self.relations.enter(query);
        self.enter()
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<QueryError> {
        self.relations.leave(query);
        self.check_relations()?;
        self.leave()
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<QueryError> {
        if let Expr::Value(value) = expr
            && let ast::Value::Placeholder(name) = &value.value
        {
            let message = format!("the parameter `{name}` has no value");
            let hint = "parameters cannot be bound; write the value into the statement";
            return ControlFlow::Break(QueryError::invalid_with_hint(message, hint));
        }
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
        self.relations.add(name);
        self.check_relations()
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
            "SHOW TABLES",
            "SHOW COLUMNS FROM spans",
            "DESCRIBE spans;",
            "desc SPANS",
            "-- a comment\nSELECT 1 /* and another */",
        ] {
            check(text, &SqlLimits::default()).unwrap();
        }
    }

    #[test]
    fn parameters_are_refused_by_name() {
        for (text, name) in [
            ("SELECT name FROM spans WHERE name = ?", "?"),
            ("SELECT name FROM spans LIMIT $1", "$1"),
            ("SELECT $id", "$id"),
        ] {
            let refused = check(text, &SqlLimits::default()).unwrap_err().to_string();
            assert_eq!(
                refused,
                format!("the parameter `{name}` has no value"),
                "{text}"
            );
        }
        check("SELECT '?', '$1'", &SqlLimits::default()).unwrap();
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
    fn a_cte_counts_as_often_as_it_is_named() {
        let limits = SqlLimits {
            relations_max: 8,
            ..SqlLimits::default()
        };
        let doubled = |from: &str| {
            format!(
                "WITH a AS (SELECT 1 FROM {from}), b AS (SELECT 1 FROM A x, a y), c AS (SELECT 1 FROM (SELECT 1 FROM b) z, \"b\") \
                 SELECT 1 FROM c"
            )
        };
        check(&doubled("t, u"), &limits).unwrap();
        check(&doubled("t"), &limits).unwrap();
        for text in [
            doubled("t, u, v"),
            doubled("t WHERE EXISTS (SELECT 1 FROM u, v)"),
            // An inner CTE of the same name.
            "WITH a AS (WITH a AS (SELECT 1 FROM t, u, v) SELECT 1 FROM a, a, a) SELECT 1 FROM a"
                .to_owned(),
            ["SELECT 1 FROM t"; 9].join(" UNION ALL "),
        ] {
            assert!(
                matches!(check(&text, &limits), Err(QueryError::Limit { .. })),
                "{text}"
            );
        }
        check(&["SELECT 1 FROM t"; 8].join(" UNION ALL "), &limits).unwrap();
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
