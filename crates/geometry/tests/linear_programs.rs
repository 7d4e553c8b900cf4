//! Linear programs against microlp, with every certificate checked again.

use microlp::{ComparisonOp, OptimizationDirection, Problem};
use netinverse_base::Rng;
use netinverse_geometry::{AxisBox, LinearProgram, LpOutcome, combination_below_zero, lower_bound};

struct Case {
    domain: AxisBox,
    cost: Vec<f64>,
    rows: Vec<(Vec<f64>, f64)>,
}

/// Random programs; the kinds make them degenerate (small integers, duplicates, rows through one point) or
/// infeasible.
fn draw(rng: &mut Rng, n: usize, m: usize, kind: usize) -> Case {
    let integer = kind.is_multiple_of(2);
    let mut number = |size: f64| if integer { rng.below(5) as f64 - 2.0 } else { rng.normal() * size };
    let lower: Vec<f64> = (0..n).map(|_| -1.0 - number(1.0).abs()).collect();
    let upper: Vec<f64> =
        (0..n).map(|i| if kind == 4 && i == 0 { lower[0] } else { 1.0 + number(1.0).abs() }).collect();
    let cost: Vec<f64> = (0..n).map(|_| number(1.0)).collect();
    let inside: Vec<f64> = (0..n).map(|i| if integer { 0.0 } else { 0.5 * (lower[i] + upper[i]) }).collect();
    let mut rows: Vec<(Vec<f64>, f64)> = Vec::new();
    for k in 0..m {
        let scale = if kind == 3 { 10f64.powi(k as i32 % 9 - 4) } else { 1.0 };
        let normal: Vec<f64> = (0..n).map(|_| number(1.0) * scale).collect();
        let at: f64 = normal.iter().zip(&inside).map(|(a, x)| a * x).sum();
        // kinds 0 and 1 pass through or near one point; others leave room, and kind 5 is often infeasible
        let room = [0.0, 0.01, 1.0, 0.3, 1.0, -0.15][kind] * scale * (1.0 + number(0.5).abs());
        if k % 7 == 6 && kind == 2 {
            rows.push(rows[k - 1].clone());
        } else {
            rows.push((normal, room - at));
        }
    }
    Case { domain: AxisBox::new(lower, upper).unwrap(), cost, rows }
}

fn peer(case: &Case) -> Option<f64> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let variables: Vec<_> = (0..case.cost.len())
        .map(|i| problem.add_var(case.cost[i], (case.domain.lower()[i], case.domain.upper()[i])))
        .collect();
    for (normal, offset) in &case.rows {
        let terms: Vec<_> = variables.iter().copied().zip(normal.iter().copied()).collect();
        problem.add_constraint(terms, ComparisonOp::Ge, -offset);
    }
    problem.solve().ok()?.solution().map(microlp::Solution::objective)
}

fn program(case: &Case) -> LinearProgram {
    let mut program = LinearProgram::new(case.domain.clone(), case.cost.clone()).unwrap();
    for (normal, offset) in &case.rows {
        program.add_row(normal, *offset).unwrap();
    }
    program
}

/// The objective, `None` if infeasible; what is claimed is checked from the case itself.
fn solved(case: &Case, outcome: &LpOutcome) -> Option<f64> {
    let normals: Vec<f64> = case.rows.iter().flat_map(|row| row.0.clone()).collect();
    let offsets: Vec<f64> = case.rows.iter().map(|row| row.1).collect();
    let (lower, upper) = (case.domain.lower(), case.domain.upper());
    match outcome {
        LpOutcome::Optimal(solution) => {
            assert!(case.domain.contains(&solution.x));
            let size = 1.0 + solution.objective.abs();
            for (normal, offset) in &case.rows {
                let terms: Vec<f64> = normal.iter().zip(&solution.x).map(|(a, x)| a * x).collect();
                let scale = terms.iter().map(|t| t.abs()).sum::<f64>() + offset.abs();
                assert!(terms.iter().sum::<f64>() + offset >= -1e-8 * scale.max(1e-4), "row violated");
            }
            assert!(solution.multipliers.iter().all(|&y| y >= 0.0));
            let bound = lower_bound(&case.cost, &normals, &offsets, &solution.multipliers, lower, upper);
            assert_eq!(bound, solution.bound);
            assert!(
                bound <= solution.objective + 1e-8 * size && bound >= solution.objective - 1e-7 * size,
                "gap"
            );
            Some(solution.objective)
        }
        LpOutcome::Infeasible { multipliers } => {
            assert!(combination_below_zero(&normals, &offsets, multipliers, lower, upper));
            None
        }
        LpOutcome::Undecided { .. } => panic!("undecided"),
    }
}

