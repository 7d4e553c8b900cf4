//! Times of the kernels on one thread: the least of many short samples, in microseconds.
//!
//! `cargo bench -p netinverse-linalg [FILTER]`; `tools/peers.py` beside it times ONNX Runtime and PyTorch.

use std::hint::black_box;
use std::time::Instant;

use netinverse_linalg::{Real, View, ViewMut};

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

fn maps<T: Real>(precision: &str) {
    let kernels: [(&str, fn(&[T], &mut [T])); 8] = [
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

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let parts: [(&str, fn()); 4] = [
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
