//! Walking straight lines through the box, piece by piece: where the Jacobian loses rank, and where it turns over.

use netinverse_base::Rng;
use netinverse_bounds::Bounder;
use netinverse_linalg::{Lu, Matrix, Precision, Svd};
use netinverse_network::Evaluator;

use crate::Region;

/// A place where two inputs with one output are near.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    /// The Jacobian at x has this null vector.
    Flat { x: Vec<f64>, along: Vec<f64> },
    /// Between two points the sign of the determinant changes.
    Turn { before: Vec<f64>, after: Vec<f64> },
}

/// The Jacobian at a point, restricted to the free inputs: what it says.
pub(crate) struct Local {
    /// The sign of the determinant where it is square and regular.
    pub(crate) sign: i8,
    /// A null vector over all inputs, where the rank is short.
    pub(crate) null: Option<Vec<f64>>,
}

/// Looks at a point.
pub(crate) fn local(evaluator: &Evaluator<f64>, x: &[f64], free: &[usize]) -> Local {
    let (n, m, k) = (x.len(), evaluator.output_size(), free.len());
    let (mut y, mut jacobian) = (vec![0.0; m], vec![0.0; m * n]);
    evaluator.jacobian(x, &mut y, &mut jacobian);
    let matrix = Matrix::from_fn(m, k, |j, c| jacobian[j * n + free[c]]);
    let svd = Svd::new(&matrix);
    let rank = svd.rank(Precision::F64);
    let null = (rank < k).then(|| {
        // The last right singular vector; of a wide matrix, which has none, any vector less its part in the row space.
        let mut inside: Vec<f64> = match svd.v.columns() {
            columns if columns == k => (0..k).map(|c| svd.v.row(c)[k - 1]).collect(),
            _ => (0..k).map(|c| (1.0 + 7.0 * c as f64).sin()).collect(),
        };
        let seen = svd.v.apply_left(&inside);
        if svd.v.columns() < k {
            for (c, v) in inside.iter_mut().enumerate() {
                *v -= seen.iter().zip(svd.v.row(c)).map(|(s, v)| s * v).sum::<f64>();
            }
        }
        let length = inside.iter().map(|v| v * v).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let mut along = vec![0.0; n];
        for (v, &i) in inside.iter().zip(free) {
            along[i] = v / length;
        }
        along
    });
    let sign = if m == k && rank == k { Lu::new(&matrix).determinant().0 } else { 0 };
    Local { sign, null }
}

/// Walks chords of the box and reports what is found, until `visit` says to stop or the work is done.
pub(crate) fn walk(
    bounder: &Bounder,
    evaluator: &Evaluator<f64>,
    region: &Region,
    chords: usize,
    pieces: usize,
    rng: &mut Rng,
    visit: &mut dyn FnMut(Place) -> bool,
) {
    let free = region.free();
    let mut left = pieces;
    for chord in 0..chords {
        let (start, end) = ends(region, &free, chord, rng);
        let at = |t: f64| -> Vec<f64> { start.iter().zip(&end).map(|(a, b)| a + t * (b - a)).collect() };
        let direction: Vec<f64> = start.iter().zip(&end).map(|(a, b)| b - a).collect();
        let mut before: Option<(Vec<f64>, i8)> = None;
        let mut t = 0.0;
        while t < 1.0 && left > 0 {
            left -= 1;
            // A piece that is thinner than this is passed over.
            let inside = at(t + 1e-9);
            let Some(length) = bounder.piece_end(&inside, &direction) else {
                // Not piecewise linear: even steps.
                sample(evaluator, &at, &free, &mut before, visit);
                break;
            };
            let next = (t + 1e-9 + length).min(1.0);
            let x = at(0.5 * (t + next));
            let here = local(evaluator, &x, &free);
            if let Some(along) = here.null
                && !visit(Place::Flat { x: x.clone(), along })
            {
                return;
            }
            if here.sign != 0 {
                if let Some((earlier, sign)) = &before
                    && *sign != here.sign
                    && !visit(Place::Turn { before: earlier.clone(), after: x.clone() })
                {
                    return;
                }
                before = Some((x, here.sign));
            }
            t = next + 1e-9;
        }
        if left == 0 {
            return;
        }
    }
}

fn sample(
    evaluator: &Evaluator<f64>,
    at: &dyn Fn(f64) -> Vec<f64>,
    free: &[usize],
    before: &mut Option<(Vec<f64>, i8)>,
    visit: &mut dyn FnMut(Place) -> bool,
) {
    const STEPS: usize = 24;
    for step in 0..=STEPS {
        let x = at(step as f64 / STEPS as f64);
        let here = local(evaluator, &x, free);
        if let Some(along) = here.null
            && !visit(Place::Flat { x: x.clone(), along })
        {
            return;
        }
        if here.sign != 0 {
            if let Some((earlier, sign)) = before
                && *sign != here.sign
                && !visit(Place::Turn { before: earlier.clone(), after: x.clone() })
            {
                return;
            }
            *before = Some((x, here.sign));
        }
    }
}

/// Two ends of a chord: corners and faces early on, then random points pushed out to the edge.
fn ends(region: &Region, free: &[usize], chord: usize, rng: &mut Rng) -> (Vec<f64>, Vec<f64>) {
    let mut draw = |corner: bool| -> Vec<f64> {
        let mut x = region.centre();
        for &i in free {
            let u = if corner { f64::from(u8::from(rng.uniform() < 0.5)) } else { rng.uniform() };
            x[i] = region.lower[i] + u * (region.upper[i] - region.lower[i]);
        }
        x
    };
    if chord.is_multiple_of(4) {
        let a = draw(true);
        let mut b = a.clone();
        for &i in free {
            b[i] = region.lower[i] + (region.upper[i] - a[i]);
        }
        return shrink(region, a, b);
    }
    let (a, b) = (draw(false), draw(false));
    // Beyond both, to the edge of the box.
    let stretch = |from: &[f64], to: &[f64]| -> Vec<f64> {
        let mut t = f64::INFINITY;
        for &i in free {
            let d = to[i] - from[i];
            let limit = if d > 0.0 { region.upper[i] } else { region.lower[i] };
            if d != 0.0 {
                t = t.min((limit - from[i]) / d);
            }
        }
        let t = if t.is_finite() { t.max(1.0) } else { 1.0 };
        from.iter().zip(to).map(|(a, b)| a + t * (b - a)).collect()
    };
    let (start, end) = (stretch(&b, &a), stretch(&a, &b));
    shrink(region, start, end)
}

fn shrink(region: &Region, mut a: Vec<f64>, mut b: Vec<f64>) -> (Vec<f64>, Vec<f64>) {
    region.clip(&mut a);
    region.clip(&mut b);
    (a, b)
}
