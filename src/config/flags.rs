//! Every setting as a command-line flag, made from the table of settings.

use std::path::PathBuf;

use clap::builder::ArgAction;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::keys::{KEYS, Key};
use super::layers::{Loaded, load};
use super::value::Value;

/// Flags that the short help shows; `--help` shows all of them.
const SHORT_HELP: [&str; 3] = ["data_dir", "host", "insecure"];

/// `--config FILE`, and a flag per setting.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConfigFlags {
    file: Option<PathBuf>,
    settings: Vec<(&'static str, String)>,
}

impl ConfigFlags {
    /// Only the configuration file and the data directory, for commands that need no more.
    pub(crate) fn of(file: Option<PathBuf>, data_dir: Option<PathBuf>) -> Self {
        let data_dir = data_dir.map(|path| ("data_dir", path.display().to_string()));
        Self {
            file,
            settings: data_dir.into_iter().collect(),
        }
    }

    /// Reads file and environment, and lays these flags over them.
    pub(crate) fn load(&self) -> anyhow::Result<Loaded> {
        let flags = self.settings.iter().filter_map(|(name, text)| {
            super::keys::find(name).map(|key| (key, Value::Text(text.clone())))
        });
        load(self.file.as_deref(), std::env::vars(), flags.collect())
    }
}

fn flag(key: &Key) -> Arg {
    let name = key.flag();
    let (heading, metavar) = (heading(key), key.kind.to_ascii_uppercase());
    let arg = Arg::new(key.name)
        .long(name)
        .help(key.help)
        .help_heading(heading)
        .action(ArgAction::Set)
        .value_name(metavar)
        .hide_short_help(!SHORT_HELP.contains(&key.name))
        .hide(key.is_hidden());
    if key.is_switch() {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        arg
    }
}

fn heading(key: &Key) -> String {
    let section = key.section();
    if section.is_empty() {
        "Settings".to_owned()
    } else {
        format!("Settings: {section}")
    }
}

impl Args for ConfigFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new("config_file")
            .long("config")
            .short('c')
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Configuration file [default: clew.yaml, if it exists; or the variable CLEW_CONFIG]")
            .help_heading("Settings");
        command.arg(file).args(KEYS.iter().map(flag))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for ConfigFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let settings = KEYS.iter().filter_map(|key| {
            matches
                .get_one::<String>(key.name)
                .map(|text| (key.name, text.clone()))
        });
        Ok(Self {
            file: matches.get_one("config_file").cloned(),
            settings: settings.collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
