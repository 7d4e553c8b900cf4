//! The one evaluator of a solve: it counts, and it keeps the best point of every query.
//!
//! Methods ask it for values and derivatives and cannot misreport: what is returned to the user is what the
//! oracle saw.

use netinverse_linalg::Real;
use netinverse_network::{Evaluator, Network};

use super::starts::start;
use super::{Domain, Goal};

/// Evaluations spent: one is one sample through one forward pass, vector–Jacobian or Jacobian–vector product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluations {
    /// Forward passes.
    pub forward: u64,
    /// Vector–Jacobian products.
    pub vjp: u64,
    /// Jacobian–vector products.
    pub jvp: u64,
}

impl Evaluations {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.forward + self.vjp + self.jvp
    }

    /// These and others.
    pub(crate) fn add(&mut self, other: Evaluations) {
        self.forward += other.forward;
        self.vjp += other.vjp;
        self.jvp += other.jvp;
    }
}

/// A point that was evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The input.
    pub x: Vec<f64>,
    /// The output.
    pub y: Vec<f64>,
    /// The residual of the query's goal.
    pub residual: f64,
}

/// In which precision an oracle evaluates. A search far from its goal needs no more than single precision, which takes
/// half the time; what is answered is in double precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Precision {
    Single,
    Double,
}

/// A network's evaluators, shared by all groups of queries.
pub struct Engines {
    double: Evaluator<f64>,
    single: Evaluator<f32>,
    /// The most by which outputs in single precision are off at points of the domain, where that is little enough to
    /// search by them.
    noise: Option<f64>,
}

/// Points of the domain at which single precision is compared.
const COMPARED: u64 = 16;
/// The largest share of the outputs' magnitude that may be noise, for single precision to be of use.
const NOISE: f64 = 1e-4;

impl Engines {
    /// The evaluators of a network whose inputs lie in the domain. Points of it, which follow the seed, say what single
    /// precision is worth.
    pub fn new(network: &Network, domain: &Domain, seed: u64) -> Self {
        let (double, single) = (Evaluator::<f64>::new(network), Evaluator::<f32>::new(network));
        let mut centre = vec![0.0; network.input_size()];
        domain.clip(&mut centre);
        let x: Vec<f64> =
            (0..COMPARED).flat_map(|index| start(domain, &centre, index, seed, u64::MAX)).collect();
        let mut y = vec![0.0; COMPARED as usize * network.output_size()];
        let mut rough = vec![0.0f32; y.len()];
        double.forward(&x, &mut y);
        single.forward(&convert::<f64, f32>(&x), &mut rough);
        let largest = y.iter().fold(0.0f64, |most, y| most.max(y.abs()));
        let noise = y.iter().zip(&rough).map(|(y, rough)| (y - f64::from(*rough)).abs());
        // A NaN is the largest of all.
        let noise = noise.fold(0.0f64, |most, own| if own <= most { most } else { own });
        let noise = (noise <= NOISE * largest).then_some(noise.max(f64::from(f32::EPSILON) * largest));
        Engines { double, single, noise }
    }

    /// By how much outputs in single precision are off, where they are of use.
    pub(crate) fn noise(&self) -> Option<f64> {
        self.noise
    }

    /// f of rows of x, in single precision where that is of use.
    pub(crate) fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut y = vec![0.0; x.len() / self.double.input_size() * self.double.output_size()];
        if self.noise.is_some() {
            let mut rough = vec![0.0f32; y.len()];
            self.single.forward(&convert::<f64, f32>(x), &mut rough);
            widen(&rough, &mut y);
        } else {
            self.double.forward(x, &mut y);
        }
        y
    }

    /// The evaluator in double precision.
    pub(crate) fn double(&self) -> &Evaluator<f64> {
        &self.double
    }
}

fn convert<A: Real, B: Real>(values: &[A]) -> Vec<B> {
    values.iter().map(|value| B::from_f64(value.to_f64())).collect()
}

/// Evaluates a network for many queries.
pub struct Oracle<'a> {
    engines: &'a Engines,
    precision: Precision,
    goals: &'a [Goal],
    counts: Vec<Evaluations>,
    best: Vec<Option<Seen>>,
    values: Vec<f64>,
    jacobians: Vec<f64>,
}

/// Elements of the Jacobians that are held at a time.
const JACOBIAN_ELEMENTS: usize = 1 << 23;

/// Values and goal rows of several points.
#[derive(Debug, Clone, Default)]
pub struct Linearised {
    outputs: usize,
    y: Vec<f64>,
    rows: Vec<f64>,
    offsets: Vec<usize>,
}

impl Linearised {
    fn reset(&mut self, outputs: usize) {
        self.outputs = outputs;
        self.y.clear();
        self.rows.clear();
        self.offsets.clear();
        self.offsets.push(0);
    }

