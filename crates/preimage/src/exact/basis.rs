//! What is known of numbers on a cell: an affine function of t with a remainder.
//!
//! Every element keeps a function `form(t)` and a radius, `|element − form(t)| ≤ radius` for all t of the cell, in real
//! arithmetic: rounding errors are added to the radius. Where phases are known the radius is nothing but these.

use netinverse_bounds::Hinge;
use netinverse_geometry::MAX_DIMS;
use netinverse_linalg::vectorised;

/// u, the unit roundoff, a little enlarged for the second-order terms of γ_k.
const UNIT: f64 = f64::EPSILON * 0.500_1;

/// A number on a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Enclosed {
    /// The constant, then a slope for each t.
    pub(super) form: [f64; MAX_DIMS + 1],
    /// How far the number may be from its form.
    pub(super) radius: f64,
    /// Whether it is affine but for rounding and inexact constants.
    pub(super) affine: bool,
}

impl Enclosed {
    /// How far the number may be from its form.
    pub(super) fn error(&self) -> f64 {
        self.radius
    }

    /// An upper bound of the number's magnitude where |t| ≤ 1, and of the sum of its form's.
    pub(super) fn norm(&self) -> f64 {
        (self.form.iter().map(|c| c.abs()).sum::<f64>() + self.radius) * (1.0 + 1e-12)
    }

    /// The difference of two numbers.
    pub(super) fn minus(&self, other: &Enclosed) -> Enclosed {
        let mut gap = *self;
        let mut rounding = 0.0;
        for (own, other) in gap.form.iter_mut().zip(&other.form) {
            *own -= other;
            rounding += own.abs();
        }
        gap.radius = (self.radius + other.radius + UNIT * rounding) * (1.0 + 1e-12);
        gap.affine = self.affine && other.affine;
        gap
    }
}

/// A combination of 1, t and units: `head·(1, t) + Σ tail_j unit_(start + j)`, to within `error`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Row {
    pub(super) head: Vec<f64>,
    pub(super) start: usize,
    pub(super) tail: Vec<f64>,
    pub(super) error: f64,
}

impl Row {
    /// Adds a multiple of a unit.
    pub(super) fn add_unit(&mut self, unit: usize, factor: f64) {
        self.cover(unit, unit + 1);
        self.tail[unit - self.start] += factor;
    }

    /// Adds a multiple of another row; its error is not looked at.
    pub(super) fn add_scaled(&mut self, factor: f64, other: &Row) {
        for (own, other) in self.head.iter_mut().zip(&other.head) {
            *own += factor * other;
        }
        if !other.tail.is_empty() {
            self.cover(other.start, other.start + other.tail.len());
            let tail = &mut self.tail[other.start - self.start..];
            for (own, other) in tail.iter_mut().zip(&other.tail) {
                *own += factor * other;
            }
        }
    }

    fn cover(&mut self, from: usize, to: usize) {
        if self.tail.is_empty() {
            self.start = from;
        } else if from < self.start {
            let missing = self.start - from;
            self.tail.splice(0..0, std::iter::repeat_n(0.0, missing));
            self.start = from;
        }
        if self.start + self.tail.len() < to {
            self.tail.resize(to - self.start, 0.0);
        }
    }
}

/// The units of a network on a cell, in order, as far as they are known.
#[derive(Debug, Default)]
pub(super) struct Basis {
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// For the constant and each t a column: the units' coefficients.
    columns: Vec<Vec<f64>>,
    radii: Vec<f64>,
    norms: Vec<f64>,
    /// How many units before each one are not affine, one more than there are units.
    bent: Vec<u32>,
}

impl Basis {
    /// Forgets all units; the cell lies in this box of t.
    pub(super) fn start(&mut self, lower: &[f64], upper: &[f64]) {
        self.lower.clear();
        self.lower.extend_from_slice(lower);
        self.upper.clear();
        self.upper.extend_from_slice(upper);
        self.columns.resize(lower.len() + 1, Vec::new());
        self.columns.iter_mut().for_each(Vec::clear);
        self.radii.clear();
        self.norms.clear();
        self.bent.clear();
        self.bent.push(0);
    }

