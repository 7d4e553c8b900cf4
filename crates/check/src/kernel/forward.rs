//! Bounds of every value on a box: intervals, and linear forms carried forward from the input.
//!
//! On the box x = c + r·t, |t| ≤ 1, every element h is kept between `M(t) − R(t) − e` and `M(t) + R(t) + e`, M and R linear
//! forms as computed and e ≥ 0. A matrix W makes W M, |W| R and |W| e of them, in one product with W and one with |W|;
//! further rows of the same products carry the interval of every element (centre, half-width) and its magnitude.
//! A coefficient takes part in at most k roundings, k counted by the network ([`Network::roundings`]), so that a form is off
//! by at most γ_k Σ|wᵢ| ‖formᵢ‖, ‖·‖ the sum of the coefficients' magnitudes: the row e starts from e + γ (‖M‖ + ‖R‖).

use super::backward::least;
use super::ball::Ball;
use super::curve::Curve;
use super::network::{Map, Network, Op, Step, padded};
use super::number::{LARGEST, TINY, gamma};
use super::phases::{Phases, Within};

/// What is known of a value on the box.
#[derive(Debug, Clone, Default)]
pub(crate) struct Range {
    pub(crate) lo: Vec<f64>,
    pub(crate) hi: Vec<f64>,
    /// Rows of padded elements: the coefficients of M and its constant; then the centre of the interval.
    signed: Vec<f64>,
    /// The coefficients of R and its constant; then e, half-width and magnitude.
    absolute: Vec<f64>,
    /// Whether R is 0.
    affine: bool,
    /// Elements that are not 0 on the whole box.
    active: Vec<u32>,
}

/// How a step that is not affine is bounded by lines or elements; and the errors of pushing forms through it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Relaxation {
    pub(crate) low_slope: Vec<f64>,
    pub(crate) low_offset: Vec<f64>,
    pub(crate) high_slope: Vec<f64>,
    pub(crate) high_offset: Vec<f64>,
    /// Of a maximum: the element below it, and the one above it (none: the offset alone).
    pub(crate) low_source: Vec<u32>,
    pub(crate) high_source: Vec<Option<u32>>,
    /// A form with the coefficient λ on an element is off by at most |λ| times this.
    pub(crate) scale: Vec<f64>,
}

/// Everything that is known on one box.
#[derive(Debug, Clone)]
pub(crate) struct Analysis {
    pub(crate) ranges: Vec<Range>,
    pub(crate) relaxations: Vec<Relaxation>,
    /// Where it is given, everything is about the part of the box where elements are in these phases.
    pub(crate) phases: Option<Phases>,
    /// Only inputs in this ball matter: forms are bounded within it.
    pub(crate) ball: Option<Ball>,
    roundings: Vec<usize>,
    most_roundings: usize,
    free: Vec<usize>,
    carried: bool,
}

/// The most free inputs for which forms are carried.
const MOST_CARRIED: usize = 24;

impl Analysis {
    pub(crate) fn new(network: &Network) -> Self {
        let roundings: Vec<usize> = (0..network.steps.len()).map(|s| network.roundings(s)).collect();
        Analysis {
            ranges: network.sizes.iter().map(|_| Range::default()).collect(),
            relaxations: network.steps.iter().map(|_| Relaxation::default()).collect(),
            phases: None,
            ball: None,
            most_roundings: roundings.iter().copied().max().unwrap_or(0) + 16,
            roundings,
            free: Vec::new(),
            carried: false,
        }
    }

    /// A lower bound of `slopes·x + constant` on the box, in the ball if there is one.
    pub(crate) fn least(&self, slopes: &[f64], constant: f64) -> f64 {
        let (lower, upper) = (&self.ranges[0].lo[..slopes.len()], &self.ranges[0].hi[..slopes.len()]);
        let boxed = least(slopes, constant, lower, upper);
        let within = |ball: &Ball| ball.least(slopes, constant, lower, upper);
        self.ball.as_ref().map_or(boxed, |ball| boxed.max(within(ball)))
    }

