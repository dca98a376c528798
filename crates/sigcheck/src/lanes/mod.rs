//! Four equations in lockstep, one in each 64-bit lane of AVX2 vectors.
//!
//! Every lane runs the same instructions, so the digits of all scalars stand in fixed windows and
//! are never zero; the formulas are those of [`crate::point`] and leave a zero denominator where
//! they do not hold. Functions here require AVX2 in their signature and are safe to call from one
//! another; [`evaluate`] is the only way in and looks at the processor first.

mod field;
mod point;
mod sum;
mod windows;

use crate::point::{Affine, Jacobian};
use crate::verdict::{Equation, Evaluation, LANES};

/// Tells whether this processor has what [`evaluate`] takes.
pub(crate) fn is_available() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
}

/// Evaluates four equations; `None` on a processor without AVX2.
pub(crate) fn evaluate(equations: &[&Equation; LANES]) -> Option<[Evaluation; LANES]> {
    if !is_available() {
        return None;
    }
    #[expect(
        unsafe_code,
        reason = "vector instructions are called after the processor was asked"
    )]
    // SAFETY: AVX2, the only feature that the callee requires, is there.
    let evaluations = unsafe { evaluate_with_avx2(equations) };
    Some(evaluations)
}

#[target_feature(enable = "avx2")]
fn evaluate_with_avx2(equations: &[&Equation; LANES]) -> [Evaluation; LANES] {
    let keys = point::lift_keys(&equations.map(|equation| &equation.key));
    // A lane without a key computes with the generator; nobody looks at the result.
    let points = keys.map(|key| key.unwrap_or(crate::point::GENERATOR));
    let sums = sum::combine(
        &equations.map(|equation| [&equation.a, &equation.b]),
        &points,
    );
    let mut lane = 0;
    sums.map(|sum| {
        lane += 1;
        match keys[lane - 1] {
            None => Evaluation::OffCurve,
            Some(_) if sum.z.is_zero() => Evaluation::Exceptional,
            Some(_) => Evaluation::Point(sum),
        }
    })
}
