use std::sync::Arc;

use netinverse_base::{Error, Result};
use netinverse_geometry::Ball;
use netinverse_network::Network;

use crate::backward::{self, LinearForms, Seeds};
use crate::forward::{self, Forms};
use crate::map::padded;
use crate::program::{Kind, Program};
use crate::workspace::Workspace;

/// The most free inputs for which linear forms are carried forward; beyond, they come from the output back only.
pub(crate) const MAX_FORWARD_INPUTS: usize = 24;

/// Bounds of a network on boxes: everything that does not depend on the box.
///
/// An analysis ([`Bounder::analyse`]) bounds every value on a box; linear forms of the output ([`Bounder::lower_forms`])
/// rest on it. All bounds hold for the graph as stored, in real arithmetic.
#[derive(Debug)]
pub struct Bounder {
    program: Program,
}

/// How an analysis bounds what lies between the input and the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Interval arithmetic alone.
    Intervals,
    /// Linear forms carried forward where the free inputs are few, else pushed back for every unstable element.
    #[default]
    Linear,
    /// As `Linear`, and forms pushed back for every unstable element: tighter, and dearer.
    Backward,
}

impl Bounder {
    /// Refuses, by node, a network with an operator whose bounds are not known.
    pub fn new(network: &Network) -> Result<Self> {
        let program = Program::new(network)?;
        if program.elements() > 1 << 28 {
            return Err(Error::unsupported("the network's values are too large to be bounded"));
        }
        Ok(Bounder { program })
    }

    pub(crate) fn program(&self) -> &Program {
        &self.program
    }

    /// n
    pub fn input_size(&self) -> usize {
        self.program.input_size()
    }

    /// m
    pub fn output_size(&self) -> usize {
        self.program.output_size()
    }

    /// The multiplications of one pass through the linear maps, at least 1: what pushing a form back costs.
    pub fn multiplications(&self) -> u64 {
        let of_step = |kind: &Kind| match kind {
            Kind::Linear { maps, .. } => maps.iter().map(|map| map.multiplications() as u64).sum(),
            _ => 0,
        };
        self.program.steps.iter().map(|step| of_step(&step.kind)).sum::<u64>().max(1)
    }

    /// Buffers for one thread.
    pub fn workspace(&self) -> Workspace {
        Workspace::new(&self.program)
    }

    /// Bounds every value on the box `lower ≤ x ≤ upper`, finite; `false` where that is not possible: a function outside
    /// its domain, or bounds that overflow.
    ///
    /// Panics unless the box has n finite sides.
    pub fn analyse(&self, lower: &[f64], upper: &[f64], method: Method, workspace: &mut Workspace) -> bool {
        self.analyse_within(lower, upper, None, method, workspace)
    }

    /// The same for the inputs of the box that lie in a ball: linear forms pushed back are bounded over both. Worth it where
    /// inputs are many; the box should be no larger than the ball's ([`netinverse_geometry::Distance::reach`]).
    pub fn analyse_within(
        &self,
        lower: &[f64],
        upper: &[f64],
        ball: Option<&Arc<Ball>>,
        method: Method,
        workspace: &mut Workspace,
    ) -> bool {
        let n = self.input_size();
        workspace.ball = ball.cloned();
        assert_eq!((lower.len(), upper.len()), (n, n), "one end an input");
        let free = lower.iter().zip(upper).filter(|(lo, hi)| lo < hi).count();
        let few = free <= MAX_FORWARD_INPUTS;
        let forms = if method != Method::Intervals && few { Forms::Carried } else { Forms::Intervals };
        let back = method == Method::Backward || method == Method::Linear && !few;
        forward::start(&self.program, workspace, lower, upper, forms);
        workspace.valid = false;
        for index in 0..self.program.steps.len() {
            if back && !matches!(self.program.steps[index].kind, Kind::Linear { .. }) {
                for at in 0..self.program.steps[index].inputs.len() {
                    self.tighten(index, self.program.steps[index].inputs[at], workspace);
                }
            }
            if !forward::step(&self.program, index, workspace, forms) {
                return false;
            }
        }
        if back {
            self.tighten_where(|l, u| l < u, self.program.output, workspace);
        }
        workspace.valid = true;
        true
    }

