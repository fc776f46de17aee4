//! Where settings come from: file, environment, flags; the later one wins.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::keys::{self, KEYS, Key};
use super::value::{Given, Origin, Value};
use super::{Config, validate, yaml};

/// File that is read when none is named and it exists.
pub(crate) const DEFAULT_FILE: &str = "clew.yaml";

/// Environment variable that names the file.
pub(crate) const FILE_VARIABLE: &str = "CLEW_CONFIG";

/// Variables of the client commands, which are no settings of the server.
const CLIENT_VARIABLES: [&str; 4] = [FILE_VARIABLE, "CLEW_URL", "CLEW_TOKEN", "CLEW_CA_FILE"];

/// A configuration, and where each of its values comes from.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The configuration.
    pub(crate) config: Config,
    /// File that was read, if any.
    pub(crate) file: Option<PathBuf>,
    /// Things that are not faults but probably not meant.
    pub(crate) warnings: Vec<String>,
    origins: BTreeMap<&'static str, Origin>,
}

impl Loaded {
    /// Where the value of a setting comes from.
    pub(crate) fn origin(&self, key: &Key) -> &Origin {
        self.origins.get(key.name).unwrap_or(&Origin::Default)
    }
}

/// Reads file, environment and flags, and validates the result.
///
/// `flags` are dotted names and values. Fails with every fault that there is, a line each.
pub(crate) fn load(
    file: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: Vec<(&'static Key, Value)>,
) -> anyhow::Result<Loaded> {
    let environment: BTreeMap<String, String> = environment
        .into_iter()
        .filter(|(name, value)| name.starts_with("CLEW_") && !value.is_empty())
        .collect();
    let file = find_file(file, &environment);
    let mut faults = Vec::new();
    let mut given: Vec<(&'static Key, Given)> = Vec::new();
    if let Some(path) = &file {
        match read_file(path)? {
            Ok(settings) => given.extend(settings),
            Err(found) => faults.extend(found),
        }
    }
    given.extend(from_environment(&environment));
    given.extend(flags.into_iter().map(|(key, value)| {
        (
            key,
            Given {
                value,
                origin: Origin::Flag(key.flag()),
            },
        )
    }));
    let mut loaded = apply(given, &mut faults);
    loaded.file = file;
    loaded.warnings.extend(unknown_variables(&environment));
    validate::finish(&mut loaded.config, &mut faults, &mut loaded.warnings);
    if !faults.is_empty() {
        bail!(
            "the configuration has {} fault(s):\n  {}",
            faults.len(),
            faults.join("\n  ")
        );
    }
    Ok(loaded)
}

fn find_file(named: Option<&Path>, environment: &BTreeMap<String, String>) -> Option<PathBuf> {
    named
        .map(Path::to_owned)
        .or_else(|| environment.get(FILE_VARIABLE).map(PathBuf::from))
        .or_else(|| Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.exists()))
}

type FileSettings = Result<Vec<(&'static Key, Given)>, Vec<String>>;

fn read_file(path: &Path) -> anyhow::Result<FileSettings> {
    let text = fs::read_to_string(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => anyhow::anyhow!("there is no file {}", path.display()),
        _ => anyhow::Error::new(error).context(format!("cannot read {}", path.display())),
    });
    Ok(yaml::read(
        path,
        &text.context("the configuration cannot be loaded")?,
    ))
}

fn from_environment(
    environment: &BTreeMap<String, String>,
) -> impl Iterator<Item = (&'static Key, Given)> {
    KEYS.iter().filter_map(|key| {
        let name = key.variable();
        let value = Value::Text(environment.get(&name)?.clone());
        Some((
            key,
            Given {
                value,
                origin: Origin::Environment(name),
            },
        ))
    })
}

/// A variable that is no setting is only worth a warning: Kubernetes sets some for a service called `clew`.
fn unknown_variables(environment: &BTreeMap<String, String>) -> Vec<String> {
    let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
    let unknown = environment
        .keys()
        .filter(|name| !known.contains(name) && !CLIENT_VARIABLES.contains(&name.as_str()));
    unknown
        .filter_map(|name| {
            let nearest = keys::nearest(name, known.iter().map(String::as_str))?;
            Some(format!(
                "{name} is not a setting and has no effect; did you mean {nearest}?"
            ))
        })
        .collect()
}

fn apply(given: Vec<(&'static Key, Given)>, faults: &mut Vec<String>) -> Loaded {
    let mut config = Config::default();
    let mut origins = BTreeMap::new();
    for (key, Given { value, origin }) in given {
        if let Err(why) = (key.set)(&mut config, &value) {
            faults.push(format!("{origin}: `{}`: {why}", key.name));
        }
        origins.insert(key.name, origin);
    }
    Loaded {
        config,
        file: None,
        warnings: Vec::new(),
        origins,
    }
}
