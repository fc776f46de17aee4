//! The `clew` binary: configuration, command line, and the wiring of collector, query and UI to one store.
//!
//! A start, from the outside in: [`cli`] says what was asked for, [`config`] what holds.

mod cli;
mod client;
mod config;
mod import;

use std::process::ExitCode;

/// Returns memory to the system sooner and fragments less under many threads than the system's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
