//! Numbers modulo the prime 2^3072 - 1103717.

const LIMBS: usize = 48;

/// What the modulus lacks to 2^3072: that power is as much as this.
const PRIME_DIFF: u64 = 1_103_717;

/// A number below the modulus, in limbs of 64 bits, the lowest first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Num3072([u64; LIMBS]);

impl Num3072 {
    pub(super) const SIZE: usize = LIMBS * 8;

    pub(super) const ONE: Self = {
        let mut limbs = [0; LIMBS];
        limbs[0] = 1;
        Self(limbs)
    };

    /// Reads a little-endian number and reduces it.
    pub(super) fn from_bytes(bytes: &[u8; Self::SIZE]) -> Self {
        let mut limbs = [0; LIMBS];
        for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*chunk);
        }
        Self(limbs).reduced()
    }

    pub(super) fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        for (chunk, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *chunk = limb.to_le_bytes();
        }
        bytes
    }

    pub(super) fn non_zero(self) -> Option<Self> {
        (self.0 != [0; LIMBS]).then_some(self)
    }

    pub(super) fn multiply(&mut self, other: &Self) {
        let mut product = [0; 2 * LIMBS];
        for (i, a) in self.0.iter().enumerate() {
            let mut carry = 0;
            let row = &mut product[i..=i + LIMBS];
            for (out, b) in row[..LIMBS].iter_mut().zip(&other.0) {
                (*out, carry) = multiply_add(*a, *b, *out, carry);
            }
            row[LIMBS] = carry;
        }
        *self = Self::reduce(&product);
    }

    fn square(&mut self) {
        let mut product = [0; 2 * LIMBS];
        // Each pair of different limbs once.
        for i in 0..LIMBS {
            let mut carry = 0;
            let row = &mut product[2 * i + 1..=i + LIMBS];
            let last = row.len() - 1;
            for (out, b) in row[..last].iter_mut().zip(&self.0[i + 1..]) {
                (*out, carry) = multiply_add(self.0[i], *b, *out, carry);
            }
            row[last] = carry;
        }
        // Twice that, and the squares of the limbs.
        let (mut carry, mut shifted_out) = (0, 0);
        for (pair, limb) in product.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            let square = u128::from(limb) * u128::from(limb);
            let low = u128::from(pair[0] << 1 | shifted_out) + (square & LOW) + carry;
            let high = u128::from(pair[1] << 1 | pair[0] >> 63) + (square >> 64) + (low >> 64);
            shifted_out = pair[1] >> 63;
            *pair = [low as u64, high as u64];
            carry = high >> 64;
        }
        *self = Self::reduce(&product);
    }

    /// Returns the number by which this one multiplies to 1; of 0, 0.
    ///
    /// Fermat: the power with the exponent 2^3072 - 1103719, of which all bits above the lowest
    /// 64 are ones.
    pub(super) fn inverse(&self) -> Self {
        const LOW_EXPONENT: u64 = 0u64.wrapping_sub(PRIME_DIFF + 2);
        let mut power = self.power_of_ones(64 * (LIMBS - 1));
        for bit in (0..64).rev() {
            power.square();
            if LOW_EXPONENT >> bit & 1 == 1 {
                power.multiply(self);
            }
        }
        power
    }

    /// Returns the power whose exponent is written with `count` ones, at least one.
    fn power_of_ones(&self, count: usize) -> Self {
        if count == 1 {
            return *self;
        }
        let half = self.power_of_ones(count / 2);
        let mut power = half;
        for _ in 0..count / 2 {
            power.square();
        }
        power.multiply(&half);
        if !count.is_multiple_of(2) {
            power.square();
            power.multiply(self);
        }
        power
    }

    /// Reduces a product: its upper half counts [`PRIME_DIFF`] times.
    fn reduce(product: &[u64; 2 * LIMBS]) -> Self {
        let (low, high) = product.split_at(LIMBS);
        let mut limbs = [0; LIMBS];
        let mut carry = 0;
        for ((out, low), high) in limbs.iter_mut().zip(low).zip(high) {
            (*out, carry) = multiply_add(*high, PRIME_DIFF, *low, carry);
        }
        let mut number = Self(limbs);
        // The carry is below 2^21, its product below 2^42. If adding that overflows again, what
        // is left is so small that a third time does not.
        if number.add_small(carry * PRIME_DIFF) {
            number.add_small(PRIME_DIFF);
        }
        number.reduced()
    }

    /// Adds modulo 2^3072; says whether that overflowed.
    fn add_small(&mut self, summand: u64) -> bool {
        let mut carry = summand;
        for limb in &mut self.0 {
            let overflows;
            (*limb, overflows) = limb.overflowing_add(carry);
            carry = u64::from(overflows);
            if carry == 0 {
                return false;
            }
        }
        true
    }

    /// Subtracts the modulus from a number of 3072 bits that is not below it.
    fn reduced(mut self) -> Self {
        let is_above = self.0[0] >= 0u64.wrapping_sub(PRIME_DIFF)
            && self.0[1..].iter().all(|l| *l == u64::MAX);
        if is_above {
            self.add_small(PRIME_DIFF);
        }
        self
    }
}

