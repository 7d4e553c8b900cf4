//! The solver on networks whose answers are known some other way.

use netinverse_base::{Budget, Result, Rng, Silent};
use netinverse_invert::solve::{Domain, Goal, Norm, Options, Polyhedron, QueryResult, solve};
use netinverse_network::{
    Dense, Evaluator, Function, Linear, Network, NetworkBuilder, Op, Param, Shape, WeightOrder,
};

/// A network of random dense layers with an activation between them.
fn random_network(sizes: &[usize], activation: Function, seed: u64) -> Result<Network> {
    let mut rng = Rng::new(seed, 1);
    let mut builder = NetworkBuilder::new();
    let mut value = builder.input("x", Shape::new([1, sizes[0]])?)?;
    for (layer, pair) in sizes.windows(2).enumerate() {
        let scale = (2.0 / pair[0] as f64).sqrt();
        let mut draw = |count: usize| (0..count).map(|_| scale * rng.normal()).collect::<Vec<f64>>();
        let weight = Param::from_f64("W", Shape::new([pair[0], pair[1]])?, draw(pair[0] * pair[1]))?;
        let bias = Param::from_f64("b", Shape::vector(pair[1]), draw(pair[1]))?;
        let dense = Dense {
            weight: builder.param(weight),
            bias: Some(builder.param(bias)),
            order: WeightOrder::InputsFirst,
        };
        value = builder.node(format!("z{layer}"), Op::Linear(Linear::Dense(dense)), &[value])?;
        if layer + 2 < sizes.len() {
            value = builder.node(format!("h{layer}"), Op::Function(activation), &[value])?;
        }
    }
    builder.finish(&[value])
}

fn options(queries: usize) -> Options {
    Options {
        norm: Norm::L2,
        weights: None,
        count: 1,
        separation: 0.1,
        tolerance: vec![1e-10; queries],
        starts: 64,
        nearest: true,
        restarts: 2,
        race: 190,
        data: Vec::new(),
        describe: true,
        steps: 60,
        batch: 256,
    }
}

fn forward(network: &Network, x: &[f64]) -> Vec<f64> {
    let mut y = vec![0.0; x.len() / network.input_size() * network.output_size()];
    Evaluator::<f64>::new(network).forward(x, &mut y);
    y
}

/// Outputs of random inputs of the box: each is reachable by construction.
fn reachable(network: &Network, count: usize, seed: u64) -> Vec<Goal> {
    let mut rng = Rng::new(seed, 2);
    (0..count)
        .map(|_| {
            let x: Vec<f64> = (0..network.input_size()).map(|_| rng.range(-1.0, 1.0)).collect();
            Goal::one(Polyhedron::point(&forward(network, &x)))
        })
        .collect()
}

fn unit_box(n: usize) -> Domain {
    Domain::boxed(vec![-1.0; n], vec![1.0; n])
}

fn run(network: &Network, domain: &Domain, goals: &[Goal], options: &Options) -> Vec<QueryResult> {
    let near = vec![vec![0.0; network.input_size()]; goals.len()];
    solve(network, domain, goals, &near, options, &Budget::default(), &Silent)
}

#[test]
fn every_output_of_the_network_is_reached() {
    for (activation, seed) in [(Function::Relu, 1), (Function::Tanh, 2), (Function::Sigmoid, 3)] {
        let network = random_network(&[4, 40, 40, 2], activation, seed).unwrap();
        let goals = reachable(&network, 50, seed);
        let results = run(&network, &unit_box(4), &goals, &options(50));
        for (query, result) in results.iter().enumerate() {
            let answer = result.answers.first().unwrap_or_else(|| panic!("{activation:?}: query {query}"));
            assert!(answer.residual <= 1e-10);
            // A batch may be summed in another order than a single point.
            let replayed = goals[query].residual(&forward(&network, &answer.x));
            assert!((replayed - answer.residual).abs() <= 1e-13, "{replayed} against {}", answer.residual);
            assert!(answer.x.iter().all(|x| (-1.0..=1.0).contains(x)));
            assert_eq!(answer.fibre_dimension, 4 - answer.rank);
        }
    }
}

