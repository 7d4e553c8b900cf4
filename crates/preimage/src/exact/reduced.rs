//! A network on a cell, written with the functions and maxima that are not yet decided there.

use netinverse_bounds::Element;

use super::basis::{Basis, Enclosed, Row};
use super::forms::{Setting, UNKNOWN};
use super::rows::TargetRows;

/// u, the unit roundoff, a little enlarged for the second-order terms of γ_k.
const UNIT: f64 = f64::EPSILON * 0.500_1;

/// A function or maximum of the network.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// The number of its phase.
    pub(super) ordinal: u32,
    /// The function, or none for a maximum.
    pub(super) hinge: Option<u32>,
    /// The elements that it is a function or the maximum of.
    pub(super) sources: Vec<u32>,
    /// These elements over 1, t and earlier units.
    pub(super) rows: Vec<Row>,
}

/// The undecided units in order, and the rows of the target over them.
#[derive(Debug, Default)]
pub(super) struct Reduced {
    pub(super) units: Vec<Unit>,
    pub(super) targets: Vec<Row>,
    /// The outputs over them, where maps are wanted.
    pub(super) outputs: Vec<Row>,
    /// Coefficients of units in all rows.
    pub(super) coefficients: usize,
}

/// Which alternatives of a unit are possible on a cell: pieces of a function, sources of a maximum; bits.
pub(super) type Alive = u32;

/// What a unit is known to be on a cell, beside its alternatives: how far a decision may be wrong at its edge.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doubt(pub(super) f64);

/// A unit or element of the old network over the new one.
enum Folded {
    Unit(usize),
    /// A row and an upper bound of Σ|coefficient| · |unit|.
    Row(Row, f64),
}

struct Rewriter<'a> {
    setting: &'a Setting,
    basis: Basis,
    folded: Vec<Folded>,
    out: Reduced,
}

impl Setting {
    /// The network on a box of t, its outputs too if their `maps` are wanted: what is decided on all of it is folded in. Writes the
    /// phases that are.
    pub(super) fn reduce(
        &self,
        targets: &TargetRows,
        maps: bool,
        lower: &[f64],
        upper: &[f64],
        phases: &mut [u8],
    ) -> Reduced {
        let dims = self.frame.dims();
        let mut rewriter =
            Rewriter { setting: self, basis: Basis::default(), folded: Vec::new(), out: Reduced::default() };
        rewriter.basis.start(lower, upper);
        for i in 0..self.network.inputs() {
            let mut head = vec![0.0; dims + 1];
            head[0] = self.frame.centre[i];
            if let Some(k) = self.frame.free.iter().position(|&free| free == i) {
                head[k + 1] = self.frame.scale[i];
            }
            rewriter.fold(Row { head, error: self.frame.off[i], ..Row::default() });
        }
        for (index, element) in self.network.elements().iter().enumerate() {
            match *element {
                Element::Affine { terms, constant, radius } => {
                    let row = rewriter.sum(self.network.terms(terms), constant, radius);
                    rewriter.fold(row);
                }
                Element::Function { hinge, source } => {
                    let row = rewriter.of(source);
                    let number = rewriter.basis.combine(&row);
                    let (low, high) = rewriter.basis.range(&number);
                    let kinks = &self.network.hinge(hinge).kinks;
                    let phase = kinks.iter().filter(|&&kink| kink <= low).count();
                    if phase == kinks.len() || high <= kinks[phase] {
                        phases[self.ordinal[index] as usize] = phase as u8;
                        rewriter.fold_line(row, self.network.hinge(hinge).pieces[phase], 0.0);
                    } else {
                        let ordinal = self.ordinal[index];
                        let unit =
                            Unit { ordinal, hinge: Some(hinge), sources: vec![source], rows: vec![row] };
                        rewriter.keep(unit, &[number]);
                    }
                }
                Element::Maximum { sources } => {
                    let sources = self.network.sources(sources).to_vec();
                    let rows: Vec<Row> = sources.iter().map(|&source| rewriter.of(source)).collect();
                    let numbers: Vec<Enclosed> = rows.iter().map(|row| rewriter.basis.combine(row)).collect();
                    let ranges: Vec<(f64, f64)> =
                        numbers.iter().map(|number| rewriter.basis.range(number)).collect();
                    let largest = (0..rows.len())
                        .find(|&a| (0..rows.len()).all(|b| b == a || ranges[b].1 <= ranges[a].0));
                    let ordinal = self.ordinal[index];
                    if let Some(phase) = largest {
                        phases[ordinal as usize] = phase as u8;
                        rewriter.fold_line(rows.into_iter().nth(phase).unwrap_or_default(), (1.0, 0.0), 0.0);
                    } else {
                        rewriter.keep(Unit { ordinal, hinge: None, sources, rows }, &numbers);
                    }
                }
            }
        }
        let output = self.network.output();
        let rows = targets.rows.iter().map(|target| {
            let outputs = target.outputs.iter().zip(output).map(|(&c, &element)| (element, c, 0.0));
            let inputs = target.inputs.iter().enumerate().map(|(i, &c)| (i as u32, c, 0.0));
            let terms = outputs.chain(inputs).filter(|term| term.1 != 0.0);
            rewriter.sum(terms, target.constant, target.error)
        });
        let rows: Vec<Row> = rows.collect();
        rewriter.out.targets = rows;
        if maps {
            rewriter.out.outputs = output.iter().map(|&element| rewriter.of(element)).collect();
        }
        rewriter.out
    }
}

