//! The field against k256's own.

use super::*;
use k256::elliptic_curve::PrimeField;
use k256::elliptic_curve::hazmat::FieldArithmetic;
use sha2::{Digest, Sha256};

type Reference = <k256::Secp256k1 as FieldArithmetic>::FieldElement;

/// Values at every border, then reproducible random ones; all below p.
fn values() -> Vec<[u8; 32]> {
    let mut list = vec![[0; 32]];
    let mut largest = FIELD_ORDER;
    for _ in 0..4 {
        largest[31] -= 1;
        list.push(largest);
    }
    for bit in (0..256).step_by(13).chain([51, 52, 255]) {
        let mut power = [0u8; 32];
        power[31 - bit / 8] = 1 << (bit % 8);
        list.push(power);
        let ones: Vec<u8> = (0..32)
            .map(|index| if index > 31 - bit / 8 { 0xff } else { 0 })
            .collect();
        list.push(ones.try_into().expect("32 bytes"));
    }
    let random = |seed: u32| -> [u8; 32] { Sha256::digest(seed.to_le_bytes()).into() };
    list.extend((0..60).map(random));
    list.retain(|bytes| *bytes < FIELD_ORDER);
    list
}

fn ours(bytes: &[u8; 32]) -> FieldElement {
    FieldElement::from_bytes(bytes).expect("below p")
}

fn reference(bytes: &[u8; 32]) -> Reference {
    Reference::from_repr((*bytes).into()).expect("below p")
}

fn written(element: Reference) -> [u8; 32] {
    element.to_bytes().into()
}

/// The same value with the largest limbs that its magnitude allows: multiples of p are added.
fn inflated(element: &FieldElement, magnitude: u64) -> FieldElement {
    let multiple = FieldElement(P.map(|limb| limb * (2 * magnitude - 2)));
    element.normalize().add(&multiple)
}

#[test]
fn bytes_round_trip_below_the_order_and_the_order_is_refused() {
    for bytes in values() {
        assert_eq!(ours(&bytes).to_bytes(), bytes);
    }
    assert!(FieldElement::from_bytes(&FIELD_ORDER).is_none());
    assert!(FieldElement::from_bytes(&[0xff; 32]).is_none());
}

#[test]
fn products_match_the_reference_at_every_magnitude() {
    let list = values();
    for (index, a) in list.iter().enumerate() {
        let b = &list[(index * 7 + 3) % list.len()];
        for (m, n) in [(1, 1), (8, 8), (1, 8), (5, 3)] {
            let (x, y) = (inflated(&ours(a), m), inflated(&ours(b), n));
            let product = x.mul(&y);
            assert!(product.is_within(1));
            assert_eq!(product.to_bytes(), written(reference(a) * reference(b)));
            assert_eq!(x.square().to_bytes(), written(reference(a).square()));
            assert!(x.square().is_within(1));
        }
    }
}

#[test]
fn all_pairs_of_products_match_the_reference() {
    let list = values();
    for a in &list {
        for b in &list {
            assert_eq!(
                ours(a).mul(&ours(b)).to_bytes(),
                written(reference(a) * reference(b))
            );
        }
    }
}

#[test]
fn the_largest_limbs_do_not_overflow_a_product() {
    // Every limb at the bound of magnitude 8, which is more than any value written as sums has.
    let largest = FieldElement([16 * LOW, 16 * LOW, 16 * LOW, 16 * LOW, 16 * TOP]);
    let bytes = largest.to_bytes();
    assert_eq!(
        largest.mul(&largest).to_bytes(),
        written(reference(&bytes).square())
    );
    assert_eq!(
        largest.square().to_bytes(),
        written(reference(&bytes).square())
    );
}

#[test]
fn sums_negations_scales_and_halves_match_the_reference() {
    let list = values();
    for (index, a) in list.iter().enumerate() {
        let b = &list[(index * 5 + 1) % list.len()];
        let (x, y) = (ours(a), ours(b));
        assert_eq!(x.add(&y).to_bytes(), written(reference(a) + reference(b)));
        for magnitude in [1, 4, 7] {
            let negated = inflated(&x, magnitude).negate(magnitude);
            assert!(negated.is_within(magnitude + 1));
            assert_eq!(negated.to_bytes(), written(-reference(a)));
            let half = inflated(&x, magnitude).half();
            assert!(half.is_within(magnitude / 2 + 1));
            assert_eq!(half.add(&half).to_bytes(), *a);
        }
        let three = Reference::from(3u64);
        assert_eq!(x.scale(3).to_bytes(), written(reference(a) * three));
    }
}

#[test]
fn zero_parity_and_equality_see_through_every_magnitude() {
    for bytes in values() {
        for magnitude in [1, 3, 8] {
            let x = inflated(&ours(&bytes), magnitude);
            assert_eq!(x.is_zero(), bytes == [0; 32]);
            assert_eq!(x.is_odd(), bytes[31] & 1 == 1);
            assert_eq!(x.to_bytes(), bytes);
        }
        let x = ours(&bytes);
        assert!(x.equals(&inflated(&x, 6)));
        assert!(!x.equals(&x.add(&FieldElement::ONE)));
    }
}

#[test]
fn roots_and_inverses_match_the_reference() {
    for bytes in values() {
        let x = ours(&bytes);
        let root = reference(&bytes).sqrt().into_option();
        assert_eq!(
            x.square_root().map(FieldElement::to_bytes),
            root.map(written)
        );
        let inverse = reference(&bytes).invert_vartime().into_option();
        assert_eq!(x.invert().to_bytes(), inverse.map_or([0; 32], written));
    }
}

#[test]
fn a_batch_of_inverses_skips_zeros() {
    let mut elements: Vec<FieldElement> = values().iter().map(ours).collect();
    let expected: Vec<[u8; 32]> = elements.iter().map(|x| x.invert().to_bytes()).collect();
    invert_all(&mut elements);
    let inverted: Vec<[u8; 32]> = elements.iter().map(|x| x.to_bytes()).collect();
    assert_eq!(inverted, expected);
    invert_all(&mut []);
}