    fn width(&self) -> usize {
        if self.carried { self.free.len() + 1 } else { 0 }
    }

    /// Starts with the box.
    pub(crate) fn start(&mut self, lower: &[f64], upper: &[f64]) {
        assert!(lower.iter().zip(upper).all(|(l, u)| l <= u), "a box");
        self.free = (0..lower.len()).filter(|&i| lower[i] < upper[i]).collect();
        self.carried = self.free.len() <= MOST_CARRIED;
        let (width, stride, size) = (self.width(), padded(lower.len()), lower.len());
        let range = &mut self.ranges[0];
        range.reset(width, stride);
        range.lo[..size].copy_from_slice(lower);
        range.hi[..size].copy_from_slice(upper);
        range.affine = true;
        for (k, &i) in self.free.iter().enumerate() {
            let centre = f64::midpoint(lower[i], upper[i]);
            if self.carried {
                range.signed[k * stride + i] = (upper[i] - centre).max(centre - lower[i]).next_up();
            }
        }
        for i in 0..size {
            if self.carried {
                range.signed[(width - 1) * stride + i] =
                    if lower[i] == upper[i] { lower[i] } else { f64::midpoint(lower[i], upper[i]) };
            }
        }
        range.finish(width, stride, size, gamma(self.most_roundings + width));
        range.active = (0..size as u32).collect();
    }

    /// Takes one step; `false` where nothing is known of its output.
    pub(crate) fn step(&mut self, network: &Network, index: usize) -> bool {
        let step = &network.steps[index];
        let (size, width) = (network.sizes[step.output], self.width());
        let stride = padded(size);
        let mut output = std::mem::take(&mut self.ranges[step.output]);
        let mut own = std::mem::take(&mut self.relaxations[index]);
        output.reset(width, stride);
        own.scale.clear();
        own.scale.resize(stride, 0.0);
        match &step.op {
            Op::Affine { maps, bias, bias_radius } => {
                self.affine(index, step, maps, bias, bias_radius.as_deref(), &mut output, &mut own);
            }
            Op::Curves(curves) => {
                let several = network.readers(step.inputs[0]) > 1;
                self.curves(index, step, curves, several, size, &mut output, &mut own);
            }
            Op::Maximum { starts, sources } => {
                self.maximum(index, step, starts, sources, &mut output, &mut own);
            }
        }
        output.finish(width, stride, size, gamma(self.most_roundings + width));
        let known = output.lo.iter().chain(&output.hi).all(|v| v.abs() <= LARGEST);
        self.ranges[step.output] = output;
        self.relaxations[index] = own;
        known
    }

    fn affine(
        &self,
        index: usize,
        step: &Step,
        maps: &[Map],
        bias: &[f64],
        bias_radius: Option<&[f64]>,
        output: &mut Range,
        own: &mut Relaxation,
    ) {
        let (width, stride, size) = (self.width(), output.lo.len(), bias.len());
        output.affine = step.inputs.iter().all(|&v| self.ranges[v].affine);
        output.signed[width * stride..][..size].copy_from_slice(bias);
        if width > 0 {
            output.signed[(width - 1) * stride..][..size].copy_from_slice(bias);
        }
        let mut uncertain = bias_radius.map_or_else(|| vec![0.0; size], <[f64]>::to_vec);
        for (map, &value) in maps.iter().zip(&step.inputs) {
            let range = &self.ranges[value];
            map.forward(&range.signed, &range.active, false, &mut output.signed);
            let first = if range.affine { width } else { 0 };
            let (from, to) = (first * range.lo.len(), first * stride);
            map.forward(&range.absolute[from..], &range.active, true, &mut output.absolute[to..]);
            // The last of its rows are the magnitudes.
            map.add_uncertainty(&range.absolute[(width + 2) * range.lo.len()..], &mut uncertain);
        }
        let roundings = self.roundings[index] + 8;
        let (unit, inflate) =
            (gamma(roundings), 1.0 + 4.0 * gamma(roundings + maps.iter().map(|m| m.inputs).sum::<usize>()));
        let (signed, absolute) = (&output.signed, &mut output.absolute);
        for j in 0..size {
            let row = |k: usize| (width + k) * stride + j;
            let off = uncertain[j] * inflate + TINY;
            let magnitude = absolute[row(2)] + bias[j].abs();
            own.scale[j] = unit * magnitude * inflate + off;
            let (centre, spread) = (signed[width * stride + j], absolute[row(1)] + 4.0 * own.scale[j]);
            (output.lo[j], output.hi[j]) = ((centre - spread).next_down(), (centre + spread).next_up());
            absolute[row(0)] = (absolute[row(0)] + unit * bias[j].abs()) * inflate + off;
        }
        if width > 0 {
            output.concretise(width, stride, size);
        }
    }

