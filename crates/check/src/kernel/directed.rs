//! Intervals rounded outward operation by operation: wider than forms, and without their error terms. Exact operations stay
//! exact, and a sum of terms that are not negative is not negative.

use super::forward::Analysis;
use super::network::{Network, Op};
use super::number::{add_down, add_up, mul_down, mul_up};

/// Enclosures of the outputs on the box of the analysis, with whose bounds they are intersected on the way.
pub(crate) fn outputs(network: &Network, analysis: &Analysis) -> Vec<(f64, f64)> {
    let known = |value: usize, j: usize| (analysis.ranges[value].lo[j], analysis.ranges[value].hi[j]);
    let mut values: Vec<Vec<(f64, f64)>> = vec![Vec::new(); network.sizes.len()];
    values[0] = (0..network.sizes[0]).map(|j| known(0, j)).collect();
    for step in &network.steps {
        let own: Vec<(f64, f64)> = match &step.op {
            Op::Affine { maps, bias, bias_radius } => {
                let element = |j: usize| {
                    let radius = bias_radius.as_ref().map_or(0.0, |radius| radius[j]);
                    let (mut lo, mut hi) = (add_down(bias[j], -radius), add_up(bias[j], radius));
                    for (map, &input) in maps.iter().zip(&step.inputs) {
                        map.row(j, |i, w, radius| {
                            let (l, u) = values[input][i];
                            let (low, high) = if w >= 0.0 { (l, u) } else { (u, l) };
                            let off = mul_up(radius, l.abs().max(u.abs()));
                            lo = add_down(lo, add_down(mul_down(w, low), -off));
                            hi = add_up(hi, add_up(mul_up(w, high), off));
                        });
                    }
                    (lo, hi)
                };
                (0..bias.len()).map(element).collect()
            }
            Op::Curves(curves) => {
                let own = values[step.inputs[0]].iter().enumerate();
                own.map(|(j, &(l, u))| curves[if curves.len() == 1 { 0 } else { j }].range(l, u)).collect()
            }
            // These are the largest of what they take, as they are known.
            Op::Maximum { .. } => (0..network.sizes[step.output]).map(|j| known(step.output, j)).collect(),
        };
        let met = |(j, (lo, hi)): (usize, (f64, f64))| {
            let (low, high) = known(step.output, j);
            (lo.max(low), hi.min(high))
        };
        values[step.output] = own.into_iter().enumerate().map(met).collect();
    }
    std::mem::take(&mut values[network.output])
}
