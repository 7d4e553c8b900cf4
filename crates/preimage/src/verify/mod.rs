//! Verification as emptiness: is there an x in B with f(x) in Y?
//!
//! [`verify`] answers for a specification: an input that satisfies it, proved ([`Witness`]), or the proof that there is none.
//! Attack first; then bounds; then branch and bound: on inputs where few are free, on the signs of neurons where many are.
//!
//! | file | what |
//! |---|---|
//! | `region` | a case of the specification as rows over a box |
//! | `attack` | gradients towards a witness |
//! | `witness` | a point with its proof, in rationals and outward-rounded intervals, exactly where those touch |
//! | `cell`, `search` | boxes: bounded, cut, split |
//! | `phases`, `phase_search` | signs of neurons: slopes and multipliers ascended, split |
//! | `certify` | how far the nearest such input is at least: `nearest_search` over boxes, `radius_search` over balls |
//! | `proof` | what proves that a box holds nothing: rows, combinations of rows, slabs |
//! | `tree` | the search as it went, for a checker |

mod attack;
mod cell;
mod certify;
mod nearest_search;
mod phase_search;
mod phases;
mod proof;
mod radius_search;
mod region;
mod search;
mod tree;
mod witness;

use netinverse_base::{Budget, Error, Progress, Result, StopReason};
use netinverse_bounds::{Bounder, Method};
use netinverse_network::{Evaluator, Network};
use netinverse_spec::{Case, Specification};

pub use certify::{Certified, NearestQuestion, ProvedCase, certify};
pub use tree::Tree;
pub use witness::Witness;

use attack::{Attack, Effort, Found};
use phase_search::PhaseSearch;
use region::Region;
use search::{Ending, Search};

/// Up to here the inputs are split, beyond the signs of neurons.
const FEW_INPUTS: usize = 24;

/// The first attack, on every region.
const ATTACK: Effort = Effort { starts: 128, steps: 24 };

/// What is known in the end.
#[derive(Debug)]
pub enum Verdict {
    /// There is such an input.
    Sat(Box<Witness>),
    /// There is none: every part of the box was proved to hold nothing.
    Unsat,
    /// Neither was proved; why.
    Unknown(String),
    /// The time ended, or the user ended it.
    Stopped(StopReason),
}

/// The answer of [`verify`].
#[derive(Debug)]
pub struct Verification {
    /// What is known.
    pub verdict: Verdict,
    /// Boxes bounded.
    pub boxes: u64,
    /// The trees of the regions, in the order of the cases, if they were asked for.
    pub trees: Vec<Tree>,
}

/// Whether some input satisfies the specification, in real arithmetic, for the graph as stored.
///
/// Errors: another number of inputs or outputs than declared, an operator without bounds, inputs without bounds where no
/// witness is found.
pub fn verify(
    network: &Network,
    specification: &Specification,
    keep_trees: bool,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Verification> {
    let (n, m) = (network.input_size(), network.output_size());
    specification.check_counts(n, m)?;
    let form = specification.normal_form()?;
    let mut answer = Verification { verdict: Verdict::Unsat, boxes: 0, trees: Vec::new() };
    if form.is_contradictory() {
        return Ok(answer);
    }
    let bounder = Bounder::new(network)?;
    let mut workspace = bounder.workspace();
    let mut magnitude = |lower: &[f64], upper: &[f64]| {
        bounder.analyse(lower, upper, Method::Linear, &mut workspace).then(|| {
            let (low, high) = bounder.output(&workspace);
            low.iter().zip(high).map(|(l, h)| l.abs().max(h.abs())).collect::<Vec<f64>>()
        })
    };
    let mut regions = Vec::new();
    for case in Case::of(&form, n)? {
        regions.push(Region::new(case, n, m, &mut magnitude)?);
    }
    let evaluator = Evaluator::<f64>::new(network);
    let mut attack = Attack { bounder: &bounder, evaluator: &evaluator, workspace: bounder.workspace() };
    progress.stage("attack", None);
    for (index, region) in regions.iter().enumerate() {
        if let Some(found) = attack.sweep(region, ATTACK, index as u64, budget) {
            answer.verdict = Verdict::Sat(Box::new(witness(network, region, found, &evaluator)));
            return Ok(answer);
        }
    }
    if let Some(region) = regions.iter().find(|region| !region.unbounded.is_empty()) {
        let name = |i: usize| specification.name(netinverse_spec::Variable::Input(i as u32));
        return Err(match region.bounds.outward(name) {
            Err(error) => error,
            Ok(_) => Error::input("an input has no finite bounds"),
        });
    }
    progress.stage("search", None);
    let mut unknown = None;
    for region in &regions {
        let mut tree = Tree::of(region);
        let ending = if region.free_inputs() <= FEW_INPUTS {
            let mut search = Search { region, attack: &mut attack, keep_tree: keep_trees, tree, boxes: 0 };
            let ending = search.run(budget, progress);
            answer.boxes += search.boxes;
            tree = search.tree;
            ending
        } else {
            let mut search = PhaseSearch::new(region, &mut attack, keep_trees);
            let ending = search.run(budget, progress);
            answer.boxes += search.nodes;
            search.give(&mut tree);
            ending
        };
        if keep_trees {
            answer.trees.push(tree);
        }
        match ending {
            Ending::Empty => {}
            Ending::Found(found) => {
                answer.verdict = Verdict::Sat(Box::new(witness(network, region, found, &evaluator)));
                return Ok(answer);
            }
            Ending::Stopped => {
                answer.verdict = Verdict::Stopped(budget.stop().unwrap_or(StopReason::TimeLimit));
                return Ok(answer);
            }
            Ending::Undecided(why) => unknown = Some(why),
        }
    }
    if let Some(why) = unknown {
        answer.verdict = Verdict::Unknown(why);
    }
    Ok(answer)
}

fn witness(network: &Network, region: &Region, found: Found, evaluator: &Evaluator<f64>) -> Witness {
    let Found { x, proved } = found;
    let mut y = vec![0.0; network.output_size()];
    evaluator.forward(&x, &mut y);
    let single = Evaluator::<f32>::new(network);
    let x_f32: Vec<f32> = x.iter().map(|&v| v as f32).collect();
    let mut y_f32 = vec![0.0; y.len()];
    single.forward(&x_f32, &mut y_f32);
    let x_back: Vec<f64> = x_f32.iter().map(|&v| f64::from(v)).collect();
    let y_back: Vec<f64> = y_f32.iter().map(|&v| f64::from(v)).collect();
    let f32_holds = region.case.holds(&x_back, &y_back) == Some(true);
    Witness { text: proved.text, x, y, y_f32, f32_holds, exact: proved.exact }
}