    fn curves(
        &self,
        index: usize,
        step: &Step,
        curves: &[Curve],
        several: bool,
        size: usize,
        output: &mut Range,
        own: &mut Relaxation,
    ) {
        let (width, stride) = (self.width(), output.lo.len());
        let input = &self.ranges[step.inputs[0]];
        for list in [&mut own.low_slope, &mut own.low_offset, &mut own.high_slope, &mut own.high_offset] {
            list.clear();
            list.resize(stride, 0.0);
        }
        let unit = gamma(self.roundings[index]);
        let mut off = vec![0.0; size];
        for j in 0..size {
            let curve = if curves.len() == 1 { &curves[0] } else { &curves[j] };
            let (l, u) = (input.lo[j], input.hi[j]);
            let known = match &self.phases {
                Some(phases) => phases.within(index, j, curve, l, u),
                None => Within { range: (l, u), line: None, off: 0.0 },
            };
            let (l, u) = known.range;
            let (low, high) = known.line.map_or_else(|| lines(curve, l, u), |line| (line, line));
            off[j] = if known.line.is_some() { known.off } else { 0.0 };
            (own.low_slope[j], own.low_offset[j]) = low;
            (own.high_slope[j], own.high_offset[j]) = high;
            (output.lo[j], output.hi[j]) = curve.range(l, u);
            // Through 0 and the identity nothing is rounded, unless several steps read the value.
            let plain = low == high && low.1 == 0.0 && (low.0 == 0.0 || low.0 == 1.0);
            if !plain || several || off[j] > 0.0 {
                let steepest = low.0.abs().max(high.0.abs());
                let reach = steepest * l.abs().max(u.abs()) + low.1.abs().max(high.1.abs());
                own.scale[j] = (unit * reach + off[j]) * (1.0 + 1e-9) + TINY;
            }
        }
        let rounded = gamma(12);
        let norm = input.norms(width, stride);
        for row in 0..width {
            let constant = row + 1 == width;
            for j in 0..size {
                let at = row * stride + j;
                let (l, h) = (own.low_slope[j], own.high_slope[j]);
                let (m, r) = (input.signed[at], input.absolute[at]);
                let (sum, difference) = (0.5 * (h + l), 0.5 * (h - l));
                output.signed[at] = sum * m + 0.5 * (h.abs() - l.abs()) * r;
                output.absolute[at] = difference * m + 0.5 * (h.abs() + l.abs()) * r;
                if constant {
                    output.signed[at] += 0.5 * (own.high_offset[j] + own.low_offset[j]);
                    output.absolute[at] += 0.5 * (own.high_offset[j] - own.low_offset[j]);
                }
            }
        }
        output.affine = output.absolute[..width * stride].iter().all(|&r| r == 0.0);
        for j in 0..size {
            let (l, h) = (own.low_slope[j].abs(), own.high_slope[j].abs());
            let carried = input.absolute[width * stride + j];
            if own.scale[j] == 0.0 && !several {
                output.absolute[width * stride + j] = if l == 0.0 { 0.0 } else { carried };
            } else if width > 0 {
                let round =
                    rounded * ((l + h) * norm[j] + own.low_offset[j].abs() + own.high_offset[j].abs());
                output.absolute[width * stride + j] =
                    (l.max(h) * carried + round + off[j]) * (1.0 + 1e-9) + TINY;
            }
        }
    }

