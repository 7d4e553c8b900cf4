//! Secants: matrices A with f(x) − f(x′) = A (x − x′).
//!
//! An element-wise function contributes its divided difference s = (σ(z) − σ(z′))/(z − z′), a number between bounds that
//! two boxes give; a maximum contributes a mean of the differences of what may be largest; a product a·b − a′·b′ =
//! a (b − b′) + b′ (a − a′). Everything else is linear. So A is a matrix that depends on **slopes**, each in an interval of
//! its own, and on each slope of a function affinely: one slope enters by one row of one factor.
//!
//! If no slopes in their intervals give A a null vector, f does not take one value in both boxes twice; with the same box
//! twice, f is injective on it. That is the hull test for the Jacobians of the box, and sharper than it for two boxes.
//!
//! A is computed as centres and radii; the radii hold the rounding too (see `rounding`).

use netinverse_linalg::Interval;
use netinverse_network::{Curvature, Function, enclose};

use crate::bounder::Bounder;
use crate::program::Kind;
use crate::rounding::{gamma, inflation};
use crate::workspace::Workspace;

/// Smaller than any product that matters, larger than what underflows.
const TINY: f64 = 1e-280;

/// What the values that functions, maxima and products read can be on a box.
#[derive(Debug, Clone)]
pub struct Ranges {
    /// By value of the program; empty where nothing asks.
    values: Vec<Vec<Interval>>,
    /// The outputs.
    pub output: Vec<Interval>,
}

impl Ranges {
    /// The intervals of a value by its number; `None` of a value that no function, maximum or product reads.
    pub fn of(&self, value: usize) -> Option<&[Interval]> {
        self.values.get(value).map(Vec::as_slice).filter(|value| !value.is_empty())
    }
}

/// Intervals of the slopes of every step.
#[derive(Debug, Clone)]
pub struct SlopeBox(Vec<StepSlopes>);

#[derive(Debug, Clone)]
enum StepSlopes {
    Linear,
    /// One interval an element.
    Function(Vec<Interval>),
    /// The candidates of each element that may be the largest: `starts`, `sources`.
    Maximum(Vec<usize>, Vec<u32>),
    /// a over the first box, b over the second.
    Product(Vec<Interval>, Vec<Interval>),
    /// The softmax itself, on the hull of both boxes.
    Softmax(Vec<Interval>),
}

/// A slope of a function that is not known exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlopeId {
    step: u32,
    element: u32,
}

/// A matrix of m × k intervals, centres and radii row by row.
#[derive(Debug, Clone)]
pub struct Secant {
    /// m
    pub rows: usize,
    /// k
    pub columns: usize,
    /// The centres.
    pub centre: Vec<f64>,
    /// How far an entry may be from its centre.
    pub radius: Vec<f64>,
}

impl Secant {
    /// An entry.
    pub fn entry(&self, row: usize, column: usize) -> Interval {
        let at = row * self.columns + column;
        Interval::around(self.centre[at], self.radius[at])
    }
}

impl SlopeBox {
    /// The slopes of functions that are not single numbers.
    pub fn open(&self) -> Vec<SlopeId> {
        let mut open = Vec::new();
        for (step, slopes) in self.0.iter().enumerate() {
            if let StepSlopes::Function(slopes) = slopes {
                let wide = slopes.iter().enumerate().filter(|(_, s)| s.lo() < s.hi());
                open.extend(wide.map(|(j, _)| SlopeId { step: step as u32, element: j as u32 }));
            }
        }
        open
    }

    /// The interval of a slope.
    pub fn get(&self, id: SlopeId) -> Interval {
        match &self.0[id.step as usize] {
            StepSlopes::Function(slopes) => slopes[id.element as usize],
            _ => unreachable!("only functions have slopes of their own"),
        }
    }

    /// Replaces the interval of a slope.
    pub fn set(&mut self, id: SlopeId, slope: Interval) {
        if let StepSlopes::Function(slopes) = &mut self.0[id.step as usize] {
            slopes[id.element as usize] = slope;
        }
    }

    /// Whether the matrix depends on slopes of functions alone, so that each of its minors is affine in each of them.
    pub fn multi_affine(&self) -> bool {
        self.0.iter().all(|step| match step {
            StepSlopes::Linear | StepSlopes::Function(_) => true,
            StepSlopes::Maximum(starts, _) => starts.windows(2).all(|w| w[1] - w[0] == 1),
            StepSlopes::Product(..) | StepSlopes::Softmax(_) => false,
        })
    }
}

