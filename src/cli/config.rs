//! `clew config check` and `clew config print`.

use clap::Subcommand;

use super::{Failure, Misuse, Outcome, say};
use crate::config::{ConfigFlags, print};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Say whether file, environment and flags are right, with every fault there is
    Check(ConfigFlags),
    /// Show the effective values and where each one comes from; secrets are not shown
    Print(ConfigFlags),
}

/// Runs the command.
pub(super) fn run(command: &ConfigCommand) -> Result<Outcome, Failure> {
    let (ConfigCommand::Check(flags) | ConfigCommand::Print(flags)) = command;
    let loaded = flags.load().map_err(Misuse)?;
    for warning in &loaded.warnings {
        eprintln!("warning: {warning}");
    }
    match command {
        ConfigCommand::Print(_) => say(print::print(&loaded).trim_end()),
        ConfigCommand::Check(_) => {
            let file = loaded.file.as_ref().map(|path| path.display().to_string());
            say(&format!(
                "the configuration is right ({})",
                file.as_deref().unwrap_or("no file")
            ));
        }
    }
    Ok(Outcome::Done)
}
