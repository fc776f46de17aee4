//! Several traces for one answer, read one at a time while the answer is written.

use std::cell::RefCell;

use clew_storage::TraceId;
use serde::ser::Error;

use super::Trace;
use crate::service::Reading;

/// Traces in the order in which they are answered. At most one that was not loaded before is in memory.
pub(crate) struct TraceSet {
    loaded: Vec<Trace>,
    later: Option<(Reading, Vec<TraceId>)>,
    missing: RefCell<Vec<TraceId>>,
}

impl TraceSet {
    /// Traces that are in memory.
    pub(crate) fn of(loaded: Vec<Trace>) -> Self {
        Self {
            loaded,
            later: None,
            missing: RefCell::default(),
        }
    }

    /// Traces that are read when they are written.
    pub(crate) fn later(reading: Reading, ids: Vec<TraceId>) -> Self {
        Self {
            loaded: Vec::new(),
            later: Some((reading, ids)),
            missing: RefCell::default(),
        }
    }

    /// Visits the traces; one that is not stored is noted as missing.
    ///
    /// # Errors
    /// Those of `visit`, and when a trace cannot be read: the document is then cut off.
    pub(crate) fn each<E: Error>(
        &self,
        mut visit: impl FnMut(&Trace) -> Result<(), E>,
    ) -> Result<(), E> {
        self.loaded.iter().try_for_each(&mut visit)?;
        let Some((reading, ids)) = &self.later else {
            return Ok(());
        };
        for id in ids {
            match Trace::find(reading, *id).map_err(E::custom)? {
                Some(trace) => visit(&trace)?,
                None => self.missing.borrow_mut().push(*id),
            }
        }
        Ok(())
    }

    /// The traces that were not there when they were visited.
    pub(crate) fn missing(&self) -> Vec<TraceId> {
        self.missing.borrow().clone()
    }
}
