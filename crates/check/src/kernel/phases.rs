//! Phases: in which piece of its function, or at which source of its maximum, every element is. On the part of a box where
//! all are known a network of such functions is one affine map.

use std::sync::Arc;

use super::curve::Curve;
use super::network::{Network, Op};

/// Of every element of a step that is not affine the first and the last phase that are possible; decided where they agree.
#[derive(Debug, Clone)]
pub(crate) struct Phases {
    /// Where the elements of each step begin.
    starts: Arc<[usize]>,
    possible: Vec<(u8, u8)>,
}

impl Phases {
    /// All phases; `None` for a function that has none, or too many.
    pub(crate) fn all(network: &Network) -> Option<Self> {
        let (mut starts, mut possible) = (Vec::new(), Vec::new());
        for step in &network.steps {
            starts.push(possible.len());
            let all = |count: usize| Some((0, u8::try_from(count - 1).ok()?));
            match &step.op {
                Op::Affine { .. } => {}
                Op::Curves(curves) => {
                    for j in 0..network.sizes[step.output] {
                        let Curve::Piecewise { segments, .. } =
                            &curves[if curves.len() == 1 { 0 } else { j }]
                        else {
                            return None;
                        };
                        possible.push(all(segments.len())?);
                    }
                }
                Op::Maximum { starts, .. } => {
                    for taps in starts.windows(2) {
                        possible.push(all(taps[1] - taps[0])?);
                    }
                }
            }
        }
        Some(Phases { starts: starts.into(), possible })
    }

    /// The number of an element among all.
    pub(crate) fn unit(&self, step: usize, element: usize) -> usize {
        self.starts[step] + element
    }

    pub(crate) fn count(&self) -> usize {
        self.possible.len()
    }

    /// The phase of an element, if it is known.
    pub(crate) fn decided(&self, step: usize, element: usize) -> Option<usize> {
        let (first, last) = self.possible[self.unit(step, element)];
        (first == last).then_some(first as usize)
    }

    pub(crate) fn of(&self, unit: usize) -> (u8, u8) {
        self.possible[unit]
    }

    /// Leaves of an element's phases those between two; the nearest one, where none of them was possible.
    pub(crate) fn restrict(&mut self, unit: usize, from: usize, to: usize) {
        let (first, last) = self.possible[unit];
        let clamp = |v: usize| (v as u8).clamp(first, last);
        self.possible[unit] = (clamp(from), clamp(to));
    }

    /// The part of an argument's range in the possible phases of a curve's element; and its line, where one is left.
    pub(crate) fn within(
        &self,
        step: usize,
        element: usize,
        curve: &Curve,
        l: f64,
        u: f64,
    ) -> ((f64, f64), Option<(f64, f64)>) {
        let Curve::Piecewise { kinks, segments } = curve else { return ((l, u), None) };
        let (first, last) = self.possible[self.unit(step, element)];
        let low = if first > 0 { l.max(kinks[first as usize - 1]) } else { l };
        let high = kinks.get(last as usize).map_or(u, |&k| u.min(k));
        // Turned round only where there is no such point.
        let range = if low <= high { (low, high) } else { (l, u) };
        (range, (first == last).then(|| segments[first as usize]))
    }
}
