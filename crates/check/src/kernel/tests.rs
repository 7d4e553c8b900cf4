//! Bounds and forms against exact evaluation, on random networks with every kind of step.

use super::forward::{Analysis, lines};
use super::*;

struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }

    fn list(&mut self, count: usize) -> Vec<f64> {
        (0..count).map(|_| 2.0 * self.next()).collect()
    }
}

/// Dense layers with a curve after each, a residual sum, a maximum over pairs.
fn network(random: &mut Random, curve: &Curve, n: usize, width: usize, m: usize) -> Network {
    let mut network = Network { sizes: vec![n], steps: Vec::new(), output: 0 };
    let mut push = |inputs: Vec<usize>, size: usize, op: Op| {
        let output = network.sizes.len();
        network.sizes.push(size);
        network.steps.push(Step { inputs, output, op });
        output
    };
    let dense = |random: &mut Random, outputs: usize, inputs: usize| {
        let weights = random.list(outputs * inputs);
        Op::Affine {
            maps: vec![Map::dense(outputs, inputs, &weights)],
            bias: random.list(outputs),
            bias_radius: None,
        }
    };
    let a = push(vec![0], width, dense(random, width, n));
    let b = push(vec![a], width, Op::Curves(vec![curve.clone()]));
    let c = push(vec![b], width, dense(random, width, width));
    let d = push(vec![c], width, Op::Curves(vec![curve.clone()]));
    // d + b, entry by entry.
    let identity = || Map {
        inputs: width,
        outputs: width,
        matrix: Matrix::Sparse {
            starts: (0..=width).collect(),
            columns: (0..width as u32).collect(),
            weights: vec![1.0; width],
        },
        radius: None,
    };
    let sum = Op::Affine { maps: vec![identity(), identity()], bias: vec![0.0; width], bias_radius: None };
    let e = push(vec![d, b], width, sum);
    let pairs: Vec<u32> = (0..width as u32).flat_map(|i| [i, (i + 1) % width as u32]).collect();
    let f =
        push(vec![e], width, Op::Maximum { starts: (0..=width).map(|k| 2 * k).collect(), sources: pairs });
    let g = push(vec![f], m, dense(random, m, width));
    network.output = g;
    network
}

#[test]
fn forms_lie_below_and_ranges_around_exact_values() {
    let clip =
        Curve::Piecewise { kinks: vec![-0.5, 1.0], segments: vec![(0.0, -0.5), (1.0, 0.0), (0.0, 1.0)] };
    let curves = [
        Curve::bent(0.0, 1.0),
        Curve::bent(0.1, 1.0),
        Curve::bent(-1.0, 1.0),
        clip,
        Curve::Sigmoid,
        Curve::Tanh,
    ];
    let mut random = Random(11);
    for round in 0..60 {
        let curve = &curves[round % curves.len()];
        let (n, m) = (1 + round % 4, 2);
        let network = network(&mut random, curve, n, 5 + round % 14, m);
        let centre = random.list(n);
        let radius = [1e-6, 0.1, 1.0][round % 3];
        let lower: Vec<f64> = centre.iter().map(|c| c - radius).collect();
        let upper: Vec<f64> = centre.iter().map(|c| c + radius).collect();
        let row =
            Row { outputs: random.list(m), inputs: random.list(n), inner: 0.25, outer: 0.25, strict: false };
        let claims = [Claim::row(&row, true), Claim::row(&row, false)];
        let (_, slots) = network.relu_slots();
        let slopes: Vec<f64> = (0..slots).map(|_| random.next() + 0.5).collect();
        for backward in [false, true] {
            let mut prover = Prover::new(&network);
            assert!(prover.analyse(&lower, &upper, backward));
            let own = prover.forms(&claims, &[]);
            let chosen = prover.forms(&claims, &[Choice { slopes: Some(&slopes), signs: &[] }; 2]);
            let ranges = prover.analysis.ranges[network.output].clone();
            for _ in 0..20 {
                let x: Vec<f64> = (0..n)
                    .map(|i| (centre[i] + 2.0 * random.next() * radius).clamp(lower[i], upper[i]))
                    .collect();
                let exact: Vec<Rational> = x.iter().map(|&v| rational(v)).collect();
                let values = evaluate(&network, &exact);
                // Sigmoid and tanh have no exact values: enclosures of the point stand for them.
                let y: Vec<(Rational, Rational)> = if let Some(values) = values {
                    values.into_iter().map(|v| (v.clone(), v)).collect()
                } else {
                    let mut point = Prover::new(&network);
                    assert!(point.analyse(&x, &x, false));
                    let range = &point.analysis.ranges[network.output];
                    (0..m).map(|j| (rational(range.lo[j]), rational(range.hi[j]))).collect()
                };
                let intervals = prover.intervals();
                for j in 0..m {
                    for (lo, hi) in [(ranges.lo[j], ranges.hi[j]), intervals[j]] {
                        assert!(rational(lo) <= y[j].1 && y[j].0 <= rational(hi), "{curve:?}");
                    }
                }
                for forms in [&own, &chosen] {
                    for (k, sign) in [(0, 1.0), (1, -1.0)] {
                        let mut form = rational(forms.constants[k]);
                        let mut value = rational(0.25 * sign);
                        for i in 0..n {
                            form += rational(forms.slopes(k)[i]) * exact[i].clone();
                            value += rational(sign * row.inputs[i]) * exact[i].clone();
                        }
                        for j in 0..m {
                            let c = rational(sign * row.outputs[j]);
                            let most = if c > Rational::ZERO { y[j].1.clone() } else { y[j].0.clone() };
                            value += c * most;
                        }
                        assert!(
                            form <= value,
                            "{curve:?}: {} > {}",
                            form.to_f64().value(),
                            value.to_f64().value()
                        );
                    }
                }
            }
            // What is proved without rounding is no less than what is proved with it.
            let margin = prover.margin(&claims[0], own.slopes(0), own.constants[0]);
            let above = Claim { above: Some((own.slopes(0), own.constants[0])), ..claims[0] };
            assert!(prover.exactly(&above), "the rounded form lies below the exact one: {margin}");
        }
    }
}

