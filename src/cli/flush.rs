//! `clew flush`.

use anyhow::Context;
use clap::Args;

use super::data::{DataArgs, open_stopped, running_server};
use super::{Failure, Outcome, say};
use crate::client::Call;

/// Flags of `clew flush`.
#[derive(Debug, Args)]
pub(super) struct FlushArgs {
    #[command(flatten)]
    data: DataArgs,
}

/// Flushes through the running server; without one, by opening and closing the store.
pub(super) async fn run(args: FlushArgs) -> Result<Outcome, Failure> {
    let loaded = args.data.load()?;
    if let Some(mut client) = running_server(&loaded).await? {
        client
            .call(&Call::post("/admin/flush", "application/json", "{}"))
            .await?
            .ok()?;
    } else {
        let (store, _) = open_stopped(&loaded)?;
        store.close().await.context("the flush failed")?;
    }
    say("flushed");
    Ok(Outcome::Done)
}
