use std::sync::atomic::{AtomicU64, Ordering};

use netinverse_base::{Error, Result};
use netinverse_linalg::{Lu, Matrix, Qr, dot, norm, singular_values};
use netinverse_network::{Evaluator, Network, Op};

use super::Prior;

/// The fibre `{f(x) = y}` in the box, in the coordinates that are not fixed.
pub(super) struct Surface {
    evaluator: Evaluator<f64>,
    target: Vec<f64>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// The part of the box with all but a vanishing share of the prior's mass; bounded.
    window: Vec<(f64, f64)>,
    /// The whole input; the fixed coordinates have their values in it.
    template: Vec<f64>,
    free: Vec<usize>,
    prior: Prior,
    /// Residuals up to this are 0: |f(x) − y|₂.
    tolerance: f64,
    /// Whether J may jump.
    kinked: bool,
    /// Forward passes, and Jacobians with theirs.
    spent: [AtomicU64; 2],
}

/// A point of the fibre and what the walk needs there.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The free coordinates.
    pub(super) x: Vec<f64>,
    /// J restricted to the free coordinates, m×n.
    pub(super) jacobian: Matrix,
    /// The normal space: n×m, orthonormal columns.
    normal: Matrix,
    /// ln π(x) − ½ ln det JJᵀ
    pub(super) log_density: f64,
}

/// How far beside a point J is looked at, relative to 1 + |x|: far beyond rounding, and hardly beyond the next kink.
const BESIDE: f64 = 1e-7;

/// What a point of the fibre turned out to be.
pub(super) enum Kind {
    /// J has full rank.
    Regular(Box<Place>),
    /// J has this rank, less than m.
    Deficient(usize),
}

impl Surface {
    pub(super) fn new(
        network: &Network,
        target: &[f64],
        lower: &[f64],
        upper: &[f64],
        prior: &Prior,
        tolerance: f64,
    ) -> Result<Self> {
        let (n, m) = (network.input_size(), network.output_size());
        let check = |name: &str, length: usize, wanted: usize| {
            if length == wanted {
                return Ok(());
            }
            Err(Error::input(format!("the {name} has {length} elements, {wanted} are expected")))
        };
        check("target", target.len(), m)?;
        check("lower bound", lower.len(), n)?;
        check("upper bound", upper.len(), n)?;
        if let Some(j) = target.iter().position(|y| !y.is_finite()) {
            return Err(Error::input(format!("element {j} of the target is {}", target[j])));
        }
        if let Some(i) = (0..n).find(|&i| lower[i].is_nan() || upper[i].is_nan() || lower[i] > upper[i]) {
            return Err(Error::input(format!("input {i} has bounds {} and {}", lower[i], upper[i])));
        }
        let free: Vec<usize> = (0..n).filter(|&i| lower[i] < upper[i]).collect();
        match prior {
            Prior::Uniform => {
                if let Some(i) = (0..n).find(|&i| !(lower[i].is_finite() && upper[i].is_finite())) {
                    return Err(Error::input(format!("input {i} has no bounds, and the prior is uniform"))
                        .hint("give bounds to every input, or a Gaussian prior"));
                }
            }
            Prior::Normal(_) => {}
            Prior::Gaussian { mean, deviation } => {
                check("prior's mean", mean.len(), n)?;
                check("prior's deviation", deviation.len(), n)?;
                let bad = (0..n).find(|&i| {
                    !mean[i].is_finite()
                        || !deviation[i].is_finite()
                        || (deviation[i] <= 0.0 && lower[i] < upper[i])
                });
                if let Some(i) = bad {
                    return Err(Error::input(format!(
                        "input {i} has prior mean {} and deviation {}",
                        mean[i], deviation[i]
                    ))
                    .hint("a deviation is positive; fix an input with bounds of equal ends"));
                }
            }
        }
        if let Prior::Normal(normal) = prior {
            check("prior", normal.inputs(), n)?;
        }
        if free.len() <= m {
            return Err(Error::input(format!(
                "{} free inputs and {m} outputs: the fibre has no dimension to sample",
                free.len()
            ))
            .hint("`--count` lists the separate inputs"));
        }
        let scale = 1.0 + norm(target);
        let within = |i: usize, mean: f64, deviation: f64| {
            let far = 8.0 * deviation;
            (lower[i].max(mean - far).min(upper[i]), upper[i].min(mean + far).max(lower[i]))
        };
        let marginal = match prior {
            Prior::Normal(normal) => normal.marginal_deviations(),
            _ => Vec::new(),
        };
        let window = |&i: &usize| match prior {
            Prior::Uniform => (lower[i], upper[i]),
            Prior::Gaussian { mean, deviation } => within(i, mean[i], deviation[i]),
            Prior::Normal(normal) => within(i, normal.mean()[i], marginal[i]),
        };
        Ok(Surface {
            window: free.iter().map(window).collect(),
            evaluator: Evaluator::new(network),
            target: target.to_vec(),
            template: lower.to_vec(),
            lower: free.iter().map(|&i| lower[i]).collect(),
            upper: free.iter().map(|&i| upper[i]).collect(),
            prior: prior.at(&free),
            tolerance: tolerance * scale,
            free,
            kinked: network.nodes().iter().any(|node| match &node.op {
                Op::Function(function) => function.kinks().next().is_some(),
                Op::Extremum(_) => true,
                _ => false,
            }),
            spent: [AtomicU64::new(0), AtomicU64::new(0)],
        })
    }

