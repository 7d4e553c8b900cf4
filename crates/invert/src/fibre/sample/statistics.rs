//! What chains of numbers say about how far they can be trusted.

/// The effective sample size of several chains of one length: the number of independent draws whose mean would be as
/// exact.
///
/// Autocorrelations combine all chains, so that chains which disagree count for little (Gelman et al., Bayesian Data
/// Analysis, 3rd ed., 11.5), and are summed by Geyer's initial monotone positive sequence (1992). At most the number of
/// draws.
pub fn effective_size(chains: &[Vec<f64>]) -> f64 {
    let (m, n) = (chains.len() as f64, chains.first().map_or(0, Vec::len));
    let total = m * n as f64;
    if n < 4 {
        return total.min(m);
    }
    let means: Vec<f64> = chains.iter().map(|c| mean(c)).collect();
    let covariance = |lag: usize| {
        let sum: f64 = chains
            .iter()
            .zip(&means)
            .map(|(c, mean)| c.iter().zip(&c[lag..]).map(|(a, b)| (a - mean) * (b - mean)).sum::<f64>())
            .sum();
        sum / (m * n as f64)
    };
    let within = covariance(0) * n as f64 / (n - 1) as f64;
    let pooled = within * (n - 1) as f64 / n as f64 + variance(&means);
    if pooled <= 0.0 {
        // Every draw is the same number.
        return total;
    }
    let correlation = |lag: usize| 1.0 - (within - covariance(lag)) / pooled;
    let (mut sum, mut last) = (0.0, f64::INFINITY);
    for lag in (0..n - 1).step_by(2) {
        let first = if lag == 0 { 1.0 } else { correlation(lag) };
        let pair = (first + correlation(lag + 1)).min(last);
        if pair <= 0.0 {
            break;
        }
        (sum, last) = (sum + pair, pair);
    }
    (total / (2.0 * sum - 1.0).max(1.0)).min(total)
}

/// Gelman and Rubin's R̂ of chains of one length, each split in two: 1 when they agree, more when they do not.
pub fn r_hat(chains: &[Vec<f64>]) -> f64 {
    let half = chains.first().map_or(0, |c| c.len() / 2);
    if half < 2 {
        return f64::INFINITY;
    }
    let parts: Vec<&[f64]> = chains.iter().flat_map(|c| [&c[..half], &c[c.len() - half..]]).collect();
    let within = parts.iter().map(|p| variance(p)).sum::<f64>() / parts.len() as f64;
    let between = variance(&parts.iter().map(|p| mean(p)).collect::<Vec<_>>());
    if between == 0.0 {
        return 1.0;
    }
    (((half - 1) as f64 / half as f64 * within + between) / within).sqrt()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The unbiased variance, 0 of a single number.
fn variance(values: &[f64]) -> f64 {
    let mean = mean(values);
    values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (values.len().max(2) - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use netinverse_base::Rng;

    /// Chains of `x ← φx + noise`, stationary from the start.
    fn autoregressive(phi: f64, shift: f64) -> Vec<Vec<f64>> {
        (0..4u64)
            .map(|stream| {
                let mut rng = Rng::new(3, stream);
                let mut x = rng.normal() / (1.0 - phi * phi).sqrt();
                (0..20_000)
                    .map(|_| {
                        x = phi * x + rng.normal();
                        x + shift * stream as f64
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn the_effective_size_is_that_of_an_autoregression() {
        for phi in [0.0, 0.5, 0.9] {
            let expected = 80_000.0 * (1.0 - phi) / (1.0 + phi);
            let chains = autoregressive(phi, 0.0);
            assert!((effective_size(&chains) / expected - 1.0).abs() < 0.15, "{}", effective_size(&chains));
            assert!(r_hat(&chains) < 1.01);
        }
        let apart = autoregressive(0.0, 10.0);
        assert!(effective_size(&apart) < 10.0 && r_hat(&apart) > 5.0);
    }
}
