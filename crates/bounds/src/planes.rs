//! Planes around what reads several elements: maxima, products, softmax.
//!
//! Every output element h of the inputs z lies between `a·z + b` and `a′·z + b′` while z stays in its box.

use netinverse_linalg::Interval;
use netinverse_linalg::interval::{add_down, add_up, mul_down, mul_up};
use netinverse_network::{Function, enclose};

use crate::forward::{BoxRadius, concretise, summarise};
use crate::map::padded;
use crate::program::{Kind, Program, Step};
use crate::rounding::{TINY, gamma};
use crate::workspace::ValueBounds;

/// Lower and upper planes of every output element.
#[derive(Debug, Clone)]
pub(crate) struct Planes {
    pub(crate) lower: Side,
    pub(crate) upper: Side,
}

/// One plane an output element: entries `(input, element, slope)` row by row, and the constants.
#[derive(Debug, Default, Clone)]
pub(crate) struct Side {
    pub(crate) starts: Vec<usize>,
    pub(crate) entries: Vec<Entry>,
    pub(crate) constants: Vec<f64>,
}

/// `slope` times an element of one of the step's inputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) input: u8,
    pub(crate) element: u32,
    pub(crate) slope: f64,
}

impl Side {
    fn new() -> Self {
        Side { starts: vec![0], ..Side::default() }
    }

    fn push(&mut self, entries: impl IntoIterator<Item = Entry>, constant: f64) {
        self.entries.extend(entries.into_iter().filter(|entry| entry.slope != 0.0));
        self.starts.push(self.entries.len());
        self.constants.push(constant);
    }

    pub(crate) fn row(&self, j: usize) -> (&[Entry], f64) {
        (&self.entries[self.starts[j]..self.starts[j + 1]], self.constants[j])
    }
}

/// The planes of a step, and the intervals of its output; `None` where no bound is known.
pub(crate) fn around(
    kind: &Kind,
    ids: &[usize],
    inputs: &[&ValueBounds],
    program: &Program,
    output: &mut ValueBounds,
) -> Option<Planes> {
    let mut planes = Planes { lower: Side::new(), upper: Side::new() };
    match kind {
        Kind::Maximum { starts, sources } => {
            for j in 0..starts.len() - 1 {
                let taps = &sources[starts[j]..starts[j + 1]];
                maximum(taps, inputs[0], &mut planes, &mut output.lower[j], &mut output.upper[j]);
            }
        }
        Kind::Product => {
            let square = ids[0] == ids[1];
            for j in 0..program.sizes[ids[0]] {
                let x = Interval::new(inputs[0].lower[j], inputs[0].upper[j]);
                let y = Interval::new(inputs[1].lower[j], inputs[1].upper[j]);
                let value =
                    if square { self::square(j, x, &mut planes) } else { product(j, x, y, &mut planes) };
                (output.lower[j], output.upper[j]) = (value.lo(), value.hi());
            }
        }
        Kind::Softmax { size, stride } => {
            softmax(*size, *stride, program.sizes[ids[0]], inputs[0], &mut planes, output)?;
        }
        Kind::Linear { .. } | Kind::Function(_) => unreachable!("these have bounds of their own"),
    }
    Some(planes)
}

/// max ≥ the element with the highest lower bound; max ≤ the element that is above all others, where there is one, else
/// a convex combination's chord is not needed: the highest upper bound.
fn maximum(taps: &[u32], input: &ValueBounds, planes: &mut Planes, lower: &mut f64, upper: &mut f64) {
    let by = |ends: &[f64]| {
        taps.iter().copied().max_by(|&a, &b| ends[a as usize].total_cmp(&ends[b as usize])).unwrap_or(0)
    };
    let (best, highest) = (by(&input.lower), by(&input.upper));
    *lower = input.lower[best as usize];
    *upper = input.upper[highest as usize];
    planes.lower.push([Entry { input: 0, element: best, slope: 1.0 }], 0.0);
    let others = taps.iter().filter(|&&tap| tap != best);
    let second = others.map(|&tap| input.upper[tap as usize]).fold(f64::NEG_INFINITY, f64::max);
    let (l, u) = (input.lower[best as usize], input.upper[best as usize]);
    if l >= second {
        planes.upper.push([Entry { input: 0, element: best, slope: 1.0 }], 0.0);
    } else if u > second && l < second {
        // max(z, rest) ≤ max(z, s) for s the highest of the rest: the chord of z ↦ max(z, s) on [l, u].
        let slope = (u - second) / (u - l);
        let at = |z: f64, value: f64| add_up(value, -mul_down(slope, z));
        planes.upper.push([Entry { input: 0, element: best, slope }], at(l, second).max(at(u, u)));
    } else {
        planes.upper.push([], *upper);
    }
}

