//! Proofs that no input of a region gives what is asked, even to the tolerance.

use netinverse_answer::{Certificate, CertificateKind};
use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_up};
use netinverse_network::{Function, Linear, Network, Op, Param, WeightOrder};
use netinverse_spec::{Row, TargetSet};

use crate::interval_bound::{enclose_function, output_bounds};
use crate::solve::least_distance::{Ending, LeastDistance, Nearest, Rows};
use crate::solve::{Domain, Goal, PeeledGoal, peel};

/// What is known of a network on one region, for all queries.
pub(super) struct Proofs {
    /// Enclosures of the outputs over the region's box, where it is finite.
    outputs: Option<Vec<Interval>>,
}

impl Proofs {
    pub(super) fn new(network: &Network, domain: &Domain) -> Self {
        let finite = domain.lower.iter().chain(&domain.upper).all(|bound| bound.is_finite());
        let outputs = if finite { output_bounds(network, &domain.lower, &domain.upper) } else { None };
        Proofs { outputs }
    }

    /// An upper bound of `form·y` over the region.
    pub(super) fn largest(&self, form: &[f64]) -> Option<f64> {
        let outputs = self.outputs.as_deref()?;
        let sum = form.iter().zip(outputs).fold(Interval::ZERO, |sum, (&c, &y)| sum + Interval::point(c) * y);
        sum.hi().is_finite().then_some(sum.hi())
    }

    /// The outputs' enclosures contradict every piece of the set by more than the tolerance. The set's rows are
    /// rounded outward.
    pub(super) fn by_intervals(&self, set: &TargetSet, tolerance: f64) -> Option<Certificate> {
        let outputs = self.outputs.as_deref()?;
        let mut reason = String::new();
        let outside = |j: usize, asked: &str| {
            format!(
                "output {j} would have to be {asked}, and over the bounds it lies in [{:e}, {:e}]",
                outputs[j].lo(),
                outputs[j].hi()
            )
        };
        match set {
            TargetSet::Values(values) => {
                let j = (0..values.len()).find(|&j| {
                    let near = Interval::around(values[j], tolerance);
                    near.hi() < outputs[j].lo() || near.lo() > outputs[j].hi()
                })?;
                reason = outside(j, &values[j].to_string());
            }
            TargetSet::Union(union) if union.exact => {
                for piece in &union.pieces {
                    let inequality = piece.rows.iter().find(|row| value(row, outputs).hi() < -tolerance);
                    let equality = piece.equalities.iter().find(|row| {
                        let value = value(row, outputs);
                        value.hi() < -tolerance || value.lo() > tolerance
                    });
                    let row = inequality.or(equality)?;
                    let bound = value(row, outputs);
                    reason = match row.terms[..] {
                        [(j, c)] => {
                            let side = if c > 0.0 { "at least" } else { "at most" };
                            outside(j, &format!("{side} {}", -row.constant / c))
                        }
                        _ => format!(
                            "a condition {} asks for at least 0 lies in [{:e}, {:e}] over the bounds",
                            describe(row),
                            bound.lo(),
                            bound.hi()
                        ),
                    };
                }
                if union.pieces.len() > 1 {
                    reason = format!(
                        "none of {} alternatives is possible; in the last, {reason}",
                        union.pieces.len()
                    );
                }
            }
            TargetSet::Union(_) => return None,
        }
        let numbers: Vec<f64> = outputs.iter().flat_map(|output| [output.lo(), output.hi()]).collect();
        let numbers = if numbers.iter().all(|v| v.is_finite()) { numbers } else { Vec::new() };
        Some(Certificate { kind: CertificateKind::Interval, reason, numbers })
    }
}

/// The last operators never take the values asked for, anywhere. `goal` speaks of the outputs of `network`.
pub(super) fn by_range(network: &Network, goal: &Goal, tolerance: f64) -> Option<Certificate> {
    let unreachable = |tolerance: f64| {
        let mut peeled = peel(network, std::slice::from_ref(goal), &[tolerance]);
        match peeled.goals.pop() {
            Some(PeeledGoal::Unreachable(reason)) => Some((reason, bijections(&peeled.tail))),
            _ => None,
        }
    };
    let (reason, tail) = unreachable(tolerance)?;
    // Before a second bijection the tolerance has another unit, and numbers were rounded on the way.
    let reason = if tail > 1 { unreachable((1e3 * tolerance).max(1e-6))?.0 } else { reason };
    Some(Certificate { kind: CertificateKind::Range, reason, numbers: Vec::new() })
}

fn bijections(tail: &[&str]) -> usize {
    tail.iter().filter(|&&name| name != "Reshape").count()
}

