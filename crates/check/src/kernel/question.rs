//! What is asked: a union of intersections of half-spaces over inputs and outputs; and whether two say the same.

use super::number::{Rational, rational};

/// A scalar that half-spaces speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Variable {
    Input(u32),
    Output(u32),
}

/// `Σ c·v + d ≥ 0`, or `> 0`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct HalfSpace {
    /// By variable, ascending, none 0.
    pub(crate) terms: Vec<(Variable, Rational)>,
    pub(crate) constant: Rational,
    pub(crate) strict: bool,
}

/// What every point satisfies, and of the disjuncts one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Question {
    pub(crate) common: Vec<HalfSpace>,
    pub(crate) disjuncts: Vec<Vec<HalfSpace>>,
}

/// A row of an answer: `outputs·f(x) + inputs·x + d ≥ 0`, d = `inner` where it is to imply what is asked, `outer` where that
/// is to imply it.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) outputs: Vec<f64>,
    /// Or none.
    pub(crate) inputs: Vec<f64>,
    pub(crate) inner: f64,
    pub(crate) outer: f64,
    pub(crate) strict: bool,
}

/// Where variables lie: inputs in an exact box, outputs within magnitudes.
#[derive(Debug)]
pub(crate) struct Ranges<'a> {
    pub(crate) lower: &'a [Rational],
    pub(crate) upper: &'a [Rational],
    pub(crate) outputs: &'a [f64],
}

/// A box and the disjuncts of which one holds there.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) ranges: Ranges<'a>,
    pub(crate) rows: &'a [Row],
    pub(crate) disjuncts: &'a [Vec<u32>],
}

impl Row {
    /// The row's value (with `outer`) at a point.
    pub(crate) fn value(&self, x: &[Rational], y: &[Rational]) -> Rational {
        let term = |(c, v): (&f64, &Rational)| rational(*c) * v.clone();
        let terms = self.outputs.iter().zip(y).map(term).chain(self.inputs.iter().zip(x).map(term));
        terms.fold(rational(self.outer), |sum, term| sum + term)
    }

    pub(crate) fn half_space(&self, constant: f64) -> HalfSpace {
        let term = |variable: fn(u32) -> Variable| {
            move |(at, &c): (usize, &f64)| (c != 0.0).then(|| (variable(at as u32), rational(c)))
        };
        let inputs = self.inputs.iter().enumerate().filter_map(term(Variable::Input));
        let outputs = self.outputs.iter().enumerate().filter_map(term(Variable::Output));
        HalfSpace {
            terms: inputs.chain(outputs).collect(),
            constant: rational(constant),
            strict: self.strict,
        }
    }
}

impl HalfSpace {
    /// The bound that a half-space over one input is: the input, whether it bounds below, and where.
    pub(crate) fn bound(&self) -> Option<(usize, bool, Rational)> {
        match &self.terms[..] {
            [(Variable::Input(i), c)] => {
                Some((*i as usize, *c > Rational::ZERO, -self.constant.clone() / c.clone()))
            }
            _ => None,
        }
    }