    /// The interval of every output, from the last analysis.
    pub fn output<'a>(&self, workspace: &'a Workspace) -> (&'a [f64], &'a [f64]) {
        assert!(workspace.valid, "an analysis must have gone through");
        let value = &workspace.values[self.program.output];
        let m = self.output_size();
        (&value.lower[..m], &value.upper[..m])
    }

    /// Linear forms below `c_k·f(x) + d_k` on the box of the last analysis: `rows` holds m coefficients for each of the
    /// `constants`, both exact.
    pub fn lower_forms(
        &self,
        rows: &[f64],
        constants: &[f64],
        workspace: &mut Workspace,
        forms: &mut LinearForms,
    ) {
        assert!(workspace.valid, "an analysis must have gone through");
        let m = self.output_size();
        assert_eq!(rows.len(), constants.len() * m, "m coefficients a row");
        let stride = padded(m);
        let mut coefficients = vec![0.0; constants.len() * stride];
        for (from, to) in rows.chunks_exact(m.max(1)).zip(coefficients.chunks_exact_mut(stride.max(1))) {
            to[..m].copy_from_slice(from);
        }
        let seeds = Seeds { value: self.program.output, coefficients: &coefficients, constants };
        backward::push(&self.program, workspace, &seeds, forms);
    }

    /// Tightens the elements of a value that a step relaxes, by forms pushed back from them.
    fn tighten(&self, step: usize, value: usize, workspace: &mut Workspace) {
        let relaxed = |l: f64, u: f64| match &self.program.steps[step].kind {
            // Between kinks the lines are the function itself.
            Kind::Function(function) if function.is_piecewise_linear() => {
                function.kinks().any(|kink| l < kink && kink < u)
            }
            _ => l < u,
        };
        self.tighten_where(relaxed, value, workspace);
    }

    /// Tightens the elements of a value of which the interval is as told, by forms pushed back from them.
    fn tighten_where(&self, relaxed: impl Fn(f64, f64) -> bool, value: usize, workspace: &mut Workspace) {
        const ROWS: usize = 16;
        let size = self.program.sizes[value];
        let stride = padded(size);
        let bounds = &workspace.values[value];
        let loose: Vec<usize> = (0..size).filter(|&j| relaxed(bounds.lower[j], bounds.upper[j])).collect();
        let mut coefficients = vec![0.0; ROWS * stride];
        let mut forms = LinearForms::default();
        for chunk in loose.chunks(ROWS / 2) {
            coefficients.fill(0.0);
            for (k, &j) in chunk.iter().enumerate() {
                coefficients[2 * k * stride + j] = 1.0;
                coefficients[(2 * k + 1) * stride + j] = -1.0;
            }
            let rows = 2 * chunk.len();
            let zeros = [0.0; ROWS];
            let seeds =
                Seeds { value, coefficients: &coefficients[..rows * stride], constants: &zeros[..rows] };
            backward::push(&self.program, workspace, &seeds, &mut forms);
            for (k, &j) in chunk.iter().enumerate() {
                let low = self.minimum(&forms, 2 * k, workspace);
                let high = -self.minimum(&forms, 2 * k + 1, workspace);
                let bounds = &mut workspace.values[value];
                bounds.lower[j] = bounds.lower[j].max(low);
                bounds.upper[j] = bounds.upper[j].min(high);
            }
        }
        workspace.values[value].summarise();
    }

    /// The least value of a form on the box of the analysis, and in its ball, rounded down.
    pub fn minimum(&self, forms: &LinearForms, k: usize, workspace: &Workspace) -> f64 {
        let (slopes, constant) = forms.form(k);
        let input = &workspace.values[0];
        match &workspace.ball {
            None => minimum_on_box(slopes, constant, &input.lower, &input.upper),
            Some(ball) => ball.minimum(
                slopes,
                constant,
                &input.lower[..slopes.len()],
                &input.upper[..slopes.len()],
                &mut Vec::new(),
            ),
        }
    }
}

/// The least value of `slopes·x + constant` for `lower ≤ x ≤ upper`, rounded down.
pub fn minimum_on_box(slopes: &[f64], constant: f64, lower: &[f64], upper: &[f64]) -> f64 {
    let (mut sum, mut magnitude) = (constant, constant.abs());
    for i in 0..slopes.len() {
        let term = slopes[i] * if slopes[i] >= 0.0 { lower[i] } else { upper[i] };
        sum += term;
        magnitude += term.abs();
    }
    let terms = slopes.len() + 4;
    let error = crate::rounding::gamma(terms) * magnitude * crate::rounding::inflation(terms);
    (sum - error - crate::rounding::TINY).next_down()
}
