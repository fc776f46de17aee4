//! The configuration file: YAML, flattened to dotted names, each with its line.

use std::fmt;
use std::path::Path;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::keys::{self, KEYS};
use super::units;
use super::value::{Given, Origin, Value};

/// A YAML node as it stands in the file.
enum Node {
    Null,
    Scalar(String),
    List(Vec<Spanned<Node>>),
    Map(Vec<(String, Spanned<Node>)>),
}

/// Reads the text of the file `path`. All faults are collected, not only the first.
pub(crate) fn read(
    path: &Path,
    text: &str,
) -> Result<Vec<(&'static keys::Key, Given)>, Vec<String>> {
    let root: Spanned<Node> = serde_saphyr::from_str(text)
        .map_err(|error| vec![format!("{}: {error}", path.display())])?;
    let mut reader = Reader {
        path,
        given: Vec::new(),
        faults: Vec::new(),
    };
    match root.value {
        Node::Null => {}
        Node::Map(entries) => reader.section("", entries),
        Node::Scalar(_) | Node::List(_) => {
            reader.fault(1, "the file is not a mapping of settings");
        }
    }
    if reader.faults.is_empty() {
        Ok(reader.given)
    } else {
        Err(reader.faults)
    }
}

struct Reader<'a> {
    path: &'a Path,
    given: Vec<(&'static keys::Key, Given)>,
    faults: Vec<String>,
}

impl Reader<'_> {
    fn section(&mut self, prefix: &str, entries: Vec<(String, Spanned<Node>)>) {
        for (key, node) in entries {
            let name = if prefix.is_empty() {
                key
            } else {
                format!("{prefix}.{key}")
            };
            let line = node.referenced.line();
            match (keys::find(&name), node.value) {
                (_, Node::Null) => {}
                (Some(key), value) => self.setting(key, line, value),
                (None, Node::Map(entries)) if is_section(&name) => self.section(&name, entries),
                (None, _) if is_section(&name) => {
                    self.fault(line, &format!("`{name}` is a section, not a setting"));
                }
                (None, _) => self.unknown(line, &name),
            }
        }
    }

    fn setting(&mut self, key: &'static keys::Key, line: u64, node: Node) {
        match value(key, node) {
            Ok(value) => {
                let origin = Origin::File {
                    path: self.path.to_owned(),
                    line,
                };
                self.given.push((key, Given { value, origin }));
            }
            Err(why) => self.fault(line, &format!("`{}`: {why}", key.name)),
        }
    }

    fn unknown(&mut self, line: u64, name: &str) {
        let known = KEYS.iter().map(|key| key.name).chain(sections());
        let hint = keys::nearest(name, known).map_or_else(String::new, |nearest| {
            format!("; did you mean `{nearest}`?")
        });
        self.fault(line, &format!("`{name}` is not a setting{hint}"));
    }

    fn fault(&mut self, line: u64, what: &str) {
        self.faults
            .push(format!("{}:{line}: {what}", self.path.display()));
    }
}

fn sections() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .map(keys::Key::section)
        .filter(|section| !section.is_empty())
}

/// True for the name of a section, or of one around it.
fn is_section(name: &str) -> bool {
    sections().any(|section| {
        section
            .strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

fn value(key: &keys::Key, node: Node) -> Result<Value, String> {
    match node {
        Node::Null => Err("there is no value".to_owned()),
        Node::Scalar(text) => Ok(Value::Text(text)),
        Node::List(items) => items
            .into_iter()
            .map(|item| scalar(item.value))
            .collect::<Result<_, _>>()
            .map(Value::List),
        Node::Map(entries) if [units::rules::KIND, units::terms::KIND].contains(&key.kind) => {
            let rule = |(name, node): (String, Spanned<Node>)| {
                scalar(node.value).map(|text| format!("{name}={text}"))
            };
            entries
                .into_iter()
                .map(rule)
                .collect::<Result<_, _>>()
                .map(Value::List)
        }
        Node::Map(_) => Err(format!("a {} is wanted here, not a mapping", key.kind)),
    }
}

fn scalar(node: Node) -> Result<String, String> {
    match node {
        Node::Scalar(text) => Ok(text),
        Node::Null | Node::List(_) | Node::Map(_) => {
            Err("an item is not a single value".to_owned())
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, a list or a mapping")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Node::Map(map))
    }
}
