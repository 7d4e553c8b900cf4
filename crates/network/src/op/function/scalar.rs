//! The formulas of the table that are longer than a line, each stable over all of its domain.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};

/// 1 / (1 + e⁻ˣ) without overflow.
pub(super) fn sigmoid(x: f64) -> f64 {
    let e = (-x.abs()).exp();
    if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) }
}

/// log(y / (1 − y)), to the last digits everywhere: near ½, where the logarithms cancel, by atanh.
pub(super) fn logit(y: f64) -> f64 {
    if (0.25..=0.75).contains(&y) { 2.0 * (2.0 * y - 1.0).atanh() } else { y.ln() - (-y).ln_1p() }
}

/// x ∞ has a limit that products such as ∞ · 0 do not give: 0 on the left, ∞ on the right.
fn gated(x: f64, gate: impl Fn(f64) -> f64) -> f64 {
    if x.is_infinite() { x.max(0.0) } else { x * gate(x) }
}

/// x σ(βx)
pub(super) fn silu(beta: f64, x: f64) -> f64 {
    gated(x, |x| sigmoid(beta * x))
}

/// σ(βx) (1 + βx σ(−βx))
pub(super) fn silu_slope(beta: f64, x: f64) -> f64 {
    let t = beta * x;
    if t.abs() > 800.0 { f64::from(t > 0.0) } else { sigmoid(t) * (1.0 + t * sigmoid(-t)) }
}

/// tanh(log(1 + eˣ)) = e (e + 2) / (e (e + 2) + 2) with e = eˣ, and 1 minus it.
fn mish_gate(x: f64) -> (f64, f64) {
    if x > 300.0 {
        return (1.0, 0.0);
    }
    let e = x.exp();
    let product = e * (e + 2.0);
    (product / (product + 2.0), 2.0 / (product + 2.0))
}

/// x tanh(log(1 + eˣ))
pub(super) fn mish(x: f64) -> f64 {
    gated(x, |x| mish_gate(x).0)
}

/// w + x (1 − w²) σ(x) with w = tanh(log(1 + eˣ))
pub(super) fn mish_slope(x: f64) -> f64 {
    let (gate, rest) = mish_gate(x);
    if rest == 0.0 || x < -800.0 { gate } else { gate + x * rest * (1.0 + gate) * sigmoid(x) }
}

/// Φ(x), the normal distribution.
fn normal(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

/// x Φ(x)
pub(super) fn gelu(x: f64) -> f64 {
    gated(x, normal)
}

/// Φ(x) + x φ(x)
pub(super) fn gelu_slope(x: f64) -> f64 {
    let density = 0.5 * FRAC_2_SQRT_PI * FRAC_1_SQRT_2 * (-0.5 * x * x).exp();
    if density == 0.0 { f64::from(x > 0.0) } else { normal(x) + x * density }
}

/// √(8/π) = 2 √(2/π)
const TWICE_ROOT: f64 = FRAC_2_SQRT_PI * std::f64::consts::SQRT_2;
const CUBIC: f64 = 0.044_715;

/// ½ (1 + tanh u) = σ(2u) with u = √(2/π) (x + 0.044715 x³)
pub(super) fn gelu_tanh(x: f64) -> f64 {
    gated(x, |x| sigmoid(TWICE_ROOT * x * (1.0 + CUBIC * x * x)))
}

/// σ(2u) + x σ(2u) σ(−2u) 2u′
pub(super) fn gelu_tanh_slope(x: f64) -> f64 {
    if x.abs() > 40.0 {
        return f64::from(x > 0.0);
    }
    let twice = TWICE_ROOT * x * (1.0 + CUBIC * x * x);
    let growth = TWICE_ROOT * (1.0 + 3.0 * CUBIC * x * x);
    sigmoid(twice) * (1.0 + x * sigmoid(-twice) * growth)
}

/// 2/√π e^(−x²)
pub(super) fn erf_slope(x: f64) -> f64 {
    FRAC_2_SQRT_PI * (-x * x).exp()
}

/// The x with erf x = y for |y| < 1: bisection to a bracket of neighbours' size, then Newton's steps, on erfc where erf
/// has no digits left.
pub(super) fn erf_inverse(y: f64) -> f64 {
    let target = y.abs();
    // erf x − target, from the side that keeps its digits: 1 − target is exact for target ≥ ½.
    let excess = |x: f64| if target < 0.5 { libm::erf(x) - target } else { (1.0 - target) - libm::erfc(x) };
    let (mut low, mut high) = (0.0, 6.0);
    for _ in 0..40 {
        let middle = 0.5 * (low + high);
        if excess(middle) < 0.0 { low = middle } else { high = middle }
    }
    let mut x = 0.5 * (low + high);
    for _ in 0..3 {
        let slope = erf_slope(x);
        if slope > 0.0 {
            x -= excess(x) / slope;
        }
    }
    x.copysign(y)
}

/// x (x + 3) / 6 between −3 and 3, 0 below, x above.
pub(super) fn hard_swish(x: f64) -> f64 {
    if x <= -3.0 {
        0.0
    } else if x >= 3.0 {
        x
    } else {
        x * (x + 3.0) / 6.0
    }
}

pub(super) fn hard_swish_slope(x: f64) -> f64 {
    if x < -3.0 {
        0.0
    } else if x <= 3.0 {
        (2.0 * x + 3.0) / 6.0
    } else {
        1.0
    }
}

/// xᵖ, by multiplication where that is few roundings.
pub(super) fn power(p: f64, x: f64) -> f64 {
    if p.fract() == 0.0 && p.abs() <= 8.0 { x.powi(p as i32) } else { x.powf(p) }
}

/// p xᵖ⁻¹
pub(super) fn power_slope(p: f64, x: f64) -> f64 {
    p * power(p - 1.0, x)
}

/// The x with xᵖ = y: for an odd p of either sign, for any other p positive.
pub(super) fn power_inverse(p: f64, y: f64) -> f64 {
    y.abs().powf(1.0 / p).copysign(y)
}
