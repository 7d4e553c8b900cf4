//! One attempt at one query: the point where it stands, the point it tries, and the goal's rows linearised there.

use rayon::prelude::*;

use super::nearest::Prospect;
use super::oracle::Linearised;
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

/// A point, and the problem linearised there: the goal's rows and the domain's, equations first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Point {
    pub(crate) x: Vec<f64>,
    /// Coefficients of the rows.
    pub(crate) a: Vec<f64>,
    /// Their right-hand sides.
    pub(crate) b: Vec<f64>,
    /// Values of the rows at x minus the right-hand sides: what must become 0, or not negative.
    pub(crate) gap: Vec<f64>,
    /// How many of the rows are equations.
    pub(crate) equations: usize,
    /// Whether the coefficients are guessed from values.
    pub(crate) by_secant: bool,
    /// The largest violation, of the goal and of the linear constraints.
    pub(crate) residual: f64,
}

impl Point {
    fn at(x: Vec<f64>) -> Self {
        Point { x, residual: f64::INFINITY, ..Point::default() }
    }

    /// Sets the rows from the output at x and the goal's rows `R·J` there.
    pub(crate) fn linearise(
        &mut self,
        polyhedron: &Polyhedron,
        domain: &Domain,
        y: &[f64],
        goal_rows: &[f64],
    ) {
        let n = self.x.len();
        self.a.clear();
        self.b.clear();
        self.gap.clear();
        self.equations = polyhedron.equations + domain.equations;
        self.by_secant = false;
        for equations in [true, false] {
            for k in (0..polyhedron.len()).filter(|&k| (k < polyhedron.equations) == equations) {
                let row = &goal_rows[k * n..(k + 1) * n];
                let value = polyhedron.value(k, y);
                self.a.extend_from_slice(row);
                self.b.push(dot(row, &self.x) - value);
                self.gap.push(value);
            }
            for k in (0..domain.constraints()).filter(|&k| (k < domain.equations) == equations) {
                let row = &domain.coefficients[k * n..(k + 1) * n];
                self.a.extend_from_slice(row);
                self.b.push(domain.constants[k]);
                self.gap.push(dot(row, &self.x) - domain.constants[k]);
            }
        }
        self.residual = polyhedron.residual(y).max(domain.violation(&self.x));
    }

    /// Sets the values of the rows from the output at x, and keeps their coefficients.
    pub(crate) fn revalue(&mut self, polyhedron: &Polyhedron, domain: &Domain, y: &[f64]) {
        let n = self.x.len();
        let (rows, by_secant) = (std::mem::take(&mut self.a), self.by_secant);
        let mut goal_rows = Vec::with_capacity(polyhedron.len() * n);
        // The rows as `linearise` lays them out: the goal's equations, the domain's, and so for what may be more.
        let mut at = 0;
        for equations in [true, false] {
            let own = (0..polyhedron.len()).filter(|&k| (k < polyhedron.equations) == equations).count();
            goal_rows.extend_from_slice(&rows[at * n..(at + own) * n]);
            at += own;
            at += (0..domain.constraints()).filter(|&k| (k < domain.equations) == equations).count();
        }
        self.linearise(polyhedron, domain, y, &goal_rows);
        self.by_secant = by_secant;
    }

    /// Sets the rows from the output at x and the rows known at `from`: those, changed the least (in the metric of the
    /// weights) so that they lead from its values to the ones here. Broyden's update: a third of what a Jacobian takes, and
    /// where there are many small facets as good.
    pub(crate) fn linearise_by_secant(
        &mut self,
        from: &Point,
        polyhedron: &Polyhedron,
        domain: &Domain,
        weights: &[f64],
        y: &[f64],
    ) {
        let n = self.x.len();
        self.a.clone_from(&from.a);
        self.revalue(polyhedron, domain, y);
        self.by_secant = true;
        let step: Vec<f64> = self.x.iter().zip(&from.x).map(|(x, f)| x - f).collect();
        let square: f64 = step.iter().zip(weights).map(|(s, w)| w * s * s).sum();
        if square <= 0.0 || !square.is_finite() {
            return;
        }
        for (k, row) in self.a.chunks_mut(n).enumerate() {
            let missing = (self.gap[k] - from.gap[k]) - dot(row, &step);
            for ((a, s), w) in row.iter_mut().zip(&step).zip(weights) {
                *a += missing / square * w * s;
            }
            self.b[k] = dot(row, &self.x) - self.gap[k];
        }
    }

