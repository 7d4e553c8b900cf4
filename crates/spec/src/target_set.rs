//! The outputs asked for, as solvers take them: one point, or a union of polyhedra.

use std::collections::HashMap;

use netinverse_base::{Error, Result};

use crate::half_space::{Rounding, Row, Shared};
use crate::normal_form::Conjunction;
use crate::{HalfSpace, Rational, Variable};

/// The set Y of one query, in doubles.
#[derive(Debug, Clone, PartialEq)]
pub enum TargetSet {
    /// One point: `f(x) = y`.
    Values(Vec<f64>),
    /// Any of these polyhedra.
    Union(Union),
}

/// A union of polyhedra over the outputs.
#[derive(Debug, Clone, PartialEq)]
pub struct Union {
    /// The polyhedra; none if what was asked is contradictory.
    pub pieces: Vec<Polyhedron>,
    /// Whether the union is what was asked, up to the rounding of its rows. Where it is not, it is a
    /// subset: answers are right, and emptiness proves nothing.
    pub exact: bool,
}

/// `{ y : rows ≥ 0 and equalities = 0 }`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Polyhedron {
    /// The inequalities `Σ cᵢ·yᵢ + d ≥ 0`.
    pub rows: Vec<Row>,
    /// The equalities `Σ cᵢ·yᵢ + d = 0`, rounded to nearest.
    pub equalities: Vec<Row>,
}

impl Polyhedron {
    /// The polyhedron that half-spaces over outputs make, its rows rounded as asked. Two half-spaces
    /// that meet in their common boundary become one equality.
    pub fn of(half_spaces: &[Shared], rounding: Rounding) -> Self {
        let mut polyhedron = Polyhedron::default();
        // Of each direction and threshold: the first half-space, by side.
        let mut boundaries: HashMap<_, [bool; 2]> = HashMap::new();
        let keys: Vec<_> = half_spaces
            .iter()
            .map(|half_space| {
                let side = half_space.side();
                let key = (side.direction, side.threshold);
                if !half_space.strict {
                    boundaries.entry(key.clone()).or_default()[usize::from(side.is_lower)] = true;
                }
                (key, side.is_lower)
            })
            .collect();
        for (half_space, (key, is_lower)) in half_spaces.iter().zip(&keys) {
            match boundaries.get(key) {
                Some([true, true]) if *is_lower && !half_space.strict => {
                    polyhedron.equalities.push(half_space.row(Rounding::Nearest));
                }
                Some([true, true]) if !half_space.strict => {}
                _ => polyhedron.rows.push(half_space.row(rounding)),
            }
        }
        polyhedron
    }

    /// The largest violation of a row or equality, in output units; 0 inside.
    pub fn violation(&self, y: &[f64]) -> f64 {
        let rows = self.rows.iter().map(|row| row.violation(y));
        let equalities = self.equalities.iter().map(|row| row.value(y).abs());
        rows.chain(equalities).fold(0.0, f64::max)
    }

    /// Whether the point satisfies every row, strict rows strictly, and every equality to within
    /// `tolerance`.
    pub fn contains(&self, y: &[f64], tolerance: f64) -> bool {
        let holds = |row: &Row| if row.strict { row.value(y) > 0.0 } else { row.value(y) >= -tolerance };
        self.rows.iter().all(holds) && self.equalities.iter().all(|row| row.value(y).abs() <= tolerance)
    }

    /// The point of which the equalities fix every output, if they fix each by itself.
    fn fixed(&self, m: usize) -> Option<Vec<f64>> {
        if !self.rows.is_empty() || self.equalities.len() != m {
            return None;
        }
        let mut point = vec![None; m];
        for row in &self.equalities {
            match row.terms[..] {
                [(index, c)] if c == 1.0 && row.has_exact_coefficients() => {
                    *point.get_mut(index)? = Some(-row.constant);
                }
                _ => return None,
            }
        }
        point.into_iter().collect()
    }
}

impl Union {
    /// The union that pieces of a normal form make; half-spaces over inputs are passed over, mixed
    /// ones refused.
    pub fn of(pieces: &[Conjunction], rounding: Rounding) -> Result<Self> {
        let mut union = Union { pieces: Vec::with_capacity(pieces.len()), exact: true };
        for piece in pieces {
            if let Some(mixed) = piece.mixed.first() {
                let hidden = mixed.form.terms().iter().any(|(v, _)| matches!(v, Variable::Hidden(_)));
                let what =
                    if hidden { "hidden tensors beside outputs" } else { "inputs and outputs together" };
                return Err(Error::unsupported(format!("`{mixed}` constrains {what}"))
                    .hint("constrain inputs and outputs separately"));
            }
            union.pieces.push(Polyhedron::of(&piece.outputs, rounding));
        }
        Ok(union)
    }

    /// The smallest violation over the pieces; infinite if there is none.
    pub fn violation(&self, y: &[f64]) -> f64 {
        self.pieces.iter().map(|piece| piece.violation(y)).fold(f64::INFINITY, f64::min)
    }
}

impl TargetSet {
    /// How far the outputs are from the set: `max |f_i(x) − y_i|` for a point, the largest violation
    /// within the best piece for a union; in output units.
    pub fn residual(&self, y: &[f64]) -> f64 {
        match self {
            TargetSet::Values(target) => y.iter().zip(target).map(|(y, t)| (y - t).abs()).fold(0.0, f64::max),
            TargetSet::Union(union) => union.violation(y),
        }
    }

    /// Whether the outputs are in the set: to within `tolerance` where it is closed, strictly where
    /// it is not.
    pub fn contains(&self, y: &[f64], tolerance: f64) -> bool {
        match self {
            TargetSet::Values(_) => self.residual(y) <= tolerance,
            TargetSet::Union(union) => union.pieces.iter().any(|piece| piece.contains(y, tolerance)),
        }
    }

    /// A union that is one point, as that point.
    #[must_use]
    pub fn simplified(self, m: usize) -> Self {
        match self {
            TargetSet::Union(union) if union.exact && union.pieces.len() == 1 => {
                match union.pieces[0].fixed(m) {
                    Some(point) => TargetSet::Values(point),
                    None => TargetSet::Union(union),
                }
            }
            other => other,
        }
    }
}

/// `y_winner − y_loser − margin ≥ 0`, strictly if the margin is 0.
pub(crate) fn wins(winner: usize, loser: usize, margin: &Rational) -> HalfSpace {
    let (winner, loser) = (Variable::Output(winner as u32), Variable::Output(loser as u32));
    // Two unit coefficients and one constant cannot grow beyond any size.
    let form = crate::Linear::new(vec![(winner, Rational::ONE), (loser, -Rational::ONE)], -margin.clone())
        .unwrap_or_else(|_| crate::Linear::constant_form(Rational::ZERO));
    HalfSpace::new(form, margin.is_zero())
}