#[test]
fn several_answers_are_apart_and_all_answer() {
    let network = random_network(&[3, 50, 50, 1], Function::Relu, 7).unwrap();
    let goals = reachable(&network, 20, 7);
    let options = Options { count: 10, separation: 0.15, ..options(20) };
    for result in run(&network, &unit_box(3), &goals, &options) {
        assert_eq!(result.answers.len(), 10);
        for (i, a) in result.answers.iter().enumerate() {
            assert!(a.residual <= 1e-10);
            for b in &result.answers[..i] {
                assert!(Norm::L2.distance(&a.x, &b.x, None) >= 0.15);
            }
        }
    }
}

/// Two inputs, one output: a fine grid of angles around the reference gives the true nearest distance of a class.
#[test]
fn the_nearest_answer_is_the_nearest_on_a_grid() {
    let (mut as_near, mut answered) = (0, 0);
    for seed in 0..20 {
        let network = random_network(&[2, 16, 16, 2], Function::Relu, 100 + seed).unwrap();
        let reference = [0.1, -0.2];
        let y = forward(&network, &reference);
        let other = usize::from(y[0] > y[1]);
        let goal = Goal::one(Polyhedron::class(other, 2, 0.0));
        let mut best = f64::INFINITY;
        let steps = 400;
        let points: Vec<f64> = (0..=steps)
            .flat_map(|i| (0..=steps).map(move |j| (i, j)))
            .flat_map(|(i, j)| [i, j].map(|k| -1.0 + 2.0 * f64::from(k) / f64::from(steps)))
            .collect();
        let values = forward(&network, &points);
        for (x, y) in points.chunks(2).zip(values.chunks(2)) {
            if y[other] >= y[1 - other] {
                best = best.min(Norm::L2.distance(x, &reference, None));
            }
        }
        let results = solve(
            &network,
            &unit_box(2),
            &[goal],
            &[reference.to_vec()],
            &options(1),
            &Budget::default(),
            &Silent,
        );
        match results[0].answers.first() {
            None => assert!(best.is_infinite(), "seed {seed}: the grid reaches the class at {best}"),
            // The solver is exact, the grid is not: it may only be farther by its spacing.
            Some(answer) => {
                answered += 1;
                as_near += usize::from(answer.distance <= best + 1e-9);
            }
        }
    }
    assert!(answered >= 10 && as_near == answered, "{as_near} of {answered} are as near as the grid's");
}

#[test]
fn fixed_inputs_and_linear_constraints_hold() {
    let network = random_network(&[4, 30, 1], Function::Relu, 11).unwrap();
    let mut domain = unit_box(4);
    (domain.lower[2], domain.upper[2]) = (0.25, 0.25);
    // x0 + x1 = 0.3 and x3 ≥ x0.
    domain.coefficients = vec![1.0, 1.0, 0.0, 0.0, -1.0, 0.0, 0.0, 1.0];
    domain.constants = vec![0.3, 0.0];
    domain.equations = 1;
    let x = [0.1, 0.2, 0.25, 0.6];
    let goals = [Goal::one(Polyhedron::point(&forward(&network, &x)))];
    let results = run(&network, &domain, &goals, &options(1));
    let answer = &results[0].answers[0];
    assert_eq!(answer.x[2].to_bits(), 0.25f64.to_bits());
    assert!((answer.x[0] + answer.x[1] - 0.3).abs() <= 1e-12 && answer.x[3] >= answer.x[0] - 1e-12);
    assert_eq!(answer.fibre_dimension, 2);
}

#[test]
fn answers_do_not_depend_on_the_number_of_threads_or_of_queries() {
    let network = random_network(&[3, 40, 40, 2], Function::Relu, 5).unwrap();
    let goals = reachable(&network, 30, 5);
    let options = Options { count: 3, batch: 64, ..options(30) };
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| run(&network, &unit_box(3), &goals, &options))
    };
    let (one, three) = (with(1), with(3));
    assert_eq!(one, three);
}

/// Weights beyond the range of single precision: the search must not depend on it.
#[test]
fn a_network_that_single_precision_cannot_evaluate_is_inverted() {
    let mut rng = Rng::new(4, 4);
    let first: Vec<f64> = (0..16).map(|_| 1e60 * rng.normal()).collect();
    let second: Vec<f64> = (0..8).map(|_| 1e-60 * rng.normal()).collect();
    let network = rectified(&[(first, vec![1e59; 8]), (second, vec![0.0])], 2);
    let goals = reachable(&network, 10, 6);
    for result in run(&network, &unit_box(2), &goals, &options(10)) {
        assert!(result.answers[0].residual <= 1e-10);
    }
}

