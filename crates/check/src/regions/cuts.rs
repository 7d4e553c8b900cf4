//! Where cells can be split: the phases that elements may be in, and the kinks and ties between these. A phase is left out only
//! where it is proved not to occur, and the parts of a split cover the cell.

use std::sync::Arc;

use crate::kernel::{
    Choice, Curve, Dyadic, ExactForm, Forms, Op, Phases, Prover, Wall, affine, padded, push, round_up,
};

use super::cells::{Cell, Setting};
use super::polytope::Polytope;

/// Where a cell can be split, and how deep that cuts.
#[derive(Debug)]
pub(super) struct Cut {
    pub(super) depth: f64,
    pub(super) step: usize,
    pub(super) element: usize,
    at: At,
}

#[derive(Debug)]
enum At {
    Kink(usize),
    /// These sources of a maximum, by their place among its sources.
    Sources(Vec<usize>),
}

impl Setting<'_> {
    /// Bounds every element and decides phases; where the cell can be split. `None` where numbers are out of reach.
    pub(super) fn bound(&self, cell: &mut Cell, prover: &mut Prover) -> Option<Vec<Cut>> {
        let network = self.network;
        let mut cuts = Vec::new();
        prover.analysis.start(&cell.lower, &cell.upper);
        let walls = std::mem::take(&mut cell.walls);
        let mut polytope = Polytope::new(&walls, &cell.lower, &cell.upper);
        let mut known = true;
        for (index, step) in network.steps.iter().enumerate() {
            match &step.op {
                Op::Affine { .. } => {}
                Op::Curves(curves) => {
                    self.curves(index, curves, &mut cell.phases, &mut polytope, prover, &mut cuts);
                }
                Op::Maximum { starts, sources } => {
                    self.maxima(index, starts, sources, &mut cell.phases, &mut polytope, prover, &mut cuts);
                }
            }
            prover.analysis.phases = Some(cell.phases.clone());
            known = prover.analysis.step(network, index);
            if !known {
                break;
            }
        }
        cell.walls = walls;
        known.then_some(cuts)
    }

    fn curves(
        &self,
        index: usize,
        curves: &[Curve],
        phases: &mut Phases,
        polytope: &mut Polytope<Arc<Wall>>,
        prover: &mut Prover,
        cuts: &mut Vec<Cut>,
    ) {
        let value = self.network.steps[index].inputs[0];
        let size = self.network.sizes[value];
        let kinks_of = |j: usize| match &curves[if curves.len() == 1 { 0 } else { j }] {
            Curve::Piecewise { kinks, .. } => &kinks[..],
            _ => &[],
        };
        let mut open = Vec::new();
        for j in 0..size {
            let (kinks, unit) = (kinks_of(j), phases.unit(index, j));
            let range = &prover.analysis.ranges[value];
            restrict(phases, unit, kinks, range.lo[j], range.hi[j]);
            if phases.decided(index, j).is_none() && prover.analysis.is_affine(value, j) {
                open.push(j);
            }
        }
        if open.is_empty() {
            return;
        }
        let forms = self.forms(prover, value, &open.iter().map(|&j| (j, None)).collect::<Vec<_>>());
        for (k, &j) in open.iter().enumerate() {
            let (kinks, unit) = (kinks_of(j), phases.unit(index, j));
            let slopes = [forms.slopes(2 * k), forms.slopes(2 * k + 1)];
            let (low, below) = polytope.least(slopes[0], forms.constants[2 * k]);
            let (high, above) = polytope.least(slopes[1], forms.constants[2 * k + 1]);
            let high = -high;
            restrict(phases, unit, kinks, low, high);
            let near = polytope.near(slopes[0], forms.constants[2 * k]);
            let (first, last) = phases.of(unit);
            let mut exact = None;
            for kink in usize::from(first)..usize::from(last) {
                // At a kink that is only touched rounding cannot tell.
                let at = kinks[kink];
                for (bound, dual, sign) in [(-high, &above, -1.0), (low, &below, 1.0)] {
                    if (bound - sign * at).abs() > near || dual.value - sign * at < -near {
                        continue;
                    }
                    let form = exact.get_or_insert_with(|| self.argument(phases, value, j, None));
                    let Some(mut own) = form.clone() else { continue };
                    own.constant = own.constant.minus(&Dyadic::of(at));
                    let own = if sign > 0.0 { own } else { own.negated() };
                    if polytope.follows_exactly(&own, dual, false) {
                        if sign > 0.0 {
                            phases.restrict(unit, kink + 1, usize::from(u8::MAX));
                        } else {
                            phases.restrict(unit, 0, kink);
                        }
                    }
                }
            }
            prover.analysis.tighten(value, [(j, low, high)].into_iter());
            let (first, last) = phases.of(unit);
            let depth = |kink: usize| (kinks[kink] - low).min(high - kinks[kink]);
            let best = (usize::from(first)..usize::from(last)).max_by(|&a, &b| depth(a).total_cmp(&depth(b)));
            if let Some(kink) = best {
                let length = length(slopes[0], polytope.lower, polytope.upper);
                cuts.push(Cut { depth: depth(kink) / length, step: index, element: j, at: At::Kink(kink) });
            }
        }
    }

    fn maxima(
        &self,
        index: usize,
        starts: &[usize],
        sources: &[u32],
        phases: &mut Phases,
        polytope: &mut Polytope<Arc<Wall>>,
        prover: &mut Prover,
        cuts: &mut Vec<Cut>,
    ) {
        let value = self.network.steps[index].inputs[0];
        for j in 0..starts.len() - 1 {
            if phases.decided(index, j).is_some() {
                continue;
            }
            let taps: Vec<usize> = sources[starts[j]..starts[j + 1]].iter().map(|&i| i as usize).collect();
            let range = &prover.analysis.ranges[value];
            let best = (0..taps.len()).max_by(|&a, &b| range.lo[taps[a]].total_cmp(&range.lo[taps[b]]));
            let best = best.unwrap_or(0);
            let may = |&k: &usize| k == best || range.hi[taps[k]] > range.lo[taps[best]];
            let mut left: Vec<usize> = (0..taps.len()).filter(may).collect();
            let all_affine = left.iter().all(|&k| prover.analysis.is_affine(value, taps[k]));
            let mut depth: f64 = 0.0;
            if left.len() > 1 && all_affine {
                // One of a pair that is nowhere above the other is left out.
                let mut at = 0;
                while at < left.len() {
                    let beaten = left.iter().enumerate().any(|(k, &other)| {
                        k != at && {
                            let pair = [(taps[other], Some(taps[left[at]]))];
                            let forms = self.forms(prover, value, &pair);
                            let (bound, dual) = polytope.least(forms.slopes(0), forms.constants[0]);
                            let near = polytope.near(forms.slopes(0), forms.constants[0]);
                            let (above, _) = polytope.least(forms.slopes(1), forms.constants[1]);
                            let size = length(forms.slopes(0), polytope.lower, polytope.upper);
                            depth = depth.max((-bound).min(-above) / size);
                            bound >= 0.0
                                || dual.value >= -near && {
                                    let form = self.argument(phases, value, pair[0].0, pair[0].1);
                                    form.is_some_and(|form| polytope.follows_exactly(&form, &dual, false))
                                }
                        }
                    });
                    if beaten {
                        left.remove(at);
                    } else {
                        at += 1;
                    }
                }
            }
            if let [only] = left[..] {
                phases.restrict(phases.unit(index, j), only, only);
            } else if all_affine {
                cuts.push(Cut { depth, step: index, element: j, at: At::Sources(left) });
            }
        }
    }

    /// The two sides of a kink, or a part for each source. The prover's last analysis is of this cell.
    pub(super) fn split(&self, cell: &Cell, cut: &Cut, prover: &Prover) -> Option<Vec<Cell>> {
        let value = self.network.steps[cut.step].inputs[0];
        let unit = cell.phases.unit(cut.step, cut.element);
        let with = |walls: Vec<Arc<Wall>>, from: usize, to: usize, off: f64| {
            let mut child = cell.clone();
            child.walls.extend(walls);
            child.phases.restrict(unit, from, to);
            child.phases.loosen(unit, off);
            child
        };
        match (&cut.at, &self.network.steps[cut.step].op) {
            (At::Kink(kink), Op::Curves(curves)) => {
                let curve = &curves[if curves.len() == 1 { 0 } else { cut.element }];
                let Curve::Piecewise { kinks, .. } = curve else { return None };
                let (mut form, off) = self.splitting(cell, prover, value, cut.element, None)?;
                form.constant = form.constant.minus(&Dyadic::of(kinks[*kink]));
                // The kink plus or minus this, rounded, still is so far from it.
                let off = if off > 0.0 { off + 2.0 * f64::EPSILON * (off + kinks[*kink].abs()) } else { 0.0 };
                if form.slopes.iter().all(Dyadic::is_zero) {
                    // One number on all of the cell: on one side.
                    let side = if form.constant.sign().is_ge() {
                        (kink + 1, usize::from(u8::MAX))
                    } else {
                        (0, *kink)
                    };
                    return Some(vec![with(Vec::new(), side.0, side.1, off)]);
                }
                let above = self.wall(&form, false);
                let below = above.opposite(false);
                Some(vec![
                    with(vec![Arc::new(above)], kink + 1, usize::from(u8::MAX), off),
                    with(vec![Arc::new(below)], 0, *kink, off),
                ])
            }
            (At::Sources(left), Op::Maximum { starts, sources }) => {
                let taps = &sources[starts[cut.element]..starts[cut.element + 1]];
                let part = |&own: &usize| {
                    let others = left.iter().filter(|k| **k != own);
                    let mut most: f64 = 0.0;
                    let walls = others.map(|&k| {
                        // One form for both orders, so that the parts share their face.
                        let (a, b) = (taps[own.min(k)] as usize, taps[own.max(k)] as usize);
                        let (form, off) = self.splitting(cell, prover, value, a, Some(b))?;
                        most = most.max(off);
                        let form = if own < k { form } else { form.negated() };
                        Some(Arc::new(self.wall(&form, false)))
                    });
                    let walls = walls.collect::<Option<_>>()?;
                    Some(with(walls, own, own, most))
                };
                left.iter().map(part).collect()
            }
            _ => None,
        }
    }

    /// A form to split by, and how far it may be from the argument of an element, or from the difference of two, on the cell of the
    /// last analysis.
    fn splitting(
        &self,
        cell: &Cell,
        prover: &Prover,
        value: usize,
        element: usize,
        minus: Option<usize>,
    ) -> Option<(ExactForm, f64)> {
        if !self.enclosed {
            return Some((self.argument(&cell.phases, value, element, minus)?, 0.0));
        }
        let forms = self.forms(prover, value, &[(element, minus)]);
        if !forms.constants.iter().all(|c| c.is_finite()) {
            return None;
        }
        let mut form = ExactForm::of(forms.slopes(0), forms.constants[0]);
        let mut gap = ExactForm::of(forms.slopes(1), forms.constants[1]);
        gap.add(1.0, forms.slopes(0), forms.constants[0]);
        // Between the form and the form plus this.
        let gap = round_up(&-gap.least(&cell.lower, &cell.upper).to_rational()).max(0.0);
        form.constant = form.constant.plus(&Dyadic::of(0.5 * gap));
        Some((form, gap))
    }

    /// The exact form of an element's argument, or of the difference of two, on a cell; `None` where it is out of reach.
    fn argument(
        &self,
        phases: &Phases,
        value: usize,
        element: usize,
        minus: Option<usize>,
    ) -> Option<ExactForm> {
        if self.enclosed {
            return None;
        }
        let mut slopes = vec![Dyadic::ZERO; self.network.sizes[value]];
        slopes[element] = Dyadic::of(1.0);
        if let Some(other) = minus {
            slopes[other] = Dyadic::of(-1.0);
        }
        affine(self.network, phases, value, ExactForm { slopes, constant: Dyadic::ZERO })
    }

    /// Forms below elements of a value, or differences of two, and below their negations.
    pub(super) fn forms(&self, prover: &Prover, value: usize, elements: &[(usize, Option<usize>)]) -> Forms {
        let stride = padded(self.network.sizes[value]);
        let mut rows = vec![0.0; 2 * elements.len() * stride];
        for (k, &(j, minus)) in elements.iter().enumerate() {
            for (row, sign) in [(2 * k, 1.0), (2 * k + 1, -1.0)] {
                rows[row * stride + j] = sign;
                if let Some(other) = minus {
                    rows[row * stride + other] -= sign;
                }
            }
        }
        let choices: &[Choice] = &[];
        push(self.network, &prover.analysis, value, rows, &vec![0.0; 2 * elements.len()], choices)
    }
}

/// Leaves the phases that an argument between two bounds may be in; at a kink that it only touches, those on its side.
fn restrict(phases: &mut Phases, unit: usize, kinks: &[f64], low: f64, high: f64) {
    let first = kinks.iter().filter(|&&kink| kink <= low).count();
    let last = kinks.iter().filter(|&&kink| kink < high).count().max(first);
    phases.restrict(unit, first, last);
}

/// How steep a form is over the box.
fn length(slopes: &[f64], lower: &[f64], upper: &[f64]) -> f64 {
    let square = |i: usize| (slopes[i] * (upper[i] - lower[i])).powi(2);
    (0..slopes.len()).map(square).sum::<f64>().sqrt().max(f64::MIN_POSITIVE)
}
