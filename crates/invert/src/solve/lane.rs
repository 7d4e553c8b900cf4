//! One attempt at one query: the point where it stands, and the goal's rows linearised there.

use super::{LeastDistance, Oracle, Polyhedron, least_distance::Rows};

/// Where inputs may lie, and what links them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Domain {
    /// l; −∞ where there is no bound. An input that is fixed has l = u.
    pub lower: Vec<f64>,
    /// u; +∞ where there is no bound.
    pub upper: Vec<f64>,
    /// Linear constraints `c·x ≥ d` (or `= d`, first) between inputs: coefficients, row-major.
    pub coefficients: Vec<f64>,
    /// d: one a constraint.
    pub constants: Vec<f64>,
    /// How many of the constraints, from the first on, are equations.
    pub equations: usize,
}

impl Domain {
    /// A box.
    pub fn boxed(lower: Vec<f64>, upper: Vec<f64>) -> Self {
        Domain { lower, upper, ..Domain::default() }
    }

    /// The number of linear constraints.
    pub fn constraints(&self) -> usize {
        self.constants.len()
    }

    /// The largest violation of a linear constraint at x; the box is held exactly by construction.
    pub fn violation(&self, x: &[f64]) -> f64 {
        let n = x.len();
        let mut worst = 0.0f64;
        for (k, d) in self.constants.iter().enumerate() {
            let value: f64 = self.coefficients[k * n..(k + 1) * n].iter().zip(x).map(|(c, x)| c * x).sum();
            let gap = if k < self.equations { (value - d).abs() } else { d - value };
            worst = worst.max(gap);
        }
        worst
    }

    /// x with every element inside its bounds.
    pub fn clip(&self, x: &mut [f64]) {
        for ((x, l), u) in x.iter_mut().zip(&self.lower).zip(&self.upper) {
            *x = x.max(*l).min(*u);
        }
    }
}

/// An attempt.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// The query that it serves.
    pub(crate) query: usize,
    /// Which polyhedron of the query's goal it aims at.
    pub(crate) alternative: usize,
    /// Where it stands.
    pub(crate) x: Vec<f64>,
    /// The largest violation there, of the goal and of the linear constraints.
    pub(crate) residual: f64,
    /// Rows of the linearised problem at x: the goal's, then the domain's, equations first.
    pub(crate) a: Vec<f64>,
    /// Their right-hand sides.
    pub(crate) b: Vec<f64>,
    /// Values of the rows at x minus the right-hand sides: what must become 0, or not negative.
    pub(crate) gap: Vec<f64>,
    /// How many of the rows are equations.
    pub(crate) equations: usize,
    /// Where it would go.
    pub(crate) candidate: Vec<f64>,
    /// The solver of its steps.
    pub(crate) solver: LeastDistance,
    scratch: Vec<f64>,
}

impl Lane {
    pub(crate) fn new(query: usize, alternative: usize, x: Vec<f64>) -> Self {
        Lane {
            query,
            alternative,
            candidate: x.clone(),
            x,
            residual: f64::INFINITY,
            a: Vec::new(),
            b: Vec::new(),
            gap: Vec::new(),
            equations: 0,
            solver: LeastDistance::default(),
            scratch: Vec::new(),
        }
    }

    /// The violation at a point with output y.
    pub(crate) fn violation(polyhedron: &Polyhedron, domain: &Domain, x: &[f64], y: &[f64]) -> f64 {
        polyhedron.residual(y).max(domain.violation(x))
    }

    /// Sets the rows from the value and Jacobian at x.
    pub(crate) fn linearise(
        &mut self,
        polyhedron: &Polyhedron,
        domain: &Domain,
        y: &[f64],
        jacobian: &[f64],
    ) {
        let n = self.x.len();
        polyhedron.chain(jacobian, n, &mut self.scratch);
        self.a.clear();
        self.b.clear();
        self.gap.clear();
        self.equations = polyhedron.equations + domain.equations;
        // Equations of both come first, then inequalities of both.
        for equations in [true, false] {
            for k in 0..polyhedron.len() {
                if (k < polyhedron.equations) == equations {
                    let row = &self.scratch[k * n..(k + 1) * n];
                    let value = polyhedron.value(k, y);
                    let ax: f64 = row.iter().zip(&self.x).map(|(a, x)| a * x).sum();
                    self.a.extend_from_slice(row);
                    self.b.push(ax - value);
                    self.gap.push(value);
                }
            }
            for k in 0..domain.constraints() {
                if (k < domain.equations) == equations {
                    let row = &domain.coefficients[k * n..(k + 1) * n];
                    let value: f64 = row.iter().zip(&self.x).map(|(c, x)| c * x).sum();
                    self.a.extend_from_slice(row);
                    self.b.push(domain.constants[k]);
                    self.gap.push(value - domain.constants[k]);
                }
            }
        }
        self.residual = Self::violation(polyhedron, domain, &self.x, y);
    }

    /// The linearised rows.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { a: &self.a, b: &self.b, equations: self.equations }
    }

    /// ½ Σ (violations of the rows)², given the rows' values.
    pub(crate) fn merit(&self, gap: impl Iterator<Item = f64>) -> f64 {
        let squares = gap.enumerate().map(|(k, g)| {
            let shortfall = if k < self.equations { g } else { g.min(0.0) };
            shortfall * shortfall
        });
        0.5 * squares.sum::<f64>()
    }

    /// The merit that the linear model predicts at the candidate.
    pub(crate) fn predicted(&self) -> f64 {
        let n = self.x.len();
        self.merit(
            self.a
                .chunks(n)
                .zip(&self.b)
                .map(|(row, b)| row.iter().zip(&self.candidate).map(|(a, x)| a * x).sum::<f64>() - b),
        )
    }
}

/// Evaluates the candidates of the lanes that `wanted` picks, with Jacobians, in one batch.
pub(crate) struct Batch {
    x: Vec<f64>,
    queries: Vec<usize>,
    pub(crate) picked: Vec<usize>,
    pub(crate) y: Vec<f64>,
    pub(crate) jacobian: Vec<f64>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Batch { x: Vec::new(), queries: Vec::new(), picked: Vec::new(), y: Vec::new(), jacobian: Vec::new() }
    }

    pub(crate) fn linearise(
        &mut self,
        oracle: &mut Oracle<'_>,
        lanes: &[Lane],
        wanted: impl Fn(usize) -> bool,
    ) {
        self.x.clear();
        self.queries.clear();
        self.picked.clear();
        for (index, lane) in lanes.iter().enumerate() {
            if wanted(index) {
                self.picked.push(index);
                self.queries.push(lane.query);
                self.x.extend_from_slice(&lane.candidate);
            }
        }
        if !self.picked.is_empty() {
            oracle.linearise(&self.queries, &self.x, &mut self.y, &mut self.jacobian);
        }
    }

    /// The output and Jacobian of the `position`-th picked lane.
    pub(crate) fn result(&self, position: usize, n: usize) -> (&[f64], &[f64]) {
        let m = self.y.len() / self.picked.len();
        (&self.y[position * m..(position + 1) * m], &self.jacobian[position * m * n..(position + 1) * m * n])
    }
}
