//! dev
use netinverse_base::Budget;
use netinverse_bounds::Bounder;
use netinverse_network::Network;
use netinverse_preimage::*;
use netinverse_spec::Specification;
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let start = Instant::now();
    let network = Network::read(&args[1]).unwrap();
    let spec = Specification::read(&args[2]).unwrap();
    let coverage: f64 = args[3].parse().unwrap();
    let limit: f64 = args[4].parse().unwrap();
    let ask: f64 = args[5].parse().unwrap();
    let bounder = Bounder::new(&network).unwrap();
    let question = Question::new(&bounder, &spec.formula, None).unwrap();
    let budget = Budget::default().with_time_limit(Duration::from_secs_f64(limit));
    let mut paving = Paving::new(&bounder, &question, 0.0);
    let goals = Goals { coverage: Some(coverage), ..Goals::default() };
    let stop = paving.refine(&goals, &budget, &mut |_| Ok(())).unwrap();
    let (lo, hi) = paving.volume();
    println!(
        "{:8.3}s boxes {:8} open {:8} lo {lo:.5e} hi {hi:.5e} cov {:?} {stop:?}",
        start.elapsed().as_secs_f64(),
        paving.boxes(),
        paving.open_cells(),
        paving.coverage()
    );
    let cells: Vec<&Cell> = paving.cells().collect();
    for ask in [ask] {
        let enough = Enough { volume: ask * hi, pieces: 100000 };
        let (pieces, total) = compact(
            &cells,
            &question.target,
            &question.lower,
            &question.upper,
            Side::Inner,
            enough,
            &mut |_, _| false,
        );
        println!(
            "{:8.3}s inner {} pieces volume {total:.5e} = {:.4} of hi",
            start.elapsed().as_secs_f64(),
            pieces.len(),
            total / hi
        );
    }
    let enough = Enough { volume: lo / ask, pieces: 2000 };
    let (pieces, total) = compact(
        &cells,
        &question.target,
        &question.lower,
        &question.upper,
        Side::Outer,
        enough,
        &mut |_, _| false,
    );
    println!(
        "{:8.3}s outer {} pieces volume {total:.5e} = {:.4} of lo",
        start.elapsed().as_secs_f64(),
        pieces.len(),
        total / lo
    );
}
