//! The norms in which "nearest" is meant, and the linearised problem in each.

use super::least_distance::{Ending, LeastDistance, Nearest, Rows};

/// How far apart two inputs are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Norm {
    /// Σ wᵢ |dᵢ|
    L1,
    /// √Σ wᵢ dᵢ²
    L2,
    /// max wᵢ |dᵢ|
    LInf,
}

impl Norm {
    /// The distance between two inputs, with weights w (1 when absent).
    pub fn distance(self, x: &[f64], near: &[f64], weights: Option<&[f64]>) -> f64 {
        let weight = |i: usize| weights.map_or(1.0, |w| w[i]);
        let gaps = x.iter().zip(near).map(|(a, b)| (a - b).abs()).enumerate();
        match self {
            Norm::L1 => gaps.map(|(i, d)| weight(i) * d).sum(),
            Norm::L2 => gaps.map(|(i, d)| weight(i) * d * d).sum::<f64>().sqrt(),
            Norm::LInf => gaps.map(|(i, d)| weight(i) * d).fold(0.0, f64::max),
        }
    }

    /// The nearest point to `problem.reference` that satisfies linear rows in the box; left in `solver.x`.
    ///
    /// L2 is one program. L∞ is exact for one row, and searches for the radius of a smaller box for more. L1 reweights the squares (IRLS).
    pub fn project(
        self,
        solver: &mut LeastDistance,
        rows: &Rows<'_>,
        problem: &Nearest<'_>,
        tolerance: f64,
    ) -> Ending {
        match self {
            Norm::L2 => solver.solve(rows, problem, tolerance),
            Norm::LInf if rows.b.len() == 1 => project_linf_one_row(solver, rows, problem),
            Norm::LInf => project_linf(solver, rows, problem, tolerance),
            Norm::L1 => project_l1(solver, rows, problem, tolerance),
        }
    }
}

/// One row: every input moves by the radius r, or to its bound, in the direction that helps. What that gains is concave
/// and piecewise linear in r, so Newton's method from r = 0 is monotone and finite.
fn project_linf_one_row(solver: &mut LeastDistance, rows: &Rows<'_>, problem: &Nearest<'_>) -> Ending {
    let weight = |i: usize| problem.weights.map_or(1.0, |w| w[i]);
    solver.x.clear();
    solver.x.extend(
        problem.reference.iter().zip(problem.lower).zip(problem.upper).map(|((r, l), u)| r.max(*l).min(*u)),
    );
    let value: f64 = rows.a.iter().zip(&solver.x).map(|(a, x)| a * x).sum();
    let missing = rows.b[0] - value;
    if rows.equations == 0 && missing <= 0.0 {
        return Ending::Solved(0.0);
    }
    let room = |i: usize| {
        let bound = if rows.a[i] * missing > 0.0 { problem.upper[i] } else { problem.lower[i] };
        (bound - solver.x[i]).abs()
    };
    // Rate of gain and the radius at which the bound stops it, one an input that matters.
    let columns: Vec<(f64, f64, usize)> = (0..rows.a.len())
        .filter(|&i| rows.a[i] != 0.0)
        .map(|i| (rows.a[i].abs() / weight(i), weight(i) * room(i), i))
        .collect();
    let mut radius = 0.0;
    for _ in 0..=columns.len() {
        let (mut gain, mut rate) = (0.0, 0.0);
        for &(own, end, _) in &columns {
            gain += own * end.min(radius);
            rate += if end > radius { own } else { 0.0 };
        }
        let short = missing.abs() - gain;
        if short <= 1e-15 * missing.abs() {
            break;
        }
        if rate <= 0.0 {
            return Ending::Infeasible(short);
        }
        radius += short / rate;
    }
    for &(_, end, i) in &columns {
        let bound = if rows.a[i] * missing > 0.0 { problem.upper[i] } else { problem.lower[i] };
        let step = radius / weight(i) * (rows.a[i] * missing).signum();
        solver.x[i] = if end <= radius {
            bound
        } else {
            (solver.x[i] + step).max(problem.lower[i]).min(problem.upper[i])
        };
    }
    Ending::Solved(0.0)
}

