//! Intervals rounded outward operation by operation: wider than linear forms, and without their slack.
//!
//! A linear form is proved to within an error term, however small; so `max(x, 0) ≥ 0` is lost by it where the maximum is
//! summed up with others. Here exact operations stay exact, and a sum of terms that are not negative is not negative.

use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};
use netinverse_network::enclose;

use crate::bounder::Bounder;
use crate::program::Kind;
use crate::workspace::Workspace;

impl Bounder {
    /// Enclosures of the outputs on the box of the last analysis, which they are intersected with; `None` where a function
    /// is not defined.
    pub fn output_intervals(&self, workspace: &Workspace) -> Option<Vec<Interval>> {
        let program = self.program();
        let known = |value: usize, j: usize| {
            let bounds = &workspace.values[value];
            Interval::new(bounds.lower[j], bounds.upper[j])
        };
        let mut values: Vec<Vec<Interval>> = vec![Vec::new(); program.sizes.len()];
        values[0] = (0..program.sizes[0]).map(|j| known(0, j)).collect();
        for step in &program.steps {
            let size = program.sizes[step.output];
            let own: Vec<Interval> = match &step.kind {
                Kind::Linear { maps, bias, bias_radius } => (0..size)
                    .map(|j| {
                        let radius = bias_radius.as_ref().map_or(0.0, |radius| radius[j]);
                        let start = Interval::around(bias[j], radius);
                        let (mut lo, mut hi) = (start.lo(), start.hi());
                        for (map, &input) in maps.iter().zip(&step.inputs) {
                            map.for_row(j, |i, weight, radius| {
                                let x = values[input][i];
                                if radius > 0.0 {
                                    let product = x * Interval::around(weight, radius);
                                    (lo, hi) = (add_down(lo, product.lo()), add_up(hi, product.hi()));
                                } else {
                                    let (low, high) =
                                        if weight >= 0.0 { (x.lo(), x.hi()) } else { (x.hi(), x.lo()) };
                                    lo = add_down(lo, mul_down(low, weight));
                                    hi = add_up(hi, mul_up(high, weight));
                                }
                            });
                        }
                        Interval::new(lo, hi)
                    })
                    .collect(),
                Kind::Function(function) => {
                    let inputs = &values[step.inputs[0]];
                    inputs.iter().map(|&x| enclose::function(*function, x)).collect::<Option<_>>()?
                }
                // These are bounded operation by operation as they are.
                _ => (0..size).map(|j| known(step.output, j)).collect(),
            };
            let met = |(j, own): (usize, Interval)| own.intersection(known(step.output, j)).unwrap_or(own);
            values[step.output] = own.into_iter().enumerate().map(met).collect();
        }
        Some(std::mem::take(&mut values[program.output]))
    }
}
