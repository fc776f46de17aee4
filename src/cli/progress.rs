//! Progress bars on standard error; nothing is drawn when it is no terminal.

use std::time::Duration;

use anyhow::{Context, bail};
use clew_storage::verify::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::client::{Call, Client};

/// How often a bar is drawn.
pub(super) const REDRAW: Duration = Duration::from_millis(100);

/// A bar over `total` bytes, or a counter of bytes where the total is not known.
pub(super) fn bytes_bar(total: Option<u64>) -> ProgressBar {
    let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new);
    let style = match total {
        Some(_) => "{wide_bar} {bytes}/{total_bytes}  {msg}  {eta} left",
        None => "{spinner} {bytes}  {msg}  {elapsed}",
    };
    bar.set_style(
        ProgressStyle::with_template(style).expect("the template is a constant that parses"),
    );
    bar
}

/// Shows how far a piece of work has come.
pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total_bytes);
    bar.set_position(progress.done_bytes);
}

/// Lets the server that uses the directory do a long piece of work; its report.
pub(super) async fn ask<T: DeserializeOwned>(
    mut client: Client,
    call: &Call,
    bar: &ProgressBar,
) -> anyhow::Result<T> {
    let mut report = None;
    client
        .call_lines(call, |line| {
            let line: Value =
                serde_json::from_slice(line).context("the server's answer cannot be read")?;
            if let Some(message) = line.pointer("/error/message").and_then(Value::as_str) {
                bail!("the server says: {message}");
            }
            let bytes = |name: &str| line["progress"][name].as_u64();
            if let (Some(done_bytes), Some(total_bytes)) =
                (bytes("done_bytes"), bytes("total_bytes"))
            {
                let progress = Progress {
                    done_bytes,
                    total_bytes,
                };
                show(bar, progress);
            } else {
                report = Some(
                    serde_json::from_value(line["report"].clone())
                        .context("the report cannot be read")?,
                );
            }
            Ok(())
        })
        .await?;
    report.context("the server ended before its report")
}
