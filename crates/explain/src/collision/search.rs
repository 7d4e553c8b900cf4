//! Pairs of inputs with one output, as floating point finds them; proofs come after.

use netinverse_base::{Budget, Rng, Silent};
use netinverse_bounds::Bounder;
use netinverse_invert::solve::{Domain, Goal, Options, Polyhedron, solve};
use netinverse_linalg::{Lu, Matrix, Precision, Svd};
use netinverse_network::{Evaluator, Function, Linear, Network, NetworkBuilder, Op};

use super::scan::local;
use crate::Region;

/// Two points.
pub(crate) type Points = (Vec<f64>, Vec<f64>);

pub(crate) fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// max |f(x₁) − f(x₂)|
pub(crate) fn gap(evaluator: &Evaluator<f64>, x1: &[f64], x2: &[f64]) -> f64 {
    let m = evaluator.output_size();
    let mut y = vec![0.0; 2 * m];
    evaluator.forward(&[x1, x2].concat(), &mut y);
    y[..m].iter().zip(&y[m..]).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// The size of the outputs at a point, at least 1.
fn scale(evaluator: &Evaluator<f64>, x: &[f64]) -> f64 {
    let mut y = vec![0.0; evaluator.output_size()];
    evaluator.forward(x, &mut y);
    y.iter().map(|y| y.abs()).fold(1.0, f64::max)
}

/// Along a null vector: the farthest two points on the line whose outputs agree.
pub(crate) fn along_null(
    evaluator: &Evaluator<f64>,
    region: &Region,
    x: &[f64],
    along: &[f64],
) -> Option<Points> {
    let tolerance = 1e-11 * scale(evaluator, x);
    let reach = |sign: f64| -> Vec<f64> {
        let mut exit = f64::INFINITY;
        for i in 0..x.len() {
            let d = sign * along[i];
            if d.abs() > 1e-300 {
                let limit = if d > 0.0 { region.upper[i] } else { region.lower[i] };
                exit = exit.min((limit - x[i]) / d);
            }
        }
        let mut t = if exit.is_finite() { exit * (1.0 - 1e-6) } else { 0.0 };
        for _ in 0..30 {
            let mut end: Vec<f64> = x.iter().zip(along).map(|(x, d)| x + sign * t * d).collect();
            region.clip(&mut end);
            if gap(evaluator, x, &end) <= tolerance {
                return end;
            }
            t *= 0.5;
        }
        x.to_vec()
    };
    let (a, b) = (reach(-1.0), reach(1.0));
    (distance(&a, &b) > 1e-7 * region.diagonal()).then_some((a, b))
}

/// On both sides of a facet across which a square piecewise-linear map turns over.
pub(crate) fn across_facet(
    bounder: &Bounder,
    evaluator: &Evaluator<f64>,
    region: &Region,
    before: &[f64],
    after: &[f64],
) -> Option<Points> {
    let free = region.free();
    let direction: Vec<f64> = before.iter().zip(after).map(|(a, b)| b - a).collect();
    let at = |t: f64| -> Vec<f64> { before.iter().zip(&direction).map(|(a, d)| a + t * d).collect() };
    let first = local(evaluator, before, &free).sign;
    let mut t = 0.0;
    for _ in 0..64 {
        let length = bounder.piece_end(&at(t), &direction)?;
        let facet = t + length;
        if facet >= 1.0 {
            return None;
        }
        let (inside, beyond) = (at(facet - 0.5 * length), at(facet + 1e-7));
        let there = local(evaluator, &beyond, &free);
        if there.sign != 0 && there.sign != first {
            let p = at(facet);
            let ahead = bounder.piece_end(&beyond, &direction)?.min(1.0 - facet);
            let target = at(facet + 0.5 * ahead);
            return both_sides(evaluator, region, &free, &p, &inside, &target);
        }
        t = facet + 1e-9;
    }
    None
}

/// `C_b w` of a step w beyond the facet equals `C_a v` of a step v that does not cross it.
fn both_sides(
    evaluator: &Evaluator<f64>,
    region: &Region,
    free: &[usize],
    p: &[f64],
    inside: &[f64],
    beyond: &[f64],
) -> Option<Points> {
    let (n, k) = (p.len(), free.len());
    let matrix = |x: &[f64]| {
        let (mut y, mut jacobian) = (vec![0.0; k], vec![0.0; k * n]);
        evaluator.jacobian(x, &mut y, &mut jacobian);
        Matrix::from_fn(k, k, |j, c| jacobian[j * n + free[c]])
    };
    let (own, other) = (matrix(inside), matrix(beyond));
    let w: Vec<f64> = free.iter().map(|&i| beyond[i] - p[i]).collect();
    let v = Lu::new(&own).solve_vector(&other.apply(&w))?;
    let tolerance = 1e-10 * scale(evaluator, p);
    let mut h = 1.0;
    for _ in 0..40 {
        let (mut x1, mut x2) = (p.to_vec(), p.to_vec());
        for (c, &i) in free.iter().enumerate() {
            x1[i] += h * v[c];
            x2[i] += h * w[c];
        }
        if region.contains(&x1) && region.contains(&x2) && gap(evaluator, &x1, &x2) <= tolerance * h.max(1e-3)
        {
            return Some((x1, x2));
        }
        h *= 0.5;
    }
    None
}

/// On both sides of a fold of a smooth square map: where the determinant vanishes, along the null vector.
pub(crate) fn across_fold(
    evaluator: &Evaluator<f64>,
    region: &Region,
    before: &[f64],
    after: &[f64],
) -> Option<Points> {
    let free = region.free();
    let (mut a, mut b) = (before.to_vec(), after.to_vec());
    let sign = local(evaluator, &a, &free).sign;
    for _ in 0..48 {
        let middle: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a.midpoint(*b)).collect();
        let here = local(evaluator, &middle, &free);
        if here.sign == sign { a = middle } else { b = middle }
    }
    let (n, k) = (a.len(), free.len());
    let (mut y, mut jacobian) = (vec![0.0; k], vec![0.0; k * n]);
    evaluator.jacobian(&a, &mut y, &mut jacobian);
    let svd = Svd::new(&Matrix::from_fn(k, k, |j, c| jacobian[j * n + free[c]]));
    let mut along = vec![0.0; n];
    for (c, &i) in free.iter().enumerate() {
        along[i] = svd.v.row(c)[k - 1];
    }
    for share in [0.3, 0.1, 0.03, 0.01, 0.003] {
        let step = share * region.diagonal();
        for sign in [1.0, -1.0] {
            let mut x1: Vec<f64> = a.iter().zip(&along).map(|(a, d)| a + sign * step * d).collect();
            let mut x2: Vec<f64> = a.iter().zip(&along).map(|(a, d)| a - sign * step * d).collect();
            region.clip(&mut x1);
            region.clip(&mut x2);
            if let Some((x1, x2)) = approach(evaluator, region, &x1, &x2, true)
                && distance(&x1, &x2) > 0.2 * step
            {
                return Some((x1, x2));
            }
        }
    }
    None
}

