//! The real `clew` binary as a child process on free ports, with a data directory of its own.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::http;
use super::json::Json;

/// Longest wait for a server to answer, to flush or to end. Long, because tests share a busy machine; no test passes or
/// fails by how much of it is used.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    pub(crate) otlp_grpc: SocketAddr,
    pub(crate) otlp_http: SocketAddr,
    pub(crate) zipkin: SocketAddr,
    pub(crate) http: SocketAddr,
    pub(crate) grpc: SocketAddr,
    pub(crate) sampling: SocketAddr,
}

/// A running server. Dropping it kills it.
pub(crate) struct Server {
    process: Process,
    addresses: Addresses,
    data: DataDir,
}

/// The child process, killed when dropped.
struct Process {
    child: Child,
    log: PathBuf,
}

/// A data directory, with the log of every server that ran on it. Removed when dropped.
pub(crate) struct DataDir {
    home: TempDir,
    /// Settings for every start, as environment variables without the `CLEW_` in front.
    settings: Vec<(String, String)>,
    starts: usize,
}

impl DataDir {
    /// An empty directory; servers on it use `settings`, for example `("STORAGE_EPOCH_AGE", "1h")`.
    pub(crate) fn new(settings: &[(&str, &str)]) -> Self {
        let home = tempfile::Builder::new()
            .prefix("clew-test-")
            .tempdir()
            .expect("a temporary directory");
        let mut data = Self {
            home,
            settings: Vec::new(),
            starts: 0,
        };
        data.set(settings);
        data
    }

    /// A copy of this directory, to be damaged.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new(&[]);
        copy_tree(&self.path(), &copy.path());
        Self {
            settings: self.settings.clone(),
            ..copy
        }
    }

    /// Changes settings for later starts.
    pub(crate) fn set(&mut self, settings: &[(&str, &str)]) {
        for (name, value) in settings {
            self.settings.retain(|(known, _)| known != name);
            self.settings
                .push(((*name).to_owned(), (*value).to_owned()));
        }
    }

    /// The data directory itself.
    pub(crate) fn path(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// All files of the data directory, as paths relative to it, sorted.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.path()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(self.path()).expect("inside").to_owned());
                }
            }
        }
        files.sort();
        files
    }

    /// Starts a server and waits until it is ready.
    #[track_caller]
    pub(crate) fn start(self) -> Server {
        self.try_start()
            .unwrap_or_else(|(data, why)| panic!("{why}\n{}", data.log()))
    }

    /// Starts a server; an error when it ends before it is ready.
    pub(crate) fn try_start(mut self) -> Result<Server, (Self, String)> {
        self.starts += 1;
        let log = self.log_path(self.starts);
        let stderr = File::create(&log).expect("a log file");
        let mut command = self.command(&["serve", "--print-addresses"]);
        let child = command
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("clew starts");
        let mut process = Process { child, log };
        let mut stdout = BufReader::new(process.child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("a line");
        if line.is_empty() {
            let status = process.child.wait().expect("an exit status");
            return Err((
                self,
                format!("the server ended before it was ready: {status}"),
            ));
        }
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let mut server = Server {
            process,
            addresses: addresses(&line),
            data: self,
        };
        match server.wait_until_ready() {
            Ok(()) => Ok(server),
            Err(why) => Err((server.kill(), why)),
        }
    }

    /// Starts a server and kills it `after` so long, ready or not.
    pub(crate) fn start_and_kill(mut self, after: Duration) -> Self {
        self.starts += 1;
        let log = self.log_path(self.starts);
        let stderr = File::create(&log).expect("a log file");
        let mut command = self.command(&["serve"]);
        let child = command
            .stdout(Stdio::null())
            .stderr(stderr)
            .spawn()
            .expect("clew starts");
        let process = Process { child, log };
        std::thread::sleep(after);
        drop(process);
        self
    }

    /// Runs another command of the binary on this directory and waits for its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("clew starts")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // Another build, to run the same tests on it: an optimised one, or a published one.
        let binary = std::env::var_os("CLEW_TEST_BINARY");
        let mut command = Command::new(binary.unwrap_or_else(|| env!("CARGO_BIN_EXE_clew").into()));
        command
            .args(arguments)
            .arg("--data-dir")
            .arg(self.path())
            .current_dir(self.home.path());
        command
            .env_remove("RUST_LOG")
            .env("RUST_BACKTRACE", "1")
            .env("CLEW_LOG_FORMAT", "json");
        for port in [
            "OTLP_GRPC",
            "OTLP_HTTP",
            "ZIPKIN",
            "HTTP",
            "GRPC",
            "SAMPLING",
        ] {
            command.env(format!("CLEW_PORTS_{port}"), "0");
        }
        for (name, value) in &self.settings {
            command.env(format!("CLEW_{name}"), value);
        }
        command
    }

    fn log_path(&self, start: usize) -> PathBuf {
        self.home.path().join(format!("clew-{start}.log"))
    }

    /// What the last server wrote to its log.
    pub(crate) fn log(&self) -> String {
        std::fs::read(self.log_path(self.starts))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Lines of the last server's log at level `level`.
    pub(crate) fn log_lines(&self, level: &str) -> Vec<String> {
        let is_at = |line: &&str| {
            Json::parse(line)
                .is_ok_and(|json| json.get("level") == Some(&Json::String(level.into())))
        };
        self.log()
            .lines()
            .filter(is_at)
            .map(str::to_owned)
            .collect()
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_tree(&path, &target);
        } else if path.is_file() {
            std::fs::copy(&path, &target).expect("a copy");
        }
    }
}

