//! Phases: in which piece of its function, or at which source of its maximum, every element is. On the part of a box where
//! all are known a network of such functions is one affine map.

use std::sync::Arc;

use super::curve::Curve;
use super::network::{Network, Op};

/// Of every element of a step that is not affine the first and the last phase that are possible; decided where they agree.
#[derive(Debug, Clone, Default)]
pub(crate) struct Phases {
    /// Where the elements of each step begin.
    starts: Arc<[usize]>,
    possible: Vec<(u8, u8)>,
    /// How far an argument (of a maximum: its source below the largest) may be from the phases that are left.
    off: Vec<f64>,
}

/// What the phases of a curve's element say of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Within {
    /// The argument's range.
    pub(crate) range: (f64, f64),
    /// Its line, where one is left; and how far the curve may be from it.
    pub(crate) line: Option<(f64, f64)>,
    pub(crate) off: f64,
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
        let off = vec![0.0; possible.len()];
        Some(Phases { starts: starts.into(), possible, off })
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

    /// Lets an argument be so far from its phases.
    pub(crate) fn loosen(&mut self, unit: usize, off: f64) {
        self.off[unit] = self.off[unit].max(off);
    }

    /// How far the largest source of a maximum may be above the one that is left.
    pub(crate) fn off(&self, step: usize, element: usize) -> f64 {
        self.off[self.unit(step, element)]
    }

    /// What is known of a curve's element whose argument is between two bounds.
    pub(crate) fn within(&self, step: usize, element: usize, curve: &Curve, l: f64, u: f64) -> Within {
        let Curve::Piecewise { kinks, segments } = curve else {
            return Within { range: (l, u), line: None, off: 0.0 };
        };
        let unit = self.unit(step, element);
        let ((first, last), off) = (self.possible[unit], self.off[unit]);
        let low = if first > 0 { l.max(kinks[first as usize - 1] - off) } else { l };
        let high = kinks.get(last as usize).map_or(u, |&k| u.min(k + off));
        // Turned round only where there is no such point.
        let range = if low <= high { (low, high) } else { (l, u) };
        // From a kink on, a segment leaves the line of another by the difference of their slopes.
        let steepest = segments.iter().map(|(slope, _)| slope.abs()).fold(0.0, f64::max);
        let line = (first == last).then(|| segments[first as usize]);
        Within { range, line, off: 2.0 * steepest * off }
    }
}
