//! The linear piece of a piecewise-linear network around a point: in exact rationals, and its end along a ray.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use netinverse_network::Function;

use crate::bounder::Bounder;
use crate::exact::{MAX_PRODUCTS, Vector, decode, product, products};
use crate::program::Kind;

/// f at a point and the Jacobian of the piece that holds it, exactly. At a kink, which belongs to two pieces, it is the one
/// above the kink (and of equal maxima the first).
#[derive(Debug, Clone)]
pub struct ExactPiece {
    /// f(x), m numbers.
    pub value: Vec<RBig>,
    /// m × n, by rows; empty where it was not asked for.
    pub jacobian: Vec<RBig>,
}

impl Bounder {
    /// Whether the network is affine piece by piece, of operators that are known exactly here.
    pub fn is_piecewise_linear(&self) -> bool {
        self.program().steps.iter().all(|step| match &step.kind {
            Kind::Linear { .. } | Kind::Maximum { .. } => true,
            Kind::Function(function) => function.is_piecewise_linear() && knows(*function),
            Kind::Product | Kind::Softmax { .. } => false,
        })
    }

    /// Whether [`Bounder::exact_piece`] answers, with Jacobians: piecewise linear, constants exact, not too large.
    pub fn is_exact(&self) -> bool {
        let columns = self.program().input_size() + 1;
        self.is_piecewise_linear()
            && products(self.program(), knows)
                .is_some_and(|count| count.saturating_mul(columns) <= MAX_PRODUCTS)
    }

    /// f at `numerators / denominator` and the Jacobian there, without rounding; `None` where the network is not piecewise
    /// linear, has constants that are not exact, or takes far too many products.
    ///
    /// Panics unless there are n numerators and the denominator is positive.
    pub fn exact_piece(&self, numerators: &[IBig], denominator: &IBig, jacobian: bool) -> Option<ExactPiece> {
        let program = self.program();
        let n = program.input_size();
        assert!(numerators.len() == n && *denominator > IBig::ZERO, "a point of n rationals");
        let columns = if jacobian { n + 1 } else { 1 };
        if !self.is_piecewise_linear() || products(program, knows)?.saturating_mul(columns) > MAX_PRODUCTS {
            return None;
        }
        // Column 0 is the point times the denominator, the others are the unit vectors.
        let mut values: Vec<Vec<Vector>> = vec![Vec::new(); program.sizes.len()];
        values[0].push(Vector { mantissas: numerators.to_vec(), exponent: 0 });
        if jacobian {
            for i in 0..n {
                let unit = (0..n).map(|k| IBig::from(u8::from(i == k))).collect();
                values[0].push(Vector { mantissas: unit, exponent: 0 });
            }
        }
        for step in &program.steps {
            let own: Vec<Vector> = match &step.kind {
                Kind::Linear { maps, bias, .. } => (0..columns)
                    .map(|column| {
                        let size = program.sizes[step.output];
                        let constant = |b: &f64| if column == 0 { *b } else { 0.0 };
                        let mut sum = Vector::of(bias[..size].iter().map(constant));
                        sum.mantissas.iter_mut().for_each(|b| *b *= denominator);
                        for (map, &input) in maps.iter().zip(&step.inputs) {
                            sum.add(product(map, &values[input][column]));
                        }
                        sum
                    })
                    .collect(),
                Kind::Function(function) => {
                    let input = &values[step.inputs[0]];
                    let pieces: Vec<Linear> = (0..program.sizes[step.output])
                        .map(|j| piece(*function, &input[0].mantissas[j], input[0].exponent, denominator))
                        .collect::<Option<_>>()?;
                    (0..columns)
                        .map(|column| through(&pieces, &input[column], denominator, column == 0))
                        .collect()
                }
                Kind::Maximum { starts, sources } => {
                    let input = &values[step.inputs[0]];
                    let largest = |taps: &[u32]| {
                        let first = taps.first().copied()?;
                        let of = |tap: u32| &input[0].mantissas[tap as usize];
                        Some(
                            taps.iter().fold(first, |best, &tap| if of(tap) > of(best) { tap } else { best }),
                        )
                    };
                    let chosen: Vec<u32> =
                        starts.windows(2).map(|w| largest(&sources[w[0]..w[1]])).collect::<Option<_>>()?;
                    let pick = |column: &Vector| Vector {
                        mantissas: chosen.iter().map(|&tap| column.mantissas[tap as usize].clone()).collect(),
                        exponent: column.exponent,
                    };
                    input.iter().map(pick).collect()
                }
                Kind::Product | Kind::Softmax { .. } => return None,
            };
            values[step.output] = own;
        }
        let output = std::mem::take(&mut values[program.output]);
        let rational = |mantissa: &IBig, exponent: i64, denominator: &IBig| {
            let below = UBig::try_from(denominator.clone()).unwrap_or(UBig::ONE);
            if exponent >= 0 {
                RBig::from_parts(mantissa << exponent as usize, below)
            } else {
                RBig::from_parts(mantissa.clone(), below << (-exponent) as usize)
            }
        };
        let m = program.output_size();
        let value =
            output[0].mantissas.iter().map(|y| rational(y, output[0].exponent, denominator)).collect();
        let mut entries = Vec::new();
        if jacobian {
            for j in 0..m {
                entries.extend(output[1..].iter().map(|c| rational(&c.mantissas[j], c.exponent, &IBig::ONE)));
            }
        }
        Some(ExactPiece { value, jacobian: entries })
    }

