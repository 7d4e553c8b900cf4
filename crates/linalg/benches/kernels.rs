//! Times of the kernels on one thread: the least of many short samples, in microseconds.
//!
//! `cargo bench -p netinverse-linalg [FILTER]`; `peers.py` beside it times ONNX Runtime and PyTorch.

use std::hint::black_box;
use std::time::Instant;

use netinverse_linalg::{ConvShape, Real, View, ViewMut, WindowShape};

/// The least time of a call, in microseconds, over samples of about a millisecond.
fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().as_secs_f64().max(1e-8);
    let calls = (1e-3 / once).ceil().clamp(1.0, 1e5) as usize;
    (0..60)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            start.elapsed().as_secs_f64() / calls as f64 * 1e6
        })
        .fold(f64::INFINITY, f64::min)
}

fn numbers<T: Real>(count: usize) -> Vec<T> {
    (0..count).map(|i| T::from_f64((i as f64 * 0.731).sin())).collect()
}

/// Batches through layers of `inputs` → `outputs`: forward is X Wᵀ, backward is dY W.
fn products<T: Real>(precision: &str) {
    for (inputs, outputs) in [(784, 256), (256, 256), (256, 10), (50, 50), (5, 50), (50, 5)] {
        for batch in [1, 2, 4, 8, 16, 64, 256, 1024] {
            let (x, w) = (numbers::<T>(batch * inputs), numbers::<T>(outputs * inputs));
            let (mut y, mut dx) = (numbers::<T>(batch * outputs), numbers::<T>(batch * inputs));
            let weights = View::new(&w, outputs, inputs);
            let forward = time(|| {
                let x = View::new(black_box(&x), batch, inputs);
                T::product(T::ONE, x, weights.transposed(), T::ZERO, ViewMut::new(&mut y, batch, outputs));
            });
            let backward = time(|| {
                let dy = View::new(black_box(&y), batch, outputs);
                T::product(T::ONE, dy, weights, T::ZERO, ViewMut::new(&mut dx, batch, inputs));
            });
            let flops = 2e-3 * (batch * inputs * outputs) as f64;
            println!(
                "{precision} product {batch:5} x {inputs:3} -> {outputs:3}: forward {forward:9.3} us {:6.1} GF/s, backward {backward:9.3} us {:6.1} GF/s",
                flops / forward,
                flops / backward
            );
        }
    }
}