    /// Whether the variables' ranges, and `premise` if there is one, imply this half-space: some σ > 0 (σ = 0 without a
    /// premise) makes `self − σ · premise` at least 0 on the ranges. Half-spaces over inputs alone are read as closed.
    fn follows(&self, premise: Option<&HalfSpace>, ranges: &Ranges) -> bool {
        let sigma = match premise {
            None => Rational::ZERO,
            Some(premise) => {
                let Some((variable, c)) = self.terms.last() else { return false };
                let Some((_, other)) = premise.terms.iter().find(|(v, _)| v == variable) else {
                    return false;
                };
                let sigma = c.clone() / other.clone();
                if sigma <= Rational::ZERO {
                    return false;
                }
                // Coefficients that differ by rounding are the same row.
                let near = rational(1.0 / (1u64 << 40) as f64);
                let off = sigma.clone() - Rational::ONE;
                if -near.clone() < off && off < near { Rational::ONE } else { sigma }
            }
        };
        let own = self.terms.iter().map(|(v, c)| (*v, c.clone()));
        let others =
            premise.into_iter().flat_map(|p| &p.terms).map(|(v, c)| (*v, -(sigma.clone() * c.clone())));
        let mut rest: std::collections::BTreeMap<Variable, Rational> = std::collections::BTreeMap::new();
        for (variable, c) in own.chain(others) {
            *rest.entry(variable).or_insert(Rational::ZERO) += c;
        }
        let mut least = self.constant.clone();
        if let Some(premise) = premise {
            least -= sigma * premise.constant.clone();
        }
        for (variable, c) in rest.into_iter().filter(|(_, c)| *c != Rational::ZERO) {
            let end = match variable {
                Variable::Input(i) if c > Rational::ZERO => ranges.lower.get(i as usize).cloned(),
                Variable::Input(i) => ranges.upper.get(i as usize).cloned(),
                Variable::Output(j) => {
                    let reach =
                        ranges.outputs.get(j as usize).filter(|r| r.is_finite()).map(|&r| rational(r));
                    reach.map(|r| if c > Rational::ZERO { -r } else { r })
                }
            };
            let Some(end) = end else { return false };
            least += c * end;
        }
        let inputs_only = self.terms.iter().all(|(v, _)| matches!(v, Variable::Input(_)));
        let closed = !self.strict || inputs_only || premise.is_some_and(|p| p.strict);
        least > Rational::ZERO || least == Rational::ZERO && closed
    }
}

impl Question {
    /// The half-spaces of a disjunct, what is common included.
    fn all<'a>(&'a self, disjunct: &'a [HalfSpace]) -> impl Iterator<Item = &'a HalfSpace> + Clone {
        self.common.iter().chain(disjunct)
    }

    /// Whether two half-spaces of a disjunct exclude each other.
    fn contradicts(&self, disjunct: &[HalfSpace], inputs: usize) -> bool {
        let nowhere = Ranges { lower: &[], upper: &[], outputs: &[] };
        let (lower, upper) = self.bounds(disjunct, inputs);
        let crossed = lower.iter().zip(&upper).any(|(l, u)| matches!((l, u), (Some(l), Some(u)) if l > u));
        let false_at_once = |h: &HalfSpace| {
            h.terms.is_empty() && (h.constant < Rational::ZERO || h.strict && h.constant == Rational::ZERO)
        };
        let parallel: Vec<&HalfSpace> = self.all(disjunct).filter(|h| h.bound().is_none()).collect();
        let opposed = |a: &HalfSpace, b: &HalfSpace| {
            // −a − ε ≥ 0 follows from b: both cannot hold.
            let terms = a.terms.iter().map(|(v, c)| (*v, -c.clone())).collect();
            let negated = HalfSpace { terms, constant: -a.constant.clone(), strict: !a.strict };
            b.terms.len() == a.terms.len()
                && negated.follows(Some(b), &nowhere)
                && (negated.strict || b.strict)
        };
        crossed
            || self.all(disjunct).any(false_at_once)
            || parallel.iter().enumerate().any(|(k, a)| parallel[..k].iter().any(|b| opposed(a, b)))
    }

    /// The bounds of every input that a disjunct states.
    pub(crate) fn bounds(
        &self,
        disjunct: &[HalfSpace],
        inputs: usize,
    ) -> (Vec<Option<Rational>>, Vec<Option<Rational>>) {
        let (mut lower, mut upper) = (vec![None; inputs], vec![None; inputs]);
        for (i, below, at) in self.all(disjunct).filter_map(HalfSpace::bound).filter(|(i, ..)| *i < inputs) {
            let side: &mut Option<Rational> = if below { &mut lower[i] } else { &mut upper[i] };
            if side.as_ref().is_none_or(|old| (at > *old) == below) {
                *side = Some(at);
            }
        }
        (lower, upper)
    }

