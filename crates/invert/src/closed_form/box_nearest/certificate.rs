use super::InputBox;
use crate::closed_form::Layer;
use netinverse_linalg::Interval;
use netinverse_linalg::interval::add_down;

/// A proof that no input in a box gives the logits z (Farkas): a ray λ with
///
/// > sup over the box of x·(Wλ)  <  (z − b)·λ,
///
/// while xW = z − b would make the two sides equal. It speaks of W, b, z and the box as the exact reals
/// that the stored numbers are; [`Certificate::verify`] needs nothing but these and the ray.
#[derive(Debug, Clone, PartialEq)]
pub struct Certificate {
    /// λ, one number an output, scaled to largest magnitude 1.
    pub ray: Vec<f64>,
    /// A proved lower bound on (z − b)·λ − sup x·(Wλ): positive. Divided by |λ|₁ it bounds from below
    /// how far, in the largest logit error, every input of the box stays from z.
    pub gap_lower_bound: f64,
}

impl Certificate {
    /// The certificate along `direction`, if that proves anything.
    pub(crate) fn along(
        layer: &Layer,
        logits: &[f64],
        input_box: &InputBox,
        direction: &[f64],
    ) -> Option<Self> {
        let scale = direction.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        if !(scale > 0.0 && scale.is_finite()) {
            return None;
        }
        let ray: Vec<f64> = direction.iter().map(|v| v / scale).collect();
        let targets: Vec<Interval> = logits.iter().map(|&z| Interval::point(z)).collect();
        let gap = gap(layer, &targets, input_box, &ray)?;
        (gap > 0.0).then_some(Certificate { ray, gap_lower_bound: gap })
    }

    /// Whether the ray proves, in outward-rounded arithmetic, that no input of the box gives any logits
    /// within `targets`, by at least the stated gap. Targets are points where the logits are given, and
    /// intervals where they come from outputs whose σ⁻¹ is known up to an error.
    pub fn verify(&self, layer: &Layer, targets: &[Interval], input_box: &InputBox) -> bool {
        self.gap_lower_bound > 0.0
            && self.ray.len() == layer.outputs()
            && self.ray.iter().all(|v| v.is_finite())
            && targets.len() == layer.outputs()
            && input_box.lower().len() == layer.inputs()
            && gap(layer, targets, input_box, &self.ray).is_some_and(|gap| gap >= self.gap_lower_bound)
    }
}

/// A lower bound on inf over the targets of (z − b)·λ, minus sup over the box of x·(Wλ); `None` if it is
/// not finite.
fn gap(layer: &Layer, targets: &[Interval], input_box: &InputBox, ray: &[f64]) -> Option<f64> {
    let mut asked = Interval::ZERO;
    for ((&target, &bias), &factor) in targets.iter().zip(layer.bias()).zip(ray) {
        asked = asked + (target - Interval::point(bias)) * Interval::point(factor);
    }
    let mut gap = asked.lo();
    let bounds = input_box.lower().iter().zip(input_box.upper());
    for (row, (&low, &high)) in layer.weight().iter_rows().zip(bounds) {
        let slope = Interval::dot(row, ray);
        if low == 0.0 && high == 0.0 || slope == Interval::ZERO {
            continue;
        }
        let reach = slope * Interval::new(low, high);
        gap = add_down(gap, -reach.hi());
    }
    gap.is_finite().then_some(gap)
}
