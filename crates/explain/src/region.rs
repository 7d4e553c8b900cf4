use netinverse_base::{Error, Result};

/// Where inputs may lie: a box, or the part of it in a Euclidean ball.
#[derive(Debug, Clone, PartialEq)]
pub struct Region {
    /// n lower ends.
    pub lower: Vec<f64>,
    /// n upper ends; an input with `lower = upper` is fixed, and not counted.
    pub upper: Vec<f64>,
    /// The ball, if only a part of the box is meant.
    pub ball: Option<Ball>,
}

/// The points within `radius` of `centre`.
#[derive(Debug, Clone, PartialEq)]
pub struct Ball {
    /// n numbers.
    pub centre: Vec<f64>,
    /// Not negative.
    pub radius: f64,
}

impl Region {
    /// A box.
    ///
    /// # Errors
    /// Ends that are not finite or cross.
    pub fn boxed(lower: Vec<f64>, upper: Vec<f64>) -> Result<Self> {
        for (i, (lo, hi)) in lower.iter().zip(&upper).enumerate() {
            if !(lo.is_finite() && hi.is_finite() && lo <= hi) {
                return Err(Error::input(format!("input {i} cannot lie in [{lo}, {hi}]"))
                    .hint("bounds are two finite numbers with lo <= hi"));
            }
        }
        Ok(Region { lower, upper, ball: None })
    }

    /// The ball around a point, and the box around the ball.
    pub fn ball(centre: &[f64], radius: f64) -> Self {
        let lower = centre.iter().map(|c| (c - radius).next_down()).collect();
        let upper = centre.iter().map(|c| (c + radius).next_up()).collect();
        Region { lower, upper, ball: Some(Ball { centre: centre.to_vec(), radius }) }
    }

    /// The inputs that are not fixed.
    pub fn free(&self) -> Vec<usize> {
        (0..self.lower.len()).filter(|&i| self.lower[i] < self.upper[i]).collect()
    }

    /// The middle of the box.
    pub fn centre(&self) -> Vec<f64> {
        self.lower.iter().zip(&self.upper).map(|(lo, hi)| lo.midpoint(*hi).clamp(*lo, *hi)).collect()
    }

    /// The length of the box's diagonal.
    pub fn diagonal(&self) -> f64 {
        self.lower.iter().zip(&self.upper).map(|(lo, hi)| (hi - lo).powi(2)).sum::<f64>().sqrt()
    }

    /// Whether a point lies in the region; of a ball's edge, on which rounding decides, nothing counts.
    pub fn contains(&self, x: &[f64]) -> bool {
        let inside = x.iter().zip(self.lower.iter().zip(&self.upper)).all(|(x, (lo, hi))| lo <= x && x <= hi);
        let near = |ball: &Ball| {
            let square: f64 = x.iter().zip(&ball.centre).map(|(x, c)| (x - c).powi(2)).sum();
            square.sqrt() <= ball.radius * (1.0 - 1e-12)
        };
        inside && self.ball.as_ref().is_none_or(near)
    }

    /// Whether no point of the box `lower..upper` lies in the region, rounding included.
    pub fn misses(&self, lower: &[f64], upper: &[f64]) -> bool {
        let Some(ball) = &self.ball else { return false };
        let mut square = 0.0;
        for i in 0..lower.len() {
            let gap = (lower[i] - ball.centre[i]).max(ball.centre[i] - upper[i]).max(0.0);
            square += gap * gap;
        }
        square * (1.0 - 1e-9) > ball.radius * ball.radius
    }

    /// Brings a point into the box, and into the ball.
    pub fn clip(&self, x: &mut [f64]) {
        for (x, (lo, hi)) in x.iter_mut().zip(self.lower.iter().zip(&self.upper)) {
            *x = x.clamp(*lo, *hi);
        }
        if let Some(ball) = &self.ball {
            let length = x.iter().zip(&ball.centre).map(|(x, c)| (x - c).powi(2)).sum::<f64>().sqrt();
            if length > ball.radius * (1.0 - 1e-9) {
                let factor = ball.radius * (1.0 - 1e-9) / length;
                x.iter_mut().zip(&ball.centre).for_each(|(x, c)| *x = c + (*x - c) * factor);
            }
        }
    }
}