/// A value that the box allows at one corner only.
#[test]
fn the_largest_value_in_the_box_is_reached_at_its_corner() {
    let network = rectified(&[(vec![0.3, -0.7, 1.1], vec![0.1])], 3);
    let goals = [Goal::one(Polyhedron::point(&[0.3 + 0.7 + 1.1 + 0.1]))];
    let answer = &run(&network, &unit_box(3), &goals, &options(1))[0].answers[0];
    let expected = [1.0, -1.0, 1.0];
    assert!(answer.x.iter().zip(expected).all(|(x, e)| (x - e).abs() < 1e-9), "{:?}", answer.x);
}

#[test]
fn what_cannot_be_reached_is_not_found() {
    let network = random_network(&[2, 10, 1], Function::Sigmoid, 3).unwrap();
    let goals = [Goal::one(Polyhedron::point(&[1e6]))];
    let results = run(&network, &unit_box(2), &goals, &options(1));
    assert!(results[0].answers.is_empty());
    let best = results[0].best.as_ref().unwrap();
    assert!(best.residual > 1e5 && best.residual < 1e6 + 100.0);
}

/// A network of dense layers with given weights (inputs first) and biases, rectified between them.
fn rectified(layers: &[(Vec<f64>, Vec<f64>)], inputs: usize) -> Network {
    let build = || -> Result<Network> {
        let mut builder = NetworkBuilder::new();
        let mut value = builder.input("x", Shape::new([1, inputs])?)?;
        for (layer, (weight, bias)) in layers.iter().enumerate() {
            let shape = Shape::new([weight.len() / bias.len(), bias.len()])?;
            let weight = builder.param(Param::from_f64("W", shape, weight.clone())?);
            let bias = builder.param(Param::from_f64("b", Shape::vector(bias.len()), bias.clone())?);
            let dense = Dense { weight, bias: Some(bias), order: WeightOrder::InputsFirst };
            value = builder.node(format!("z{layer}"), Op::Linear(Linear::Dense(dense)), &[value])?;
            if layer + 1 < layers.len() {
                value = builder.node(format!("h{layer}"), Op::Function(Function::Relu), &[value])?;
            }
        }
        builder.finish(&[value])
    };
    build().unwrap()
}

/// `{x : Σ relu(aᵢ·x + bᵢ) ≤ 1}` is convex, and the row `1 − Σ…` concave: what the solver learns of it outside holds
/// everywhere. The nearest point of a convex set is the x with `(r − x)·(z − x) ≤ 0` for every z of the set.
#[test]
fn the_nearest_point_of_a_convex_set_is_exact() {
    let mut compared = 0;
    for case in 0..20 {
        let mut rng = Rng::new(case, 31);
        let (n, k) = (4, 8);
        let weight: Vec<f64> = (0..n * k).map(|_| rng.normal()).collect();
        let bias: Vec<f64> = (0..k).map(|_| -0.5 * rng.uniform()).collect();
        let network = rectified(&[(weight, bias), (vec![-1.0; k], vec![1.0])], n);
        let goal = Goal::one(Polyhedron { rows: vec![1.0], constants: vec![0.0], equations: 0 });
        let near: Vec<f64> = (0..n).map(|_| rng.range(-1.0, 1.0)).collect();
        let value = |x: &[f64]| forward(&network, x)[0];
        if value(&near) >= 0.0 {
            continue;
        }
        let options = Options { data: vec![vec![0.0; n]], restarts: 0, ..options(1) };
        let results = solve(
            &network,
            &unit_box(n),
            &[goal],
            std::slice::from_ref(&near),
            &options,
            &Budget::default(),
            &Silent,
        );
        let answer = &results[0].answers[0];
        assert!(value(&answer.x) >= -1e-10);
        let mut inside = 0;
        for _ in 0..20_000 {
            let z: Vec<f64> = (0..n).map(|_| rng.range(-1.0, 1.0)).collect();
            if value(&z) >= 0.0 {
                inside += 1;
                let product: f64 =
                    near.iter().zip(&answer.x).zip(&z).map(|((r, x), z)| (r - x) * (z - x)).sum();
                assert!(product <= 2e-3 * answer.distance, "case {case}: {product}");
            }
        }
        compared += usize::from(inside > 100);
    }
    assert!(compared >= 8, "only {compared} of 20 sets are thick enough to say anything");
}

