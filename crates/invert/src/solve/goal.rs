//! What a query asks of the outputs: a union of polyhedra.

/// `{y : R_k·y + d_k = 0}` for the first `equations` rows, `≥ 0` for the others.
#[derive(Debug, Clone, PartialEq)]
pub struct Polyhedron {
    /// R: `rows × m`, row-major.
    pub rows: Vec<f64>,
    /// d: one a row.
    pub constants: Vec<f64>,
    /// How many rows, from the first on, are equations.
    pub equations: usize,
}

/// A union of polyhedra; a point of any of them answers the query.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// The polyhedra; never empty.
    pub alternatives: Vec<Polyhedron>,
}

impl Polyhedron {
    /// The single point y.
    pub fn point(y: &[f64]) -> Self {
        let m = y.len();
        let mut rows = vec![0.0; m * m];
        for k in 0..m {
            rows[k * m + k] = 1.0;
        }
        Polyhedron { rows, constants: y.iter().map(|value| -value).collect(), equations: m }
    }

    /// Output `class` exceeds every other by at least `margin`.
    pub fn class(class: usize, outputs: usize, margin: f64) -> Self {
        let mut rows = Vec::with_capacity((outputs - 1) * outputs);
        for other in (0..outputs).filter(|&other| other != class) {
            let start = rows.len();
            rows.resize(start + outputs, 0.0);
            rows[start + class] = 1.0;
            rows[start + other] = -1.0;
        }
        Polyhedron { rows, constants: vec![-margin; outputs - 1], equations: 0 }
    }

    /// The number of rows.
    pub fn len(&self) -> usize {
        self.constants.len()
    }

    /// Whether there is no row: every output is in it.
    pub fn is_empty(&self) -> bool {
        self.constants.is_empty()
    }

    /// `R_k·y + d_k`.
    pub fn value(&self, k: usize, y: &[f64]) -> f64 {
        let m = y.len();
        let product: f64 = self.rows[k * m..(k + 1) * m].iter().zip(y).map(|(r, y)| r * y).sum();
        product + self.constants[k]
    }

    /// How far row k is from holding, given its value.
    pub fn shortfall(&self, k: usize, value: f64) -> f64 {
        if k < self.equations { value.abs() } else { (-value).max(0.0) }
    }

    /// The largest violation of a row.
    pub fn residual(&self, y: &[f64]) -> f64 {
        (0..self.len()).map(|k| self.shortfall(k, self.value(k, y))).fold(0.0, f64::max)
    }

    /// By how much every row holds: the smallest value of an inequality, minus the size of an equation's.
    pub fn slack(&self, y: &[f64]) -> f64 {
        let slack = |k: usize| {
            let value = self.value(k, y);
            if k < self.equations { -value.abs() } else { value }
        };
        (0..self.len()).map(slack).fold(f64::INFINITY, f64::min)
    }

    /// `R·J` for the Jacobian J (`m × n`), into `product` (`rows × n`).
    pub fn chain(&self, jacobian: &[f64], n: usize, product: &mut [f64]) {
        let m = jacobian.len() / n;
        product.fill(0.0);
        for (out, row) in product.chunks_mut(n).zip(self.rows.chunks(m)) {
            for (&coefficient, j) in row.iter().zip(jacobian.chunks(n)) {
                if coefficient != 0.0 {
                    for (out, j) in out.iter_mut().zip(j) {
                        *out += coefficient * j;
                    }
                }
            }
        }
    }
}

impl Goal {
    /// The goal of one polyhedron.
    pub fn one(polyhedron: Polyhedron) -> Self {
        Goal { alternatives: vec![polyhedron] }
    }

    /// Any class but `class`: some other output exceeds it by at least `margin`. One row an alternative says the same
    /// as [`Polyhedron::class`] of every other class, and costs a tenth to linearise.
    pub fn other_class(class: usize, outputs: usize, margin: f64) -> Self {
        let alternatives = (0..outputs).filter(|&other| other != class).map(|other| {
            let mut rows = vec![0.0; outputs];
            (rows[other], rows[class]) = (1.0, -1.0);
            Polyhedron { rows, constants: vec![-margin], equations: 0 }
        });
        Goal { alternatives: alternatives.collect() }
    }

    /// The smallest residual over the alternatives.
    pub fn residual(&self, y: &[f64]) -> f64 {
        self.nearest_alternative(y).1
    }

    /// The alternative of smallest residual, and that residual.
    pub fn nearest_alternative(&self, y: &[f64]) -> (usize, f64) {
        let residuals = self.alternatives.iter().map(|polyhedron| polyhedron.residual(y)).enumerate();
        residuals.fold((0, f64::INFINITY), |best, next| if next.1 < best.1 { next } else { best })
    }
}