/// The enclosure of a row's value.
fn value(row: &Row, outputs: &[Interval]) -> Interval {
    let mut sum = Interval::point(row.constant);
    for (&(j, c), &error) in row.terms.iter().zip(&row.errors) {
        sum = sum + Interval::around(c, error) * outputs[j];
    }
    sum
}

fn describe(row: &Row) -> String {
    let terms: Vec<String> = row.terms.iter().map(|(j, c)| format!("{c}*y{j}")).collect();
    format!("on {}", terms.join(" + "))
}

/// A single affine layer, perhaps under a bijection: multipliers λ of the rows of the goal and of the linear
/// constraints whose combination is negative everywhere in the box (Farkas), checked in outward-rounded arithmetic on
/// the stored constants. `goal` speaks of the outputs of `network`; a residual up to `tolerance` would be an answer.
pub(super) fn by_multipliers(
    network: &Network,
    domain: &Domain,
    goal: &Goal,
    set: &TargetSet,
    tolerance: f64,
) -> Option<Certificate> {
    let mut peeled = peel(network, std::slice::from_ref(goal), &[tolerance]);
    let Some(PeeledGoal::Goal(inner)) = peeled.goals.pop() else { return None };
    let slacks = Slacks::of(network, &peeled.tail, &inner, set, tolerance)?;
    let (network, goal) = (&peeled.network, &inner);
    let layer = Affine::of(network)?;
    let mut multipliers = Vec::new();
    for polyhedron in &goal.alternatives {
        let (n, m) = (network.input_size(), network.output_size());
        // Rows a·x ≥ b (or = b), equations of both kinds first.
        let (mut a, mut b, mut exact, mut slack) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for equations in [true, false] {
            for k in (0..polyhedron.len()).filter(|&k| (k < polyhedron.equations) == equations) {
                let row = layer.row(&polyhedron.rows[k * m..(k + 1) * m], polyhedron.constants[k]);
                a.extend(row.slopes.iter().map(|s| s.lo().midpoint(s.hi())));
                b.push(-row.constant.lo().midpoint(row.constant.hi()));
                exact.push(row);
                slack.push(slacks.of_row(k));
            }
            for k in (0..domain.constraints()).filter(|&k| (k < domain.equations) == equations) {
                let slopes = &domain.coefficients[k * n..(k + 1) * n];
                a.extend_from_slice(slopes);
                slack.push(CONSTRAINT_SLACK);
                b.push(domain.constants[k]);
                exact.push(AffineRow {
                    slopes: slopes.iter().map(|&s| Interval::point(s)).collect(),
                    constant: Interval::point(-domain.constants[k]),
                });
            }
        }
        let equations = polyhedron.equations + domain.equations;
        let reference: Vec<f64> =
            domain.lower.iter().zip(&domain.upper).map(|(&low, &high)| 0f64.max(low).min(high)).collect();
        let nearest = Nearest {
            reference: &reference,
            weights: None,
            lower: &domain.lower,
            upper: &domain.upper,
            softness: 0.0,
        };
        let mut solver = LeastDistance::default();
        let Ending::Infeasible(_) = solver.solve(&Rows { a: &a, b: &b, equations }, &nearest, 1e-12) else {
            return None;
        };
        if !contradicts(&exact, equations, &solver.lambda, domain, &slack) {
            return None;
        }
        multipliers.extend_from_slice(&solver.lambda);
    }
    Some(Certificate {
        kind: CertificateKind::Farkas,
        reason:
            "the network is affine before its last bijections: multipliers of the conditions add up to a \
                 contradiction over the bounds"
                .into(),
        numbers: multipliers,
    })
}

/// What a linear constraint may be off by, in its scaled units.
const CONSTRAINT_SLACK: f64 = 1e-9;

/// By how much each row before the tail may be violated where the outputs are within the tolerance.
enum Slacks {
    Same(f64),
    Each(Vec<f64>),
}

impl Slacks {
    fn of(network: &Network, tail: &[&str], goal: &Goal, set: &TargetSet, tolerance: f64) -> Option<Self> {
        match (bijections(tail), set) {
            (0, _) => Some(Slacks::Same(tolerance)),
            (1, TargetSet::Values(values)) => {
                let function = network.nodes().iter().rev().find_map(|node| match node.op {
                    Op::Function(function) => Some(function),
                    _ => None,
                })?;
                let polyhedron = goal.alternatives.first()?;
                let m = values.len();
                // Rows are `z_j − d`, in the order of the outputs.
                (polyhedron.equations == m && polyhedron.len() == m).then_some(())?;
                let slack = |j: usize| slack_before(function, -polyhedron.constants[j], values[j], tolerance);
                Some(Slacks::Each((0..m).map(slack).collect()))
            }
            // Orders of outputs are orders before the bijection, and here they are strict.
            (_, TargetSet::Union(union)) => {
                let strict = union.pieces.iter().all(|piece| {
                    piece.equalities.is_empty()
                        && piece.rows.iter().all(|row| row.strict && row.constant == 0.0)
                });
                strict.then_some(Slacks::Same(0.0))
            }
            _ => None,
        }
    }

