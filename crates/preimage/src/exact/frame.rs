//! The coordinates of an enumeration: the free inputs, centred and scaled by powers of two.

use std::sync::Arc;

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use netinverse_base::{Error, Result};
use netinverse_geometry::{Hyperplane, MAX_DIMS, VertexPolytope};
use netinverse_spec::{ExactBounds, Rational};

use super::dyadic::Dyadic;

/// `x_i = centre_i + scale_i t_i` for a free input, a constant for a fixed one. The exact box is inside |t_i| ≤ 1.
#[derive(Debug)]
pub(super) struct Frame {
    /// The free inputs.
    pub(super) free: Vec<usize>,
    /// For every input the centre, or the double next to the fixed value.
    pub(super) centre: Vec<f64>,
    /// For every input the scale, a power of two; 0 for a fixed one.
    pub(super) scale: Vec<f64>,
    /// By how much the centre of a fixed input may be off its value.
    pub(super) off: Vec<f64>,
    /// The exact box, every input.
    pub(super) bounds: Vec<(RBig, RBig)>,
    /// The least common denominator of the fixed values that are no dyadic numbers.
    pub(super) denominator: IBig,
}

/// Labels of hyperplanes that are sides of the box begin here.
pub(super) const SIDES: u64 = 1 << 62;

impl Frame {
    /// The frame of an exact box; refuses more free inputs than vertices can be listed for.
    pub(super) fn new(bounds: &ExactBounds) -> Result<Self> {
        let side = |side: &Option<Rational>| -> Result<RBig> {
            let side = side.as_ref().ok_or_else(|| Error::input("an input has no bounds on both sides"))?;
            Ok(side.as_rbig().clone())
        };
        let n = bounds.lower.len();
        let mut frame = Frame {
            free: Vec::new(),
            centre: Vec::with_capacity(n),
            scale: Vec::with_capacity(n),
            off: vec![0.0; n],
            bounds: Vec::with_capacity(n),
            denominator: IBig::ONE,
        };
        for i in 0..n {
            let (low, high) = (side(&bounds.lower[i])?, side(&bounds.upper[i])?);
            let nearest = |x: &RBig| x.to_f64().value();
            if low == high {
                let centre = nearest(&low);
                let exact = RBig::try_from(centre).unwrap_or(RBig::ZERO);
                if exact != low {
                    frame.off[i] = 2.0 * f64::EPSILON * centre.abs() + f64::MIN_POSITIVE;
                    let own = IBig::from(low.denominator().clone());
                    let divides = (&frame.denominator % &own) == IBig::ZERO;
                    if !divides {
                        frame.denominator *= own;
                    }
                }
                frame.centre.push(centre);
                frame.scale.push(0.0);
            } else {
                frame.free.push(i);
                let centre = nearest(&((&low + &high) / RBig::from(2)));
                let exact = RBig::try_from(centre).unwrap_or(RBig::ZERO);
                let reach = (&high - &exact).max(&exact - &low);
                let mut scale = 2f64.powi(nearest(&reach).log2().ceil().clamp(-1000.0, 1000.0) as i32);
                if RBig::try_from(scale).unwrap_or(RBig::ONE) < reach {
                    scale *= 2.0;
                }
                frame.centre.push(centre);
                frame.scale.push(scale);
            }
            frame.bounds.push((low, high));
        }
        if frame.free.len() > MAX_DIMS {
            return Err(Error::unsupported(format!(
                "linear regions are enumerated over at most {MAX_DIMS} inputs, {} are free",
                frame.free.len()
            ))
            .hint("fix some with bounds of equal ends, or leave --exact out: a paving takes any number"));
        }
        Ok(frame)
    }

    /// The number of free inputs.
    pub(super) fn dims(&self) -> usize {
        self.free.len()
    }

    /// The exact box in t.
    pub(super) fn cell(&self) -> VertexPolytope {
        let sides = self.free.iter().enumerate().map(|(k, &i)| {
            [0, 1].map(|end| {
                let bound = if end == 0 { &self.bounds[i].0 } else { &self.bounds[i].1 };
                // t − (bound − centre)/scale, integers times the bound's denominator and a power of two
                let exact = |x: f64| RBig::try_from(x).unwrap_or(RBig::ZERO);
                let at = (bound - exact(self.centre[i])) / exact(self.scale[i]);
                let mut slopes = vec![0.0; self.dims()];
                slopes[k] = 1.0;
                let nearest = at.to_f64().value();
                let error = 2.0 * f64::EPSILON * nearest.abs() + 1e-300;
                let dims = self.dims();
                let label = SIDES + 2 * i as u64 + end;
                Arc::new(Hyperplane::enclosed(&slopes, -nearest, error, label, move || {
                    let (numerator, denominator) = at.into_parts();
                    let mut row = vec![IBig::ZERO; dims + 1];
                    row[k] = IBig::from(denominator);
                    row[dims] = -numerator;
                    row
                }))
            })
        });
        VertexPolytope::from_box(sides.collect())
    }

    /// What a volume in t is to be multiplied by: exact, a power of two, unless it leaves the doubles.
    pub(super) fn volume_factor(&self) -> f64 {
        self.free.iter().map(|&i| self.scale[i]).product()
    }

    /// The exact factor.
    pub(super) fn exact_volume_factor(&self) -> RBig {
        let exact = |i: &usize| RBig::try_from(self.scale[*i]).unwrap_or(RBig::ONE);
        self.free.iter().map(exact).fold(RBig::ONE, |product, factor| product * factor)
    }

    /// The exact volume of the box over the free inputs.
    pub(super) fn box_volume(&self) -> RBig {
        let widths = self.free.iter().map(|&i| &self.bounds[i].1 - &self.bounds[i].0);
        widths.fold(RBig::ONE, |product, width| product * width)
    }

    /// The point x of t, in doubles.
    pub(super) fn point(&self, t: &[f64]) -> Vec<f64> {
        let mut x = self.centre.clone();
        for (k, &i) in self.free.iter().enumerate() {
            x[i] += self.scale[i] * t[k];
        }
        x
    }

    /// An affine function of x (dyadic coefficients, n and a constant) in t, times the frame's denominator.
    pub(super) fn in_t(&self, slopes: &[Dyadic], constant: &Dyadic) -> Vec<IBig> {
        let mut row = vec![Dyadic::zero(); self.dims() + 1];
        let last = self.dims();
        row[last] = constant.times(&self.denominator);
        for (k, &i) in self.free.iter().enumerate() {
            let slope = slopes[i].times(&self.denominator);
            row[last].add(&slope.product(&Dyadic::of(self.centre[i])));
            row[k] = slope.product(&Dyadic::of(self.scale[i]));
        }
        for i in (0..slopes.len()).filter(|&i| self.scale[i] == 0.0 && !slopes[i].is_zero()) {
            // p/q · denominator is dyadic where q divides it up to a power of two.
            let value = &self.bounds[i].0 * RBig::from(self.denominator.clone());
            let (numerator, denominator) = value.into_parts();
            row[last].add(&slopes[i].product(&Dyadic::quotient(numerator, &denominator)));
        }
        Dyadic::align(row)
    }
}

impl Dyadic {
    /// `numerator / denominator` where the denominator is a power of two.
    fn quotient(numerator: IBig, denominator: &UBig) -> Dyadic {
        let power = denominator.trailing_zeros().unwrap_or(0);
        debug_assert!(*denominator == UBig::ONE << power, "the denominator divides out");
        Dyadic { mantissa: numerator, exponent: -(power as i64) }
    }
}