    /// The number of free inputs.
    pub(super) fn n(&self) -> usize {
        self.free.len()
    }

    pub(super) fn m(&self) -> usize {
        self.target.len()
    }

    /// A bounded box that depends on the question only, where global moves look for points: B, and for a Gaussian prior
    /// no further than eight deviations.
    pub(super) fn window(&self) -> &[(f64, f64)] {
        &self.window
    }

    /// The whole input with the given free coordinates.
    pub(super) fn embed(&self, x: &[f64]) -> Vec<f64> {
        let mut whole = self.template.clone();
        for (&i, &value) in self.free.iter().zip(x) {
            whole[i] = value;
        }
        whole
    }

    /// The free coordinates of a whole input.
    pub(super) fn restrict(&self, whole: &[f64]) -> Vec<f64> {
        self.free.iter().map(|&i| whole[i]).collect()
    }

    pub(super) fn inside(&self, x: &[f64]) -> bool {
        x.iter().zip(self.lower.iter().zip(&self.upper)).all(|(x, (l, u))| l <= x && x <= u)
    }

    /// ln π(x), up to a constant.
    pub(super) fn log_prior(&self, x: &[f64]) -> f64 {
        match &self.prior {
            Prior::Uniform => 0.0,
            Prior::Gaussian { mean, deviation } => x
                .iter()
                .zip(mean.iter().zip(deviation))
                .map(|(x, (mean, deviation))| -0.5 * ((x - mean) / deviation).powi(2))
                .sum(),
            Prior::Normal(normal) => {
                let whole = self.embed(x);
                let away: Vec<f64> = whole.iter().zip(normal.mean()).map(|(x, m)| x - m).collect();
                -0.5 * dot(&away, &normal.precision_times(&away))
            }
        }
    }

    /// Forward passes alone, and Jacobians, so far.
    pub(super) fn evaluations(&self) -> (u64, u64) {
        (self.spent[0].load(Ordering::Relaxed), self.spent[1].load(Ordering::Relaxed))
    }

    /// f(x) − y at many points, row by row.
    pub(super) fn residuals(&self, points: &[Vec<f64>]) -> Vec<f64> {
        let whole: Vec<f64> = points.iter().flat_map(|x| self.embed(x)).collect();
        let mut y = vec![0.0; points.len() * self.m()];
        self.evaluator.forward(&whole, &mut y);
        self.spent[0].fetch_add(points.len() as u64, Ordering::Relaxed);
        for row in y.chunks_exact_mut(self.m()) {
            for (y, t) in row.iter_mut().zip(&self.target) {
                *y -= t;
            }
        }
        y
    }

    /// f(x) − y and J at a point.
    pub(super) fn linearise(&self, x: &[f64]) -> (Vec<f64>, Matrix) {
        let (m, whole) = (self.m(), self.embed(x));
        let mut y = vec![0.0; m];
        let mut jacobian = vec![0.0; m * whole.len()];
        self.evaluator.jacobian(&whole, &mut y, &mut jacobian);
        self.spent[1].fetch_add(1, Ordering::Relaxed);
        for (y, t) in y.iter_mut().zip(&self.target) {
            *y -= t;
        }
        let columns = whole.len();
        (y, Matrix::from_fn(m, self.n(), |j, k| jacobian[j * columns + self.free[k]]))
    }

    /// Whether a residual counts as 0.
    pub(super) fn is_zero(&self, residual: &[f64]) -> bool {
        // Written so that NaN is not 0.
        norm(residual) <= self.tolerance
    }

    /// What the point, which lies on the fibre, is.
    pub(super) fn classify(&self, x: Vec<f64>, jacobian: Matrix) -> Kind {
        let values = singular_values(&jacobian);
        let threshold = self.threshold(&values);
        let rank = values.iter().filter(|&&s| s > threshold).count();
        if rank < self.m() {
            return Kind::Deficient(rank);
        }
        let normal = Qr::new(&jacobian.transposed()).thin_q();
        if self.kinked
            && let Some(rank) = self.rank_beside(&x, &normal, threshold, &[0.0])
        {
            return Kind::Deficient(rank);
        }
        let log_volume: f64 = values.iter().map(|s| s.ln()).sum();
        let log_density = self.log_prior(&x) - log_volume;
        Kind::Regular(Box::new(Place { x, jacobian, normal, log_density }))
    }

