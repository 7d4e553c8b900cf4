use netinverse_base::{Budget, Rng};
use netinverse_network::{
    Dense, Evaluator, Function, Linear, Network, NetworkBuilder, Op, Param, Scale, Shape, WeightOrder,
};

use super::{PlaneOptions, PlanePreimage, Point, Polyline, preimages};
use crate::fibre::testing::Layers;

fn preimage(network: &Network, target: f64, options: &PlaneOptions) -> PlanePreimage {
    let found =
        preimages(network, &[-1.0, -1.0], &[1.0, 1.0], &[target], options, &Budget::default()).unwrap();
    assert!(found.stopped.is_none());
    found.preimages.into_iter().next().unwrap()
}

/// Values on the (n + 1)² points of a grid over [−1, 1]², row by row of y.
fn grid(network: &Network, n: usize) -> Vec<f64> {
    let at = |k: usize| -1.0 + 2.0 * k as f64 / n as f64;
    let x: Vec<f64> = (0..=n).flat_map(|j| (0..=n).flat_map(move |i| [at(i), at(j)])).collect();
    let mut y = vec![0.0; (n + 1) * (n + 1)];
    Evaluator::<f64>::new(network).forward(&x, &mut y);
    y
}

/// The grid's cells that a preimage passes through, by dense points on its segments and on its plateaus.
fn visited(found: &PlanePreimage, n: usize) -> Vec<bool> {
    let mut cells = vec![false; n * n];
    let mut mark = |p: Point| {
        // A point on a line between two cells belongs to both.
        for shift in [[-1e-7, -1e-7], [1e-7, -1e-7], [-1e-7, 1e-7], [1e-7, 1e-7]] {
            let at = [0, 1].map(|k| ((p[k] + shift[k] + 1.0) * 0.5 * n as f64).floor());
            if at.iter().all(|&c| c >= 0.0 && c < n as f64) {
                cells[at[1] as usize * n + at[0] as usize] = true;
            }
        }
    };
    let segments: Vec<[Point; 2]> =
        found.components.iter().flat_map(|c| &c.polylines).flat_map(Polyline::segments).collect();
    for [p, q] in segments {
        // Every crossing of a grid line, and the ends.
        mark(p);
        mark(q);
        for axis in 0..2 {
            let index = |c: f64| (c + 1.0) * 0.5 * n as f64;
            let (low, high) = (index(p[axis].min(q[axis])), index(p[axis].max(q[axis])));
            for line in low.ceil() as i64..=high.floor() as i64 {
                let t = (-1.0 + 2.0 * line as f64 / n as f64 - p[axis]) / (q[axis] - p[axis]);
                if (0.0..=1.0).contains(&t) {
                    mark([p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])]);
                }
            }
        }
    }
    cells
}

/// Asserts that f takes the target at every listed corner and middle, and that every cell of the grid where f − y
/// changes sign is visited.
fn assert_complete(network: &Network, values: &[f64], n: usize, target: f64, found: &PlanePreimage) {
    let evaluator = Evaluator::<f64>::new(network);
    for line in found.components.iter().flat_map(|c| &c.polylines) {
        for [p, q] in line.segments() {
            let middle = [0.5 * (p[0] + q[0]), 0.5 * (p[1] + q[1])];
            let mut y = [0.0; 2];
            evaluator.forward(&[p[0], p[1], middle[0], middle[1]], &mut y);
            assert!(y.iter().all(|y| (y - target).abs() < 1e-9), "{y:?} is not {target} at {p:?}");
        }
    }
    let cells = visited(found, n);
    for (index, visited) in cells.iter().enumerate() {
        let corner = index / n * (n + 1) + index % n;
        let corners = [corner, corner + 1, corner + n + 1, corner + n + 2].map(|k| values[k] - target);
        let crossed = corners.iter().any(|&v| v > 1e-9) && corners.iter().any(|&v| v < -1e-9);
        assert!(!crossed || *visited || !found.plateaus.is_empty(), "cell {index} is crossed, and missed");
    }
}

