//! The same without rounding: the network at a point, and forms pushed back. It decides what rounding leaves in doubt.

use dashu_int::IBig;

use super::curve::Curve;
use super::forward::Analysis;
use super::network::{Matrix, Network, Op};
use super::number::{Dyadic, Rational};
use super::phases::Phases;

/// The most multiplications of one evaluation.
const MOST_PRODUCTS: usize = 1 << 24;

/// Whether the network can be evaluated without rounding: every constant exact, every function made of lines.
pub(crate) fn is_exact(network: &Network, lines_only: bool) -> bool {
    let mut products = 0usize;
    let fits = network.steps.iter().all(|step| match &step.op {
        Op::Affine { maps, bias_radius, .. } => {
            products += maps
                .iter()
                .map(|map| match &map.matrix {
                    Matrix::Dense { .. } => map.inputs * map.outputs,
                    Matrix::Sparse { weights, .. } => weights.len(),
                })
                .sum::<usize>();
            bias_radius.is_none() && maps.iter().all(|map| map.radius.is_none())
        }
        Op::Curves(curves) => !lines_only || curves.iter().all(|c| matches!(c, Curve::Piecewise { .. })),
        Op::Maximum { .. } => true,
    });
    fits && products <= MOST_PRODUCTS
}

/// f(x), exactly; `None` where [`is_exact`] says no.
pub(crate) fn evaluate(network: &Network, x: &[Rational]) -> Option<Vec<Rational>> {
    if !is_exact(network, true) {
        return None;
    }
    // All coordinates over one denominator D, so that every value times D is dyadic.
    let denominator = x.iter().fold(IBig::ONE, |d, x| {
        let own = IBig::from(x.denominator().clone());
        let common = dashu_int::ops::Gcd::gcd(&d, &own);
        d / IBig::from(common) * own
    });
    let one = Dyadic::integer(denominator.clone());
    let scaled =
        |x: &Rational| Dyadic::integer(x.numerator() * (&denominator / IBig::from(x.denominator().clone())));
    let mut values: Vec<Vec<Dyadic>> = vec![x.iter().map(scaled).collect()];
    for step in &network.steps {
        let input = |at: usize| &values[step.inputs[at]];
        let output = match &step.op {
            Op::Affine { maps, bias, .. } => {
                let mut sums: Vec<Dyadic> = bias.iter().map(|&b| Dyadic::of(b).times(&one)).collect();
                for (at, map) in maps.iter().enumerate() {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        map.row(j, |i, w, _| {
                            if w != 0.0 && !input(at)[i].is_zero() {
                                *sum = sum.plus(&Dyadic::of(w).times(&input(at)[i]));
                            }
                        });
                    }
                }
                sums
            }
            Op::Curves(curves) => {
                let bent = |(j, z): (usize, &Dyadic)| {
                    let Curve::Piecewise { kinks, segments } = &curves[if curves.len() == 1 { 0 } else { j }]
                    else {
                        unreachable!("made of lines");
                    };
                    let below = |k: &&f64| Dyadic::of(**k).times(&one).compare(z).is_lt();
                    let (slope, offset) = segments[kinks.iter().take_while(below).count()];
                    Dyadic::of(slope).times(z).plus(&Dyadic::of(offset).times(&one))
                };
                input(0).iter().enumerate().map(bent).collect()
            }
            Op::Maximum { starts, sources } => {
                let own = input(0);
                let largest = |taps: &[u32]| {
                    taps.iter().map(|&i| &own[i as usize]).max_by(|a, b| a.compare(b)).cloned()
                };
                starts.windows(2).map(|w| largest(&sources[w[0]..w[1]])).collect::<Option<_>>()?
            }
        };
        values.push(output);
    }
    let denominator = Rational::from(denominator);
    Some(values[network.output].iter().map(|y| y.to_rational() / denominator.clone()).collect())
}

/// A form over the input.
#[derive(Debug, Clone)]
pub(crate) struct ExactForm {
    pub(crate) slopes: Vec<Dyadic>,
    pub(crate) constant: Dyadic,
}

/// What a step that is not affine is replaced by, of one element.
#[derive(Debug, Clone, Copy)]
enum Line {
    /// Slope and offset.
    Sloped(f64, f64),
    /// An element of the input.
    Source(u32),
    Constant(f64),
}

/// The form below `row · output + constant` that [`super::backward::push`] rounds: with the analysis's lines, without an
/// error. `None` where [`is_exact`] says no.
pub(crate) fn push(network: &Network, analysis: &Analysis, row: &[f64], constant: f64) -> Option<ExactForm> {
    let row = row.iter().map(|&c| Dyadic::of(c)).collect();
    let fits = is_exact(network, false);
    let form = fits.then(|| ExactForm { slopes: row, constant: Dyadic::of(constant) })?;
    pulled(network, network.output, form, |index, j, low| {
        let relaxation = &analysis.relaxations[index];
        Some(match &network.steps[index].op {
            Op::Maximum { .. } if low => Line::Source(relaxation.low_source[j]),
            Op::Maximum { .. } => {
                relaxation.high_source[j].map_or(Line::Constant(relaxation.high_offset[j]), Line::Source)
            }
            _ if low => Line::Sloped(relaxation.low_slope[j], relaxation.low_offset[j]),
            _ => Line::Sloped(relaxation.high_slope[j], relaxation.high_offset[j]),
        })
    })
}

