use netinverse_base::{Error, Place, Result};

/// What the network should give for each sample.
#[derive(Debug, Clone, Copy)]
pub enum Targets<'a> {
    /// A class for each sample.
    Classes(&'a [u8]),
    /// A row of m values for each sample, row-major.
    Values(&'a [f32]),
}

/// What is minimised: a function of a sample's pre-activations z and its target t, averaged over samples.
///
/// All three are stable for large |z|, which the loss of σ(z) would not be in float32.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// `−log softmax(z)[t]`, for classes.
    SoftmaxCrossEntropy,
    /// `Σ_j −t_j log σ(z_j) − (1 − t_j) log(1 − σ(z_j))`; a class is read as a one-hot row.
    SigmoidCrossEntropy,
    /// `½ Σ_j (z_j − t_j)²`; a class is read as a one-hot row.
    SquaredError,
}

impl Targets<'_> {
    /// Checks the targets against the number of samples and outputs.
    pub(crate) fn check(&self, samples: usize, outputs: usize) -> Result<()> {
        match self {
            Targets::Classes(classes) => {
                if classes.len() != samples {
                    return Err(Error::input(format!("{samples} samples, and {} labels", classes.len())));
                }
                match classes.iter().position(|&class| usize::from(class) >= outputs) {
                    Some(row) => Err(Error::input(format!(
                        "label {} is out of range: the network has {outputs} outputs",
                        classes[row]
                    ))
                    .at(Place::Row(row))),
                    None => Ok(()),
                }
            }
            Targets::Values(values) => {
                if values.len() != samples * outputs {
                    return Err(Error::input(format!(
                        "{} target values are given, {samples} samples of {outputs} are expected",
                        values.len()
                    )));
                }
                match values.iter().position(|value| !value.is_finite()) {
                    Some(index) => {
                        Err(Error::input(format!("target {} is not a finite number", index % outputs))
                            .at(Place::Row(index / outputs)))
                    }
                    None => Ok(()),
                }
            }
        }
    }

    fn value(&self, row: usize, column: usize, outputs: usize) -> f32 {
        match self {
            Targets::Classes(classes) => f32::from(usize::from(classes[row]) == column),
            Targets::Values(values) => values[row * outputs + column],
        }
    }

    /// Whether sample `row`'s largest output is the class asked for; `None` when targets are not classes.
    pub(crate) fn hit(&self, row: usize, z: &[f32]) -> Option<bool> {
        match self {
            Targets::Classes(classes) => {
                let best = (1..z.len()).fold(0, |best, j| if z[j] > z[best] { j } else { best });
                Some(best == usize::from(classes[row]))
            }
            Targets::Values(_) => None,
        }
    }
}

impl Loss {
    /// The loss of sample `row`, its gradient with respect to z written to `dz`.
    pub(crate) fn value_and_gradient(
        self,
        targets: &Targets<'_>,
        row: usize,
        z: &[f32],
        dz: &mut [f32],
    ) -> f64 {
        let outputs = z.len();
        match self {
            Loss::SoftmaxCrossEntropy => {
                let top = z.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0f32;
                for (d, &zj) in dz.iter_mut().zip(z) {
                    *d = (zj - top).exp();
                    sum += *d;
                }
                let mut loss = 0.0;
                for (column, d) in dz.iter_mut().enumerate() {
                    let target = targets.value(row, column, outputs);
                    *d = *d / sum - target;
                    loss -= f64::from(target) * f64::from(z[column] - top - sum.ln());
                }
                loss
            }
            Loss::SigmoidCrossEntropy => {
                let mut loss = 0.0f32;
                for (column, (d, &zj)) in dz.iter_mut().zip(z).enumerate() {
                    let target = targets.value(row, column, outputs);
                    // e = exp(−|z|) serves both log(1 + e^z) and σ(z).
                    let e = (-zj.abs()).exp();
                    let sigmoid = if zj >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
                    loss += zj.max(0.0) - target * zj + e.ln_1p();
                    *d = sigmoid - target;
                }
                f64::from(loss)
            }
            Loss::SquaredError => {
                let mut loss = 0.0f32;
                for (column, (d, &zj)) in dz.iter_mut().zip(z).enumerate() {
                    *d = zj - targets.value(row, column, outputs);
                    loss += 0.5 * *d * *d;
                }
                f64::from(loss)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_agree_with_finite_differences() {
        let z = [0.3f32, -1.2, 2.0, 0.0];
        let values = [0.1f32, 0.9, 0.4, 0.0];
        for loss in [Loss::SoftmaxCrossEntropy, Loss::SigmoidCrossEntropy, Loss::SquaredError] {
            for targets in [Targets::Classes(&[2]), Targets::Values(&values)] {
                if loss == Loss::SoftmaxCrossEntropy && matches!(targets, Targets::Values(_)) {
                    continue; // its gradient assumes targets that sum to one
                }
                let mut gradient = [0.0; 4];
                loss.value_and_gradient(&targets, 0, &z, &mut gradient);
                for j in 0..4 {
                    let shifted = |h: f32| {
                        let mut moved = z;
                        moved[j] += h;
                        loss.value_and_gradient(&targets, 0, &moved, &mut [0.0; 4])
                    };
                    let difference = (shifted(1e-2) - shifted(-1e-2)) / 2e-2;
                    assert!((difference - f64::from(gradient[j])).abs() < 1e-3, "{loss:?} {j}");
                }
            }
        }
    }

    #[test]
    fn large_pre_activations_stay_finite() {
        let z = [1e4f32, -1e4];
        for loss in [Loss::SoftmaxCrossEntropy, Loss::SigmoidCrossEntropy] {
            let mut gradient = [0.0; 2];
            let value = loss.value_and_gradient(&Targets::Classes(&[1]), 0, &z, &mut gradient);
            assert!(value.is_finite() && value > 1e3);
            assert!((gradient[0] - 1.0).abs() < 1e-6 && (gradient[1] + 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn labels_out_of_range_name_the_row() {
        let error = Targets::Classes(&[0, 3]).check(2, 3).unwrap_err();
        assert_eq!(error.to_string(), "row 1: label 3 is out of range: the network has 3 outputs");
    }
}