/// McCormick's planes: `x y ≥ y_l x + x_l y − x_l y_l` and `≥ y_u x + x_u y − x_u y_u`, `x y ≤ y_u x + x_l y − x_l y_u` and
/// `≤ y_l x + x_u y − x_u y_l`; of each pair the one that is nearer in the middle.
fn product(j: usize, x: Interval, y: Interval, planes: &mut Planes) -> Interval {
    let (xm, ym) = (x.lo().midpoint(x.hi()), y.lo().midpoint(y.hi()));
    let plane = |a: f64, b: f64| {
        // (x − b)(y − a) has one sign on the box: x y ≷ a x + b y − a b.
        let entries = [(0, a), (1, b)].map(|(input, slope)| Entry { input, element: j as u32, slope });
        (entries, a * xm + b * ym - a * b)
    };
    let (low, high) = (plane(y.lo(), x.lo()), plane(y.hi(), x.hi()));
    let (entries, corner) =
        if low.1 >= high.1 { (low.0, (x.lo(), y.lo())) } else { (high.0, (x.hi(), y.hi())) };
    planes.lower.push(entries, -mul_up(corner.0, corner.1));
    let (low, high) = (plane(y.hi(), x.lo()), plane(y.lo(), x.hi()));
    let (entries, corner) =
        if low.1 <= high.1 { (low.0, (x.lo(), y.hi())) } else { (high.0, (x.hi(), y.lo())) };
    planes.upper.push(entries, -mul_down(corner.0, corner.1));
    x * y
}

/// z² lies above its tangents and below its chord: z² ≥ 2 t z − t², z² ≤ (l + u) z − l u.
fn square(j: usize, z: Interval, planes: &mut Planes) -> Interval {
    let (l, u) = (z.lo(), z.hi());
    let entry = |slope| [Entry { input: 0, element: j as u32, slope }];
    let t = l.midpoint(u);
    // 2 t is exact.
    planes.lower.push(entry(2.0 * t), -mul_up(t, t));
    let slope = l + u;
    // The rounded chord: raised until it is above at both ends, hence everywhere between.
    let at = |z: f64| add_up(mul_up(z, z), -mul_down(slope, z));
    planes.upper.push(entry(slope), at(l).max(at(u)));
    let nearest = if z.contains(0.0) { 0.0 } else { l.abs().min(u.abs()) };
    let farthest = z.magnitude();
    Interval::new(mul_down(nearest, nearest).max(0.0), mul_up(farthest, farthest))
}

/// Softmax by the mean value theorem: `y(z) = y(c) + J(ξ)(z − c)` with J enclosed on the box, `∂yᵢ/∂zⱼ = yᵢ (δᵢⱼ − yⱼ)`. The
/// slopes are the enclosure's centres; what they miss is at most Σ radⱼ |zⱼ − cⱼ|. Where intervals are better, they are
/// taken instead.
fn softmax(
    size: usize,
    stride: usize,
    total: usize,
    input: &ValueBounds,
    planes: &mut Planes,
    output: &mut ValueBounds,
) -> Option<()> {
    let z: Vec<Interval> = (0..total).map(|i| Interval::new(input.lower[i], input.upper[i])).collect();
    let centres: Vec<Interval> = z.iter().map(|z| Interval::point(z.lo().midpoint(z.hi()))).collect();
    let share = |z: &[Interval], i: usize| -> Option<Interval> {
        let first = i - i / stride % size * stride;
        let mut sum = Interval::point(1.0);
        for j in (0..size).map(|j| first + j * stride).filter(|&j| j != i) {
            sum = sum + enclose::function(Function::Exp, z[j] - z[i])?;
        }
        let share = Interval::point(1.0).divided_by(sum);
        Some(Interval::new(share.lo().max(0.0), share.hi().min(1.0)))
    };
    let shares: Vec<Interval> = (0..total).map(|i| share(&z, i)).collect::<Option<_>>()?;
    for i in 0..total {
        let first = i - i / stride % size * stride;
        let at_centre = share(&centres, i)?;
        let (mut entries, mut missed) = (Vec::with_capacity(size), 0.0);
        let (mut low, mut high) = (at_centre.lo(), at_centre.hi());
        for j in (0..size).map(|j| first + j * stride) {
            let own = Interval::point(f64::from(u8::from(i == j)));
            let derivative = shares[i] * (own - shares[j]);
            let slope = derivative.lo().midpoint(derivative.hi());
            let off = (derivative.hi() - slope).max(slope - derivative.lo()).next_up();
            let (c, reach) =
                (centres[j].lo(), (z[j].hi() - centres[j].lo()).max(centres[j].lo() - z[j].lo()));
            missed = add_up(missed, mul_up(off, reach.next_up()));
            low = add_down(low, -mul_up(slope, c));
            high = add_up(high, -mul_down(slope, c));
            entries.push(Entry { input: 0, element: j as u32, slope });
        }
        let interval = shares[i];
        (output.lower[i], output.upper[i]) = (interval.lo(), interval.hi());
        // The plane's average over the box is its value at the centre: where that is no better than the interval, the
        // interval is taken.
        if at_centre.lo() - missed > interval.lo() {
            planes.lower.push(entries.iter().copied(), add_down(low, -missed));
        } else {
            planes.lower.push([], interval.lo());
        }
        if at_centre.hi() + missed < interval.hi() {
            planes.upper.push(entries, add_up(high, missed));
        } else {
            planes.upper.push([], interval.hi());
        }
    }
    Some(())
}

