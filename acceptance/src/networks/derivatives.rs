use netinverse_base::Rng;
use netinverse_network::Evaluator;

use super::sample::Points;

/// The step of the differences, in half widths of the box.
const STEP: f64 = 1e-5;
/// Two steps that differ by more than this, relative to the Jacobian's largest entry, straddle a kink.
const KINK: f64 = 1e-6;
/// Columns looked at for each point.
const COLUMNS: usize = 16;

/// The largest errors over some points.
#[derive(Debug, Clone, Default)]
pub(super) struct Derivatives {
    /// Entries of the Jacobian against differences, relative to the largest entry at the point.
    pub(super) jacobian: f64,
    /// Columns looked at.
    pub(super) columns: usize,
    /// Columns not compared, because a kink lies within the step.
    pub(super) skipped: usize,
    /// Products of the Jacobian with vectors from either side, and with the Jacobian itself.
    pub(super) adjoint: f64,
}

impl Derivatives {
    pub(super) fn include(&mut self, other: &Derivatives) {
        self.jacobian = self.jacobian.max(other.jacobian);
        self.columns += other.columns;
        self.skipped += other.skipped;
        self.adjoint = self.adjoint.max(other.adjoint);
    }
}

/// Looks at the derivatives in float64 at each point.
///
/// **Differences**: columns of the Jacobian (all, or 16 drawn for each point) against the central differences
/// D(h/2). Where D(h) and D(h/2) differ by more than 10⁻⁶ of the Jacobian's largest entry a kink lies between x − h
/// and x + h, the difference is no derivative, and the column is skipped; for smooth functions they differ
/// by O(h²) only.
///
/// **Products**: for random u and v, `uᵀ(Jv)` by JVP against `(uᵀJ)v` by VJP, `Jv` and `uᵀJ` against the Jacobian.
pub(super) fn check(evaluator: &Evaluator<f64>, points: &Points, seed: u64, stream: u64) -> Derivatives {
    let (n, m) = (evaluator.input_size(), evaluator.output_size());
    let mut rng = Rng::new(seed, stream | 1 << 40);
    let mut result = Derivatives::default();
    let mut y = vec![0.0; m];
    let mut jacobian = vec![0.0; m * n];
    for x in points.x.chunks(n) {
        let x: Vec<f64> = x.iter().map(|&value| f64::from(value)).collect();
        evaluator.jacobian(&x, &mut y, &mut jacobian);
        differences(evaluator, &x, &jacobian, &points.half_width, &mut rng, &mut result);
        result.adjoint = result.adjoint.max(products(evaluator, &x, &jacobian, &mut rng));
    }
    result
}

fn differences(
    evaluator: &Evaluator<f64>,
    x: &[f64],
    jacobian: &[f64],
    half_width: &[f64],
    rng: &mut Rng,
    result: &mut Derivatives,
) {
    let (n, m) = (x.len(), evaluator.output_size());
    let mut columns: Vec<usize> = (0..n).collect();
    if n > COLUMNS {
        rng.shuffle(&mut columns);
        columns.truncate(COLUMNS);
    }
    // Four points for each column: ±h, ±h/2.
    let factors = [STEP, -STEP, STEP / 2.0, -STEP / 2.0];
    let mut batch = Vec::with_capacity(4 * columns.len() * n);
    for &column in &columns {
        for factor in factors {
            batch.extend_from_slice(x);
            let own = batch.len() - n + column;
            batch[own] += factor * half_width[column];
        }
    }
    let mut values = vec![0.0; 4 * columns.len() * m];
    evaluator.forward(&batch, &mut values);
    let scale = jacobian.iter().fold(f64::MIN_POSITIVE, |scale, entry| scale.max(entry.abs()));
    for (position, &column) in columns.iter().enumerate() {
        // The steps as they were after rounding.
        let at = |point: usize| batch[(4 * position + point) * n + column];
        let value = |point: usize, output: usize| values[(4 * position + point) * m + output];
        let quotient = |first: usize, output: usize| {
            (value(first, output) - value(first + 1, output)) / (at(first) - at(first + 1))
        };
        result.columns += 1;
        let kink = (0..m).any(|output| (quotient(0, output) - quotient(2, output)).abs() > KINK * scale);
        if kink {
            result.skipped += 1;
            continue;
        }
        for output in 0..m {
            let error = (jacobian[output * n + column] - quotient(2, output)).abs() / scale;
            // A NaN must not pass as the smaller one.
            result.jacobian = if error.is_nan() { f64::INFINITY } else { result.jacobian.max(error) };
        }
    }
}

/// The three differences, each relative to the size of what is compared: `|u||J||v|` (norms of vectors, Frobenius of J).
fn products(evaluator: &Evaluator<f64>, x: &[f64], jacobian: &[f64], rng: &mut Rng) -> f64 {
    let (n, m) = (x.len(), evaluator.output_size());
    let u: Vec<f64> = (0..m).map(|_| rng.normal()).collect();
    let v: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let mut y = vec![0.0; m];
    let (mut left, mut right) = (vec![0.0; n], vec![0.0; m]);
    evaluator.vjp(x, &u, &mut y, &mut left);
    evaluator.jvp(x, &v, &mut y, &mut right);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norm = |a: &[f64]| dot(a, a).sqrt();
    let by_rows: Vec<f64> = jacobian.chunks(n).zip(&right).map(|(row, right)| dot(row, &v) - right).collect();
    let by_columns: Vec<f64> = (0..n)
        .map(|column| (0..m).map(|row| u[row] * jacobian[row * n + column]).sum::<f64>() - left[column])
        .collect();
    let (size, u_size, v_size) = (norm(jacobian), norm(&u), norm(&v));
    let errors = [
        (dot(&u, &right) - dot(&left, &v), u_size * size * v_size),
        (norm(&by_rows), size * v_size),
        (norm(&by_columns), u_size * size),
    ];
    // Where the network is constant, both sides are 0; a NaN must not pass as the smaller one.
    let relative = errors.map(|(error, size)| if error == 0.0 { 0.0 } else { error.abs() / size });
    if relative.iter().any(|error| error.is_nan()) {
        f64::INFINITY
    } else {
        relative.into_iter().fold(0.0, f64::max)
    }
}
