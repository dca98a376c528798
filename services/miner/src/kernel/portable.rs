//! One nonce at a time on `sha2`'s block function, which itself uses what the processor has.

use sha2::block_api::compress256;

use super::Job;
use super::constants::{END, HASH_BITS, HEADER_BITS, INITIAL};

/// Runs SHA-256's compression function on one block.
pub(super) fn compress(state: &mut [u32; 8], block: &[u8; 64]) {
    compress256(state, std::slice::from_ref(block));
}

/// Double-hashes a header from its midstate.
pub(super) fn hash_header(midstate: &[u32; 8], tail: &[u32; 3], nonce: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    write_words(&mut bytes, &hash_to_words(midstate, tail, nonce));
    bytes
}

pub(super) fn search(job: &Job, first: u32, count: u32) -> Option<u32> {
    (0..count)
        .map(|step| first.wrapping_add(step))
        .find(|nonce| {
            let words = hash_to_words(&job.midstate, &job.tail, *nonce);
            job.may_be_found(words[7]) && job.is_found(*nonce)
        })
}

#[inline]
fn hash_to_words(midstate: &[u32; 8], tail: &[u32; 3], nonce: u32) -> [u32; 8] {
    let mut block = [0; 64];
    write_words(&mut block, tail);
    block[12..16].copy_from_slice(&nonce.to_le_bytes());
    block[16..20].copy_from_slice(&END.to_be_bytes());
    block[60..].copy_from_slice(&HEADER_BITS.to_be_bytes());
    let mut inner = *midstate;
    compress(&mut inner, &block);
    let mut block = [0; 64];
    write_words(&mut block, &inner);
    block[32..36].copy_from_slice(&END.to_be_bytes());
    block[60..].copy_from_slice(&HASH_BITS.to_be_bytes());
    let mut outer = INITIAL;
    compress(&mut outer, &block);
    outer
}

fn write_words(out: &mut [u8], words: &[u32]) {
    for (bytes, word) in out.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}
