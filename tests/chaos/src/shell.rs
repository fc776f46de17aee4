//! Commands of the system.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// Runs a command; what it wrote to its standard output.
///
/// # Errors
/// When it cannot be started or fails, with what it wrote to its standard error.
pub(crate) fn run(program: &str, arguments: &[&dyn AsRef<OsStr>]) -> Result<String> {
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    for argument in arguments {
        command.arg(argument);
    }
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{command:?}: {}, {}", output.status, said.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