/// The race from points inside spends what it may, and nearly always ends as near as the best of many rays,
/// or nearer; it is a local search.
#[test]
fn the_race_keeps_to_its_evaluations_and_beats_rays() {
    let (mut nearer, mut all) = (0, 0);
    for seed in 0..12 {
        let network = random_network(&[6, 24, 24, 4], Function::Relu, 300 + seed).unwrap();
        let mut rng = Rng::new(seed, 8);
        let mut draw = || (0..6).map(|_| rng.range(-1.0, 1.0)).collect::<Vec<f64>>();
        let near = draw();
        let y = forward(&network, &near);
        let class = (0..4).fold(0, |best, k| if y[k] > y[best] { k } else { best });
        let goal = Goal::other_class(class, 4, 0.0);
        let data: Vec<Vec<f64>> = (0..200).map(|_| draw()).collect();
        let mut best = f64::INFINITY;
        for end in &data {
            let at =
                |share: f64| -> Vec<f64> { near.iter().zip(end).map(|(r, e)| r + share * (e - r)).collect() };
            let hit = (1..=100).map(|step| at(f64::from(step) / 100.0));
            let hit = hit.into_iter().find(|x| goal.residual(&forward(&network, x)) <= 0.0);
            best = hit.map_or(best, |x| best.min(Norm::L2.distance(&x, &near, None)));
        }
        for race in [60, 190] {
            let options = Options { data: data.clone(), restarts: 0, race, ..options(1) };
            let goals = [goal.clone()];
            let results = solve(
                &network,
                &unit_box(6),
                &goals,
                std::slice::from_ref(&near),
                &options,
                &Budget::default(),
                &Silent,
            );
            let Some(answer) = results[0].answers.first() else {
                assert!(best.is_infinite(), "seed {seed}: rays reach another class");
                continue;
            };
            assert!(answer.residual <= 1e-10);
            // The rows of data are charged first, all of them to the one query; the replay comes after.
            let spent = results[0].evaluations.total();
            let begins = data.iter().any(|x| goal.residual(&forward(&network, x)) <= 0.0);
            assert!(!begins || spent <= 200 + race + 5 * 3 + 5, "seed {seed}: {spent}");
            if race == 190 {
                all += 1;
                nearer += usize::from(answer.distance <= best);
            }
        }
    }
    assert!(all >= 8 && nearer + 2 >= all, "{nearer} of {all} are as near as the best ray");
}

/// `|x₀| = 1/2` is two walls, in the plane and in space; `|x₀| + |x₁| = 1/2` is a ring in the plane.
#[test]
fn components_are_those_of_the_geometry() {
    for inputs in [2, 3] {
        let wall = |inputs: usize| {
            let mut weight = vec![0.0; inputs * 2];
            (weight[0], weight[1]) = (1.0, -1.0);
            rectified(&[(weight, vec![0.0; 2]), (vec![1.0; 2], vec![0.0])], inputs)
        };
        let ring = |inputs: usize| {
            let mut weight = vec![0.0; inputs * 4];
            (weight[0], weight[1]) = (1.0, -1.0);
            (weight[4 + 2], weight[4 + 3]) = (1.0, -1.0);
            rectified(&[(weight, vec![0.0; 4]), (vec![1.0; 4], vec![0.0])], inputs)
        };
        let mut cases = vec![(wall(inputs), 2)];
        if inputs == 2 {
            cases.push((ring(inputs), 1));
        }
        for (network, components) in cases {
            let goals = [Goal::one(Polyhedron::point(&[0.5]))];
            let options = Options { count: 8, separation: 0.2, ..options(1) };
            let result = &run(&network, &unit_box(inputs), &goals, &options)[0];
            assert_eq!(result.answers.len(), 8);
            for a in &result.answers {
                eprintln!("{:?} {}", a.x, a.component);
            }
            assert_eq!(result.components, components, "{inputs} inputs");
            for a in &result.answers {
                for b in &result.answers {
                    let together = components == 1 || (a.x[0] > 0.0) == (b.x[0] > 0.0);
                    assert_eq!(a.component == b.component, together);
                }
            }
        }
    }
}
