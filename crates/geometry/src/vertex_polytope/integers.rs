//! Integer linear algebra without fractions, for the decisions that floating point leaves open.

use dashu_int::IBig;

/// A finite double as `mantissa · 2^exponent`.
fn decode(value: f64) -> (i64, i64) {
    let bits = value.to_bits();
    let (biased, fraction) = ((bits >> 52 & 0x7ff) as i64, (bits & ((1 << 52) - 1)) as i64);
    let (mantissa, exponent) =
        if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    let zeros = if mantissa == 0 { 0 } else { mantissa.trailing_zeros() };
    let odd = mantissa >> zeros;
    (if value < 0.0 { -odd } else { odd }, exponent + i64::from(zeros))
}

/// Finite doubles times one power of two, as integers.
pub(super) fn integers(values: &[f64]) -> Vec<IBig> {
    let parts: Vec<(i64, i64)> = values.iter().map(|&value| decode(value)).collect();
    let least = parts.iter().filter(|part| part.0 != 0).map(|part| part.1).min().unwrap_or(0);
    parts
        .into_iter()
        .map(
            |(mantissa, exponent)| {
                if mantissa == 0 { IBig::ZERO } else { IBig::from(mantissa) << (exponent - least) as usize }
            },
        )
        .collect()
}

/// The solution of `Σ_j a_ij x_j + b_i = 0` for n rows (a, b) of n + 1 integers: numerators and their common positive
/// denominator. `None` if the rows are dependent (Bareiss).
pub(super) fn solve(mut rows: Vec<Vec<IBig>>) -> Option<(Vec<IBig>, IBig)> {
    let n = rows.len();
    let mut last = IBig::ONE;
    for k in 0..n {
        let pivot = (k..n).find(|&i| rows[i][k] != IBig::ZERO)?;
        rows.swap(k, pivot);
        let own = std::mem::take(&mut rows[k]);
        for (i, row) in rows.iter_mut().enumerate().filter(|(i, _)| *i != k) {
            let factor = std::mem::take(&mut row[k]);
            for j in 0..=n {
                // Columns before k are those of a diagonal matrix.
                if j > k || j == i {
                    let mut value = &row[j] * &own[k];
                    if j > k && factor != IBig::ZERO && own[j] != IBig::ZERO {
                        value -= &factor * &own[j];
                    }
                    row[j] = value / &last;
                }
            }
        }
        last.clone_from(&own[k]);
        rows[k] = own;
    }
    // The diagonal is the determinant now, and the last column −x times it.
    let negative = last < IBig::ZERO;
    let numerators = rows
        .into_iter()
        .map(|mut row| {
            let value = std::mem::take(&mut row[n]);
            if negative { value } else { -value }
        })
        .collect();
    Some((numerators, if negative { -last } else { last }))
}

/// The indices of a largest set of independent rows, the first ones that do.
pub(super) fn independent(rows: &[Vec<IBig>], columns: usize) -> Vec<usize> {
    let mut reduced: Vec<(Vec<IBig>, usize)> = Vec::new();
    let mut kept = Vec::new();
    for (index, row) in rows.iter().enumerate() {
        if kept.len() == columns {
            break;
        }
        let mut row = row[..columns].to_vec();
        for (basis, lead) in &reduced {
            if row[*lead] != IBig::ZERO {
                let (own, factor) = (basis[*lead].clone(), row[*lead].clone());
                for (value, other) in row.iter_mut().zip(basis) {
                    *value = &*value * &own - &factor * other;
                }
            }
        }
        if let Some(lead) = row.iter().position(|value| *value != IBig::ZERO) {
            reduced.push((row, lead));
            kept.push(index);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_are_solved_without_rounding() {
        let rows = [[0.0, 2.0, -1.0], [0.5, 0.1, -1.0]];
        let (x, d) = solve(rows.iter().map(|row| integers(row)).collect()).unwrap();
        assert!(d > IBig::ZERO);
        for row in &rows {
            let row = integers(row);
            assert_eq!(&row[0] * &x[0] + &row[1] * &x[1] + &row[2] * &d, IBig::ZERO);
        }
        assert!(solve(vec![integers(&[1.0, 2.0, 3.0]), integers(&[0.1, 0.2, 0.3])]).is_none());
    }

    #[test]
    fn a_solution_of_many_rows_satisfies_each() {
        let value = |i: usize, j: usize| ((i * 7 + j * 13 + i * j * 5) % 17) as f64 / 8.0 - 1.0;
        let rows: Vec<Vec<IBig>> = (0..5)
            .map(|i| integers(&(0..6).map(|j| value(i, j) + f64::from(u8::from(i == j))).collect::<Vec<_>>()))
            .collect();
        let (x, d) = solve(rows.clone()).unwrap();
        for row in rows {
            let sum = row.iter().zip(x.iter().chain([&d])).fold(IBig::ZERO, |sum, (a, x)| sum + a * x);
            assert_eq!(sum, IBig::ZERO);
        }
    }

    #[test]
    fn dependent_rows_are_left_out() {
        let rows = [[1.0, 2.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.5], [1.0, 2.0, 0.5], [0.0, 1.0, 0.0]];
        let rows: Vec<Vec<IBig>> = rows.iter().map(|row| integers(row)).collect();
        assert_eq!(independent(&rows, 3), [0, 2, 4]);
    }
}
