//! From a statement to its verdict: the equation, its fast evaluation, the comparison.

use crate::check::{Check, Ecdsa, Schnorr, Statement};
use crate::exact;
use crate::field::{self, FieldElement};
use crate::key::PublicKey;
use crate::point::{Affine, Jacobian};
use crate::scalar;
use crate::strauss;
use k256::Scalar;

/// Checks that are prepared and judged together: enough to share inversions, few enough for the
/// first-level cache.
const BATCH: usize = 64;

/// Equations that are evaluated in lockstep.
pub(crate) const LANES: usize = 4;

/// The group order as an element of the field.
const ORDER: FieldElement = FieldElement::from_words([
    0xbfd2_5e8c_d036_4141,
    0xbaae_dce6_af48_a03b,
    0xffff_ffff_ffff_fffe,
    0xffff_ffff_ffff_ffff,
]);

/// `p - n`: an X below it is also that of a point whose X was reduced modulo the group order.
const FIELD_LESS_ORDER: [u8; 32] = [
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01,
    0x45, 0x51, 0x23, 0x19, 0x50, 0xb7, 0x5f, 0xc4, 0x40, 0x2d, 0xa1, 0x72, 0x2f, 0xc9, 0xba, 0xee,
];

/// What the point of an equation has to be.
enum Claim {
    /// Its X modulo the group order is this (ECDSA).
    XModuloOrder([u8; 32]),
    /// Its X is this and its Y even (BIP340).
    XWithEvenY(FieldElement),
}

/// A check as an equation over the curve: the point `a * G + b * key` and a claim about it.
pub(crate) struct Equation {
    pub(crate) a: Scalar,
    pub(crate) b: Scalar,
    pub(crate) key: PublicKey,
    claim: Claim,
}

/// The left side of an equation, computed.
pub(crate) enum Evaluation {
    /// The key is no point of the curve.
    OffCurve,
    /// The fast formulas do not know the point: it is infinity or they met an exceptional case.
    ///
    /// Security: a key whose secret is known can be made to end here, which costs a fast and an
    /// exact evaluation: some three to five times the time of a check, bounded, and never a wrong
    /// verdict.
    Exceptional,
    Point(Jacobian),
}

/// Judges one check.
pub(crate) fn judge(check: &Check) -> bool {
    let equation = match &check.0 {
        Statement::Ecdsa(statement) => ecdsa_scalars(statement).and_then(|(r, s)| {
            let inverse = s.invert_vartime().into_option()?;
            Some(Equation::from_ecdsa(statement, &r, &inverse))
        }),
        Statement::Schnorr(statement) => Equation::from_schnorr(statement),
    };
    let Some(equation) = equation else {
        return false;
    };
    match equation.evaluate() {
        Evaluation::OffCurve => false,
        Evaluation::Exceptional => exact::is_valid(check),
        Evaluation::Point(point) => equation.claim.holds(&point),
    }
}

/// Judges many checks; the error is the index of the first that fails.
pub(crate) fn judge_all(checks: &[Check]) -> Result<(), usize> {
    if cfg!(feature = "one-by-one") {
        let failure = checks.iter().position(|check| !judge(check));
        return failure.map_or(Ok(()), Err);
    }
    for (number, batch) in checks.chunks(BATCH).enumerate() {
        if let Some(index) = first_failure(batch) {
            return Err(number * BATCH + index);
        }
    }
    Ok(())
}

fn first_failure(batch: &[Check]) -> Option<usize> {
    let equations = equations(batch);
    let evaluations = evaluate_all(&equations);
    let mut verdicts = vec![false; batch.len()];
    // Points whose X is right and whose Y is still to be looked at.
    let mut pending = Vec::new();
    for (index, (equation, evaluation)) in equations.iter().zip(&evaluations).enumerate() {
        let (Some(equation), Some(evaluation)) = (equation, evaluation) else {
            continue;
        };
        verdicts[index] = match evaluation {
            Evaluation::OffCurve => false,
            Evaluation::Exceptional => exact::is_valid(&batch[index]),
            Evaluation::Point(point) => {
                if matches!(equation.claim, Claim::XWithEvenY(_)) {
                    pending.push((index, point));
                }
                equation.claim.has_x(point)
            }
        };
    }
    let mut inverses: Vec<FieldElement> = pending.iter().map(|(_, point)| point.z).collect();
    field::invert_all(&mut inverses);
    for ((index, point), inverse) in pending.iter().zip(&inverses) {
        verdicts[*index] &= has_even_y(point, inverse);
    }
    verdicts.iter().position(|verdict| !verdict)
}

/// Evaluates equations, in lockstep where the processor can.
fn evaluate_all(equations: &[Option<Equation>]) -> Vec<Option<Evaluation>> {
    let mut evaluations: Vec<Option<Evaluation>> = equations.iter().map(|_| None).collect();
    let present = equations.iter().enumerate();
    let present: Vec<(usize, &Equation)> = present
        .filter_map(|(index, equation)| Some((index, equation.as_ref()?)))
        .collect();
    for group in present.chunks(LANES) {
        if let Some(results) = evaluate_in_lockstep(group) {
            for ((index, _), result) in group.iter().zip(results) {
                evaluations[*index] = Some(result);
            }
        } else {
            for (index, equation) in group {
                evaluations[*index] = Some(equation.evaluate());
            }
        }
    }
    evaluations
}

