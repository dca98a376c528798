//! Products and squares of field elements.

use super::{FOLD, FieldElement, LOW, TOP};

/// `2^260` modulo p: what a limb counts that is five places too high.
const FOLD_LIMB: u64 = FOLD << 4;
/// The largest magnitude of a factor.
const MAX_FACTOR: u64 = 8;

#[inline(always)]
fn wide(a: u64, b: u64) -> u128 {
    // Correctness: 64 by 64 bits never overflow 128.
    u128::from(a).wrapping_mul(u128::from(b))
}

/// Sums products; the caller's bounds keep the sum below `2^128`.
macro_rules! dot {
    ($($a:expr, $b:expr);+) => { 0u128$(.wrapping_add(wide($a, $b)))+ };
}

/// The part of an accumulator that fits one word.
#[inline(always)]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the low word is what is asked for"
)]
const fn low_word(value: u128) -> u64 {
    value as u64
}

impl FieldElement {
    /// The product of two elements of magnitude up to 8; it has magnitude 1.
    ///
    /// Column `k` is the sum of limb products of weight `2^(52 k)`. Columns 5 to 8 fold back by
    /// `2^260`. Columns 3 and 4 go first, so that the carry out of the top limb is known when
    /// column 0 is summed and one pass over the limbs is enough.
    ///
    /// Correctness: limbs are below `2^56.1` (the top one `2^52.1`), so a column of five products
    /// stays below `2^115`; carries and folded terms keep every accumulator below `2^120`.
    #[inline]
    pub(crate) fn mul(&self, other: &FieldElement) -> FieldElement {
        debug_assert!(self.is_within(MAX_FACTOR) && other.is_within(MAX_FACTOR));
        let ([a0, a1, a2, a3, a4], [b0, b1, b2, b3, b4]) = (self.0, other.0);
        let mut columns = Columns::start(dot!(a0, b3; a1, b2; a2, b1; a3, b0), wide(a4, b4));
        columns.top(dot!(a0, b4; a1, b3; a2, b2; a3, b1; a4, b0));
        columns.fold_to_0(dot!(a0, b0), dot!(a1, b4; a2, b3; a3, b2; a4, b1));
        columns.fold_to_1(dot!(a0, b1; a1, b0), dot!(a2, b4; a3, b3; a4, b2));
        columns.fold_to_2(dot!(a0, b2; a1, b1; a2, b0), dot!(a3, b4; a4, b3));
        columns.finish()
    }

    /// The square of an element of magnitude up to 8; it has magnitude 1.
    #[inline]
    pub(crate) fn square(&self) -> FieldElement {
        debug_assert!(self.is_within(MAX_FACTOR));
        let [a0, a1, a2, a3, a4] = self.0;
        // Correctness: a doubled limb is below 2^58 and the bounds of `mul` hold for the sums.
        let (d0, d1, d4) = (a0 << 1, a1 << 1, a4 << 1);
        let d2 = a2 << 1;
        let mut columns = Columns::start(dot!(d0, a3; d1, a2), wide(a4, a4));
        columns.top(dot!(a0, d4; d1, a3; a2, a2));
        columns.fold_to_0(dot!(a0, a0), dot!(a1, d4; d2, a3));
        columns.fold_to_1(dot!(d0, a1), dot!(a2, d4; a3, a3));
        columns.fold_to_2(dot!(d0, a2; a1, a1), dot!(a3, d4));
        columns.finish()
    }
}

/// The columns of a product on their way to five limbs; called in the order of the methods.
struct Columns {
    limbs: [u64; 5],
    /// What the last lower column carries.
    low: u128,
    /// What the last upper column carries.
    high: u128,
    /// Bits 256 to 259, which fold with the columns above them.
    nibble: u64,
}

impl Columns {
    /// Columns 3 and 8.
    #[inline(always)]
    fn start(column3: u128, column8: u128) -> Columns {
        let sum = column3.wrapping_add(wide(low_word(column8), FOLD_LIMB));
        // The upper word of column 8 weighs 2^64 more, which is one limb and 12 bits.
        let high = (sum >> 52).wrapping_add(wide(low_word(column8 >> 64), FOLD_LIMB << 12));
        Columns {
            limbs: [0, 0, 0, low_word(sum) & LOW, 0],
            low: 0,
            high,
            nibble: 0,
        }
    }

    /// Column 4, cut at bit 256.
    #[inline(always)]
    fn top(&mut self, column4: u128) {
        let sum = self.high.wrapping_add(column4);
        let top = low_word(sum) & LOW;
        (self.limbs[4], self.nibble, self.high) = (top & TOP, top >> 48, sum >> 52);
    }

    /// Columns 0 and 5: bits from 256 on weigh `FOLD`, so column 5 makes room for the nibble.
    #[inline(always)]
    fn fold_to_0(&mut self, column0: u128, column5: u128) {
        let high = self.high.wrapping_add(column5);
        let from_256 = ((low_word(high) & LOW) << 4) | self.nibble;
        let sum = column0.wrapping_add(wide(from_256, FOLD));
        self.limbs[0] = low_word(sum) & LOW;
        (self.low, self.high) = (sum >> 52, high >> 52);
    }

    /// Columns 1 and 6.
    #[inline(always)]
    fn fold_to_1(&mut self, column1: u128, column6: u128) {
        let high = self.high.wrapping_add(column6);
        let folded = wide(low_word(high) & LOW, FOLD_LIMB);
        let sum = self.low.wrapping_add(column1).wrapping_add(folded);
        self.limbs[1] = low_word(sum) & LOW;
        (self.low, self.high) = (sum >> 52, high >> 52);
    }

    /// Columns 2 and 7; 64 bits of the latter fold here and the rest in [`Columns::finish`].
    #[inline(always)]
    fn fold_to_2(&mut self, column2: u128, column7: u128) {
        let high = self.high.wrapping_add(column7);
        let sum = self
            .low
            .wrapping_add(column2)
            .wrapping_add(wide(low_word(high), FOLD_LIMB));
        self.limbs[2] = low_word(sum) & LOW;
        (self.low, self.high) = (sum >> 52, high >> 64);
    }

    #[inline(always)]
    fn finish(self) -> FieldElement {
        let [limb0, limb1, limb2, limb3, limb4] = self.limbs;
        let rest = wide(low_word(self.high), FOLD_LIMB << 12);
        let sum = self.low.wrapping_add(rest).wrapping_add(u128::from(limb3));
        let limb4 = low_word(sum >> 52).wrapping_add(limb4);
        FieldElement([limb0, limb1, limb2, low_word(sum) & LOW, limb4])
    }
}
