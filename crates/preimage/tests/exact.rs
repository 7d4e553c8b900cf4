//! Exact preimages against the enumeration of all activation patterns in rationals.

#[path = "../../bounds/tests/common/mod.rs"]
mod common;
mod support;

use common::exact::Exact;
use common::networks;
use dashu_ratio::RBig;
use netinverse_base::{Budget, Rng, Silent};
use netinverse_bounds::Bounder;
use netinverse_geometry::{AxisBox, Polytope};
use netinverse_network::{Evaluator, Function, Network};
use netinverse_preimage::Question;
use netinverse_preimage::exact::{ExactOptions, ExactSet, exact_preimage};
use netinverse_spec::Bounds;
use support::{Condition, condition, formula};

/// Dense layers with a bias, ReLU between them: weights of few bits, so that every affine form is a double exactly.
struct Case {
    network: Network,
    /// Weight (outputs × inputs) and bias of each layer.
    layers: Vec<(Vec<Vec<f64>>, Vec<f64>)>,
    lower: Vec<f64>,
    upper: Vec<f64>,
    condition: Condition,
}

fn random_case(index: u64) -> Case {
    let mut rng = Rng::new(4000 + index, 0);
    let n = 1 + rng.below(3);
    let mut sizes = vec![n, 2 + rng.below(3)];
    if rng.below(2) == 0 {
        sizes.push(2 + rng.below(2));
    }
    sizes.push(1 + rng.below(3));
    let coarse = |value: f64| (4.0 * value).round() / 4.0;
    let layers: Vec<(Vec<Vec<f64>>, Vec<f64>)> = sizes
        .windows(2)
        .map(|pair| {
            let weight = (0..pair[1]).map(|_| (0..pair[0]).map(|_| coarse(rng.normal())).collect()).collect();
            (weight, (0..pair[1]).map(|_| coarse(0.5 * rng.normal())).collect())
        })
        .collect();
    let mut built = networks::Layers::new(n);
    for (k, (weight, bias)) in layers.iter().enumerate() {
        // Stored input by input.
        let by_input: Vec<f64> =
            (0..weight[0].len()).flat_map(|i| weight.iter().map(move |row| row[i])).collect();
        built = built.dense(&by_input, bias);
        if k + 1 < layers.len() {
            built = built.function(Function::Relu);
        }
    }
    let network = built.finish();
    let lower: Vec<f64> = (0..n).map(|_| coarse(rng.normal()) - 1.0).collect();
    let upper: Vec<f64> = lower.iter().map(|lo| lo + [1.0, 2.0, 3.5][rng.below(3)]).collect();
    let evaluator = Evaluator::<f64>::new(&network);
    let near: Vec<Vec<f64>> = (0..8)
        .map(|_| {
            let x: Vec<f64> = (0..n).map(|i| lower[i] + rng.uniform() * (upper[i] - lower[i])).collect();
            let mut y = vec![0.0; network.output_size()];
            evaluator.forward(&x, &mut y);
            y.iter().map(|y| coarse(*y)).collect()
        })
        .collect();
    let mut condition = condition(&near, n, &mut rng);
    for row in condition.iter_mut().flatten() {
        // Hundredths that are quarters: doubles.
        let quarter = |value: &mut i64| *value = (*value / 25) * 25;
        row.outputs.iter_mut().chain(&mut row.inputs).for_each(quarter);
        quarter(&mut row.constant);
        if row.outputs.iter().all(|c| *c == 0) {
            row.outputs[0] = 25;
        }
    }
    Case { network, layers, lower, upper, condition }
}

/// An affine function, all numbers exact: the slopes, then the constant.
type Form = Vec<f64>;

fn combined(weight: &[f64], bias: f64, forms: &[Form]) -> Form {
    let mut out = vec![0.0; forms[0].len()];
    for (w, form) in weight.iter().zip(forms) {
        out.iter_mut().zip(form).for_each(|(out, c)| *out += w * c);
    }
    *out.last_mut().unwrap() += bias;
    out
}

/// The volume of the box where all functions are ≥ 0.
fn volume(case: &Case, forms: &[Form]) -> RBig {
    let domain = AxisBox::new(case.lower.clone(), case.upper.clone()).unwrap();
    let mut polytope = Polytope::from_box(domain);
    for form in forms {
        let (constant, slopes) = form.split_last().unwrap();
        polytope.add_row(slopes, *constant).unwrap();
    }
    polytope.exact_volume(1 << 22).expect("few faces")
}