impl Bounder {
    /// What is known of the values on the box of the last analysis.
    pub fn ranges(&self, workspace: &Workspace) -> Ranges {
        assert!(workspace.valid, "an analysis must have gone through");
        let program = self.program();
        let known = |value: usize| -> Vec<Interval> {
            let bounds = &workspace.values[value];
            (0..program.sizes[value]).map(|j| Interval::new(bounds.lower[j], bounds.upper[j])).collect()
        };
        let mut values = vec![Vec::new(); program.sizes.len()];
        for step in &program.steps {
            if !matches!(step.kind, Kind::Linear { .. }) {
                for &input in &step.inputs {
                    if values[input].is_empty() {
                        values[input] = known(input);
                    }
                }
            }
        }
        Ranges { values, output: known(program.output) }
    }

    /// The slopes between a point of one box and a point of another; `None` where a function is not defined on what lies
    /// between.
    pub fn slopes(&self, a: &Ranges, b: &Ranges) -> Option<SlopeBox> {
        let mut all = Vec::with_capacity(self.program().steps.len());
        for step in &self.program().steps {
            let of =
                |ranges: &'_ Ranges, at: usize| -> Vec<Interval> { ranges.values[step.inputs[at]].clone() };
            let hull = |at: usize| -> Vec<Interval> {
                let (a, b) = (&a.values[step.inputs[at]], &b.values[step.inputs[at]]);
                a.iter().zip(b).map(|(&a, &b)| a.hull(b)).collect()
            };
            all.push(match &step.kind {
                Kind::Linear { .. } => StepSlopes::Linear,
                Kind::Function(function) => {
                    let (a, b) = (&a.values[step.inputs[0]], &b.values[step.inputs[0]]);
                    let pairs = a.iter().zip(b);
                    StepSlopes::Function(
                        pairs.map(|(&a, &b)| divided_difference(*function, a, b)).collect::<Option<_>>()?,
                    )
                }
                Kind::Maximum { starts, sources } => {
                    let hull = hull(0);
                    let (mut kept_starts, mut kept) = (vec![0], Vec::new());
                    for window in starts.windows(2) {
                        let taps = &sources[window[0]..window[1]];
                        let least =
                            taps.iter().map(|&i| hull[i as usize].lo()).fold(f64::NEG_INFINITY, f64::max);
                        kept.extend(taps.iter().filter(|&&i| hull[i as usize].hi() >= least));
                        kept_starts.push(kept.len());
                    }
                    StepSlopes::Maximum(kept_starts, kept)
                }
                Kind::Product => StepSlopes::Product(of(a, 0), of(b, 1)),
                Kind::Softmax { size, stride } => StepSlopes::Softmax(softmax(&hull(0), *size, *stride)),
            });
        }
        Some(SlopeBox(all))
    }