    /// How far x + t d, t ≥ 0, stays in the piece of x: the least t > 0 at which an element meets a kink or two maxima change
    /// places, ∞ if there is none; as floating point finds it. `None` where the network is not piecewise linear.
    pub fn piece_end(&self, x: &[f64], d: &[f64]) -> Option<f64> {
        if !self.is_piecewise_linear() {
            return None;
        }
        let program = self.program();
        let mut values: Vec<Vec<[f64; 2]>> = vec![Vec::new(); program.sizes.len()];
        values[0] = x.iter().zip(d).map(|(&x, &d)| [x, d]).collect();
        let mut end = f64::INFINITY;
        let mut meet = |gap: f64, speed: f64| {
            // gap > 0 shrinks at this speed.
            if speed > 0.0 && gap > 0.0 {
                end = end.min(gap / speed);
            }
        };
        for step in &program.steps {
            let own: Vec<[f64; 2]> = match &step.kind {
                Kind::Linear { maps, bias, .. } => (0..program.sizes[step.output])
                    .map(|j| {
                        let mut sum = [bias[j], 0.0];
                        for (map, &input) in maps.iter().zip(&step.inputs) {
                            map.for_row(j, |i, w, _| {
                                let [z, dz] = values[input][i];
                                sum[0] += w * z;
                                sum[1] += w * dz;
                            });
                        }
                        sum
                    })
                    .collect(),
                Kind::Function(function) => values[step.inputs[0]]
                    .iter()
                    .map(|&[z, dz]| {
                        for kink in function.kinks() {
                            meet((kink - z).abs(), if z < kink { dz } else { -dz });
                        }
                        [function.value(z), function.derivative(z) * dz]
                    })
                    .collect(),
                Kind::Maximum { starts, sources } => {
                    let input = &values[step.inputs[0]];
                    let mut own = Vec::with_capacity(starts.len());
                    for window in starts.windows(2) {
                        let taps = &sources[window[0]..window[1]];
                        let best = taps
                            .iter()
                            .map(|&tap| input[tap as usize])
                            .reduce(|a, b| if b[0] > a[0] { b } else { a })?;
                        for &tap in taps {
                            let [z, dz] = input[tap as usize];
                            meet(best[0] - z, dz - best[1]);
                        }
                        own.push(best);
                    }
                    own
                }
                Kind::Product | Kind::Softmax { .. } => return None,
            };
            values[step.output] = own;
        }
        Some(end)
    }
}

/// Whether a function's pieces are known exactly here.
pub(crate) fn knows(function: Function) -> bool {
    matches!(function, Function::Relu | Function::LeakyRelu { .. } | Function::Abs | Function::Clip { .. })
}

/// `slope · z + offset`
struct Linear {
    slope: f64,
    offset: f64,
}

/// The piece that holds `mantissa · 2^exponent / denominator`.
fn piece(function: Function, mantissa: &IBig, exponent: i64, denominator: &IBig) -> Option<Linear> {
    let line = |slope: f64| Some(Linear { slope, offset: 0.0 });
    let constant = |offset: f64| Some(Linear { slope: 0.0, offset });
    let negative = *mantissa < IBig::ZERO;
    match function {
        Function::Relu => line(if negative { 0.0 } else { 1.0 }),
        Function::Abs => line(if negative { -1.0 } else { 1.0 }),
        Function::LeakyRelu { alpha } => line(if negative { alpha } else { 1.0 }),
        Function::Clip { low, high } => {
            if low >= high {
                return constant(high);
            }
            let below = |limit: f64| -> bool {
                // mantissa 2^e < limit · denominator
                let (own, at) = decode(limit);
                let (left, right) = (mantissa.clone(), denominator * IBig::from(own));
                if exponent >= at {
                    (left << (exponent - at) as usize) < right
                } else {
                    left < right << (at - exponent) as usize
                }
            };
            if low.is_finite() && below(low) {
                constant(low)
            } else if high.is_finite() && !below(high) {
                constant(high)
            } else {
                line(1.0)
            }
        }
        _ => None,
    }
}

/// One column through the pieces.
fn through(pieces: &[Linear], z: &Vector, denominator: &IBig, is_point: bool) -> Vector {
    let least = |values: &mut dyn Iterator<Item = f64>| {
        values.filter(|&v| v != 0.0).map(|v| decode(v).1).min().unwrap_or(0)
    };
    let by = least(&mut pieces.iter().map(|p| p.slope)).min(0);
    let scaled = |(p, z): (&Linear, &IBig)| {
        let (own, at) = decode(p.slope);
        (z * IBig::from(own)) << (at - by).max(0) as usize
    };
    let mut out = Vector {
        mantissas: pieces.iter().zip(&z.mantissas).map(scaled).collect(),
        exponent: z.exponent + by,
    };
    if is_point && pieces.iter().any(|p| p.offset != 0.0) {
        let mut offsets = Vector::of(pieces.iter().map(|p| p.offset));
        offsets.mantissas.iter_mut().for_each(|b| *b *= denominator);
        out.add(offsets);
    }
    out
}
