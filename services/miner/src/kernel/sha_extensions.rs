//! Two interleaved nonces by the SHA extensions.
//!
//! One `sha256rnds2` waits four cycles for the one before it, and the processor can begin one
//! every two: a second, independent hash fills the gap, which doubles the rate of one stream.
//! The state lives in two registers, `(A, B, E, F)` and `(C, D, G, H)` from the top lane down.

use std::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_cvtsi128_si32, _mm_set_epi32, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32,
    _mm_unpackhi_epi64, _mm_unpacklo_epi64,
};

use super::constants::{END, HASH_BITS, HEADER_BITS, INITIAL, ROUND};
use super::{Job, portable};

/// Nonces taken at once.
const STREAMS: usize = 2;

/// The two halves of a state.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// The sixteen message words that the next rounds are made of, lowest lane first.
type Message = [__m128i; 4];

pub(super) fn is_available() -> bool {
    std::is_x86_feature_detected!("sha")
        && std::is_x86_feature_detected!("sse4.1")
        && std::is_x86_feature_detected!("ssse3")
}

/// Searches; on a processor without the extensions by the portable kernel.
pub(super) fn search(job: &Job, first: u32, count: u32) -> Option<u32> {
    if !is_available() {
        return portable::search(job, first, count);
    }
    let pairs = count / STREAMS as u32;
    // SAFETY: the line above has asked the processor for every feature that the function is
    // compiled with; it has no other precondition.
    #[expect(
        unsafe_code,
        reason = "calls a function that is compiled for more than the baseline"
    )]
    let found = unsafe { search_pairs(job, first, pairs) };
    found.or_else(|| {
        let done = pairs * STREAMS as u32;
        portable::search(job, first.wrapping_add(done), count - done)
    })
}

#[target_feature(enable = "sha,sse4.1,ssse3,sse2")]
fn search_pairs(job: &Job, first: u32, pairs: u32) -> Option<u32> {
    let midstate = state(&job.midstate);
    let initial = state(&INITIAL);
    let end = words([END, 0, 0, 0]);
    let header_length = words([0, 0, 0, HEADER_BITS]);
    let hash_length = words([0, 0, 0, HASH_BITS]);
    for pair in 0..pairs {
        let nonce = first.wrapping_add(pair * STREAMS as u32);
        let block = |nonce: u32| -> Message {
            let [a, b, c] = job.tail;
            [
                words([a, b, c, nonce.swap_bytes()]),
                end,
                _mm_setzero_si128(),
                header_length,
            ]
        };
        let inner = compress([midstate; 2], [block(nonce), block(nonce.wrapping_add(1))]);
        let block = |inner: State| -> Message {
            let (low, high) = message_words(inner);
            [low, high, end, hash_length]
        };
        let outer = compress([initial; 2], [block(inner[0]), block(inner[1])]);
        for (offset, state) in outer.into_iter().enumerate() {
            let last_word = _mm_cvtsi128_si32(state.cdgh).cast_unsigned();
            if job.may_be_found(last_word) {
                let nonce = nonce.wrapping_add(offset as u32);
                if job.is_found(nonce) {
                    return Some(nonce);
                }
            }
        }
    }
    None
}

/// Puts four words into a register, the first into the lowest lane.
#[inline]
#[target_feature(enable = "sse2")]
fn words([a, b, c, d]: [u32; 4]) -> __m128i {
    _mm_set_epi32(
        d.cast_signed(),
        c.cast_signed(),
        b.cast_signed(),
        a.cast_signed(),
    )
}

#[inline]
#[target_feature(enable = "sse2")]
fn state([a, b, c, d, e, f, g, h]: &[u32; 8]) -> State {
    State {
        abef: words([*f, *e, *b, *a]),
        cdgh: words([*h, *g, *d, *c]),
    }
}

/// Turns a state into the message words `A B C D` and `E F G H`.
#[inline]
#[target_feature(enable = "sse2")]
fn message_words(state: State) -> (__m128i, __m128i) {
    const REVERSE: i32 = 0b00_01_10_11;
    let abef = _mm_shuffle_epi32::<REVERSE>(state.abef);
    let cdgh = _mm_shuffle_epi32::<REVERSE>(state.cdgh);
    (
        _mm_unpacklo_epi64(abef, cdgh),
        _mm_unpackhi_epi64(abef, cdgh),
    )
}

/// Runs the compression function on two independent blocks, step by step side by side.
///
/// Written out step by step: in a loop the message words are picked by a number that is known at run
/// time only, go through memory, and cost a third of the rate.
#[inline]
#[target_feature(enable = "sha,sse4.1,ssse3,sse2")]
fn compress(begin: [State; 2], messages: [Message; 2]) -> [State; 2] {
    let [mut first, mut second] = begin;
    let [mut first_message, mut second_message] = messages;
    macro_rules! steps {
        ($($step:literal)*) => {$(
            if $step >= 4 {
                extend(&mut first_message, $step % 4);
                extend(&mut second_message, $step % 4);
            }
            let constants = words([
                ROUND[4 * $step],
                ROUND[4 * $step + 1],
                ROUND[4 * $step + 2],
                ROUND[4 * $step + 3],
            ]);
            let first_input = _mm_add_epi32(first_message[$step % 4], constants);
            let second_input = _mm_add_epi32(second_message[$step % 4], constants);
            four_rounds(&mut first, &mut second, first_input, second_input);
        )*};
    }
    steps!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    [add(first, begin[0]), add(second, begin[1])]
}

#[inline]
#[target_feature(enable = "sha,sse2")]
fn four_rounds(first: &mut State, second: &mut State, input: __m128i, second_input: __m128i) {
    const UPPER_HALF: i32 = 0b00_00_11_10;
    first.cdgh = _mm_sha256rnds2_epu32(first.cdgh, first.abef, input);
    second.cdgh = _mm_sha256rnds2_epu32(second.cdgh, second.abef, second_input);
    let input = _mm_shuffle_epi32::<UPPER_HALF>(input);
    let second_input = _mm_shuffle_epi32::<UPPER_HALF>(second_input);
    first.abef = _mm_sha256rnds2_epu32(first.abef, first.cdgh, input);
    second.abef = _mm_sha256rnds2_epu32(second.abef, second.cdgh, second_input);
}

/// Replaces the oldest four message words by the next four.
#[inline]
#[target_feature(enable = "sha,ssse3,sse2")]
fn extend(message: &mut Message, lane: usize) {
    let [oldest, next, later, newest] = [
        message[lane],
        message[(lane + 1) % 4],
        message[(lane + 2) % 4],
        message[(lane + 3) % 4],
    ];
    let sum = _mm_add_epi32(
        _mm_sha256msg1_epu32(oldest, next),
        _mm_alignr_epi8::<4>(newest, later),
    );
    message[lane] = _mm_sha256msg2_epu32(sum, newest);
}

#[inline]
#[target_feature(enable = "sse2")]
fn add(left: State, right: State) -> State {
    State {
        abef: _mm_add_epi32(left.abef, right.abef),
        cdgh: _mm_add_epi32(left.cdgh, right.cdgh),
    }
}