/// Evaluates up to four equations in lockstep; `None` where one by one is faster or the only way.
///
/// Four lanes cost about as much as two single evaluations, so three equations fill four lanes.
fn evaluate_in_lockstep(group: &[(usize, &Equation)]) -> Option<[Evaluation; LANES]> {
    let [.., (_, last)] = group else { return None };
    if group.len() + 1 < LANES {
        return None;
    }
    let lanes =
        std::array::from_fn(|lane| group.get(lane).map_or(*last, |(_, equation)| *equation));
    evaluate_lanes(&lanes)
}

#[cfg(target_arch = "x86_64")]
fn evaluate_lanes(equations: &[&Equation; LANES]) -> Option<[Evaluation; LANES]> {
    crate::lanes::evaluate(equations)
}

#[cfg(not(target_arch = "x86_64"))]
fn evaluate_lanes(_equations: &[&Equation; LANES]) -> Option<[Evaluation; LANES]> {
    None
}

/// Turns checks into equations; `None` where a scalar or an X is out of range.
fn equations(batch: &[Check]) -> Vec<Option<Equation>> {
    let mut scalars: Vec<Option<(Scalar, Scalar)>> = Vec::with_capacity(batch.len());
    scalars.extend(batch.iter().map(|check| match &check.0 {
        Statement::Ecdsa(statement) => ecdsa_scalars(statement),
        Statement::Schnorr(_) => None,
    }));
    scalar::invert_all(scalars.iter_mut().flatten().map(|(_, s)| s));
    let equation = |(check, scalars): (&Check, &Option<(Scalar, Scalar)>)| match &check.0 {
        Statement::Ecdsa(statement) => scalars
            .as_ref()
            .map(|(r, inverse)| Equation::from_ecdsa(statement, r, inverse)),
        Statement::Schnorr(statement) => Equation::from_schnorr(statement),
    };
    batch.iter().zip(&scalars).map(equation).collect()
}

/// `r` and `s`, which must not be zero.
fn ecdsa_scalars(statement: &Ecdsa) -> Option<(Scalar, Scalar)> {
    let r = scalar::from_bytes_non_zero(&statement.r)?;
    let s = scalar::from_bytes_non_zero(&statement.s)?;
    Some((r, s))
}

impl Equation {
    /// `(z G + r P) / s` has X `r` modulo the order (SEC 1, section 4.1.4).
    fn from_ecdsa(statement: &Ecdsa, r: &Scalar, inverse_of_s: &Scalar) -> Equation {
        Equation {
            a: scalar::reduce(&statement.digest) * inverse_of_s,
            b: r * inverse_of_s,
            key: statement.key.clone(),
            claim: Claim::XModuloOrder(statement.r),
        }
    }

    /// `s G - e P` has X `r` and an even Y (BIP340, verification).
    fn from_schnorr(statement: &Schnorr) -> Option<Equation> {
        let e = scalar::challenge(&statement.r, &statement.key, statement.message.as_bytes());
        Some(Equation {
            a: scalar::from_bytes(&statement.s)?,
            b: -e,
            key: PublicKey::Compressed {
                x: statement.key,
                is_odd: false,
            },
            claim: Claim::XWithEvenY(FieldElement::from_bytes(&statement.r)?),
        })
    }

    fn evaluate(&self) -> Evaluation {
        let Some(key) = Affine::of_key(&self.key) else {
            return Evaluation::OffCurve;
        };
        match strauss::combine(&self.a, &self.b, &key) {
            Some(point) => Evaluation::Point(point),
            None => Evaluation::Exceptional,
        }
    }
}

impl Claim {
    fn holds(&self, point: &Jacobian) -> bool {
        let is_parity_free = matches!(self, Claim::XModuloOrder(_));
        self.has_x(point) && (is_parity_free || has_even_y(point, &point.z.invert()))
    }

    /// Compares X without an inversion: `x / z^2 = r` is asked as `x = r z^2`.
    fn has_x(&self, point: &Jacobian) -> bool {
        let z2 = point.z.square();
        match self {
            Claim::XWithEvenY(x) => x.mul(&z2).equals(&point.x),
            Claim::XModuloOrder(r) => {
                let Some(x) = FieldElement::from_bytes(r) else {
                    return false;
                };
                // Consensus: an X from the order up to p was reduced to r, so r + n counts too.
                x.mul(&z2).equals(&point.x)
                    || *r < FIELD_LESS_ORDER && x.add(&ORDER).mul(&z2).equals(&point.x)
            }
        }
    }
}

fn has_even_y(point: &Jacobian, inverse_of_z: &FieldElement) -> bool {
    !point.to_affine(inverse_of_z).y.is_odd()
}

/// Tells whether `output_key` is the X, and `parity_odd` the parity of Y, of
/// `internal_key + tweak * G`.
pub(crate) fn is_tweaked_key(
    output_key: &[u8; 32],
    parity_odd: bool,
    internal_key: &[u8; 32],
    tweak: &[u8; 32],
) -> bool {
    let Some(scalar) = scalar::from_bytes(tweak) else {
        return false;
    };
    let Some(x) = FieldElement::from_bytes(output_key) else {
        return false;
    };
    let Some(key) = Affine::lift_x(internal_key, false) else {
        return false;
    };
    match strauss::add_generator_multiple(&scalar, &key) {
        Some(point) => {
            Claim::XWithEvenY(x).has_x(&point)
                && has_even_y(&point, &point.z.invert()) != parity_odd
        }
        None => exact::is_tweaked_key(output_key, parity_odd, internal_key, tweak),
    }
}

#[cfg(test)]
mod tests;
