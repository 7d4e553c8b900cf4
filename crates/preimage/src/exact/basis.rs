//! What is known of numbers on a cell: an affine function of t with a remainder.
//!
//! Every element keeps a function `form(t)` and an interval, `element ∈ form(t) + [low, high]` for all t of the cell, in real
//! arithmetic: rounding errors are added to the interval. Where phases are known the interval is nothing but these.

use netinverse_bounds::Hinge;
use netinverse_geometry::MAX_DIMS;

/// u, the unit roundoff, a little enlarged for the second-order terms of γ_k.
const UNIT: f64 = f64::EPSILON * 0.500_1;

/// A number on a cell.
#[derive(Debug, Clone, Copy)]
pub(super) struct Enclosed {
    /// The constant, then a slope for each t.
    pub(super) form: [f64; MAX_DIMS + 1],
    pub(super) low: f64,
    pub(super) high: f64,
    /// An upper bound of the magnitude of everything that the number is a sum of.
    pub(super) norm: f64,
    /// Whether it is affine but for rounding and inexact constants.
    pub(super) affine: bool,
}

impl Enclosed {
    /// How far the number may be from its form.
    pub(super) fn error(&self) -> f64 {
        self.low.abs().max(self.high.abs())
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
    dims: usize,
    lower: Vec<f64>,
    upper: Vec<f64>,
    /// `dims + 1` numbers a unit.
    forms: Vec<f64>,
    lows: Vec<f64>,
    highs: Vec<f64>,
    norms: Vec<f64>,
    affine: Vec<bool>,
}

impl Basis {
    /// Forgets all units; the cell lies in this box of t.
    pub(super) fn start(&mut self, lower: &[f64], upper: &[f64]) {
        self.dims = lower.len();
        self.lower.clear();
        self.lower.extend_from_slice(lower);
        self.upper.clear();
        self.upper.extend_from_slice(upper);
        self.forms.clear();
        self.lows.clear();
        self.highs.clear();
        self.norms.clear();
        self.affine.clear();
    }

    /// The number that a row is.
    pub(super) fn combine(&self, row: &Row) -> Enclosed {
        let width = self.dims + 1;
        let mut form = [0.0; MAX_DIMS + 1];
        form[..width].copy_from_slice(&row.head);
        let mut norm: f64 = row.head.iter().map(|c| c.abs()).sum();
        let (mut low, mut high) = (0.0, 0.0);
        let mut affine = true;
        for (j, &c) in row.tail.iter().enumerate() {
            let unit = row.start + j;
            // Whatever the rounded coefficient: the exact one may differ from 0.
            affine &= self.affine[unit];
            if c == 0.0 {
                continue;
            }
            for (own, other) in form[..width].iter_mut().zip(&self.forms[unit * width..]) {
                *own += c * other;
            }
            let (p, q) = (c * self.lows[unit], c * self.highs[unit]);
            low += p.min(q);
            high += p.max(q);
            norm += c.abs() * self.norms[unit];
        }
        let rounding = (row.tail.len() + width + 6) as f64 * UNIT * norm + row.error + 1e-300;
        Enclosed { form, low: low - rounding, high: high + rounding, norm: norm + rounding, affine }
    }

    /// Bounds of the number on the cell.
    pub(super) fn range(&self, number: &Enclosed) -> (f64, f64) {
        let (mut low, mut high) = (number.form[0] + number.low, number.form[0] + number.high);
        for k in 0..self.dims {
            let (p, q) = (number.form[k + 1] * self.lower[k], number.form[k + 1] * self.upper[k]);
            low += p.min(q);
            high += p.max(q);
        }
        let rounding = (2 * self.dims + 8) as f64 * UNIT * 1.001 * number.norm + 1e-300;
        (low - rounding, high + rounding)
    }

    /// Adds a unit that is `slope · number + intercept` to within `doubt`.
    pub(super) fn push_line(&mut self, number: &Enclosed, slope: f64, intercept: f64, doubt: f64) {
        let (p, q) = (slope * number.low, slope * number.high);
        self.push(number, slope, (p.min(q), p.max(q)), (intercept, 0.0, 0.0), number.affine, doubt);
    }

    /// Adds a unit that is a function of a number in [l, u]: the chord's slope, and the gap's range.
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
        let (p, q) = (slope * number.low, slope * number.high);
        let middle = 0.5 * (least + most);
        let gap = (middle, least - middle, most - middle);
        self.push(number, slope, (p.min(q), p.max(q)), gap, false, 16.0 * UNIT * magnitude);
    }

    /// Adds a unit that is the largest of several numbers.
    pub(super) fn push_maximum(&mut self, numbers: &[Enclosed]) {
        let lows: Vec<f64> = numbers.iter().map(|number| self.range(number).0).collect();
        let base = (0..numbers.len()).max_by(|&a, &b| lows[a].total_cmp(&lows[b])).unwrap_or(0);
        let above = numbers
            .iter()
            .map(|number| {
                let mut gap = *number;
                gap.low = gap.high;
                gap.norm += numbers[base].norm;
                for (own, other) in gap.form.iter_mut().zip(&numbers[base].form) {
                    *own -= other;
                }
                self.range(&gap).1
            })
            .fold(numbers[base].high, f64::max);
        self.push(&numbers[base], 1.0, (numbers[base].low, above), (0.0, 0.0, 0.0), false, 0.0);
    }

    /// Adds `slope · number + shift + [low, high]`, where the first interval already holds the number's own.
    fn push(
        &mut self,
        number: &Enclosed,
        slope: f64,
        (low, high): (f64, f64),
        (shift, below, above): (f64, f64, f64),
        affine: bool,
        doubt: f64,
    ) {
        let width = self.dims + 1;
        let start = self.forms.len();
        self.forms.extend(number.form[..width].iter().map(|c| slope * c));
        self.forms[start] += shift;
        let norm = slope.abs() * number.norm + shift.abs() + below.abs() + above.abs() + low.abs().max(high.abs());
        let rounding = 8.0 * UNIT * norm + doubt + 1e-300;
        self.lows.push(low + below - rounding);
        self.highs.push(high + above + rounding);
        self.norms.push(norm + rounding);
        self.affine.push(affine);
    }

    /// An upper bound of a unit's magnitude on the cell.
    pub(super) fn magnitude(&self, unit: usize) -> f64 {
        self.norms[unit]
    }
}