    /// A along `directions`, n rows of k numbers: f(x) − f(x′) ∈ A t for all x − x′ = D t of the boxes of the slopes. Empty
    /// directions stand for the identity.
    pub fn secant(&self, slopes: &SlopeBox, directions: &[f64], k: usize) -> Secant {
        let program = self.program();
        let n = program.input_size();
        let mut values: Vec<(Vec<f64>, Vec<f64>)> = vec![Default::default(); program.sizes.len()];
        values[0] = if directions.is_empty() {
            let mut identity = vec![0.0; n * n];
            (0..n).for_each(|i| identity[i * n + i] = 1.0);
            (identity, vec![0.0; n * n])
        } else {
            assert_eq!(directions.len(), n * k, "k numbers an input");
            (directions.to_vec(), vec![0.0; n * k])
        };
        let k = if directions.is_empty() { n } else { k };
        let mut last_use = vec![0; program.sizes.len()];
        for (index, step) in program.steps.iter().enumerate() {
            step.inputs.iter().for_each(|&input| last_use[input] = index);
        }
        last_use[program.output] = usize::MAX;
        for (index, (step, own)) in program.steps.iter().zip(&slopes.0).enumerate() {
            let size = program.sizes[step.output];
            let (mut centre, mut radius) = (vec![0.0; size * k], vec![0.0; size * k]);
            match (&step.kind, own) {
                (Kind::Linear { maps, .. }, _) => {
                    let terms = maps.iter().map(|map| map.longest_row() + 1).sum::<usize>();
                    let (unit, inflate) = (gamma(terms + 4), inflation(terms + 4));
                    let mut magnitude = vec![0.0; k];
                    for j in 0..size {
                        let (centre, radius) =
                            (&mut centre[j * k..(j + 1) * k], &mut radius[j * k..(j + 1) * k]);
                        magnitude.fill(0.0);
                        for (map, &input) in maps.iter().zip(&step.inputs) {
                            let (c, r) = (&values[input].0, &values[input].1);
                            map.for_row(j, |i, w, wr| {
                                let (c, r) = (&c[i * k..(i + 1) * k], &r[i * k..(i + 1) * k]);
                                let wa = w.abs();
                                if wr > 0.0 {
                                    for l in 0..k {
                                        radius[l] += wr * (c[l].abs() + r[l]);
                                    }
                                }
                                if w != 0.0 {
                                    for l in 0..k {
                                        centre[l] += w * c[l];
                                        radius[l] += wa * r[l];
                                        magnitude[l] += wa * c[l].abs();
                                    }
                                }
                            });
                        }
                        for l in 0..k {
                            if magnitude[l] > 0.0 || radius[l] > 0.0 {
                                radius[l] = (radius[l] + unit * magnitude[l]) * inflate + TINY;
                            }
                        }
                    }
                }
                (Kind::Function(_), StepSlopes::Function(slopes)) => {
                    let (c, r) = (&values[step.inputs[0]].0, &values[step.inputs[0]].1);
                    for j in 0..size {
                        let row = j * k..(j + 1) * k;
                        times(
                            slopes[j],
                            &c[row.clone()],
                            &r[row.clone()],
                            &mut centre[row.clone()],
                            &mut radius[row],
                        );
                    }
                }
                (_, StepSlopes::Maximum(starts, sources)) => {
                    let (c, r) = (&values[step.inputs[0]].0, &values[step.inputs[0]].1);
                    for j in 0..size {
                        let taps = &sources[starts[j]..starts[j + 1]];
                        for l in 0..k {
                            let at = |i: u32| i as usize * k + l;
                            if let [only] = taps {
                                (centre[j * k + l], radius[j * k + l]) = (c[at(*only)], r[at(*only)]);
                                continue;
                            }
                            let entry = |i: u32| Interval::around(c[at(i)], r[at(i)]);
                            if let Some(hull) = taps.iter().map(|&i| entry(i)).reduce(Interval::hull) {
                                (centre[j * k + l], radius[j * k + l]) = middle(hull);
                            }
                        }
                    }
                }
                (_, StepSlopes::Product(a, b)) => {
                    let (mut c, mut r) = (vec![0.0; k], vec![0.0; k]);
                    for j in 0..size {
                        let row = j * k..(j + 1) * k;
                        let (left, right) = (&values[step.inputs[0]], &values[step.inputs[1]]);
                        times(
                            a[j],
                            &right.0[row.clone()],
                            &right.1[row.clone()],
                            &mut centre[row.clone()],
                            &mut radius[row.clone()],
                        );
                        times(b[j], &left.0[row.clone()], &left.1[row.clone()], &mut c, &mut r);
                        for l in 0..k {
                            let at = j * k + l;
                            let sum = centre[at] + c[l];
                            radius[at] =
                                (radius[at] + r[l] + f64::EPSILON * sum.abs()) * (1.0 + 1e-15) + TINY;
                            centre[at] = sum;
                        }
                    }
                }
                (Kind::Softmax { size: group, stride }, StepSlopes::Softmax(s)) => {
                    let (c, r) = (&values[step.inputs[0]].0, &values[step.inputs[0]].1);
                    for i in 0..size {
                        let first = i - i / stride % group * stride;
                        for l in 0..k {
                            // s_i (δ_i − Σ_j s_j δ_j), summed as s_i s_j (δ_i − δ_j): a common shift drops out.
                            let own = Interval::around(c[i * k + l], r[i * k + l]);
                            let mut sum = Interval::ZERO;
                            for j in (0..*group).map(|j| first + j * stride).filter(|&j| j != i) {
                                let other = Interval::around(c[j * k + l], r[j * k + l]);
                                sum = sum + s[i] * s[j] * (own - other);
                            }
                            (centre[i * k + l], radius[i * k + l]) = middle(sum);
                        }
                    }
                }
                _ => unreachable!("slopes are made step by step"),
            }
            values[step.output] = (centre, radius);
            for &input in &step.inputs {
                if last_use[input] == index {
                    values[input] = Default::default();
                }
            }
        }
        let (centre, radius) = std::mem::take(&mut values[program.output]);
        Secant { rows: program.output_size(), columns: k, centre, radius }
    }
}

