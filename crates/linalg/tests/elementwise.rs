//! Element-wise kernels against the standard library, in units in the last place, and their derivatives against
//! difference quotients.

mod common;

use netinverse_linalg::Real;

/// Distance in representable numbers; 0 for two NaNs.
fn ulps_f32(a: f32, b: f32) -> u64 {
    let key = |x: f32| {
        if x.to_bits() >> 31 == 0 { i64::from(x.to_bits()) } else { -i64::from(x.to_bits() & 0x7fff_ffff) }
    };
    if a.is_nan() && b.is_nan() {
        0
    } else if a.is_nan() || b.is_nan() {
        u64::MAX
    } else {
        key(a).abs_diff(key(b))
    }
}

fn ulps_f64(a: f64, b: f64) -> u64 {
    let key =
        |x: f64| if x.to_bits() >> 63 == 0 { x.to_bits() as i64 } else { -((x.to_bits() << 1 >> 1) as i64) };
    if a.is_nan() && b.is_nan() {
        0
    } else if a.is_nan() || b.is_nan() {
        u64::MAX
    } else {
        key(a).abs_diff(key(b))
    }
}

type Case = (&'static str, fn(&[f32], &mut [f32]), fn(&[f64], &mut [f64]), fn(f64) -> f64, u64);

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

/// NaN-propagating, as the kernels are.
fn relu(x: f64) -> f64 {
    if x < 0.0 { 0.0 } else { x }
}

const ELU_SLOPE: f64 = 0.75;

fn elu(x: f64) -> f64 {
    if x > 0.0 { x } else { ELU_SLOPE * x.exp_m1() }
}

/// Name, the kernels, the reference, and the units in the last place allowed.
const CASES: &[Case] = &[
    ("exp", f32::exp_slice, f64::exp_slice, f64::exp, 2),
    ("log", f32::log_slice, f64::log_slice, f64::ln, 2),
    ("sigmoid", f32::sigmoid_slice, f64::sigmoid_slice, sigmoid, 4),
    ("tanh", f32::tanh_slice, f64::tanh_slice, f64::tanh, 4),
    ("softplus", f32::softplus_slice, f64::softplus_slice, softplus, 4),
    ("elu", f32::elu_slice, f64::elu_slice, elu, 4),
    ("relu", f32::relu_slice, f64::relu_slice, relu, 0),
    ("abs", f32::abs_slice, f64::abs_slice, f64::abs, 0),
    ("reciprocal", f32::reciprocal_slice, f64::reciprocal_slice, f64::recip, 0),
];

/// The kernels under names that do not clash with the numbers' own methods.
trait Slices: Real {
    fn exp_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::exp(x, y);
    }
    fn log_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::log(x, y);
    }
    fn sigmoid_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::sigmoid(x, y);
    }
    fn tanh_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::tanh(x, y);
    }
    fn softplus_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::softplus(x, y);
    }
    fn elu_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::elu(Self::from_f64(ELU_SLOPE), x, y);
    }
    fn relu_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::relu(x, y);
    }
    fn abs_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::abs(x, y);
    }
    fn reciprocal_slice(x: &[Self], y: &mut [Self]) {
        <Self as Real>::reciprocal(x, y);
    }
}
impl Slices for f32 {}
impl Slices for f64 {}

/// Every 997th bit pattern of f32: all signs, exponents, denormals, infinities and NaNs.
#[test]
fn f32_agrees_with_f64_over_all_bit_patterns() {
    let x: Vec<f32> = (0..=u32::MAX).step_by(997).map(f32::from_bits).collect();
    let mut y = vec![0.0; x.len()];
    for (name, kernel, _, reference, allowed) in CASES {
        kernel(&x, &mut y);
        let (at, worst) = (0..x.len())
            .map(|i| (i, ulps_f32(y[i], reference(f64::from(x[i])) as f32)))
            .max_by_key(|&(_, ulps)| ulps)
            .unwrap();
        println!("f32 {name}: {worst} ulp at {:e}", x[at]);
        assert!(worst <= *allowed, "{name}({:e}) = {:e}: {worst} ulp", x[at], y[at]);
    }
}