/// What a form over a value is as a function of the input where elements are in known phases; `None` where the phase of one
/// that matters is not known, or [`is_exact`] says no.
pub(crate) fn affine(network: &Network, phases: &Phases, value: usize, form: ExactForm) -> Option<ExactForm> {
    if !is_exact(network, true) {
        return None;
    }
    pulled(network, value, form, |index, j, _| {
        let phase = phases.decided(index, j)?;
        match &network.steps[index].op {
            Op::Curves(curves) => {
                let Curve::Piecewise { segments, .. } = &curves[if curves.len() == 1 { 0 } else { j }] else {
                    return None;
                };
                segments.get(phase).map(|&(slope, offset)| Line::Sloped(slope, offset))
            }
            Op::Maximum { starts, sources } => {
                sources[starts[j]..starts[j + 1]].get(phase).map(|&source| Line::Source(source))
            }
            Op::Affine { .. } => None,
        }
    })
}

/// A form over a value as one over the input, every element that is not affine replaced by a line (below it, if `low`).
fn pulled(
    network: &Network,
    value: usize,
    form: ExactForm,
    line: impl Fn(usize, usize, bool) -> Option<Line>,
) -> Option<ExactForm> {
    let zeros = |value: usize| vec![Dyadic::ZERO; network.sizes[value]];
    let mut coefficients: Vec<Option<Vec<Dyadic>>> = vec![None; network.sizes.len()];
    coefficients[value] = Some(form.slopes);
    let mut sum = form.constant;
    for (index, step) in network.steps.iter().enumerate().rev() {
        let Some(own) = coefficients[step.output].take() else { continue };
        let mut add = |input: usize, i: usize, term: &Dyadic| {
            let back = coefficients[input].get_or_insert_with(|| zeros(input));
            back[i] = back[i].plus(term);
        };
        for (j, lambda) in own.iter().enumerate().filter(|(_, c)| !c.is_zero()) {
            let times = |v: f64| lambda.times(&Dyadic::of(v));
            if let Op::Affine { maps, bias, .. } = &step.op {
                sum = sum.plus(&times(bias[j]));
                for (map, &input) in maps.iter().zip(&step.inputs) {
                    map.row(j, |i, w, _| {
                        if w != 0.0 {
                            add(input, i, &times(w));
                        }
                    });
                }
                continue;
            }
            match line(index, j, lambda.sign().is_gt())? {
                Line::Sloped(slope, offset) => {
                    sum = sum.plus(&times(offset));
                    if slope != 0.0 {
                        add(step.inputs[0], j, &times(slope));
                    }
                }
                Line::Source(source) => add(step.inputs[0], source as usize, lambda),
                Line::Constant(offset) => sum = sum.plus(&times(offset)),
            }
        }
    }
    let slopes = coefficients[0].take().unwrap_or_else(|| zeros(0));
    Some(ExactForm { slopes, constant: sum })
}

impl ExactForm {
    /// Adds `factor · (slopes·x + constant)`.
    pub(crate) fn add(&mut self, factor: f64, slopes: &[f64], constant: f64) {
        let factor = Dyadic::of(factor);
        for (own, &slope) in self.slopes.iter_mut().zip(slopes) {
            *own = own.plus(&factor.times(&Dyadic::of(slope)));
        }
        self.constant = self.constant.plus(&factor.times(&Dyadic::of(constant)));
    }

    /// The form on the other side of 0.
    pub(crate) fn negated(&self) -> Self {
        ExactForm {
            slopes: self.slopes.iter().map(Dyadic::negated).collect(),
            constant: self.constant.negated(),
        }
    }

    /// A multiple.
    pub(crate) fn scaled(&self, factor: &Dyadic) -> Self {
        ExactForm {
            slopes: self.slopes.iter().map(|slope| slope.times(factor)).collect(),
            constant: self.constant.times(factor),
        }
    }

    /// Subtracts `factor` times a form.
    pub(crate) fn subtract(&mut self, factor: &Dyadic, other: &ExactForm) {
        for (own, slope) in self.slopes.iter_mut().zip(&other.slopes) {
            if !slope.is_zero() {
                *own = own.minus(&factor.times(slope));
            }
        }
        self.constant = self.constant.minus(&factor.times(&other.constant));
    }

    /// A form of doubles.
    pub(crate) fn of(slopes: &[f64], constant: f64) -> Self {
        ExactForm { slopes: slopes.iter().map(|&s| Dyadic::of(s)).collect(), constant: Dyadic::of(constant) }
    }

    /// The value at a point.
    pub(crate) fn at(&self, x: &[f64]) -> Dyadic {
        self.least(x, x)
    }

    /// The least value on a box.
    pub(crate) fn least(&self, lower: &[f64], upper: &[f64]) -> Dyadic {
        let ends = |i: usize| if self.slopes[i].sign().is_ge() { lower[i] } else { upper[i] };
        (0..lower.len())
            .fold(self.constant.clone(), |sum, i| sum.plus(&self.slopes[i].times(&Dyadic::of(ends(i)))))
    }
}