    /// f at point `index`.
    pub fn y(&self, index: usize) -> &[f64] {
        &self.y[index * self.outputs..(index + 1) * self.outputs]
    }

    /// `R·J` at point `index`, row-major.
    pub fn rows(&self, index: usize) -> &[f64] {
        &self.rows[self.offsets[index]..self.offsets[index + 1]]
    }
}

impl<'a> Oracle<'a> {
    /// An oracle for one goal a query, in double precision.
    pub fn new(engines: &'a Engines, goals: &'a [Goal]) -> Self {
        Oracle {
            engines,
            precision: Precision::Double,
            goals,
            counts: vec![Evaluations::default(); goals.len()],
            best: vec![None; goals.len()],
            values: Vec::new(),
            jacobians: Vec::new(),
        }
    }

    /// Evaluates in this precision from now on.
    pub(crate) fn set_precision(&mut self, precision: Precision) {
        self.precision = precision;
    }

    /// n
    pub fn input_size(&self) -> usize {
        self.engines.double.input_size()
    }

    /// m
    pub fn output_size(&self) -> usize {
        self.engines.double.output_size()
    }

    /// What query `query` has spent.
    pub fn evaluations(&self, query: usize) -> Evaluations {
        self.counts[query]
    }

    /// The point of smallest residual that query `query` has seen.
    pub fn best(&self, query: usize) -> Option<&Seen> {
        self.best[query].as_ref()
    }

