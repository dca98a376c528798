//! Four field elements side by side.
//!
//! An element is ten limbs of 26 bits (the top one of 22), little-endian, so that a product of two
//! limbs is one 32-bit multiplication. Magnitudes mean what they mean in [`crate::field`]: limbs
//! are at most `2m (2^26 - 1)`, the top one `2m (2^22 - 1)`, factors have magnitude up to 8.

mod product;

use super::LANES;
use crate::field::FieldElement;
use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_blendv_epi8, _mm256_permute2x128_si256,
    _mm256_set_epi64x, _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64,
    _mm256_srli_epi64, _mm256_sub_epi64, _mm256_unpackhi_epi64, _mm256_unpacklo_epi64,
};

/// 26 ones.
const LOW: u64 = (1 << 26) - 1;
/// 22 ones.
const TOP: u64 = (1 << 22) - 1;
/// p in limbs.
const P: [u64; 10] = [
    0x3ff_fc2f, 0x3ff_ffbf, LOW, LOW, LOW, LOW, LOW, LOW, LOW, TOP,
];

/// Four elements of the field, limb by limb.
#[derive(Clone, Copy)]
pub(super) struct Field4([__m256i; 10]);

/// A choice for each lane: all ones or all zeros.
#[derive(Clone, Copy)]
pub(super) struct Mask(__m256i);

impl Mask {
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn new(choices: [bool; LANES]) -> Mask {
        Mask(words(
            choices.map(|choice| u64::from(choice).wrapping_neg()),
        ))
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn splat(word: u64) -> __m256i {
    _mm256_set1_epi64x(word.cast_signed())
}

#[target_feature(enable = "avx2")]
#[inline]
fn words(lanes: [u64; LANES]) -> __m256i {
    let [a, b, c, d] = lanes.map(u64::cast_signed);
    _mm256_set_epi64x(d, c, b, a)
}

#[expect(
    unsafe_code,
    reason = "the standard library has no safe way from a vector to an array"
)]
fn to_words(vector: __m256i) -> [u64; LANES] {
    // SAFETY: both types are 32 bytes without padding, and every bit pattern is a value of both.
    unsafe { std::mem::transmute::<__m256i, [u64; LANES]>(vector) }
}

/// Exchanges rows and columns.
#[target_feature(enable = "avx2")]
#[inline]
fn transpose(rows: [__m256i; 4]) -> [__m256i; 4] {
    let [a, b, c, d] = rows;
    let (ab0, ab1) = (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let (cd0, cd1) = (_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    [
        _mm256_permute2x128_si256::<0x20>(ab0, cd0),
        _mm256_permute2x128_si256::<0x20>(ab1, cd1),
        _mm256_permute2x128_si256::<0x31>(ab0, cd0),
        _mm256_permute2x128_si256::<0x31>(ab1, cd1),
    ]
}

impl Field4 {
    /// Sets the lanes; magnitudes stay.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn new(elements: [&FieldElement; LANES]) -> Field4 {
        // Written out: what `array::map` calls is not compiled for AVX2 and cannot be inlined.
        let row = |lane: usize| {
            let [a, b, c, d, _] = elements[lane].0;
            words([a, b, c, d])
        };
        let [a, b, c, d] = transpose([row(0), row(1), row(2), row(3)]);
        let e = words(elements.map(|element| element.0[4]));
        let low = splat(LOW);
        let mut limbs = [low; 10];
        for (pair, limb) in limbs.as_chunks_mut::<2>().0.iter_mut().zip([a, b, c, d, e]) {
            *pair = [_mm256_and_si256(limb, low), _mm256_srli_epi64::<26>(limb)];
        }
        Field4(limbs)
    }

    /// The same element in every lane.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn splat(element: &FieldElement) -> Field4 {
        Field4::new([element; LANES])
    }

    /// Reads the lanes; magnitudes stay.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn to_elements(self) -> [FieldElement; LANES] {
        let mut limbs = [_mm256_setzero_si256(); 5];
        for (limb, [even, odd]) in limbs.iter_mut().zip(self.0.as_chunks::<2>().0) {
            *limb = _mm256_add_epi64(*even, _mm256_slli_epi64::<26>(*odd));
        }
        let [a, b, c, d, e] = limbs;
        let rows = transpose([a, b, c, d]).map(to_words);
        let tops = to_words(e);
        std::array::from_fn(|lane| {
            let [a, b, c, d] = rows[lane];
            FieldElement([a, b, c, d, tops[lane]])
        })
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn add(&self, other: &Field4) -> Field4 {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(&other.0) {
            *limb = _mm256_add_epi64(*limb, *other);
        }
        Field4(limbs)
    }

    /// The negatives of elements of at most `magnitude`; they have one more.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn negate(&self, magnitude: u64) -> Field4 {
        let mut limbs = self.0;
        for (limb, p) in limbs.iter_mut().zip(P) {
            *limb = _mm256_sub_epi64(splat(p.wrapping_mul(2 * (magnitude + 1))), *limb);
        }
        Field4(limbs)
    }

    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn double(&self) -> Field4 {
        self.add(self)
    }

    /// Half of each element; the magnitude is halved, rounded down, plus 1.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn half(&self) -> Field4 {
        let (zero, one) = (_mm256_setzero_si256(), splat(1));
        let is_odd = _mm256_sub_epi64(zero, _mm256_and_si256(self.0[0], one));
        let mut even = self.0;
        for (limb, p) in even.iter_mut().zip(P) {
            *limb = _mm256_add_epi64(*limb, _mm256_and_si256(is_odd, splat(p)));
        }
        let mut limbs = even;
        for (index, limb) in limbs.iter_mut().enumerate() {
            *limb = _mm256_srli_epi64::<1>(*limb);
            if let Some(above) = even.get(index + 1) {
                let bit = _mm256_slli_epi64::<25>(_mm256_and_si256(*above, one));
                *limb = _mm256_add_epi64(*limb, bit);
            }
        }
        Field4(limbs)
    }

    /// The lanes of `other` where the mask is set.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn select(&self, other: &Field4, mask: Mask) -> Field4 {
        let mut limbs = self.0;
        for (limb, other) in limbs.iter_mut().zip(&other.0) {
            *limb = _mm256_blendv_epi8(*limb, *other, mask.0);
        }
        Field4(limbs)
    }

    #[target_feature(enable = "avx2")]
    fn square_times(&self, count: u32) -> Field4 {
        let mut power = *self;
        for _ in 0..count {
            power = power.square();
        }
        power
    }

    /// The power `(p + 1) / 4`: a square root where there is one (see [`FieldElement`]).
    #[target_feature(enable = "avx2")]
    pub(super) fn root_candidate(&self) -> Field4 {
        let x2 = self.square().mul(self);
        let x3 = x2.square().mul(self);
        let x6 = x3.square_times(3).mul(&x3);
        let x9 = x6.square_times(3).mul(&x3);
        let x11 = x9.square_times(2).mul(&x2);
        let x22 = x11.square_times(11).mul(&x11);
        let x44 = x22.square_times(22).mul(&x22);
        let x88 = x44.square_times(44).mul(&x44);
        let x176 = x88.square_times(88).mul(&x88);
        let x220 = x176.square_times(44).mul(&x44);
        let x223 = x220.square_times(3).mul(&x3);
        x223.square_times(23)
            .mul(&x22)
            .square_times(6)
            .mul(&x2)
            .square_times(2)
    }
}

#[cfg(test)]
mod tests;