    fn of_row(&self, k: usize) -> f64 {
        match self {
            Slacks::Same(slack) => *slack,
            Slacks::Each(slacks) => slacks[k],
        }
    }
}

/// How far from z a pre-activation may lie whose output is within `tolerance` of y; infinite where that is not known.
fn slack_before(function: Function, z: f64, y: f64, tolerance: f64) -> f64 {
    let mut slack = (f64::EPSILON * z.abs()).max(1e-300).max(tolerance);
    // Doubled until the enclosures at both ends have left the tolerance behind.
    for _ in 0..1100 {
        let low = enclose_function(function, Interval::point(z - slack)).map(Interval::hi);
        let high = enclose_function(function, Interval::point(z + slack)).map(Interval::lo);
        match (low, high) {
            (Some(low), Some(high)) if low < add_down(y, -tolerance) && high > add_up(y, tolerance) => {
                return slack.next_up();
            }
            _ if !(z + slack).is_finite() || !(z - slack).is_finite() => break,
            _ => slack *= 2.0,
        }
    }
    f64::INFINITY
}

/// Whether `Σ λ_k (a_k·x − b_k)` is below `−Σ |λ_k|·slack_k` for every x of the box, which no x that violates each row
/// by at most its slack allows: for inequalities λ ≥ 0 the sum is at least that, for equations within it.
fn contradicts(rows: &[AffineRow], equations: usize, lambda: &[f64], domain: &Domain, slack: &[f64]) -> bool {
    let mut most = Interval::ZERO;
    let mut allowed = 0.0;
    for (k, row) in rows.iter().enumerate() {
        if !lambda[k].is_finite() || (k >= equations && lambda[k] < 0.0) {
            return false;
        }
        most = most + Interval::point(lambda[k]) * row.constant;
        allowed = add_up(allowed, mul_up(lambda[k].abs(), slack[k]));
    }
    let mut highest = most.hi();
    for i in 0..domain.lower.len() {
        let slope = rows
            .iter()
            .zip(lambda)
            .fold(Interval::ZERO, |sum, (row, &l)| sum + Interval::point(l) * row.slopes[i]);
        if slope != Interval::ZERO {
            let reach = slope * Interval::new(domain.lower[i], domain.upper[i]);
            highest = add_up(highest, reach.hi());
        }
    }
    highest < -allowed
}

/// `a·x + c`, enclosed.
struct AffineRow {
    slopes: Vec<Interval>,
    constant: Interval,
}

/// A network that is one dense layer on one row, reshapes around it aside.
struct Affine<'a> {
    weight: &'a Param,
    bias: Option<&'a Param>,
    order: WeightOrder,
    inputs: usize,
    outputs: usize,
}

impl<'a> Affine<'a> {
    fn of(network: &'a Network) -> Option<Self> {
        let mut layer = None;
        for node in network.nodes() {
            match &node.op {
                Op::Layout(netinverse_network::Layout::Reshape { .. }) => {}
                Op::Linear(Linear::Dense(dense)) if layer.is_none() => layer = Some(dense),
                _ => return None,
            }
        }
        let dense = layer?;
        let (inputs, outputs) = dense.sizes(network.params());
        let one_row = inputs == network.input_size() && outputs == network.output_size();
        (one_row && network.inputs().len() == 1 && network.outputs().len() == 1).then(|| Affine {
            weight: network.param(dense.weight),
            bias: dense.bias.map(|id| network.param(id)),
            order: dense.order,
            inputs,
            outputs,
        })
    }

    /// `r·(xW + b) + d` as a row in x.
    fn row(&self, r: &[f64], d: f64) -> AffineRow {
        let element = |param: &Param, index: usize| {
            let radius = param.radius().map_or(0.0, |radius| radius[index]);
            Interval::around(param.f64()[index], radius)
        };
        let mut constant = Interval::point(d);
        if let Some(bias) = self.bias {
            for j in 0..self.outputs {
                constant = constant + Interval::point(r[j]) * element(bias, j);
            }
        }
        let slopes = (0..self.inputs)
            .map(|i| {
                (0..self.outputs).filter(|&j| r[j] != 0.0).fold(Interval::ZERO, |sum, j| {
                    let position = match self.order {
                        WeightOrder::InputsFirst => i * self.outputs + j,
                        WeightOrder::OutputsFirst => j * self.inputs + i,
                    };
                    sum + Interval::point(r[j]) * element(self.weight, position)
                })
            })
            .collect();
        AffineRow { slopes, constant }
    }
}