/// Bit patterns of f64 spread over all exponents, and numbers of ordinary size.
#[test]
fn f64_agrees_with_the_standard_library() {
    let mut x: Vec<f64> =
        (0..400_000u64).map(|i| f64::from_bits(i.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    x.extend((0..400_000).map(|i| (f64::from(i) - 200_000.0) * 3.791_234_567e-3));
    x.extend((0..400_000).map(|i| (f64::from(i) - 200_000.0) * 1.234_567_891e-5));
    x.extend((0..100_000).map(|i| 1.0 + (f64::from(i) - 50_000.0) * 1.3e-7));
    let mut y = vec![0.0; x.len()];
    for (name, _, kernel, reference, allowed) in CASES {
        kernel(&x, &mut y);
        let (at, worst) =
            (0..x.len()).map(|i| (i, ulps_f64(y[i], reference(x[i])))).max_by_key(|&(_, ulps)| ulps).unwrap();
        println!("f64 {name}: {worst} ulp at {:e}", x[at]);
        assert!(worst <= *allowed, "{name}({:e}) = {:e}: {worst} ulp", x[at], y[at]);
    }
}

/// A kernel by name, and what it gives.
type Table<'a, T> = &'a [(&'a str, fn(&[T], &mut [T]), &'a [(f64, f64)])];

fn special_values<T: Real>() {
    let [inf, nan] = [f64::INFINITY, f64::NAN];
    let table: Table<T> = &[
        ("exp", T::exp, &[(inf, inf), (-inf, 0.0), (nan, nan), (0.0, 1.0), (1e4, inf), (-1e4, 0.0)]),
        (
            "log",
            T::log,
            &[(inf, inf), (-inf, nan), (nan, nan), (0.0, -inf), (-0.0, -inf), (-1.0, nan), (1.0, 0.0)],
        ),
        ("sigmoid", T::sigmoid, &[(inf, 1.0), (-inf, 0.0), (nan, nan), (0.0, 0.5)]),
        ("tanh", T::tanh, &[(inf, 1.0), (-inf, -1.0), (nan, nan), (0.0, 0.0)]),
        ("softplus", T::softplus, &[(inf, inf), (-inf, 0.0), (nan, nan), (1e4, 1e4)]),
        ("relu", T::relu, &[(inf, inf), (-inf, 0.0), (nan, nan), (-1.0, 0.0), (2.0, 2.0)]),
        ("abs", T::abs, &[(-inf, inf), (nan, nan), (-3.0, 3.0)]),
        ("reciprocal", T::reciprocal, &[(inf, 0.0), (0.0, inf), (-0.0, -inf), (nan, nan), (4.0, 0.25)]),
    ];
    for (name, kernel, values) in table {
        for &(x, expected) in *values {
            // Both the whole vectors and the rest at the end.
            let x = vec![T::from_f64(x); 37];
            let mut y = vec![T::from_f64(7.0); 37];
            kernel(&x, &mut y);
            for y in y {
                let y = y.to_f64();
                assert!(
                    y == expected || y.is_nan() && expected.is_nan(),
                    "{name}({}) = {y}, not {expected}",
                    x[0]
                );
            }
        }
    }
}

#[test]
fn special_values_f32() {
    special_values::<f32>();
}

#[test]
fn special_values_f64() {
    special_values::<f64>();
}

/// A kernel by name, and its derivative's.
type Pair<'a> = (&'a str, fn(&[f64], &mut [f64]), fn(&[f64], &[f64], &[f64], &mut [f64]));

/// dx = dy f′(x), by central differences away from kinks.
#[test]
fn derivatives_are_difference_quotients() {
    let cases: &[Pair] = &[
        ("relu", f64::relu, f64::relu_vjp),
        ("leaky", |x, y| f64::leaky_relu(0.1, x, y), |x, y, dy, dx| f64::leaky_relu_vjp(0.1, x, y, dy, dx)),
        ("elu", |x, y| <f64 as Real>::elu(0.7, x, y), |x, y, dy, dx| f64::elu_vjp(0.7, x, y, dy, dx)),
        ("softplus", f64::softplus, f64::softplus_vjp),
        ("sigmoid", f64::sigmoid, f64::sigmoid_vjp),
        ("tanh", <f64 as Real>::tanh, f64::tanh_vjp),
        ("exp", <f64 as Real>::exp, f64::exp_vjp),
        ("abs", <f64 as Real>::abs, f64::abs_vjp),
        ("clip", |x, y| f64::clip(-1.0, 2.0, x, y), |x, y, dy, dx| f64::clip_vjp(-1.0, 2.0, x, y, dy, dx)),
        ("reciprocal", f64::reciprocal, f64::reciprocal_vjp),
    ];
    // Never on a kink: −1, 0 and 2 are missed by 0.005 or more.
    let x: Vec<f64> = (0..83).map(|i| f64::from(i) * 0.11 - 4.493).collect();
    let dy: Vec<f64> = (0..83).map(|i| (f64::from(i) * 0.7).sin()).collect();
    let h = 1e-6;
    let shifted = |by: f64| x.iter().map(|x| x + by).collect::<Vec<_>>();
    for (name, value, vjp) in cases {
        let [mut y, mut above, mut below, mut dx] = [(); 4].map(|()| vec![0.0; x.len()]);
        value(&x, &mut y);
        value(&shifted(h), &mut above);
        value(&shifted(-h), &mut below);
        vjp(&x, &y, &dy, &mut dx);
        for i in 0..x.len() {
            let quotient = dy[i] * (above[i] - below[i]) / (2.0 * h);
            assert!(
                (dx[i] - quotient).abs() <= 1e-5 * (1.0 + quotient.abs()),
                "{name} at {}: {} {quotient}",
                x[i],
                dx[i]
            );
        }
    }
    // log has its own domain.
    let x: Vec<f64> = (1..40).map(|i| f64::from(i) * 0.3).collect();
    let (dy, mut dx) = (vec![2.0; x.len()], vec![0.0; x.len()]);
    f64::log_vjp(&x, &x, &dy, &mut dx);
    assert!(x.iter().zip(&dx).all(|(x, dx)| *dx == 2.0 / x));
}

/// PyTorch's choices: relu 0, abs 0, leaky and elu α at 0; clip 1 at both limits.
#[test]
fn derivatives_at_kinks() {
    let zero = [0.0f32; 5];
    let (dy, mut dx) = ([3.0f32; 5], [9.0f32; 5]);
    f32::relu_vjp(&zero, &zero, &dy, &mut dx);
    assert_eq!(dx, [0.0; 5]);
    f32::abs_vjp(&zero, &zero, &dy, &mut dx);
    assert_eq!(dx, [0.0; 5]);
    f32::leaky_relu_vjp(0.5, &zero, &zero, &dy, &mut dx);
    assert_eq!(dx, [1.5; 5]);
    f32::elu_vjp(0.5, &zero, &zero, &dy, &mut dx);
    assert_eq!(dx, [1.5; 5]);
    f32::clip_vjp(0.0, 1.0, &[-0.1, 0.0, 0.5, 1.0, 1.1], &zero, &dy, &mut dx);
    assert_eq!(dx, [0.0, 3.0, 3.0, 3.0, 0.0]);
}

/// Each of the linear maps against its formula, at lengths around the vectors' widths.
fn linear_maps<T: Real>() {
    let t = T::from_f64;
    for length in [0usize, 1, 3, 7, 8, 15, 16, 17, 33, 50, 64, 131] {
        let [a, b, c] = [2.0, 3.0, 5.0]
            .map(|step| (0..length).map(|i| t((i as f64 * step) % 7.0 - 3.0)).collect::<Vec<_>>());
        let expect = |name: &str, got: &[T], formula: &dyn Fn(usize) -> f64| {
            for (i, got) in got.iter().enumerate() {
                assert_eq!(got.to_f64(), formula(i), "{name} of {length} at {i}");
            }
        };
        let at = |v: &[T], i: usize| v[i].to_f64();
        let mut y = vec![T::ZERO; length];
        T::plus(&a, &b, &mut y);
        expect("plus", &y, &|i| at(&a, i) + at(&b, i));
        T::minus(&a, &b, &mut y);
        expect("minus", &y, &|i| at(&a, i) - at(&b, i));
        T::multiply(&a, &b, &mut y);
        expect("multiply", &y, &|i| at(&a, i) * at(&b, i));
        T::scale(t(2.0), &a, &mut y);
        expect("scale", &y, &|i| 2.0 * at(&a, i));
        let mut y = c.clone();
        T::axpy(t(2.0), &a, &mut y);
        expect("axpy", &y, &|i| 2.0 * at(&a, i) + at(&c, i));
        let mut y = c.clone();
        T::multiply_add(&a, &b, &mut y);
        expect("multiply_add", &y, &|i| at(&a, i) * at(&b, i) + at(&c, i));
        let total: f64 = (0..length).map(|i| at(&a, i)).sum();
        assert_eq!(T::total(&a).to_f64(), total);
        let dot: f64 = (0..length).map(|i| at(&a, i) * at(&b, i)).sum();
        assert_eq!(T::dot(&a, &b).to_f64(), dot);

        let x: Vec<T> = (0..length * 6).map(|i| t(i as f64 % 11.0 - 5.0)).collect();
        let mut y = x.clone();
        T::bias_add_rows(&mut y, &a);
        expect("bias_add_rows", &y, &|i| at(&x, i) + at(&a, i % length));
        let mut y = x.clone();
        T::bias_relu_rows(&mut y, &a);
        expect("bias_relu_rows", &y, &|i| (at(&x, i) + at(&a, i % length)).max(0.0));
        T::scale_shift(&x, &a, &b, &mut y);
        expect("scale_shift", &y, &|i| at(&x, i) * at(&a, i % length) + at(&b, i % length));
        let (scale, shift) = ([t(2.0), t(-1.0), t(4.0)], [t(1.0), t(3.0), t(0.5)]);
        T::scale_shift_channels(&x, &scale, &shift, length, &mut y);
        expect("scale_shift_channels", &y, &|i| {
            at(&x, i) * at(&scale, i / length % 3) + at(&shift, i / length % 3)
        });
    }
}

#[test]
fn linear_maps_f32() {
    linear_maps::<f32>();
}

#[test]
fn linear_maps_f64() {
    linear_maps::<f64>();
}

/// Softmax sums to 1, ignores shifts, does not overflow, and its vjp is Jᵀ dy with J = diag(y) − y yᵀ.
fn softmax<T: Real>(tolerance: f64) {
    for (outer, length, inner) in
        [(1, 1, 1), (3, 10, 1), (2, 37, 1), (2, 5, 3), (1, 4, 19), (2, 3, 16), (0, 3, 2)]
    {
        let size = outer * length * inner;
        let x: Vec<T> = (0..size).map(|i| T::from_f64((i as f64 * 1.7).sin() * 40.0 + 900.0)).collect();
        let dy: Vec<T> = (0..size).map(|i| T::from_f64((i as f64 * 0.9).cos())).collect();
        let (mut y, mut dx) = (vec![T::ZERO; size], vec![T::ZERO; size]);
        T::softmax(&x, &mut y, length, inner);
        T::softmax_vjp(&y, &dy, &mut dx, length, inner);
        for group in 0..outer * inner {
            let at = |k: usize| group / inner * length * inner + k * inner + group % inner;
            let max = (0..length).map(|k| x[at(k)].to_f64()).fold(f64::MIN, f64::max);
            let e: Vec<f64> = (0..length).map(|k| (x[at(k)].to_f64() - max).exp()).collect();
            let total: f64 = e.iter().sum();
            let mean: f64 = (0..length).map(|k| e[k] / total * dy[at(k)].to_f64()).sum();
            for k in 0..length {
                let expected = e[k] / total;
                assert!((y[at(k)].to_f64() - expected).abs() <= tolerance, "{outer} {length} {inner}");
                let expected = expected * (dy[at(k)].to_f64() - mean);
                assert!((dx[at(k)].to_f64() - expected).abs() <= tolerance, "{outer} {length} {inner}");
            }
        }
    }
}

#[test]
fn softmax_f32() {
    softmax::<f32>(1e-6);
}

#[test]
fn softmax_f64() {
    softmax::<f64>(1e-14);
}

#[test]
fn other_instruction_sets() {
    common::on_other_instruction_sets("other_instruction_sets");
}
