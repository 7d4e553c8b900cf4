//! Claims about a network on a box, proved by forms: in bounded rounding, and without rounding where that leaves doubt.

use super::backward::{Choice, Forms, analyse, least, push};
use super::ball::Ball;
use super::directed;
use super::exact::{self, ExactForm};
use super::forward::Analysis;
use super::network::{Network, padded};
use super::number::{Rational, gamma, rational, round_up};
use super::question::Row;

/// The claim `sign · (c·f(x) + e·x + d) ≥ s·x + t` on a box, or `>`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Claim<'a> {
    pub(crate) row: &'a Row,
    /// Whether the row itself is bounded (with its constant `inner`), else its negation (with `outer`).
    pub(crate) holds: bool,
    /// s and t; none: 0.
    pub(crate) above: Option<(&'a [f64], f64)>,
    pub(crate) strict: bool,
}

impl<'a> Claim<'a> {
    /// That a row holds on the whole box, or that it fails.
    pub(crate) fn row(row: &'a Row, holds: bool) -> Self {
        Claim { row, holds, above: None, strict: row.strict == holds }
    }

    fn sign(&self) -> f64 {
        if self.holds { 1.0 } else { -1.0 }
    }

    fn constant(&self) -> f64 {
        if self.holds { self.row.inner } else { -self.row.outer }
    }

    /// Whether a value of the difference of both sides, or a lower bound of it, proves the claim.
    fn fits(&self, sign: std::cmp::Ordering) -> bool {
        sign.is_gt() || sign.is_eq() && !self.strict
    }
}

/// A network on boxes.
#[derive(Debug)]
pub(crate) struct Prover<'a> {
    pub(crate) network: &'a Network,
    pub(crate) analysis: Analysis,
}

impl<'a> Prover<'a> {
    pub(crate) fn new(network: &'a Network) -> Self {
        Prover { network, analysis: Analysis::new(network) }
    }

    /// Where only the inputs of a ball matter.
    pub(crate) fn within(network: &'a Network, ball: Option<&Ball>) -> Self {
        let mut prover = Prover::new(network);
        prover.analysis.ball = ball.cloned();
        prover
    }

    /// Bounds the network on a box; `false` where nothing is known.
    pub(crate) fn analyse(&mut self, lower: &[f64], upper: &[f64], backward: bool) -> bool {
        analyse(self.network, &mut self.analysis, lower, upper, backward)
    }

    /// Upper bounds of the outputs' magnitudes on a box, infinite where nothing is known.
    pub(crate) fn reach(&mut self, lower: &[f64], upper: &[f64]) -> Vec<f64> {
        let known = self.analyse(lower, upper, false);
        let output = &self.analysis.ranges[self.network.output];
        let of = |j: usize| if known { output.lo[j].abs().max(output.hi[j].abs()) } else { f64::INFINITY };
        (0..self.network.outputs()).map(of).collect()
    }

    /// Forms below the left sides of claims, on the box of the last analysis.
    pub(crate) fn forms(&self, claims: &[Claim], choices: &[Choice]) -> Forms {
        let (m, n) = (self.network.outputs(), self.network.inputs());
        let stride = padded(m);
        let mut rows = vec![0.0; claims.len() * stride];
        for (claim, row) in claims.iter().zip(rows.chunks_exact_mut(stride)) {
            row.iter_mut().zip(&claim.row.outputs).for_each(|(to, c)| *to = claim.sign() * c);
        }
        let constants: Vec<f64> = claims.iter().map(Claim::constant).collect();
        let mut forms = push(self.network, &self.analysis, self.network.output, rows, &constants, choices);
        for (k, claim) in claims.iter().enumerate().filter(|(_, claim)| !claim.row.inputs.is_empty()) {
            let range = &self.analysis.ranges[0];
            let mut error = 0.0;
            for (i, slope) in forms.slopes[k * n..(k + 1) * n].iter_mut().enumerate() {
                *slope += claim.sign() * claim.row.inputs[i];
                error += slope.abs() * range.lo[i].abs().max(range.hi[i].abs());
            }
            forms.constants[k] = (forms.constants[k] - gamma(n + 4) * error * (1.0 + 1e-9)).next_down();
        }
        forms
    }

