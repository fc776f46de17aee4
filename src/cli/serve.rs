//! `clew serve`.

use anyhow::Context;
use clap::Args;

use super::{Failure, Misuse, Outcome};
use crate::config::ConfigFlags;
use crate::serve;

/// Flags of `clew serve`.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    #[command(flatten)]
    config: ConfigFlags,
    /// Print the addresses of all doors as one line of JSON, for scripts that use port 0
    #[arg(long)]
    print_addresses: bool,
}

/// Runs the server until a signal ends it.
pub(super) fn run(args: &ServeArgs) -> Result<Outcome, Failure> {
    let loaded = args.config.load().map_err(Misuse)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("the runtime cannot start")?;
    runtime.block_on(serve::run(loaded, args.print_addresses))?;
    Ok(Outcome::Done)
}
