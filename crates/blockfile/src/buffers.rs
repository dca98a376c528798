//! Buffers that are used again.
//!
//! A block of a megabyte in fresh memory costs hundreds of page faults, each of which takes
//! microseconds on a virtual machine. Blocks of an import live for a moment, so a few buffers
//! serve them all.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Smaller blocks get memory of their own, which allocators give without new pages.
const LEAST_BYTES: usize = 64 << 10;
/// The most bytes of buffers that wait for a block.
const MAX_IDLE_BYTES: usize = 16 << 20;

/// Buffers that wait for a block.
#[derive(Clone, Debug, Default)]
pub(crate) struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    /// Copies a block into a buffer, which comes back when nobody holds the block any more.
    pub(crate) fn copy(&self, block: &[u8]) -> Bytes {
        if block.len() < LEAST_BYTES {
            return Bytes::copy_from_slice(block);
        }
        let mut bytes = self.idle(Vec::pop).unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(block);
        Bytes::from_owner(Lent {
            bytes,
            home: self.clone(),
        })
    }

    fn idle<T>(&self, change: impl FnOnce(&mut Vec<Vec<u8>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A buffer that holds a block.
struct Lent {
    bytes: Vec<u8>,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        self.home.idle(|idle| {
            let waiting: usize = idle.iter().map(Vec::capacity).sum();
            if waiting + bytes.capacity() <= MAX_IDLE_BYTES {
                idle.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_serves_the_next_block_when_the_last_slice_is_gone() {
        let buffers = Buffers::default();
        let first = buffers.copy(&[1; LEAST_BYTES]);
        let slice = first.slice(7..9);
        let place = first.as_ptr();
        drop(first);
        let second = buffers.copy(&[2; LEAST_BYTES]);
        assert_ne!(second.as_ptr(), place, "a slice of the first is still held");
        assert_eq!(slice, [1, 1][..]);
        drop(slice);
        let third = buffers.copy(&[3; LEAST_BYTES]);
        assert_eq!(third.as_ptr(), place);
        assert_eq!(third, vec![3; LEAST_BYTES]);
        assert_eq!(second, vec![2; LEAST_BYTES]);
    }

    #[test]
    fn idle_buffers_are_bounded_and_small_blocks_have_none() {
        let buffers = Buffers::default();
        let held = vec![0; MAX_IDLE_BYTES / 2];
        let blocks: Vec<Bytes> = (0..4).map(|_| buffers.copy(&held)).collect();
        drop(blocks);
        assert_eq!(buffers.idle(|idle| idle.len()), 2);
        drop(buffers.copy(&[1; LEAST_BYTES - 1]));
        assert_eq!(buffers.idle(|idle| idle.len()), 2);
    }
}