fn project_linf(
    solver: &mut LeastDistance,
    rows: &Rows<'_>,
    problem: &Nearest<'_>,
    tolerance: f64,
) -> Ending {
    // Inside the smaller box any feasible point will do, so the objective stays the unweighted square.
    let whole = Nearest { weights: None, ..*problem };
    let first = solver.solve(rows, &whole, tolerance);
    if !matches!(first, Ending::Solved(_)) {
        return first;
    }
    let mut best = solver.x.clone();
    let mut high = Norm::LInf.distance(&best, problem.reference, problem.weights);
    // Each row alone bounds the radius from below, and one row often decides it.
    let mut low = 0.0f64;
    let n = problem.reference.len();
    for (k, row) in rows.a.chunks(n).enumerate() {
        let alone = Rows { a: row, b: &rows.b[k..=k], equations: usize::from(k < rows.equations) };
        if matches!(project_linf_one_row(solver, &alone, problem), Ending::Solved(_)) {
            low = low.max(Norm::LInf.distance(&solver.x, problem.reference, problem.weights));
        }
    }
    let mut radius = low * (1.0 + 1e-6);
    let (mut lower, mut upper) = (problem.lower.to_vec(), problem.upper.to_vec());
    for _ in 0..40 {
        if high - low <= 1e-5 * high {
            break;
        }
        let mut empty = false;
        for (i, &r) in problem.reference.iter().enumerate() {
            let own = radius / problem.weights.map_or(1.0, |w| w[i]);
            lower[i] = problem.lower[i].max(r - own);
            upper[i] = problem.upper[i].min(r + own);
            empty |= lower[i] > upper[i];
        }
        solver.lambda.fill(0.0);
        let smaller = Nearest { lower: &lower, upper: &upper, ..whole };
        let ending = if empty { Ending::Unsettled(0.0) } else { solver.solve(rows, &smaller, tolerance) };
        let middle = 0.5 * (low.max(radius) + high);
        match ending {
            Ending::Solved(_) => {
                high = Norm::LInf.distance(&solver.x, problem.reference, problem.weights).min(radius);
                best.copy_from_slice(&solver.x);
                radius = 0.5 * (low + high);
            }
            // What separates the rows from the smaller box is one row, and that bounds the radius from below: Newton's
            // method on the radius.
            Ending::Infeasible(_) => {
                low = radius;
                let bound = combined_radius(solver, rows, problem);
                radius = if bound > radius * (1.0 + 1e-9) && bound < high {
                    low = bound;
                    bound * (1.0 + 1e-6)
                } else {
                    middle
                };
            }
            Ending::Unsettled(_) => {
                low = radius;
                radius = middle;
            }
        }
    }
    solver.x.copy_from_slice(&best);
    first
}

/// The radius that the rows, combined with the multipliers of `solver`, ask for.
fn combined_radius(solver: &mut LeastDistance, rows: &Rows<'_>, problem: &Nearest<'_>) -> f64 {
    let n = problem.reference.len();
    let (mut a, mut b) = (vec![0.0; n], 0.0);
    for ((row, constant), lambda) in rows.a.chunks(n).zip(rows.b).zip(&solver.lambda) {
        a.iter_mut().zip(row).for_each(|(sum, coefficient)| *sum += lambda * coefficient);
        b += lambda * constant;
    }
    match project_linf_one_row(solver, &Rows { a: &a, b: &[b], equations: 0 }, problem) {
        Ending::Solved(_) => Norm::LInf.distance(&solver.x, problem.reference, problem.weights),
        _ => 0.0,
    }
}