/// A function over a slice, with its name.
type Map<T> = (&'static str, fn(&[T], &mut [T]));

fn maps<T: Real>(precision: &str) {
    let kernels: [Map<T>; 8] = [
        ("relu", T::relu),
        ("exp", T::exp),
        ("log", T::log),
        ("tanh", T::tanh),
        ("sigmoid", T::sigmoid),
        ("softplus", T::softplus),
        ("elu", |x, y| T::elu(T::ONE, x, y)),
        ("softmax", |x, y| T::softmax(x, y, 10, 1)),
    ];
    for length in [50, 10_000] {
        let (x, mut y) = (numbers::<T>(length), numbers::<T>(length));
        for (name, kernel) in kernels {
            let once = time(|| kernel(black_box(&x), &mut y));
            println!(
                "{precision} {name:8} of {length:5}: {once:8.4} us, {:6.3} ns each",
                once * 1e3 / length as f64
            );
        }
    }
}

/// A layer of 3 × 3 windows with padding 1, in a stride.
fn conv_shape(channels: [usize; 2], side: usize, kernel: usize, stride: usize, groups: usize) -> ConvShape {
    let output = side.div_ceil(stride);
    let window = WindowShape {
        input: [side; 2],
        kernel: [kernel; 2],
        strides: [stride; 2],
        dilations: [1; 2],
        pads: [kernel / 2; 2],
        output: [output; 2],
    };
    ConvShape { groups, channels_in: channels[0], channels_out: channels[1], window }
}

/// The layers that `peers.py` times too.
fn convolutions<T: Real>(precision: &str) {
    let samples = 64;
    for (channels, side, kernel, stride, groups) in [
        ([1, 16], 28, 3, 1, 1),
        ([16, 32], 14, 3, 1, 1),
        ([3, 8], 32, 3, 2, 1),
        ([8, 16], 16, 3, 2, 1),
        ([16, 16], 8, 3, 1, 1),
        ([64, 64], 28, 3, 1, 1),
        ([64, 64], 14, 1, 1, 1),
        ([32, 32], 28, 3, 1, 32),
        ([3, 32], 32, 5, 1, 1),
    ] {
        let shape = conv_shape(channels, side, kernel, stride, groups);
        let (x, w) = (numbers::<T>(samples * shape.input_len()), numbers::<T>(shape.weight_len()));
        let bias = numbers::<T>(shape.channels_out);
        let mut y = numbers::<T>(samples * shape.output_len());
        let mut dx = x.clone();
        let mut scratch = numbers::<T>(shape.scratch_len());
        let forward = time(|| T::convolve(&shape, black_box(&x), &w, Some(&bias), &mut y, &mut scratch));
        let backward = time(|| T::convolve_adjoint(&shape, black_box(&y), &w, &mut dx, &mut scratch));
        let flops = 2e-3 * (samples * shape.output_len() * shape.taps()) as f64;
        println!(
            "{precision} conv {channels:?} {side} kernel {kernel} stride {stride} groups {groups}: forward {forward:9.1} us {:6.1} GF/s, adjoint {backward:9.1} us {:6.1} GF/s",
            flops / forward,
            flops / backward
        );
    }
}

/// conv 1 → 16, relu, max pool, conv 16 → 32, relu, max pool, dense 1568 → 10, at batch 64: forward, and with the
/// product of the Jacobian in the input.
fn conv_net<T: Real>(precision: &str) {
    let samples = 64;
    let shapes = [conv_shape([1, 16], 28, 3, 1, 1), conv_shape([16, 32], 14, 3, 1, 1)];
    let pools = [28, 14].map(|side| WindowShape {
        input: [side; 2],
        kernel: [2; 2],
        strides: [2; 2],
        dilations: [1; 2],
        pads: [0; 2],
        output: [side / 2; 2],
    });
    let weights = shapes.map(|shape| numbers::<T>(shape.weight_len()));
    let biases = shapes.map(|shape| numbers::<T>(shape.channels_out));
    let dense = numbers::<T>(10 * 1568);
    let x = numbers::<T>(samples * 784);
    let mut scratch = numbers::<T>(shapes[0].scratch_len().max(shapes[1].scratch_len()));
    // Per layer: after the convolution and relu, after pooling, and which element won.
    let sizes = shapes.map(|shape| samples * shape.output_len());
    let mut a = sizes.map(numbers::<T>);
    let mut p = sizes.map(|size| numbers::<T>(size / 4));
    let mut argmax = sizes.map(|size| vec![0u32; size / 4]);
    let (mut da, mut dz, mut dp) = (a.clone(), a.clone(), p.clone());
    let (mut y, mut dx) = (numbers::<T>(samples * 10), x.clone());
    let mut run = |backward: bool| {
        for layer in 0..2 {
            let (before, after) = p.split_at_mut(layer);
            let input = before.last().unwrap_or(&x);
            let (shape, pool) = (&shapes[layer], &pools[layer]);
            T::convolve_relu(
                shape,
                input,
                &weights[layer],
                Some(&biases[layer]),
                &mut a[layer],
                &mut scratch,
            );
            if backward {
                T::max_pool(pool, &a[layer], &mut after[0], &mut argmax[layer]);
            } else {
                T::max_pool_values(pool, &a[layer], &mut after[0]);
            }
        }
        let dense = View::new(&dense, 10, 1568);
        let last = View::new(&p[1], samples, 1568);
        T::product(T::ONE, last, dense.transposed(), T::ZERO, ViewMut::new(&mut y, samples, 10));
        if !backward {
            return;
        }
        let dy = View::new(&y, samples, 10);
        T::product(T::ONE, dy, dense, T::ZERO, ViewMut::new(&mut dp[1], samples, 1568));
        for layer in [1, 0] {
            T::max_pool_vjp(&pools[layer], &argmax[layer], &dp[layer], &mut da[layer]);
            T::relu_vjp(&a[layer], &a[layer], &da[layer], &mut dz[layer]);
            let out = if layer == 0 { &mut dx } else { &mut dp[0] };
            T::convolve_adjoint(&shapes[layer], &dz[layer], &weights[layer], out, &mut scratch);
        }
    };
    println!("{precision} conv net, batch 64: forward {:8.1} us", time(|| run(false)));
    println!("{precision} conv net, batch 64: forward + vjp {:8.1} us", time(|| run(true)));
    println!(
        "{precision} pools: {:8.1} us, {:8.1} us; without positions {:8.1} us, {:8.1} us",
        time(|| T::max_pool(&pools[0], &a[0], &mut p[0], &mut argmax[0])),
        time(|| T::max_pool(&pools[1], &a[1], &mut p[1], &mut argmax[1])),
        time(|| T::max_pool_values(&pools[0], &a[0], &mut p[0])),
        time(|| T::max_pool_values(&pools[1], &a[1], &mut p[1]))
    );
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let parts: [(&str, fn()); 8] = [
        ("conv-f32", || convolutions::<f32>("f32")),
        ("conv-f64", || convolutions::<f64>("f64")),
        ("net-f32", || conv_net::<f32>("f32")),
        ("net-f64", || conv_net::<f64>("f64")),
        ("product-f32", || products::<f32>("f32")),
        ("product-f64", || products::<f64>("f64")),
        ("maps-f32", || maps::<f32>("f32")),
        ("maps-f64", || maps::<f64>("f64")),
    ];
    for (name, part) in parts {
        if name.contains(&filter) {
            part();
        }
    }
}