impl Reduced {
    /// Whether bounding all of it costs more than splitting a cell.
    pub(super) fn is_large(&self) -> bool {
        self.coefficients > 4000
    }

    /// The network without the units of which one alternative is left; `kept` is filled with the indices of the others.
    pub(super) fn fold(
        &self,
        setting: &Setting,
        alive: &[Alive],
        doubts: &[Doubt],
        lower: &[f64],
        upper: &[f64],
        kept: &mut Vec<usize>,
    ) -> Reduced {
        let mut rewriter =
            Rewriter { setting, basis: Basis::default(), folded: Vec::new(), out: Reduced::default() };
        rewriter.basis.start(lower, upper);
        for (k, unit) in self.units.iter().enumerate() {
            if alive[k].is_power_of_two() {
                let chosen = alive[k].trailing_zeros() as usize;
                if let Some(hinge) = unit.hinge {
                    let row = rewriter.rewrite(&unit.rows[0]);
                    let hinge = setting.network.hinge(hinge);
                    let doubt = 2.0 * hinge.steepness() * doubts[k].0;
                    rewriter.fold_line(row, hinge.pieces[chosen], doubt);
                } else {
                    let row = rewriter.rewrite(&unit.rows[chosen]);
                    rewriter.fold_line(row, (1.0, 0.0), doubts[k].0);
                }
                continue;
            }
            kept.push(k);
            let rows: Vec<Row> = unit.rows.iter().map(|row| rewriter.rewrite(row)).collect();
            let numbers: Vec<Enclosed> = rows.iter().map(|row| rewriter.basis.combine(row)).collect();
            rewriter.keep(Unit { rows, sources: unit.sources.clone(), ..*unit }, &numbers);
        }
        let targets = self.targets.iter().map(|row| rewriter.rewrite(row)).collect();
        let outputs = self.outputs.iter().map(|row| rewriter.rewrite(row)).collect();
        (rewriter.out.targets, rewriter.out.outputs) = (targets, outputs);
        rewriter.out
    }
}