    fn dims(&self) -> usize {
        self.lower.len()
    }

    /// Whether a row is over units that are affine.
    pub(super) fn is_affine(&self, row: &Row) -> bool {
        let end = row.start + row.tail.len();
        // Whatever the rounded coefficients: where one is 0 the exact one may differ from it.
        row.tail.is_empty() || self.bent[end] == self.bent[row.start]
    }

    /// The number that a row is.
    pub(super) fn combine(&self, row: &Row) -> Enclosed {
        let width = self.dims() + 1;
        let units = row.start..row.start + row.tail.len();
        let mut form = [0.0; MAX_DIMS + 1];
        let mut norm: f64 = row.head.iter().map(|c| c.abs()).sum();
        form[..width].copy_from_slice(&row.head);
        let mut radius = 0.0;
        if !units.is_empty() {
            vectorised(
                #[inline(always)]
                || {
                    let (norms, radii) = (&self.norms[units.clone()], &self.radii[units.clone()]);
                    let columns = |k: usize| &self.columns[k][units.clone()];
                    let tail = &row.tail;
                    let (more, own) = match width {
                        1 => sums([0].map(columns), tail, norms, radii, &mut form),
                        2 => sums([0, 1].map(columns), tail, norms, radii, &mut form),
                        3 => sums([0, 1, 2].map(columns), tail, norms, radii, &mut form),
                        4 => sums([0, 1, 2, 3].map(columns), tail, norms, radii, &mut form),
                        _ => {
                            for k in 5..width {
                                form[k] += dot(tail, columns(k));
                            }
                            sums([0, 1, 2, 3, 4].map(columns), tail, norms, radii, &mut form)
                        }
                    };
                    norm += more;
                    radius = own;
                },
            );
        }
        let terms = (row.tail.len() + width + 8) as f64;
        radius = (radius + terms * UNIT * norm) * (1.0 + 1e-9) + row.error + 1e-300;
        Enclosed { form, radius, affine: self.is_affine(row) }
    }

    /// Bounds of the number on the cell.
    pub(super) fn range(&self, number: &Enclosed) -> (f64, f64) {
        let (mut low, mut high) = (number.form[0] - number.radius, number.form[0] + number.radius);
        for k in 0..self.dims() {
            let (p, q) = (number.form[k + 1] * self.lower[k], number.form[k + 1] * self.upper[k]);
            low += p.min(q);
            high += p.max(q);
        }
        let rounding = (2 * self.dims() + 8) as f64 * UNIT * 1.001 * number.norm() + 1e-300;
        (low - rounding, high + rounding)
    }

    /// Adds a unit that is `slope · number + intercept` to within `doubt`.
    pub(super) fn push_line(&mut self, number: &Enclosed, slope: f64, intercept: f64, doubt: f64) {
        self.push(number, slope, intercept, doubt, number.affine);
    }

    /// Adds a unit that is a function of a number in [l, u]: the chord's slope, and the middle of the gap.
    pub(super) fn push_hinge(&mut self, number: &Enclosed, hinge: &Hinge, (l, u): (f64, f64)) {
        let slope = if u > l { (hinge.value(u) - hinge.value(l)) / (u - l) } else { 0.0 };
        let inside = hinge.kinks.iter().copied().filter(|&kink| l < kink && kink < u);
        let (mut least, mut most, mut magnitude) = (f64::INFINITY, f64::NEG_INFINITY, 0.0f64);
        for z in [l, u].into_iter().chain(inside) {
            let (value, line) = (hinge.value(z), slope * z);
            least = least.min(value - line);
            most = most.max(value - line);
            magnitude = magnitude.max(value.abs() + line.abs());
        }
        let middle = 0.5 * (least + most);
        let gap = (most - middle).max(middle - least);
        self.push(number, slope, middle, gap + 16.0 * UNIT * magnitude, false);
    }

