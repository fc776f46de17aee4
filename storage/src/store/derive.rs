//! Counts of spans: made when an epoch leaves the hot window, merged as their files become many, dropped when they are old.

use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;

use super::names::{DERIVED_DIR, derived_name, last_seq};
use super::view::Epoch;
use super::{Shared, lock};
use crate::derived::{self, Counted, DerivedFile, DerivedMeta, DerivedTable, PendingCalls};
use crate::error::{IoContext, StoreError};
use crate::manifest::Changes;
use crate::measure;
use crate::retention;

/// What a flush adds to the counts.
pub(super) struct NewCounts {
    pub(super) files: Vec<DerivedMeta>,
    /// Names of files that they replace.
    pub(super) removed: Vec<String>,
    pub(super) pending: Arc<PendingCalls>,
    /// Rows of `span_metrics`.
    pub(super) span_metrics: RecordBatch,
}

/// Writes the files of what is counted of `epoch`, which leaves at `now`, ns since the epoch.
pub(super) fn write(
    shared: &Shared,
    epoch: &Epoch,
    counted: Counted,
    now: i64,
    nonce: u32,
) -> Result<NewCounts, StoreError> {
    let env = &shared.options.env;
    let dir = &shared.options.data_dir;
    let (incarnation, _) = shared.manifest_figures();
    let meta =
        |table| DerivedMeta::new(derived_name(table, incarnation, epoch.seqs, nonce), now, 0);
    let mut files = Vec::new();
    for table in DerivedTable::ALL {
        let rows = counted.rows(table);
        if rows.num_rows() > 0 {
            files.push(derived::write(env, dir, meta(Some(table)), table, rows)?);
        }
    }
    let span_metrics = counted.rows(DerivedTable::SpanMetrics).clone();
    let pending = counted.into_pending();
    measure::pending_calls(pending.len());
    if !pending.is_empty() {
        files.push(derived::write_pending(env, dir, meta(None), &pending)?);
    }
    if !files.is_empty() {
        sync_dir(shared)?;
    }
    let before = shared.view.counts();
    let removed = before.files.iter().map(|file| file.meta());
    let removed = removed.filter(|meta| meta.table.is_none());
    Ok(NewCounts {
        files,
        removed: removed.map(|meta| meta.name.clone()).collect(),
        pending: Arc::new(pending),
        span_metrics,
    })
}

fn sync_dir(shared: &Shared) -> Result<(), StoreError> {
    let dir = shared.options.data_dir.join(DERIVED_DIR);
    shared.options.env.fs.sync_dir(&dir).context(&dir)
}

/// Merges files and drops old ones. A failure costs nothing but the time to read more files; the next flush tries again.
pub(super) fn keep_house(shared: &Shared) {
    for table in DerivedTable::ALL {
        while let Some(inputs) = derived::due(&shared.view.counts().files, table) {
            match merge(shared, table, &inputs) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    tracing::warn!(%error, table = table.name(), "files of counts cannot be merged; the next flush tries again");
                    break;
                }
            }
        }
    }
    if let Err(error) = drop_old(shared) {
        tracing::warn!(%error, "old counts cannot be dropped; the next flush tries again");
    }
}

/// False when an input is not there any more.
fn merge(
    shared: &Shared,
    table: DerivedTable,
    inputs: &[Arc<DerivedFile>],
) -> Result<bool, StoreError> {
    let env = &shared.options.env;
    let rows = derived::merge(inputs, table)?;
    let metas = inputs.iter().map(|file| file.meta());
    let file_name = |meta: &DerivedMeta| {
        let name = Path::new(&meta.name).file_name();
        name.map(|name| name.to_string_lossy().into_owned())
    };
    let last = metas.clone().filter_map(|meta| last_seq(&file_name(meta)?));
    let last = last.max().unwrap_or(0);
    let newest = metas.clone().map(|meta| meta.newest_unix_nano).max();
    let level = metas.clone().map(|meta| meta.level).max().unwrap_or(0) + 1;
    let (incarnation, _) = shared.manifest_figures();
    let nonce = env.random.next_u64() as u32;
    let name = derived_name(Some(table), incarnation, (last, last), nonce);
    let meta = DerivedMeta::new(name, newest.unwrap_or(0), level);
    let merged = derived::write(env, &shared.options.data_dir, meta, table, &rows)?;
    sync_dir(shared)?;
    let changes = Changes {
        add_derived: vec![merged],
        remove_derived: metas.map(|meta| meta.name.clone()).collect(),
        ..Changes::default()
    };
    shared.commit_if_live(changes, || ())
}

fn drop_old(shared: &Shared) -> Result<(), StoreError> {
    let limits = &shared.options.limits;
    let now = shared.clock_reading();
    if retention::leap(shared.opened, now, limits.clock_leap).is_some() {
        return Ok(());
    }
    let age_ns = i128::try_from(limits.derived_age.as_nanos()).unwrap_or(i128::MAX);
    let is_old = |meta: &DerivedMeta| {
        let age = i128::from(now.wall_ns) - i128::from(meta.newest_unix_nano);
        meta.table.is_some() && age > age_ns
    };
    let counts = shared.view.counts();
    let old = counts.files.iter().map(|file| file.meta());
    let old: Vec<_> = old
        .filter(|meta| is_old(meta))
        .map(|meta| meta.name.clone())
        .collect();
    drop_files(shared, old)
}

/// Drops all counts, pending calls among them.
pub(super) fn drop_all(shared: &Shared) -> Result<(), StoreError> {
    let mut manifest = lock(&shared.manifest);
    let counts = shared.view.counts();
    let all = counts.files.iter().map(|file| &file.meta().name);
    let changes = Changes {
        remove_derived: all.cloned().collect(),
        ..Changes::default()
    };
    shared.commit_locked(&mut manifest, changes, Some(Arc::default()))
}

fn drop_files(shared: &Shared, names: Vec<String>) -> Result<(), StoreError> {
    if names.is_empty() {
        return Ok(());
    }
    let changes = Changes {
        remove_derived: names,
        ..Changes::default()
    };
    // When one is not there any more, a merge has taken it: the next look finds what came of it.
    shared.commit_if_live(changes, || ()).map(drop)
}
