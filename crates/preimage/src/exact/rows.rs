//! The rows of a target for an enumeration: in doubles with an error, and as exact combinations of elements.

use dashu_ratio::RBig;
use netinverse_bounds::PiecewiseLinear;
use netinverse_spec::Variable;

use super::forms::Combination;
use crate::question::Question;

/// A half-space `Σ c y + Σ e x + d ≥ 0`.
#[derive(Debug)]
pub(super) struct RowSpec {
    /// m coefficients.
    pub(super) outputs: Vec<f64>,
    /// n coefficients, or none.
    pub(super) inputs: Vec<f64>,
    pub(super) constant: f64,
    /// How far the exact value may be from the one in doubles, on the whole box.
    pub(super) error: f64,
    pub(super) strict: bool,
    pub(super) exact: Combination,
}

/// What is asked: rows, and disjuncts of rows by index.
#[derive(Debug, Default)]
pub(super) struct TargetRows {
    pub(super) rows: Vec<RowSpec>,
    pub(super) disjuncts: Vec<Vec<u32>>,
}

impl TargetRows {
    /// The rows of a question.
    pub(super) fn of(question: &Question, network: &PiecewiseLinear) -> Self {
        let target = &question.target;
        let rows = target.rows().iter().zip(target.half_spaces()).map(|(row, half_space)| {
            let element = |variable: &Variable| match variable {
                Variable::Input(i) => *i,
                Variable::Output(j) => network.output()[*j as usize],
                Variable::Hidden(_) => 0,
            };
            let terms = half_space.form.terms().iter();
            let exact: Vec<(u32, RBig)> =
                terms.map(|(variable, factor)| (element(variable), factor.as_rbig().clone())).collect();
            // Rounded to the nearest, so that the two rows of an equation stay opposite. The exact value lies between those
            // with the two constants.
            let constant = half_space.form.constant().nearest();
            let error = if row.inner == row.outer && row.inner == constant {
                0.0
            } else {
                (row.outer - constant).abs().max((row.inner - constant).abs()).next_up()
            };
            RowSpec {
                outputs: row.outputs.clone(),
                inputs: row.inputs.clone(),
                constant,
                error,
                strict: row.strict,
                exact: Combination { terms: exact, constant: half_space.form.constant().as_rbig().clone() },
            }
        });
        TargetRows { rows: rows.collect(), disjuncts: target.disjuncts().to_vec() }
    }
}