/// Newton's method on f(x₁) − f(x₂) from two points, steps as short as possible: both move, or the second alone.
pub(crate) fn approach(
    evaluator: &Evaluator<f64>,
    region: &Region,
    x1: &[f64],
    x2: &[f64],
    second_alone: bool,
) -> Option<Points> {
    let free = region.free();
    let (n, m, k) = (x1.len(), evaluator.output_size(), free.len());
    let (mut y, mut jacobian) = (vec![0.0; 2 * m], vec![0.0; 2 * m * n]);
    let (mut x1, mut x2) = (x1.to_vec(), x2.to_vec());
    let columns = if second_alone { k } else { 2 * k };
    let least = 1e-6 * region.diagonal();
    let tolerance = 1e-12 * scale(evaluator, &x1);
    let mut shrunk = 0;
    let mut last = f64::INFINITY;
    for _ in 0..40 {
        evaluator.jacobian(&[&x1[..], &x2[..]].concat(), &mut y, &mut jacobian);
        let residual: Vec<f64> = (0..m).map(|j| y[j] - y[m + j]).collect();
        let size = residual.iter().map(|r| r.abs()).fold(0.0, f64::max);
        if !size.is_finite() || distance(&x1, &x2) < least {
            return None;
        }
        if size <= tolerance {
            return Some((x1, x2));
        }
        shrunk = if size > 0.5 * last { shrunk + 1 } else { 0 };
        if shrunk > 12 {
            return None;
        }
        last = last.min(size);
        let a = Matrix::from_fn(m, columns, |j, c| {
            if c < k { -jacobian[m * n + j * n + free[c]] } else { jacobian[j * n + free[c - k]] }
        });
        let svd = Svd::new(&a);
        let rank = svd.rank(Precision::F32);
        if rank == 0 {
            return None;
        }
        let step = svd.pseudo_inverse(rank).apply(&residual);
        let longest = step.iter().map(|s| s.abs()).fold(0.0, f64::max);
        let damp = (0.25 * region.diagonal() / longest).min(1.0);
        for (c, step) in step.iter().enumerate() {
            let (x, i) = if c < k { (&mut x2, free[c]) } else { (&mut x1, free[c - k]) };
            x[i] -= damp * step;
        }
        region.clip(&mut x1);
        region.clip(&mut x2);
    }
    None
}

/// A random point of the region.
pub(crate) fn random_point(region: &Region, rng: &mut Rng) -> Vec<f64> {
    let mut x = region.centre();
    match &region.ball {
        Some(ball) => {
            let free = region.free();
            let direction: Vec<f64> = free.iter().map(|_| rng.normal()).collect();
            let length = direction.iter().map(|d| d * d).sum::<f64>().sqrt().max(1e-300);
            let radius = ball.radius * rng.uniform().powf(1.0 / free.len().max(1) as f64);
            for (d, &i) in direction.iter().zip(&free) {
                x[i] = ball.centre[i] + radius * d / length;
            }
        }
        None => {
            for i in region.free() {
                x[i] = rng.range(region.lower[i], region.upper[i]);
            }
        }
    }
    region.clip(&mut x);
    x
}

