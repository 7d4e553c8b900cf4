//! What training minimises: a weighted sum of terms, each of some outputs of the network.

use std::ops::Range;

use netinverse_base::{Error, Place, Result};

use crate::{Loss, Targets};

/// Σ weight · term, averaged over the samples. A sample's outputs are those of the trained network, one after
/// the other.
#[derive(Debug, Clone, Default)]
pub struct Objective<'a>(Vec<Part<'a>>);

/// One term of an [`Objective`].
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// A word for the progress line and the report.
    pub name: &'static str,
    /// The outputs that it reads.
    pub outputs: Range<usize>,
    /// Its weight; a term of weight 0 is measured.
    pub weight: f32,
    /// What it is.
    pub term: Term<'a>,
}

/// A function of some outputs of one sample.
#[derive(Debug, Clone, Copy)]
pub enum Term<'a> {
    /// A loss of pre-activations against targets.
    Loss(Loss, Targets<'a>),
    /// `Σ (y_j − t_j)² / n`: the mean squared error an element, against one row of n numbers a sample.
    MeanSquare(&'a [f32]),
    /// `½ Σ y_j²`: minus the logarithm of a normal density, up to a constant.
    HalfSquare,
    /// `Σ y_j`.
    Sum,
}

impl<'a> Objective<'a> {
    /// The sum of these terms.
    pub fn new(parts: Vec<Part<'a>>) -> Self {
        Objective(parts)
    }

    /// The terms.
    pub fn parts(&self) -> &[Part<'a>] {
        &self.0
    }

    /// Whether the first term counts classes.
    pub(crate) fn counts(&self) -> bool {
        self.0.iter().any(|part| matches!(part.term, Term::Loss(_, Targets::Classes(_))))
    }

    /// Checks the targets against the samples and outputs.
    pub(crate) fn check(&self, samples: usize, outputs: usize) -> Result<()> {
        for part in &self.0 {
            assert!(part.outputs.end <= outputs, "a term reads outputs that the network has");
            if !part.weight.is_finite() || part.weight < 0.0 {
                return Err(Error::input(format!(
                    "the weight {} of the term `{}` is not a finite number from 0 on",
                    part.weight, part.name
                )));
            }
            let width = part.outputs.len();
            match part.term {
                Term::Loss(_, targets) => targets.check(samples, width)?,
                Term::MeanSquare(targets) => {
                    if targets.len() != samples * width {
                        return Err(Error::input(format!(
                            "{} target values are given, {samples} samples of {width} are expected",
                            targets.len()
                        )));
                    }
                    if let Some(index) = targets.iter().position(|value| !value.is_finite()) {
                        let error = Error::input(format!("target {} is not a finite number", index % width));
                        return Err(error.at(Place::Row(index / width)));
                    }
                }
                Term::HalfSquare | Term::Sum => {}
            }
        }
        Ok(())
    }

    /// The terms of sample `sample` are added to `sums`, the derivatives of their weighted sum written to `dy`.
    /// Returns the weighted sum, and whether the class was hit.
    pub(crate) fn value_and_gradient(
        &self,
        sample: usize,
        y: &[f32],
        dy: &mut [f32],
        sums: &mut [f64],
    ) -> (f64, bool) {
        dy.fill(0.0);
        let (mut value, mut hit) = (0.0, false);
        let mut own = Vec::new();
        for (part, sum) in self.0.iter().zip(sums) {
            let (y, dy) = (&y[part.outputs.clone()], &mut dy[part.outputs.clone()]);
            own.resize(y.len(), 0.0f32);
            let term = match part.term {
                Term::Loss(loss, targets) => {
                    hit |= targets.hit(sample, y) == Some(true);
                    loss.value_and_gradient(&targets, sample, y, &mut own)
                }
                Term::MeanSquare(targets) => {
                    let targets = &targets[sample * y.len()..(sample + 1) * y.len()];
                    let share = 1.0 / y.len() as f32;
                    let mut sum = 0.0f32;
                    for ((own, &y), &t) in own.iter_mut().zip(y).zip(targets) {
                        sum += (y - t) * (y - t);
                        *own = 2.0 * share * (y - t);
                    }
                    f64::from(sum * share)
                }
                Term::HalfSquare => {
                    own.copy_from_slice(y);
                    y.iter().map(|&y| 0.5 * f64::from(y) * f64::from(y)).sum()
                }
                Term::Sum => {
                    own.fill(1.0);
                    y.iter().map(|&y| f64::from(y)).sum()
                }
            };
            *sum += term;
            value += f64::from(part.weight) * term;
            dy.iter_mut().zip(&own).for_each(|(dy, own)| *dy += part.weight * own);
        }
        (value, hit)
    }
}