#[test]
fn a_fine_grid_finds_nothing_that_the_enumeration_missed() {
    let functions = [
        Function::Relu,
        Function::LeakyRelu { alpha: 0.2 },
        Function::Abs,
        Function::Clip { low: -0.5, high: 0.7 },
    ];
    for (seed, function) in (0..3).flat_map(|seed| functions.map(|function| (seed, function))) {
        let mut rng = Rng::new(seed, 5);
        let network = Layers::new(2)
            .random(16, &mut rng)
            .function(function)
            .random(16, &mut rng)
            .function(function)
            .random(1, &mut rng)
            .finish();
        let n = 400;
        let values = grid(&network, n);
        for _ in 0..3 {
            let target = values[rng.below(values.len())] + 1e-4;
            let found = preimage(&network, target, &PlaneOptions::default());
            assert!(!found.components.is_empty());
            assert_complete(&network, &values, n, target, &found);
            // However the box is cut into cells, the preimage is one.
            let whole =
                preimage(&network, target, &PlaneOptions { cell_units: 1000, ..PlaneOptions::default() });
            let cut = PlaneOptions { shared_units: 5, cell_units: 2, ..PlaneOptions::default() };
            let cut = preimage(&network, target, &cut);
            for other in [&whole, &cut] {
                assert_eq!(found.components.len(), other.components.len(), "{function:?} {seed}");
                for (a, b) in found.components.iter().zip(&other.components) {
                    assert!((a.length - b.length).abs() < 1e-7, "{} {}", a.length, b.length);
                    assert_eq!(a.polylines.len(), b.polylines.len());
                }
            }
        }
    }
}

/// |x| + |y|
fn diamond() -> Layers {
    Layers::new(2)
        .dense(&[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0])
        .function(Function::Abs)
        .dense(&[1.0, 1.0], &[0.0])
}

#[test]
fn level_sets_by_hand() {
    let root = 2.0f64.sqrt();
    // (target, lengths of the components' polylines, closed?)
    let cases: [(f64, &[f64], bool); 5] = [
        (0.5, &[2.0 * root], true),
        (1.0, &[4.0 * root], true),
        (1.5, &[0.5 * root; 4], false),
        // One point, where f has its minimum.
        (0.0, &[0.0], false),
        (3.0, &[], false),
    ];
    for options in
        [PlaneOptions::default(), PlaneOptions { shared_units: 1, cell_units: 0, ..Default::default() }]
    {
        for (target, lengths, closed) in cases {
            let found = preimage(&diamond().finish(), target, &options);
            let got: Vec<f64> = found.components.iter().map(|c| c.length).collect();
            assert_eq!(got.len(), lengths.len(), "{target}: {found:?}");
            for (component, expected) in found.components.iter().zip(lengths) {
                assert!((component.length - expected).abs() < 1e-12, "{target}: {found:?}");
                assert_eq!(component.polylines.len(), 1);
                assert_eq!(component.polylines[0].closed, closed);
            }
        }
    }
}

#[test]
fn plateaus_are_polygons_with_what_touches_them() {
    // relu(|x| + |y| − ½): zero on the diamond of area ½, alone.
    let pit = diamond().dense(&[1.0], &[-0.5]).function(Function::Relu).finish();
    let area = |found: &PlanePreimage| -> f64 {
        found
            .plateaus
            .iter()
            .map(|p| {
                (0..p.len())
                    .map(|i| {
                        let q = p[(i + 1) % p.len()];
                        0.5 * (p[i][0] * q[1] - p[i][1] * q[0])
                    })
                    .sum::<f64>()
            })
            .sum()
    };
    for options in
        [PlaneOptions::default(), PlaneOptions { shared_units: 2, cell_units: 1, ..Default::default() }]
    {
        let found = preimage(&pit, 0.0, &options);
        assert!((area(&found) - 0.5).abs() < 1e-12, "{found:?}");
        assert_eq!(found.components.len(), 1, "{found:?}");
        assert_eq!(
            (found.components[0].length, found.components[0].plateaus.len()),
            (0.0, found.plateaus.len())
        );
    }
    // relu(x) − relu(−y): 0 on the quadrant x ≤ 0 ≤ y, and on the half-line x = −y > 0 that leaves its corner.
    let corner = Layers::new(2)
        .dense(&[1.0, 0.0, 0.0, -1.0], &[0.0, 0.0])
        .function(Function::Relu)
        .dense(&[1.0, -1.0], &[0.0])
        .finish();
    let found = preimage(&corner, 0.0, &PlaneOptions::default());
    assert!((area(&found) - 1.0).abs() < 1e-12);
    assert_eq!(found.components.len(), 1);
    assert!((found.components[0].length - 2.0f64.sqrt()).abs() < 1e-12, "{found:?}");
}

