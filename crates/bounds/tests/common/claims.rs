//! What a bounder claims of the outputs on a box, and whether it holds.

use dashu_ratio::RBig;
use netinverse_base::Rng;
use netinverse_bounds::{Bounder, LinearForms, Method};

use super::affine::{Affine, exact};
use super::region::Region;

/// Intervals of the outputs, and forms below rows of them: both signs of each output, and some sums.
#[derive(Debug)]
pub struct Claims {
    lower: Vec<f64>,
    upper: Vec<f64>,
    low: Vec<f64>,
    high: Vec<f64>,
    rows: Vec<Vec<f64>>,
    constants: Vec<f64>,
    forms: LinearForms,
}

pub const METHODS: [Method; 3] = [Method::Intervals, Method::Linear, Method::Backward];

impl Claims {
    /// `None` where the bounder knows no bounds.
    pub fn of(
        bounder: &Bounder,
        lower: &[f64],
        upper: &[f64],
        method: Method,
        rng: &mut Rng,
    ) -> Option<Claims> {
        let m = bounder.output_size();
        let mut workspace = bounder.workspace();
        // Whatever was known before must not matter.
        let (shifted_lower, shifted_upper): (Vec<f64>, Vec<f64>) =
            lower.iter().zip(upper).map(|(l, u)| (l - 0.5, u + 0.25)).unzip();
        bounder.analyse(&shifted_lower, &shifted_upper, Method::Linear, &mut workspace);
        if !bounder.analyse(lower, upper, method, &mut workspace) {
            return None;
        }
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for j in 0..m {
            for sign in [1.0, -1.0] {
                rows.push((0..m).map(|i| if i == j { sign } else { 0.0 }).collect());
            }
        }
        for _ in 0..4 {
            rows.push((0..m).map(|_| if rng.below(2) == 0 { rng.normal() } else { 0.0 }).collect());
        }
        let constants: Vec<f64> =
            (0..rows.len()).map(|k| if k < 2 * m { 0.0 } else { rng.normal() }).collect();
        let mut forms = LinearForms::default();
        bounder.lower_forms(&rows.concat(), &constants, &mut workspace, &mut forms);
        assert_eq!(forms.len(), rows.len());
        let (low, high) = bounder.output(&workspace);
        Some(Claims {
            lower: lower.to_vec(),
            upper: upper.to_vec(),
            low: low.to_vec(),
            high: high.to_vec(),
            rows,
            constants,
            forms,
        })
    }

    /// The intervals of the outputs.
    pub fn intervals(&self) -> (&[f64], &[f64]) {
        (&self.low, &self.high)
    }

    /// Checks everything at a point of the box with its value.
    pub fn hold_at(&self, x: &[RBig], y: &[RBig], label: &str) {
        let y: Vec<Affine> = y.iter().map(|y| Affine::constant(y.clone(), 0)).collect();
        self.hold(&Region::point(), &y, label, |slopes, constant| {
            let form = Affine::of(slopes, constant);
            Affine::constant(form.at(x), 0)
        });
    }

    /// Checks everything on a region of the box in its free inputs, where the outputs are affine.
    pub fn hold_on(&self, region: &Region, outputs: &[Affine], label: &str) {
        self.hold(region, outputs, label, |slopes, constant| {
            let mut form = Affine::of(&[], constant);
            for (i, &slope) in slopes.iter().enumerate() {
                if self.lower[i] < self.upper[i] {
                    form.slopes.push(exact(slope));
                } else {
                    form.constant += exact(slope) * exact(self.lower[i]);
                }
            }
            form
        });
    }

    fn hold(&self, region: &Region, outputs: &[Affine], label: &str, form: impl Fn(&[f64], f64) -> Affine) {
        for (j, output) in outputs.iter().enumerate() {
            let (least, most) = (region.least(output), region.largest(output));
            assert!(
                exact(self.low[j]) <= least && most <= exact(self.high[j]),
                "{label}: output {j} takes {} to {} outside [{:e}, {:e}]",
                least.to_f64().value(),
                most.to_f64().value(),
                self.low[j],
                self.high[j]
            );
        }
        for (k, row) in self.rows.iter().enumerate() {
            let mut value = Affine::constant(exact(self.constants[k]), region.dims());
            for (output, &c) in outputs.iter().zip(row) {
                value.add_scaled(&exact(c), output);
            }
            let (slopes, constant) = self.forms.form(k);
            if !(constant.is_finite() && slopes.iter().all(|slope| slope.is_finite())) {
                assert!(
                    constant == f64::NEG_INFINITY || constant.is_nan() || slopes.iter().any(|s| s.is_nan())
                );
                continue; // no claim: where numbers overflow
            }
            let gap = region.least(&value.minus(&form(slopes, constant)));
            assert!(
                gap >= RBig::ZERO,
                "{label}: form {k} of row {row:?} is above by {:e}",
                -gap.to_f64().value()
            );
        }
    }
}

/// A random box around random points, some sides of which are points; at most `free` sides are not.
pub fn random_box(n: usize, free: usize, rng: &mut Rng) -> (Vec<f64>, Vec<f64>) {
    let scale = [0.05, 0.5, 2.0][rng.below(3)];
    let mut order: Vec<usize> = (0..n).collect();
    rng.shuffle(&mut order);
    let lower: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
    let mut upper = lower.clone();
    for &i in order.iter().take(free) {
        upper[i] += scale * (0.1 + rng.uniform());
    }
    (lower, upper)
}

/// Corners of a box, its centre and rational points inside.
pub fn points(lower: &[f64], upper: &[f64], count: usize, rng: &mut Rng) -> Vec<Vec<RBig>> {
    (0..count)
        .map(|index| {
            lower
                .iter()
                .zip(upper)
                .map(|(&lo, &hi)| {
                    let share = match index % 3 {
                        0 => RBig::from(rng.below(2)),
                        1 => RBig::from(rng.below(1000)) / RBig::from(999),
                        _ if rng.below(2) == 0 => RBig::from(rng.below(2)),
                        _ => RBig::from(rng.below(1000)) / RBig::from(999),
                    };
                    exact(lo) + share * (exact(hi) - exact(lo))
                })
                .collect()
        })
        .collect()
}
