use super::curvature::Band;

/// The total variation of an image, `Σ √(|x right − x|² + |x below − x|² + ε²) − ε` over its pixels, colours together
/// (Rudin, Osher & Fatemi 1992, smoothed).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variation {
    /// Lines.
    pub height: usize,
    /// Pixels in a line.
    pub width: usize,
    /// Numbers of a pixel.
    pub channels: usize,
    /// Whether a pixel's numbers are neighbours; otherwise the channels follow one another.
    pub channels_last: bool,
    /// ε: differences well below it count as none.
    pub smooth: f64,
}

/// Two numbers whose difference counts.
type Pair = (usize, usize);

/// A little of the identity, relative to the edges' weights: a constant image has no curvature of its own.
const RIDGE: f64 = 1e-6;

impl Variation {
    fn index(&self, line: usize, column: usize, channel: usize) -> usize {
        if self.channels_last {
            (line * self.width + column) * self.channels + channel
        } else {
            (channel * self.height + line) * self.width + column
        }
    }

    /// Calls `edge` for each pair of neighbours of each pixel, and `end` after a pixel's pairs.
    fn for_each_pixel(&self, visit: &mut dyn FnMut(&[Pair])) {
        let mut pairs = Vec::new();
        for line in 0..self.height {
            for column in 0..self.width {
                pairs.clear();
                for channel in 0..self.channels {
                    let own = self.index(line, column, channel);
                    if column + 1 < self.width {
                        pairs.push((own, self.index(line, column + 1, channel)));
                    }
                    if line + 1 < self.height {
                        pairs.push((own, self.index(line + 1, column, channel)));
                    }
                }
                visit(&pairs);
            }
        }
    }

    fn length(&self, x: &[f64], pairs: &[Pair]) -> f64 {
        let square: f64 = pairs.iter().map(|&(a, b)| (x[b] - x[a]).powi(2)).sum();
        (square + self.smooth * self.smooth).sqrt()
    }

    /// The total variation of x.
    pub fn value(&self, x: &[f64]) -> f64 {
        let mut sum = 0.0;
        self.for_each_pixel(&mut |pairs| sum += self.length(x, pairs) - self.smooth);
        sum
    }

    /// Its gradient, and the matrix of lagged diffusivity: the quadratic model with it lies above the variation
    /// everywhere (Vogel & Oman 1996).
    pub(super) fn model(&self, x: &[f64]) -> (Vec<f64>, Band) {
        let reach = if self.channels_last { self.width * self.channels } else { self.width };
        let mut gradient = vec![0.0; x.len()];
        let mut band = Band::zeros(x.len(), reach);
        let mut heaviest = 0.0f64;
        self.for_each_pixel(&mut |pairs| {
            let weight = 1.0 / self.length(x, pairs);
            heaviest = heaviest.max(weight);
            for &(a, b) in pairs {
                let slope = weight * (x[b] - x[a]);
                gradient[a] -= slope;
                gradient[b] += slope;
                band.add(a, a, weight);
                band.add(b, b, weight);
                band.add(b, a, -weight);
            }
        });
        for i in 0..x.len() {
            band.add(i, i, RIDGE * heaviest);
        }
        (gradient, band)
    }
}

#[cfg(test)]
mod tests {
    use netinverse_base::Rng;

    use super::super::curvature::Curvature;
    use super::*;

    #[test]
    fn the_gradient_is_that_of_differences_and_the_model_lies_above() {
        for channels_last in [false, true] {
            let tv = Variation { height: 4, width: 5, channels: 2, channels_last, smooth: 0.05 };
            let mut rng = Rng::new(1, 0);
            let x: Vec<f64> = (0..40).map(|_| rng.uniform()).collect();
            let (gradient, band) = tv.model(&x);
            for i in 0..40 {
                let mut moved = [x.clone(), x.clone()];
                moved[0][i] -= 1e-6;
                moved[1][i] += 1e-6;
                let slope = (tv.value(&moved[1]) - tv.value(&moved[0])) / 2e-6;
                assert!((slope - gradient[i]).abs() < 1e-6, "{slope} against {}", gradient[i]);
            }
            let h = Curvature::Banded(band);
            for _ in 0..50 {
                let p: Vec<f64> = (0..40).map(|_| 0.5 * rng.normal()).collect();
                let y: Vec<f64> = x.iter().zip(&p).map(|(x, p)| x + p).collect();
                let model: f64 = p
                    .iter()
                    .zip(gradient.iter().zip(h.apply(&p)))
                    .map(|(p, (g, hp))| p * (g + 0.5 * hp))
                    .sum();
                assert!(tv.value(&y) <= tv.value(&x) + model + 1e-9);
            }
        }
        // A step of height 1 across a 3 × 4 image has variation 3.
        let tv = Variation { height: 3, width: 4, channels: 1, channels_last: false, smooth: 1e-9 };
        let step: Vec<f64> = (0..12).map(|i| f64::from(u8::from(i % 4 >= 2))).collect();
        assert!((tv.value(&step) - 3.0).abs() < 1e-6);
    }
}