const LOW: u128 = u64::MAX as u128;

/// Computes `a * b + c + d`, which fits two limbs: the lower and the upper.
#[inline(always)]
fn multiply_add(a: u64, b: u64, c: u64, d: u64) -> (u64, u64) {
    let sum = u128::from(a) * u128::from(b) + u128::from(c) + u128::from(d);
    (sum as u64, (sum >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number() -> impl Strategy<Value = Num3072> {
        let any_limbs = prop::collection::vec(any::<u64>(), LIMBS);
        let extreme = prop::collection::vec(
            prop::sample::select(vec![0, 1, u64::MAX, u64::MAX - 1]),
            LIMBS,
        );
        let near_prime = (0..3 * PRIME_DIFF).prop_map(|low| {
            let mut limbs = vec![u64::MAX; LIMBS];
            limbs[0] = 0u64.wrapping_sub(PRIME_DIFF * 2).wrapping_add(low);
            limbs
        });
        prop_oneof![any_limbs, extreme, near_prime].prop_map(|limbs| {
            let mut bytes = [0; Num3072::SIZE];
            for (chunk, limb) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(limbs) {
                *chunk = limb.to_le_bytes();
            }
            Num3072::from_bytes(&bytes)
        })
    }

    fn product(a: &Num3072, b: &Num3072) -> Num3072 {
        let mut product = *a;
        product.multiply(b);
        product
    }

    #[test]
    fn the_modulus_is_zero_and_one_less_is_minus_one() {
        let mut bytes = [0xff; Num3072::SIZE];
        bytes[..8].copy_from_slice(&0u64.wrapping_sub(PRIME_DIFF).to_le_bytes());
        assert_eq!(Num3072::from_bytes(&bytes).non_zero(), None);
        bytes[..8].copy_from_slice(&0u64.wrapping_sub(PRIME_DIFF + 1).to_le_bytes());
        let minus_one = Num3072::from_bytes(&bytes);
        assert_eq!(minus_one.to_bytes(), bytes);
        assert_eq!(product(&minus_one, &minus_one), Num3072::ONE);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn multiplication_is_commutative_and_associative(
            a in number(), b in number(), c in number()
        ) {
            prop_assert_eq!(product(&a, &b), product(&b, &a));
            prop_assert_eq!(product(&product(&a, &b), &c), product(&a, &product(&b, &c)));
            prop_assert_eq!(product(&a, &Num3072::ONE), a);
        }

        #[test]
        fn a_square_is_a_product(a in number()) {
            let mut square = a;
            square.square();
            prop_assert_eq!(square, product(&a, &a));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4))]

        #[test]
        fn a_number_times_its_inverse_is_one(a in number()) {
            let expected = a.non_zero().map_or(a, |_| Num3072::ONE);
            prop_assert_eq!(product(&a, &a.inverse()), expected);
        }
    }
}
