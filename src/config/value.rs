//! The first stage of the configuration: a value exactly as it was given, and where.

use std::fmt;
use std::path::PathBuf;

/// A value as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// One scalar.
    Text(String),
    /// A YAML list; a YAML mapping of scalars counts as a list of `key=value`.
    List(Vec<String>),
}

/// Where a value was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Nowhere: the default of the code.
    Default,
    /// A line of the configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
    },
    /// An environment variable.
    Environment(String),
    /// A flag on the command line.
    Flag(String),
}

/// A value and where it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    /// The value.
    pub(crate) value: Value,
    /// Where it was given.
    pub(crate) origin: Origin,
}

impl Value {
    /// The scalar.
    pub(crate) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) => Ok(text),
            Self::List(_) => Err("a single value is wanted here, not a list".to_owned()),
        }
    }

    /// The items of the list; a scalar is split at its commas.
    pub(crate) fn items(&self) -> Vec<String> {
        match self {
            Self::List(items) => items.clone(),
            Self::Text(text) => {
                let items = text.split(',').map(str::trim);
                items
                    .filter(|item| !item.is_empty() && *item != "none")
                    .map(str::to_owned)
                    .collect()
            }
        }
    }

    /// True for the scalar `off`, which YAML also writes as `false`.
    pub(crate) fn is_off(&self) -> bool {
        matches!(self, Self::Text(text) if text == "off" || text == "false")
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Environment(name) => f.write_str(name),
            Self::Flag(name) => write!(f, "--{name}"),
        }
    }
}