/// A layer of ReLUs at which two inputs can be made to agree: the value before it, the value after, and how many of its
/// neurons are on at the first input.
pub(crate) struct Gate {
    pub(crate) before: String,
    pub(crate) after: String,
    pub(crate) on: usize,
}

/// The layers of ReLUs through which everything passes, those with the fewest neurons on at x first.
pub(crate) fn gates(network: &Network, x: &[f64]) -> Vec<Gate> {
    let cuts = network.cuts();
    let mut gates = Vec::new();
    let evaluator = Evaluator::<f64>::new(network);
    for node in network.nodes() {
        if node.op == Op::Function(Function::Relu) && cuts.contains(&node.output) {
            let values = evaluator.values(x, &[node.inputs[0]]);
            let name = |id| network.value(id).name.clone();
            gates.push(Gate {
                before: name(node.inputs[0]),
                after: name(node.output),
                on: values[0].iter().filter(|z| **z > 0.0).count(),
            });
        }
    }
    gates.sort_by_key(|gate| gate.on);
    gates
}

/// The input nearest to b on which a layer of ReLUs writes what it writes for a: equations where a neuron is on, inequalities
/// where it is off. There the outputs agree whatever comes after, and far fewer equations are to be solved.
pub(crate) fn agree_at(
    network: &Network,
    region: &Region,
    a: &[f64],
    b: &[f64],
    gate: &Gate,
    budget: &Budget,
) -> Option<Points> {
    let before = network.with_outputs(&[&gate.before]).ok()?;
    let size = before.output_size();
    let mut z = vec![0.0; size];
    Evaluator::<f64>::new(&before).forward(a, &mut z);
    let margin = 1e-6 * z.iter().map(|z| z.abs()).fold(1.0, f64::max);
    let (on, off): (Vec<usize>, Vec<usize>) = (0..size).partition(|&j| z[j] > 0.0);
    let mut rows = vec![0.0; size * size];
    let mut constants = Vec::with_capacity(size);
    for (k, &j) in on.iter().chain(&off).enumerate() {
        let equation = k < on.len();
        rows[k * size + j] = if equation { 1.0 } else { -1.0 };
        constants.push(if equation { -z[j] } else { -margin });
    }
    let goal = Goal::one(Polyhedron { rows, constants, equations: on.len() });
    let mut options = Options::new(1);
    options.starts = 0;
    options.restarts = 0;
    options.race = 0;
    options.tolerance = vec![0.1 * margin];
    let domain = Domain::boxed(region.lower.clone(), region.upper.clone());
    let results = solve(&before, &domain, &[goal], &[b.to_vec()], &options, budget, &Silent);
    let found = results.first()?.answers.first()?;
    Some((a.to_vec(), found.x.clone()))
}

/// The pair nearest to two given inputs: `f(x₁) − f(x₂) = 0` for a network of both, inverted at zero.
pub(crate) fn nearest_pair(
    network: &Network,
    region: &Region,
    a: &[f64],
    b: &[f64],
    budget: &Budget,
) -> Option<Points> {
    let both = difference(network).ok()?;
    let twice = |side: &[f64]| [side, side].concat();
    let domain = Domain::boxed(twice(&region.lower), twice(&region.upper));
    let m = network.output_size();
    let mut options = Options::new(1);
    options.starts = 0;
    options.restarts = 0;
    options.race = 0;
    options.steps = 60;
    let evaluator = Evaluator::<f64>::new(network);
    options.tolerance = vec![1e-10 * scale(&evaluator, a)];
    let goal = Goal::one(Polyhedron::point(&vec![0.0; m]));
    let results = solve(&both, &domain, &[goal], &[[a, b].concat()], &options, budget, &Silent);
    let found = results.first()?.answers.first()?;
    let n = a.len();
    Some((found.x[..n].to_vec(), found.x[n..].to_vec()))
}

/// (x₁, x₂) ↦ f(x₁) − f(x₂)
fn difference(network: &Network) -> netinverse_base::Result<Network> {
    use netinverse_network::{Layout, Shape};
    let n = network.input_size();
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 2 * n])?)?;
    let mut rows = Vec::new();
    for side in 0..2 {
        let mut from = Vec::new();
        let mut start = side * n;
        for &id in network.inputs() {
            let shape = network.value(id).shape.clone();
            let size = shape.elements();
            let slice = Layout::Slice { starts: vec![0, start], steps: vec![1, 1], sizes: vec![1, size] };
            let part = builder.node("part", Op::Layout(slice), &[x])?;
            from.push(builder.node("input", Op::Layout(Layout::Reshape { shape }), &[part])?);
            start += size;
        }
        let outputs = builder.append(network, Some(&from))?;
        rows.push(builder.row(&outputs)?);
    }
    let minus = Op::Linear(Linear::Combine { coefficients: vec![1.0, -1.0] });
    let y = builder.node("difference", minus, &rows)?;
    builder.finish(&[y])
}
