//! The exact path: verdicts by k256's complete formulas, which know no exceptional case.
//!
//! It is slower than the fast path and serves it twice: as the judge of the rare inputs on which
//! incomplete formulas break down, and as the reference in tests.

use crate::check::{Check, Ecdsa, Schnorr, Statement};
use crate::key::PublicKey;
use crate::scalar;
use k256::elliptic_curve::ops::MulByGeneratorVartime;
use k256::elliptic_curve::point::{AffineCoordinates, DecompressPoint};
use k256::{AffinePoint, ProjectivePoint, Scalar};

pub(crate) fn is_valid(check: &Check) -> bool {
    match &check.0 {
        Statement::Ecdsa(statement) => is_ecdsa_valid(statement).unwrap_or(false),
        Statement::Schnorr(statement) => is_schnorr_valid(statement).unwrap_or(false),
    }
}

fn is_ecdsa_valid(check: &Ecdsa) -> Option<bool> {
    let r = scalar::from_bytes_non_zero(&check.r)?;
    let s = scalar::from_bytes_non_zero(&check.s)?;
    let inverse = s.invert_vartime().into_option()?;
    let u1 = scalar::reduce(&check.digest) * inverse;
    let point = combine(&u1, &(r * inverse), public_key(&check.key)?)?;
    Some(scalar::reduce(&point.x().into()) == r)
}

fn is_schnorr_valid(check: &Schnorr) -> Option<bool> {
    let key = lift_x(&check.key, false)?;
    let s = scalar::from_bytes(&check.s)?;
    let e = scalar::challenge(&check.r, &check.key, check.message.as_bytes());
    let point = combine(&s, &-e, key)?;
    Some(!bool::from(point.y_is_odd()) && point.x()[..] == check.r)
}

pub(crate) fn is_tweaked_key(
    output_key: &[u8; 32],
    parity_odd: bool,
    internal_key: &[u8; 32],
    tweak: &[u8; 32],
) -> bool {
    let tweaked = || {
        let key = lift_x(internal_key, false)?;
        combine(&scalar::from_bytes(tweak)?, &Scalar::ONE, key)
    };
    tweaked().is_some_and(|point| {
        point.x()[..] == *output_key && bool::from(point.y_is_odd()) == parity_odd
    })
}

/// The point with this X and parity of Y; `None` when X is not below the field's order or not on
/// the curve.
pub(crate) fn lift_x(x: &[u8; 32], is_odd: bool) -> Option<AffinePoint> {
    AffinePoint::decompress(&(*x).into(), u8::from(is_odd).into()).into_option()
}

fn public_key(key: &PublicKey) -> Option<AffinePoint> {
    match key {
        PublicKey::Compressed { x, is_odd } => lift_x(x, *is_odd),
        PublicKey::Full { x, y } => {
            AffinePoint::from_coordinates(&(*x).into(), &(*y).into()).into_option()
        }
    }
}

/// `a * G + b * point`, or `None` at infinity.
fn combine(a: &Scalar, b: &Scalar, point: AffinePoint) -> Option<AffinePoint> {
    let sum = ProjectivePoint::mul_by_generator_and_mul_add_vartime(a, b, &point.into());
    (sum != ProjectivePoint::IDENTITY).then(|| sum.to_affine())
}
