//! Repairing the running store: each damaged segment is replaced in one commit by what can be read of it.

use std::sync::Arc;

use super::{Shared, lock};
use crate::compaction::{Merged, Rebuild};
use crate::error::StoreError;
use crate::manifest::{self, Changes, Manifest};
use crate::quarantine;
use crate::repair::{Finding, Others, Repair, RepairReport, Rows, examine};
use crate::segment::{Segment, SegmentTable};
use crate::verify::{self, Problem, Progress};

/// Looks at everything and, with `apply`, repairs what can be.
pub(super) fn repair(
    shared: &Shared,
    apply: bool,
    progress: &mut dyn FnMut(Progress),
) -> Result<RepairReport, StoreError> {
    let mut report = RepairReport {
        applied: apply,
        ..RepairReport::default()
    };
    let segments = shared.view.segments();
    let bytes = |segment: &Arc<Segment>| segment.meta().file_bytes.iter().sum::<u64>();
    let total_bytes = segments.iter().map(bytes).sum();
    for segment in segments.iter() {
        progress(Progress {
            done_bytes: report.bytes,
            total_bytes,
        });
        report.count(segment);
        match examine(segment) {
            Ok(None) => {}
            Ok(Some(finding)) => match replace_if(apply, shared, segment, &finding) {
                Ok(true) => report.add(segment, &finding),
                Ok(false) => {}
                Err(StoreError::Corrupt { path, message }) => report.remaining.push(Problem {
                    file: path,
                    message,
                }),
                Err(error) => return Err(error),
            },
            Err(problem) => report.remaining.push(problem),
        }
    }
    report.repairs.extend(repair_others(shared, apply)?);
    let options = &shared.options;
    let others = verify::verify_others_open(&options.env, &options.data_dir)?;
    report.note(others.problems);
    progress(Progress {
        done_bytes: total_bytes,
        total_bytes,
    });
    Ok(report)
}

/// With `apply`, puts what can be read of `segment` in its place; false when it has left the store meanwhile.
fn replace_if(
    apply: bool,
    shared: &Shared,
    segment: &Segment,
    finding: &Finding,
) -> Result<bool, StoreError> {
    if !apply {
        return Ok(true);
    }
    let mut rebuilt = rebuild(shared, segment, finding)?;
    if finding.rows != Rows::All {
        set_aside(shared, segment, finding)?;
    }
    let changes = Changes {
        add_segments: rebuilt.segments.clone(),
        remove_segments: vec![segment.meta().name.clone()],
        ..Changes::default()
    };
    shared.commit_if_live(changes, || rebuilt.keep())
}

fn rebuild(shared: &Shared, segment: &Segment, finding: &Finding) -> Result<Merged, StoreError> {
    let options = &shared.options;
    let sound;
    let (source, rows) = match &finding.rows {
        Rows::All => {
            sound = segment.without_index();
            let footer = sound.metadata(SegmentTable::Spans)?;
            let rows = footer.metadata().file_metadata().num_rows();
            (&sound, std::iter::once(0..rows as usize).collect())
        }
        Rows::Some(rows) => (segment, rows.clone()),
        Rows::None => (segment, Vec::new()),
    };
    Rebuild {
        env: &options.env,
        data_dir: &options.data_dir,
        shape: &options.limits.segment_shape,
        source,
        rows: &rows,
        names: shared,
    }
    .run()
}

/// Gives the files of a segment a second name in `quarantine/`, before the store lets go of the first.
fn set_aside(shared: &Shared, segment: &Segment, finding: &Finding) -> Result<(), StoreError> {
    let (env, data_dir) = (&shared.options.env, &shared.options.data_dir);
    let reason = format!("{}: {}", finding.file.display(), finding.problem);
    for path in segment.files() {
        quarantine::link_here(env, data_dir, path, &reason)?;
    }
    Ok(())
}

/// Repairs the manifest, the recent hashes and the counts.
fn repair_others(shared: &Shared, apply: bool) -> Result<Vec<Repair>, StoreError> {
    let (env, data_dir) = (&shared.options.env, &shared.options.data_dir);
    let mut manifest = lock(&shared.manifest);
    let others = Others::of(env, data_dir, manifest.state())?;
    if !apply {
        return Ok(others.repairs());
    }
    for (path, _) in &others.copies {
        manifest::restore_copies(env, path)?;
    }
    if !others.recent.is_empty() {
        let names = others.recent.iter().map(|(file, ..)| file.name.clone());
        let changes = Changes {
            remove_recent: names.collect(),
            ..Changes::default()
        };
        shared.commit_locked(&mut manifest, changes, None)?;
        for (_, path, problem) in &others.recent {
            if let Err(error) = quarantine::move_here(env, data_dir, path, problem) {
                tracing::warn!(%error, "a damaged file of payload hashes stays until the next start");
            }
        }
    }
    if !others.derived.is_empty() {
        drop_counts(shared, &mut manifest, &others)?;
    }
    Ok(others.repairs())
}

/// Takes damaged files of counts out of the store. They get a second name in `quarantine/` before the store lets go of the first.
fn drop_counts(
    shared: &Shared,
    manifest: &mut Manifest,
    others: &Others,
) -> Result<(), StoreError> {
    let (env, data_dir) = (&shared.options.env, &shared.options.data_dir);
    for (_, path, problem) in &others.derived {
        quarantine::link_here(env, data_dir, path, problem)?;
    }
    let metas = || others.derived.iter().map(|(meta, ..)| meta);
    let are_pending_gone = metas().any(|meta| meta.table.is_none());
    let changes = Changes {
        remove_derived: metas().map(|meta| meta.name.clone()).collect(),
        ..Changes::default()
    };
    shared.commit_locked(manifest, changes, are_pending_gone.then(Arc::default))
}
