//! Maps and sets for what is looked up once a span.
//!
//! Their hash is less work than the standard one. It is seeded at random, so that a sender cannot know what falls together; but it is no
//! cryptographic one, and so these are for what is bounded or is gone when an epoch has left.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

/// A map with a fast hash.
pub(crate) type FastMap<K, V> = HashMap<K, V, RandomState>;
/// A set with a fast hash.
pub(crate) type FastSet<T> = HashSet<T, RandomState>;
