//! Multipliers that prove a bound of a form on a polytope, by the simplex method on the dual of the linear program. Nothing is
//! believed because it comes from here: the kernel says what multipliers prove.
//!
//! Least `c·t + c₀` over `a_k·t + b_k ≥ 0`, 0 ≤ t ≤ 1. The dual: least `Σ λ_k b_k + Σ ν_i` with `Σ λ_k a_k + μ − ν = c`, all
//! ≥ 0; μ or ν alone make a basis to begin with.

use std::borrow::Borrow;

use crate::kernel::{Rational, Wall};

/// A coefficient or cost that counts as 0.
const ZERO: f64 = 1e-14;

/// A polytope in the coordinates of a box around it: inputs with lower < upper, from 0 to 1.
#[derive(Debug)]
pub(super) struct Simplex {
    /// The inputs that are not fixed.
    free: Vec<usize>,
    widths: Vec<f64>,
    /// d slopes and a constant for each wall, the largest slope 1; and what they were divided by.
    walls: Vec<f64>,
    sizes: Vec<f64>,
    tableau: Vec<f64>,
    basis: Vec<usize>,
    costs: Vec<f64>,
}

/// The largest magnitude; 1 where there is none.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    let most = values.fold(0.0f64, |most, v| most.max(v.abs()));
    if most > 0.0 { most } else { 1.0 }
}

/// The end of a program.
#[derive(Debug)]
pub(super) struct Dual {
    /// The least value, as far as doubles tell; +∞ where there is no point.
    pub(super) value: f64,
    /// A multiplier for each wall; where there is no point, those that show it.
    pub(super) multipliers: Vec<f64>,
    /// The columns of the last basis, for solving again without rounding.
    pub(super) basis: Vec<usize>,
    /// Where the least value is taken.
    pub(super) point: Vec<f64>,
}

impl Simplex {
    pub(super) fn new<W: Borrow<Wall>>(walls: &[W], lower: &[f64], upper: &[f64]) -> Self {
        let free: Vec<usize> = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
        let widths: Vec<f64> = free.iter().map(|&i| upper[i] - lower[i]).collect();
        let mut scaled = Vec::with_capacity(walls.len() * (free.len() + 1));
        let mut sizes = Vec::with_capacity(walls.len());
        for wall in walls {
            let wall: &Wall = wall.borrow();
            let slopes = free.iter().zip(&widths).map(|(&i, width)| wall.slopes[i] * width);
            let size = largest(slopes.clone());
            scaled.extend(slopes.map(|slope| slope / size));
            let corner = wall.slopes.iter().zip(lower).fold(wall.constant, |sum, (a, x)| sum + a * x);
            scaled.push(corner / size);
            sizes.push(size);
        }
        Simplex {
            free,
            widths,
            walls: scaled,
            sizes,
            tableau: Vec::new(),
            basis: Vec::new(),
            costs: Vec::new(),
        }
    }