    /// The linearised rows.
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows { a: &self.a, b: &self.b, equations: self.equations }
    }

    /// ½ Σ (violations of the rows)²
    pub(crate) fn merit(&self) -> f64 {
        half_squares(self.gap.iter().copied(), self.equations)
    }

    /// The merit that the linear model predicts at x.
    pub(crate) fn predicted(&self, x: &[f64]) -> f64 {
        let gaps = self.a.chunks(x.len()).zip(&self.b).map(|(row, b)| dot(row, x) - b);
        half_squares(gaps, self.equations)
    }
}

fn half_squares(gaps: impl Iterator<Item = f64>, equations: usize) -> f64 {
    let squares = gaps.enumerate().map(|(k, gap)| {
        let shortfall = if k < equations { gap } else { gap.min(0.0) };
        shortfall * shortfall
    });
    0.5 * squares.sum::<f64>()
}

pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// What is known of where a lane stands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It was evaluated in single precision.
    #[default]
    Rough,
    /// It is an answer in double precision.
    Exact,
    /// It was none in double precision, and could not be made one.
    Lost,
}

/// An attempt.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lane {
    /// The query that it serves.
    pub(crate) query: usize,
    /// Which polyhedron of the query's goal it aims at.
    pub(crate) alternative: usize,
    /// Where it stands.
    pub(crate) at: Point,
    /// Where it would go; a step that is accepted swaps the two.
    pub(crate) trial: Point,
    /// How far steps towards the reference may go, once one was made.
    pub(crate) radius: Option<f64>,
    /// What is known of the way to a nearer point.
    pub(crate) prospect: Prospect,
    /// The solver of its steps.
    pub(crate) solver: LeastDistance,
    /// A point on the way to the trial point, from whose rows those there follow, if there is one.
    pub(crate) stop: Option<Point>,
    /// Whether it is an answer, once that was asked.
    pub(crate) standing: Standing,
}

impl Lane {
    pub(crate) fn new(query: usize, alternative: usize, x: Vec<f64>) -> Self {
        let trial = Point::at(x.clone());
        Lane {
            query,
            alternative,
            at: Point::at(x),
            trial,
            radius: None,
            prospect: Prospect::default(),
            solver: LeastDistance::default(),
            stop: None,
            standing: Standing::Rough,
        }
    }

    /// Moves to the trial point.
    pub(crate) fn accept(&mut self) {
        std::mem::swap(&mut self.at, &mut self.trial);
        self.trial.x.copy_from_slice(&self.at.x);
    }
}

/// Linearises lanes that are new, where they stand.
pub(crate) fn linearise(oracle: &mut Oracle<'_>, lanes: &mut [Lane], domain: &Domain) {
    Batch::default().linearise(oracle, lanes, domain, |_| true);
    lanes.iter_mut().for_each(Lane::accept);
}

/// Linearises lanes whose rows were guessed, where they stand.
pub(crate) fn linearise_guessed(oracle: &mut Oracle<'_>, lanes: &mut [Lane], domain: &Domain) {
    let guessed: Vec<bool> = lanes.iter().map(|lane| lane.at.by_secant).collect();
    for lane in lanes.iter_mut().filter(|lane| lane.at.by_secant) {
        lane.trial.x.clone_from(&lane.at.x);
    }
    Batch::default().linearise(oracle, lanes, domain, |index| guessed[index]);
    lanes.iter_mut().zip(guessed).filter(|(_, guessed)| *guessed).for_each(|(lane, _)| lane.accept());
}

/// Linearises the trial points of the lanes that `wanted` picks, in one batch; returns which they were.
#[derive(Default)]
pub(crate) struct Batch {
    x: Vec<f64>,
    aims: Vec<(usize, usize)>,
    picked: Vec<bool>,
    y: Vec<f64>,
    linearised: Linearised,
}

