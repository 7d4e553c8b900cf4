//! Times of the volume kernels on one thread: the least of many short samples, in microseconds.
//!
//! `cargo bench -p netinverse-geometry --bench volumes`

use std::hint::black_box;
use std::time::Instant;

use netinverse_base::Rng;
use netinverse_geometry::{ExactSum, HalfSpaces, half_space_fraction, refined_intersection_fraction};

fn time(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    call();
    let once = start.elapsed().as_secs_f64().max(1e-9);
    let calls = (1e-3 / once).ceil().clamp(1.0, 1e5) as usize;
    (0..40)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..calls {
                call();
            }
            start.elapsed().as_secs_f64() / calls as f64 * 1e6
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let mut rng = Rng::new(1, 0);
    println!("{:<28} {:>12}", "half_space_fraction", "µs");
    for n in [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 20, 784] {
        for (name, spread) in [("even", 0.0), ("uneven", 4.0)] {
            let cases: Vec<_> = (0..16)
                .map(|_| {
                    let normal: Vec<f64> =
                        (0..n).map(|_| rng.normal() * (-spread * rng.uniform()).exp()).collect();
                    let lower: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
                    let upper: Vec<f64> = lower.iter().map(|l| l + rng.uniform()).collect();
                    let at: f64 = (0..n).map(|i| normal[i] * rng.range(lower[i], upper[i])).sum();
                    (normal, -at, lower, upper)
                })
                .collect();
            let each = time(|| {
                for (normal, offset, lower, upper) in &cases {
                    black_box(half_space_fraction(black_box(normal), *offset, lower, upper));
                }
            });
            println!("n = {n:<5} {name:<18} {:>12.3}", each / 16.0);
        }
    }
    let (normal, lower, upper) = ([1.0, -2.0, 0.5, 1.0], [0.0; 4], [1.0; 4]);
    for (name, offset) in [("whole", 5.0), ("nothing", -5.0)] {
        let each = time(|| _ = black_box(half_space_fraction(black_box(&normal), offset, &lower, &upper)));
        println!("n = 4     {name:<18} {each:>12.3}");
    }
    let rows = HalfSpaces {
        normals: &[1.0, 0.5, -0.2, 0.1, 0.3, -1.0, 0.6, 0.2, -0.4, 0.1, 1.0, 0.9],
        offsets: &[-0.6, 0.1, -0.7],
    };
    let each = time(|| _ = black_box(refined_intersection_fraction(rows, &lower, &upper, 0.0, 1000)));
    println!("three half-spaces, n = 4, 1000 boxes {each:>12.1}");
    let mut sum = ExactSum::new();
    let each = time(|| sum.add(black_box(0.1)));
    println!("ExactSum::add {each:>12.4}");
}
