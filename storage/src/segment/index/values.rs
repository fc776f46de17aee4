//! What a row group holds: pairs of attribute key and value, keys, services and span names, as hashes in a filter.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, AsArray, MapArray};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::paged;

/// More different hashes than this in one row group, and it gets no filter: one has 1.75 MiB at most.
pub(super) const HASHES_MAX: usize = 1 << 20;
/// Bits for each hash: about one stranger in 400 gets through.
const BITS_EACH: usize = 14;
/// Hashes seen lately, a power of two of them.
const LATELY: usize = 1 << 13;

/// What a hash in the filter stands for.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
enum Sort {
    Attribute = 1,
    Key = 2,
    Service = 3,
    Name = 4,
}

/// Something that a row group of `spans` may hold, as its filter knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held<'a> {
    /// An attribute of a span, resource, scope, event or link: its key and the canonical text of its value.
    Attribute(&'a str, &'a str),
    /// An attribute of any value: its key.
    Key(&'a str),
    /// A span of a service.
    Service(&'a str),
    /// A span by its name.
    Name(&'a str),
}

impl Held<'_> {
    /// Its hash, without the salt of a row group.
    pub(in crate::segment) fn hash(self) -> u64 {
        match self {
            Self::Attribute(key, value) => attribute_hash(&mut Vec::new(), key, value),
            Self::Key(key) => key_hash(key),
            Self::Service(service) => service_hash(service),
            Self::Name(name) => name_hash(name),
        }
    }
}

/// Hash of an attribute at any level. No byte 0xff occurs in UTF-8, so it parts key and value.
pub(in crate::segment) fn attribute_hash(scratch: &mut Vec<u8>, key: &str, value: &str) -> u64 {
    scratch.clear();
    scratch.extend_from_slice(key.as_bytes());
    scratch.push(0xff);
    scratch.extend_from_slice(value.as_bytes());
    xxh3_64_with_seed(scratch, Sort::Attribute as u64)
}

/// Hash of an attribute's key.
pub(in crate::segment) fn key_hash(key: &str) -> u64 {
    xxh3_64_with_seed(key.as_bytes(), Sort::Key as u64)
}

/// Hash of a service name.
pub(in crate::segment) fn service_hash(service: &str) -> u64 {
    xxh3_64_with_seed(service.as_bytes(), Sort::Service as u64)
}

/// Hash of a span name.
pub(in crate::segment) fn name_hash(name: &str) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), Sort::Name as u64)
}

/// What the hashes of one row group are mixed with. Row groups mostly hold the same values: without it their filters were alike, and a
/// stranger that gets through one got through all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::segment) struct Salt(u64);

impl Salt {
    /// The salt of row group `row_group` of segment `segment`: XXH3 of the name, seeded with the number.
    pub(in crate::segment) fn of(segment: &str, row_group: u32) -> Self {
        Self(xxh3_64_with_seed(segment.as_bytes(), u64::from(row_group)))
    }

    pub(super) fn to_le_bytes(self) -> [u8; 8] {
        self.0.to_le_bytes()
    }

    pub(super) fn from_le_bytes(bytes: [u8; 8]) -> Self {
        Self(u64::from_le_bytes(bytes))
    }

    /// The hash that goes into the filter: XXH3 of the eight bytes of `hash`, little endian, seeded with the salt.
    pub(in crate::segment) fn apply(self, hash: u64) -> u64 {
        xxh3_64_with_seed(&hash.to_le_bytes(), self.0)
    }
}

/// The filter of one row group, as it stands in the index file.
#[derive(Debug)]
pub(in crate::segment) struct SaltedFilter {
    pub(super) salt: Salt,
    pub(super) bytes: Vec<u8>,
}

/// Gathers the hashes of one row group.
#[derive(Debug)]
pub(in crate::segment) struct ValueCollector {
    /// Hashes seen lately, so that what repeats is not gathered anew.
    lately: Box<[u64]>,
    hashes: Vec<u64>,
    /// How many hashes make it worth to drop the double ones.
    compact_at: usize,
    overflow: bool,
    /// Groups (batch, row) whose attributes are in.
    groups: HashSet<(u32, u32)>,
    scratch: Vec<u8>,
}

impl ValueCollector {
    pub(in crate::segment) fn new() -> Self {
        Self {
            lately: vec![0; LATELY].into_boxed_slice(),
            hashes: Vec::new(),
            compact_at: 1 << 16,
            overflow: false,
            groups: HashSet::new(),
            scratch: Vec::new(),
        }
    }