#[test]
fn random_programs_agree_with_microlp_cold_and_warm() {
    let mut rng = Rng::new(1, 0);
    let (mut feasible, mut infeasible) = (0, 0);
    for case in 0..1200 {
        let (n, m) = (1 + rng.below(12), rng.below(40));
        let mut case = draw(&mut rng, n, m, case % 6);
        let outcome = program(&case).solve();
        let ours = solved(&case, &outcome);
        match (ours, peer(&case)) {
            (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()), "{a} and {b}"),
            (None, None) => infeasible += 1,
            (a, b) => panic!("ours {a:?}, microlp {b:?}"),
        }
        let Some(solution) = outcome.solution() else { continue };
        feasible += 1;
        // a neighbour: another cost, another offset, one row more
        for c in &mut case.cost {
            *c += 0.3 * rng.normal();
        }
        if let Some(row) = case.rows.first_mut() {
            row.1 += 0.01;
        }
        case.rows.push(((0..n).map(|_| rng.normal()).collect(), 0.5));
        let program = program(&case);
        let (cold, warm) =
            (solved(&case, &program.solve()), solved(&case, &program.solve_from(&solution.basis)));
        match (cold, warm) {
            (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-7 * (1.0 + a.abs()), "cold {a}, warm {b}"),
            (None, None) => {}
            (a, b) => panic!("cold {a:?}, warm {b:?}"),
        }
    }
    assert!(feasible > 500 && infeasible > 50, "{feasible} feasible, {infeasible} infeasible");
}

#[test]
fn large_programs_agree_with_microlp() {
    let mut rng = Rng::new(2, 0);
    for (n, m, kind) in [(50, 500, 1), (50, 500, 0), (30, 200, 3), (50, 100, 5), (40, 300, 2)] {
        let case = draw(&mut rng, n, m, kind);
        let ours = solved(&case, &program(&case).solve());
        match (ours, peer(&case)) {
            (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-6 * (1.0 + a.abs()), "{a} and {b}"),
            (None, None) => {}
            (a, b) => panic!("ours {a:?}, microlp {b:?}"),
        }
    }
}

#[test]
fn certificates_that_prove_nothing_are_refused() {
    // x ≥ 1 and x ≤ 0 over [−2, 2]
    let (normals, offsets) = ([1.0, -1.0], [-1.0, 0.0]);
    assert!(combination_below_zero(&normals, &offsets, &[1.0, 1.0], &[-2.0], &[2.0]));
    assert!(!combination_below_zero(&normals, &offsets, &[1.0, 0.0], &[-2.0], &[2.0]));
    assert!(!combination_below_zero(&normals, &offsets, &[-1.0, -1.0], &[-2.0], &[2.0]));
    assert!(!combination_below_zero(&normals, &offsets, &[f64::NAN, 1.0], &[-2.0], &[2.0]));
    // x ≥ 0 and x ≤ 0 touch: never called empty
    assert!(!combination_below_zero(&normals, &[0.0, 0.0], &[1.0, 1.0], &[-2.0], &[2.0]));
    let mut touching = LinearProgram::new(AxisBox::new(vec![-2.0], vec![2.0]).unwrap(), vec![1.0]).unwrap();
    touching.add_row(&[1.0], 0.0).unwrap();
    touching.add_row(&[-1.0], 0.0).unwrap();
    assert!(touching.solve().solution().is_some());
    assert!(touching.add_row(&[1.0, 2.0], 0.0).is_err());
    assert!(touching.add_row(&[f64::NAN], 0.0).is_err());
}
