//! Eight nonces at a time: each AVX2 lane of 32 bits is a hash of its own.

use std::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256, _mm256_extract_epi32,
    _mm256_or_si256, _mm256_set_epi32, _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32,
    _mm256_xor_si256,
};

use super::constants::{END, HASH_BITS, HEADER_BITS, INITIAL, ROUND};
use super::{Job, portable};

/// Nonces taken at once.
const LANES: u32 = 8;

/// One word of eight hashes.
type Lanes = __m256i;

pub(super) fn is_available() -> bool {
    std::is_x86_feature_detected!("avx2")
}

/// Searches; on a processor without AVX2 by the portable kernel.
pub(super) fn search(job: &Job, first: u32, count: u32) -> Option<u32> {
    if !is_available() {
        return portable::search(job, first, count);
    }
    let groups = count / LANES;
    // SAFETY: the line above has asked the processor for AVX2; the function has no other
    // precondition.
    #[expect(
        unsafe_code,
        reason = "calls a function that is compiled for more than the baseline"
    )]
    let found = unsafe { search_groups(job, first, groups) };
    found.or_else(|| {
        let done = groups * LANES;
        portable::search(job, first.wrapping_add(done), count - done)
    })
}

#[target_feature(enable = "avx2")]
fn search_groups(job: &Job, first: u32, groups: u32) -> Option<u32> {
    let midstate = job.midstate.map(|it| same(it));
    let initial = INITIAL.map(|it| same(it));
    let zero = same(0);
    let mut header = [zero; 16];
    for (word, value) in header.iter_mut().zip(job.tail) {
        *word = same(value);
    }
    header[4] = same(END);
    header[15] = same(HEADER_BITS);
    for group in 0..groups {
        let nonce = first.wrapping_add(group * LANES);
        header[3] = nonces(nonce);
        let inner = compress(&midstate, header);
        let mut hash = [zero; 16];
        hash[..8].copy_from_slice(&inner);
        hash[8] = same(END);
        hash[15] = same(HASH_BITS);
        let outer = compress(&initial, hash);
        let found = last_words(outer[7])
            .into_iter()
            .enumerate()
            .filter(|(_, word)| job.may_be_found(*word))
            .map(|(lane, _)| nonce.wrapping_add(lane as u32))
            .find(|nonce| job.is_found(*nonce));
        if found.is_some() {
            return found;
        }
    }
    None
}

#[inline]
#[target_feature(enable = "avx2")]
fn same(word: u32) -> Lanes {
    _mm256_set1_epi32(word.cast_signed())
}

/// Puts eight consecutive nonces into lanes, as SHA-256 reads their bytes.
#[inline]
#[target_feature(enable = "avx2")]
fn nonces(first: u32) -> Lanes {
    let at = |lane: u32| first.wrapping_add(lane).swap_bytes().cast_signed();
    _mm256_set_epi32(at(7), at(6), at(5), at(4), at(3), at(2), at(1), at(0))
}

#[inline]
#[target_feature(enable = "avx2")]
fn last_words(lanes: Lanes) -> [u32; 8] {
    [
        _mm256_extract_epi32::<0>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<1>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<2>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<3>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<4>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<5>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<6>(lanes).cast_unsigned(),
        _mm256_extract_epi32::<7>(lanes).cast_unsigned(),
    ]
}

/// Runs the compression function on eight blocks.
#[inline]
#[target_feature(enable = "avx2")]
fn compress(begin: &[Lanes; 8], mut words: [Lanes; 16]) -> [Lanes; 8] {
    let mut state = *begin;
    for pass in 0..4 {
        if pass > 0 {
            extend(&mut words);
        }
        eight_rounds(&mut state, &words, 16 * pass, 0);
        eight_rounds(&mut state, &words, 16 * pass, 8);
    }
    for (word, begin) in state.iter_mut().zip(begin) {
        *word = _mm256_add_epi32(*word, *begin);
    }
    state
}

/// Replaces all sixteen message words by the next sixteen (FIPS 180-4, section 6.2.2).
#[inline]
#[target_feature(enable = "avx2")]
fn extend(words: &mut [Lanes; 16]) {
    for at in 0..16 {
        let (early, late) = (words[(at + 1) % 16], words[(at + 14) % 16]);
        let small = xor(
            xor(rotate::<7, 25>(early), rotate::<18, 14>(early)),
            shift::<3>(early),
        );
        let large = xor(
            xor(rotate::<17, 15>(late), rotate::<19, 13>(late)),
            shift::<10>(late),
        );
        words[at] = add(add(words[at], small), add(words[(at + 9) % 16], large));
    }
}

/// Runs eight rounds, after which every variable is back in its own place.
#[inline]
#[target_feature(enable = "avx2")]
fn eight_rounds(state: &mut [Lanes; 8], words: &[Lanes; 16], base: usize, from: usize) {
    for step in 0..8 {
        let at = |variable: usize| (variable + 8 - step) % 8;
        let (a, b, c) = (state[at(0)], state[at(1)], state[at(2)]);
        let (e, f, g, h) = (state[at(4)], state[at(5)], state[at(6)], state[at(7)]);
        let input = add(words[from + step], same(ROUND[base + from + step]));
        let large = xor(
            xor(rotate::<6, 26>(e), rotate::<11, 21>(e)),
            rotate::<25, 7>(e),
        );
        let choice = xor(_mm256_and_si256(e, f), _mm256_andnot_si256(e, g));
        let first = add(add(h, large), add(choice, input));
        let small = xor(
            xor(rotate::<2, 30>(a), rotate::<13, 19>(a)),
            rotate::<22, 10>(a),
        );
        let majority = _mm256_or_si256(
            _mm256_and_si256(a, b),
            _mm256_and_si256(c, _mm256_or_si256(a, b)),
        );
        state[at(3)] = add(state[at(3)], first);
        state[at(7)] = add(first, add(small, majority));
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(left: Lanes, right: Lanes) -> Lanes {
    _mm256_add_epi32(left, right)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(left: Lanes, right: Lanes) -> Lanes {
    _mm256_xor_si256(left, right)
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const BITS: i32>(lanes: Lanes) -> Lanes {
    _mm256_srli_epi32::<BITS>(lanes)
}

/// Rotates right by `BITS`; `REST` is `32 - BITS`.
#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const BITS: i32, const REST: i32>(lanes: Lanes) -> Lanes {
    _mm256_or_si256(
        _mm256_srli_epi32::<BITS>(lanes),
        _mm256_slli_epi32::<REST>(lanes),
    )
}
