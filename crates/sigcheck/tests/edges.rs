//! Hand-made edges: special scalars and points, results at infinity, keys of every form.

mod sample;

use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::ops::Reduce;
use k256::elliptic_curve::sec1::ToSec1Point;
use k256::{AffinePoint, ProjectivePoint, Scalar};
use sample::{Bytes, EcdsaSample, SchnorrSample, der};
use synod_sigcheck::{Check, is_tweaked_key, is_valid_x_only, verify, verify_batch};

/// An eigenvalue of the curve's endomorphism: `lambda * (x, y) = (beta * x, y)`.
const LAMBDA: [u8; 32] = [
    0x53, 0x63, 0xad, 0x4c, 0xc0, 0x5c, 0x30, 0xe0, 0xa5, 0x26, 0x1c, 0x02, 0x88, 0x12, 0x64, 0x5a,
    0x12, 0x2e, 0x22, 0xea, 0x20, 0x81, 0x66, 0x78, 0xdf, 0x02, 0x96, 0x7c, 0x1b, 0x23, 0xbd, 0x72,
];

fn lambda() -> Scalar {
    Scalar::from_repr(LAMBDA.into()).expect("below the order")
}

fn bytes_of(scalar: &Scalar) -> [u8; 32] {
    scalar.to_bytes().into()
}

fn scalar_of_x(point: &AffinePoint) -> Scalar {
    let encoded = point.to_sec1_point(true);
    <Scalar as Reduce<k256::FieldBytes>>::reduce(encoded.x().expect("not infinity"))
}

/// Every multiplier at which some window, table entry or half of a split scalar is special.
fn special_scalars() -> Vec<Scalar> {
    let mut list: Vec<Scalar> = (0..=40u32).map(Scalar::from).collect();
    list.extend(
        (0..256)
            .step_by(5)
            .map(|power| (0..power).fold(Scalar::ONE, |sum, _| sum + sum)),
    );
    list.extend([128, 129, 130, 127].map(|power| (0..power).fold(Scalar::ONE, |sum, _| sum + sum)));
    let with_lambda: Vec<Scalar> = list
        .iter()
        .flat_map(|k| [lambda() * k, lambda().square() * k])
        .collect();
    list.extend(with_lambda);
    let negated: Vec<Scalar> = list.iter().map(|k| -k).collect();
    list.extend(negated);
    list
}

/// Makes an ECDSA check that asks for `u1 * G + u2 * P` with `P = secret * G`, and says what the
/// verdict has to be. `None` when the sum is infinity or its X is zero modulo the order.
fn ecdsa_with_multipliers(secret: &Scalar, u1: &Scalar, u2: &Scalar) -> Option<(Check, Check)> {
    let sum = ProjectivePoint::GENERATOR * (u1 + u2 * secret);
    if sum == ProjectivePoint::IDENTITY || *u2 == Scalar::ZERO {
        return None;
    }
    let r = scalar_of_x(&sum.to_affine());
    let s = r * u2.invert().into_option()?;
    let digest = u1 * &s;
    let key = (ProjectivePoint::GENERATOR * secret)
        .to_affine()
        .to_sec1_point(true);
    let make = |r: &Scalar| {
        let signature = der(&bytes_of(r), &bytes_of(&s));
        Check::ecdsa(key.as_bytes(), &signature, bytes_of(&digest)).expect("parses")
    };
    // With another r under the same s the multiplier of P changes, and so does the sum.
    Some((make(&r), make(&(r + Scalar::ONE))))
}

#[test]
fn special_multipliers_on_special_keys_are_exact() {
    let secrets = [
        Scalar::ONE,
        -Scalar::ONE,
        lambda(),
        -lambda(),
        lambda().square(),
        -lambda().square(),
        Scalar::from(2u32),
        -Scalar::from(2u32),
        Scalar::from(3u32),
        lambda() + Scalar::ONE,
    ];
    let multipliers = special_scalars();
    let mut batch = Vec::new();
    for (index, u1) in multipliers.iter().enumerate() {
        for step in [0, 1, 2, 7, 41, 97, 131] {
            let u2 = &multipliers[(index + step) % multipliers.len()];
            let secret = &secrets[(index + step) % secrets.len()];
            let Some((good, bad)) = ecdsa_with_multipliers(secret, u1, u2) else {
                continue;
            };
            assert!(verify(&good), "{u1:?} {u2:?} {secret:?}");
            assert!(!verify(&bad), "{u1:?} {u2:?} {secret:?}");
            batch.push(good);
        }
    }
    assert!(batch.len() > 1000);
    assert_eq!(verify_batch(&batch), Ok(()));
}

