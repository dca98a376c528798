//! Products and squares of four field elements.

use super::{Field4, LOW, TOP, splat};
use std::arch::x86_64::{
    __m256i, _mm256_add_epi64, _mm256_and_si256, _mm256_mul_epu32, _mm256_setzero_si256,
    _mm256_slli_epi64, _mm256_srli_epi64,
};

/// Column `K` of a product: the limb products of weight `2^(26 K)`.
#[target_feature(enable = "avx2")]
#[inline]
fn column<const K: usize>(a: &[__m256i; 10], b: &[__m256i; 10]) -> __m256i {
    let mut sum = _mm256_setzero_si256();
    // A half-open range: the compiler unrolls it, an inclusive one it does not.
    for i in K.saturating_sub(9)..(K + 1).min(10) {
        sum = _mm256_add_epi64(sum, _mm256_mul_epu32(a[i], b[K - i]));
    }
    sum
}

/// Column `K` of a square, from the limbs and the doubled limbs.
#[target_feature(enable = "avx2")]
#[inline]
fn square_column<const K: usize>(a: &[__m256i; 10], doubled: &[__m256i; 10]) -> __m256i {
    let mut sum = _mm256_setzero_si256();
    for i in K.saturating_sub(9)..K.div_ceil(2) {
        sum = _mm256_add_epi64(sum, _mm256_mul_epu32(a[i], doubled[K - i]));
    }
    if K.is_multiple_of(2) {
        sum = _mm256_add_epi64(sum, _mm256_mul_epu32(a[K / 2], a[K / 2]));
    }
    sum
}

/// All columns of a product or square.
macro_rules! columns {
    ($column:ident, $a:expr, $b:expr) => {
        [
            $column::<0>($a, $b),
            $column::<1>($a, $b),
            $column::<2>($a, $b),
            $column::<3>($a, $b),
            $column::<4>($a, $b),
            $column::<5>($a, $b),
            $column::<6>($a, $b),
            $column::<7>($a, $b),
            $column::<8>($a, $b),
            $column::<9>($a, $b),
            $column::<10>($a, $b),
            $column::<11>($a, $b),
            $column::<12>($a, $b),
            $column::<13>($a, $b),
            $column::<14>($a, $b),
            $column::<15>($a, $b),
            $column::<16>($a, $b),
            $column::<17>($a, $b),
            $column::<18>($a, $b),
        ]
    };
}

/// Brings 19 columns to ten limbs of magnitude 1.
///
/// `2^260` is `2^36 + 0x3d10` modulo p: a limb from 10 up counts `0x3d10` times ten places lower
/// and `2^10` times nine places lower. Limbs run through two chains of carries, first the upper
/// ones; the lower chain follows at a distance of ten limbs and waits for nothing else.
///
/// Correctness: factors of magnitude 8 have limbs below `2^30`, so a column is below
/// `10 * 2^60 < 2^63.4`, and the carries (below `2^38`) and folded limbs (below `2^41`) that come
/// on top do not reach `2^64`. Multiplied limbs are below `2^28`.
#[target_feature(enable = "avx2")]
#[inline]
fn reduce(mut columns: [__m256i; 19]) -> Field4 {
    let (low, fold) = (splat(LOW), splat(0x3d10));
    let mut carry = _mm256_setzero_si256();
    for value in &mut columns[9..] {
        let sum = _mm256_add_epi64(*value, carry);
        (*value, carry) = (_mm256_and_si256(sum, low), _mm256_srli_epi64::<26>(sum));
    }
    let limb19 = carry;

    let mut limbs = [_mm256_setzero_si256(); 10];
    let mut carry = _mm256_setzero_si256();
    let mut from_below = _mm256_setzero_si256();
    for k in 0..9 {
        let high = columns[k + 10];
        let folded = _mm256_add_epi64(columns[k], _mm256_mul_epu32(high, fold));
        let sum = _mm256_add_epi64(_mm256_add_epi64(folded, from_below), carry);
        limbs[k] = _mm256_and_si256(sum, low);
        carry = _mm256_srli_epi64::<26>(sum);
        from_below = _mm256_slli_epi64::<10>(high);
    }
    let folded = _mm256_add_epi64(columns[9], _mm256_mul_epu32(limb19, fold));
    let top = _mm256_add_epi64(_mm256_add_epi64(folded, from_below), carry);
    limbs[9] = _mm256_and_si256(top, splat(TOP));
    fold_top(limbs, _mm256_srli_epi64::<22>(top), limb19)
}

/// Folds what counts `2^256`: `above` (below `2^20`) and what limb 19 (below `2^27`) sends to limb
/// 10, which is `2^14` times as much and is cut in two, so that both parts can be multiplied.
#[target_feature(enable = "avx2")]
#[inline]
fn fold_top(mut limbs: [__m256i; 10], above: __m256i, limb19: __m256i) -> Field4 {
    let (low, fold) = (splat(LOW), splat(0x3d1));
    let sent = _mm256_slli_epi64::<14>(limb19);
    let above = _mm256_add_epi64(above, _mm256_and_si256(sent, low));
    let far_above = _mm256_srli_epi64::<26>(sent);
    let far_folded = _mm256_add_epi64(limbs[1], _mm256_mul_epu32(far_above, fold));

    let limb0 = _mm256_add_epi64(limbs[0], _mm256_mul_epu32(above, fold));
    let limb1 = _mm256_add_epi64(far_folded, _mm256_slli_epi64::<6>(above));
    let limb1 = _mm256_add_epi64(limb1, _mm256_srli_epi64::<26>(limb0));
    let limb2 = _mm256_add_epi64(limbs[2], _mm256_slli_epi64::<6>(far_above));
    limbs[0] = _mm256_and_si256(limb0, low);
    limbs[1] = _mm256_and_si256(limb1, low);
    // At most 26 ones, 2^21 and a carry of 2^8: magnitude 1.
    limbs[2] = _mm256_add_epi64(limb2, _mm256_srli_epi64::<26>(limb1));
    Field4(limbs)
}

impl Field4 {
    /// The products of elements of magnitude up to 8; they have magnitude 1.
    #[target_feature(enable = "avx2")]
    #[inline(never)]
    pub(in crate::lanes) fn mul(&self, other: &Field4) -> Field4 {
        reduce(columns!(column, &self.0, &other.0))
    }

    /// The squares of elements of magnitude up to 8; they have magnitude 1.
    #[target_feature(enable = "avx2")]
    #[inline(never)]
    pub(in crate::lanes) fn square(&self) -> Field4 {
        let doubled = self.double();
        reduce(columns!(square_column, &self.0, &doubled.0))
    }
}
