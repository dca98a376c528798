//! Four points side by side, by the formulas of [`crate::point`].

use super::field::{Field4, Mask};
use super::{Affine, Jacobian, LANES};
use crate::field::FieldElement;
use crate::key::PublicKey;
use crate::point::SEVEN;

/// Four affine points; coordinates of magnitude up to 2.
#[derive(Clone, Copy)]
pub(super) struct Affine4 {
    pub(super) x: Field4,
    pub(super) y: Field4,
}

/// Four points in Jacobian coordinates; magnitudes as in [`Jacobian`].
#[derive(Clone, Copy)]
pub(super) struct Jacobian4 {
    pub(super) x: Field4,
    pub(super) y: Field4,
    pub(super) z: Field4,
}

impl Affine4 {
    #[target_feature(enable = "avx2")]
    pub(super) fn new(points: &[Affine; LANES]) -> Affine4 {
        Affine4 {
            x: Field4::new(points.each_ref().map(|point| &point.x)),
            y: Field4::new(points.each_ref().map(|point| &point.y)),
        }
    }

    /// Negates the lanes that the mask names; Y must have magnitude 1.
    #[target_feature(enable = "avx2")]
    #[inline]
    pub(super) fn negate_where(&self, mask: Mask) -> Affine4 {
        Affine4 {
            x: self.x,
            y: self.y.select(&self.y.negate(1), mask),
        }
    }

    /// `(x z^2, y z^3)`.
    #[target_feature(enable = "avx2")]
    pub(super) fn rescale(&self, z: &Field4) -> Affine4 {
        let square = z.square();
        Affine4 {
            x: self.x.mul(&square),
            y: self.y.mul(&square).mul(z),
        }
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn to_jacobian(self) -> Jacobian4 {
        Jacobian4 {
            x: self.x,
            y: self.y,
            z: Field4::splat(&FieldElement::ONE),
        }
    }
}

impl Jacobian4 {
    /// Doubles in place, as [`Jacobian::double`]; what is 1,280 bytes large is better not moved.
    #[target_feature(enable = "avx2")]
    pub(super) fn double(&mut self) {
        self.z = self.y.mul(&self.z);
        let y2 = self.y.square();
        let x2 = self.x.square();
        let slope = x2.double().add(&x2).half();
        let minus_xy2 = y2.negate(1).mul(&self.x);
        self.x = slope.square().add(&minus_xy2.double());
        let y = self.x.add(&minus_xy2).mul(&slope);
        self.y = y.add(&y2.square()).negate(2);
    }

    /// Adds points of the same curve, as [`Jacobian::add`].
    #[target_feature(enable = "avx2")]
    pub(super) fn add(&mut self, other: &Affine4) {
        let z = self.z;
        self.add_at(other, &z);
    }

    /// Adds points that are brought to the denominators `z`; returns what `self.z` was multiplied
    /// by.
    #[target_feature(enable = "avx2")]
    pub(super) fn add_at(&mut self, other: &Affine4, z: &Field4) -> Field4 {
        let z2 = z.square();
        let u2 = other.x.mul(&z2);
        let s2 = other.y.mul(&z2).mul(z);
        let h = self.x.negate(4).add(&u2);
        let i = s2.negate(1).add(&self.y);
        let minus_h2 = h.square().negate(1);
        let minus_h3 = minus_h2.mul(&h);
        let t = self.x.mul(&minus_h2);
        self.x = i.square().add(&minus_h3).add(&t.double());
        let y = t.add(&self.x).mul(&i);
        self.y = y.add(&minus_h3.mul(&self.y));
        self.z = self.z.mul(&h);
        h
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn to_points(self) -> [Jacobian; LANES] {
        let (x, y, z) = (
            self.x.to_elements(),
            self.y.to_elements(),
            self.z.to_elements(),
        );
        std::array::from_fn(|lane| Jacobian {
            x: x[lane],
            y: y[lane],
            z: z[lane],
        })
    }
}

/// Lifts four keys; `None` where there is no such point on the curve.
#[target_feature(enable = "avx2")]
pub(super) fn lift_keys(keys: &[&PublicKey; LANES]) -> [Option<Affine>; LANES] {
    let read = keys.map(|key| FieldElement::from_bytes(key.x()));
    let x = read.map(|x| x.unwrap_or(FieldElement::ONE));
    let lanes = Field4::new(x.each_ref());
    let right = lanes.square().mul(&lanes).add(&Field4::splat(&SEVEN));
    let root = right.root_candidate();
    let is_root = root
        .square()
        .negate(1)
        .add(&right)
        .to_elements()
        .map(|rest| rest.is_zero());
    let roots = root.to_elements();
    std::array::from_fn(|lane| {
        let x = read[lane]?;
        let is_lifted = is_root[lane];
        match keys[lane] {
            PublicKey::Compressed { is_odd, .. } => is_lifted.then(|| Affine {
                x,
                y: roots[lane].with_parity(*is_odd),
            }),
            PublicKey::Full { y, .. } => {
                // On the curve if and only if Y is one of the two roots.
                let y = FieldElement::from_bytes(y)?;
                let is_on_curve = is_lifted && y.square().equals(&roots[lane].square());
                is_on_curve.then_some(Affine { x, y })
            }
        }
    })
}
