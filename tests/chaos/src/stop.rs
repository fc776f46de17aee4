//! Ctrl-C and SIGTERM: the driver ends between two steps, so that it can clean up what it made.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::signal::unix::{SignalKind, signal};

static STOPPED: AtomicBool = AtomicBool::new(false);

/// From here on a signal does not end the process but is remembered.
pub(crate) fn listen() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let (Ok(mut interrupt), Ok(mut terminate)) = (
                signal(SignalKind::interrupt()),
                signal(SignalKind::terminate()),
            ) else {
                return;
            };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            STOPPED.store(true, Ordering::SeqCst);
            eprintln!("stopping; what was made is cleaned up");
            // Later signals are swallowed as well: cleaning takes a second or two.
            std::future::pending::<()>().await;
        });
    });
    Ok(())
}

/// # Errors
/// When the driver was told to stop.
pub(crate) fn check() -> Result<()> {
    ensure!(!STOPPED.load(Ordering::SeqCst), "stopped by a signal");
    Ok(())
}

/// Sleeps, but not on after a signal.
///
/// # Errors
/// When the driver was told to stop.
pub(crate) fn sleep(time: Duration) -> Result<()> {
    let until = crate::clock::now() + time;
    loop {
        check()?;
        let left = until.saturating_duration_since(crate::clock::now());
        if left.is_zero() {
            return Ok(());
        }
        thread::sleep(left.min(Duration::from_millis(100)));
    }
}