fn project_l1(solver: &mut LeastDistance, rows: &Rows<'_>, problem: &Nearest<'_>, tolerance: f64) -> Ending {
    let mut ending = solver.solve(rows, &Nearest { weights: None, ..*problem }, tolerance);
    if !matches!(ending, Ending::Solved(_)) {
        return ending;
    }
    let distance = |x: &[f64]| Norm::L1.distance(x, problem.reference, problem.weights);
    let mut best = solver.x.clone();
    let mut shortest = distance(&best);
    let mut width = Norm::LInf.distance(&best, problem.reference, None).max(f64::MIN_POSITIVE);
    let mut weights = vec![1.0; best.len()];
    for _ in 0..30 {
        for (i, weight) in weights.iter_mut().enumerate() {
            let gap = (solver.x[i] - problem.reference[i]).abs().max(width);
            *weight = problem.weights.map_or(1.0, |w| w[i]) / gap;
        }
        solver.lambda.fill(0.0);
        let step = solver.solve(rows, &Nearest { weights: Some(&weights), ..*problem }, tolerance);
        if !matches!(step, Ending::Solved(_)) {
            break;
        }
        let length = distance(&solver.x);
        if length < shortest {
            ending = step;
            shortest = length;
            best.copy_from_slice(&solver.x);
        }
        width = (width * 0.3).max(1e-9 * shortest);
    }
    solver.x.copy_from_slice(&best);
    ending
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One row a·x = b: the distance to a hyperplane is |b − a·r| over the dual norm of a.
    #[test]
    fn the_distance_to_a_hyperplane_is_by_the_dual_norm() {
        let a = [3.0, -1.0, 2.0];
        let reference = [0.1, 0.2, 0.3];
        let gap = 1.0 - (0.3 - 0.2 + 0.6);
        let rows = Rows { a: &a, b: &[1.0], equations: 1 };
        let (lower, upper) = ([-10.0; 3], [10.0; 3]);
        let problem =
            Nearest { reference: &reference, weights: None, lower: &lower, upper: &upper, softness: 0.0 };
        for (norm, dual) in [(Norm::L1, 3.0), (Norm::L2, 14f64.sqrt()), (Norm::LInf, 6.0)] {
            let mut solver = LeastDistance::default();
            assert!(matches!(norm.project(&mut solver, &rows, &problem, 1e-12), Ending::Solved(_)));
            let distance = norm.distance(&solver.x, &reference, None);
            assert!((distance - gap / dual).abs() < 1e-6, "{norm:?}: {distance} against {}", gap / dual);
        }
    }

    /// Cramer's rule; `None` where the planes do not meet in a point.
    fn meet(planes: [&[f64; 4]; 3]) -> Option<[f64; 3]> {
        let det = |m: [[f64; 3]; 3]| {
            m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1])
                - m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0])
                + m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0])
        };
        let matrix = planes.map(|p| [p[0], p[1], p[2]]);
        let whole = det(matrix);
        (whole.abs() > 1e-9).then(|| {
            [0, 1, 2].map(|column| {
                let mut replaced = matrix;
                (0..3).for_each(|row| replaced[row][column] = planes[row][3]);
                det(replaced) / whole
            })
        })
    }

    /// Several rows in L∞ are a linear program in (x, r); with two inputs all its vertices can be listed.
    #[test]
    fn the_distance_in_the_largest_norm_is_that_of_the_best_vertex() {
        let (mut compared, mut exact) = (0, 0);
        for case in 0..200 {
            let mut rng = netinverse_base::Rng::new(9, case);
            let a: Vec<f64> = (0..6).map(|_| rng.normal()).collect();
            let inside = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
            let b: Vec<f64> =
                a.chunks(2).map(|a| a[0] * inside[0] + a[1] * inside[1] - 0.2 * rng.uniform()).collect();
            let reference = [rng.range(-1.0, 1.0), rng.range(-1.0, 1.0)];
            let weights = [rng.range(0.5, 2.0), rng.range(0.5, 2.0)];
            // Rows p·(x, r) ≥ p₃.
            let mut planes: Vec<[f64; 4]> = a.chunks(2).zip(&b).map(|(a, b)| [a[0], a[1], 0.0, *b]).collect();
            for i in 0..2 {
                for sign in [1.0, -1.0] {
                    let mut side = [0.0; 4];
                    (side[i], side[3]) = (sign, -1.0);
                    planes.push(side);
                    let mut ball = [0.0, 0.0, 1.0, 0.0];
                    (ball[i], ball[3]) = (sign * weights[i], sign * weights[i] * reference[i]);
                    planes.push(ball);
                }
            }
            let mut least = f64::INFINITY;
            for i in 0..planes.len() {
                for j in 0..i {
                    for k in 0..j {
                        let Some(v) = meet([&planes[i], &planes[j], &planes[k]]) else { continue };
                        let holds = |p: &[f64; 4]| p[0] * v[0] + p[1] * v[1] + p[2] * v[2] >= p[3] - 1e-9;
                        if v[2] >= -1e-9 && planes.iter().all(holds) {
                            least = least.min(v[2]);
                        }
                    }
                }
            }
            let rows = Rows { a: &a, b: &b, equations: 0 };
            let (lower, upper) = ([-1.0; 2], [1.0; 2]);
            let problem = Nearest {
                reference: &reference,
                weights: Some(&weights),
                lower: &lower,
                upper: &upper,
                softness: 0.0,
            };
            let mut solver = LeastDistance::default();
            if matches!(Norm::LInf.project(&mut solver, &rows, &problem, 1e-12), Ending::Solved(_)) {
                let distance = Norm::LInf.distance(&solver.x, &reference, Some(&weights));
                // Where hardly anything of the rows is left in the smaller box, the search may end somewhat outside.
                let range = least * (1.0 - 1e-9)..=least * 1.1 + 1e-12;
                assert!(range.contains(&distance), "{case}: {distance}, {least}");
                exact += usize::from(distance <= least * (1.0 + 2e-5) + 1e-12);
                compared += 1;
            }
        }
        assert!(compared >= 190 && exact >= 170, "{compared} of 200 were solved, {exact} to 2e-5");
    }
}
