//! Collisions of piecewise-linear networks, without rounding.
//!
//! Near two points, each in its linear piece, f(x) = f(x′) is a linear system with rational coefficients. Its solution next
//! to the two points is taken, and f is evaluated at both in rational arithmetic: whatever floating point did before, equal
//! rationals prove the collision.

use dashu_int::{IBig, UBig};
use dashu_ratio::RBig;
use netinverse_bounds::Bounder;

use crate::Region;

/// Two inputs with one output, as rationals.
#[derive(Debug, Clone)]
pub(crate) struct ExactPair {
    pub(crate) x1: Vec<RBig>,
    pub(crate) x2: Vec<RBig>,
}

/// The most unknowns of a system that is solved exactly.
const MAX_UNKNOWNS: usize = 48;

/// A collision next to two points; `None` where there is none, or the network is not one to compute with exactly.
///
/// The first point is kept where the second alone has enough freedom.
pub(crate) fn exact_pair(bounder: &Bounder, x1: &[f64], x2: &[f64], region: &Region) -> Option<ExactPair> {
    let free = region.free();
    if !bounder.is_exact() || 2 * free.len() > MAX_UNKNOWNS {
        return None;
    }
    let (mut p1, mut p2) = (rationals(x1), rationals(x2));
    for _ in 0..4 {
        let (f1, f2) = (piece(bounder, &p1, true)?, piece(bounder, &p2, true)?);
        if f1.value == f2.value {
            let apart = p1 != p2;
            return (apart && inside(&p1, region) && inside(&p2, region))
                .then_some(ExactPair { x1: p1, x2: p2 });
        }
        let (n, m) = (p1.len(), f1.value.len());
        // C₂ δ₂ − C₁ δ₁ = f₁ − f₂, the second point's unknowns first.
        let k = free.len();
        let mut rows: Vec<Vec<RBig>> = (0..m)
            .map(|j| {
                let second = free.iter().map(|&i| f2.jacobian[j * n + i].clone());
                let first = free.iter().map(|&i| -f1.jacobian[j * n + i].clone());
                second.chain(first).chain(std::iter::once(&f1.value[j] - &f2.value[j])).collect()
            })
            .collect();
        // Unknowns on the edge of the box can move one way only: they come last.
        let edge = |x: &RBig, i: usize| *x == rational(region.lower[i]) || *x == rational(region.upper[i]);
        let rank_of = |column: usize| {
            let i = free[column % k];
            let on_edge = edge(if column < k { &p2[i] } else { &p1[i] }, i);
            2 * usize::from(column >= k) + usize::from(on_edge)
        };
        let classes: Vec<usize> = (0..2 * k).map(rank_of).collect();
        let solution = solve(&mut rows, 2 * k, &classes)?;
        for (column, delta) in solution.into_iter().enumerate() {
            let at = if column < k { &mut p2[free[column]] } else { &mut p1[free[column - k]] };
            *at = &*at + &delta;
        }
        let (v1, v2) = (piece(bounder, &p1, false)?, piece(bounder, &p2, false)?);
        if v1.value == v2.value {
            let apart = p1 != p2;
            return (apart && inside(&p1, region) && inside(&p2, region))
                .then_some(ExactPair { x1: p1, x2: p2 });
        }
        // The solution left a piece: again from the doubles next to it.
        (p1, p2) = (rationals(&doubles(&p1)), rationals(&doubles(&p2)));
    }
    None
}

/// Solves by elimination; unknowns that are not pivots are 0. `None` if there is no solution.
fn solve(rows: &mut [Vec<RBig>], columns: usize, classes: &[usize]) -> Option<Vec<RBig>> {
    let m = rows.len();
    let mut pivots = Vec::new();
    let size = |value: &RBig| value.to_f64().value().abs();
    for step in 0..m {
        let mut best: Option<(usize, f64, usize, usize)> = None;
        for (row, entries) in rows.iter().enumerate().skip(step) {
            for column in 0..columns {
                if !entries[column].is_zero() {
                    let own = (classes[column], size(&entries[column]), row, column);
                    let better = best.is_none_or(|best| own.0 < best.0 || own.0 == best.0 && own.1 > best.1);
                    if better {
                        best = Some(own);
                    }
                }
            }
        }
        let Some((_, _, row, column)) = best else {
            // Nothing left to solve with: the rest must hold by itself.
            if rows[step..].iter().any(|row| !row[columns].is_zero()) {
                return None;
            }
            break;
        };
        rows.swap(step, row);
        let pivot = rows[step][column].clone();
        for entry in &mut rows[step] {
            *entry = &*entry / &pivot;
        }
        let head = rows[step].clone();
        for (index, row) in rows.iter_mut().enumerate() {
            if index != step && !row[column].is_zero() {
                let factor = row[column].clone();
                for (entry, head) in row.iter_mut().zip(&head) {
                    if !head.is_zero() {
                        *entry = &*entry - &factor * head;
                    }
                }
            }
        }
        pivots.push(column);
    }
    let mut solution = vec![RBig::ZERO; columns];
    for (row, &column) in pivots.iter().enumerate() {
        solution[column].clone_from(&rows[row][columns]);
    }
    Some(solution)
}

fn inside(x: &[RBig], region: &Region) -> bool {
    let boxed =
        x.iter().enumerate().all(|(i, x)| rational(region.lower[i]) <= *x && *x <= rational(region.upper[i]));
    let near = region.ball.as_ref().is_none_or(|ball| {
        let square = x.iter().zip(&ball.centre).fold(RBig::ZERO, |sum, (x, &c)| {
            let d = x - rational(c);
            sum + &d * &d
        });
        let radius = rational(ball.radius);
        square <= &radius * &radius
    });
    boxed && near
}

fn piece(bounder: &Bounder, x: &[RBig], jacobian: bool) -> Option<netinverse_bounds::ExactPiece> {
    let mut denominator = UBig::ONE;
    for x in x {
        let own = x.denominator();
        // Doubles have powers of two, so the largest is a common multiple; in general the product of what is missing.
        if (&denominator % own) != UBig::ZERO {
            denominator = &denominator * own / gcd(&denominator, own);
        }
    }
    let numerators: Vec<IBig> =
        x.iter().map(|x| x.numerator() * IBig::from(&denominator / x.denominator())).collect();
    bounder.exact_piece(&numerators, &IBig::from(denominator), jacobian)
}

fn gcd(a: &UBig, b: &UBig) -> UBig {
    let (mut a, mut b) = (a.clone(), b.clone());
    while b != UBig::ZERO {
        let rest = &a % &b;
        (a, b) = (b, rest);
    }
    a
}

pub(crate) fn rational(value: f64) -> RBig {
    RBig::try_from(value).unwrap_or(RBig::ZERO)
}

fn rationals(x: &[f64]) -> Vec<RBig> {
    x.iter().map(|&x| rational(x)).collect()
}

/// The doubles next to rationals.
pub(crate) fn doubles(x: &[RBig]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64().value()).collect()
}