    /// The least value of `slopes·x + constant` (of the box with this lower corner).
    pub(super) fn least(&mut self, slopes: &[f64], constant: f64, lower: &[f64]) -> Dual {
        let d = self.free.len();
        let count = self.walls.len() / (d + 1);
        // Columns: walls, μ, ν, the right side.
        let width = count + 2 * d + 1;
        self.tableau.clear();
        self.tableau.resize(d * width, 0.0);
        self.basis.clear();
        self.costs.clear();
        self.costs.extend(self.walls.chunks_exact(d + 1).map(|wall| wall[d]));
        self.costs.extend(std::iter::repeat_n(0.0, d));
        self.costs.extend(std::iter::repeat_n(1.0, d));
        self.costs.push(0.0);
        let start = slopes.iter().zip(lower).fold(constant, |sum, (a, x)| sum + a * x);
        let steepest = largest((0..d).map(|i| slopes[self.free[i]] * self.widths[i]));
        for i in 0..d {
            let c = slopes[self.free[i]] * self.widths[i] / steepest;
            let sign = if c < 0.0 { -1.0 } else { 1.0 };
            let row = &mut self.tableau[i * width..][..width];
            for k in 0..count {
                row[k] = sign * self.walls[k * (d + 1) + i];
            }
            row[count + i] = sign;
            row[count + d + i] = -sign;
            row[width - 1] = c.abs();
            self.basis.push(if c < 0.0 { count + d + i } else { count + i });
            if c < 0.0 {
                // ν costs 1.
                for (cost, &entry) in self.costs.iter_mut().zip(&*row) {
                    *cost -= entry;
                }
            }
        }
        let most = 40 + 6 * (count + d);
        let mut ray: Option<usize> = None;
        for step in 0..most {
            // The steepest column, and in the end, lest it goes round in circles, the first.
            let improving = (0..width - 1).filter(|&k| self.costs[k] < -ZERO);
            let entering = if 2 * step < most {
                improving.min_by(|&a, &b| self.costs[a].total_cmp(&self.costs[b]))
            } else {
                improving.into_iter().next()
            };
            let Some(entering) = entering else { break };
            let ratio = |i: usize| {
                let entry = self.tableau[i * width + entering];
                (entry > ZERO).then(|| self.tableau[i * width + width - 1] / entry)
            };
            let leaving = (0..d)
                .filter_map(|i| Some((i, ratio(i)?)))
                .min_by(|a, b| a.1.total_cmp(&b.1).then(self.basis[a.0].cmp(&self.basis[b.0])));
            let Some((leaving, _)) = leaving else {
                ray = Some(entering);
                break;
            };
            self.pivot(leaving, entering, width);
        }
        let mut multipliers = vec![0.0; count];
        for i in (0..d).filter(|&i| self.basis[i] < count) {
            let entry = |k: usize| self.tableau[i * width + k];
            multipliers[self.basis[i]] = ray.map_or(entry(width - 1), |k| -entry(k)).max(0.0);
        }
        if let Some(entering) = ray.filter(|&k| k < count) {
            multipliers[entering] = 1.0;
        }
        for (multiplier, size) in multipliers.iter_mut().zip(&self.sizes) {
            *multiplier *= steepest / size;
        }
        let mut point = lower.to_vec();
        for i in 0..d {
            point[self.free[i]] += self.widths[i] * self.costs[count + i].clamp(0.0, 1.0);
        }
        // The last entry of the costs is minus what the basis costs.
        let value = if ray.is_some() { f64::INFINITY } else { start + steepest * self.costs[width - 1] };
        Dual { value, multipliers, basis: self.basis.clone(), point }
    }

    fn pivot(&mut self, leaving: usize, entering: usize, width: usize) {
        let rows = self.basis.len();
        let factor = 1.0 / self.tableau[leaving * width + entering];
        self.tableau[leaving * width..][..width].iter_mut().for_each(|entry| *entry *= factor);
        for i in (0..rows).filter(|&i| i != leaving) {
            let factor = self.tableau[i * width + entering];
            if factor != 0.0 {
                let (a, b) = self.tableau.split_at_mut(leaving.max(i) * width);
                let (own, from) = if i < leaving {
                    (&mut a[i * width..][..width], &b[..width])
                } else {
                    (&mut b[..width], &a[leaving * width..][..width])
                };
                own.iter_mut().zip(from).for_each(|(to, from)| *to -= factor * from);
                own[entering] = 0.0;
            }
        }
        let factor = self.costs[entering];
        let from = &self.tableau[leaving * width..][..width];
        self.costs.iter_mut().zip(from).for_each(|(to, from)| *to -= factor * from);
        self.costs[entering] = 0.0;
        self.basis[leaving] = entering;
    }
}

/// The end of a program without rounding: a multiplier for each wall.
#[derive(Debug)]
pub(super) enum Exactly {
    Least(Vec<Rational>),
    /// No point satisfies all walls; they show it.
    NoPoint(Vec<Rational>),
}

/// Pivots without rounding that are worth while.
const MOST_EXACT: usize = 200;