    fn add(&mut self, hash: u64) {
        // A filter cannot hold 0 in `lately`: it is there from the start.
        let slot = &mut self.lately[hash as usize % LATELY];
        if *slot == hash && hash != 0 {
            return;
        }
        *slot = hash;
        if self.overflow {
            return;
        }
        self.hashes.push(hash);
        if self.hashes.len() >= self.compact_at {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.compact_at = (2 * self.hashes.len()).max(1 << 16);
        if self.hashes.len() > HASHES_MAX {
            self.overflow = true;
            self.hashes = Vec::new();
        }
    }

    /// Adds an attribute, given the hash of its key.
    pub(in crate::segment) fn add_attribute(&mut self, key: &str, key_hash: u64, value: &str) {
        let hash = attribute_hash(&mut self.scratch, key, value);
        self.add(hash);
        self.add(key_hash);
    }

    /// Adds all attributes of a map column, and shows each key to `seen`.
    pub(in crate::segment) fn add_attributes(
        &mut self,
        map: &MapArray,
        mut seen: impl FnMut(&str),
    ) {
        let offsets = map.value_offsets();
        let (keys, values) = (
            map.keys().as_string::<i32>(),
            map.values().as_string::<i32>(),
        );
        for entry in offsets[0] as usize..offsets[map.len()] as usize {
            let value = if values.is_null(entry) {
                ""
            } else {
                values.value(entry)
            };
            let key = keys.value(entry);
            self.add_attribute(key, key_hash(key), value);
            seen(key);
        }
    }

    /// Adds the attributes of all items of the columns `events` and `links`.
    pub(in crate::segment) fn add_items(
        &mut self,
        items: &ArrayRef,
        attributes: usize,
        seen: impl FnMut(&str),
    ) {
        let list = items.as_list::<i32>();
        let offsets = list.value_offsets();
        let (start, end) = (offsets[0] as usize, offsets[list.len()] as usize);
        let attributes = list
            .values()
            .as_struct()
            .column(attributes)
            .slice(start, end - start);
        self.add_attributes(attributes.as_map(), seen);
    }

    pub(in crate::segment) fn add_service(&mut self, service: &str) {
        self.add(service_hash(service));
    }

    pub(in crate::segment) fn add_name(&mut self, name: &str) {
        self.add(name_hash(name));
    }

    /// True when the group is new to this row group.
    pub(in crate::segment) fn is_new_group(&mut self, batch: u32, group: u32) -> bool {
        self.groups.insert((batch, group))
    }

    /// The filter, without a byte when there were too many hashes; ready for the next row group.
    pub(in crate::segment) fn finish(&mut self, salt: Salt) -> SaltedFilter {
        self.compact();
        let bytes = if self.overflow {
            Vec::new()
        } else {
            let salted: Vec<u64> = self.hashes.iter().map(|hash| salt.apply(*hash)).collect();
            paged::build(&salted, BITS_EACH)
        };
        self.lately.fill(0);
        self.hashes.clear();
        self.groups.clear();
        self.overflow = false;
        SaltedFilter { salt, bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::super::paged::Place;
    use super::*;

    const SALT: Salt = Salt(7);

    fn hash(number: u64) -> u64 {
        xxh3_64_with_seed(&number.to_le_bytes(), 0)
    }

    fn filter_of(count: u64, salt: Salt) -> Vec<u8> {
        let mut collector = ValueCollector::new();
        (0..count).for_each(|number| collector.add(hash(number)));
        collector.finish(salt).bytes
    }

    fn may_hold(filter: &[u8], hash: u64, salt: Salt) -> bool {
        let hash = salt.apply(hash);
        let place = Place::of(hash, filter.len() as u64).unwrap();
        let page = place.page.start as usize..place.page.end as usize;
        place.may_hold(hash, &filter[page]).unwrap()
    }

    #[test]
    fn as_many_hashes_as_allowed_make_a_filter_and_one_more_none() {
        let filter = filter_of(HASHES_MAX as u64, SALT);
        assert!(
            (1_835_008..=1_840_000).contains(&filter.len()),
            "{}",
            filter.len()
        );
        assert!((0..HASHES_MAX as u64).all(|number| may_hold(&filter, hash(number), SALT)));
        assert_eq!(filter_of(HASHES_MAX as u64 + 1, SALT).len(), 0);
    }

    #[test]
    fn repeated_hashes_count_once() {
        let mut collector = ValueCollector::new();
        for number in 0..3 * HASHES_MAX as u64 {
            collector.add(number % 10_000);
        }
        let salted: Vec<_> = (0..10_000).map(|number| SALT.apply(number)).collect();
        assert_eq!(
            collector.finish(SALT).bytes,
            paged::build(&salted, BITS_EACH)
        );
        assert_eq!(collector.finish(SALT).bytes, paged::build(&[], BITS_EACH));
    }

    #[test]
    fn the_hash_zero_is_kept() {
        let mut collector = ValueCollector::new();
        collector.add(0);
        assert!(may_hold(&collector.finish(SALT).bytes, 0, SALT));
    }

    #[test]
    fn row_groups_with_the_same_values_let_different_strangers_through() {
        let salts = [Salt::of("one", 0), Salt::of("one", 1), Salt::of("two", 0)];
        let filters = salts.map(|salt| filter_of(20_000, salt));
        let through = |number: &u64| {
            let each = salts.iter().zip(&filters);
            each.filter(|(salt, filter)| may_hold(filter, hash(*number), **salt))
                .count()
        };
        let strangers: Vec<_> = (20_000..120_000).map(|number| through(&number)).collect();
        // Of 100,000 one in 400 gets through each, and one in 160,000 through two.
        let at_least = |count: usize| {
            strangers
                .iter()
                .filter(|through| **through >= count)
                .count()
        };
        assert!((300..1_500).contains(&at_least(1)), "{}", at_least(1));
        assert!(at_least(2) < 20, "{}", at_least(2));
    }

    #[test]
    fn key_and_value_do_not_run_into_each_other() {
        let hash = |key, value| attribute_hash(&mut Vec::new(), key, value);
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
        assert_ne!(service_hash("a"), name_hash("a"));
    }
}
