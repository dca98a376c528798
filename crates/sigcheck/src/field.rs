//! The base field: integers modulo `p = 2^256 - 2^32 - 977`, in variable time.
//!
//! An element is five limbs of 52 bits (the top one of 48), little-endian, and lazily reduced: the
//! twelve spare bits of each limb take sums and negations without carries. How far an element has
//! grown is its *magnitude* `m`: limbs are at most `2m (2^52 - 1)`, the top one `2m (2^48 - 1)`.
//! Products take factors of magnitude up to 8 and have magnitude 1. The caller keeps count; debug
//! builds check.

mod product;

use crate::key::FIELD_ORDER;

/// 52 ones: the part of an accumulator that stays in its limb.
const LOW: u64 = (1 << 52) - 1;
/// 48 ones: the part of the top limb that is below `2^256`.
const TOP: u64 = (1 << 48) - 1;
/// `2^256` modulo p.
const FOLD: u64 = 0x1_0000_03d1;
/// p in limbs.
const P: [u64; 5] = [LOW - (FOLD - 1), LOW, LOW, LOW, TOP];
/// An element of the base field with a magnitude of its own (see the module's documentation).
#[derive(Clone, Copy, Debug)]
pub(crate) struct FieldElement(pub(crate) [u64; 5]);

impl FieldElement {
    #[cfg(test)]
    pub(crate) const ZERO: FieldElement = FieldElement([0; 5]);
    pub(crate) const ONE: FieldElement = FieldElement([1, 0, 0, 0, 0]);

    /// Reads four little-endian words; a value from p to `2^256` is left unreduced.
    pub(crate) const fn from_words(w: [u64; 4]) -> FieldElement {
        FieldElement([
            w[0] & LOW,
            ((w[0] >> 52) | (w[1] << 12)) & LOW,
            ((w[1] >> 40) | (w[2] << 24)) & LOW,
            ((w[2] >> 28) | (w[3] << 36)) & LOW,
            w[3] >> 16,
        ])
    }

