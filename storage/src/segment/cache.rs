//! What the segments of a store share: parsed footers and indexes, and open files.
//!
//! Both kinds are bounded, and forget what was not used lately: of two generations the older one is dropped when the younger
//! has filled half of the bound.

use std::any::Any;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::env::File;
use crate::error::StoreError;

/// Open files kept at most.
const FILES_MAX: usize = 256;

/// What a cached object is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key {
    /// Number of the segment, unlike any other's in this process.
    pub(super) segment: u64,
    pub(super) part: Part,
}

/// Part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Part {
    /// Handle of a file.
    File(usize),
    /// Footer of a Parquet file.
    Footer(usize),
    /// Checksums of a Parquet file's blocks.
    Blocks(usize),
    /// Operations.
    Operations,
    /// Where each trace stands in `traces`.
    Places,
}

/// What all segments of a store share: footers, indexes and open files, each kind bounded.
#[derive(Debug)]
pub struct SegmentCache {
    objects: Mutex<Generations<Key, Arc<dyn Any + Send + Sync>>>,
    files: Mutex<Generations<Key, Arc<dyn File>>>,
    bytes_read: AtomicU64,
}

impl SegmentCache {
    /// An empty cache for `bytes` of footers and indexes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            objects: Mutex::new(Generations::new(bytes)),
            files: Mutex::new(Generations::new(FILES_MAX)),
            bytes_read: AtomicU64::new(0),
        }
    }

    /// Bytes that have been read from segments' files so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    pub(super) fn count_read(&self, bytes: u64) {
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
        metrics::counter!("clew_segment_read_bytes_total").increment(bytes);
    }

    /// The object `key`, loaded with its size in bytes when it is not here.
    pub(super) fn object<T: Any + Send + Sync>(
        &self,
        key: Key,
        load: impl FnOnce() -> Result<(T, usize), StoreError>,
    ) -> Result<Arc<T>, StoreError> {
        let known = locked(&self.objects).get(&key);
        if let Some(object) = known.and_then(|object| object.downcast().ok()) {
            return Ok(object);
        }
        let (object, bytes) = load()?;
        let object = Arc::new(object);
        locked(&self.objects).insert(
            key,
            Arc::clone(&object) as Arc<dyn Any + Send + Sync>,
            bytes,
        );
        Ok(object)
    }

    /// The file `key`, opened when it is not here.
    pub(super) fn file(
        &self,
        key: Key,
        open: impl FnOnce() -> Result<Arc<dyn File>, StoreError>,
    ) -> Result<Arc<dyn File>, StoreError> {
        if let Some(file) = locked(&self.files).get(&key) {
            return Ok(file);
        }
        let file = open()?;
        locked(&self.files).insert(key, Arc::clone(&file), 1);
        Ok(file)
    }

    /// Forgets all that belongs to the segment `segment`.
    pub(super) fn forget(&self, segment: u64) {
        locked(&self.objects).retain(|key| key.segment != segment);
        locked(&self.files).retain(|key| key.segment != segment);
    }
}

/// A panic elsewhere cannot leave a map of whole entries half done.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A map whose entries weigh at most `bound` together, by dropping those not used lately.
#[derive(Debug)]
struct Generations<K, V> {
    bound: usize,
    young: HashMap<K, (V, usize)>,
    young_weight: usize,
    old: HashMap<K, (V, usize)>,
}

impl<K: Hash + Eq + Copy, V: Clone> Generations<K, V> {
    fn new(bound: usize) -> Self {
        Self {
            bound,
            young: HashMap::new(),
            young_weight: 0,
            old: HashMap::new(),
        }
    }

    fn get(&mut self, key: &K) -> Option<V> {
        if let Some((value, _)) = self.young.get(key) {
            return Some(value.clone());
        }
        let (value, weight) = self.old.remove(key)?;
        self.insert(*key, value.clone(), weight);
        Some(value)
    }

    /// An entry that alone weighs more than half of the bound is not kept.
    fn insert(&mut self, key: K, value: V, weight: usize) {
        if weight > self.bound / 2 {
            return;
        }
        if self.young_weight + weight > self.bound / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_weight = 0;
        }
        self.young_weight += weight;
        if let Some((_, replaced)) = self.young.insert(key, (value, weight)) {
            self.young_weight -= replaced;
        }
    }

    fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.old.retain(|key, _| keep(key));
        self.young.retain(|key, _| keep(key));
        self.young_weight = self.young.values().map(|(_, weight)| weight).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weight(map: &Generations<u32, u32>) -> usize {
        map.young
            .values()
            .chain(map.old.values())
            .map(|(_, weight)| weight)
            .sum()
    }

    #[test]
    fn entries_stay_up_to_half_of_the_bound_and_go_beyond_it() {
        let mut map = Generations::new(20);
        (0..10).for_each(|key| map.insert(key, key, 1));
        assert!((0..10).all(|key| map.get(&key) == Some(key)));
        (10..31).for_each(|key| map.insert(key, key, 1));
        assert_eq!(map.get(&0), None);
        assert!((21..31).all(|key| map.get(&key) == Some(key)));
        assert!(weight(&map) <= 20);
    }

    #[test]
    fn what_is_used_stays() {
        let mut map = Generations::new(20);
        for key in 0..1000 {
            map.insert(key, key, 1);
            assert_eq!(map.get(&0), Some(0), "{key}");
            assert!(weight(&map) <= 20);
        }
    }

    #[test]
    fn an_entry_of_half_the_bound_is_kept_and_a_larger_one_not() {
        let mut map = Generations::new(20);
        map.insert(1, 1, 10);
        map.insert(2, 2, 11);
        assert_eq!((map.get(&1), map.get(&2)), (Some(1), None));
    }

    #[test]
    fn a_replaced_entry_is_not_counted_twice() {
        let mut map = Generations::new(20);
        (0..100).for_each(|value| map.insert(1, value, 10));
        assert_eq!((map.get(&1), map.young_weight), (Some(99), 10));
        map.retain(|_| false);
        assert_eq!((map.get(&1), map.young_weight), (None, 0));
    }
}