#[test]
fn equal_and_opposite_summands_are_exact() {
    // u1 * G = u2 * P: the last addition is a doubling. Their lambda multiples too.
    let mut bytes = Bytes::new(11);
    let mut batch = Vec::new();
    for _ in 0..20 {
        let secret = <Scalar as Reduce<k256::FieldBytes>>::reduce(&bytes.next32().into());
        let u2 = <Scalar as Reduce<k256::FieldBytes>>::reduce(&bytes.next32().into());
        for factor in [Scalar::ONE, lambda(), -lambda(), lambda().square()] {
            let u1 = u2 * secret * factor;
            let (good, bad) = ecdsa_with_multipliers(&secret, &u1, &u2).expect("not infinity");
            assert!(verify(&good) && !verify(&bad));
            batch.push(good);
        }
    }
    assert_eq!(verify_batch(&batch), Ok(()));
}

#[test]
fn ecdsa_sum_at_infinity_is_invalid() {
    let mut bytes = Bytes::new(12);
    let valid = EcdsaSample::random(&mut bytes).check().expect("parses");
    for secret in [Scalar::ONE, -Scalar::ONE, lambda(), Scalar::from(77u32)] {
        let key = (ProjectivePoint::GENERATOR * secret)
            .to_affine()
            .to_sec1_point(false);
        for r in [Scalar::ONE, Scalar::from(9u32), -Scalar::ONE] {
            // z + r * secret = 0 makes u1 * G + u2 * P infinite for every s.
            let digest = bytes_of(&-(r * secret));
            let signature = der(&bytes_of(&r), &bytes_of(&Scalar::from(5u32)));
            let check = Check::ecdsa(key.as_bytes(), &signature, digest).expect("parses");
            assert!(!verify(&check));
            assert_eq!(verify_batch(&[valid.clone(), check]), Err(1));
        }
    }
}

#[test]
fn ecdsa_r_and_s_out_of_range_are_invalid() {
    let mut bytes = Bytes::new(13);
    let sample = EcdsaSample::random(&mut bytes);
    let zero = [0; 32];
    let order_minus_one = bytes_of(&-Scalar::ONE);
    let mut order = order_minus_one;
    order[31] += 1;
    let mut order_plus_one = order;
    order_plus_one[31] += 1;
    for edge in [zero, order_minus_one, order, order_plus_one, [0xff; 32]] {
        for altered in [
            EcdsaSample {
                r: edge,
                ..sample.clone()
            },
            EcdsaSample {
                s: edge,
                ..sample.clone()
            },
            EcdsaSample {
                r: edge,
                s: edge,
                ..sample.clone()
            },
        ] {
            let check = altered.check().expect("parses");
            assert!(!verify(&check), "{edge:?}");
            assert_eq!(verify_batch(&[check]), Err(0));
        }
    }
}

#[test]
fn ecdsa_r_plus_order_is_not_r() {
    // A valid r with the order added no longer fits 256 bits, save for r < 2^256 - n: then the
    // integer is read, is not below the order, and is refused.
    let mut bytes = Bytes::new(14);
    let sample = EcdsaSample::random(&mut bytes);
    let mut wide = vec![0x30, 70, 2, 33, 1];
    wide.extend(sample.r);
    wide.extend([2, 32]);
    wide.extend(sample.s);
    let check = Check::ecdsa(&sample.key, &wide, sample.digest).expect("parses");
    assert!(!verify(&check));
}

#[test]
fn ecdsa_high_s_is_valid_and_equals_its_low_twin() {
    let mut bytes = Bytes::new(15);
    for _ in 0..10 {
        let low = EcdsaSample::random(&mut bytes);
        let s = Scalar::from_repr(low.s.into()).expect("below the order");
        let high = EcdsaSample {
            s: bytes_of(&-s),
            ..low.clone()
        };
        assert!(verify(&high.check().expect("parses")));
        assert_eq!(high.check(), low.check());
    }
}