/// `row · f + constant` at its least on the box, by the corners of what each output is known to be.
#[test]
fn a_row_follows_from_intervals_only_where_their_worst_corner_has_it() {
    let mut random = Random(5);
    let network = network(&mut random, &Curve::bent(0.0, 1.0), 2, 6, 2);
    let mut prover = Prover::new(&network);
    assert!(prover.analyse(&[-0.5; 2], &[0.5; 2], false));
    let outputs = prover.intervals();
    let worst = rational(2.0) * rational(outputs[0].0) - rational(3.0) * rational(outputs[1].1)
        + rational(-0.5) * rational(0.5);
    for off in [-1e-3, 0.0, 1e-3] {
        let inner = round_up(&-worst.clone()) + off;
        let row =
            Row { outputs: vec![2.0, -3.0], inputs: vec![-0.5, 0.0], inner, outer: inner, strict: false };
        let holds = worst.clone() + rational(inner) >= Rational::ZERO;
        assert_eq!(prover.follows_from(&Claim::row(&row, true), &outputs), holds, "{off}");
        let above = (&[0.0, 0.0][..], 1.0);
        let claim = Claim { above: Some(above), ..Claim::row(&row, true) };
        assert!(!prover.follows_from(&claim, &outputs), "intervals say nothing of forms");
    }
}

/// Ends from 0 up to rounding to far from it, in rationals.
#[test]
fn lines_around_a_relu_hold_whatever_its_ends() {
    let relu = Curve::bent(0.0, 1.0);
    for small in [5e-324, 1e-300, 1e-17, 1e-13, 9e-13, 1e-12, 1e-6, 0.3, 1.0] {
        for large in [1e-5, 1.0, 3.0, 1e10] {
            for (l, u) in [(-small, large), (-large, small)] {
                let (lower, upper) = lines(&relu, l, u);
                for z in [l, l / 2.0, -5e-324, 0.0, u / 2.0, u] {
                    let at = |(slope, offset): (f64, f64)| rational(slope) * rational(z) + rational(offset);
                    let value = rational(z.max(0.0));
                    assert!(
                        at(lower) <= value && value <= at(upper),
                        "[{l:e}, {u:e}] at {z:e}: {lower:?} {upper:?}"
                    );
                }
            }
        }
    }
}

