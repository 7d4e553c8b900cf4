//! Bounds of random networks over every operator contain what the networks give, and linear forms lie below.

use netinverse_base::Rng;
use netinverse_bounds::{Bounder, LinearForms, Method};
use netinverse_network::Evaluator;

#[path = "../../network/tests/common/generate.rs"]
#[allow(dead_code, unreachable_pub, reason = "shared with the tests of the network")]
mod generate;

#[test]
fn bounds_of_random_networks_contain_samples() {
    let mut bounded = [0; 3];
    for seed in 0..250 {
        let network = generate::network(seed);
        let (n, m) = (network.input_size(), network.output_size());
        let bounder = Bounder::new(&network).unwrap();
        let mut workspace = bounder.workspace();
        let evaluator = Evaluator::<f64>::new(&network);
        let mut rng = Rng::new(seed, 8);
        let radius = [1e-3, 0.1, 1.0][rng.below(3)];
        let centre: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let lower: Vec<f64> = centre.iter().map(|c| c - radius * rng.uniform()).collect();
        let upper: Vec<f64> = centre.iter().map(|c| c + radius).collect();
        let rows: Vec<f64> = (0..m).map(|_| rng.normal()).collect();
        for (which, method) in [Method::Intervals, Method::Linear, Method::Backward].into_iter().enumerate() {
            if !bounder.analyse(&lower, &upper, method, &mut workspace) {
                continue;
            }
            bounded[which] += 1;
            let (low, high) = bounder.output(&workspace);
            let (low, high) = (low.to_vec(), high.to_vec());
            let mut forms = LinearForms::default();
            bounder.lower_forms(&rows, &[0.25], &mut workspace, &mut forms);
            let (slopes, constant) = forms.form(0);
            let mut y = vec![0.0; m];
            for sample in 0..60 {
                // Corners too: that is where bounds are reached.
                let x: Vec<f64> = (0..n)
                    .map(|i| {
                        let t = if sample % 2 == 0 { rng.uniform() } else { rng.below(2) as f64 };
                        (lower[i] + t * (upper[i] - lower[i])).clamp(lower[i], upper[i])
                    })
                    .collect();
                evaluator.forward(&x, &mut y);
                for ((y, low), high) in y.iter().zip(&low).zip(&high) {
                    let slack = 1e-12 * (1.0 + y.abs());
                    assert!(
                        low - slack <= *y && *y <= high + slack,
                        "network {seed}, {method:?}: {y} is not in [{low}, {high}]"
                    );
                }
                let value: f64 = 0.25 + rows.iter().zip(&y).map(|(c, y)| c * y).sum::<f64>();
                let form: f64 = constant + slopes.iter().zip(&x).map(|(a, x)| a * x).sum::<f64>();
                let scale: f64 = rows.iter().zip(&y).map(|(c, y)| (c * y).abs()).sum();
                assert!(
                    form <= value + 1e-11 * (1.0 + scale),
                    "network {seed}, {method:?}: {form} > {value}"
                );
            }
        }
    }
    // Not by refusing everything.
    assert!(bounded.iter().all(|&count| count > 200), "{bounded:?}");
}
