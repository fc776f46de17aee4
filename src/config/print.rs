//! `clew config print`: the effective values, as a configuration file that says where each comes from.

use std::fmt::Write;

use super::keys::{KEYS, Key};
use super::layers::Loaded;
use super::units;

/// The effective configuration as YAML, with the origin of every value behind it. Secrets are not shown.
pub(crate) fn print(loaded: &Loaded) -> String {
    let mut text = String::new();
    let mut open: Vec<&str> = Vec::new();
    for key in KEYS.iter().filter(|key| !key.is_hidden()) {
        let path: Vec<&str> = key.name.split('.').collect();
        let (leaf, sections) = path.split_last().expect("a name has at least one part");
        let shared = open
            .iter()
            .zip(sections)
            .take_while(|(a, b)| a == b)
            .count();
        for (depth, section) in sections.iter().enumerate().skip(shared) {
            let _ = writeln!(text, "{:indent$}{section}:", "", indent = 2 * depth);
        }
        open = sections.to_vec();
        let setting = format!(
            "{:indent$}{leaf}: {}",
            "",
            value(key, loaded),
            indent = 2 * sections.len()
        );
        let _ = writeln!(text, "{setting:<44} # {}", loaded.origin(key));
    }
    text
}

/// The value as YAML; a comment where it is a secret.
fn value(key: &Key, loaded: &Loaded) -> String {
    let shown = (key.show)(&loaded.config);
    if key.kind == units::tokens::KIND && shown != "none" {
        return format!("none # {shown}");
    }
    let plain = shown
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || b"-_./+".contains(&byte));
    if plain && !shown.is_empty() {
        shown
    } else {
        format!("{shown:?}")
    }
}