impl Batch {
    pub(crate) fn linearise(
        &mut self,
        oracle: &mut Oracle<'_>,
        lanes: &mut [Lane],
        domain: &Domain,
        wanted: impl Fn(usize) -> bool,
    ) -> &[bool] {
        self.x.clear();
        self.aims.clear();
        self.picked.clear();
        for (index, lane) in lanes.iter().enumerate() {
            self.picked.push(wanted(index));
            if self.picked[index] {
                self.aims.push((lane.query, lane.alternative));
                self.x.extend_from_slice(&lane.trial.x);
            }
        }
        if self.aims.is_empty() {
            return &[];
        }
        oracle.linearise(&self.aims, &self.x, &mut self.linearised);
        let picked = &self.picked;
        let mut trials: Vec<&mut Lane> =
            lanes.iter_mut().zip(picked).filter_map(|(lane, &picked)| picked.then_some(lane)).collect();
        let linearised = &self.linearised;
        trials.par_iter_mut().with_min_len(16).enumerate().for_each(|(position, lane)| {
            let polyhedron = &oracle.goal(lane.query).alternatives[lane.alternative];
            lane.trial.linearise(polyhedron, domain, linearised.y(position), linearised.rows(position));
        });
        &self.picked
    }

    /// Evaluates the trial points of the lanes that `wanted` picks, in one batch, and sets their rows from those where the
    /// lanes stand; returns which they were.
    pub(crate) fn by_secant(
        &mut self,
        oracle: &mut Oracle<'_>,
        lanes: &mut [Lane],
        domain: &Domain,
        weights: &[f64],
        wanted: impl Fn(usize) -> bool,
    ) -> &[bool] {
        self.x.clear();
        self.picked.clear();
        let mut queries = Vec::new();
        for (index, lane) in lanes.iter().enumerate() {
            self.picked.push(wanted(index));
            if self.picked[index] {
                queries.push(lane.query);
                self.x.extend_from_slice(&lane.trial.x);
            }
        }
        if queries.is_empty() {
            return &[];
        }
        oracle.forward(&queries, &self.x, &mut self.y);
        let (picked, y, m) = (&self.picked, &self.y, oracle.output_size());
        let mut trials: Vec<&mut Lane> =
            lanes.iter_mut().zip(picked).filter_map(|(lane, &picked)| picked.then_some(lane)).collect();
        trials.par_iter_mut().with_min_len(16).enumerate().for_each(|(position, lane)| {
            let polyhedron = &oracle.goal(lane.query).alternatives[lane.alternative];
            let Lane { at, trial, stop, .. } = &mut **lane;
            let from = stop.as_ref().unwrap_or(at);
            trial.linearise_by_secant(
                from,
                polyhedron,
                domain,
                weights,
                &y[position * m..(position + 1) * m],
            );
        });
        &self.picked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Broyden's update leads from the values before to those here, and is the least change that does: rows across the step
    /// stay as they were.
    #[test]
    fn rows_by_secant_lead_to_the_value() {
        let domain = Domain::boxed(vec![-10.0; 3], vec![10.0; 3]);
        let polyhedron = Polyhedron { rows: vec![1.0], constants: vec![-0.5], equations: 1 };
        let mut from = Point::at(vec![1.0, 2.0, 3.0]);
        from.linearise(&polyhedron, &domain, &[0.7], &[0.3, -0.2, 0.1]);
        let mut point = Point::at(vec![1.5, 2.0, 2.0]);
        point.linearise_by_secant(&from, &polyhedron, &domain, &[1.0, 4.0, 0.25], &[0.9]);
        let value = |x: &[f64]| dot(&point.a, x) - point.b[0];
        assert!((value(&point.x) - 0.4).abs() < 1e-14 && (value(&from.x) - 0.2).abs() < 1e-14);
        assert_eq!((point.residual, point.a[1]), (0.4, -0.2));
        // Across the step, in the metric of the weights: w·s·d = 0 for d = (0.25, 0, 0.5).
        let along = 0.25 * (point.a[0] - 0.3) + 0.5 * (point.a[2] - 0.1);
        assert!(along.abs() < 1e-14, "{along}");
        assert!(point.by_secant && !from.by_secant);
    }
}
