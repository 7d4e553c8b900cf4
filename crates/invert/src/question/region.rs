//! A region of inputs: a box, and linear constraints between inputs.

use netinverse_spec::{Case, ExactBounds, Polyhedron, Rational, Rounding, Row, Shared, Variable};

use crate::solve::Domain;
use crate::solve::least_distance::{Ending, LeastDistance, Nearest, Rows};

/// How far a linear constraint may be off, relative to its largest coefficient.
const CONSTRAINT_TOLERANCE: f64 = 1e-12;
/// Constraints are scaled to a largest coefficient between half of this and this: the solver's tolerance on them, at most 1e-10 of
/// that, is then within [`CONSTRAINT_TOLERANCE`].
const CONSTRAINT_SCALE: f64 = 256.0;

/// Where inputs may lie, and what is asked of the outputs there if regions differ in that.
#[derive(Debug, Clone)]
pub(super) struct Region {
    pub(super) domain: Domain,
    /// The case of a formula that the region comes from.
    pub(super) case: Option<Case>,
}

impl Region {
    pub(super) fn boxed(lower: Vec<f64>, upper: Vec<f64>) -> Self {
        Region { domain: Domain::boxed(lower, upper), case: None }
    }

    /// The part of a box in which the half-spaces hold; `None` if there is none.
    pub(super) fn of(lower: &[f64], upper: &[f64], half_spaces: &[Shared], case: Case) -> Option<Self> {
        let n = lower.len();
        let mut domain = Domain::boxed(lower.to_vec(), upper.to_vec());
        // Inward: what is in the box of doubles is in the exact one. An exact bound that is no double and
        // holds on both sides has no double inside; the nearest one stands for it.
        let exact = ExactBounds::of_inputs(n, half_spaces);
        let (low, high) = exact.rounded(Rounding::Inward);
        for i in 0..n {
            let (mut low, mut high) = (low[i], high[i]);
            if low > high && exact.lower[i] == exact.upper[i] {
                let nearest = exact.lower[i].as_ref().map_or(low, Rational::nearest);
                (low, high) = (nearest, nearest);
            }
            domain.lower[i] = domain.lower[i].max(low);
            domain.upper[i] = domain.upper[i].min(high);
        }
        for half_space in half_spaces.iter().filter(|h| h.strict) {
            let Some((Variable::Input(i), threshold, is_lower)) = half_space.bound() else { continue };
            let i = i as usize;
            let side = if is_lower { &mut domain.lower[i] } else { &mut domain.upper[i] };
            if Rational::from_f64(*side).is_some_and(|side| side == threshold) {
                *side = if is_lower { side.next_up() } else { side.next_down() };
            }
        }
        if domain.lower.iter().zip(&domain.upper).any(|(low, high)| low > high) {
            return None;
        }
        let several: Vec<Shared> = half_spaces.iter().filter(|h| h.form.terms().len() > 1).cloned().collect();
        let polyhedron = Polyhedron::of(&several, Rounding::Inward);
        domain.equations = polyhedron.equalities.len();
        for row in polyhedron.equalities.iter().chain(&polyhedron.rows) {
            let scale = power_of_two_scale(row);
            domain.coefficients.extend(row.dense(n).iter().map(|c| c * scale));
            // A strict row holds strictly when it holds by a little more than the tolerance.
            let strict = if row.strict { 2.0 * CONSTRAINT_TOLERANCE * CONSTRAINT_SCALE } else { 0.0 };
            domain.constants.push(-row.constant * scale + strict);
        }
        let region = Region { domain, case: Some(case) };
        region.is_possible().then_some(region)
    }

    /// Whether the constraints leave something of the box, as far as a program of least distance can tell.
    fn is_possible(&self) -> bool {
        let domain = &self.domain;
        if domain.constraints() == 0 {
            return true;
        }
        let reference = self.centre();
        let rows = Rows { a: &domain.coefficients, b: &domain.constants, equations: domain.equations };
        let nearest = Nearest {
            reference: &reference,
            weights: None,
            lower: &domain.lower,
            upper: &domain.upper,
            softness: 0.0,
        };
        !matches!(LeastDistance::default().solve(&rows, &nearest, 1e-13), Ending::Infeasible(_))
    }

    /// Whether every input has both bounds.
    pub(super) fn is_finite(&self) -> bool {
        self.domain.lower.iter().chain(&self.domain.upper).all(|bound| bound.is_finite())
    }

    /// The centre of the bounds; 0, or the bound nearest to it, where one is missing.
    pub(super) fn centre(&self) -> Vec<f64> {
        let sides = self.domain.lower.iter().zip(&self.domain.upper);
        sides
            .map(|(&low, &high)| {
                if low.is_finite() && high.is_finite() { low.midpoint(high) } else { 0f64.max(low).min(high) }
            })
            .collect()
    }
}

/// Whether x is in a domain: the box exactly, the constraints to [`CONSTRAINT_TOLERANCE`].
pub(super) fn contains(domain: &Domain, x: &[f64]) -> bool {
    let inside = x.iter().zip(domain.lower.iter().zip(&domain.upper)).all(|(x, (l, u))| l <= x && x <= u);
    inside && domain.violation(x) <= CONSTRAINT_TOLERANCE * CONSTRAINT_SCALE * 0.5
}

/// The solver's tolerance in a domain: linear constraints hold to 1e-12 whatever the outputs' tolerance is.
pub(super) fn solver_tolerance(domain: &Domain) -> f64 {
    if domain.constraints() > 0 { 1e-10 } else { f64::INFINITY }
}

/// The power of two that brings the largest coefficient of a row to about [`CONSTRAINT_SCALE`].
fn power_of_two_scale(row: &Row) -> f64 {
    let largest = row.terms.iter().fold(0.0f64, |m, (_, c)| m.max(c.abs()));
    if largest > 0.0 && largest.is_finite() {
        2f64.powi((CONSTRAINT_SCALE / largest).log2().floor().clamp(-900.0, 900.0) as i32)
    } else {
        1.0
    }
}
