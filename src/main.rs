//! The `clew` binary: configuration, command line, and the wiring of collector, query and UI to one store.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cli`] | what was typed, and how it ends |
//! | [`config`] | what holds: file, environment and flags, checked before anything starts |
//! | [`serve`] | the server: ports, tokens, TLS, health, shutdown, the admin socket |
//! | [`client`] | HTTP to a running server |
//! | [`import`] | files of spans to a server |
//! | [`trial`] | policies of sampling, tried on what is stored |
//! | [`demo`] | traces of a made-up shop |
//! | [`memory`] | the allocator |

mod cli;
mod client;
mod config;
mod demo;
mod import;
mod memory;
mod serve;
mod trial;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