    /// A lower bound of the difference of a claim's sides on the box, from its form: > 0 proves it.
    pub(crate) fn margin(&self, claim: &Claim, slopes: &[f64], constant: f64) -> f64 {
        let n = self.network.inputs();
        let range = &self.analysis.ranges[0];
        let (lower, upper) = (&range.lo[..n], &range.hi[..n]);
        let Some((s, t)) = claim.above else { return self.analysis.least(slopes, constant) };
        // Differences round once; where the sides are nearly equal they do not.
        let difference: Vec<f64> = slopes.iter().zip(s).map(|(a, b)| a - b).collect();
        let reach = |i: usize| difference[i].abs() * lower[i].abs().max(upper[i].abs());
        let off = gamma(n + 4) * (0..n).map(reach).sum::<f64>() * (1.0 + 1e-9);
        least(&difference, ((constant - t).next_down() - off).next_down(), lower, upper)
    }

    /// Whether the claim follows without rounding from the lines of the last analysis.
    pub(crate) fn exactly(&self, claim: &Claim) -> bool {
        let row: Vec<f64> = claim.row.outputs.iter().map(|c| claim.sign() * c).collect();
        let Some(mut form) = exact::push(self.network, &self.analysis, &row, claim.constant()) else {
            return false;
        };
        if !claim.row.inputs.is_empty() {
            form.add(claim.sign(), &claim.row.inputs, 0.0);
        }
        if let Some((slopes, constant)) = claim.above {
            form.add(-1.0, slopes, constant);
        }
        let (range, n) = (&self.analysis.ranges[0], self.network.inputs());
        claim.fits(form.least(&range.lo[..n], &range.hi[..n]).sign())
    }

    /// Enclosures of the outputs on the box of the last analysis, rounded operation by operation.
    pub(crate) fn intervals(&self) -> Vec<(f64, f64)> {
        directed::outputs(self.network, &self.analysis)
    }

    /// Whether the claim of a row follows from enclosures of the outputs alone.
    pub(crate) fn follows_from(&self, claim: &Claim, outputs: &[(f64, f64)]) -> bool {
        if claim.above.is_some() {
            return false;
        }
        let range = &self.analysis.ranges[0];
        let mut least = rational(claim.constant());
        let mut add = |c: f64, (lo, hi): (f64, f64)| {
            let c = claim.sign() * c;
            if c != 0.0 {
                least += rational(c) * rational(if c > 0.0 { lo } else { hi });
            }
        };
        claim.row.outputs.iter().zip(outputs).for_each(|(&c, &y)| add(c, y));
        claim.row.inputs.iter().enumerate().for_each(|(i, &e)| add(e, (range.lo[i], range.hi[i])));
        claim.fits(least.cmp(&rational(0.0)))
    }

    /// Whether the claim is false at x.
    pub(crate) fn is_false_at(&mut self, claim: &Claim, x: &[f64]) -> bool {
        if !self.analyse(x, x, false) {
            return false;
        }
        let output = &self.analysis.ranges[self.network.output];
        let mut most = rational(claim.constant());
        for (j, &c) in claim.row.outputs.iter().enumerate().filter(|(_, c)| **c != 0.0) {
            let c = claim.sign() * c;
            most += rational(c) * rational(if c > 0.0 { output.hi[j] } else { output.lo[j] });
        }
        for (i, &e) in claim.row.inputs.iter().enumerate() {
            most += rational(claim.sign() * e) * rational(x[i]);
        }
        if let Some((slopes, constant)) = claim.above {
            most -= rational(constant);
            slopes.iter().zip(x).for_each(|(&s, &x)| most -= rational(s) * rational(x));
        }
        !claim.fits(most.cmp(&rational(0.0)))
    }
}