/// A row times a slope.
fn times(slope: Interval, c: &[f64], r: &[f64], centre: &mut [f64], radius: &mut [f64]) {
    if slope.lo() == slope.hi() && (slope.lo() == 0.0 || slope.lo() == 1.0) {
        if slope.lo() == 0.0 {
            centre.fill(0.0);
            radius.fill(0.0);
        } else {
            centre.copy_from_slice(c);
            radius.copy_from_slice(r);
        }
        return;
    }
    let (s, e) = middle(slope);
    for l in 0..c.len() {
        if c[l] == 0.0 && r[l] == 0.0 {
            (centre[l], radius[l]) = (0.0, 0.0);
            continue;
        }
        centre[l] = s * c[l];
        let spread = s.abs() * r[l] + e * (c[l].abs() + r[l]);
        radius[l] = (spread + f64::EPSILON * centre[l].abs()) * (1.0 + 8.0 * f64::EPSILON) + TINY;
    }
}

/// A centre, and a radius that reaches both ends.
fn middle(x: Interval) -> (f64, f64) {
    if x.lo() == x.hi() {
        return (x.lo(), 0.0);
    }
    if !x.lo().is_finite() || !x.hi().is_finite() {
        return (0.0, f64::INFINITY);
    }
    let centre = 0.5 * x.lo() + 0.5 * x.hi();
    (centre, (x.hi() - centre).max(centre - x.lo()).next_up())
}

/// The softmax over boxes of logits.
fn softmax(z: &[Interval], group: usize, stride: usize) -> Vec<Interval> {
    let exp = |x: f64| enclose::function(Function::Exp, Interval::point(x)).unwrap_or(Interval::ENTIRE);
    (0..z.len())
        .map(|i| {
            let first = i - i / stride % group * stride;
            let (mut least, mut most) = (Interval::point(1.0), Interval::point(1.0));
            for j in (0..group).map(|j| first + j * stride).filter(|&j| j != i) {
                most = most + exp((Interval::point(z[j].hi()) - Interval::point(z[i].lo())).hi());
                least = least + exp((Interval::point(z[j].lo()) - Interval::point(z[i].hi())).lo());
            }
            let one = Interval::point(1.0);
            let low = if most.hi().is_finite() { one.divided_by(most).lo() } else { 0.0 };
            Interval::new(low.max(0.0), one.divided_by(least).hi().min(1.0))
        })
        .collect()
}

/// Every (σ(z) − σ(z′))/(z − z′) of z in one interval and z′ in another, and every slope where they are equal.
pub fn divided_difference(function: Function, a: Interval, b: Interval) -> Option<Interval> {
    let hull = a.hull(b);
    let slopes = enclose::derivative(function, hull)?;
    if slopes.lo() == slopes.hi() {
        return Some(slopes);
    }
    let between = |z: f64, other: f64| -> Option<Interval> {
        if z == other {
            return enclose::derivative(function, Interval::point(z));
        }
        let (top, bottom) = (
            enclose::function(function, Interval::point(z))?,
            enclose::function(function, Interval::point(other))?,
        );
        Some((top - bottom).divided_by(Interval::point(z) - Interval::point(other)))
    };
    // A convex function's divided difference grows with both of its points, a concave one's falls.
    let tighter = match bend(function, hull) {
        Bend::Convex => Interval::new(between(a.lo(), b.lo())?.lo(), between(a.hi(), b.hi())?.hi()),
        Bend::Concave => Interval::new(between(a.hi(), b.hi())?.lo(), between(a.lo(), b.lo())?.hi()),
        Bend::Neither => {
            let apart = a - b;
            if apart.contains(0.0) {
                return Some(slopes);
            }
            (enclose::function(function, a)? - enclose::function(function, b)?).divided_by(apart)
        }
    };
    Some(slopes.intersection(tighter).unwrap_or(slopes))
}

enum Bend {
    Convex,
    Concave,
    Neither,
}

fn bend(function: Function, x: Interval) -> Bend {
    match function {
        Function::Relu | Function::Abs => return Bend::Convex,
        Function::LeakyRelu { alpha } => return if alpha <= 1.0 { Bend::Convex } else { Bend::Concave },
        _ => {}
    }
    match function.pieces_between(x.lo(), x.hi())[..] {
        [piece] => match piece.curvature {
            Curvature::Convex => Bend::Convex,
            Curvature::Concave => Bend::Concave,
            _ => Bend::Neither,
        },
        _ => Bend::Neither,
    }
}
