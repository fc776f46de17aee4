//! A command on a terminal of its own: what a person types, and what the person sees.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long something may take to show up.
const PATIENCE: Duration = Duration::from_mins(2);
/// What a program asks for the place of the cursor, and what it is told.
const PLACE: (&str, &[u8]) = ("\x1b[6n", b"\x1b[1;1R");

/// A terminal with a command on it.
pub(crate) struct Terminal {
    keyboard: File,
    screen: Arc<(Mutex<String>, Condvar)>,
    child: Child,
}

impl Terminal {
    /// Runs `command`.
    pub(crate) fn run(mut command: Command) -> Self {
        let pty = nix::pty::openpty(None, None).expect("a terminal");
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().expect("a descriptor"));
        let child = command
            .env("TERM", "xterm")
            .stdin(end(&pty.slave))
            .stdout(end(&pty.slave))
            .stderr(end(&pty.slave))
            .spawn()
            .expect("clew starts");
        drop(command);
        drop(pty.slave);
        let keyboard = File::from(pty.master);
        let screen: Arc<(Mutex<String>, Condvar)> = Arc::default();
        let reader = keyboard.try_clone().expect("a descriptor");
        let seen = Arc::clone(&screen);
        std::thread::spawn(move || watch(reader, &seen));
        Self {
            keyboard,
            screen,
            child,
        }
    }

    /// Types `keys`.
    pub(crate) fn type_keys(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("a key");
    }

    /// Waits until `text` shows up, and forgets all up to its end.
    #[track_caller]
    #[expect(
        clippy::disallowed_methods,
        reason = "a test of a real process waits in real time"
    )]
    pub(crate) fn expect(&mut self, text: &str) {
        let (screen, changed) = &*self.screen;
        let until = Instant::now() + PATIENCE;
        let mut seen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(at) = seen.find(text) {
                seen.drain(..at + text.len());
                return;
            }
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{text}` is not in {:?}", *seen);
            (seen, _) = changed
                .wait_timeout(seen, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for the end of the command; its exit status.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.child.wait().expect("an end").code()
    }
}

/// Reads the screen until the terminal is closed.
fn watch(mut terminal: File, seen: &(Mutex<String>, Condvar)) {
    let mut buffer = [0; 4_096];
    while let Ok(count @ 1..) = terminal.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
        if text.contains(PLACE.0) {
            terminal.write_all(PLACE.1).expect("an answer");
        }
        let mut screen = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        screen.push_str(&text);
        seen.1.notify_all();
    }
}
