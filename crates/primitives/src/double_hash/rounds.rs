//! The rounds of SHA-256 (FIPS 180-4, section 6.2.2) by SHA extensions, for one block or two
//! blocks of different messages with their rounds alternating.
//!
//! Functions here require SHA extensions in their signature; [`compress_one`], [`compress_two`] and
//! [`sha256d_pairs`] are the ways in and look at the processor first.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_set_epi64x, _mm_sha256msg1_epu32,
    _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi8, _mm_shuffle_epi32,
};

/// The eight words between two blocks.
pub(super) type State = [u32; 8];
/// What one compression takes in.
pub(super) type Block = [u8; 64];

/// The words before the first block.
pub(super) const INITIAL: State = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

const K: [[u32; 4]; 16] = [
    [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
    [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
    [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
    [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
    [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
    [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
    [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
    [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
    [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
    [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
    [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
    [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
    [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
    [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
    [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
    [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
];

/// What follows a message of 64 bytes: the end mark and the length in bits.
const PADDING_OF_64: Block = {
    let mut block = [0; 64];
    block[0] = 0x80;
    block[62] = 2;
    block
};

/// A message of 32 bytes is followed by this in its only block.
pub(super) const PADDING_OF_32: [u8; 32] = {
    let mut padding = [0; 32];
    padding[0] = 0x80;
    padding[30] = 1;
    padding
};

/// Tells whether this processor has what the functions here take.
pub(super) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("sha")
        && std::arch::is_x86_feature_detected!("ssse3")
        && std::arch::is_x86_feature_detected!("sse4.1")
}

/// Takes a block into a state.
///
/// # Panics
/// Without SHA extensions, which [`is_available`] tells.
pub(super) fn compress_one(state: &mut State, block: &Block) {
    assert!(is_available(), "the caller asked");
    #[expect(
        unsafe_code,
        reason = "vector instructions are called after the processor was asked"
    )]
    // SAFETY: all features that the callee requires are there.
    unsafe {
        compress([state], [block]);
    }
}

/// Takes a block into each of two states.
///
/// # Panics
/// Without SHA extensions, which [`is_available`] tells.
pub(super) fn compress_two(states: [&mut State; 2], blocks: [&Block; 2]) {
    assert!(is_available(), "the caller asked");
    #[expect(
        unsafe_code,
        reason = "vector instructions are called after the processor was asked"
    )]
    // SAFETY: all features that the callee requires are there.
    unsafe {
        compress(states, blocks);
    }
}

/// Hashes pairs of a row as [`super::sha256d_pairs`] does, two pairs at a time; returns the number
/// of pairs that are done.
///
/// # Panics
/// Without SHA extensions, which [`is_available`] tells.
pub(super) fn sha256d_pairs(row: &mut [[u8; 32]]) -> usize {
    assert!(is_available(), "the caller asked");
    let couples = row.len() / 4;
    for couple in 0..couples {
        let (mut first, mut second) = ([0; 64], [0; 64]);
        first.copy_from_slice(row[4 * couple..][..2].as_flattened());
        second.copy_from_slice(row[4 * couple + 2..][..2].as_flattened());
        #[expect(
            unsafe_code,
            reason = "vector instructions are called after the processor was asked"
        )]
        // SAFETY: all features that the callee requires are there.
        let hashes = unsafe { sha256d_of_64(&first, &second) };
        row[2 * couple..][..2].copy_from_slice(&hashes);
    }
    2 * couples
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
fn sha256d_of_64(first: &Block, second: &Block) -> [[u8; 32]; 2] {
    let [mut a, mut b] = [INITIAL; 2];
    compress([&mut a, &mut b], [first, second]);
    compress([&mut a, &mut b], [&PADDING_OF_64; 2]);
    let (first, second) = (second_message(&a), second_message(&b));
    [a, b] = [INITIAL; 2];
    compress([&mut a, &mut b], [&first, &second]);
    [to_bytes(&a), to_bytes(&b)]
}

/// The only block of the second hash: the first one and its padding.
pub(super) fn second_message(state: &State) -> Block {
    let mut block = [0; 64];
    block[..32].copy_from_slice(&to_bytes(state));
    block[32..].copy_from_slice(&PADDING_OF_32);
    block
}

/// The hash that a state is.
pub(super) fn to_bytes(state: &State) -> [u8; 32] {
    let mut bytes = [0; 32];
    for (word, out) in state.iter().zip(bytes.as_chunks_mut::<4>().0) {
        *out = word.to_be_bytes();
    }
    bytes
}

/// Takes a block into each state, the rounds of all alternating.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn compress<const N: usize>(states: [&mut State; N], blocks: [&Block; N]) {
    let mut lanes: [Lane; N] = std::array::from_fn(|lane| load(states[lane], blocks[lane]));
    let before = lanes;
    let [first, second, third, last] = *K.as_chunks::<4>().0 else {
        return;
    };
    for constants in [first, second, third] {
        four_rounds::<N, 0>(&mut lanes, constants[0]);
        extend::<N, 0>(&mut lanes);
        four_rounds::<N, 1>(&mut lanes, constants[1]);
        extend::<N, 1>(&mut lanes);
        four_rounds::<N, 2>(&mut lanes, constants[2]);
        extend::<N, 2>(&mut lanes);
        four_rounds::<N, 3>(&mut lanes, constants[3]);
        extend::<N, 3>(&mut lanes);
    }
    four_rounds::<N, 0>(&mut lanes, last[0]);
    four_rounds::<N, 1>(&mut lanes, last[1]);
    four_rounds::<N, 2>(&mut lanes, last[2]);
    four_rounds::<N, 3>(&mut lanes, last[3]);
    for ((state, lane), before) in states.into_iter().zip(&lanes).zip(&before) {
        *state = store(
            _mm_add_epi32(lane.abef, before.abef),
            _mm_add_epi32(lane.cdgh, before.cdgh),
        );
    }
}

/// A compression in progress, in the order that the instructions want.
#[derive(Clone, Copy)]
struct Lane {
    abef: __m128i,
    cdgh: __m128i,
    /// The last 16 words of the message schedule, as a ring.
    schedule: [__m128i; 4],
}

/// Runs the four rounds of the words at `PLACE` of the ring.
///
/// Correctness: the place is known when this is compiled, so the ring stays in registers.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn four_rounds<const N: usize, const PLACE: usize>(lanes: &mut [Lane; N], constants: [u32; 4]) {
    let constants = words(constants);
    let mut sums = [constants; N];
    for (lane, sum) in lanes.iter_mut().zip(&mut sums) {
        *sum = _mm_add_epi32(lane.schedule[PLACE], constants);
        lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, *sum);
    }
    for (lane, sum) in lanes.iter_mut().zip(sums) {
        let high = _mm_shuffle_epi32::<0x0e>(sum);
        lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, high);
    }
}

/// Replaces the oldest four words of each schedule, at `PLACE`, by the next four.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn extend<const N: usize, const PLACE: usize>(lanes: &mut [Lane; N]) {
    for Lane { schedule, .. } in lanes {
        let (oldest, next) = (schedule[PLACE], schedule[(PLACE + 1) % 4]);
        let (third, last) = (schedule[(PLACE + 2) % 4], schedule[(PLACE + 3) % 4]);
        let sum = _mm_add_epi32(
            _mm_sha256msg1_epu32(oldest, next),
            _mm_alignr_epi8::<4>(last, third),
        );
        schedule[PLACE] = _mm_sha256msg2_epu32(sum, last);
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn load(state: &State, block: &Block) -> Lane {
    let [a, b, c, d, e, f, g, h] = *state;
    let big_endian = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    let quarter = |index: usize| {
        let (halves, _) = block[16 * index..].as_chunks::<8>();
        let half = |index: usize| i64::from_le_bytes(halves[index]);
        _mm_shuffle_epi8(_mm_set_epi64x(half(1), half(0)), big_endian)
    };
    Lane {
        abef: words([f, e, b, a]),
        cdgh: words([h, g, d, c]),
        schedule: [quarter(0), quarter(1), quarter(2), quarter(3)],
    }
}

#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn store(abef: __m128i, cdgh: __m128i) -> State {
    let [f, e, b, a] = to_words(abef);
    let [h, g, d, c] = to_words(cdgh);
    [a, b, c, d, e, f, g, h]
}

/// A vector of words, the lowest first.
#[target_feature(enable = "sha,ssse3,sse4.1")]
#[inline]
fn words(words: [u32; 4]) -> __m128i {
    let half = |low: u32, high: u32| (u64::from(high) << 32 | u64::from(low)).cast_signed();
    _mm_set_epi64x(half(words[2], words[3]), half(words[0], words[1]))
}

#[expect(
    unsafe_code,
    reason = "the standard library has no safe way from a vector to an array"
)]
fn to_words(vector: __m128i) -> [u32; 4] {
    // SAFETY: both types are 16 bytes without padding, and every bit pattern is a value of both.
    unsafe { std::mem::transmute::<__m128i, [u32; 4]>(vector) }
}
