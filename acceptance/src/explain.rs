//! Verdicts and radii of `explain` where the truth is known or can be searched for.

use std::collections::BTreeMap;
use std::time::Instant;

use clap::Args;
use netinverse_base::{Budget, Result, Rng, Silent};
use netinverse_explain::{
    DecideOptions, Decision, RadiusOptions, Region, Verdict as Answer, at_point, decide,
};
use netinverse_linalg::{Lu, Matrix, Precision, Svd};
use netinverse_network::{Evaluator, Function, Network};

use crate::verdict::Verdict;

#[path = "../../crates/explain/tests/common/families.rs"]
mod families;

use families::{Chain, known, normal, unit_box};

/// At least this share must be proved, either way.
const PROVED: f64 = 0.95;
/// Seconds for one network.
const SECONDS: f64 = 10.0;
/// The median of certified radius over smallest radius of a collision.
const RATIO: f64 = 1.0 / 3.0;

#[derive(Args, Debug, Clone)]
pub(crate) struct Options {
    /// Networks of known answer.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    count: usize,
    /// Random networks without a known answer, their proofs tried against sampling.
    #[arg(long, default_value_t = 200, value_name = "N")]
    random: usize,
    /// Points whose certified radius is tried against a search.
    #[arg(long, default_value_t = 60, value_name = "N")]
    radii: usize,
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options { count: 1000, random: 200, radii: 60, seed: 1 }
    }
}

pub(crate) fn run(options: &Options) -> Result<Verdict> {
    Ok(known_answers(options)?.and(random_networks(options)?).and(radii(options)?))
}

/// The tally of one family.
#[derive(Default)]
struct Tally {
    networks: usize,
    proved: usize,
    wrong: usize,
    slowest: f64,
}

fn known_answers(options: &Options) -> Result<Verdict> {
    let mut families: BTreeMap<&str, Tally> = BTreeMap::new();
    for number in 0..options.count {
        let known = known(number, options.seed);
        let start = Instant::now();
        let decision = verdict(&known.network, &known.region)?;
        let seconds = start.elapsed().as_secs_f64();
        let tally = families.entry(known.family).or_default();
        tally.networks += 1;
        tally.slowest = tally.slowest.max(seconds);
        let expected = if known.injective { Answer::Invertible } else { Answer::NotInvertible };
        if decision.verdict == Answer::Unknown {
            println!("undecided: number {number}, {}", known.family);
            continue;
        }
        tally.proved += 1;
        if decision.verdict != expected || !collides(&known.network, &known.region, &decision) {
            tally.wrong += 1;
            println!("FALSE: number {number}, {}: {:?}", known.family, decision.evidence);
        }
    }
    println!("{:>32} {:>9} {:>8} {:>7} {:>11}", "family", "networks", "proved", "false", "slowest, s");
    let mut all = Tally::default();
    for (name, tally) in &families {
        let Tally { networks, proved, wrong, slowest } = tally;
        println!("{name:>32} {networks:>9} {proved:>8} {wrong:>7} {slowest:>11.3}");
        all.networks += networks;
        all.proved += proved;
        all.wrong += wrong;
        all.slowest = all.slowest.max(*slowest);
    }
    let share = if all.networks == 0 { 1.0 } else { all.proved as f64 / all.networks as f64 };
    println!(
        "{} networks of known answer: {:.1} % proved (at least 95 %), {} false proofs, slowest {:.2} s (limit {SECONDS})",
        all.networks,
        100.0 * share,
        all.wrong,
        all.slowest
    );
    Ok(Verdict::of(all.wrong == 0 && share >= PROVED && all.slowest <= SECONDS))
}

fn verdict(network: &Network, region: &Region) -> Result<Decision> {
    decide(network, region, None, &DecideOptions::default(), &Budget::default(), &Silent)
}