impl Planes {
    /// Forms, intervals and rounding scales of the output.
    pub(crate) fn forward(
        &self,
        program: &Program,
        step: &Step,
        width: usize,
        stride: usize,
        box_radius: BoxRadius,
        inputs: &[&ValueBounds],
        output: &mut ValueBounds,
        scale: &mut [f64],
    ) {
        let size = self.lower.constants.len();
        let strides: Vec<usize> = inputs.iter().map(|input| input.lower.len()).collect();
        let longest = self.lower.starts.windows(2).chain(self.upper.starts.windows(2)).map(|w| w[1] - w[0]);
        let terms = longest.max().unwrap_or(0);
        let unit = gamma(4 * terms + step.back_terms + 8);
        output.affine = false;
        debug_assert_eq!(stride, padded(size));
        for j in 0..size {
            let mut largest = 0.0f64;
            for side in [&self.lower, &self.upper] {
                let (entries, constant) = side.row(j);
                let total = entries.iter().fold(constant.abs(), |total, entry| {
                    let input = inputs[entry.input as usize];
                    let i = entry.element as usize;
                    total + entry.slope.abs() * input.lower[i].abs().max(input.upper[i].abs())
                });
                largest = largest.max(total);
            }
            scale[j] = unit * largest * (1.0 + 1e-9) + TINY;
            if width == 0 {
                continue;
            }
            let mut error = 0.0f64;
            for k in 0..width {
                let mut sides = [0.0; 2];
                for (value, (side, up)) in sides.iter_mut().zip([(&self.lower, false), (&self.upper, true)]) {
                    let (entries, constant) = side.row(j);
                    *value = if k + 1 == width { constant } else { 0.0 };
                    for entry in entries {
                        let input = inputs[entry.input as usize];
                        let at = k * strides[entry.input as usize] + entry.element as usize;
                        let slack = if input.affine { 0.0 } else { input.absolute[at] };
                        let lean = if (entry.slope > 0.0) == up { slack } else { -slack };
                        *value += entry.slope * (input.signed[at] + lean);
                    }
                }
                output.signed[k * stride + j] = 0.5 * (sides[1] + sides[0]);
                output.absolute[k * stride + j] = 0.5 * (sides[1] - sides[0]);
            }
            for side in [&self.lower, &self.upper] {
                let (entries, constant) = side.row(j);
                let own = entries.iter().fold(unit * constant.abs(), |total, entry| {
                    let input = inputs[entry.input as usize];
                    let at = width * strides[entry.input as usize] + entry.element as usize;
                    // The input's error holds γ (‖M‖ + ‖R‖) for sums of the program's longest length; these sums may be longer.
                    let longer = 1.0 + (4 * terms + 16) as f64;
                    total + entry.slope.abs() * input.absolute[at] * longer
                });
                error = error.max(own);
            }
            output.absolute[width * stride + j] = error * (1.0 + 1e-9) + box_radius.underflow;
        }
        let ValueBounds { lower, upper, signed, absolute, .. } = output;
        if width > 0 {
            let (slack, rest) = absolute.split_at_mut(width * stride);
            let rounding = gamma(program.longest + width + 16);
            let errors = &mut rest[..stride];
            concretise(
                &signed[..width * stride],
                slack,
                errors,
                width,
                stride,
                box_radius,
                rounding,
                lower,
                upper,
            );
        }
        let (half_widths, magnitudes) = absolute[(width + 1) * stride..].split_at_mut(stride);
        summarise(&mut signed[width * stride..], half_widths, magnitudes, lower, upper);
    }
}
