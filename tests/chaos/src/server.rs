//! The server under test: a process of its own, on free ports.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{ask, clock};

/// Longest wait for a server to be ready or to end.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where a server listens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Addresses {
    /// OTLP over gRPC.
    pub(crate) otlp_grpc: SocketAddr,
    /// OTLP over HTTP.
    pub(crate) otlp_http: SocketAddr,
    /// Web UI and query APIs.
    pub(crate) http: SocketAddr,
}

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// The binary.
    pub(crate) binary: PathBuf,
    /// Command that runs it, for instance a tracer; none if empty.
    pub(crate) wrapper: Vec<String>,
    /// Its data directory.
    pub(crate) data_dir: PathBuf,
    /// File for its log.
    pub(crate) log: PathBuf,
    /// Settings as environment variables, without `CLEW_` in front.
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Setup {
    /// Sets or changes a setting.
    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.settings.retain(|(known, _)| *known != name);
        self.settings.push((name, value.into()));
    }

    fn command(&self) -> Command {
        let mut words = self.wrapper.iter();
        let mut command = match words.next() {
            None => Command::new(&self.binary),
            Some(program) => {
                let mut command = Command::new(program);
                command.args(words).arg(&self.binary);
                command
            }
        };
        command
            .args(["serve", "--print-addresses", "--data-dir"])
            .arg(&self.data_dir)
            .env_remove("RUST_LOG")
            .env("RUST_BACKTRACE", "1")
            .env("CLEW_LOG_FORMAT", "json")
            // A signal for the driver is none for the server.
            .process_group(0);
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

    fn spawn(&self, stdout: Stdio) -> Result<Process> {
        let log = File::create(&self.log)?;
        let mut command = self.command();
        let child = command
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(log)
            .spawn();
        let child = child.with_context(|| format!("cannot start {command:?}"))?;
        Ok(Process(child))
    }

    /// Starts a server. It answers queries when this returns.
    ///
    /// # Errors
    /// When it does not come to answer; with the end of its log.
    pub(crate) fn start(&self) -> Result<Server> {
        let started = clock::now();
        let mut process = self.spawn(Stdio::piped())?;
        let mut stdout = BufReader::new(process.0.stdout.take().context("a pipe")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        if line.is_empty() {
            let status = process.0.wait()?;
            bail!(
                "the server ended at its start: {status}\n{}",
                self.log_tail()
            );
        }
        std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
        let addresses = addresses(&line)?;
        loop {
            if ask::request(addresses.http, "GET", "/health/live", "")
                .is_ok_and(|answer| answer.status == 200)
            {
                break;
            }
            ensure!(
                started.elapsed() < PATIENCE,
                "the server does not answer\n{}",
                self.log_tail()
            );
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(Server {
            process,
            addresses,
            start_time: started.elapsed(),
        })
    }

    /// Starts a server and does not wait for it.
    pub(crate) fn start_in_background(&self) -> Result<Process> {
        self.spawn(Stdio::null())
    }

    /// What the last server logged.
    pub(crate) fn log(&self) -> Log {
        let bytes = fs::read(&self.log).unwrap_or_default();
        Log(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.0.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// `clew verify` on the data directory, while no server uses it.
    ///
    /// # Errors
    /// When it finds something.
    pub(crate) fn verify(&self) -> Result<()> {
        let output = Command::new(&self.binary)
            .args(["verify", "--data-dir"])
            .arg(&self.data_dir)
            .stdin(Stdio::null())
            .output()?;
        let said = String::from_utf8_lossy(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "clew verify: {said}{told}");
        Ok(())
    }
}

/// Lines of a server's log.
#[derive(Debug)]
pub(crate) struct Log(String);

impl Log {
    /// How many lines hold `text`.
    pub(crate) fn count(&self, text: &str) -> u64 {
        self.0.lines().filter(|line| line.contains(text)).count() as u64
    }

    /// Sum of a number's values over the lines that hold `text`.
    pub(crate) fn sum(&self, text: &str, field: &str) -> u64 {
        let lines = self.0.lines().filter(|line| line.contains(text));
        lines
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter_map(|line| {
                let nested = &line["fields"][field];
                ask::number(if nested.is_null() {
                    &line[field]
                } else {
                    nested
                })
            })
            .sum()
    }

    /// Lines that tell of a panic.
    pub(crate) fn panics(&self) -> Vec<String> {
        self.lines("panicked at")
    }

    /// Lines that hold `text`.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        let lines = self.0.lines().filter(|line| line.contains(text));
        lines.map(str::to_owned).collect()
    }
}

fn addresses(line: &str) -> Result<Addresses> {
    let json: Value = serde_json::from_str(line).with_context(|| line.to_owned())?;
    let address = |name: &str| {
        let text = json[name].as_str().context("no address")?;
        text.parse().with_context(|| text.to_owned())
    };
    Ok(Addresses {
        otlp_grpc: address("otlp_grpc")?,
        otlp_http: address("otlp_http")?,
        http: address("http")?,
    })
}

/// A child process, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running server. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    process: Process,
    addresses: Addresses,
    start_time: Duration,
}

impl Server {
    /// Where it listens.
    pub(crate) fn addresses(&self) -> Addresses {
        self.addresses
    }

    /// From the start of the process until it answered.
    pub(crate) fn start_time(&self) -> Duration {
        self.start_time
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self.process);
    }

    /// SIGTERM, and a clean end; how long it took.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub(crate) fn terminate(mut self) -> Result<Duration> {
        let started = clock::now();
        let pid = Pid::from_raw(self.process.0.id() as i32).context("a pid")?;
        kill_process(pid, Signal::TERM)?;
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.process.0.try_wait()? {
                ensure!(status.success(), "after SIGTERM: {status}");
                return Ok(started.elapsed());
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        bail!("no end within {PATIENCE:?} after SIGTERM")
    }

    /// True while the process lives.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.process.0.try_wait(), Ok(None))
    }

    /// `/api/clew/v1/status`.
    pub(crate) fn status(&self) -> Result<Value> {
        ask::get(self.addresses.http, "/api/clew/v1/status")
    }

    /// Resident memory now, bytes.
    pub(crate) fn memory_bytes(&self) -> Result<u64> {
        let status = self.proc("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: Option<u64> = line.and_then(|l| l.split_whitespace().next()?.parse().ok());
        Ok(kib.context("VmRSS")? << 10)
    }

    /// Processor time so far, user and system, s.
    pub(crate) fn cpu_seconds(&self) -> Result<f64> {
        let stat = self.proc("stat")?;
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ticks: u64 = after_name
            .split(' ')
            .skip(12)
            .take(2)
            .filter_map(|n| n.parse::<u64>().ok())
            .sum();
        Ok(ticks as f64 / 100.0)
    }

    fn proc(&self, file: &str) -> Result<String> {
        let path = Path::new("/proc")
            .join(self.process.0.id().to_string())
            .join(file);
        fs::read_to_string(&path).with_context(|| path.display().to_string())
    }
}