#[test]
fn edges_on_the_level_are_counted_once() {
    // relu(x) + relu(−x) is 0 on x = 0, an edge of the regions left and right of it, cut by a neuron of y.
    let ridge = Layers::new(2)
        .dense(&[1.0, 0.0, -1.0, 0.0, 0.0, 1.0], &[0.0, 0.0, -0.3])
        .function(Function::Relu)
        .dense(&[1.0, 1.0, 0.0], &[0.0])
        .finish();
    for options in
        [PlaneOptions::default(), PlaneOptions { shared_units: 1, cell_units: 0, ..Default::default() }]
    {
        let found = preimage(&ridge, 0.0, &options);
        assert_eq!(found.components.len(), 1, "{found:?}");
        assert!((found.components[0].length - 2.0).abs() < 1e-12, "{found:?}");
    }
}

#[test]
fn residual_connections_and_fixed_inputs() {
    // |x₀ + x₁ − x₂| + 2x₂ with x₁ fixed to ½.
    let mut builder = NetworkBuilder::new();
    let x = builder.input("x", Shape::new([1, 3]).unwrap()).unwrap();
    let matrix = Shape::new([1, 3]).unwrap();
    let dense = |builder: &mut NetworkBuilder, weight: [f64; 3]| {
        let weight = builder.param(Param::from_f64("W", matrix.clone(), weight).unwrap());
        let dense = Dense { weight, bias: None, order: WeightOrder::OutputsFirst };
        builder.node("dense", Op::Linear(Linear::Dense(dense)), &[x]).unwrap()
    };
    let a = dense(&mut builder, [1.0, 1.0, -1.0]);
    let b = dense(&mut builder, [0.0, 0.0, 1.0]);
    let a = builder.node("abs", Op::Function(Function::Abs), &[a]).unwrap();
    let two = builder.param(Param::from_f64("s", Shape::vector(1), [2.0]).unwrap());
    let scale = Scale { scale: Some(two), shift: None };
    let b = builder.node("scale", Op::Linear(Linear::Scale(scale)), &[b]).unwrap();
    let sum = Linear::Combine { coefficients: vec![1.0, 1.0] };
    let y = builder.node("y", Op::Linear(sum), &[a, b]).unwrap();
    let network = builder.finish(&[y]).unwrap();
    let found = preimages(
        &network,
        &[-1.0, 0.5, -1.0],
        &[1.0, 0.5, 1.0],
        &[1.0],
        &PlaneOptions::default(),
        &Budget::default(),
    )
    .unwrap();
    assert_eq!(found.free, [0, 2]);
    let found = &found.preimages[0];
    assert_eq!(found.components.len(), 1);
    // x₂ = ½ − x₀ where x₀ ≥ 0, and x₂ = ½ + x₀ / 3 below.
    let expected = 2.0f64.sqrt() + (10.0f64).sqrt() / 3.0;
    assert!((found.components[0].length - expected).abs() < 1e-12, "{found:?}");
}

#[test]
fn what_is_not_enumerated_is_refused_by_name() {
    let smooth = Layers::new(2).dense(&[1.0, 1.0], &[0.0]).function(Function::Tanh).finish();
    let ask = |network: &Network, lower: &[f64], upper: &[f64], target: f64| {
        preimages(network, lower, upper, &[target], &PlaneOptions::default(), &Budget::default())
            .unwrap_err()
            .to_string()
    };
    let square = ([-1.0, -1.0], [1.0, 1.0]);
    assert!(ask(&smooth, &square.0, &square.1, 0.0).contains("Tanh is not piecewise linear"));
    let network = diamond().finish();
    assert!(ask(&network, &[-1.0, 0.0], &[1.0, 0.0], 0.0).contains("1 are free"));
    assert!(ask(&network, &[-1.0, 1.0], &[1.0, 0.0], 0.0).contains("input 1 has bounds 1 and 0"));
    assert!(ask(&network, &square.0, &square.1, f64::NAN).contains("target 0 is NaN"));
    let two = Layers::new(2).dense(&[1.0, 0.0, 0.0, 1.0], &[0.0, 0.0]).finish();
    assert!(ask(&two, &square.0, &square.1, 0.0).contains("one output"));
}
