//! The data directory that a command works on: through the server that uses it, or by itself where none does.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use clew_storage::Store;
use clew_storage::store::Recovery;

use super::Misuse;
use crate::client::Client;
use crate::config::{ConfigFlags, Loaded};
use crate::serve::admin::SOCKET;
use crate::serve::open_store;

/// Longest wait for an answer of the admin socket: a check of all data takes its time.
const TIMEOUT: Duration = Duration::from_hours(24);

/// Which data directory.
#[derive(Debug, Clone, Args)]
pub(super) struct DataArgs {
    /// Data directory [default: that of the configuration]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file of the server
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl DataArgs {
    /// The configuration that the server on the directory would have.
    pub(super) fn load(&self) -> Result<Loaded, Misuse> {
        ConfigFlags::of(self.config.clone(), self.data_dir.clone())
            .load()
            .map_err(Misuse)
    }

    /// True when a directory or a configuration is named.
    pub(super) fn is_given(&self) -> bool {
        self.data_dir.is_some() || self.config.is_some()
    }
}

/// The store in the data directory that `loaded` names, which no server uses, and what its opening found.
pub(super) fn open_stopped(loaded: &Loaded) -> anyhow::Result<(Store, Recovery)> {
    let config = &loaded.config;
    check_data_dir(&config.data_dir)?;
    open_store(config).context("the data directory cannot be opened")
}

/// Fails where no spans have ever been: to open a store there would make one.
pub(super) fn check_data_dir(data_dir: &Path) -> anyhow::Result<()> {
    let shown = data_dir.display();
    if !data_dir.is_dir() {
        bail!("there is no directory {shown}");
    }
    if !Store::is_in(data_dir) {
        bail!(
            "{shown} is no data directory of a server: it has no manifest, no segments and no log"
        );
    }
    Ok(())
}

/// A client of the server that uses the data directory; `None` when no server does.
pub(super) async fn running_server(loaded: &Loaded) -> anyhow::Result<Option<Client>> {
    let mut client = Client::of_socket(&loaded.config.data_dir.join(SOCKET), TIMEOUT);
    match client.connect().await {
        Ok(()) => Ok(Some(client)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// No socket, or one that a server left behind when it was killed.
fn is_absent(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(
        kind,
        Some(io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused)
    )
}
