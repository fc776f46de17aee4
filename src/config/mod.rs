//! Configuration, in two stages: values exactly as they were given, then a validated [`Config`] with typed units.
//!
//! ```text
//!  clew.yaml ─┐
//!  CLEW_…    ─┼─▶ Given (value, origin) per key, the last one wins ─▶ Config ─▶ cross-checks ─▶ ports open
//!  --flags   ─┘
//! ```
//!
//! Invariants:
//! - every setting stands once in [`keys`]; file, environment, flags, help and reference are made from that table;
//! - every default stands once, in [`Config::default`] or in the limits of the crate that enforces it;
//! - nothing is read from the environment or a file after [`load`] has returned;
//! - a secret is never shown, logged or part of an error.

pub(crate) mod flags;
pub(crate) mod keys;
mod layers;
mod model;
pub(crate) mod policies;
pub(crate) mod print;
#[cfg(test)]
mod reference;
pub(crate) mod secret;
mod strategies;
mod units;
mod validate;
mod value;
mod yaml;

pub(crate) use flags::ConfigFlags;
pub(crate) use layers::Loaded;
pub(crate) use model::{
    AuthConfig, Config, LogConfig, LogFormat, RemoteConfig, RetentionConfig, ServerConfig,
    StoredConfig, TailConfig, TlsConfig,
};
pub(crate) use policies::{
    POLICY_FILE_BYTES_MAX, parse as parse_policies, read_text as read_policy_text,
};
pub(crate) use secret::Secret;
pub(crate) use strategies::read as read_strategies;
pub(crate) use units::duration::parse_text as parse_duration;
pub(crate) use units::size::parse_text as parse_size;

#[cfg(test)]
mod tests;