    /// What a start is: looked at in more directions than a step's end, since searches end on kinks, and in corners.
    pub(super) fn classify_start(&self, x: Vec<f64>, jacobian: Matrix) -> Kind {
        let kind = self.classify(x, jacobian);
        if let (true, Kind::Regular(place)) = (self.kinked, &kind) {
            let values = singular_values(&place.jacobian);
            let threshold = self.threshold(&values);
            if let Some(rank) = self.rank_beside(&place.x, &place.normal, threshold, &[1.0, -1.0, 0.3, -0.3])
            {
                return Kind::Deficient(rank);
            }
        }
        kind
    }

    /// Singular values up to this are 0: relative to the largest slope, and to what rounding leaves of a slope that is 0.
    fn threshold(&self, values: &[f64]) -> f64 {
        let largest = values.first().copied().unwrap_or(0.0);
        (1e-9 * largest).max(1e-13 * (1.0 + norm(&self.target)))
    }

    /// The rank beside a point, where it is less than m: on the edge of a plateau J is that of one of its sides. Looked at
    /// across the fibre, both ways, plus these shares of a fixed direction along it.
    fn rank_beside(&self, x: &[f64], normal: &Matrix, threshold: f64, along: &[f64]) -> Option<usize> {
        let mixed: Vec<f64> = (0..self.m()).map(|k| 1.0 / (1.0 + 0.37 * k as f64)).collect();
        let across = normal.apply(&mixed);
        let mut tangent: Vec<f64> = (0..x.len()).map(|i| (1.0 + 2.4 * i as f64).sin()).collect();
        let seen = normal.apply(&normal.apply_left(&tangent));
        tangent.iter_mut().zip(seen).for_each(|(t, s)| *t -= s);
        let length = BESIDE * (1.0 + norm(x));
        let (unit, side) = (length / norm(&across), length / norm(&tangent).max(1e-300));
        for share in along {
            for sign in [unit, -unit] {
                let beside: Vec<f64> =
                    (0..x.len()).map(|i| x[i] + sign * across[i] + share * side * tangent[i]).collect();
                let values = singular_values(&self.linearise(&beside).1);
                let rank = values.iter().filter(|&&s| s > threshold).count();
                if rank < self.m() {
                    return Some(rank);
                }
            }
        }
        None
    }

    /// The point `from + normalᵀ a` of the fibre that Newton's method finds from a = 0, and J there. Depends on its
    /// arguments only, as the reverse check needs.
    pub(super) fn project(&self, from: &[f64], normal: &Matrix, steps: usize) -> Option<(Vec<f64>, Matrix)> {
        let mut x = from.to_vec();
        for _ in 0..steps {
            let (residual, jacobian) = self.linearise(&x);
            if self.is_zero(&residual) {
                return Some((x, jacobian));
            }
            let a = Lu::new(&jacobian.product_transposed(normal)).solve_vector(&residual)?;
            for (x, d) in x.iter_mut().zip(normal.apply_left(&a)) {
                *x -= d;
            }
            if x.iter().any(|v| !v.is_finite()) {
                return None;
            }
        }
        None
    }

    /// The point of the fibre that Gauss–Newton's method finds: for paths, which need not be reversible.
    pub(super) fn settle(&self, from: &[f64], steps: usize) -> Option<(Vec<f64>, Matrix)> {
        let mut x = from.to_vec();
        for _ in 0..steps {
            let (residual, jacobian) = self.linearise(&x);
            if self.is_zero(&residual) {
                return Some((x, jacobian));
            }
            let a = Lu::new(&jacobian.product_transposed(&jacobian)).solve_vector(&residual)?;
            for (x, d) in x.iter_mut().zip(jacobian.apply_left(&a)) {
                *x -= d;
            }
            if x.iter().any(|v| !v.is_finite()) {
                return None;
            }
        }
        None
    }
}

impl Place {
    /// The part of v in the tangent space: v − N Nᵀv. Of a standard normal vector it is a standard normal one of the
    /// tangent space, without a basis of that space.
    pub(super) fn tangential(&self, v: &[f64]) -> Vec<f64> {
        let across = self.normal.apply(&self.normal.apply_left(v));
        v.iter().zip(across).map(|(v, a)| v - a).collect()
    }
}

/// |a − b|₂
pub(super) fn distance(a: &[f64], b: &[f64]) -> f64 {
    let d: Vec<f64> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    dot(&d, &d).sqrt()
}
