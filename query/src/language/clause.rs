//! The conditions that a query joins by `and`, one by one: for who wants to know what each of them does.

use super::key::{Field, Subject};
use super::{Node, Term};
use crate::filter::Level;

/// The conditions of a query that all have to hold.
pub(crate) fn clauses(node: &Node) -> Vec<&Node> {
    match node {
        Node::All(parts) => parts.iter().flat_map(clauses).collect(),
        other => vec![other],
    }
}

/// The key that a condition is about, as facets name it; `None` when it is about several, or about none that facets have.
pub(crate) fn facet_key(clause: &Node) -> Option<String> {
    match clause {
        Node::All(parts) | Node::Any(parts) => {
            let mut keys = parts.iter().map(facet_key);
            let first = keys.next()??;
            keys.all(|key| key.as_ref() == Some(&first))
                .then_some(first)
        }
        Node::Not(part) => facet_key(part),
        Node::Term(term) => of_term(term),
    }
}

fn of_term(term: &Term) -> Option<String> {
    match &term.subject {
        Subject::Field(Field::Error) => Some(Field::Status.name().to_owned()),
        Subject::Field(field @ (Field::Service | Field::Name | Field::Kind | Field::Status)) => {
            Some(field.name().to_owned())
        }
        Subject::Attribute(Level::Any | Level::Span | Level::Resource, key) => Some(key.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    #[test]
    fn a_condition_about_one_key_tells_it() {
        for (query, keys) in [
            ("service=a|b -service=c", "service service"),
            ("error kind=server", "status kind"),
            ("(status=ok or error) http.route~x", "status http.route"),
            ("resource.k=1 event.k=1 duration>1ms", "k - -"),
            ("(service=a or kind=server) \"text\"", "- -"),
            ("not (k=1 or span.k=2) trace.spans>1", "k -"),
        ] {
            let node = parse(query).unwrap();
            let found: Vec<_> = clauses(&node)
                .into_iter()
                .map(|clause| facet_key(clause).unwrap_or("-".to_owned()))
                .collect();
            assert_eq!(found.join(" "), keys, "{query}");
        }
        assert!(clauses(&parse("").unwrap()).is_empty());
    }
}
