//! Linear programs beside microlp: the least time of many solutions of the same program, in microseconds, one thread.
//!
//! `cargo bench -p netinverse-geometry --bench programs`

use std::hint::black_box;
use std::time::Instant;

use microlp::{ComparisonOp, OptimizationDirection, Problem};
use netinverse_base::Rng;
use netinverse_geometry::{AxisBox, LinearProgram};

fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().as_secs_f64().max(1e-7);
    let calls = (1e-3 / once).ceil().clamp(1.0, 1e4) as usize;
    (0..15)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            start.elapsed().as_secs_f64() / calls as f64 * 1e6
        })
        .fold(f64::INFINITY, f64::min)
}

/// The time of several programs, summed, for microlp and for ours; ours from the basis of the program with another cost.
fn main() {
    println!("{:<12} {:>12} {:>12} {:>8} {:>12} {:>8}", "n × m", "microlp", "cold", "ratio", "warm", "ratio");
    let mut rng = Rng::new(1, 0);
    for (n, m) in [(2, 8), (4, 20), (8, 40), (16, 100), (30, 200), (50, 500)] {
        let [mut peer, mut cold, mut warm] = [0.0; 3];
        for _ in 0..5 {
            let mut draw = || -> Vec<f64> { (0..n).map(|_| rng.normal()).collect() };
            let rows: Vec<Vec<f64>> = (0..m).map(|_| draw()).collect();
            let (cost, mut neighbour) = (draw(), draw());
            neighbour.iter_mut().zip(&cost).for_each(|(d, c)| *d = c + 0.1 * *d);
            let domain = AxisBox::new(vec![-1.0; n], vec![1.0; n]).expect("a box");
            let mut program = LinearProgram::new(domain, cost.clone()).expect("a cost");
            for row in &rows {
                program.add_row(row, 0.5).expect("a row");
            }
            let basis = program.solve().solution().expect("feasible").basis.clone();
            program.set_cost(&neighbour).expect("a cost");
            let solve = || {
                let mut problem = Problem::new(OptimizationDirection::Minimize);
                let variables: Vec<_> = neighbour.iter().map(|&c| problem.add_var(c, (-1.0, 1.0))).collect();
                for row in &rows {
                    let terms: Vec<_> = variables.iter().copied().zip(row.iter().copied()).collect();
                    problem.add_constraint(terms, ComparisonOp::Ge, -0.5);
                }
                problem.solve().ok().and_then(|o| o.solution().map(microlp::Solution::objective))
            };
            let (theirs, ours) = (solve().expect("feasible"), program.solve());
            let ours = ours.solution().expect("feasible").objective;
            assert!((theirs - ours).abs() < 1e-6 * (1.0 + ours.abs()), "{theirs} and {ours}");
            peer += time(|| _ = black_box(solve())) / 5.0;
            cold += time(|| _ = black_box(program.solve())) / 5.0;
            warm += time(|| _ = black_box(program.solve_from(&basis))) / 5.0;
        }
        println!(
            "{:<12} {peer:>12.1} {cold:>12.1} {:>8.2} {warm:>12.1} {:>8.2}",
            format!("{n} × {m}"),
            peer / cold,
            peer / warm
        );
    }
}
