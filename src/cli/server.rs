//! Flags of the commands that talk to a running server over the network.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::client::Trust;
use crate::config::Secret;

/// How to be let in, and whom to trust.
#[derive(Debug, Clone, Args)]
pub(super) struct CredentialArgs {
    /// File with the bearer token [default: the variable `CLEW_TOKEN`]
    #[arg(long, value_name = "FILE", help_heading = "Server")]
    token_file: Option<PathBuf>,
    /// Certificates to trust, PEM [default: the system's]
    #[arg(
        long,
        value_name = "FILE",
        env = "CLEW_CA_FILE",
        help_heading = "Server"
    )]
    ca_file: Option<PathBuf>,
}

impl CredentialArgs {
    /// The token, if one is given: in a file or the environment, where other users of the machine cannot see it.
    pub(super) fn token(&self) -> anyhow::Result<Option<Secret>> {
        let text = match &self.token_file {
            Some(path) => Some(first_token(path)?),
            None => std::env::var("CLEW_TOKEN")
                .ok()
                .filter(|token| !token.is_empty()),
        };
        text.map(Secret::new)
            .transpose()
            .map_err(|why| anyhow::anyhow!("the token: {why}"))
    }

    /// Whom to trust.
    pub(super) fn trust(&self) -> Trust {
        Trust {
            ca_file: self.ca_file.clone(),
        }
    }
}

/// The first token of a file in the form that the server reads.
fn first_token(path: &Path) -> anyhow::Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = text.lines().map(str::trim);
    let token = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    token
        .map(str::to_owned)
        .with_context(|| format!("{} holds no token", path.display()))
}
