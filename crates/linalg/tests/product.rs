//! Products against three loops in f64, over the shapes and strides that choose each method.

mod common;

use netinverse_linalg::{Real, View, ViewMut};

const SIZES: [usize; 12] = [0, 1, 2, 3, 5, 7, 16, 17, 33, 50, 97, 130];

fn numbers<T: Real>(count: usize, step: f64) -> Vec<T> {
    (0..count).map(|i| T::from_f64((i as f64 * step).sin())).collect()
}

/// A view of `rows` × `columns` in which rows, columns or neither are contiguous; 0 to 3.
fn view<T>(data: &[T], rows: usize, columns: usize, layout: usize) -> View<'_, T> {
    match layout {
        0 => View::new(data, rows, columns),
        1 => View::new(data, columns, rows).transposed(),
        2 => View { data, rows, columns, row_stride: columns + 3, column_stride: 1 },
        _ => View { data, rows, columns, row_stride: 2 * columns + 1, column_stride: 2 },
    }
}

fn check<T: Real>(tolerance: f64) {
    let data: (Vec<T>, Vec<T>) = (numbers(140 * 280, 0.37), numbers(140 * 280, 0.71));
    let mut case = 0;
    for m in SIZES {
        for n in SIZES {
            for k in SIZES {
                // Every layout of A and B and every β comes up with every kind of size, not with every size.
                case += 1;
                let (a, b) = (view(&data.0, m, k, case % 4), view(&data.1, k, n, case / 4 % 4));
                let (alpha, beta) = ([1.0, -0.5, 2.0][case % 3], [0.0, 1.0, 0.0, -1.5][case / 3 % 4]);
                let row_stride = n + case % 2;
                let before = if beta == 0.0 {
                    vec![T::from_f64(f64::NAN); m * row_stride]
                } else {
                    numbers(m * row_stride, 0.3)
                };
                let mut c = before.clone();
                let view = ViewMut { data: &mut c, rows: m, columns: n, row_stride };
                T::product(T::from_f64(alpha), a, b, T::from_f64(beta), view);
                for i in 0..m {
                    for j in 0..row_stride {
                        let (got, was) =
                            (c[i * row_stride + j].to_f64(), before[i * row_stride + j].to_f64());
                        if j == n {
                            assert!(got == was || got.is_nan() && was.is_nan(), "written behind a row");
                            continue;
                        }
                        let element = |v: &View<T>, i: usize, j: usize| {
                            v.data[i * v.row_stride + j * v.column_stride].to_f64()
                        };
                        let sum: f64 = (0..k).map(|l| element(&a, i, l) * element(&b, l, j)).sum();
                        let expected = alpha * sum + if beta == 0.0 { 0.0 } else { beta * was };
                        assert!(
                            (got - expected).abs() <= tolerance * (k as f64 + 1.0),
                            "{m} {n} {k} at {i} {j}: {got} {expected}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn product_f32() {
    check::<f32>(1e-6);
}

#[test]
fn product_f64() {
    check::<f64>(2e-15);
}

/// What the views' strides reach is checked before it is read.
#[test]
#[should_panic(expected = "A is too short")]
fn short_operands_are_refused() {
    let a = View { data: &[1.0f64; 5], rows: 2, columns: 3, row_stride: 3, column_stride: 1 };
    f64::product(1.0, a, View::new(&[1.0; 6], 3, 2), 0.0, ViewMut::new(&mut [0.0; 4], 2, 2));
}

#[test]
fn other_instruction_sets() {
    common::on_other_instruction_sets("other_instruction_sets");
}
