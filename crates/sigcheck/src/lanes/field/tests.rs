//! Four lanes against the scalar field.

use super::*;
use sha2::{Digest, Sha256};

fn values() -> Vec<FieldElement> {
    let mut list = vec![
        FieldElement::ZERO,
        FieldElement::ONE,
        FieldElement::ONE.negate(1),
    ];
    for bit in (0..256).step_by(3) {
        let mut bytes = [0u8; 32];
        bytes[31 - bit / 8] = 1 << (bit % 8);
        let power = FieldElement::from_bytes(&bytes).expect("below p");
        list.extend([
            power,
            power.negate(1).normalize(),
            power.add(&FieldElement::ONE.negate(1)).normalize(),
        ]);
    }
    for seed in 0u32..200 {
        let bytes: [u8; 32] = Sha256::digest(seed.to_le_bytes()).into();
        list.extend(FieldElement::from_bytes(&bytes));
    }
    list.into_iter().map(|x| x.normalize()).collect()
}

fn bytes(elements: [FieldElement; LANES]) -> [[u8; 32]; LANES] {
    elements.map(FieldElement::to_bytes)
}

/// Adds multiples of p up to the magnitude.
#[target_feature(enable = "avx2")]
fn inflated(element: &Field4, magnitude: u64) -> Field4 {
    let mut limbs = element.0;
    for (limb, p) in limbs.iter_mut().zip(P) {
        *limb = _mm256_add_epi64(*limb, splat(p * (2 * magnitude - 2)));
    }
    Field4(limbs)
}

#[target_feature(enable = "avx2")]
fn assert_magnitude_1(element: &Field4) {
    for (index, limb) in element.0.iter().enumerate() {
        let limit = if index == 9 { 2 * TOP } else { 2 * LOW };
        assert!(
            to_words(*limb).iter().all(|word| *word <= limit),
            "limb {index}"
        );
    }
}

#[target_feature(enable = "avx2")]
fn compare_operations() {
    let list = values();
    for (number, group) in list.as_chunks::<LANES>().0.iter().enumerate() {
        let others: [FieldElement; LANES] =
            std::array::from_fn(|lane| list[(number * 31 + lane * 7 + 5) % list.len()]);
        let (a, b) = (
            Field4::new(group.each_ref()),
            Field4::new(others.each_ref()),
        );
        assert_eq!(bytes(a.to_elements()), bytes(*group));
        for (m, n) in [(1, 1), (8, 8), (1, 8), (6, 5)] {
            let (x, y) = (inflated(&a, m), inflated(&b, n));
            let expected = std::array::from_fn(|lane| group[lane].mul(&others[lane]));
            assert_eq!(bytes(x.mul(&y).to_elements()), bytes(expected));
            assert_magnitude_1(&x.mul(&y));
            assert_eq!(
                bytes(x.square().to_elements()),
                bytes(group.map(|x| x.square()))
            );
            assert_magnitude_1(&x.square());
            assert_eq!(
                bytes(x.half().to_elements()),
                bytes(group.map(|x| x.half()))
            );
            assert_eq!(
                bytes(x.negate(m).to_elements()),
                bytes(group.map(|x| x.negate(1)))
            );
        }
        let expected = std::array::from_fn(|lane| group[lane].add(&others[lane]));
        assert_eq!(bytes(a.add(&b).to_elements()), bytes(expected));
        let choices = [true, false, number.is_multiple_of(2), true];
        let expected = std::array::from_fn(|lane| {
            if choices[lane] {
                others[lane]
            } else {
                group[lane]
            }
        });
        assert_eq!(
            bytes(a.select(&b, Mask::new(choices)).to_elements()),
            bytes(expected)
        );
        for (candidate, x) in a.root_candidate().to_elements().iter().zip(group) {
            let root = x.square_root();
            assert_eq!(candidate.square().equals(x), root.is_some());
            assert!(root.is_none_or(|root| root.equals(candidate)));
        }
    }
}

#[target_feature(enable = "avx2")]
fn square_the_largest_limbs() {
    let largest = Field4(std::array::from_fn(|index| {
        splat(16 * if index == 9 { TOP } else { LOW })
    }));
    let elements = largest.to_elements();
    let expected = elements.map(|x| x.square());
    assert_eq!(bytes(largest.mul(&largest).to_elements()), bytes(expected));
    assert_eq!(bytes(largest.square().to_elements()), bytes(expected));
    assert_magnitude_1(&largest.square());
}

#[test]
fn every_lane_computes_as_the_scalar_field() {
    if !super::super::is_available() {
        println!("skipped: no AVX2");
        return;
    }
    #[expect(
        unsafe_code,
        reason = "vector code is called after the processor was asked"
    )]
    // SAFETY: AVX2 is there.
    unsafe {
        compare_operations();
    }
}

#[test]
fn the_largest_limbs_do_not_overflow_a_product() {
    if !super::super::is_available() {
        println!("skipped: no AVX2");
        return;
    }
    #[expect(
        unsafe_code,
        reason = "vector code is called after the processor was asked"
    )]
    // SAFETY: AVX2 is there.
    unsafe {
        square_the_largest_limbs();
    }
}
