//! Where the value of an attribute lies, and the character that says so in a layout.

/// Most columns that the keys of one owner may have, as a set of them is kept in the bits of a number.
pub const COLUMNS_MAX: usize = u128::BITS as usize;
/// Residue maps of one owner at most.
pub(in crate::segment) const BUCKETS_MAX: u8 = 8;

/// Character of the first column; the others follow up to [`LAST_OF_ONE_BYTE`].
const FIRST_COLUMN: char = 'A';
const LAST_OF_ONE_BYTE: char = '~';
/// Columns that have a character of one byte. Those are the most frequent keys.
pub(super) const OF_ONE_BYTE: u8 = LAST_OF_ONE_BYTE as u8 - FIRST_COLUMN as u8 + 1;
/// Character of the first column that has one of two bytes.
const FIRST_OF_TWO_BYTES: char = 'À';
/// Character of the first residue map.
const FIRST_BUCKET: char = '0';

/// Where a value lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the column of this number, below [`COLUMNS_MAX`].
    Column(u8),
    /// In the residue map of this number, below [`BUCKETS_MAX`].
    Residue(u8),
}

impl Place {
    /// What `character` says; `None` when it says nothing.
    pub(super) fn of(character: char) -> Option<Self> {
        let from = |first: char| u32::from(character).checked_sub(first.into());
        let number = |first| from(first).and_then(|number| u8::try_from(number).ok());
        match character {
            FIRST_COLUMN..=LAST_OF_ONE_BYTE => number(FIRST_COLUMN).map(Self::Column),
            FIRST_OF_TWO_BYTES.. => number(FIRST_OF_TWO_BYTES)
                .filter(|number| *number < COLUMNS_MAX as u8 - OF_ONE_BYTE)
                .map(|number| Self::Column(OF_ONE_BYTE + number)),
            FIRST_BUCKET.. => number(FIRST_BUCKET)
                .filter(|number| *number < BUCKETS_MAX)
                .map(Self::Residue),
            _ => None,
        }
    }

    /// The character that says so.
    pub(super) fn character(self) -> char {
        let from = |first: char, number: u8| {
            let character = char::from_u32(u32::from(first) + u32::from(number));
            character.expect("a number of eight bits leads to no surrogate")
        };
        match self {
            Self::Column(number) if number < OF_ONE_BYTE => from(FIRST_COLUMN, number),
            Self::Column(number) => from(FIRST_OF_TWO_BYTES, number - OF_ONE_BYTE),
            Self::Residue(number) => from(FIRST_BUCKET, number),
        }
    }
}

/// Some of the columns.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ColumnSet(u128);

impl ColumnSet {
    /// Puts a column in; true when it was not there.
    pub(super) fn insert(&mut self, column: u8) -> bool {
        let is_new = !self.contains(column);
        self.0 |= 1 << column;
        is_new
    }

    pub(super) fn contains(&self, column: u8) -> bool {
        self.0 & 1 << column != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_a_character_of_its_own_that_leads_back() {
        let columns = (0..COLUMNS_MAX as u8).map(Place::Column);
        let places: Vec<_> = columns
            .chain((0..BUCKETS_MAX).map(Place::Residue))
            .collect();
        for place in &places {
            assert_eq!(Place::of(place.character()), Some(*place));
        }
        let told = (0..=u32::from(char::MAX)).filter_map(char::from_u32);
        assert_eq!(told.filter_map(Place::of).count(), places.len());
    }

    #[test]
    fn characters_stay_what_files_have() {
        let character = |column| Place::Column(column).character();
        assert_eq!([0, 1, 61].map(character), ['A', 'B', '~']);
        assert_eq!([62, 63, 127].map(character), ['À', 'Á', 'ā']);
        assert_eq!(Place::Residue(7).character(), '7');
    }

    #[test]
    fn a_set_holds_every_column() {
        let mut set = ColumnSet::default();
        for column in 0..COLUMNS_MAX as u8 {
            assert!(!set.contains(column));
            assert!(set.insert(column));
            assert!(!set.insert(column));
        }
    }
}
