//! A map that is cheap to copy: copies share what neither has changed.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Parts of the map; a change copies one of them.
const SHARDS: usize = 256;

/// A key that spreads over the shards by one of its bytes.
pub(super) trait Sharded: Eq + Hash + Copy {
    /// A byte that is different for most keys.
    fn shard(&self) -> u8;
}

impl Sharded for [u8; 32] {
    fn shard(&self) -> u8 {
        self[0]
    }
}

impl Sharded for synod_primitives::Txid {
    fn shard(&self) -> u8 {
        self.as_bytes()[0]
    }
}

impl Sharded for synod_primitives::OutPoint {
    fn shard(&self) -> u8 {
        self.txid.as_bytes()[0]
    }
}

/// A persistent hash map.
#[derive(Clone, Debug)]
pub(super) struct SharedMap<K, V> {
    shards: Vec<Arc<HashMap<K, V>>>,
    len: usize,
}

impl<K, V> Default for SharedMap<K, V> {
    fn default() -> Self {
        let empty = Arc::new(HashMap::new());
        Self {
            shards: vec![empty; SHARDS],
            len: 0,
        }
    }
}

impl<K: Sharded, V: Clone> SharedMap<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.shards[usize::from(key.shard())].get(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        let shard = Arc::make_mut(&mut self.shards[usize::from(key.shard())]);
        if shard.insert(key, value).is_none() {
            self.len += 1;
        }
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.get(key)?;
        let removed = Arc::make_mut(&mut self.shards[usize::from(key.shard())]).remove(key);
        self.len -= usize::from(removed.is_some());
        removed
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.shards.iter().flat_map(|shard| shard.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_what_the_original_changes() {
        let mut map = SharedMap::default();
        for i in 0..1000u32 {
            let mut key = [0; 32];
            key[..4].copy_from_slice(&i.to_le_bytes());
            map.insert(key, i);
        }
        let copy = map.clone();
        map.insert([0; 32], 7);
        assert_eq!(map.remove(&[9; 32]), None);
        let mut one = [0; 32];
        one[0] = 1;
        assert_eq!(map.remove(&one), Some(1));
        assert_eq!((map.len(), copy.len()), (999, 1000));
        assert_eq!(
            (map.get(&[0; 32]), copy.get(&[0; 32])),
            (Some(&7), Some(&0))
        );
        assert_eq!(copy.values().count(), 1000);
    }
}
