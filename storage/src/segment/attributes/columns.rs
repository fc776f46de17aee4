//! Columns of the table `spans` from those of a file.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{Schema, SchemaRef};
use arrow::error::ArrowError;

use super::{AttributeLayout, AttributeOwner, of_columns};
use crate::schema::{self, column};
use crate::segment::ids;

/// Some columns of the table, and what of a file they are made of.
#[derive(Debug)]
pub struct TableColumns {
    /// `None` when the file has the columns of its table.
    layout: Option<Arc<AttributeLayout>>,
    schema: SchemaRef,
    /// Places in the table.
    wanted: Vec<usize>,
    /// Places in the file, ascending.
    in_file: Vec<usize>,
}

impl TableColumns {
    /// The columns `wanted` of `spans`, from a file with the layout `layout`.
    ///
    /// # Errors
    /// When there is no such column.
    pub fn of_spans(layout: &Arc<AttributeLayout>, wanted: &[usize]) -> Result<Self, ArrowError> {
        Self::new(Some(Arc::clone(layout)), &schema::spans(), wanted)
    }

    /// The columns `wanted` of a table whose file has the same columns.
    pub(in crate::segment) fn plain(table: &Schema, wanted: &[usize]) -> Result<Self, ArrowError> {
        Self::new(None, table, wanted)
    }

    fn new(
        layout: Option<Arc<AttributeLayout>>,
        table: &Schema,
        wanted: &[usize],
    ) -> Result<Self, ArrowError> {
        let mut columns = Self {
            layout,
            schema: Arc::new(table.project(wanted)?),
            wanted: wanted.to_vec(),
            in_file: Vec::new(),
        };
        let parts = wanted.iter().flat_map(|place| columns.parts(*place));
        let mut in_file: Vec<usize> = parts.collect();
        in_file.sort_unstable();
        in_file.dedup();
        columns.in_file = in_file;
        Ok(columns)
    }

    /// The places in the file that have to be read, ascending.
    #[must_use]
    pub fn in_file(&self) -> &[usize] {
        &self.in_file
    }

    /// Places in the file of the layouts among the columns.
    pub(in crate::segment) fn layouts(&self) -> Vec<usize> {
        let is_layout = |place: &usize| self.attributes(*place).is_some();
        self.in_file.iter().copied().filter(is_layout).collect()
    }

    /// Leaves out the columns of keys and the residue maps that no row of `layouts` names: the columns
    /// [`TableColumns::layouts`] of the rows that are going to be read.
    pub(in crate::segment) fn keep_named(&mut self, layouts: &RecordBatch) {
        let Some(layout) = &self.layout else {
            return;
        };
        for (place, column) in self.layouts().into_iter().zip(layouts.columns()) {
            let owner = AttributeOwner::ALL
                .into_iter()
                .find(|owner| owner.place() == place);
            if let (Some(owner), Some(column)) = (owner, column.as_string_view_opt()) {
                let named = layout.owner(owner).named(column.iter().flatten());
                let first = layout.places(owner).start;
                let unnamed: Vec<_> = layout
                    .places(owner)
                    .filter(|place| !named[place - first])
                    .collect();
                self.in_file
                    .retain(|place| unnamed.binary_search(place).is_err());
            }
        }
    }

    /// The columns of the table, given those of the file.
    ///
    /// # Errors
    /// When they do not fit together: the file is damaged.
    pub fn of(&self, read: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let columns = self.wanted.iter().map(|place| self.column(*place, read));
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(read.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }

    fn column(&self, place: usize, read: &RecordBatch) -> Result<ArrayRef, ArrowError> {
        let read = |place: usize| {
            let place = self.in_file.binary_search(&place).ok()?;
            Some(Arc::clone(read.column(place)))
        };
        let Some((layout, owner)) = self.attributes(place) else {
            let missing = || ArrowError::SchemaError(format!("column {place} was not read"));
            return self.plain_column(place, read).ok_or_else(missing);
        };
        let parts: Vec<_> = self.parts(place).into_iter().map(read).collect();
        let map = of_columns(layout.owner(owner), &parts).map_err(ArrowError::ParquetError)?;
        Ok(Arc::new(map))
    }

    /// Column `place` of the table, no attributes; `read` gives columns of the file.
    fn plain_column(
        &self,
        place: usize,
        read: impl Fn(usize) -> Option<ArrayRef>,
    ) -> Option<ArrayRef> {
        let own = read(place)?;
        match place {
            column::SPAN_ID if self.has_joined_ids() => ids::span_ids(&own),
            column::PARENT_SPAN_ID if self.has_joined_ids() => {
                ids::parent_ids(&read(column::SPAN_ID)?, &own)
            }
            _ => Some(own),
        }
    }

    fn has_joined_ids(&self) -> bool {
        self.layout
            .as_ref()
            .is_some_and(|layout| layout.joined_ids())
    }

    /// The attributes that column `place` of the table is.
    fn attributes(&self, place: usize) -> Option<(&AttributeLayout, AttributeOwner)> {
        let layout = self.layout.as_deref()?;
        let mut owners = AttributeOwner::ALL.into_iter();
        Some((layout, owners.find(|owner| owner.place() == place)?))
    }

    /// Places in the file of what column `place` of the table is made of.
    fn parts(&self, place: usize) -> Vec<usize> {
        let more = match self.attributes(place) {
            Some((layout, owner)) => layout.places(owner),
            None if place == column::PARENT_SPAN_ID && self.has_joined_ids() => {
                column::SPAN_ID..column::SPAN_ID + 1
            }
            None => 0..0,
        };
        std::iter::once(place).chain(more).collect()
    }
}