#[test]
fn signs_that_are_given_are_used_and_only_there() {
    let mut random = Random(5);
    for _ in 0..40 {
        let network = network(&mut random, &Curve::bent(0.0, 1.0), 2, 6, 1);
        let (lower, upper) = (vec![-1.0; 2], vec![1.0; 2]);
        let row = Row { outputs: vec![1.0], inputs: Vec::new(), inner: 0.0, outer: 0.0, strict: false };
        let claim = Claim::row(&row, true);
        let mut prover = Prover::new(&network);
        assert!(prover.analyse(&lower, &upper, true));
        let value = network.steps[0].output;
        let range = prover.analysis.ranges[value].clone();
        let Some(slot) = (0..6).find(|&j| range.lo[j] < 0.0 && range.hi[j] > 0.0) else { continue };
        for positive in [true, false] {
            let signs = [(slot, positive, random.next() + 0.5)];
            let forms = prover.forms(&[claim], &[Choice { slopes: None, signs: &signs }]);
            for _ in 0..200 {
                let x = [2.0 * random.next(), 2.0 * random.next()];
                let mut point = Prover::new(&network);
                assert!(point.analyse(&x, &x, false));
                let z = &point.analysis.ranges[value];
                if (z.lo[slot] > 0.0) != positive || (z.hi[slot] < 0.0) == positive {
                    continue;
                }
                let form = forms.slopes(0)[0] * x[0] + forms.slopes(0)[1] * x[1] + forms.constants[0];
                assert!(form <= point.analysis.ranges[network.output].hi[0] + 1e-12);
            }
        }
    }
}

/// Every value of a network at a point, in doubles.
fn values(network: &Network, x: &[f64]) -> Vec<Vec<f64>> {
    let mut values = vec![x.to_vec()];
    for step in &network.steps {
        let input = &values[step.inputs[0]];
        let own = match &step.op {
            Op::Affine { maps, bias, .. } => {
                let mut sums = bias.clone();
                for (map, &from) in maps.iter().zip(&step.inputs) {
                    for (j, sum) in sums.iter_mut().enumerate() {
                        map.row(j, |i, w, _| *sum += w * values[from][i]);
                    }
                }
                sums
            }
            Op::Curves(curves) => input.iter().map(|&z| curves[0].value(z).0).collect(),
            Op::Maximum { starts, sources } => {
                let largest = |w: &[usize]| {
                    let taps = sources[w[0]..w[1]].iter().map(|&i| input[i as usize]);
                    taps.fold(f64::NEG_INFINITY, f64::max)
                };
                starts.windows(2).map(largest).collect()
            }
        };
        values.push(own);
    }
    values
}

/// Where units are in phases only nearly, forms hold when they are told how nearly; and not, when they are not.
#[test]
fn forms_hold_near_phases_too() {
    let clip =
        Curve::Piecewise { kinks: vec![-0.5, 1.0], segments: vec![(0.0, -0.5), (1.0, 0.0), (0.0, 1.0)] };
    let curves = [Curve::bent(0.0, 1.0), Curve::bent(-1.0, 1.0), clip];
    let mut random = Random(29);
    let mut broken = 0;
    for round in 0..60 {
        let curve = &curves[round % curves.len()];
        let Curve::Piecewise { kinks, .. } = curve else { unreachable!() };
        let (n, m) = (1 + round % 3, 2);
        let network = network(&mut random, curve, n, 5 + round % 8, m);
        let centre = random.list(n);
        let lower: Vec<f64> = centre.iter().map(|c| c - 0.3).collect();
        let upper: Vec<f64> = centre.iter().map(|c| c + 0.3).collect();
        let points: Vec<Vec<f64>> =
            (0..40).map(|_| centre.iter().map(|c| c + 0.6 * random.next()).collect()).collect();
        let all: Vec<Vec<Vec<f64>>> = points.iter().map(|x| values(&network, x)).collect();
        // The phases in the middle, and how far the points' arguments are from them.
        let (middle, mut phases) = (values(&network, &centre), Phases::all(&network).unwrap());
        let mut offs = Vec::new();
        for (index, step) in network.steps.iter().enumerate() {
            let input = step.inputs[0];
            for j in 0..network.sizes[step.output] {
                let (phase, off): (usize, f64) = match &step.op {
                    Op::Affine { .. } => continue,
                    Op::Curves(_) => {
                        let phase = kinks.iter().filter(|&&kink| kink < middle[input][j]).count();
                        let (low, high) = (phase.checked_sub(1).map(|k| kinks[k]), kinks.get(phase));
                        let beyond =
                            |z: f64| low.map_or(0.0, |k| k - z).max(high.map_or(0.0, |k| z - k)).max(0.0);
                        (phase, all.iter().map(|v| beyond(v[input][j])).fold(0.0, f64::max))
                    }
                    Op::Maximum { starts, sources } => {
                        let taps = &sources[starts[j]..starts[j + 1]];
                        let phase = (0..taps.len())
                            .max_by(|&a, &b| {
                                middle[input][taps[a] as usize].total_cmp(&middle[input][taps[b] as usize])
                            })
                            .unwrap();
                        let below = |v: &Vec<Vec<f64>>| v[step.output][j] - v[input][taps[phase] as usize];
                        (phase, all.iter().map(below).fold(0.0, f64::max))
                    }
                };
                phases.restrict(phases.unit(index, j), phase, phase);
                offs.push((phases.unit(index, j), 1.01 * off + 1e-12));
            }
        }
        for told in [true, false] {
            let mut prover = Prover::new(&network);
            let mut own = phases.clone();
            if told {
                for &(unit, off) in &offs {
                    own.loosen(unit, off);
                }
            }
            prover.analysis.phases = Some(own);
            assert!(prover.analyse(&lower, &upper, false));
            let row = |j: usize| (0..2).map(|k| f64::from(u8::from(k == j))).collect::<Vec<f64>>();
            for j in 0..m {
                let row = Row { outputs: row(j), inputs: vec![], inner: 0.0, outer: 0.0, strict: false };
                let forms = prover.forms(&[Claim::row(&row, true), Claim::row(&row, false)], &[]);
                for (x, values) in points.iter().zip(&all) {
                    let y = values[network.output][j];
                    let at = |k: usize| {
                        forms.slopes(k).iter().zip(x).fold(forms.constants[k], |sum, (a, x)| sum + a * x)
                    };
                    let fits = at(0) <= y + 1e-9 && y <= -at(1) + 1e-9;
                    assert!(fits || !told, "{curve:?}: {} <= {y} <= {}", at(0), -at(1));
                    broken += usize::from(!fits);
                }
            }
        }
    }
    assert!(broken > 100, "it matters what they are told: {broken}");
}

