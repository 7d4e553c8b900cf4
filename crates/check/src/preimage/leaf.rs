//! The claims of one leaf: in, out, or cut with forms and volumes.

use crate::kernel::{Claim, Prover, Rational, Row, of_box, rational, share, share_bound};
use crate::report::{Outcome, refuse};
use crate::search::{Attempt, Requirement, establish};

use super::format::{Cut, Kind, Leaf};

/// One open row of a cut leaf: the function below the row, and the one below its negation.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowForms<'a> {
    pub(super) row: u32,
    pub(super) lower: (&'a [f64], f64),
    pub(super) negated: (&'a [f64], f64),
}

/// The forms of a cut leaf, none where it has none; `Err` where there are not two for each row.
pub(super) fn forms(cut: &Cut, n: usize) -> Result<Vec<RowForms<'_>>, ()> {
    if cut.f.is_empty() {
        return Ok(Vec::new());
    }
    if cut.f.len() != cut.r.len() * 2 * (n + 1) {
        return Err(());
    }
    let pairs = cut.r.iter().zip(cut.f.chunks_exact(2 * (n + 1)));
    Ok(pairs
        .map(|(&row, own)| RowForms {
            row,
            lower: (&own[..n], own[n]),
            negated: (&own[n + 1..=2 * n], own[2 * n + 1]),
        })
        .collect())
}

/// The disjuncts of a cut leaf that are open.
pub(super) fn open_disjuncts(cut: &Cut, count: usize) -> Vec<u32> {
    if cut.d.is_empty() { (0..count as u32).collect() } else { cut.d.clone() }
}

pub(super) fn check(
    prover: &mut Prover,
    leaf: &Leaf,
    rows: &[Row],
    disjuncts: &[Vec<u32>],
    boxes: &mut u64,
) -> Result<(), Outcome> {
    let claim = |name: &str, reason: String| Err(refuse(leaf.line, name, reason));
    let row = |k: &u32| &rows[*k as usize];
    let fails = |k: &u32| vec![Claim::row(row(k), false)];
    let out = |d: &Vec<u32>| -> Requirement { d.iter().map(fails).collect() };
    let (name, requirements): (&str, Vec<Requirement>) = match &leaf.kind {
        Kind::Elsewhere => return Ok(()),
        Kind::In(v) => {
            let volume = of_box(&leaf.lower, &leaf.upper);
            if rational(v[0]) > volume || rational(v[1]) < volume {
                return claim(
                    "volume of a leaf",
                    format!("[{}, {}] does not hold that of its box", v[0], v[1]),
                );
            }
            let holds = |d: &Vec<u32>| d.iter().map(|k| Claim::row(row(k), true)).collect();
            ("in", vec![disjuncts.iter().map(holds).collect()])
        }
        Kind::Out(k) => {
            if k.is_some_and(|k| k as usize >= rows.len()) {
                return claim("out", "it names a row that does not exist".into());
            }
            ("out", disjuncts.iter().map(out).chain(k.as_ref().map(|k| vec![fails(k)])).collect())
        }
        Kind::Cut(cut) => {
            let n = leaf.lower.len();
            let exists = cut.r.iter().all(|&k| (k as usize) < rows.len())
                && cut.d.iter().all(|&d| (d as usize) < disjuncts.len())
                && cut.s.is_none_or(|s| (s as usize) < n);
            let Some(forms) = forms(cut, n).ok().filter(|_| exists) else {
                return claim("cut", "it names what does not exist, or has not two forms a row".into());
            };
            volumes(leaf, cut, &forms, rows, disjuncts)?;
            let open = open_disjuncts(cut, disjuncts.len());
            let closed = (0..disjuncts.len() as u32).filter(|d| !open.contains(d));
            let mut all: Vec<Requirement> = closed.map(|d| out(&disjuncts[d as usize])).collect();
            let mut settled: Vec<u32> =
                open.iter().flat_map(|&d| disjuncts[d as usize].iter().copied()).collect();
            settled.sort_unstable();
            settled.dedup();
            settled.retain(|k| !cut.r.contains(k));
            all.extend(settled.iter().map(|k| vec![vec![Claim::row(row(k), true)]]));
            for form in &forms {
                let (own, sides) = (row(&form.row), [(true, form.lower), (false, form.negated)]);
                all.extend(sides.map(|(holds, above)| {
                    vec![vec![Claim { row: own, holds, above: Some(above), strict: false }]]
                }));
            }
            ("cut", all)
        }
    };
    match establish(prover, &leaf.lower, &leaf.upper, &requirements, boxes) {
        Attempt::Proved => Ok(()),
        Attempt::False(x) => claim(name, format!("it is false at x = {x:?}")),
        Attempt::Open(worst) => claim(name, format!("it does not follow: the bound is {worst:e}")),
    }
}

