//! Convolution and pooling against the definition, the adjoint against the inner product that defines it.

mod common;

use netinverse_linalg::{ConvShape, Real, WindowShape};

fn numbers<T: Real>(count: usize, step: f64) -> Vec<T> {
    (0..count).map(|i| T::from_f64((i as f64 * step).sin())).collect()
}

fn dot<T: Real>(a: &[T], b: &[T]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum()
}

/// (groups, channels, input, kernel, strides, dilations, pads, what the output has beyond what fits without end pads)
type Row = (usize, [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2], [usize; 2]);

const SHAPES: &[Row] = &[
    (1, [1, 1], [1, 1], [1, 1], [1, 1], [1, 1], [0, 0], [0, 0]),
    (1, [1, 16], [28, 28], [3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
    (1, [5, 32], [14, 14], [3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
    (1, [3, 7], [9, 11], [3, 2], [1, 1], [1, 1], [0, 0], [0, 0]),
    (1, [3, 15], [5, 5], [3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
    (1, [4, 6], [13, 17], [4, 4], [2, 2], [1, 1], [1, 1], [0, 1]),
    (1, [2, 9], [16, 16], [3, 3], [2, 3], [2, 1], [2, 1], [1, 1]),
    (1, [6, 10], [8, 8], [1, 1], [1, 1], [1, 1], [0, 0], [0, 0]),
    (1, [6, 10], [9, 8], [1, 1], [2, 2], [1, 1], [0, 0], [0, 0]),
    (1, [2, 3], [7, 7], [3, 3], [1, 1], [2, 3], [2, 3], [2, 3]),
    (1, [2, 3], [4, 4], [2, 2], [1, 1], [1, 1], [3, 2], [2, 4]),
    (2, [4, 6], [10, 10], [3, 3], [1, 1], [1, 1], [1, 1], [0, 1]),
    (4, [4, 4], [12, 33], [3, 3], [1, 1], [1, 1], [1, 1], [1, 1]),
    (3, [3, 9], [6, 40], [5, 5], [2, 1], [1, 1], [2, 2], [2, 2]),
    (1, [3, 4], [1, 50], [1, 5], [1, 2], [1, 2], [0, 4], [0, 2]),
    (1, [1, 3], [20, 20], [12, 12], [1, 1], [1, 1], [0, 0], [0, 0]),
    (1, [2, 2], [3, 3], [2, 2], [3, 3], [1, 1], [0, 0], [1, 1]),
];

fn shape(&(groups, channels, input, kernel, strides, dilations, pads, more): &Row) -> ConvShape {
    let output = [0, 1].map(|axis| {
        let reach = (kernel[axis] - 1) * dilations[axis] + 1;
        ((input[axis] + pads[axis] + more[axis] * strides[axis]).saturating_sub(reach)) / strides[axis] + 1
    });
    let window = WindowShape { input, kernel, strides, dilations, pads, output };
    ConvShape { groups, channels_in: channels[0], channels_out: channels[1], window }
}

/// (output, input, weight) positions that meet in one sample.
fn for_each_term(shape: &ConvShape, mut term: impl FnMut(usize, usize, usize)) {
    let window = &shape.window;
    let (inputs, outputs) = (shape.channels_in / shape.groups, shape.channels_out / shape.groups);
    for o in 0..shape.channels_out {
        for c in 0..inputs {
            for position in 0..window.output_area() {
                for tap in 0..window.kernel_area() {
                    let at = |axis: usize, position: usize, tap: usize| {
                        let at = (position * window.strides[axis] + tap * window.dilations[axis]) as isize
                            - window.pads[axis] as isize;
                        usize::try_from(at).ok().filter(|&at| at < window.input[axis])
                    };
                    let (oy, ox) = (position / window.output[1], position % window.output[1]);
                    let (ky, kx) = (tap / window.kernel[1], tap % window.kernel[1]);
                    if let (Some(iy), Some(ix)) = (at(0, oy, ky), at(1, ox, kx)) {
                        let channel = o / outputs * inputs + c;
                        term(
                            o * window.output_area() + position,
                            channel * window.input_area() + iy * window.input[1] + ix,
                            (o * inputs + c) * window.kernel_area() + tap,
                        );
                    }
                }
            }
        }
    }
}

fn close<T: Real>(got: &[T], expected: &[f64], tolerance: f64, what: &str) {
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!(
            (got.to_f64() - expected).abs() <= tolerance * (1.0 + expected.abs()),
            "{what} at {i}: {got} {expected}"
        );
    }
}

fn check<T: Real>(tolerance: f64) {
    for row in SHAPES {
        let shape = shape(row);
        let what = format!("{shape:?}");
        for samples in [1, 3] {
            let x = numbers::<T>(samples * shape.input_len(), 0.7);
            let dy = numbers::<T>(samples * shape.output_len(), 1.3);
            let w = numbers::<T>(shape.weight_len(), 0.9);
            let bias = numbers::<T>(shape.channels_out, 2.1);
            // Whatever the buffers held must not matter.
            let mut scratch = vec![T::from_f64(f64::NAN); shape.scratch_len()];
            let mut y = vec![T::from_f64(f64::NAN); dy.len()];
            let mut dx = vec![T::from_f64(f64::NAN); x.len()];
            let (mut dw, mut db) = (vec![T::ONE; w.len()], vec![T::ONE; bias.len()]);

            let [mut y_sum, mut dx_sum] = [dy.len(), x.len()].map(|len| vec![0.0; len]);
            let mut dw_sum = vec![1.0; w.len()];
            for sample in 0..samples {
                let (to, from) = (sample * shape.output_len(), sample * shape.input_len());
                for_each_term(&shape, |o, i, k| {
                    y_sum[to + o] += w[k].to_f64() * x[from + i].to_f64();
                    dx_sum[from + i] += w[k].to_f64() * dy[to + o].to_f64();
                    dw_sum[k] += dy[to + o].to_f64() * x[from + i].to_f64();
                });
            }
            T::convolve(&shape, &x, &w, None, &mut y, &mut scratch);
            close(&y, &y_sum, tolerance, &what);
            T::convolve_adjoint(&shape, &dy, &w, &mut dx, &mut scratch);
            close(&dx, &dx_sum, tolerance, &what);
            // ⟨w ∗ x, dy⟩ = ⟨x, wᵀ ∗ dy⟩
            let (left, right) = (dot(&y, &dy), dot(&x, &dx));
            assert!((left - right).abs() <= 20.0 * tolerance * (1.0 + left.abs()), "{what}: {left} {right}");
            T::convolve_gradient(&shape, &x, &dy, &mut dw, Some(&mut db), &mut scratch);
            close(&dw, &dw_sum, 10.0 * tolerance, &what);
            let area = shape.window.output_area();
            for (o, db) in db.iter().enumerate() {
                let sum: f64 =
                    dy.chunks(area).skip(o).step_by(shape.channels_out).flatten().map(|v| v.to_f64()).sum();
                assert!(
                    (db.to_f64() - 1.0 - sum).abs() <= 10.0 * tolerance * (1.0 + area as f64).sqrt(),
                    "{what}"
                );
            }
            for (position, y) in y_sum.iter_mut().enumerate() {
                *y += bias[position / area % shape.channels_out].to_f64();
            }
            T::convolve(&shape, &x, &w, Some(&bias), &mut y, &mut scratch);
            close(&y, &y_sum, tolerance, &what);
            let mut positive = y.clone();
            T::relu(&y, &mut positive);
            let mut fused = vec![T::from_f64(f64::NAN); y.len()];
            T::convolve_relu(&shape, &x, &w, Some(&bias), &mut fused, &mut scratch);
            assert!(fused == positive, "{what}: convolve_relu");
        }
    }
}

#[test]
fn convolution_f32() {
    check::<f32>(1e-5);
}

#[test]
fn convolution_f64() {
    check::<f64>(1e-13);
}

/// No samples, no channels and no taps are answers, not accidents.
#[test]
fn empty_convolutions() {
    let full = shape(&SHAPES[1]);
    let mut scratch = vec![0.0f64; full.scratch_len()];
    let w = vec![1.0; full.weight_len()];
    f64::convolve(&full, &[], &w, None, &mut [], &mut scratch);
    f64::convolve_adjoint(&full, &[], &w, &mut [], &mut scratch);
    let blind = ConvShape { channels_in: 0, ..full };
    let mut y = vec![f64::NAN; blind.output_len()];
    let bias: Vec<f64> = numbers(16, 1.0);
    f64::convolve(&blind, &[], &[], Some(&bias), &mut y, &mut vec![0.0; blind.scratch_len()]);
    assert!(y.chunks(784).zip(&bias).all(|(plane, bias)| plane.iter().all(|y| y == bias)));
}

/// Every window's maximum by the definition; the way back puts each number where the maximum was.
fn pooling<T: Real>() {
    for (input, kernel, strides, pads, output) in [
        ([28, 28], [2, 2], [2, 2], [0, 0], [14, 14]),
        ([14, 14], [2, 2], [2, 2], [0, 0], [7, 7]),
        ([2, 46], [2, 2], [2, 2], [0, 0], [1, 23]),
        ([4, 2000], [2, 2], [2, 2], [0, 0], [2, 1000]),
        ([27, 27], [4, 4], [4, 4], [0, 0], [6, 6]),
        ([7, 9], [3, 3], [2, 2], [1, 1], [4, 5]),
        ([7, 7], [2, 2], [2, 2], [0, 0], [4, 4]),
        ([5, 6], [3, 2], [1, 1], [1, 1], [5, 7]),
        ([3, 3], [1, 1], [1, 1], [1, 1], [5, 5]),
        ([1, 20], [1, 4], [1, 3], [0, 2], [1, 7]),
    ] {
        let window = WindowShape { input, kernel, strides, dilations: [1, 1], pads, output };
        let planes = 5;
        // All negative, so that padding would win if it could; with ties.
        let x: Vec<T> =
            (0..planes * window.input_area()).map(|i| T::from_f64(-1.0 - (i * 7 % 11) as f64)).collect();
        let len = planes * window.output_area();
        let (mut y, mut argmax) = (vec![T::ZERO; len], vec![0; len]);
        T::max_pool(&window, &x, &mut y, &mut argmax);
        let mut values = vec![T::ZERO; len];
        T::max_pool_values(&window, &x, &mut values);
        assert!(values == y, "{window:?}: max_pool_values");
        sums(&window, &x);
        let dy = numbers::<T>(len, 0.3);
        let mut dx = vec![T::from_f64(f64::NAN); x.len()];
        T::max_pool_vjp(&window, &argmax, &dy, &mut dx);
        let mut expected_dx = vec![0.0; x.len()];
        for (at, y) in y.iter().enumerate() {
            let (plane, position) = (at / window.output_area(), at % window.output_area());
            let mut best: Option<(f64, usize)> = None;
            for iy in 0..input[0] {
                for ix in 0..input[1] {
                    let covers = |axis: usize, at: usize, i: usize| {
                        (at * strides[axis]..at * strides[axis] + kernel[axis]).contains(&(i + pads[axis]))
                    };
                    if covers(0, position / output[1], iy) && covers(1, position % output[1], ix) {
                        let i = iy * input[1] + ix;
                        let value = x[plane * window.input_area() + i].to_f64();
                        if best.is_none_or(|(most, _)| value > most) {
                            best = Some((value, i));
                        }
                    }
                }
            }
            match best {
                Some((value, i)) => {
                    assert_eq!((y.to_f64(), argmax[at]), (value, i as u32), "{window:?}");
                    expected_dx[plane * window.input_area() + i] += dy[at].to_f64();
                }
                None => assert_eq!((y.to_f64(), argmax[at]), (f64::NEG_INFINITY, u32::MAX)),
            }
        }
        close(&dx, &expected_dx, 1e-6, "max_pool_vjp");
    }
    let window = WindowShape {
        input: [2, 2],
        kernel: [2, 2],
        strides: [2, 2],
        dilations: [1, 1],
        pads: [0, 0],
        output: [1, 1],
    };
    let (mut y, mut argmax) = ([T::ZERO], [0]);
    T::max_pool(&window, &[T::ONE, T::from_f64(f64::NAN), T::from_f64(3.0), T::ZERO], &mut y, &mut argmax);
    assert!(y[0].to_f64().is_nan() && argmax[0] == 1, "NaN wins");
    // In each place of a square, in a row of squares that fills no vector.
    let window = WindowShape { input: [2, 10], output: [1, 5], ..window };
    for at in 0..20 {
        let mut x: Vec<T> = numbers(20, 0.4);
        x[at] = T::from_f64(f64::NAN);
        let mut y = [T::ZERO; 5];
        T::max_pool_values(&window, &x, &mut y);
        assert!((0..5).all(|i| y[i].to_f64().is_nan() == (i == at % 10 / 2)), "NaN wins at {at}");
    }
}

/// Weighted sums of windows by the definition.
fn sums<T: Real>(window: &WindowShape, x: &[T]) {
    let (input, output) = (window.input_area(), window.output_area());
    let weights = numbers::<T>(output, 1.7);
    let mut y = vec![T::from_f64(f64::NAN); x.len() / input * output];
    // Whatever the scratch held must not matter.
    let mut scratch = vec![T::from_f64(f64::NAN); window.pool_scratch_len()];
    T::sum_pool(window, &weights, x, &mut y, &mut scratch);
    let expected: Vec<f64> = (0..y.len())
        .map(|at| {
            let (plane, position) = (at / output, at % output);
            let sees = |axis: usize, window_at: usize, i: usize| {
                (0..window.kernel[axis]).any(|tap| {
                    window_at * window.strides[axis] + tap * window.dilations[axis] == i + window.pads[axis]
                })
            };
            let sum: f64 = (0..input)
                .filter(|i| sees(0, position / window.output[1], i / window.input[1]))
                .filter(|i| sees(1, position % window.output[1], i % window.input[1]))
                .map(|i| x[plane * input + i].to_f64())
                .sum();
            weights[position].to_f64() * sum
        })
        .collect();
    close(&y, &expected, 1e-5, "sum_pool");
}

#[test]
fn pooling_f32() {
    pooling::<f32>();
}

#[test]
fn pooling_f64() {
    pooling::<f64>();
}

#[test]
fn other_instruction_sets() {
    common::on_other_instruction_sets("other_instruction_sets");
}