/// The program without rounding: walls `a·t + b ≥ 0` with 0 ≤ tᵢ ≤ widthᵢ, the form `c·t`. It begins with a basis of columns (walls,
/// μ, ν) if that is one, and goes on by Bland's rule, so that it ends.
pub(super) fn exactly(
    walls: &[(Vec<Rational>, Rational)],
    widths: &[Rational],
    target: &[Rational],
    basis: &[usize],
) -> Option<Exactly> {
    let (d, count) = (widths.len(), walls.len());
    let width = count + 2 * d + 1;
    let start = |turned: &dyn Fn(usize) -> bool| -> Tableau {
        let row = |i: usize| {
            let turn = |v: Rational| if turned(i) { -v } else { v };
            let own = walls.iter().map(|(a, _)| turn(a[i].clone()));
            let unit =
                |sign: Rational| (0..d).map(move |j| if i == j { sign.clone() } else { Rational::ZERO });
            let sides = unit(Rational::ONE).chain(unit(-Rational::ONE)).map(turn);
            own.chain(sides).chain([turn(target[i].clone())]).collect()
        };
        let costs = walls.iter().map(|(_, b)| b.clone());
        let costs = costs.chain((0..d).map(|_| Rational::ZERO)).chain(widths.iter().cloned());
        let costs = costs.chain([Rational::ZERO]).collect();
        Tableau { rows: (0..d).map(row).collect(), costs, basis: vec![usize::MAX; d] }
    };
    let mut tableau = start(&|_| false);
    if !tableau.take(basis) {
        // The sides of the box alone.
        let negative = |i: usize| target[i] < Rational::ZERO;
        tableau = start(&negative);
        for i in 0..d {
            tableau.pivot(i, if negative(i) { count + d + i } else { count + i });
        }
    }
    for _ in 0..MOST_EXACT {
        let Some(entering) = (0..width - 1).find(|&k| tableau.costs[k] < Rational::ZERO) else {
            let mut multipliers = vec![Rational::ZERO; count];
            for (row, &column) in tableau.rows.iter().zip(&tableau.basis) {
                if column < count {
                    multipliers[column].clone_from(&row[width - 1]);
                }
            }
            return Some(Exactly::Least(multipliers));
        };
        let ratio = |i: usize| {
            let entry = &tableau.rows[i][entering];
            (*entry > Rational::ZERO).then(|| (&tableau.rows[i][width - 1] / entry, tableau.basis[i], i))
        };
        let Some((.., leaving)) = (0..d).filter_map(ratio).min() else {
            let mut multipliers = vec![Rational::ZERO; count];
            for (row, &column) in tableau.rows.iter().zip(&tableau.basis) {
                if column < count {
                    multipliers[column] = -row[entering].clone();
                }
            }
            if entering < count {
                multipliers[entering] = Rational::ONE;
            }
            return Some(Exactly::NoPoint(multipliers));
        };
        tableau.pivot(leaving, entering);
    }
    None
}

struct Tableau {
    rows: Vec<Vec<Rational>>,
    costs: Vec<Rational>,
    basis: Vec<usize>,
}

impl Tableau {
    /// Makes some columns the basis; `false` if they are none, or one that is not feasible.
    fn take(&mut self, basis: &[usize]) -> bool {
        for &column in basis {
            let open = |i: &usize| self.basis[*i] == usize::MAX && self.rows[*i][column] != Rational::ZERO;
            let Some(row) = (0..self.rows.len()).find(open) else { return false };
            self.pivot(row, column);
        }
        let last = self.costs.len() - 1;
        basis.len() == self.rows.len() && self.rows.iter().all(|row| row[last] >= Rational::ZERO)
    }

    fn pivot(&mut self, leaving: usize, entering: usize) {
        let mut own = std::mem::take(&mut self.rows[leaving]);
        let pivot = own[entering].clone();
        own.iter_mut().filter(|v| **v != Rational::ZERO).for_each(|v| *v = &*v / &pivot);
        for row in self.rows.iter_mut().chain([&mut self.costs]).filter(|row| !row.is_empty()) {
            let factor = row[entering].clone();
            if factor != Rational::ZERO {
                for (to, from) in row.iter_mut().zip(&own).filter(|(_, from)| **from != Rational::ZERO) {
                    *to -= &factor * from;
                }
            }
        }
        self.rows[leaving] = own;
        self.basis[leaving] = entering;
    }
}
