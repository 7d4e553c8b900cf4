use super::cell::{Cell, Form};
use super::hinge::Hinge;

/// The basis elements before the units: 1, x, y.
pub(super) const INPUTS: usize = 3;

/// A network on a cell, written with the hinges that bend inside the cell only.
///
/// With h₀ = 1, h₁ = x, h₂ = y and, for every unit k, `hₖ₊₃ = hinge(Σⱼ rowⱼ hⱼ)` over earlier j, the output is
/// `Σ outputⱼ hⱼ`. All the other neurons are affine on the cell and are folded in.
#[derive(Debug, Clone)]
pub(super) struct Reduced {
    pub(super) units: Vec<Unit>,
    pub(super) output: Vec<f64>,
}

/// A neuron that bends inside the cell.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// Coefficients of the basis elements before it (trailing zeros left out).
    pub(super) row: Vec<f64>,
    pub(super) hinge: Hinge,
}

/// A value on the cell: an affine form plus something in [low, high].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enclosure {
    pub(super) form: Form,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// The enclosures of the basis elements on a cell, as far as they are known.
#[derive(Debug, Clone)]
pub(super) struct Basis {
    cell: Cell,
    elements: Vec<Enclosure>,
}

impl Basis {
    /// 1, x, y.
    pub(super) fn new(cell: Cell) -> Self {
        let unit = |k: usize| {
            let mut form = [0.0; 3];
            form[k] = 1.0;
            Enclosure { form, low: 0.0, high: 0.0 }
        };
        Basis { cell, elements: (0..INPUTS).map(unit).collect() }
    }

    pub(super) fn elements(&self) -> &[Enclosure] {
        &self.elements
    }

    /// An enclosure of `Σ rowⱼ hⱼ`.
    fn combine(&self, row: &[f64]) -> Enclosure {
        let mut sum = Enclosure::default();
        for (&c, h) in row.iter().zip(&self.elements) {
            for axis in 0..3 {
                sum.form[axis] += c * h.form[axis];
            }
            let (p, q) = (c * h.low, c * h.high);
            sum.low += p.min(q);
            sum.high += p.max(q);
        }
        sum
    }

    /// The bounds of an enclosed value, a little wider than rounding could make them.
    pub(super) fn range(&self, value: &Enclosure) -> (f64, f64) {
        let (low, high) = self.cell.range(&value.form);
        let slack = super::cell::rounding(&value.form, self.cell.magnitude())
            + 1e-13 * (value.low.abs() + value.high.abs());
        (low + value.low - slack, high + value.high + slack)
    }

    /// The piece of the hinge that the enclosed value stays on, if it stays on one.
    pub(super) fn only_piece(&self, value: &Enclosure, hinge: &Hinge) -> Option<usize> {
        let (low, high) = self.range(value);
        hinge.only_piece(low, high)
    }

    /// Adds the hinge of the enclosed value as a basis element.
    pub(super) fn push(&mut self, value: &Enclosure, hinge: &Hinge) {
        let (low, high) = self.range(value);
        let (slope, from, to) = hinge.relax(low, high);
        let (p, q) = (slope * value.low, slope * value.high);
        self.elements.push(Enclosure {
            form: value.form.map(|c| slope * c),
            low: p.min(q) + from,
            high: p.max(q) + to,
        });
    }

    /// The bounds of `Σ rowⱼ hⱼ`.
    pub(super) fn bounds(&self, row: &[f64]) -> (f64, f64) {
        self.range(&self.combine(row))
    }
}

impl Reduced {
    /// The same on a part of the cell, with fewer units, and the output's bounds there.
    pub(super) fn restrict(&self, cell: Cell) -> (Reduced, (f64, f64)) {
        let mut basis = Basis::new(cell);
        let mut units: Vec<Unit> = Vec::new();
        // What each unit became, as a row over the new basis.
        let mut folded: Vec<Folded> = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            let row = rewrite(&unit.row, &folded, units.len());
            let value = basis.combine(&row);
            if let Some(piece) = basis.only_piece(&value, &unit.hinge) {
                let (slope, intercept) = unit.hinge.piece(piece);
                let mut row: Vec<f64> = row.iter().map(|c| slope * c).collect();
                row[0] += intercept;
                folded.push(Folded::Affine(row));
            } else {
                basis.push(&value, &unit.hinge);
                folded.push(Folded::Unit(INPUTS + units.len()));
                units.push(Unit { row, hinge: unit.hinge });
            }
        }
        let output = rewrite(&self.output, &folded, units.len());
        let bounds = basis.bounds(&output);
        (Reduced { units, output }, bounds)
    }
}

enum Folded {
    Unit(usize),
    Affine(Vec<f64>),
}

/// A row over the old basis as one over the new basis with `units` units.
fn rewrite(row: &[f64], folded: &[Folded], units: usize) -> Vec<f64> {
    let mut out = vec![0.0; INPUTS + units];
    out[..INPUTS].copy_from_slice(&row[..INPUTS]);
    for (&c, folded) in row[INPUTS..].iter().zip(folded) {
        if c == 0.0 {
            continue;
        }
        match folded {
            Folded::Unit(at) => out[*at] += c,
            Folded::Affine(terms) => {
                for (o, t) in out.iter_mut().zip(terms) {
                    *o += c * t;
                }
            }
        }
    }
    out
}
