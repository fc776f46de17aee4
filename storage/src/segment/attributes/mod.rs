//! How a segment keeps the attributes of its spans and resources.
//!
//! The table shows one map from key to canonical text. The file holds instead, for the span (`attributes`) and for the resource
//! (`resource_attributes`) alike:
//!
//! ```text
//!   attributes.<key>     one column for each key that occurs often: text, 64-bit integer, double or boolean
//!   attributes#<n>       the residue, maps from key to canonical text; a key lies in the one that its hash names
//!   attribute_layout     for each attribute, in the order sent, one character that says where its value lies ([`place`]):
//!                        `A` to `~`, then `À` to `ā` the columns in the order of the footer, `0` to `7` the next entry of that
//!                        residue
//!
//!   sent     http.route="/cart"  user.id="u7"  http.status_code=200      attribute_types  "ssi"
//!   stored   attributes.http.route="/cart"                               attribute_layout "A3B"
//!            attributes.http.status_code=200     attributes#3={user.id: u7}
//! ```
//!
//! The columns stand behind those of the table, the layout in the place of the map. Which columns there are, which keys lie in
//! the residue and which keys the other levels have is told by the footer ([`AttributeLayout`]). Attributes of scopes, events and
//! links stay maps.
//!
//! - A column holds values of one type, the most frequent one of its key. A value of another type, a key's second value in one
//!   list, and a double that does not order as its text says (NaN, an infinity, -0) go to the residue.
//! - So `column ?? residue[key]` is the first value that was sent under the key, whatever its type.
//! - The number of columns is bounded, and so is all memory for finding out which keys are frequent: lists of attributes are told
//!   apart by keys and types ([`shape`]), and beyond a number of different ones rows are looked at one by one.

mod assemble;
mod census;
mod choose;
mod columns;
mod layout;
mod place;
mod shape;
mod split;

pub use assemble::{double_text, of_columns};
pub(super) use census::{CENSUS_KEY, CensusOfFile};
pub(super) use choose::{Source, merged_layout};
pub use columns::TableColumns;
pub use layout::{AttributeLayout, OwnerLayout, PromotedColumn};
pub(super) use layout::{KeyList, LAYOUT_KEY};
pub(super) use place::BUCKETS_MAX;
pub use place::COLUMNS_MAX;
pub(super) use split::{GroupColumns, OwnerColumns, Placed, Splitter};

use crate::schema::column;

/// Whose attributes have columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttributeOwner {
    /// The span itself.
    Span,
    /// Its resource.
    Resource,
}

impl AttributeOwner {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Span, Self::Resource];

    /// Name of the map in the table.
    #[must_use]
    pub fn map(self) -> &'static str {
        match self {
            Self::Span => "attributes",
            Self::Resource => "resource_attributes",
        }
    }

    /// The owner whose map is called `name`.
    #[must_use]
    pub fn of_map(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|owner| owner.map() == name)
    }

    /// Place of the map in the table, and of the layout in the file.
    #[must_use]
    pub fn place(self) -> usize {
        match self {
            Self::Span => column::ATTRIBUTES,
            Self::Resource => column::RESOURCE_ATTRIBUTES,
        }
    }

    /// Name of the layout in the file.
    #[must_use]
    pub fn layout(self) -> &'static str {
        match self {
            Self::Span => "attribute_layout",
            Self::Resource => "resource_attribute_layout",
        }
    }
}
