//! What the manifest says, and how one version changes it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::derived::DerivedMeta;
use crate::ids::TraceId;
use crate::segment::SegmentMeta;

/// A file that holds hashes of payloads which were flushed lately.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecentFile {
    /// Path below the data directory.
    pub(crate) name: String,
    /// Number of hashes.
    pub(crate) count: u64,
    /// When the newest payload was received, ns since the epoch.
    pub(crate) newest_unix_nano: u64,
}

/// What one version changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Changes {
    /// Every log record up to this one is in a segment; 0 leaves it as it is.
    #[serde(default)]
    pub(crate) flushed_seq: u64,
    /// New segments.
    #[serde(default)]
    pub(crate) add_segments: Vec<SegmentMeta>,
    /// Names of segments that are no longer part of the store.
    #[serde(default)]
    pub(crate) remove_segments: Vec<String>,
    /// New files of recent hashes.
    #[serde(default)]
    pub(crate) add_recent: Vec<RecentFile>,
    /// Names of files of recent hashes that have aged out.
    #[serde(default)]
    pub(crate) remove_recent: Vec<String>,
    /// New files of counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) add_derived: Vec<DerivedMeta>,
    /// Names of files of counts that are no longer part of the store.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remove_derived: Vec<String>,
    /// Traces that retention leaves over from now on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) pin_traces: Vec<TraceId>,
}

/// One version as it stands in its file.
#[expect(
    clippy::struct_field_names,
    reason = "`version` is what people look for in the file"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Version {
    /// Version of this format.
    pub(crate) format: u32,
    /// Number of this version, from 1.
    pub(crate) version: u64,
    /// Random, so that a writer knows its own commit again; 32 hex digits.
    pub(crate) commit_id: String,
    /// Process that committed.
    pub(crate) incarnation: u64,
    /// When, ns since the epoch.
    pub(crate) committed_at_unix_nano: u64,
    /// What changed.
    pub(crate) changes: Changes,
}

/// Version of the format of versions and checkpoints.
pub(crate) const FORMAT: u32 = 1;

/// The whole state of one version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Version of this format.
    pub(crate) format: u32,
    /// Number of the version, 0 for a new store.
    pub(crate) version: u64,
    /// Process that committed it.
    pub(crate) incarnation: u64,
    /// Every log record up to this one is in a segment.
    pub(crate) flushed_seq: u64,
    /// Segments, oldest commit first.
    pub(crate) segments: Vec<SegmentMeta>,
    /// Files of recent hashes, oldest first.
    pub(crate) recent: Vec<RecentFile>,
    /// Files of counts, oldest commit first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) derived: Vec<DerivedMeta>,
    /// Traces that retention leaves over.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) pinned: BTreeSet<TraceId>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            format: FORMAT,
            version: 0,
            incarnation: 0,
            flushed_seq: 0,
            segments: Vec::new(),
            recent: Vec::new(),
            derived: Vec::new(),
            pinned: BTreeSet::new(),
        }
    }
}

impl State {
    /// This state with a version's changes.
    ///
    /// # Errors
    /// When the version does not follow on this state.
    pub(crate) fn apply(&mut self, version: &Version) -> Result<(), String> {
        let changes = &version.changes;
        if version.version != self.version + 1 {
            return Err(format!(
                "version {} does not follow on version {}",
                version.version, self.version
            ));
        }
        for name in &changes.remove_segments {
            let place = self
                .segments
                .iter()
                .position(|segment| segment.name == *name);
            let place = place.ok_or_else(|| format!("it removes `{name}`, which is not there"))?;
            self.segments.remove(place);
        }
        for segment in &changes.add_segments {
            if self.segments.iter().any(|other| other.name == segment.name) {
                return Err(format!("it adds `{}` a second time", segment.name));
            }
        }
        self.segments.extend(changes.add_segments.iter().cloned());
        self.recent
            .retain(|file| !changes.remove_recent.contains(&file.name));
        self.recent.extend(changes.add_recent.iter().cloned());
        self.derived
            .retain(|file| !changes.remove_derived.contains(&file.name));
        self.derived.extend(changes.add_derived.iter().cloned());
        self.pinned.extend(&changes.pin_traces);
        self.flushed_seq = self.flushed_seq.max(changes.flushed_seq);
        self.incarnation = version.incarnation;
        self.version = version.version;
        Ok(())
    }

    /// Spans in all segments.
    pub(crate) fn span_count(&self) -> u64 {
        self.segments.iter().map(|segment| segment.span_count).sum()
    }

    /// Bytes of all files of counts.
    pub(crate) fn derived_bytes(&self) -> u64 {
        self.derived.iter().map(|file| file.bytes).sum()
    }

    /// Bytes of all segments.
    pub(crate) fn file_bytes(&self) -> u64 {
        let bytes = self.segments.iter().flat_map(|segment| segment.file_bytes);
        bytes.sum()
    }
}
