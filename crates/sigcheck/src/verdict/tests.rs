//! The comparison with r, and the fallback to the exact path.

use super::*;

/// A made-up point with this X and a denominator; the comparison never asks for the curve.
fn point_with_x(x: &FieldElement) -> Jacobian {
    let z = FieldElement([0x1234_5678_9abc, 7, 0, 5, 9]);
    Jacobian {
        x: x.mul(&z.square()),
        y: FieldElement::ONE,
        z,
    }
}

fn minus_one(mut bytes: [u8; 32]) -> [u8; 32] {
    bytes[31] -= 1;
    bytes
}

#[test]
fn an_x_from_the_order_up_counts_as_its_remainder() {
    let mut small = [0; 32];
    small[31] = 9;
    for r in [small, minus_one(FIELD_LESS_ORDER)] {
        let x = FieldElement::from_bytes(&r).expect("below p");
        let claim = Claim::XModuloOrder(r);
        assert!(claim.has_x(&point_with_x(&x)));
        assert!(claim.has_x(&point_with_x(&x.add(&ORDER))));
        assert!(!claim.has_x(&point_with_x(&x.add(&ORDER).add(&FieldElement::ONE))));
        assert!(!claim.has_x(&point_with_x(&x.add(&FieldElement::ONE))));
        assert!(!Claim::XWithEvenY(x).has_x(&point_with_x(&x.add(&ORDER))));
    }
}

#[test]
fn no_x_is_left_above_an_r_of_field_less_order() {
    // r + n = p here, which is no X; modulo p it would be zero.
    let x = FieldElement::from_bytes(&FIELD_LESS_ORDER).expect("below p");
    let claim = Claim::XModuloOrder(FIELD_LESS_ORDER);
    assert!(x.add(&ORDER).is_zero());
    assert!(claim.has_x(&point_with_x(&x)));
    assert!(!claim.has_x(&point_with_x(&FieldElement::ZERO)));
    let mut larger = FIELD_LESS_ORDER;
    larger[31] += 1;
    let claim = Claim::XModuloOrder(larger);
    assert!(!claim.has_x(&point_with_x(&FieldElement::ONE)));
}

#[test]
fn parity_is_that_of_the_affine_y() {
    let z = FieldElement([3, 0, 0, 0, 0]);
    for (y, is_even) in [(4u64, true), (5, false)] {
        let y = FieldElement([y, 0, 0, 0, 0]);
        let point = Jacobian {
            x: FieldElement::ONE,
            y: y.mul(&z.square()).mul(&z),
            z,
        };
        assert_eq!(has_even_y(&point, &z.invert()), is_even);
    }
}
