//! Looking for a witness by gradients: many starts at once, steps by the sign of the gradient of the row that is violated
//! most, each start after one disjunct (projected gradient descent; Madry et al., 2018).

use netinverse_base::{Budget, Rng};
use netinverse_bounds::{Bounder, Workspace};
use netinverse_network::Evaluator;

use super::region::Region;
use super::witness::{Proved, prove};

/// How many starts and steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Effort {
    pub(crate) starts: usize,
    pub(crate) steps: usize,
}

/// Points that look like witnesses and are not provable are given up after this many.
const MAX_FAILURES: usize = 64;

/// A point with its proof.
pub(crate) struct Found {
    pub(crate) x: Vec<f64>,
    pub(crate) proved: Proved,
}

/// What an attack works with.
pub(crate) struct Attack<'a> {
    pub(crate) bounder: &'a Bounder,
    pub(crate) evaluator: &'a Evaluator<f64>,
    pub(crate) workspace: Workspace,
}

impl Attack<'_> {
    /// Searches from the centre, corners and random points of the region.
    pub(crate) fn sweep(
        &mut self,
        region: &Region,
        effort: Effort,
        stream: u64,
        budget: &Budget,
    ) -> Option<Found> {
        let n = region.lower.len();
        let mut rng = Rng::new(budget.seed(), stream);
        let mut x = Vec::with_capacity(effort.starts * n);
        for start in 0..effort.starts {
            for i in 0..n {
                let (lo, hi) = (region.inner_lower[i], region.inner_upper[i]);
                x.push(match start {
                    0 => lo.midpoint(hi),
                    _ if start % 4 == 1 => {
                        if rng.below(2) == 0 {
                            lo
                        } else {
                            hi
                        }
                    }
                    _ => rng.range(lo, hi).clamp(lo, hi),
                });
            }
        }
        self.climb(region, x, effort.steps, budget)
    }

    /// Searches from the given points, row by row.
    pub(crate) fn climb(
        &mut self,
        region: &Region,
        mut x: Vec<f64>,
        steps: usize,
        budget: &Budget,
    ) -> Option<Found> {
        let (n, m) = (region.lower.len(), self.evaluator.output_size());
        let lanes = x.len().checked_div(n).unwrap_or(1).max(1);
        let mut y = vec![0.0; lanes * m];
        if n == 0 {
            return self.check(region, &x);
        }
        self.evaluator.forward(&x, &mut y);
        let asked = self.assign(region, &x, &y, lanes);
        let mut gradient = vec![0.0; x.len()];
        let mut failures = 0;
        for step in 0..=steps {
            if budget.stop().is_some() {
                return None;
            }
            let points = &x;
            let cotangent = |first: usize, y: &[f64], dy: &mut [f64]| {
                for (k, (y, dy)) in y.chunks_exact(m).zip(dy.chunks_exact_mut(m)).enumerate() {
                    let lane = first + k;
                    let own = &points[lane * n..(lane + 1) * n];
                    if region.disjuncts[asked[lane]].is_empty() {
                        dy.fill(0.0);
                    } else {
                        let row = region.margin(asked[lane], own, y).1;
                        dy.copy_from_slice(&region.rows[row as usize].outputs);
                    }
                }
            };
            self.evaluator.vjp_with(&x, &cotangent, &mut y, &mut gradient);
            for lane in 0..lanes {
                let (own, value) = (&x[lane * n..(lane + 1) * n], &y[lane * m..(lane + 1) * m]);
                if region.best_margin(own, value) >= 0.0 && failures < MAX_FAILURES {
                    let own = own.to_vec();
                    if let Some(found) = self.check(region, &own) {
                        return Some(found);
                    }
                    failures += 1;
                }
            }
            if step == steps {
                break;
            }
            // From half the box down to a hundredth, geometrically.
            let rate = 0.5 * (0.01f64 / 0.5).powf(step as f64 / steps.max(1) as f64);
            for lane in 0..lanes {
                let own = &mut x[lane * n..(lane + 1) * n];
                let slope = &gradient[lane * n..(lane + 1) * n];
                let disjunct = asked[lane];
                if region.disjuncts[disjunct].is_empty() {
                    continue;
                }
                let row = region.margin(disjunct, own, &y[lane * m..(lane + 1) * m]).1;
                let inputs = &region.rows[row as usize].inputs;
                for i in 0..n {
                    let (lo, hi) = (region.inner_lower[i], region.inner_upper[i]);
                    let slope = slope[i] + inputs.get(i).copied().unwrap_or(0.0);
                    if slope != 0.0 {
                        own[i] = (own[i] + rate * (hi - lo) * slope.signum()).clamp(lo, hi);
                    }
                }
            }
        }
        None
    }

    /// Looks at the points only: the first that can be proved.
    pub(crate) fn look(&mut self, region: &Region, x: &[f64], y: &[f64]) -> Option<Found> {
        let (n, m) = (region.lower.len(), self.evaluator.output_size());
        for (own, value) in x.chunks_exact(n.max(1)).zip(y.chunks_exact(m.max(1))) {
            if region.best_margin(own, value) >= 0.0
                && let Some(found) = self.check(region, own)
            {
                return Some(found);
            }
        }
        None
    }

    /// Proves a point, rounded to single precision if that does as well: then a runtime reads the very same input.
    fn check(&mut self, region: &Region, x: &[f64]) -> Option<Found> {
        let single: Vec<f64> = x
            .iter()
            .enumerate()
            .map(|(i, &v)| {
                let (lo, hi) = (region.inner_lower[i], region.inner_upper[i]);
                let nearest = v as f32;
                let inside = |v: &f32| lo <= f64::from(*v) && f64::from(*v) <= hi;
                let candidates = [nearest, nearest.next_up(), nearest.next_down()];
                candidates.into_iter().find(inside).map_or(v, f64::from)
            })
            .collect();
        for x in [single, x.to_vec()] {
            if let Some(proved) = prove(self.bounder, region, &x, &mut self.workspace) {
                return Some(Found { x, proved });
            }
        }
        None
    }

    /// Which disjunct each start climbs: in turn the ones that are nearest at the first start.
    fn assign(&self, region: &Region, x: &[f64], y: &[f64], lanes: usize) -> Vec<usize> {
        let (n, m) = (region.lower.len(), self.evaluator.output_size());
        let mut order: Vec<usize> = (0..region.disjuncts.len()).collect();
        let margins: Vec<f64> = order.iter().map(|&d| region.margin(d, &x[..n], &y[..m]).0).collect();
        order.sort_by(|&a, &b| margins[b].total_cmp(&margins[a]));
        (0..lanes)
            .map(|lane| {
                if lane % 2 == 0 {
                    return order[lane / 2 % order.len()];
                }
                // Every other start climbs what is nearest to itself.
                let (x, y) = (&x[lane * n..(lane + 1) * n], &y[lane * m..(lane + 1) * m]);
                let margin = |d: &usize| region.margin(*d, x, y).0;
                (0..region.disjuncts.len()).max_by(|a, b| margin(a).total_cmp(&margin(b))).unwrap_or(0)
            })
            .collect()
    }
}