/// Weights that are known to within radii: bounds hold for all of them, and with forms are no wider than that asks for.
#[test]
fn bounds_hold_for_all_weights_within_their_radii() {
    let mut random = Random(29);
    for (round, inputs) in [1, 7, 8, 13, 16, 29, 64].into_iter().cycle().take(28).enumerate() {
        let outputs = 5;
        let (weights, bias) = (random.list(outputs * inputs), random.list(outputs));
        let radius: Vec<f64> = random.list(outputs * inputs).iter().map(|r| 0.1 * r.abs()).collect();
        let matrix = Matrix::Sparse {
            starts: (0..=outputs).map(|j| j * inputs).collect(),
            columns: (0..(outputs * inputs) as u32).map(|at| at % inputs as u32).collect(),
            weights: weights.clone(),
        };
        let map = if round % 2 == 0 {
            Map { radius: Some(radius.clone()), ..Map::dense(outputs, inputs, &weights) }
        } else {
            Map { inputs, outputs, matrix, radius: Some(radius.clone()) }
        };
        let op = Op::Affine { maps: vec![map], bias: bias.clone(), bias_radius: None };
        let step = Step { inputs: vec![0], output: 1, op };
        let network = Network { sizes: vec![inputs, outputs], steps: vec![step], output: 1 };
        let lower = random.list(inputs);
        let upper: Vec<f64> = lower.iter().map(|l| l + random.next().abs()).collect();
        let mut analysis = Analysis::new(&network);
        analysis.start(&lower, &upper);
        assert!(analysis.step(&network, 0));
        for j in 0..outputs {
            let row = j * inputs..(j + 1) * inputs;
            let (mut reached, mut most) = (bias[j], bias[j]);
            for ((w, r), (l, u)) in
                weights[row.clone()].iter().zip(&radius[row]).zip(lower.iter().zip(&upper))
            {
                // Convex in x: greatest at an end.
                reached += (w * l + r * l.abs()).max(w * u + r * u.abs());
                most += (w * l).max(w * u) + r * l.abs().max(u.abs());
            }
            let known = analysis.ranges[1].hi[j];
            assert!(reached <= known + 1e-12, "{inputs}: {reached} {known}");
            // Without forms, of many inputs, intervals take the radii four times.
            assert!(inputs > 24 || known <= most + 1e-8, "{inputs}: {known} {most}");
        }
    }
}