    fn maximum(
        &self,
        index: usize,
        step: &Step,
        starts: &[usize],
        sources: &[u32],
        output: &mut Range,
        own: &mut Relaxation,
    ) {
        let (width, stride) = (self.width(), output.lo.len());
        let input = &self.ranges[step.inputs[0]];
        let (from, norm) = (input.lo.len(), input.norms(width, input.lo.len()));
        own.low_source.clear();
        own.high_source.clear();
        own.high_offset.clear();
        output.affine = false;
        for j in 0..starts.len() - 1 {
            let taps = || sources[starts[j]..starts[j + 1]].iter().map(|&i| i as usize);
            let phase = self.phases.as_ref().and_then(|phases| phases.decided(index, j));
            let largest = || taps().max_by(|&a, &b| input.lo[a].total_cmp(&input.lo[b]));
            let best = phase.and_then(|k| taps().nth(k)).or_else(largest).expect("a window has an element");
            let highest = || taps().map(|i| input.hi[i]).fold(f64::NEG_INFINITY, f64::max);
            let off = match (&self.phases, phase) {
                (Some(phases), Some(_)) => phases.off(index, j),
                _ => 0.0,
            };
            let most = match phase {
                Some(_) if off > 0.0 => (input.hi[best] + off).next_up(),
                Some(_) => input.hi[best],
                None => highest(),
            };
            let wins = phase.is_some() || taps().all(|i| i == best || input.hi[i] <= input.lo[best]);
            own.low_source.push(best as u32);
            own.high_source.push(wins.then_some(best as u32));
            own.high_offset.push(if wins { 0.0 } else { most });
            (output.lo[j], output.hi[j]) = (input.lo[best], most);
            let reach = input.lo[best].abs().max(most.abs());
            own.scale[j] = (gamma(self.roundings[index]) * reach + off) * (1.0 + 1e-9) + TINY;
            for row in 0..width {
                let (m, r) = (input.signed[row * from + best], input.absolute[row * from + best]);
                let above = if wins {
                    m + r
                } else if row + 1 == width {
                    most
                } else {
                    0.0
                };
                output.signed[row * stride + j] = if wins { m } else { 0.5 * (above + (m - r)) };
                output.absolute[row * stride + j] = if wins { r } else { 0.5 * (above - (m - r)) };
            }
            if width > 0 {
                output.absolute[width * stride + j] =
                    (input.absolute[width * from + best] + off + gamma(8) * (norm[best] + most.abs()))
                        * (1.0 + 1e-9)
                        + TINY;
            }
        }
    }

    /// Whether an element is one linear form on the box: R is 0.
    pub(crate) fn is_affine(&self, value: usize, element: usize) -> bool {
        let range = &self.ranges[value];
        let stride = range.lo.len();
        self.carried && (0..self.width()).all(|row| range.absolute[row * stride + element] == 0.0)
    }

    /// Replaces the bounds of some elements by tighter ones; forms and errors stay as they are.
    pub(crate) fn tighten(&mut self, value: usize, bounds: impl Iterator<Item = (usize, f64, f64)>) {
        let range = &mut self.ranges[value];
        for (j, low, high) in bounds {
            range.lo[j] = range.lo[j].max(low);
            range.hi[j] = range.hi[j].min(high);
            if range.lo[j] > range.hi[j] {
                // Only where there is no such point (signs that exclude each other): anything holds there.
                (range.lo[j], range.hi[j]) = (range.hi[j], range.lo[j]);
            }
        }
    }
}

impl Range {
    fn reset(&mut self, width: usize, stride: usize) {
        for (list, length) in [
            (&mut self.lo, stride),
            (&mut self.hi, stride),
            (&mut self.signed, (width + 1) * stride),
            (&mut self.absolute, (width + 3) * stride),
        ] {
            list.clear();
            list.resize(length, 0.0);
        }
    }

