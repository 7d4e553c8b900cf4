//! Collisions of any network, proved by intervals.
//!
//! Two points are fixed but for as many coordinates u as there are equations. With the secant matrix A of a small box U
//! around u and C ≈ A⁻¹, the Krawczyk operator `u − C F(u) + (I − C A)(U − u)` maps U into its interior, so F(u) = f(x₁) − f(x₂)
//! has a zero there (Brouwer; it needs no derivative, only that F(u) − F(v) ∈ A (u − v)).

use netinverse_bounds::{Bounder, Method, Workspace};
use netinverse_linalg::{Interval, Lu, Matrix};
use netinverse_network::Evaluator;

use crate::Region;
use crate::injectivity::{UP, rounding};

/// A collision whose existence is proved.
#[derive(Debug, Clone)]
pub(crate) struct Enclosed {
    pub(crate) x1: Vec<f64>,
    pub(crate) x2: Vec<f64>,
    /// Every coordinate of the true pair is within this of what is given.
    pub(crate) radius: f64,
    /// How many coordinates were solved for.
    pub(crate) coordinates: usize,
}

/// Proves that there is a collision next to two points. Outputs that intervals show to be equal are no equations.
pub(crate) fn enclose_pair(
    network: &Bounder,
    evaluator: &Evaluator<f64>,
    x1: &[f64],
    x2: &[f64],
    region: &Region,
) -> Option<Enclosed> {
    let n = x1.len();
    let m = network.output_size();
    let free = region.free();
    let (mut x1, mut x2) = (x1.to_vec(), x2.to_vec());
    let mut workspace = network.workspace();
    let (mut y, mut jacobian) = (vec![0.0; 2 * m], vec![0.0; 2 * m * n]);
    // Which outputs are equations at all.
    let (a, b) = (value(network, &mut workspace, &x1)?, value(network, &mut workspace, &x2)?);
    let rows: Vec<usize> = (0..m).filter(|&j| !(a[j].lo() == a[j].hi() && a[j] == b[j])).collect();
    let equations = rows.len();
    if equations == 0 || equations > free.len() * 2 || equations > 1200 {
        return None;
    }
    evaluator.jacobian(&[&x1[..], &x2[..]].concat(), &mut y, &mut jacobian);
    // Coordinates with room on both sides, those of the second point first.
    let diagonal = region.diagonal();
    let room = |x: &[f64], i: usize| {
        (x[i] - region.lower[i]).min(region.upper[i] - x[i]) > 1e-7 * (region.upper[i] - region.lower[i])
    };
    let mut candidates: Vec<(bool, usize)> = Vec::new();
    candidates.extend(free.iter().filter(|&&i| room(&x2, i)).map(|&i| (true, i)));
    let second_only = candidates.len();
    candidates.extend(free.iter().filter(|&&i| room(&x1, i)).map(|&i| (false, i)));
    let column = |&(second, i): &(bool, usize)| -> Vec<f64> {
        let (from, sign) = if second { (m * n, -1.0) } else { (0, 1.0) };
        rows.iter().map(|&j| sign * jacobian[from + j * n + i]).collect()
    };
    let columns: Vec<Vec<f64>> = candidates.iter().map(column).collect();
    let chosen = pivots(&columns[..second_only], equations).or_else(|| pivots(&columns, equations))?;
    let unknowns: Vec<(bool, usize)> = chosen.iter().map(|&at| candidates[at]).collect();

    // Newton in floating point.
    for _ in 0..4 {
        evaluator.jacobian(&[&x1[..], &x2[..]].concat(), &mut y, &mut jacobian);
        let square = square(&jacobian, &rows, &unknowns, m, n);
        let residual: Vec<f64> = rows.iter().map(|&j| y[j] - y[m + j]).collect();
        let step = Lu::new(&square).solve_vector(&residual)?;
        if step.iter().any(|s| s.abs() > 0.1 * diagonal) {
            return None;
        }
        for (&(second, i), step) in unknowns.iter().zip(&step) {
            let x = if second { &mut x2[i] } else { &mut x1[i] };
            *x = (*x - step).clamp(region.lower[i], region.upper[i]);
        }
        if step.iter().all(|s| s.abs() <= 1e-15 * diagonal) {
            break;
        }
    }
    let (a, b) = (value(network, &mut workspace, &x1)?, value(network, &mut workspace, &x2)?);
    let residual: Vec<Interval> = rows.iter().map(|&j| a[j] - b[j]).collect();
    evaluator.jacobian(&[&x1[..], &x2[..]].concat(), &mut y, &mut jacobian);
    let c = Lu::new(&square(&jacobian, &rows, &unknowns, m, n)).solve(&Matrix::identity(equations))?;
    // |C F(u)|
    let newton: Vec<f64> = (0..equations)
        .map(|i| {
            c.row(i).iter().zip(&residual).fold(Interval::ZERO, |sum, (&c, &r)| sum + Interval::point(c) * r)
        })
        .map(Interval::magnitude)
        .collect();
    let least = newton.iter().copied().fold(0.0, f64::max);
    let mut radius = (4.0 * least).max(1e-14 * diagonal.max(1e-6));
    for _ in 0..8 {
        if contracts(network, &mut workspace, &x1, &x2, &unknowns, &rows, radius, &c, &newton, region)? {
            return finish(x1, x2, &unknowns, radius, region);
        }
        radius *= 8.0;
    }
    None
}

