//! Commands of the binary that run and end.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::corpus::testdata;
use super::server::Addresses;

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// Exit status.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

/// Runs `clew` in an empty directory with nothing but these variables of its own.
pub(crate) fn clew<A: AsRef<OsStr>>(arguments: &[A], variables: &[(&str, &str)]) -> Ended {
    clew_reading(arguments, variables, b"")
}

/// The same with something on standard input.
pub(crate) fn clew_reading<A: AsRef<OsStr>>(
    arguments: &[A],
    variables: &[(&str, &str)],
    input: &[u8],
) -> Ended {
    let home = tempfile::tempdir().expect("a temporary directory");
    let mut child = Command::new(env!("CARGO_BIN_EXE_clew"))
        .args(arguments)
        .current_dir(home.path())
        .env("RUST_BACKTRACE", "1")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("clew starts");
    // A command that reads nothing may have ended already.
    let _ = child.stdin.take().expect("piped").write_all(input);
    ended(&child.wait_with_output().expect("an end"))
}

/// What an output says.
pub(crate) fn ended(output: &Output) -> Ended {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended {
        code: output.status.code().expect("no signal"),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl Ended {
    /// Its output; it must have gone well.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "{}{}", self.out, self.err);
        self.out
    }

    /// Its complaint; it must have ended with `code`, and without a stack trace.
    #[track_caller]
    pub(crate) fn bad(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(!self.err.contains("stack backtrace"), "{}", self.err);
        self.err
    }
}

/// Arguments of a command that sends spans to this server.
pub(crate) fn sending(command: &str, to: Addresses) -> Vec<String> {
    vec![
        command.to_owned(),
        "--otlp-url".to_owned(),
        format!("http://{}", to.otlp_http),
        "--zipkin-url".to_owned(),
        format!("http://{}", to.zipkin),
    ]
}

/// A file of the test data.
pub(crate) fn file(path: &str) -> String {
    let path: PathBuf = testdata().join(path);
    path.to_str().expect("a path of our own").to_owned()
}