/// Reads the line that `--print-addresses` makes the server print once its doors are open.
fn addresses(line: &str) -> Addresses {
    let json = Json::parse(line.trim()).unwrap_or_else(|e| panic!("{e}: {line}"));
    let address = |name| {
        json.at(name)
            .text()
            .parse()
            .unwrap_or_else(|e| panic!("{name}: {e}: {line}"))
    };
    Addresses {
        otlp_grpc: address("otlp_grpc"),
        otlp_http: address("otlp_http"),
        zipkin: address("zipkin"),
        http: address("http"),
        grpc: address("grpc"),
        sampling: address("sampling"),
    }
}

impl Server {
    /// A server on an empty data directory.
    #[track_caller]
    pub(crate) fn start(settings: &[(&str, &str)]) -> Self {
        DataDir::new(settings).start()
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// Its data directory and logs.
    pub(crate) fn data(&self) -> &DataDir {
        &self.data
    }

    fn wait_until_ready(&mut self) -> Result<(), String> {
        let mut result = Ok(());
        wait_for("the server to be ready", || {
            if let Some(status) = self.process.child.try_wait().expect("a child") {
                result = Err(format!("the server ended before it was ready: {status}"));
                return true;
            }
            let answer = http::Connection::open(self.addresses.http)
                .and_then(|mut c| c.send("GET", "/health/ready", &[], b""));
            answer.is_ok_and(|answer| answer.status == 200)
        });
        result
    }

    /// True while the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        self.process.child.try_wait().expect("a child").is_none()
    }

    /// SIGKILL: what a crash leaves behind.
    pub(crate) fn kill(self) -> DataDir {
        drop(self.process);
        self.data
    }

    /// SIGTERM, without waiting for the end.
    pub(crate) fn terminate(&self) {
        let pid = Pid::from_raw(self.process.child.id() as i32).expect("a pid");
        kill_process(pid, Signal::TERM).expect("a child to signal");
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> (DataDir, ExitStatus) {
        let mut status = None;
        wait_for("the server to end", || {
            status = self.process.child.try_wait().expect("a child");
            status.is_some()
        });
        (self.data, status.expect("an exit status"))
    }

    /// SIGTERM and a clean end.
    #[track_caller]
    pub(crate) fn stop(self) -> DataDir {
        self.terminate();
        let (data, status) = self.wait();
        assert!(status.success(), "{status}\n{}", data.log());
        data
    }

    /// Figures of `/api/clew/v1/status`.
    #[track_caller]
    pub(crate) fn status(&self) -> Json {
        http::get(self.addresses.http, "/api/clew/v1/status").json(200)
    }

    /// Waits until no span is left in the hot window.
    #[track_caller]
    pub(crate) fn wait_until_flushed(&self) {
        wait_for("the hot window to be flushed", || {
            self.status().at("hot_spans").count() == 0
        });
    }

    /// Highest resident memory so far, bytes.
    pub(crate) fn peak_rss(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.child.id());
        let status = std::fs::read_to_string(path).expect("procfs");
        let line = status
            .lines()
            .find(|line| line.starts_with("VmHWM:"))
            .expect("a peak");
        let kib: u64 = line
            .split_whitespace()
            .nth(1)
            .expect("a number")
            .parse()
            .expect("a number");
        kib << 10
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!(
                "last lines of the server's log, newest first:\n{}",
                tail.join("\n")
            );
        }
    }
}

/// Calls `done` until it says yes; panics after [`PATIENCE`].
#[track_caller]
#[expect(
    clippy::disallowed_methods,
    reason = "a test of a real process waits in real time"
)]
pub(crate) fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    let mut pause = Duration::from_millis(2);
    while !done() {
        assert!(start.elapsed() < PATIENCE, "waited too long for {what}");
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}