/// Whether the collision, if one is given, is one: different inputs of the box, outputs equal up to rounding.
fn collides(network: &Network, region: &Region, decision: &Decision) -> bool {
    let Some(collision) = &decision.collision else { return true };
    let evaluator = Evaluator::<f64>::new(network);
    let m = network.output_size();
    let mut y = vec![0.0; 2 * m];
    evaluator.forward(&[&collision.x1[..], &collision.x2[..]].concat(), &mut y);
    let scale = y.iter().map(|y| y.abs()).fold(1.0, f64::max);
    let gap = y[..m].iter().zip(&y[m..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    let slack = |x: &[f64]| {
        x.iter()
            .zip(region.lower.iter().zip(&region.upper))
            .all(|(x, (lo, hi))| lo - 1e-12 <= *x && *x <= hi + 1e-12)
    };
    collision.distance > 0.0 && gap <= 1e-9 * scale && slack(&collision.x1) && slack(&collision.x2)
}

/// Random networks with n ≤ m: what is proved invertible must have Jacobians of one orientation and full rank at every
/// sample, and no sampled pair that Newton's method joins.
fn random_networks(options: &Options) -> Result<Verdict> {
    let (mut proved, mut refuted, mut wrong, mut slowest) = (0, 0, 0, 0.0f64);
    for number in 0..options.random {
        let mut rng = Rng::new(options.seed ^ 0x5EED, number as u64);
        let n = 1 + rng.below(5);
        let m = n + rng.below(3);
        let network = random_network(&mut rng, n, m)?;
        let region = unit_box(n);
        let start = Instant::now();
        let decision = verdict(&network, &region)?;
        slowest = slowest.max(start.elapsed().as_secs_f64());
        match decision.verdict {
            Answer::Invertible => {
                proved += 1;
                if contradicted(&network, n, &mut rng) {
                    wrong += 1;
                    println!("FALSE: random network {number} is said to be invertible");
                }
            }
            Answer::NotInvertible => {
                refuted += 1;
                wrong += usize::from(!collides(&network, &region, &decision));
            }
            _ => {}
        }
    }
    println!(
        "{} random networks (n ≤ 5, n ≤ m ≤ n + 2, width ≤ 16, up to 3 layers): {proved} proved invertible, {refuted} not, {} undecided, {wrong} contradicted; slowest {slowest:.2} s",
        options.random,
        options.random - proved - refuted
    );
    Ok(Verdict::of(wrong == 0))
}

fn random_network(rng: &mut Rng, n: usize, m: usize) -> Result<Network> {
    let mut chain = Chain::new(n);
    let mut width = n;
    for _ in 0..=rng.below(2) {
        let next = n + rng.below(17 - n);
        let functions = [
            Function::Relu,
            Function::LeakyRelu { alpha: 0.3 },
            Function::LeakyRelu { alpha: 0.7 },
            Function::Tanh,
        ];
        let w = normal(rng, next, width);
        let scaled = Matrix::from_fn(next, width, |i, j| w.row(i)[j] / (width as f64).sqrt());
        let bias: Vec<f64> = (0..next).map(|_| 0.5 * rng.normal()).collect();
        let function = functions[rng.below(4)];
        chain.dense(&scaled, Some(&bias)).apply(function);
        width = next;
    }
    chain.dense(&normal(rng, m, width), None);
    chain.finish()
}

/// Whether sampling finds what an injective network cannot have.
fn contradicted(network: &Network, n: usize, rng: &mut Rng) -> bool {
    let evaluator = Evaluator::<f64>::new(network);
    let m = network.output_size();
    let mut sign = 0i8;
    for _ in 0..3000 {
        let x: Vec<f64> = (0..n).map(|_| rng.range(-1.0, 1.0)).collect();
        let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
        evaluator.jacobian(&x, &mut y, &mut jacobian);
        let Ok(matrix) = Matrix::new(m, n, jacobian) else { return true };
        if m == n {
            let (own, _) = Lu::new(&matrix).determinant();
            if own == 0 || sign != 0 && own != sign {
                return true;
            }
            sign = own;
        } else if Svd::new(&matrix).rank(Precision::F64) < n {
            return true;
        }
    }
    let search =
        Search { evaluator: &evaluator, basis: None, centre: vec![0.0; n], radius: 1.0, ball: false };
    (0..400).any(|_| search.attempt(rng).is_some_and(|(_, apart)| apart > 1e-3))
}

/// A search by Newton's method that shares nothing with the library's.
struct Search<'a> {
    evaluator: &'a Evaluator<f64>,
    /// Columns that span the inputs that are looked at; all inputs where absent.
    basis: Option<Matrix>,
    centre: Vec<f64>,
    radius: f64,
    /// A ball, or a box.
    ball: bool,
}

impl Search<'_> {
    fn inputs(&self, t: &[f64]) -> Vec<f64> {
        match &self.basis {
            None => self.centre.iter().zip(t).map(|(c, t)| c + t).collect(),
            Some(basis) => basis.iter_rows().zip(&self.centre).map(|(row, c)| c + dot(row, t)).collect(),
        }
    }

    fn dimension(&self) -> usize {
        self.basis.as_ref().map_or(self.centre.len(), Matrix::columns)
    }

    /// One attempt: how far from the centre the pair reaches, and how far apart it is.
    fn attempt(&self, rng: &mut Rng) -> Option<(f64, f64)> {
        let (k, m) = (self.dimension(), self.evaluator.output_size());
        let n = self.centre.len();
        let mut draw = || -> Vec<f64> {
            let t: Vec<f64> = (0..k).map(|_| rng.normal()).collect();
            let scale = self.radius * rng.uniform().powf(1.0 / k as f64) / norm(&t);
            if self.ball {
                t.iter().map(|t| t * scale).collect()
            } else {
                (0..k).map(|_| rng.range(-1.0, 1.0)).collect()
            }
        };
        let (mut s, mut t) = (draw(), draw());
        for _ in 0..30 {
            let x = [self.inputs(&s), self.inputs(&t)].concat();
            let (mut y, mut jacobian) = (vec![0.0; 2 * m], vec![0.0; 2 * m * n]);
            self.evaluator.jacobian(&x, &mut y, &mut jacobian);
            let residual: Vec<f64> = (0..m).map(|j| y[j] - y[m + j]).collect();
            let apart = norm(&s.iter().zip(&t).map(|(s, t)| s - t).collect::<Vec<_>>());
            if apart < 1e-6 * self.radius {
                return None;
            }
            if residual.iter().all(|r| r.abs() < 1e-12) {
                return Some((norm(&s).max(norm(&t)), apart));
            }
            let entry = |side: usize, j: usize, c: usize| -> f64 {
                let row = &jacobian[(side * m + j) * n..(side * m + j + 1) * n];
                match &self.basis {
                    None => row[c],
                    Some(basis) => row.iter().enumerate().map(|(i, v)| v * basis.row(i)[c]).sum(),
                }
            };
            let matrix =
                Matrix::from_fn(m, 2 * k, |j, c| if c < k { entry(0, j, c) } else { -entry(1, j, c - k) });
            let svd = Svd::new(&matrix);
            let step = svd.pseudo_inverse(svd.rank(Precision::F32)).apply(&residual);
            let damp = (0.3 * self.radius / norm(&step)).min(1.0);
            for c in 0..k {
                s[c] -= damp * step[c];
                t[c] -= damp * step[k + c];
            }
            for point in [&mut s, &mut t] {
                if self.ball {
                    let length = norm(point);
                    if length > self.radius {
                        for v in point.iter_mut() {
                            *v *= self.radius / length;
                        }
                    }
                } else {
                    for v in point.iter_mut() {
                        *v = v.clamp(-1.0, 1.0);
                    }
                }
            }
        }
        None
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

/// Certified radii against the smallest ball in which a search finds a collision.
fn radii(options: &Options) -> Result<Verdict> {
    let mut ratios = Vec::new();
    let (mut contradicted, mut without, mut uncertified, mut plateaus) = (0, 0, 0, 0);
    let start = Instant::now();
    for number in 0..options.radii {
        let mut rng = Rng::new(options.seed ^ 0xBA11, number as u64);
        let n = 1 + rng.below(8);
        // A third with fewer outputs than inputs: the restriction to what the outputs see.
        let m = if number % 3 == 0 && n > 1 { 1 + rng.below(n - 1) } else { n };
        let network = random_network(&mut rng, n, m)?;
        let x: Vec<f64> = (0..n).map(|_| rng.range(-0.5, 0.5)).collect();
        let free: Vec<usize> = (0..n).collect();
        let point = at_point(&network, &x, &free, &RadiusOptions::default(), &Budget::default(), &Silent)?;
        let evaluator = Evaluator::<f64>::new(&network);
        let basis = if point.restricted {
            let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
            evaluator.jacobian(&x, &mut y, &mut jacobian);
            let svd = Svd::new(&Matrix::new(m, n, jacobian)?);
            Some(Matrix::from_fn(n, point.dimension, |i, c| svd.v.row(i)[c]))
        } else {
            None
        };
        let mut search = Search { evaluator: &evaluator, basis, centre: x, radius: 8.0, ball: true };
        let mut smallest = f64::INFINITY;
        let mut fruitless = 0;
        while fruitless < 400 {
            match search.attempt(&mut rng) {
                Some((reach, _)) if reach < smallest => {
                    smallest = reach;
                    search.radius = 0.95 * reach;
                    fruitless = 0;
                }
                _ => fruitless += 1,
            }
        }
        if point.radius > smallest {
            contradicted += 1;
            println!("CONTRADICTED: point {number}: certified {}, collision within {smallest}", point.radius);
        }
        uncertified += usize::from(point.radius == 0.0);
        if smallest < 1e-6 {
            // A plateau: there are collisions as near as one likes, and nothing to certify.
            plateaus += 1;
        } else if smallest.is_finite() {
            ratios.push(point.radius / smallest);
        } else {
            without += 1;
        }
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(1.0);
    let low = ratios.get(ratios.len() / 10).copied().unwrap_or(1.0);
    println!(
        "{} points (n ≤ 8): {} with a collision nearby, {without} without, {plateaus} on plateaus; certified/collision median {median:.3} (at least {RATIO:.3}), lowest tenth {low:.3}; {uncertified} not certified, {contradicted} contradicted; {:.1} s",
        options.radii,
        ratios.len(),
        start.elapsed().as_secs_f64()
    );
    Ok(Verdict::of(contradicted == 0 && median >= RATIO))
}
