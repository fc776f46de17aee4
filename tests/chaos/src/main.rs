//! `clew-chaos`: breaks a running server again and again, and writes down what came of it.
//!
//! Each arm is one way of breaking: kills, power cuts, full disks, and so on. What senders were told is kept in a ledger
//! outside of what breaks, and compared with what the server answers afterwards. A trial whose load was too small proves
//! nothing and is counted apart; where a safeguard can be taken away, the arm is run without it too, and must then fail.
//! The records go to `docs/reliability.json`, and `docs/reliability.md` is made of them.
//!
//! Nothing here calls the server's code. Everything an arm makes (processes, mounts, loop devices, control groups) is gone at its
//! end, also after an error or Ctrl-C; what a killed driver left, the next one removes.

mod arms;
mod ask;
mod batch;
mod cgroup;
mod check;
mod clock;
mod disk;
mod home;
mod ledger;
mod load;
mod machine;
mod page;
mod random;
mod record;
mod server;
mod shell;
mod statistics;
mod stop;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;

use crate::arms::{ARMS, Arm, Task};
use crate::home::Home;
use crate::record::{Record, Verdict};

/// Breaks a running server again and again, and writes down what came of it.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Arguments {
    /// Arm to run, may be repeated; all if absent.
    #[arg(long)]
    arm: Vec<String>,
    /// Trials of each arm, instead of its own number.
    #[arg(long)]
    times: Option<u64>,
    /// Seed of all choices [default: the time of the day]
    #[arg(long)]
    seed: Option<u64>,
    /// Server to break.
    #[arg(long, env = "CLEW_CHAOS_BINARY", default_value = "target/release/clew")]
    binary: PathBuf,
    /// Program of the store's tests, as `cargo test --no-run` builds it [default: it is built]
    #[arg(long, env = "CLEW_CHAOS_SUITE")]
    suite: Option<PathBuf>,
    /// Commit that the server was built of [default: that of the repository it lies in]
    #[arg(long, env = "CLEW_CHAOS_COMMIT")]
    commit: Option<String>,
    /// Folder for data directories, images of disks and logs.
    #[arg(long, default_value_os_t = std::env::temp_dir())]
    work: PathBuf,
    /// Only print what was found; change neither figures nor page.
    #[arg(long)]
    dry_run: bool,
    /// Run nothing, make the page of the figures that are there.
    #[arg(long)]
    page: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    if arguments.page {
        return write_page(&root);
    }
    let arms = chosen(&arguments.arm)?;
    ensure!(
        rustix::process::geteuid().is_root(),
        "mounting disks and bounding processes needs root"
    );
    stop::listen()?;
    let mut failed = Vec::new();
    for arm in arms {
        let record = run(arm, &arguments, &root)?;
        eprintln!("{}", serde_json::to_string_pretty(&record)?);
        if record.outcome.verdict() != Verdict::Holds {
            failed.push(arm.name);
        }
        if !arguments.dry_run {
            let mut records = record::load(&figures(&root))?;
            records.insert(arm.name.to_owned(), record);
            record::save(&figures(&root), &records)?;
            write_page(&root)?;
        }
    }
    ensure!(failed.is_empty(), "not proved: {}", failed.join(", "));
    Ok(())
}

fn figures(root: &Path) -> PathBuf {
    root.join("docs/reliability.json")
}

fn write_page(root: &Path) -> Result<()> {
    let page = page::render(&record::load(&figures(root))?);
    let path = root.join("docs/reliability.md");
    std::fs::write(&path, page).with_context(|| path.display().to_string())
}

fn chosen(names: &[String]) -> Result<Vec<&'static Arm>> {
    if names.is_empty() {
        return Ok(ARMS.iter().collect());
    }
    let find = |name: &String| {
        if let Some(arm) = ARMS.iter().find(|arm| arm.name == name) {
            return Ok(arm);
        }
        let known: Vec<&str> = ARMS.iter().map(|arm| arm.name).collect();
        bail!("no arm `{name}`; there are {}", known.join(", "))
    };
    names.iter().map(find).collect()
}

fn run(arm: &Arm, arguments: &Arguments, root: &Path) -> Result<Record> {
    let binary = arguments
        .binary
        .canonicalize()
        .with_context(|| arguments.binary.display().to_string())?;
    let task = Task {
        home: Home::new(&arguments.work)?,
        times: arguments.times.unwrap_or(arm.times),
        seed: arguments.seed.unwrap_or_else(clock::unix_nano),
        root: root.canonicalize()?,
        binary,
        suite: arguments.suite.clone(),
    };
    eprintln!(
        "{}: {} times, seed {}, in {}",
        arm.name,
        task.times,
        task.seed,
        task.home.path().display()
    );
    let started = clock::now();
    let outcome = (arm.run)(&task).with_context(|| format!("{}, seed {}", arm.name, task.seed))?;
    // What cargo builds for itself is a development build of this very tree.
    let (place, profile) = if arm.is_suite {
        (task.root.join("Cargo.toml"), "dev".to_owned())
    } else {
        (task.binary.clone(), machine::profile(&task.binary))
    };
    let commit = arguments.commit.clone();
    let build = format!(
        "{} {profile}",
        commit.unwrap_or_else(|| machine::commit(&place))
    );
    Ok(Record {
        date: machine::date()?,
        build,
        machine: machine::description(),
        command: format!(
            "make chaos ARGUMENTS='--arm {} --times {} --seed {}'",
            arm.name, task.times, task.seed
        ),
        seed: task.seed,
        minutes: (started.elapsed().as_secs_f64() / 6.0).round() / 10.0,
        outcome,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_figures_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let page = std::fs::read_to_string(root.join("docs/reliability.md")).unwrap();
        let made = page::render(&record::load(&figures(&root)).unwrap());
        // Both are long, so neither is printed.
        assert!(page == made, "make it again: make chaos ARGUMENTS=--page");
    }

    #[test]
    fn arms_are_chosen_by_name() {
        assert_eq!(chosen(&[]).unwrap().len(), ARMS.len());
        let kill = chosen(&["kill".to_owned()]).unwrap();
        assert_eq!(kill[0].name, "kill");
        let error = chosen(&["flood".to_owned()]).unwrap_err().to_string();
        assert!(error.contains("power"), "{error}");
    }
}
