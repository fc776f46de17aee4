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
    without_huge_pages();
    let loaded = args.config.load().map_err(Misuse)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = runtime.context("the runtime cannot start")?;
    runtime.block_on(serve::run(loaded, args.print_addresses))?;
    Ok(Outcome::Done)
}

/// Keeps the kernel from giving two megabytes to whoever asks for a few kilobytes: under full load that is a third of all memory.
fn without_huge_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = nix::sys::prctl::set_thp_disable(true) {
        eprintln!("clew: huge pages stay on, more memory is taken: {error}");
    }
}