/// The volumes of a cut leaf: of a disjunct at least 1 − Σ(1 − share) and at most the least share, of the union at least the
/// best disjunct's and at most the sum. Bounds of the shares first, the shares themselves where these leave doubt.
fn volumes(
    leaf: &Leaf,
    cut: &Cut,
    forms: &[RowForms],
    rows: &[Row],
    disjuncts: &[Vec<u32>],
) -> Result<(), Outcome> {
    let claim = |reason: String| Err(refuse(leaf.line, "volume of a leaf", reason));
    let [inner, outer] = cut.v;
    if !(0.0 <= inner && inner <= outer) {
        return claim(format!("[{inner}, {outer}] is no range"));
    }
    let whole = of_box(&leaf.lower, &leaf.upper);
    let at_least = |form: (&[f64], f64), exactly: bool| {
        let quick = || share_bound(form.0, form.1, &leaf.lower, &leaf.upper, false).map(rational);
        let known = if exactly { None } else { quick() };
        known.unwrap_or_else(|| share(form.0, form.1, &leaf.lower, &leaf.upper).0)
    };
    let flat = |form: (&[f64], f64)| {
        (0..leaf.lower.len()).all(|i| form.0[i] == 0.0 || leaf.lower[i] == leaf.upper[i])
    };
    let mut low = Rational::ZERO;
    for exactly in [false, true] {
        // Of a form that is the same throughout: 0 proves a strict row nowhere, and excludes nothing.
        let shares: Vec<(u32, Rational, Rational)> = forms
            .iter()
            .map(|f| {
                let nowhere = flat(f.lower) && rows[f.row as usize].strict;
                let inside = if nowhere { Rational::ZERO } else { at_least(f.lower, exactly) };
                let outside = if flat(f.negated) { Rational::ZERO } else { at_least(f.negated, exactly) };
                (f.row, inside, Rational::ONE - outside)
            })
            .collect();
        let mut high = Rational::ZERO;
        low = Rational::ZERO;
        for d in open_disjuncts(cut, disjuncts.len()) {
            let (mut own_low, mut own_high) = (Rational::ONE, Rational::ONE);
            for k in disjuncts[d as usize].iter().filter(|k| cut.r.contains(k)) {
                match shares.iter().find(|(row, ..)| row == k) {
                    Some((_, a, b)) => {
                        own_low -= Rational::ONE - a.clone();
                        own_high = own_high.min(b.clone());
                    }
                    // Without a form nothing is known of a row.
                    None => own_low = -Rational::ONE,
                }
            }
            low = low.max(own_low);
            high += own_high;
        }
        (low, high) = (low * whole.clone(), high.min(Rational::ONE) * whole.clone());
        if rational(inner) <= low && rational(outer) >= high {
            return Ok(());
        }
    }
    if rational(inner) > low {
        return claim(format!("its inner set is smaller than {inner}"));
    }
    claim(format!("its outer set may be larger than {outer}"))
}
