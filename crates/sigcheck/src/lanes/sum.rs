//! Four sums `a * G + b * P` in lockstep.

use super::field::{Field4, Mask};
use super::point::{Affine4, Jacobian4};
use super::windows::{self, Digit, Windows};
use super::{Affine, Jacobian, LANES};
use crate::field::FieldElement;
use crate::glv::BETA;
use crate::table::{Entry, GENERATOR_TABLE, GENERATOR_WIDTH};
use k256::Scalar;

/// Width of a key's windows.
const KEY_WIDTH: u32 = 5;
const KEY_ENTRIES: usize = 1 << (KEY_WIDTH - 1);
/// Width of the generator's windows: their digits are those of the table.
const GENERATOR_WINDOW: u32 = GENERATOR_WIDTH - 1;

/// Windows of one scalar in every lane, for the point and for its image.
type LaneWindows = [[Windows; 2]; LANES];

/// Odd multiples of four keys, lane by lane, on one isomorphic curve for each.
struct KeyTables {
    entries: [[Entry; LANES]; KEY_ENTRIES],
    scale: Field4,
}

impl KeyTables {
    /// As [`crate::table::KeyTable::new`].
    #[target_feature(enable = "avx2")]
    fn new(keys: &Affine4) -> KeyTables {
        let mut twice = keys.to_jacobian();
        twice.double();
        let step = Affine4 {
            x: twice.x,
            y: twice.y,
        };
        let first = keys.rescale(&twice.z);
        let mut sum = first.to_jacobian();
        let mut sums = [(first, sum.z); KEY_ENTRIES];
        for (point, ratio) in &mut sums[1..] {
            let z = sum.z;
            *ratio = sum.add_at(&step, &z);
            *point = Affine4 { x: sum.x, y: sum.y };
        }
        let beta = Field4::splat(&BETA);
        let mut ratio = Field4::splat(&FieldElement::ONE);
        let unset = Entry {
            x: BETA,
            y: BETA,
            beta_x: BETA,
        };
        let mut tables = KeyTables {
            entries: [[unset; LANES]; KEY_ENTRIES],
            scale: sum.z.mul(&twice.z),
        };
        for (entry, (point, step_ratio)) in tables.entries.iter_mut().zip(&sums).rev() {
            let point = point.rescale(&ratio);
            let (x, y) = (point.x.to_elements(), point.y.to_elements());
            let beta_x = point.x.mul(&beta).to_elements();
            for (lane, entry) in entry.iter_mut().enumerate() {
                *entry = Entry {
                    x: x[lane],
                    y: y[lane],
                    beta_x: beta_x[lane],
                };
            }
            ratio = ratio.mul(step_ratio);
        }
        tables
    }

    #[target_feature(enable = "avx2")]
    fn pick(&self, digits: [Digit; LANES], is_image: bool) -> Affine4 {
        let entries = std::array::from_fn(|lane| &self.entries[digits[lane].index][lane]);
        point_of(entries, digits, is_image)
    }
}

/// The point or its image from each lane's entry, negated where the digit is.
#[target_feature(enable = "avx2")]
#[inline]
fn point_of(entries: [&Entry; LANES], digits: [Digit; LANES], is_image: bool) -> Affine4 {
    let x = entries.map(|entry| if is_image { &entry.beta_x } else { &entry.x });
    let point = Affine4 {
        x: Field4::new(x),
        y: Field4::new(entries.map(|entry| &entry.y)),
    };
    point.negate_where(Mask::new(digits.map(|digit| digit.is_negative)))
}

fn digits_at(windows: &LaneWindows, image: usize, bit: u32) -> [Digit; LANES] {
    windows.each_ref().map(|lane| lane[image].digit(bit))
}

/// `a * G + b * key` in each lane, for scalars `[a, b]`.
///
/// A lane whose sum is infinity or met an exceptional case has `z = 0`.
#[target_feature(enable = "avx2")]
pub(super) fn combine(
    scalars: &[[&Scalar; 2]; LANES],
    keys: &[Affine; LANES],
) -> [Jacobian; LANES] {
    let generator = &**GENERATOR_TABLE;
    let tables = KeyTables::new(&Affine4::new(keys));
    let a: LaneWindows = scalars.map(|[a, _]| windows::split(a, GENERATOR_WINDOW));
    let b: LaneWindows = scalars.map(|[_, b]| windows::split(b, KEY_WIDTH));

    // Digits are never zero, so the sum starts with the key's first window as it is.
    let start = (windows::count(KEY_WIDTH) - 1) * KEY_WIDTH;
    let mut sum: Jacobian4 = tables.pick(digits_at(&b, 0, start), false).to_jacobian();
    sum.add(&tables.pick(digits_at(&b, 1, start), true));
    for bit in (0..start).rev() {
        sum.double();
        if bit.is_multiple_of(KEY_WIDTH) {
            sum.add(&tables.pick(digits_at(&b, 0, bit), false));
            sum.add(&tables.pick(digits_at(&b, 1, bit), true));
        }
        if bit.is_multiple_of(GENERATOR_WINDOW) {
            for (image, is_image) in [false, true].into_iter().enumerate() {
                let digits = digits_at(&a, image, bit);
                let point = point_of(
                    digits.map(|digit| &generator[digit.index]),
                    digits,
                    is_image,
                );
                sum.add_at(&point, &sum.z.mul(&tables.scale));
            }
        }
    }
    sum.z = sum.z.mul(&tables.scale);
    sum.to_points()
}

#[cfg(test)]
mod tests;
