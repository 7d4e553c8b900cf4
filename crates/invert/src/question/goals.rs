//! From the sets of a specification to the goals of the solver, and back: whether an output is in the set.

use netinverse_spec::{Row, TargetSet};

use crate::solve::{Goal, Polyhedron};

/// The goal of a set over m outputs. Strict rows must hold by `margin`.
pub(super) fn goal(set: &TargetSet, m: usize, margin: f64) -> Goal {
    match set {
        TargetSet::Values(values) => Goal::one(Polyhedron::point(values)),
        TargetSet::Union(union) => Goal {
            alternatives: union
                .pieces
                .iter()
                .map(|piece| {
                    let mut polyhedron = Polyhedron {
                        rows: Vec::with_capacity((piece.equalities.len() + piece.rows.len()) * m),
                        constants: Vec::new(),
                        equations: piece.equalities.len(),
                    };
                    for row in piece.equalities.iter().chain(&piece.rows) {
                        let constant = if row.strict { row.constant - margin } else { row.constant };
                        polyhedron.rows.extend(row.dense(m));
                        polyhedron.constants.push(constant);
                    }
                    polyhedron
                })
                .collect(),
        },
    }
}

/// The goal in outputs y when it speaks of outputs `scale·y + offset`; values of rows stay what they are.
pub(super) fn unscaled(mut goal: Goal, scale: &[(f64, f64)]) -> Goal {
    for polyhedron in &mut goal.alternatives {
        let rows = polyhedron.rows.chunks_mut(scale.len());
        for (row, constant) in rows.zip(&mut polyhedron.constants) {
            for (coefficient, &(offset, factor)) in row.iter_mut().zip(scale) {
                *constant += *coefficient * offset;
                *coefficient *= factor;
            }
        }
    }
    goal
}

/// The magnitude of what is asked, at least 1: the default tolerance is relative to it.
pub(super) fn magnitude(set: &TargetSet) -> f64 {
    let of_row = |row: &Row| {
        let largest = row.terms.iter().fold(0.0f64, |m, (_, c)| m.max(c.abs()));
        if largest > 0.0 { row.constant.abs() / largest } else { 0.0 }
    };
    let largest = match set {
        TargetSet::Values(values) => values.iter().fold(0.0f64, |m, v| m.max(v.abs())),
        TargetSet::Union(union) => {
            let rows = union.pieces.iter().flat_map(|piece| piece.rows.iter().chain(&piece.equalities));
            rows.map(of_row).fold(0.0, f64::max)
        }
    };
    largest.max(1.0)
}

/// Whether some row excludes its boundary.
pub(super) fn has_strict_rows(set: &TargetSet) -> bool {
    match set {
        TargetSet::Values(_) => false,
        TargetSet::Union(union) => union.pieces.iter().any(|piece| piece.rows.iter().any(|row| row.strict)),
    }
}

/// Another runtime sums in another order: a strict row holds in f32 when it holds by this share of the outputs.
const SINGLE_SLACK: f64 = 1e-6;

/// Whether the output is in the set to within the tolerance, strict rows strictly, in f64 and in f32.
pub(super) fn answers(set: &TargetSet, y: &[f64], y32: Option<&[f64]>, tolerance: f64) -> bool {
    match (set, y32) {
        (TargetSet::Union(union), Some(y32)) => {
            let slack = SINGLE_SLACK * y32.iter().fold(0.0f64, |m, y| m.max(y.abs()));
            union.pieces.iter().any(|piece| {
                piece.contains(y, tolerance)
                    && piece.rows.iter().filter(|row| row.strict).all(|row| row.value(y32) > slack)
            })
        }
        _ => set.contains(y, tolerance),
    }
}
