use netinverse_network::Function;

/// A scalar function whose graph is at most three line segments, `slope·z + intercept` between its kinks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Hinge {
    kinks: [f64; 2],
    pieces: [(f64, f64); 3],
    count: usize,
}

impl Hinge {
    /// `None` for a function that is not piecewise linear.
    pub(super) fn new(function: Function) -> Option<Self> {
        let kinks: Vec<f64> = function.kinks().collect();
        // Without kinks a clip of nothing, or to one value, is affine too.
        if !function.is_piecewise_linear() {
            return None;
        }
        let line = |at: f64| {
            let slope = function.derivative(at);
            (slope, function.value(at) - slope * at)
        };
        let mut hinge = Hinge { kinks: [0.0; 2], pieces: [(0.0, 0.0); 3], count: kinks.len() };
        hinge.kinks[..kinks.len()].copy_from_slice(&kinks);
        match kinks[..] {
            [k] => {
                hinge.pieces[..2].copy_from_slice(&[line(k - (1.0 + k.abs())), line(k + (1.0 + k.abs()))]);
            }
            [a, b] => {
                let width = b - a;
                hinge.pieces = [line(a - width), line(0.5 * (a + b)), line(b + width)];
            }
            _ => hinge.pieces[0] = (function.value(1.0) - function.value(0.0), function.value(0.0)),
        }
        Some(hinge)
    }

    /// The kinks, ascending.
    pub(super) fn kinks(&self) -> &[f64] {
        &self.kinks[..self.count]
    }

    /// (slope, intercept) of piece `index`, counted from the left.
    pub(super) fn piece(&self, index: usize) -> (f64, f64) {
        self.pieces[index]
    }

    /// The piece that holds all of [low, high], if one does.
    pub(super) fn only_piece(&self, low: f64, high: f64) -> Option<usize> {
        let index = self.kinks().iter().filter(|&&k| k <= low).count();
        (index == self.count || high <= self.kinks[index]).then_some(index)
    }

    fn value(&self, z: f64) -> f64 {
        let (slope, intercept) = self.pieces[self.kinks().iter().filter(|&&k| k < z).count()];
        slope * z + intercept
    }

    /// (λ, low, high) with `h(z) − λz` in [low, high] for z in [l, u], λ the slope of the chord.
    ///
    /// The difference is piecewise linear, so that its extremes are at the ends and at the kinks.
    pub(super) fn relax(&self, l: f64, u: f64) -> (f64, f64, f64) {
        let slope = if u > l { (self.value(u) - self.value(l)) / (u - l) } else { 0.0 };
        let inside = self.kinks().iter().copied().filter(|&k| l < k && k < u);
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for z in [l, u].into_iter().chain(inside) {
            let gap = self.value(z) - slope * z;
            (low, high) = (low.min(gap), high.max(gap));
        }
        (slope, low, high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_and_relaxations_agree_with_the_function() {
        let functions = [
            Function::Relu,
            Function::LeakyRelu { alpha: 0.1 },
            Function::LeakyRelu { alpha: 1.0 },
            Function::LeakyRelu { alpha: -0.5 },
            Function::Abs,
            Function::Clip { low: -1.5, high: 2.0 },
            Function::Clip { low: f64::NEG_INFINITY, high: 0.5 },
            Function::Clip { low: 1.0, high: 1.0 },
        ];
        for function in functions {
            let Some(hinge) = Hinge::new(function) else { panic!("{function:?} is piecewise linear") };
            let (slope, low, high) = hinge.relax(-3.0, 2.5);
            for step in 0..=110 {
                let z = -3.0 + 0.05 * f64::from(step);
                assert!((hinge.value(z) - function.value(z)).abs() < 1e-14, "{function:?} at {z}");
                let gap = function.value(z) - slope * z;
                assert!(low - 1e-14 <= gap && gap <= high + 1e-14, "{function:?} at {z}");
            }
        }
        assert!(Hinge::new(Function::Tanh).is_none());
    }
}
