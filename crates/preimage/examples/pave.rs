use netinverse_base::Budget;
use netinverse_bounds::{Bounder, Method};
use netinverse_network::Network;
use netinverse_preimage::{Paving, Target};
use netinverse_spec::{Case, ExactBounds, Specification};
use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let start = Instant::now();
    let network = Network::read(&args[1]).unwrap();
    let spec = Specification::read(&args[2]).unwrap();
    let coverage: f64 = args[3].parse().unwrap();
    let limit: f64 = args[4].parse().unwrap();
    let form = spec.normal_form().unwrap();
    let cases = Case::of(&form, network.input_size()).unwrap();
    let exact: ExactBounds = cases.iter().map(Case::bounds).reduce(|a, b| a.hull(&b)).unwrap();
    let lower: Vec<f64> = exact.lower.iter().map(|v| v.as_ref().unwrap().lower()).collect();
    let upper: Vec<f64> = exact.upper.iter().map(|v| v.as_ref().unwrap().upper()).collect();
    let bounder = Bounder::new(&network).unwrap();
    let mut ws = bounder.workspace();
    bounder.analyse(&lower, &upper, Method::Linear, &mut ws);
    let (lo, hi) = bounder.output(&ws);
    let magnitude: Vec<f64> = lo.iter().zip(hi).map(|(l, h)| l.abs().max(h.abs())).collect();
    let target = Target::new(&form, &exact, &lower, &upper, &magnitude).unwrap();
    println!("rows {} disjuncts {:?} setup {:?}", target.rows().len(), target.disjuncts().len(), start.elapsed());
    let budget = Budget::default().with_time_limit(Duration::from_secs_f64(limit));
    let mut paving = Paving::new(&bounder, &target, &lower, &upper);
    let mut next = 1000;
    paving.refine(&budget, |p| {
        if p.boxes > next {
            next *= 2;
            println!("{:8.3}s boxes {:8} open {:8} lo {:.5e} hi {:.5e} cov {:.4}", start.elapsed().as_secs_f64(), p.boxes, p.open_cells(), p.inner, p.outer, p.inner / p.outer);
        }
        p.inner >= coverage * p.outer
    });
    let p = &paving;
    println!("{:8.3}s boxes {:8} open {:8} settled {} lo {:.5e} hi {:.5e} cov {:.4}", start.elapsed().as_secs_f64(), p.boxes, p.open_cells(), p.settled.len(), p.inner, p.outer, p.inner / p.outer);
}
