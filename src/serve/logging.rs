//! Log lines on standard error, and panics as log lines.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::time::SystemTime;

use crate::config::{LogConfig, LogFormat};

/// Sends log lines to standard error in the configured form. Control characters inside of values are escaped.
pub(crate) fn install(config: &LogConfig) {
    let filter = EnvFilter::new(config.level.to_string());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_timer(SystemTime)
        .with_writer(io::stderr);
    let installed = match config.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder
            .json()
            .with_current_span(false)
            .with_span_list(false)
            .try_init(),
    };
    // Only a test in the same process can have installed another one before.
    drop(installed);
    std::panic::set_hook(Box::new(|panic| {
        tracing::error!(message = %panic, "a task of the server failed by a fault of the program");
    }));
}
