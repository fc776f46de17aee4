//! Opening the store: with the decoder and the policies of this program.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use clew_collector::tail::TailPolicies;
use clew_storage::env::Env;
use clew_storage::sampling::{StoredSampling, TailSampling};
use clew_storage::store::{Recovery, StoreOptions};
use clew_storage::{Store, StoreError};

use crate::config::{Config, StoredConfig, TailConfig};

/// Opens the store in the data directory of `config`. Takes its lock; blocks while the log is replayed.
pub(crate) fn open_store(config: &Config) -> Result<(Store, Recovery), StoreError> {
    let options = StoreOptions {
        data_dir: config.data_dir.clone(),
        env: Env::system(),
        limits: config.storage.clone(),
        decoder: Arc::new(clew_collector::Decoder),
        tail_sampling: tail_sampling(&config.sampling.tail),
        stored_sampling: stored_sampling(&config.sampling.stored),
    };
    if config.unsafe_no_wal {
        tracing::error!(
            "unsafe_no_wal is set: a crash loses acknowledged spans; this is for tests only"
        );
        return Store::open_unsafe_without_log(options);
    }
    Store::open(options)
}

fn tail_sampling(config: &TailConfig) -> Option<TailSampling> {
    // The policies made sense when the configuration was read.
    let policies = TailPolicies::new(config.policies.as_ref()?).ok()?;
    Some(TailSampling {
        sampler: Arc::new(policies),
        decision_wait: config.decision_wait,
        decision_age: config.decision_age,
        decisions_max: config.decisions_max,
    })
}

fn stored_sampling(config: &StoredConfig) -> Option<StoredSampling> {
    // The policies made sense when the configuration was read.
    let policies = TailPolicies::for_stored(config.policies.as_ref()?).ok()?;
    Some(StoredSampling {
        sampler: Arc::new(policies),
        after: config.after,
    })
}

/// Opens the store off the event loop and tells what was found.
pub(super) async fn open_and_tell(config: &Config) -> anyhow::Result<Store> {
    let owned = config.clone();
    let opened = tokio::task::spawn_blocking(move || open_store(&owned)).await;
    let (store, recovery) = opened
        .context("the store failed while it was opened")?
        .with_context(|| {
            format!(
                "the data directory {} cannot be opened",
                config.data_dir.display()
            )
        })?;
    tell(&config.data_dir, &recovery);
    Ok(store)
}

fn tell(data_dir: &Path, recovery: &Recovery) {
    for damage in &recovery.damaged {
        tracing::error!(damage, "damaged data; `clew verify` tells more");
    }
    if recovery.torn_tail_bytes > 0 {
        let bytes = recovery.torn_tail_bytes;
        tracing::warn!(
            bytes,
            "cut off the end of the log, a write that never ended and was never acknowledged"
        );
    }
    tracing::info!(
        data_dir = %data_dir.display(),
        segments = recovery.segments,
        stored_spans = recovery.stored_spans,
        replayed_records = recovery.replayed_records,
        replayed_spans = recovery.replayed_spans,
        orphans_removed = recovery.orphans_removed,
        elapsed_ms = recovery.elapsed_ms,
        "opened the store"
    );
}
