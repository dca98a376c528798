//! Tables of odd multiples: of the generator once for all, of a key for each check.

use crate::field::{self, FieldElement};
use crate::glv::BETA;
use crate::point::{Affine, GENERATOR, Jacobian};
use std::sync::LazyLock;

/// Width of the generator's digits; the table has `2^(w - 2)` entries.
pub(crate) const GENERATOR_WIDTH: u32 = 12;
/// Width of a key's digits.
pub(crate) const KEY_WIDTH: u32 = 5;

const GENERATOR_ENTRIES: usize = 1 << (GENERATOR_WIDTH - 2);
const KEY_ENTRIES: usize = 1 << (KEY_WIDTH - 2);

/// An odd multiple of a point and its image under the endomorphism, which has the same Y; all of
/// magnitude 1.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(crate) struct Entry {
    pub(crate) x: FieldElement,
    pub(crate) y: FieldElement,
    pub(crate) beta_x: FieldElement,
}

impl Entry {
    fn new(point: &Affine) -> Entry {
        Entry {
            x: point.x,
            y: point.y,
            beta_x: point.x.mul(&BETA),
        }
    }

    /// The point itself, or its image under the endomorphism.
    #[inline]
    fn point(&self, is_image: bool) -> Affine {
        Affine {
            x: if is_image { self.beta_x } else { self.x },
            y: self.y,
        }
    }
}

/// `G, 3G, 5G, ...` (128 KiB, made at the first use in under a millisecond).
pub(crate) static GENERATOR_TABLE: LazyLock<Box<[Entry]>> = LazyLock::new(|| {
    let twice = Jacobian::from(GENERATOR).double();
    let twice = twice.to_affine(&twice.z.invert());
    let mut point = Jacobian::from(GENERATOR);
    let mut points = vec![point];
    for _ in 1..GENERATOR_ENTRIES {
        point = point.add(&twice);
        points.push(point);
    }
    let mut inverses: Vec<FieldElement> = points.iter().map(|point| point.z).collect();
    field::invert_all(&mut inverses);
    let normalized = points.iter().zip(&inverses).map(|(point, inverse)| {
        let Affine { x, y } = point.to_affine(inverse);
        Entry::new(&Affine {
            x: x.normalize(),
            y: y.normalize(),
        })
    });
    normalized.collect()
});

/// The point for an odd digit: the multiple or its negative.
#[inline]
pub(crate) fn pick(table: &[Entry], digit: i16, is_image: bool) -> Affine {
    let point = table[usize::from(digit.unsigned_abs() >> 1)].point(is_image);
    if digit < 0 { point.negate() } else { point }
}

/// Odd multiples of a key as affine points of one isomorphic curve, which costs no inversion.
pub(crate) struct KeyTable {
    pub(crate) entries: [Entry; KEY_ENTRIES],
    /// What [`Affine::rescale`] takes to lead from the true curve to the table's.
    pub(crate) scale: FieldElement,
}

impl KeyTable {
    /// Correctness: the sums are `P + 2P`, `3P + 2P`, ...; since the order is a large prime they
    /// meet no exceptional case for any point of the curve.
    pub(crate) fn new(key: &Affine) -> KeyTable {
        // With the denominator of 2P left out, 2P is affine and each step a mixed sum.
        let twice = Jacobian::from(*key).double();
        let step = Affine {
            x: twice.x,
            y: twice.y,
        };
        let mut sum = Jacobian::from(key.rescale(&twice.z));
        let mut sums = [(sum, FieldElement::ONE); KEY_ENTRIES];
        for slot in &mut sums[1..] {
            *slot = sum.add_with_ratio(&step);
            sum = slot.0;
        }
        // Then everything is brought to the last sum's denominator, by the ratios on the way.
        let mut ratio = FieldElement::ONE;
        let mut entries = [Entry {
            x: sum.x,
            y: sum.y,
            beta_x: sum.x,
        }; KEY_ENTRIES];
        for (entry, (sum, step_ratio)) in entries.iter_mut().zip(&sums).rev() {
            *entry = Entry::new(&Affine { x: sum.x, y: sum.y }.rescale(&ratio));
            ratio = ratio.mul(step_ratio);
        }
        KeyTable {
            entries,
            scale: sum.z.mul(&twice.z),
        }
    }
}
