//! Progress bars on standard error; nothing is drawn when it is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

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
