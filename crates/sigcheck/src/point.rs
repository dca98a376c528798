//! Points of the curve `y^2 = x^3 + 7`, by formulas that are incomplete on purpose.
//!
//! Correctness: a sum of equal or opposite points comes out with `z = 0`, whatever the true sum
//! is, and every later sum or doubling keeps `z = 0`. So one look at the last `z` tells whether an
//! exceptional case was met anywhere, and the caller takes the exact path instead. No formula uses
//! the curve's constant 7, so they hold on every isomorphic curve too.

use crate::field::FieldElement;
use crate::key::PublicKey;

/// A point of the curve other than infinity; coordinates of magnitude up to 2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) x: FieldElement,
    pub(crate) y: FieldElement,
}

/// `(x / z^2, y / z^3)`. Magnitudes: `x` up to 4, `y` up to 3, `z` 1.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Jacobian {
    pub(crate) x: FieldElement,
    pub(crate) y: FieldElement,
    pub(crate) z: FieldElement,
}

pub(crate) const SEVEN: FieldElement = FieldElement([7, 0, 0, 0, 0]);

/// The base point.
pub(crate) const GENERATOR: Affine = Affine {
    x: FieldElement::from_words([
        0x59f2_815b_16f8_1798,
        0x029b_fcdb_2dce_28d9,
        0x55a0_6295_ce87_0b07,
        0x79be_667e_f9dc_bbac,
    ]),
    y: FieldElement::from_words([
        0x9c47_d08f_fb10_d4b8,
        0xfd17_b448_a685_5419,
        0x5da4_fbfc_0e11_08a8,
        0x483a_da77_26a3_c465,
    ]),
};

impl Affine {
    /// The point with this X and parity of Y, if the curve has it.
    pub(crate) fn lift_x(x: &[u8; 32], is_odd: bool) -> Option<Affine> {
        let x = FieldElement::from_bytes(x)?;
        let y = x.square().mul(&x).add(&SEVEN).square_root()?;
        Some(Affine {
            x,
            y: y.with_parity(is_odd),
        })
    }

    /// The point of a public key, if it is on the curve.
    pub(crate) fn of_key(key: &PublicKey) -> Option<Affine> {
        match key {
            PublicKey::Compressed { x, is_odd } => Affine::lift_x(x, *is_odd),
            PublicKey::Full { x, y } => {
                let (x, y) = (FieldElement::from_bytes(x)?, FieldElement::from_bytes(y)?);
                let right = x.square().mul(&x).add(&SEVEN);
                y.square().equals(&right).then_some(Affine { x, y })
            }
        }
    }

    /// The negative of a point whose coordinates have magnitude 1.
    pub(crate) fn negate(&self) -> Affine {
        Affine {
            x: self.x,
            y: self.y.negate(1),
        }
    }

    /// The same point on the isomorphic curve whose points are ours with `z` left out:
    /// `(x z^2, y z^3)`.
    pub(crate) fn rescale(&self, z: &FieldElement) -> Affine {
        let square = z.square();
        Affine {
            x: self.x.mul(&square),
            y: self.y.mul(&square).mul(z),
        }
    }
}

impl From<Affine> for Jacobian {
    fn from(point: Affine) -> Jacobian {
        Jacobian {
            x: point.x,
            y: point.y,
            z: FieldElement::ONE,
        }
    }
}

impl Jacobian {
    /// Twice the point: 3 products and 4 squares.
    #[inline]
    pub(crate) fn double(&self) -> Jacobian {
        let z = self.y.mul(&self.z);
        let y2 = self.y.square();
        let slope = self.x.square().scale(3).half();
        let minus_xy2 = y2.negate(1).mul(&self.x);
        let x = slope.square().add(&minus_xy2.scale(2));
        let y = x.add(&minus_xy2).mul(&slope).add(&y2.square()).negate(2);
        Jacobian { x, y, z }
    }

    /// The sum with a point of the same curve: 8 products and 3 squares. `z` is multiplied by the
    /// element that is returned beside the sum.
    #[inline]
    pub(crate) fn add_with_ratio(&self, other: &Affine) -> (Jacobian, FieldElement) {
        self.add_at(other, &self.z)
    }

    /// The sum with a point of the same curve.
    #[inline]
    pub(crate) fn add(&self, other: &Affine) -> Jacobian {
        self.add_at(other, &self.z).0
    }

    /// The sum with a point of the true curve, where `self` is on the curve from which
    /// [`Affine::rescale`] leads back by `scale`: one product more than [`Jacobian::add`].
    #[inline]
    pub(crate) fn add_unscaled(&self, other: &Affine, scale: &FieldElement) -> Jacobian {
        self.add_at(other, &self.z.mul(scale)).0
    }