    /// The goal of query `query`.
    pub fn goal(&self, query: usize) -> &'a Goal {
        &self.goals[query]
    }

    /// f of a row of `x` for each of `queries`, into `y`.
    pub fn forward(&mut self, queries: &[usize], x: &[f64], y: &mut Vec<f64>) {
        y.resize(queries.len() * self.output_size(), 0.0);
        self.run_forward(x, y);
        for &query in queries {
            self.counts[query].forward += 1;
        }
        self.keep_best(queries, x, y);
    }

    fn run_forward(&self, x: &[f64], y: &mut [f64]) {
        match self.precision {
            Precision::Double => self.engines.double.forward(x, y),
            Precision::Single => {
                let mut rough = vec![0.0f32; y.len()];
                self.engines.single.forward(&convert::<f64, f32>(x), &mut rough);
                widen(&rough, y);
            }
        }
    }

    fn run_jacobian(&self, x: &[f64], y: &mut [f64], jacobian: &mut [f64]) {
        match self.precision {
            Precision::Double => self.engines.double.jacobian(x, y, jacobian),
            Precision::Single => {
                let (mut rough, mut slopes) = (vec![0.0f32; y.len()], vec![0.0f32; jacobian.len()]);
                self.engines.single.jacobian(&convert::<f64, f32>(x), &mut rough, &mut slopes);
                widen(&rough, y);
                widen(&slopes, jacobian);
            }
        }
    }

    fn run_vjp(&self, x: &[f64], dy: &[f64], y: &mut [f64], dx: &mut [f64]) {
        match self.precision {
            Precision::Double => self.engines.double.vjp(x, dy, y, dx),
            Precision::Single => {
                let (mut rough, mut slopes) = (vec![0.0f32; y.len()], vec![0.0f32; dx.len()]);
                let (x, dy) = (convert::<f64, f32>(x), convert::<f64, f32>(dy));
                self.engines.single.vjp(&x, &dy, &mut rough, &mut slopes);
                widen(&rough, y);
                widen(&slopes, dx);
            }
        }
    }

    /// f at a row of `x` for each of `aims` = (query, alternative of its goal), and the rows `R·J` of that alternative.
    ///
    /// Few rows take a vector–Jacobian product each; otherwise the whole Jacobian is computed and multiplied.
    pub fn linearise(&mut self, aims: &[(usize, usize)], x: &[f64], out: &mut Linearised) {
        let (n, m) = (self.input_size(), self.output_size());
        out.reset(m);
        out.y.resize(aims.len() * m, 0.0);
        let goals = self.goals;
        let polyhedron = |(query, alternative): (usize, usize)| &goals[query].alternatives[alternative];
        for &aim in aims {
            out.offsets.push(out.offsets.last().copied().unwrap_or(0) + polyhedron(aim).len() * n);
        }
        out.rows.resize(out.offsets.last().copied().unwrap_or(0), 0.0);
        let (few, many): (Vec<usize>, Vec<usize>) =
            (0..aims.len()).partition(|&index| 2 * polyhedron(aims[index]).len() < 1 + n.min(m));
        self.few_rows(aims, x, &few, out);
        self.many_rows(aims, x, &many, out);
        for &index in &many {
            let count = &mut self.counts[aims[index].0];
            count.forward += 1;
            if n < m {
                count.jvp += n as u64;
            } else {
                count.vjp += m as u64;
            }
        }
        let queries: Vec<usize> = aims.iter().map(|aim| aim.0).collect();
        self.keep_best(&queries, x, &out.y);
    }

    /// A vector–Jacobian product a row, each with its forward pass.
    fn few_rows(&mut self, aims: &[(usize, usize)], x: &[f64], few: &[usize], out: &mut Linearised) {
        let (n, m) = (self.input_size(), self.output_size());
        let (mut points, mut cotangents) = (Vec::new(), Vec::new());
        for &index in few {
            let (query, alternative) = aims[index];
            let polyhedron = &self.goals[query].alternatives[alternative];
            for row in polyhedron.rows.chunks(m) {
                points.extend_from_slice(&x[index * n..(index + 1) * n]);
                cotangents.extend_from_slice(row);
            }
            let rows = polyhedron.len() as u64;
            self.counts[query].forward += rows.max(1);
            self.counts[query].vjp += rows;
            if rows == 0 {
                self.run_forward(&x[index * n..(index + 1) * n], &mut out.y[index * m..(index + 1) * m]);
            }
        }
        if points.is_empty() {
            return;
        }
        let (mut y, mut products) = (vec![0.0; cotangents.len()], vec![0.0; points.len()]);
        self.run_vjp(&points, &cotangents, &mut y, &mut products);
        let mut row = 0;
        for &index in few {
            let rows = (out.offsets[index + 1] - out.offsets[index]) / n;
            if rows > 0 {
                out.y[index * m..(index + 1) * m].copy_from_slice(&y[row * m..(row + 1) * m]);
                out.rows[out.offsets[index]..out.offsets[index + 1]]
                    .copy_from_slice(&products[row * n..(row + rows) * n]);
            }
            row += rows;
        }
    }

    /// Whole Jacobians, a bounded number at a time.
    fn many_rows(&mut self, aims: &[(usize, usize)], x: &[f64], many: &[usize], out: &mut Linearised) {
        let (n, m) = (self.input_size(), self.output_size());
        let at_a_time = (JACOBIAN_ELEMENTS / (m * n)).max(1);
        for part in many.chunks(at_a_time) {
            let points: Vec<f64> =
                part.iter().flat_map(|&index| x[index * n..(index + 1) * n].iter().copied()).collect();
            let (mut values, mut jacobians) =
                (std::mem::take(&mut self.values), std::mem::take(&mut self.jacobians));
            values.resize(part.len() * m, 0.0);
            jacobians.resize(part.len() * m * n, 0.0);
            self.run_jacobian(&points, &mut values, &mut jacobians);
            for (position, &index) in part.iter().enumerate() {
                let (query, alternative) = aims[index];
                let jacobian = &jacobians[position * m * n..(position + 1) * m * n];
                out.y[index * m..(index + 1) * m].copy_from_slice(&values[position * m..(position + 1) * m]);
                let rows = &mut out.rows[out.offsets[index]..out.offsets[index + 1]];
                self.goals[query].alternatives[alternative].chain(jacobian, n, rows);
            }
            (self.values, self.jacobians) = (values, jacobians);
        }
    }

    /// f and its Jacobian (`m × n` a row) at a row of `x` for each of `queries`.
    pub fn jacobian(&mut self, queries: &[usize], x: &[f64], y: &mut Vec<f64>, jacobian: &mut Vec<f64>) {
        let (n, m) = (self.input_size(), self.output_size());
        y.resize(queries.len() * m, 0.0);
        jacobian.resize(queries.len() * m * n, 0.0);
        self.run_jacobian(x, y, jacobian);
        for &query in queries {
            let count = &mut self.counts[query];
            count.forward += 1;
            if n < m {
                count.jvp += n as u64;
            } else {
                count.vjp += m as u64;
            }
        }
        self.keep_best(queries, x, y);
    }

    /// Evaluates the point of smallest residual once more, in double precision: single precision may have chosen it.
    pub(crate) fn settle_best(&mut self, query: usize) {
        self.precision = Precision::Double;
        if let Some(Seen { x, .. }) = self.best[query].take() {
            self.forward(&[query], &x, &mut Vec::new());
        }
    }

    /// Charges a query its share of evaluations made for several.
    pub(crate) fn charge(&mut self, query: usize, forward: u64) {
        self.counts[query].forward += forward;
    }

    fn keep_best(&mut self, queries: &[usize], x: &[f64], y: &[f64]) {
        let (n, m) = (self.input_size(), self.output_size());
        for (row, &query) in queries.iter().enumerate() {
            let (x, y) = (&x[row * n..(row + 1) * n], &y[row * m..(row + 1) * m]);
            let residual = self.goals[query].residual(y);
            let best = &mut self.best[query];
            if best.as_ref().is_none_or(|seen| residual < seen.residual) {
                *best = Some(Seen { x: x.to_vec(), y: y.to_vec(), residual });
            }
        }
    }
}

fn widen(from: &[f32], to: &mut [f64]) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = f64::from(*from);
    }
}
