//! Points drawn uniformly from a polytope.

use super::{Membership, Polytope};
use crate::axis_box::AxisBox;
use crate::lp::{LinearProgram, LpOutcome};
use netinverse_base::Rng;

/// How samples were drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SamplingMethod {
    /// Independent and uniform, from the bounding box by rejection.
    Rejection,
    /// A walk whose stationary law is uniform, 10n steps from one sample to the next: neighbours are
    /// correlated.
    HitAndRun,
}

/// Points, n numbers each, all proved to be inside.
#[derive(Debug, Clone)]
pub struct Samples {
    /// The points.
    pub points: Vec<Vec<f64>>,
    /// How they were drawn.
    pub method: SamplingMethod,
}

impl Polytope {
    /// `count` points, uniform on the polytope: by rejection from its bounding box where at least one draw in
    /// fifty is accepted, else by hit-and-run from an interior point. `None` if there is no interior point
    /// (over the free coordinates).
    pub fn samples(&self, count: usize, rng: &mut Rng) -> Option<Samples> {
        let bounds = self.bounding_box()?;
        if self.domain.free_dims().any(|i| bounds.lower()[i] == bounds.upper()[i]) {
            return None;
        }
        let mut points = Vec::with_capacity(count);
        let trial = 2000;
        let mut draws = 0;
        while points.len() < count {
            let x: Vec<f64> = (0..self.dims())
                .map(|i| {
                    rng.range(bounds.lower()[i], bounds.upper()[i])
                        .clamp(bounds.lower()[i], bounds.upper()[i])
                })
                .collect();
            draws += 1;
            if self.contains(&x) == Membership::Inside {
                points.push(x);
            }
            if draws >= trial && points.len() * 50 < draws {
                return self.walk(count, rng);
            }
        }
        Some(Samples { points, method: SamplingMethod::Rejection })
    }

    /// A point with the most room to all rows and sides, in widths of the box; `None` if there is none with
    /// any.
    pub fn interior_point(&self) -> Option<Vec<f64>> {
        let n = self.dims();
        let (mut lower, mut upper) = (self.domain.lower().to_vec(), self.domain.upper().to_vec());
        lower.push(0.0);
        upper.push(1.0);
        let mut cost = vec![0.0; n];
        cost.push(-1.0);
        let mut program = LinearProgram::new(AxisBox::new(lower, upper).ok()?, cost).ok()?;
        for i in self.domain.free_dims() {
            for (sign, end) in [(1.0, self.domain.lower()[i]), (-1.0, self.domain.upper()[i])] {
                let mut normal = vec![0.0; n + 1];
                normal[i] = sign;
                normal[n] = -self.domain.width(i);
                program.add_row(&normal, -sign * end).ok()?;
            }
        }
        for k in 0..self.rows() {
            let (normal, offset) = self.row(k);
            let size = (0..n).map(|i| (normal[i] * self.domain.width(i)).powi(2)).sum::<f64>().sqrt();
            let mut wider = normal.to_vec();
            wider.push(-size);
            program.add_row(&wider, offset).ok()?;
        }
        match program.solve() {
            LpOutcome::Optimal(solution) if solution.x[n] > 0.0 => {
                let x = solution.x[..n].to_vec();
                (self.contains(&x) == Membership::Inside).then_some(x)
            }
            _ => None,
        }
    }

    fn walk(&self, count: usize, rng: &mut Rng) -> Option<Samples> {
        let n = self.dims();
        let free: Vec<usize> = self.domain.free_dims().collect();
        let mut x = self.interior_point()?;
        let mut points = Vec::with_capacity(count);
        let between = 10 * free.len().max(1);
        for step in 0..between * (count + 10) {
            // directions uniform in the box's own units
            let mut direction = vec![0.0; n];
            for &i in &free {
                direction[i] = rng.normal() * self.domain.width(i);
            }
            let (mut from, mut to) = (f64::NEG_INFINITY, f64::INFINITY);
            let mut limit = |value: f64, slope: f64| {
                if slope > 0.0 {
                    from = from.max(-value / slope);
                } else if slope < 0.0 {
                    to = to.min(-value / slope);
                }
            };
            for &i in &free {
                limit(x[i] - self.domain.lower()[i], direction[i]);
                limit(self.domain.upper()[i] - x[i], -direction[i]);
            }
            for k in 0..self.rows() {
                let (normal, offset) = self.row(k);
                limit(
                    netinverse_linalg::dot(normal, &x) + offset,
                    netinverse_linalg::dot(normal, &direction),
                );
            }
            if from < to && from.is_finite() && to.is_finite() {
                let t = rng.range(from, to);
                let next: Vec<f64> = x.iter().zip(&direction).map(|(x, d)| x + t * d).collect();
                if self.contains(&next) == Membership::Inside {
                    x = next;
                }
            }
            // the first ten samples' worth of steps forget the start
            if step >= between * 10 && (step + 1) % between == 0 {
                points.push(x.clone());
            }
        }
        Some(Samples { points, method: SamplingMethod::HitAndRun })
    }
}