    /// The sum, with `other` brought to the denominator `z`.
    #[inline(always)]
    fn add_at(&self, other: &Affine, z: &FieldElement) -> (Jacobian, FieldElement) {
        let z2 = z.square();
        let u2 = other.x.mul(&z2);
        let s2 = other.y.mul(&z2).mul(z);
        let h = self.x.negate(4).add(&u2);
        let i = s2.negate(1).add(&self.y);
        let minus_h2 = h.square().negate(1);
        let minus_h3 = minus_h2.mul(&h);
        let t = self.x.mul(&minus_h2);
        let x = i.square().add(&minus_h3).add(&t.scale(2));
        let y = t.add(&x).mul(&i).add(&minus_h3.mul(&self.y));
        (
            Jacobian {
                x,
                y,
                z: self.z.mul(&h),
            },
            h,
        )
    }

    /// The affine point, by the inverse of `z`.
    pub(crate) fn to_affine(self, inverse: &FieldElement) -> Affine {
        let square = inverse.square();
        Affine {
            x: self.x.mul(&square),
            y: self.y.mul(&square).mul(inverse),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use k256::elliptic_curve::sec1::ToSec1Point;
    use k256::{ProjectivePoint, Scalar};

    /// `k * G` by k256, with a denominator of our choice.
    fn multiple(k: u64, z: u64) -> Jacobian {
        let encoded = (ProjectivePoint::GENERATOR * Scalar::from(k))
            .to_affine()
            .to_sec1_point(false);
        let key = PublicKey::parse(encoded.as_bytes()).expect("a full key");
        let z = FieldElement([z, 0, 0, 0, 0]);
        let point = Affine::of_key(&key).expect("on the curve").rescale(&z);
        Jacobian {
            x: point.x,
            y: point.y,
            z,
        }
    }

    fn coordinates(point: &Jacobian) -> [[u8; 32]; 2] {
        assert!(!point.z.is_zero());
        let affine = point.to_affine(&point.z.invert());
        [affine.x.to_bytes(), affine.y.to_bytes()]
    }

    fn affine(point: &Jacobian) -> Affine {
        point.to_affine(&point.z.invert())
    }

    #[test]
    fn the_generator_is_k256s() {
        assert_eq!(coordinates(&GENERATOR.into()), coordinates(&multiple(1, 1)));
    }

    #[test]
    fn doublings_and_sums_match_the_reference() {
        for k in 1..40 {
            for z in [1, 2, 99] {
                let point = multiple(k, z);
                assert_eq!(
                    coordinates(&point.double()),
                    coordinates(&multiple(2 * k, 1))
                );
                for other in 1..40 {
                    let summand = affine(&multiple(other, 1));
                    let sum = point.add(&summand);
                    if k == other {
                        assert!(sum.z.is_zero());
                    } else {
                        assert_eq!(coordinates(&sum), coordinates(&multiple(k + other, 1)));
                    }
                }
            }
        }
    }

    #[test]
    fn sums_across_isomorphic_curves_match_the_reference() {
        let scale = FieldElement([12345, 0, 0, 0, 0]);
        for k in 1..10 {
            let on_other_curve: Jacobian = affine(&multiple(k, 1)).rescale(&scale).into();
            let mut sum = on_other_curve
                .double()
                .add_unscaled(&affine(&multiple(77, 1)), &scale);
            sum.z = sum.z.mul(&scale);
            assert_eq!(coordinates(&sum), coordinates(&multiple(2 * k + 77, 1)));
        }
    }

    #[test]
    fn opposite_points_sum_to_a_zero_denominator_that_stays() {
        let point = multiple(5, 7);
        let mut sum = point.add(&affine(&multiple(5, 1)).negate());
        assert!(sum.z.is_zero());
        for k in 1..20 {
            sum = sum.add(&affine(&multiple(k, 1))).double();
            assert!(sum.z.is_zero());
        }
    }

    #[test]
    fn lifted_points_have_the_parity_that_was_asked_for() {
        for k in 1..40 {
            let expected = coordinates(&multiple(k, 1));
            let is_odd = expected[1][31] & 1 == 1;
            let lifted = Affine::lift_x(&expected[0], is_odd).expect("on the curve");
            assert_eq!(coordinates(&lifted.into()), expected);
            let other = Affine::lift_x(&expected[0], !is_odd).expect("on the curve");
            assert!(other.y.add(&lifted.y).is_zero());
        }
        let mut five = [0; 32];
        five[31] = 5;
        assert!(Affine::lift_x(&five, false).is_none());
    }
}