/// Over all activation patterns: the volume of the preimage, and how many patterns have a part of positive volume in it.
fn by_patterns(case: &Case) -> (RBig, usize) {
    let n = case.lower.len();
    let units: usize = case.layers[..case.layers.len() - 1].iter().map(|layer| layer.1.len()).sum();
    let (mut total, mut count) = (RBig::ZERO, 0);
    let input = |i: usize| (0..=n).map(|l| f64::from(u8::from(l == i))).collect::<Form>();
    for pattern in 0..1usize << units {
        let mut forms: Vec<Form> = (0..n).map(input).collect();
        let mut sides: Vec<Form> = Vec::new();
        let mut unit = 0;
        for (k, (weight, bias)) in case.layers.iter().enumerate() {
            let before: Vec<Form> = weight.iter().zip(bias).map(|(w, b)| combined(w, *b, &forms)).collect();
            forms.clone_from(&before);
            if k + 1 < case.layers.len() {
                for (form, z) in forms.iter_mut().zip(before) {
                    let active = pattern >> unit & 1 == 1;
                    unit += 1;
                    sides.push(z.iter().map(|c| if active { *c } else { -c }).collect());
                    if !active {
                        form.fill(0.0);
                    }
                }
            }
        }
        if volume(case, &sides) == RBig::ZERO {
            continue;
        }
        let rows: Vec<Vec<Form>> = case
            .condition
            .iter()
            .map(|rows| {
                rows.iter()
                    .map(|row| {
                        let hundredths = |c: &i64| *c as f64 / 100.0;
                        let weight: Vec<f64> = row.outputs.iter().map(hundredths).collect();
                        let mut form = combined(&weight, hundredths(&row.constant), &forms);
                        form.iter_mut().zip(&row.inputs).for_each(|(c, e)| *c += hundredths(e));
                        form
                    })
                    .collect()
            })
            .collect();
        // Inclusion and exclusion over the disjuncts. A strict row that is 0 everywhere excludes all.
        let mut own = RBig::ZERO;
        for subset in 1..1usize << rows.len() {
            let chosen: Vec<usize> = (0..rows.len()).filter(|d| subset >> d & 1 == 1).collect();
            let excluded = chosen.iter().any(|&d| {
                case.condition[d]
                    .iter()
                    .zip(&rows[d])
                    .any(|(row, form)| row.strict && form.iter().all(|c| *c == 0.0))
            });
            if excluded {
                continue;
            }
            let all: Vec<Form> = sides.iter().chain(chosen.iter().flat_map(|&d| &rows[d])).cloned().collect();
            let part = volume(case, &all);
            if chosen.len() % 2 == 1 { own += part } else { own -= part }
        }
        if own > RBig::ZERO {
            // Units that are 0 all over the region have two patterns for one region.
            let flat = sides.iter().any(|form| form.iter().all(|c| *c == 0.0));
            if flat
                && sides
                    .iter()
                    .enumerate()
                    .any(|(u, form)| form.iter().all(|c| *c == 0.0) && pattern >> u & 1 == 1)
            {
                continue;
            }
            count += 1;
        }
        total += own;
    }
    (total, count)
}

fn solved(case: &Case, merge: bool) -> ExactSet {
    let bounder = Bounder::new(&case.network).unwrap();
    let given = Bounds::new(case.lower.clone(), case.upper.clone()).unwrap();
    let question = Question::new(&bounder, &formula(&case.condition), Some(&given)).unwrap();
    let options = ExactOptions { merge, ..ExactOptions::default() };
    exact_preimage(&case.network, &bounder, &question, &options, &Budget::default(), &Silent).unwrap()
}

#[test]
fn volumes_and_regions_are_those_of_all_patterns_in_rationals() {
    let (mut decided, mut positive) = (0, 0);
    for index in 0..60 {
        let case = random_case(index);
        let (volume, regions) = by_patterns(&case);
        for merge in [false, true] {
            let set = solved(&case, merge);
            assert!(set.exact && set.stopped_by.is_none());
            let exact = |x: f64| RBig::try_from(x).unwrap();
            assert!(
                exact(set.volume.0) <= volume && volume <= exact(set.volume.1),
                "case {index}: {:?} {}",
                set.volume,
                volume.to_f64().value()
            );
            if let Some(own) = &set.exact_volume {
                assert_eq!(*own, volume, "case {index}");
                decided += 1;
            }
            let own = |piece: &&netinverse_preimage::exact::ExactPiece| piece.dimension == case.lower.len();
            let mut used: Vec<usize> =
                set.pieces.iter().filter(own).flat_map(|piece| piece.regions.clone()).collect();
            used.sort_unstable();
            used.dedup();
            assert_eq!(used.len(), regions, "case {index}");
            positive += usize::from(regions > 0);
        }
    }
    assert!(decided > 80 && positive > 80, "{decided} {positive}");
}

