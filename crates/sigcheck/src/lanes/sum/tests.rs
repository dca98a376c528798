//! Four sums in lockstep against the scalar path and k256.

use super::super::is_available;
use super::*;
use crate::glv;
use crate::key::PublicKey;
use crate::scalar;
use k256::ProjectivePoint;
use k256::elliptic_curve::sec1::ToSec1Point;
use sha2::{Digest as _, Sha256};

fn random(seed: usize) -> Scalar {
    scalar::reduce(&Sha256::digest(seed.to_le_bytes()).into())
}

fn special() -> Vec<Scalar> {
    let lambda = glv::lambda();
    let mut list = vec![
        Scalar::ZERO,
        Scalar::ONE,
        lambda,
        lambda.square(),
        Scalar::ONE + lambda,
    ];
    list.extend([2u32, 3, 31, 32, 33, 2047, 2048, 2049].map(Scalar::from));
    let negated: Vec<Scalar> = list.iter().map(|k| -k).collect();
    list.extend(negated);
    list
}

fn affine(point: ProjectivePoint) -> Affine {
    let encoded = point.to_affine().to_sec1_point(false);
    let key = PublicKey::parse(encoded.as_bytes()).expect("a full key");
    Affine::of_key(&key).expect("on the curve")
}

fn combined(scalars: &[[Scalar; 2]; LANES], keys: &[Affine; LANES]) -> [Jacobian; LANES] {
    let scalars = scalars.each_ref().map(|[a, b]| [a, b]);
    #[expect(
        unsafe_code,
        reason = "vector code is called after the processor was asked"
    )]
    // SAFETY: every test looks for AVX2 first.
    unsafe {
        combine(&scalars, keys)
    }
}

/// Compares lanes with k256; returns how many had to be left to the exact path.
fn compare(scalars: &[[Scalar; 2]; LANES], secrets: &[Scalar; LANES]) -> usize {
    let keys = secrets.map(|secret| ProjectivePoint::GENERATOR * secret);
    let sums = combined(scalars, &keys.map(affine));
    let mut exceptional = 0;
    for lane in 0..LANES {
        let [a, b] = scalars[lane];
        let expected = ProjectivePoint::GENERATOR * a + keys[lane] * b;
        let sum = &sums[lane];
        if sum.z.is_zero() {
            exceptional += 1;
            continue;
        }
        assert_ne!(
            expected,
            ProjectivePoint::IDENTITY,
            "infinity has a zero denominator"
        );
        let (sum, expected) = (sum.to_affine(&sum.z.invert()), affine(expected));
        assert!(
            sum.x.equals(&expected.x) && sum.y.equals(&expected.y),
            "{a:?} {b:?}"
        );
    }
    exceptional
}

#[test]
fn random_sums_match_the_reference_and_are_never_exceptional() {
    if !is_available() {
        println!("skipped: no AVX2");
        return;
    }
    for round in 0..100 {
        let at = |part: usize, lane: usize| random(round * 1000 + part * 10 + lane);
        let scalars = std::array::from_fn(|lane| [at(0, lane), at(1, lane)]);
        assert_eq!(
            compare(&scalars, &std::array::from_fn(|lane| at(2, lane))),
            0
        );
    }
}

#[test]
fn special_scalars_and_keys_are_right_or_left_to_the_exact_path() {
    if !is_available() {
        println!("skipped: no AVX2");
        return;
    }
    let list = special();
    let secrets: Vec<Scalar> = list
        .iter()
        .copied()
        .filter(|k| *k != Scalar::ZERO)
        .collect();
    let mut exceptional = 0;
    for a in 0..list.len() {
        for b in 0..list.len() {
            let scalars = std::array::from_fn(|lane| [list[a], list[(b + lane) % list.len()]]);
            let secrets = std::array::from_fn(|lane| secrets[(a + 3 * b + lane) % secrets.len()]);
            exceptional += compare(&scalars, &secrets);
        }
    }
    assert!(exceptional > 0, "the exceptional case was never met");
}

#[test]
fn an_exceptional_lane_does_not_disturb_its_neighbours() {
    if !is_available() {
        println!("skipped: no AVX2");
        return;
    }
    for bad in 0..LANES {
        let secrets: [Scalar; LANES] = std::array::from_fn(|lane| random(50 + lane));
        let mut scalars: [[Scalar; 2]; LANES] =
            std::array::from_fn(|lane| [random(60 + lane), random(70 + lane)]);
        // The sum in this lane is infinity.
        scalars[bad][0] = -(scalars[bad][1] * secrets[bad]);
        assert_eq!(compare(&scalars, &secrets), 1);
        let sums = combined(
            &scalars,
            &secrets.map(|k| affine(ProjectivePoint::GENERATOR * k)),
        );
        assert!(sums[bad].z.is_zero());
    }
}