#[test]
fn ecdsa_digest_is_taken_modulo_the_order() {
    // A digest of zero, and one of the order itself, which is zero too.
    let order: [u8; 32] = {
        let mut bytes = bytes_of(&-Scalar::ONE);
        bytes[31] += 1;
        bytes
    };
    let secret = Scalar::from(4242u32);
    let u2 = Scalar::from(31337u32);
    let sum = (ProjectivePoint::GENERATOR * (u2 * secret)).to_affine();
    let r = scalar_of_x(&sum);
    let s = r * u2.invert().expect("not zero");
    let key = (ProjectivePoint::GENERATOR * secret)
        .to_affine()
        .to_sec1_point(true);
    for digest in [[0; 32], order] {
        let check = Check::ecdsa(key.as_bytes(), &der(&bytes_of(&r), &bytes_of(&s)), digest);
        let check = check.expect("parses");
        assert!(verify(&check));
        assert_eq!(verify_batch(&[check]), Ok(()));
    }
}

#[test]
fn every_form_of_a_key_verifies_and_wrong_hybrids_do_not() {
    let mut bytes = Bytes::new(16);
    for _ in 0..8 {
        let sample = EcdsaSample::random(&mut bytes);
        let point = k256::PublicKey::from_sec1_bytes(&sample.key).expect("a key");
        let full = point.to_sec1_point(false).as_bytes().to_vec();
        let parity = full[64] & 1;
        let with_prefix = |prefix: u8| {
            let mut key = full.clone();
            key[0] = prefix;
            EcdsaSample {
                key,
                ..sample.clone()
            }
        };
        for prefix in [4, 6 + parity] {
            assert!(verify(&with_prefix(prefix).check().expect("parses")));
        }
        assert!(with_prefix(7 - parity).check().is_none());
        let mut compressed = full[..33].to_vec();
        for (prefix, expected) in [(2 + parity, true), (3 - parity, false)] {
            compressed[0] = prefix;
            let other = EcdsaSample {
                key: compressed.clone(),
                ..sample.clone()
            };
            assert_eq!(verify(&other.check().expect("parses")), expected);
        }
    }
}

#[test]
fn keys_off_the_curve_are_invalid() {
    let mut bytes = Bytes::new(17);
    let sample = EcdsaSample::random(&mut bytes);
    let mut off_curve = vec![4];
    off_curve.extend([5; 64]);
    let mut compressed = vec![2];
    compressed.extend([0; 32]);
    compressed[32] = 5; // 5^3 + 7 = 132 is no square
    for key in [off_curve, compressed] {
        let check = EcdsaSample {
            key,
            ..sample.clone()
        }
        .check()
        .expect("parses");
        assert!(!verify(&check));
        assert_eq!(
            verify_batch(&[sample.check().expect("parses"), check]),
            Err(1)
        );
    }
}

fn tagged_challenge(r: &[u8; 32], key: &[u8; 32], message: &[u8; 32]) -> Scalar {
    use sha2::{Digest, Sha256};
    let tag = Sha256::digest(b"BIP0340/challenge");
    let hash = Sha256::new()
        .chain_update(tag)
        .chain_update(tag)
        .chain_update(r);
    let hash: [u8; 32] = hash
        .chain_update(key)
        .chain_update(message)
        .finalize()
        .into();
    <Scalar as Reduce<k256::FieldBytes>>::reduce(&hash.into())
}

#[test]
fn schnorr_edges_are_invalid() {
    let mut bytes = Bytes::new(18);
    let generator = AffinePoint::GENERATOR.to_sec1_point(true);
    let x: [u8; 32] = generator.as_bytes()[1..].try_into().expect("32 bytes");
    let valid = SchnorrSample::random(&mut bytes);
    for r in [[0; 32], x, [0xff; 32]] {
        // s = e * secret makes s * G - e * P infinite; s + 1 and s - 1 make it G and -G.
        let message = bytes.next32();
        let e = tagged_challenge(&r, &x, &message);
        for (s, expected) in [
            (e, false),
            (e + Scalar::ONE, r == x),
            (e - Scalar::ONE, false),
        ] {
            let signature = [r, bytes_of(&s)].concat();
            let check = Check::schnorr(&x, &signature, message).expect("lengths");
            // G has an even Y, so the sum G is a signature when r says so.
            assert_eq!(verify(&check), expected);
            let batch = [valid.check(), check, valid.check()];
            assert_eq!(verify_batch(&batch).is_ok(), expected);
        }
    }
}