    /// Reads a big-endian integer that must be below p.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Option<FieldElement> {
        if *bytes >= FIELD_ORDER {
            return None;
        }
        let mut words = [0; 4];
        for (word, chunk) in words.iter_mut().rev().zip(bytes.as_chunks::<8>().0) {
            *word = u64::from_be_bytes(*chunk);
        }
        Some(FieldElement::from_words(words))
    }

    /// Writes the fully reduced value, big-endian.
    #[cfg(test)]
    pub(crate) fn to_bytes(self) -> [u8; 32] {
        let [a, b, c, d, e] = self.normalize().0;
        let words = [
            a | (b << 52),
            (b >> 12) | (c << 40),
            (c >> 24) | (d << 28),
            (d >> 36) | (e << 16),
        ];
        let mut bytes = [0; 32];
        for (chunk, word) in bytes
            .as_chunks_mut::<8>()
            .0
            .iter_mut()
            .zip(words.iter().rev())
        {
            *chunk = word.to_be_bytes();
        }
        bytes
    }

    fn is_within(&self, magnitude: u64) -> bool {
        let [low @ .., top] = &self.0;
        low.iter().all(|limb| *limb <= 2 * magnitude * LOW) && *top <= 2 * magnitude * TOP
    }

    /// Carries through all limbs and folds what is above `2^256`: magnitude 1, below `2^256 + 2^48`.
    #[inline(always)]
    fn carry(&self) -> [u64; 5] {
        let [mut a, mut b, mut c, mut d, mut e] = self.0;
        a = a.wrapping_add((e >> 48).wrapping_mul(FOLD));
        e &= TOP;
        b = b.wrapping_add(a >> 52);
        c = c.wrapping_add(b >> 52);
        d = d.wrapping_add(c >> 52);
        e = e.wrapping_add(d >> 52);
        [a & LOW, b & LOW, c & LOW, d & LOW, e]
    }

    /// The fully reduced element, of magnitude 1.
    pub(crate) fn normalize(&self) -> FieldElement {
        let mut limbs = FieldElement(self.carry()).carry();
        if limbs[4] >= TOP && !FieldElement(limbs).is_below_order() {
            // Subtracting p is adding 2^256 - p and dropping bit 256.
            limbs[0] = limbs[0].wrapping_add(FOLD);
            for index in 0..4 {
                limbs[index + 1] = limbs[index + 1].wrapping_add(limbs[index] >> 52);
                limbs[index] &= LOW;
            }
            limbs[4] &= TOP;
        }
        FieldElement(limbs)
    }

    fn is_below_order(&self) -> bool {
        self.0.iter().rev().lt(P.iter().rev())
    }

    /// Tells whether the value is a multiple of p.
    pub(crate) fn is_zero(&self) -> bool {
        self.normalize().0 == [0; 5]
    }

    pub(crate) fn is_odd(&self) -> bool {
        self.normalize().0[0] & 1 == 1
    }

    /// The element of magnitude 1, or its negative, whichever has this parity; zero stays.
    pub(crate) fn with_parity(&self, is_odd: bool) -> FieldElement {
        if self.is_odd() == is_odd {
            *self
        } else {
            self.negate(1)
        }
    }

    /// Tells whether two elements of magnitude 1 and at most 7 are equal modulo p.
    pub(crate) fn equals(&self, other: &FieldElement) -> bool {
        self.negate(1).add(other).is_zero()
    }

    /// The sum; magnitudes add up.
    #[inline(always)]
    pub(crate) fn add(&self, other: &FieldElement) -> FieldElement {
        let (a, b) = (&self.0, &other.0);
        FieldElement([
            a[0].wrapping_add(b[0]),
            a[1].wrapping_add(b[1]),
            a[2].wrapping_add(b[2]),
            a[3].wrapping_add(b[3]),
            a[4].wrapping_add(b[4]),
        ])
    }

    /// The negative of an element of at most `magnitude`; it has one more.
    #[inline(always)]
    pub(crate) fn negate(&self, magnitude: u64) -> FieldElement {
        debug_assert!(self.is_within(magnitude));
        let factor = 2 * (magnitude + 1);
        let term = |index: usize| (P[index].wrapping_mul(factor)).wrapping_sub(self.0[index]);
        FieldElement([term(0), term(1), term(2), term(3), term(4)])
    }

    /// The element times a small number, which multiplies the magnitude.
    #[inline(always)]
    pub(crate) fn scale(&self, factor: u64) -> FieldElement {
        FieldElement(self.0.map(|limb| limb.wrapping_mul(factor)))
    }

    /// Half of the element; the magnitude is halved, rounded down, plus 1.
    #[inline(always)]
    pub(crate) fn half(&self) -> FieldElement {
        // An odd value becomes even by p, whose limbs are masked in.
        let mask = (self.0[0] & 1).wrapping_neg() >> 12;
        let [a, b, c, d, e] = self.0;
        let a = a.wrapping_add(P[0] & mask);
        let b = b.wrapping_add(mask);
        let c = c.wrapping_add(mask);
        let d = d.wrapping_add(mask);
        let e = e.wrapping_add(mask >> 4);
        FieldElement([
            (a >> 1).wrapping_add((b & 1) << 51),
            (b >> 1).wrapping_add((c & 1) << 51),
            (c >> 1).wrapping_add((d & 1) << 51),
            (d >> 1).wrapping_add((e & 1) << 51),
            e >> 1,
        ])
    }

    /// The element squared `count` times.
    pub(crate) fn square_times(&self, count: u32) -> FieldElement {
        (0..count).fold(*self, |power, _| power.square())
    }

    /// `x^(2^223 - 1)`, `x^(2^22 - 1)`, `x^3`: the runs of ones in the exponents of roots and
    /// inverses. The argument has magnitude up to 8.
    fn runs_of_ones(&self) -> [FieldElement; 3] {
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
        [x220.square_times(3).mul(&x3), x22, x2]
    }

    /// A square root of an element of magnitude up to 7, of magnitude 1, if there is one: since p is 3 modulo
    /// 4, the candidate is the power `(p + 1) / 4`.
    pub(crate) fn square_root(&self) -> Option<FieldElement> {
        let [x223, x22, x2] = self.runs_of_ones();
        let root = x223
            .square_times(23)
            .mul(&x22)
            .square_times(6)
            .mul(&x2)
            .square_times(2);
        root.square().equals(self).then_some(root)
    }

    /// The inverse, of magnitude 1, by Fermat's theorem: the power `p - 2`. Zero for zero.
    pub(crate) fn invert(&self) -> FieldElement {
        let [x223, x22, x2] = self.runs_of_ones();
        let power = x223.square_times(23).mul(&x22).square_times(5).mul(self);
        power.square_times(3).mul(&x2).square_times(2).mul(self)
    }
}

/// Inverts all elements (magnitude 1) for the price of one inversion and three products each;
/// zeros stay zero.
pub(crate) fn invert_all(elements: &mut [FieldElement]) {
    let mut product = FieldElement::ONE;
    let mut before = Vec::with_capacity(elements.len());
    for element in elements.iter() {
        before.push(product);
        if !element.is_zero() {
            product = product.mul(element);
        }
    }
    let mut inverse = product.invert();
    for (element, before) in elements.iter_mut().zip(before).rev() {
        if !element.is_zero() {
            let inverted = inverse.mul(&before);
            inverse = inverse.mul(element);
            *element = inverted;
        }
    }
}

#[cfg(test)]
mod tests;