impl Rewriter<'_> {
    fn dims(&self) -> usize {
        self.setting.frame.dims()
    }

    fn empty(&self) -> Row {
        Row { head: vec![0.0; self.dims() + 1], ..Row::default() }
    }

    /// Adds a row as what the next old element is.
    fn fold(&mut self, row: Row) {
        let units = row.tail.iter().enumerate().map(|(j, c)| c.abs() * self.basis.magnitude(row.start + j));
        let norm = row.head.iter().map(|c| c.abs()).sum::<f64>() + units.sum::<f64>() + row.error;
        self.folded.push(Folded::Row(row, norm * (1.0 + 1e-9)));
    }

    /// Adds `slope · row + intercept`, to within `doubt` more.
    fn fold_line(&mut self, mut row: Row, (slope, intercept): (f64, f64), doubt: f64) {
        if slope != 1.0 {
            row.head.iter_mut().chain(&mut row.tail).for_each(|c| *c *= slope);
            if slope == 0.0 {
                (row.start, row.tail) = (0, Vec::new());
            }
        }
        row.head[0] += intercept;
        let units = row.tail.iter().enumerate().map(|(j, c)| c.abs() * self.basis.magnitude(row.start + j));
        let norm = row.head.iter().map(|c| c.abs()).sum::<f64>() + units.sum::<f64>();
        row.error = (row.error * slope.abs() + doubt + 4.0 * UNIT * (norm + intercept.abs())) * (1.0 + 1e-9);
        self.fold(row);
    }

    fn keep(&mut self, unit: Unit, numbers: &[Enclosed]) {
        if let Some(hinge) = unit.hinge {
            let range = self.basis.range(&numbers[0]);
            self.basis.push_hinge(&numbers[0], self.setting.network.hinge(hinge), range);
        } else {
            self.basis.push_maximum(numbers);
        }
        self.folded.push(Folded::Unit(self.out.units.len()));
        self.out.coefficients += unit.rows.iter().map(|row| row.tail.len()).sum::<usize>();
        self.out.units.push(unit);
    }

    /// An old element over the new units.
    fn of(&self, element: u32) -> Row {
        match &self.folded[element as usize] {
            Folded::Row(row, _) => row.clone(),
            Folded::Unit(unit) => {
                let mut row = self.empty();
                row.add_unit(*unit, 1.0);
                row
            }
        }
    }

    /// `Σ c · element + constant`, each coefficient and the constant to within a radius.
    fn sum(&self, terms: impl Iterator<Item = (u32, f64, f64)>, constant: f64, radius: f64) -> Row {
        let mut row = self.empty();
        row.head[0] = constant;
        let (mut error, mut norm, mut count) = (radius, constant.abs(), 1);
        for (element, c, off) in terms {
            count += 1;
            match &self.folded[element as usize] {
                Folded::Unit(unit) => {
                    row.add_unit(*unit, c);
                    let magnitude = self.basis.magnitude(*unit);
                    norm += c.abs() * magnitude;
                    error += off * magnitude;
                }
                Folded::Row(other, magnitude) => {
                    row.add_scaled(c, other);
                    norm += c.abs() * magnitude;
                    error += c.abs() * other.error + off * magnitude;
                }
            }
        }
        let count = f64::from(count + 4);
        row.error = (error + count * UNIT * norm) * (1.0 + count * 1e-14);
        row
    }

    /// A row over the old units as one over the new.
    fn rewrite(&self, row: &Row) -> Row {
        let mut out = self.empty();
        out.head.copy_from_slice(&row.head);
        let mut norm = row.head.iter().map(|c| c.abs()).sum::<f64>();
        let mut error = row.error;
        for (j, &c) in row.tail.iter().enumerate().filter(|(_, c)| **c != 0.0) {
            match &self.folded[row.start + j] {
                Folded::Unit(unit) => {
                    out.add_unit(*unit, c);
                    norm += c.abs() * self.basis.magnitude(*unit);
                }
                Folded::Row(other, magnitude) => {
                    out.add_scaled(c, other);
                    norm += c.abs() * magnitude;
                    error += c.abs() * other.error;
                }
            }
        }
        let count = (row.tail.len() + 5) as f64;
        out.error = (error + count * UNIT * norm) * (1.0 + count * 1e-14);
        out
    }
}

/// The phases with one more that is decided.
pub(super) fn decide(phases: &mut [u8], unit: &Unit, alive: Alive) {
    if alive.is_power_of_two() {
        phases[unit.ordinal as usize] = alive.trailing_zeros() as u8;
    } else {
        phases[unit.ordinal as usize] = UNKNOWN;
    }
}