#[test]
fn schnorr_s_must_be_below_the_order() {
    let mut bytes = Bytes::new(19);
    let mut sample = SchnorrSample::random(&mut bytes);
    let mut order = bytes_of(&-Scalar::ONE);
    order[31] += 1;
    for s in [order, [0xff; 32]] {
        sample.signature[32..].copy_from_slice(&s);
        assert!(!verify(&sample.check()));
        assert_eq!(verify_batch(&[sample.check()]), Err(0));
    }
}

#[test]
fn wrong_lengths_make_no_check() {
    let key = [1; 33];
    for length in 0..40 {
        let made = Check::schnorr(&key[..length.min(33)], &[1; 64], [0; 32]);
        assert_eq!(made.is_some(), length == 32, "key of {length}");
    }
    for length in 0..70 {
        let made = Check::schnorr(&key[..32], &[1; 70][..length], [0; 32]);
        assert_eq!(made.is_some(), length == 64, "signature of {length}");
    }
}

#[test]
fn tweaked_keys_are_recognised_with_their_parity() {
    let mut bytes = Bytes::new(20);
    for _ in 0..20 {
        let internal = SchnorrSample::random(&mut bytes).key;
        let tweak = bytes.next32();
        let lifted =
            k256::PublicKey::from_sec1_bytes(&[&[2][..], &internal].concat()).expect("valid");
        let scalar = Scalar::from_repr(tweak.into()).expect("below the order");
        let sum = ProjectivePoint::from(lifted) + ProjectivePoint::GENERATOR * scalar;
        let encoded = sum.to_affine().to_sec1_point(true);
        let is_odd = encoded.as_bytes()[0] == 3;
        let output: [u8; 32] = encoded.as_bytes()[1..].try_into().expect("32 bytes");
        assert!(is_tweaked_key(&output, is_odd, &internal, &tweak));
        assert!(!is_tweaked_key(&output, !is_odd, &internal, &tweak));
        assert!(!is_tweaked_key(&internal, is_odd, &internal, &tweak));
        let mut other = tweak;
        other[9] ^= 1;
        assert!(!is_tweaked_key(&output, is_odd, &internal, &other));
    }
}

#[test]
fn tweak_edges() {
    let generator = AffinePoint::GENERATOR.to_sec1_point(true);
    let x: [u8; 32] = generator.as_bytes()[1..].try_into().expect("32 bytes");
    let zero = [0; 32];
    let minus_one = bytes_of(&-Scalar::ONE);
    let mut order = minus_one;
    order[31] += 1;
    let twice = (ProjectivePoint::GENERATOR + ProjectivePoint::GENERATOR).to_affine();
    let twice = twice.to_sec1_point(true);
    let twice_x: [u8; 32] = twice.as_bytes()[1..].try_into().expect("32 bytes");
    assert!(
        is_tweaked_key(&x, false, &x, &zero),
        "a tweak of zero changes nothing"
    );
    assert!(
        !is_tweaked_key(&x, false, &x, &order),
        "the order is no tweak"
    );
    assert!(
        !is_tweaked_key(&x, false, &x, &minus_one),
        "G - G is infinite"
    );
    assert!(
        !is_tweaked_key(&zero, false, &x, &minus_one),
        "infinity has no X"
    );
    let one = bytes_of(&Scalar::ONE);
    assert!(
        is_tweaked_key(&twice_x, twice.as_bytes()[0] == 3, &x, &one),
        "G + G is a doubling"
    );
    assert!(
        !is_tweaked_key(&x, false, &[0; 32], &one),
        "zero is no X of the curve"
    );
}

#[test]
fn x_only_keys_are_on_the_curve_and_below_the_field_order() {
    let mut five = [0; 32];
    five[31] = 5;
    assert!(!is_valid_x_only(&five));
    let mut one = [0; 32];
    one[31] = 1;
    assert!(is_valid_x_only(&one));
    // One plus the field's order, which would be one.
    let mut wide = [0xff; 32];
    wide[27] = 0xfe;
    wide[30] = 0xfc;
    wide[31] = 0x30;
    assert!(!is_valid_x_only(&wide));
    assert!(!is_valid_x_only(&[0xff; 32]));
}
