//! How attributes are laid out in a new segment, decided before its first row is written.

use super::attributes::{
    AttributeLayout, AttributeOwner, CensusOfFile, OwnerLayout, Source, merged_layout,
};
use super::{Segment, SegmentTable};
use crate::error::StoreError;
use crate::limits::AttributeColumns;

/// The layout of spans and resources, and what it was chosen by.
#[derive(Debug, Clone)]
pub(crate) struct Layouts {
    pub(super) span: OwnerLayout,
    pub(super) resource: OwnerLayout,
    /// The attributes in numbers.
    pub(super) census: CensusOfFile,
}

impl Layouts {
    /// For all attributes of an epoch: of spans, of resources.
    pub(super) fn of_sources(
        [of_spans, of_resources]: &[Source<'_>; 2],
        columns: &AttributeColumns,
    ) -> Self {
        Self {
            span: of_spans.layout(columns, AttributeOwner::Span),
            resource: of_resources.layout(columns, AttributeOwner::Resource),
            census: CensusOfFile {
                span: of_spans.census(),
                resource: of_resources.census(),
            },
        }
    }

    /// For what is merged from `segments`, by what their footers tell.
    ///
    /// # Errors
    /// When a footer cannot be read.
    pub(crate) fn merged(
        segments: &[&Segment],
        columns: &AttributeColumns,
    ) -> Result<Self, StoreError> {
        let (mut layouts, mut census) = (Vec::new(), CensusOfFile::default());
        for segment in segments {
            let metadata = segment.metadata(SegmentTable::Spans)?;
            let layout = AttributeLayout::of_file(metadata.schema());
            layouts.push(layout.map_err(|message| segment.corrupt(message))?);
            let of_file = CensusOfFile::of_file(metadata.schema());
            census.span.add(&of_file.span);
            census.resource.add(&of_file.resource);
        }
        let of = |owner, census| {
            let files: Vec<_> = layouts.iter().map(|layout| layout.owner(owner)).collect();
            merged_layout(&files, census, columns, owner)
        };
        Ok(Self {
            span: of(AttributeOwner::Span, &census.span),
            resource: of(AttributeOwner::Resource, &census.resource),
            census,
        })
    }
}
