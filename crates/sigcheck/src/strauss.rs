//! `a * G + b * P` with one chain of doublings for all summands (Strauss, Shamir).

use crate::field::FieldElement;
use crate::glv::{self, DIGITS};
use crate::point::{Affine, Jacobian};
use crate::table::{self, GENERATOR_TABLE, GENERATOR_WIDTH, KEY_WIDTH, KeyTable};
use k256::Scalar;

/// The sum so far; `None` while every digit was zero.
struct Accumulator<'a> {
    sum: Option<Jacobian>,
    scale: &'a FieldElement,
}

impl Accumulator<'_> {
    #[inline]
    fn double(&mut self) {
        if let Some(sum) = &mut self.sum {
            *sum = sum.double();
        }
    }

    #[inline]
    fn add(&mut self, point: &Affine) {
        self.sum = Some(match &self.sum {
            Some(sum) => sum.add(point),
            None => (*point).into(),
        });
    }

    #[inline]
    fn add_unscaled(&mut self, point: &Affine) {
        self.sum = Some(match &self.sum {
            Some(sum) => sum.add_unscaled(point, self.scale),
            None => point.rescale(self.scale).into(),
        });
    }
}

/// `a * G + b * key`.
///
/// `None` when the sum is infinity, and also when the formulas met an exceptional case on the way,
/// as they do on purpose-made input only: the exact path has to judge then.
pub(crate) fn combine(a: &Scalar, b: &Scalar, key: &Affine) -> Option<Jacobian> {
    let generator = &**GENERATOR_TABLE;
    let key = KeyTable::new(key);
    let a = glv::split(a).map(|half| half.non_adjacent_form(GENERATOR_WIDTH));
    let b = glv::split(b).map(|half| half.non_adjacent_form(KEY_WIDTH));
    let mut accumulator = Accumulator {
        sum: None,
        scale: &key.scale,
    };
    for index in (0..DIGITS).rev() {
        accumulator.double();
        for (digits, is_image) in b.iter().zip([false, true]) {
            if digits[index] != 0 {
                accumulator.add(&table::pick(&key.entries, digits[index], is_image));
            }
        }
        for (digits, is_image) in a.iter().zip([false, true]) {
            if digits[index] != 0 {
                accumulator.add_unscaled(&table::pick(generator, digits[index], is_image));
            }
        }
    }
    let sum = accumulator.sum?;
    let z = sum.z.mul(&key.scale);
    (!z.is_zero()).then_some(Jacobian { z, ..sum })
}

/// `key + a * G`, under the conditions of [`combine`].
pub(crate) fn add_generator_multiple(a: &Scalar, key: &Affine) -> Option<Jacobian> {
    let generator = &**GENERATOR_TABLE;
    let a = glv::split(a).map(|half| half.non_adjacent_form(GENERATOR_WIDTH));
    let mut accumulator = Accumulator {
        sum: None,
        scale: &FieldElement::ONE,
    };
    for index in (0..DIGITS).rev() {
        accumulator.double();
        for (digits, is_image) in a.iter().zip([false, true]) {
            if digits[index] != 0 {
                accumulator.add(&table::pick(generator, digits[index], is_image));
            }
        }
    }
    accumulator.add(key);
    accumulator.sum.filter(|sum| !sum.z.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::PublicKey;
    use crate::scalar;
    use k256::ProjectivePoint;
    use k256::elliptic_curve::sec1::ToSec1Point;
    use sha2::{Digest, Sha256};

    fn random(seed: u64) -> Scalar {
        scalar::reduce(&Sha256::digest(seed.to_le_bytes()).into())
    }

    fn affine(point: ProjectivePoint) -> Affine {
        let encoded = point.to_affine().to_sec1_point(false);
        let key = PublicKey::parse(encoded.as_bytes()).expect("a full key");
        Affine::of_key(&key).expect("on the curve")
    }

    fn is_same(sum: &Jacobian, expected: ProjectivePoint) -> bool {
        let (sum, expected) = (sum.to_affine(&sum.z.invert()), affine(expected));
        sum.x.equals(&expected.x) && sum.y.equals(&expected.y)
    }

    #[test]
    fn random_sums_match_the_reference() {
        for seed in 0..300 {
            let (a, b, secret) = (random(seed), random(seed + 1000), random(seed + 2000));
            let key = ProjectivePoint::GENERATOR * secret;
            let sum = combine(&a, &b, &affine(key)).expect("no exceptional case");
            assert!(is_same(&sum, ProjectivePoint::GENERATOR * a + key * b));
            let sum = add_generator_multiple(&a, &affine(key)).expect("no exceptional case");
            assert!(is_same(&sum, ProjectivePoint::GENERATOR * a + key));
        }
    }

    #[test]
    fn sums_with_a_zero_multiplier_match_the_reference() {
        let (a, key) = (random(1), ProjectivePoint::GENERATOR * random(2));
        let zero = Scalar::ZERO;
        let sum = combine(&a, &zero, &affine(key)).expect("no exceptional case");
        assert!(is_same(&sum, ProjectivePoint::GENERATOR * a));
        let sum = combine(&zero, &a, &affine(key)).expect("no exceptional case");
        assert!(is_same(&sum, key * a));
        assert!(combine(&zero, &zero, &affine(key)).is_none());
        let sum = add_generator_multiple(&zero, &affine(key)).expect("no exceptional case");
        assert!(is_same(&sum, key));
    }

    #[test]
    fn equal_and_opposite_summands_are_left_to_the_exact_path() {
        let generator = affine(ProjectivePoint::GENERATOR);
        assert!(combine(&Scalar::ONE, &Scalar::ONE, &generator).is_none());
        assert!(combine(&Scalar::ONE, &-Scalar::ONE, &generator).is_none());
        assert!(add_generator_multiple(&Scalar::ONE, &generator).is_none());
        assert!(add_generator_multiple(&-Scalar::ONE, &generator).is_none());
        let secret = random(3);
        let key = affine(ProjectivePoint::GENERATOR * secret);
        assert!(combine(&-secret, &Scalar::ONE, &key).is_none(), "infinity");
    }
}