/// A row that holds wherever all the members do: their sum with multipliers γ ≥ 0, on the box of an analysis. `None` for
/// multipliers that prove nothing.
pub(crate) fn combined(
    rows: &[Row],
    members: &[(u32, f64)],
    analysis: &Analysis,
    network: &Network,
) -> Option<Row> {
    if members.iter().any(|(_, g)| !(*g >= 0.0 && g.is_finite())) || members.iter().all(|(_, g)| *g == 0.0) {
        return None;
    }
    if let [(row, 1.0)] = members {
        return Some(rows[*row as usize].clone());
    }
    let ranges = [&analysis.ranges[network.output], &analysis.ranges[0]];
    let mut constant = Rational::ZERO;
    // The nearest double to each sum; what it is off by, times the largest value, goes to the constant.
    let mut sums = |count: usize, range: usize, list: fn(&Row) -> &[f64]| -> Vec<f64> {
        let of = |at: usize| {
            let terms =
                members.iter().filter_map(|(row, g)| list(&rows[*row as usize]).get(at).map(|&c| (*g, c)));
            let exact = terms.map(|(g, c)| rational(g) * rational(c)).fold(Rational::ZERO, |a, b| a + b);
            let near = exact.to_f64().value();
            let off = exact - rational(near);
            if off != Rational::ZERO {
                let reach = ranges[range].lo[at].abs().max(ranges[range].hi[at].abs());
                constant += rational(reach) * if off < Rational::ZERO { -off } else { off };
            }
            near
        };
        (0..count).map(of).collect()
    };
    let outputs = sums(network.outputs(), 0, |row| &row.outputs);
    let speaks = members.iter().any(|(row, _)| !rows[*row as usize].inputs.is_empty());
    let inputs = if speaks { sums(network.inputs(), 1, |row| &row.inputs) } else { Vec::new() };
    for (row, g) in members {
        constant += rational(*g) * rational(rows[*row as usize].outer);
    }
    let outer = round_up(&constant);
    let strict = members.iter().any(|(row, g)| *g > 0.0 && rows[*row as usize].strict);
    let finite = outer.is_finite() && outputs.iter().chain(&inputs).all(|c| c.is_finite());
    finite.then_some(Row { outputs, inputs, inner: outer, outer, strict })
}

/// Whether `form − λ · facet`, λ ≥ 0, is at least 0 on the box (with `strict` greater): then no point of the box with facet ≥ 0
/// has form < 0 (≤ 0).
pub(crate) fn dominates(
    form: (&[f64], f64),
    facet: Option<(&[f64], f64, f64)>,
    lower: &[f64],
    upper: &[f64],
    strict: bool,
) -> bool {
    let (a, b, lambda) = facet.unwrap_or((&[], 0.0, 0.0));
    let (mut sum, mut magnitude) = (form.1 - lambda * b, form.1.abs() + (lambda * b).abs());
    for (i, &s) in form.0.iter().enumerate() {
        let take = lambda * a.get(i).copied().unwrap_or(0.0);
        let slope = s - take;
        sum += (slope * lower[i]).min(slope * upper[i]);
        magnitude += (s.abs() + take.abs()) * lower[i].abs().max(upper[i].abs());
    }
    let error = gamma(form.0.len() + 8) * magnitude * (1.0 + 1e-9) + 1e-200;
    if lambda < 0.0 || magnitude.is_nan() || magnitude > 1e200 {
        return false;
    }
    if sum - error > 0.0 || sum + error < 0.0 {
        return sum > 0.0;
    }
    let mut exact = ExactForm::of(form.0, form.1);
    exact.add(-lambda, a, b);
    let sign = exact.least(lower, upper).sign();
    sign.is_gt() || sign.is_eq() && !strict
}