/// Whether the Krawczyk operator maps the box of this radius into itself.
fn contracts(
    network: &Bounder,
    workspace: &mut Workspace,
    x1: &[f64],
    x2: &[f64],
    unknowns: &[(bool, usize)],
    rows: &[usize],
    radius: f64,
    c: &Matrix,
    newton: &[f64],
    region: &Region,
) -> Option<bool> {
    let (n, k) = (x1.len(), unknowns.len());
    // The constant outputs must stay constant on the boxes too.
    let mut constant: Vec<Vec<Interval>> = Vec::new();
    let mut secants = Vec::new();
    for (x, second) in [(x1, false), (x2, true)] {
        let (mut lower, mut upper) = (x.to_vec(), x.to_vec());
        let mut directions = vec![0.0; n * k];
        for (column, &(_, i)) in unknowns.iter().enumerate().filter(|(_, (own, _))| *own == second) {
            (lower[i], upper[i]) = ((x[i] - radius).next_down(), (x[i] + radius).next_up());
            if lower[i] < region.lower[i] || upper[i] > region.upper[i] {
                return Some(false);
            }
            directions[i * k + column] = if second { -1.0 } else { 1.0 };
        }
        if !network.analyse(&lower, &upper, Method::Intervals, workspace) {
            return None;
        }
        let ranges = network.ranges(workspace);
        let slopes = network.slopes(&ranges, &ranges)?;
        secants.push(network.secant(&slopes, &directions, k));
        constant.push(network.output_intervals(workspace)?);
    }
    let m = secants[0].rows;
    let is_equation = |j: usize| rows.binary_search(&j).is_ok();
    let same = |j: usize| constant[0][j].lo() == constant[0][j].hi() && constant[0][j] == constant[1][j];
    if (0..m).any(|j| !is_equation(j) && !same(j)) {
        return Some(false);
    }
    // |C F(u)| + |I − C A| r < r
    for i in 0..k {
        let mut total = newton[i];
        for l in 0..k {
            let (mut sum, mut spread, mut magnitude) = (0.0, 0.0, 0.0);
            for (row, &j) in rows.iter().enumerate() {
                let at = j * k + l;
                let a = secants[0].centre[at] + secants[1].centre[at];
                sum += c.row(i)[row] * a;
                magnitude += (c.row(i)[row] * a).abs();
                spread += c.row(i)[row].abs() * (secants[0].radius[at] + secants[1].radius[at]);
            }
            let target = f64::from(u8::from(i == l));
            total += ((target - sum).abs() + spread + rounding(k) * (1.0 + magnitude)) * radius * UP;
        }
        // What is not a number is not below the radius.
        let below = total * UP < radius;
        if !below {
            return Some(false);
        }
    }
    Some(true)
}

fn finish(
    x1: Vec<f64>,
    x2: Vec<f64>,
    unknowns: &[(bool, usize)],
    radius: f64,
    region: &Region,
) -> Option<Enclosed> {
    // The true points differ: in one coordinate by more than both can move.
    let apart = x1.iter().zip(&x2).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let within = |x: &[f64]| {
        region.ball.as_ref().is_none_or(|ball| {
            let square: f64 = x.iter().zip(&ball.centre).map(|(x, c)| (x - c).powi(2)).sum();
            (square.sqrt() + radius * (unknowns.len() as f64).sqrt()) * UP <= ball.radius
        })
    };
    let inside = within(&x1) && within(&x2);
    (apart > 4.0 * radius && inside).then_some(Enclosed { x1, x2, radius, coordinates: unknowns.len() })
}

/// f at a point, enclosed.
fn value(network: &Bounder, workspace: &mut Workspace, x: &[f64]) -> Option<Vec<Interval>> {
    network.analyse(x, x, Method::Intervals, workspace).then_some(())?;
    network.output_intervals(workspace)
}

fn square(jacobian: &[f64], rows: &[usize], unknowns: &[(bool, usize)], m: usize, n: usize) -> Matrix {
    Matrix::from_fn(rows.len(), unknowns.len(), |row, column| {
        let (second, i) = unknowns[column];
        let (from, sign) = if second { (m * n, -1.0) } else { (0, 1.0) };
        sign * jacobian[from + rows[row] * n + i]
    })
}

/// `count` columns that are independent and well so: Gram–Schmidt, the longest remainder first.
fn pivots(columns: &[Vec<f64>], count: usize) -> Option<Vec<usize>> {
    if columns.len() < count {
        return None;
    }
    let mut rest: Vec<Vec<f64>> = columns.to_vec();
    let mut square: Vec<f64> = rest.iter().map(|c| c.iter().map(|v| v * v).sum()).collect();
    let largest = square.iter().copied().fold(0.0, f64::max);
    let mut chosen = Vec::with_capacity(count);
    for _ in 0..count {
        let at = (0..rest.len()).max_by(|&p, &q| square[p].total_cmp(&square[q]))?;
        if !(square[at] > 1e-18 * largest && square[at] > 0.0) {
            return None;
        }
        let length = square[at].sqrt();
        let unit: Vec<f64> = rest[at].iter().map(|v| v / length).collect();
        for (column, square) in rest.iter_mut().zip(&mut square) {
            let along: f64 = column.iter().zip(&unit).map(|(c, u)| c * u).sum();
            if along != 0.0 {
                column.iter_mut().zip(&unit).for_each(|(c, u)| *c -= along * u);
                *square = column.iter().map(|v| v * v).sum();
            }
        }
        square[at] = 0.0;
        chosen.push(at);
    }
    Some(chosen)
}