    /// Adds a unit that is the largest of several numbers.
    pub(super) fn push_maximum(&mut self, numbers: &[Enclosed]) {
        let lows: Vec<f64> = numbers.iter().map(|number| self.range(number).0).collect();
        let base = (0..numbers.len()).max_by(|&a, &b| lows[a].total_cmp(&lows[b])).unwrap_or(0);
        // Not below the base, and by no more above its form than the largest gap.
        let low = -numbers[base].radius;
        let high = numbers
            .iter()
            .map(|number| {
                let against = Enclosed { radius: 0.0, ..numbers[base] };
                self.range(&number.minus(&against)).1
            })
            .fold(numbers[base].radius, f64::max);
        let middle = 0.5 * (low + high);
        let gap = ((high - middle).max(middle - low)) * (1.0 + 4.0 * UNIT);
        let exact = Enclosed { radius: 0.0, ..numbers[base] };
        self.push(&exact, 1.0, middle, gap, false);
    }

    /// Adds `slope · number + shift`, to within `more` beyond the number's own radius.
    fn push(&mut self, number: &Enclosed, slope: f64, shift: f64, more: f64, affine: bool) {
        let width = self.dims() + 1;
        let mut norm = shift.abs();
        for (k, column) in self.columns.iter_mut().enumerate().take(width) {
            let own = slope * number.form[k];
            norm += own.abs();
            column.push(if k == 0 { own + shift } else { own });
        }
        let radius = (slope.abs() * number.radius + more + 8.0 * UNIT * norm) * (1.0 + 1e-12) + 1e-300;
        self.radii.push(radius);
        self.norms.push((norm + radius) * (1.0 + 1e-12));
        let bent = self.bent[self.bent.len() - 1] + u32::from(!affine);
        self.bent.push(bent);
    }

    /// An upper bound of a unit's magnitude on the cell.
    pub(super) fn magnitude(&self, unit: usize) -> f64 {
        self.norms[unit]
    }
}

/// Partial sums that the compiler keeps in registers.
const LANES: usize = 8;

/// Adds `Σ tail columnₖ` to each `form[k]`; Σ |tail| norms, Σ |tail| radii. One pass, in which the sums do not wait for each other.
#[inline(always)]
fn sums<const WIDTH: usize>(
    columns: [&[f64]; WIDTH],
    tail: &[f64],
    norms: &[f64],
    radii: &[f64],
    form: &mut [f64],
) -> (f64, f64) {
    let count = tail.len();
    let columns = columns.map(|column| &column[..count]);
    let (norms, radii) = (&norms[..count], &radii[..count]);
    let mut lanes = [[0.0; LANES]; WIDTH];
    let (mut norm, mut radius) = ([0.0; LANES], [0.0; LANES]);
    let whole = count - count % LANES;
    for j in (0..whole).step_by(LANES) {
        let at = j..j + LANES;
        let factors: &[f64; LANES] = tail[at.clone()].try_into().unwrap_or(&[0.0; LANES]);
        for (lanes, column) in lanes.iter_mut().zip(&columns) {
            let values = &column[at.clone()];
            for lane in 0..LANES {
                lanes[lane] += factors[lane] * values[lane];
            }
        }
        let (own_norms, own_radii) = (&norms[at.clone()], &radii[at]);
        for lane in 0..LANES {
            let factor = factors[lane].abs();
            norm[lane] += factor * own_norms[lane];
            radius[lane] += factor * own_radii[lane];
        }
    }
    for j in whole..count {
        let lane = j - whole;
        for (lanes, column) in lanes.iter_mut().zip(&columns) {
            lanes[lane] += tail[j] * column[j];
        }
        norm[lane] += tail[j].abs() * norms[j];
        radius[lane] += tail[j].abs() * radii[j];
    }
    for (own, lanes) in form.iter_mut().zip(&lanes) {
        *own += lanes.iter().sum::<f64>();
    }
    (norm.iter().sum(), radius.iter().sum())
}

/// Σ a b
#[inline(always)]
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0; LANES];
    let (mut a8, mut b8) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    for (a, b) in a8.by_ref().zip(b8.by_ref()) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a8.remainder().iter().zip(b8.remainder()).map(|(&a, &b)| a * b).sum();
    lanes.iter().sum::<f64>() + rest
}