#[test]
fn points_are_in_a_piece_exactly_where_the_network_says_so() {
    for index in 0..40 {
        let case = random_case(1000 + index);
        let set = solved(&case, index % 2 == 0);
        let bounder = Bounder::new(&case.network).unwrap();
        let mut rng = Rng::new(5, index);
        let n = case.lower.len();
        for _ in 0..300 {
            // Eighths, so that many points lie on faces.
            let x: Vec<f64> = (0..n)
                .map(|i| {
                    let x = case.lower[i] + rng.uniform() * (case.upper[i] - case.lower[i]);
                    if rng.below(2) == 0 { (8.0 * x).round() / 8.0 } else { x }
                })
                .collect();
            if (0..n).any(|i| x[i] < case.lower[i] || x[i] > case.upper[i]) {
                continue;
            }
            let y: Vec<f64> = bounder
                .exact_output(&x)
                .unwrap()
                .iter()
                .map(|y| netinverse_spec::Rational::from_dyadic(y.mantissa.clone(), y.exponent).nearest())
                .collect();
            let closed = formula_holds(&case.condition, &x, &y, 1e-9);
            let open = formula_holds(&case.condition, &x, &y, -1e-9);
            let within = |slack: f64| {
                set.pieces.iter().any(|piece| {
                    piece.rows.iter().all(|row| {
                        let value: f64 =
                            row.slopes.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>() + row.constant;
                        value >= -slack - row.error && (!row.equality || value <= slack + row.error)
                    })
                })
            };
            if open {
                assert!(within(1e-9), "case {index}: {x:?}");
            }
            if !closed {
                assert!(!within(-1e-12), "case {index}: {x:?}");
            }
        }
    }
}

/// Whether the condition holds when every row may be off by `slack`.
fn formula_holds(condition: &Condition, x: &[f64], y: &[f64], slack: f64) -> bool {
    condition.iter().any(|rows| {
        rows.iter().all(|row| {
            let dot = |c: &[i64], v: &[f64]| c.iter().zip(v).map(|(c, v)| *c as f64 / 100.0 * v).sum::<f64>();
            dot(&row.outputs, y) + dot(&row.inputs, x) + row.constant as f64 / 100.0 >= -slack
        })
    })
}

/// A box with at most two free inputs and a condition, for any network.
fn question_about(network: &Network, rng: &mut Rng) -> (Vec<f64>, Vec<f64>, Condition) {
    let n = network.input_size();
    let quarter = |value: f64| (4.0 * value).round() / 4.0;
    let lower: Vec<f64> = (0..n).map(|_| quarter(rng.normal())).collect();
    let mut upper = lower.clone();
    for _ in 0..2 {
        let i = rng.below(n);
        upper[i] = lower[i] + [0.5, 1.0, 2.0][rng.below(3)];
    }
    let evaluator = Evaluator::<f64>::new(network);
    let near: Vec<Vec<f64>> = (0..8)
        .map(|_| {
            let x: Vec<f64> = (0..n).map(|i| lower[i] + rng.uniform() * (upper[i] - lower[i])).collect();
            let mut y = vec![0.0; network.output_size()];
            evaluator.forward(&x, &mut y);
            y
        })
        .collect();
    let condition = condition(&near, n, rng);
    (lower, upper, condition)
}

fn solved_with(network: &Network, lower: &[f64], upper: &[f64], condition: &Condition) -> ExactSet {
    let bounder = Bounder::new(network).unwrap();
    let given = Bounds::new(lower.to_vec(), upper.to_vec()).unwrap();
    let question = Question::new(&bounder, &formula(condition), Some(&given)).unwrap();
    exact_preimage(network, &bounder, &question, &ExactOptions::default(), &Budget::default(), &Silent)
        .unwrap()
}

#[test]
fn every_operator_has_the_volume_of_its_regions_in_rationals() {
    let exact = |x: f64| RBig::try_from(x).unwrap();
    let (mut equal, mut inexact, mut some) = (0, 0, 0);
    for (index, (seed, network)) in networks::piecewise_linear(20_000).take(90).enumerate() {
        let mut rng = Rng::new(seed, 1);
        // A third with constants that fill the mantissa, some of them known to within a radius only.
        let network = if index % 3 == 2 { networks::awkward(&network, &mut rng) } else { network };
        let (lower, upper, condition) = question_about(&network, &mut rng);
        let peer = Exact::shifted(&network, &mut rng);
        let Some(regions) = peer.regions(&lower, &upper, 3000) else { continue };
        let wanted = support::ExactSet::new(regions, &condition, &lower, &upper).volume(&[]);
        let set = solved_with(&network, &lower, &upper, &condition);
        assert!(
            exact(set.volume.0) <= wanted && wanted <= exact(set.volume.1),
            "seed {seed}: {} is not in {:?}",
            wanted.to_f64().value(),
            set.volume
        );
        if let Some(own) = &set.exact_volume {
            assert_eq!(*own, wanted, "seed {seed}");
            equal += 1;
        }
        inexact += usize::from(!set.exact);
        some += usize::from(wanted > RBig::ZERO);
    }
    assert!(equal > 40 && inexact > 5 && some > 30, "{equal} {inexact} {some}");
}