    /// ‖M‖ + ‖R‖ of every element.
    fn norms(&self, width: usize, stride: usize) -> Vec<f64> {
        let mut norms = vec![0.0; stride];
        for row in 0..width {
            for j in 0..stride {
                norms[j] += self.signed[row * stride + j].abs() + self.absolute[row * stride + j].abs();
            }
        }
        norms
    }

    /// Tightens the interval by the forms.
    fn concretise(&mut self, width: usize, stride: usize, size: usize) {
        let norms = self.norms(width, stride);
        let (mut low, mut high) = (vec![0.0; stride], vec![0.0; stride]);
        for row in 0..width {
            let (m, r) = (&self.signed[row * stride..][..stride], &self.absolute[row * stride..][..stride]);
            if row + 1 < width {
                for j in 0..stride {
                    low[j] -= (m[j] - r[j]).abs();
                    high[j] += (m[j] + r[j]).abs();
                }
            } else {
                for j in 0..stride {
                    low[j] += m[j] - r[j];
                    high[j] += m[j] + r[j];
                }
            }
        }
        let unit = gamma(width + 6);
        for j in 0..size {
            let off = (unit * norms[j] + self.absolute[width * stride + j]) * (1.0 + 1e-9) + TINY;
            self.lo[j] = self.lo[j].max((low[j] - off).next_down());
            self.hi[j] = self.hi[j].min((high[j] + off).next_up());
            if self.lo[j] > self.hi[j] {
                (self.lo[j], self.hi[j]) = (self.hi[j], self.lo[j]);
            }
        }
    }

    /// Writes the rows that follow from the interval and the forms, and which elements are active.
    fn finish(&mut self, width: usize, stride: usize, size: usize, unit: f64) {
        let norms = self.norms(width, stride);
        self.active.clear();
        for j in 0..size {
            let (l, u) = (self.lo[j], self.hi[j]);
            let centre = f64::midpoint(l, u);
            self.signed[width * stride + j] = centre;
            self.absolute[width * stride + j] =
                (self.absolute[width * stride + j] + unit * norms[j]) * (1.0 + 1e-9);
            self.absolute[(width + 1) * stride + j] =
                if l == u { 0.0 } else { (u - centre).max(centre - l).next_up() };
            self.absolute[(width + 2) * stride + j] = l.abs().max(u.abs());
            if l != 0.0 || u != 0.0 {
                self.active.push(j as u32);
            }
        }
    }
}

/// Below a ReLU the identity is taken where u is more than this times −l: u = −l is common, and rounding must not choose there.
const TIE: f64 = 1.0 + 1.0 / 1_048_576.0;

/// An end nearer to 0 than this times the other counts as 0 in the choice of the line above a ReLU.
const AT_ZERO: f64 = 1.0 / 1_099_511_627_776.0;

/// Two lines, slope and offset, below and above a curve on [l, u]. The rule: exact between kinks; around one kink the chord on
/// its side, and on the other the steeper or the flatter segment, whichever leaves less area; else of the candidates the
/// tightest in the middle.
pub(super) fn lines(curve: &Curve, l: f64, u: f64) -> ((f64, f64), (f64, f64)) {
    if let Curve::Piecewise { kinks, segments } = curve {
        let first = kinks.partition_point(|&k| k <= l);
        let last = kinks.partition_point(|&k| k < u);
        if first >= last {
            return (segments[first.min(last)], segments[first.min(last)]);
        }
        if curve.is_relu() {
            // z − l is above at both ends, and so is u; else the chord.
            let upper = if -l <= u * AT_ZERO {
                (1.0, -l)
            } else if u <= -l * AT_ZERO {
                (0.0, u)
            } else {
                let slope = u / (u - l);
                let offset = (-(slope * l)).next_up().max((u - (slope * u).next_down()).next_up());
                (slope, offset.max(0.0))
            };
            return (segments[usize::from(u > -l * TIE)], upper);
        }
    }
    let (low, high) = curve.slopes(l, u);
    ((low, curve.offset_below(low, l, u)), (high, curve.offset_above(high, l, u)))
}