    /// Whether every point of the question lies in one of some boxes and satisfies one of the box's disjuncts, which are
    /// lists of rows (`outer`); the disjunct of the question that is not covered, if one is not.
    pub(crate) fn is_covered(&self, inputs: usize, parts: &[Part]) -> Result<(), usize> {
        for (number, own) in self.disjuncts.iter().enumerate() {
            let (lower, upper) = self.bounds(own, inputs);
            let within = |ranges: &Ranges| {
                let inside = |a: &Option<Rational>, b: &Rational, below: bool| {
                    a.as_ref().is_some_and(|a| if below { b <= a } else { a <= b })
                };
                let low = lower.iter().zip(ranges.lower).all(|(a, b)| inside(a, b, true));
                low && upper.iter().zip(ranges.upper).all(|(a, b)| inside(a, b, false))
            };
            let covered = parts.iter().any(|Part { ranges, rows, disjuncts }| {
                let implied = |&row: &u32| {
                    let row = rows[row as usize].half_space(rows[row as usize].outer);
                    row.follows(None, ranges) || self.all(own).any(|h| row.follows(Some(h), ranges))
                };
                within(ranges) && disjuncts.iter().any(|disjunct| disjunct.iter().all(implied))
            });
            if !covered && !self.contradicts(own, inputs) {
                return Err(number);
            }
        }
        Ok(())
    }

    /// Whether every point of a box that satisfies one of the disjuncts (rows with `inner`) is one of the question; the
    /// disjunct that is not, if one is not.
    pub(crate) fn covers(&self, ranges: &Ranges, rows: &[Row], disjuncts: &[Vec<u32>]) -> Result<(), usize> {
        let half_spaces: Vec<HalfSpace> = rows.iter().map(|row| row.half_space(row.inner)).collect();
        for (number, own) in disjuncts.iter().enumerate() {
            let implied = |h: &HalfSpace| {
                h.follows(None, ranges)
                    || own.iter().any(|&row| h.follows(Some(&half_spaces[row as usize]), ranges))
            };
            let common = self.common.iter().all(implied);
            if !common || !self.disjuncts.iter().any(|disjunct| disjunct.iter().all(implied)) {
                return Err(number);
            }
        }
        Ok(())
    }

    /// Whether a point satisfies the question: inputs exactly, outputs within enclosures; `None` where these leave it open.
    pub(crate) fn holds(&self, x: &[Rational], y: &[(Rational, Rational)]) -> Option<bool> {
        let truth = |h: &HalfSpace| {
            let (mut low, mut high) = (h.constant.clone(), h.constant.clone());
            for (variable, c) in &h.terms {
                let (a, b) = match variable {
                    Variable::Input(i) => (x[*i as usize].clone(), x[*i as usize].clone()),
                    Variable::Output(j) => y[*j as usize].clone(),
                };
                let (a, b) = if *c > Rational::ZERO { (a, b) } else { (b, a) };
                low += c.clone() * a;
                high += c.clone() * b;
            }
            let holds = |v: &Rational| *v > Rational::ZERO || *v == Rational::ZERO && !h.strict;
            if holds(&low) {
                Some(true)
            } else if holds(&high) {
                None
            } else {
                Some(false)
            }
        };
        let conjunction = |list: &[HalfSpace]| {
            list.iter()
                .map(truth)
                .try_fold(true, |all, t| if t == Some(false) { Err(()) } else { Ok(all && t.is_some()) })
        };
        // Ok(true): all hold; Ok(false): some are open; Err: one is false.
        let Ok(common) = conjunction(&self.common) else { return Some(false) };
        let mut open = false;
        for disjunct in &self.disjuncts {
            match conjunction(disjunct) {
                Ok(true) if common => return Some(true),
                Ok(_) => open = true,
                Err(()) => {}
            }
        }
        if open { None } else { Some(false) }
    }
}
