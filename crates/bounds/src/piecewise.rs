//! A piecewise-linear network as a list of numbers, each an affine combination, a function or a maximum of earlier ones.
//!
//! What enumerates linear regions wants a network element by element, with the constants as stored and no rounding: operators
//! that are linear stay separate elements, so that none is multiplied into another here.

use netinverse_base::{Error, Place, Result};
use netinverse_network::{Bilinear, Function, Network, Op};

use crate::bounder::Bounder;
use crate::map::Map;
use crate::program::{Kind, Program};

/// The most coefficients that are stored.
const MAX_TERMS: usize = 1 << 26;

/// The longest maximum; longer ones are maxima of maxima.
const MAX_SOURCES: usize = 32;

/// A network whose graph has affine maps, scalar functions made of line segments, and maxima only.
#[derive(Debug)]
pub struct PiecewiseLinear {
    inputs: usize,
    elements: Vec<Element>,
    terms: Vec<(u32, f64)>,
    /// How far each coefficient may be off; empty where all are exact.
    radii: Vec<f64>,
    sources: Vec<u32>,
    hinges: Vec<Hinge>,
    output: Vec<u32>,
    exact: bool,
}

/// An element after the inputs. Elements are counted from the inputs on.
#[derive(Debug, Clone, Copy)]
pub enum Element {
    /// `Σ terms + constant`, the constant to within `radius`.
    Affine {
        /// Where the terms begin and end.
        terms: (usize, usize),
        /// The constant.
        constant: f64,
        /// How far it may be off.
        radius: f64,
    },
    /// A function of an element.
    Function {
        /// The function, by index into the list of distinct ones.
        hinge: u32,
        /// Its argument.
        source: u32,
    },
    /// The largest of several elements.
    Maximum {
        /// Where the sources begin and end.
        sources: (usize, usize),
    },
}

/// A scalar function made of line segments: piece k goes from kink k − 1 to kink k.
#[derive(Debug, Clone, PartialEq)]
pub struct Hinge {
    /// Where the pieces meet, ascending.
    pub kinks: Vec<f64>,
    /// Slope and intercept of each piece, one more than there are kinks, exact.
    pub pieces: Vec<(f64, f64)>,
}

impl Hinge {
    /// `None` for a function that is not made of line segments.
    pub fn new(function: &Function) -> Option<Self> {
        let bent =
            |left: f64, right: f64| Hinge { kinks: vec![0.0], pieces: vec![(left, 0.0), (right, 0.0)] };
        Some(match *function {
            Function::Relu => bent(0.0, 1.0),
            Function::LeakyRelu { alpha } => bent(alpha, 1.0),
            Function::Abs => bent(-1.0, 1.0),
            Function::Clip { low, high } if low >= high => Hinge { kinks: vec![], pieces: vec![(0.0, high)] },
            Function::Clip { low, high } => {
                let mut hinge = Hinge { kinks: Vec::new(), pieces: Vec::new() };
                if low > f64::NEG_INFINITY {
                    hinge.pieces.push((0.0, low));
                    hinge.kinks.push(low);
                }
                hinge.pieces.push((1.0, 0.0));
                if high < f64::INFINITY {
                    hinge.kinks.push(high);
                    hinge.pieces.push((0.0, high));
                }
                hinge
            }
            Function::Power { exponent: 1.0 } => Hinge { kinks: vec![], pieces: vec![(1.0, 0.0)] },
            Function::Power { exponent: 0.0 } => Hinge { kinks: vec![], pieces: vec![(0.0, 1.0)] },
            _ => return None,
        })
    }

    /// The value at z, for bounds: rounded.
    pub fn value(&self, z: f64) -> f64 {
        let (slope, intercept) = self.pieces[self.kinks.iter().filter(|&&kink| kink < z).count()];
        slope * z + intercept
    }

    /// The steepest slope, its magnitude.
    pub fn steepness(&self) -> f64 {
        self.pieces.iter().fold(0.0, |most, piece| most.max(piece.0.abs()))
    }
}

impl PiecewiseLinear {
    /// Refuses, by node, what is not piecewise linear.
    pub fn new(network: &Network, bounder: &Bounder) -> Result<Self> {
        for node in network.nodes() {
            let smooth = match &node.op {
                Op::Function(function) => Hinge::new(function).is_none(),
                Op::Bilinear(Bilinear::Multiply | Bilinear::MatMul) | Op::Normalizer(_) => true,
                _ => false,
            };
            if smooth {
                return Err(Error::unsupported("linear regions of a function that is not piecewise linear")
                    .at(Place::node(node.name.clone(), node.op.name()))
                    .hint(
                        "a value before it may be: choose it with --output; without --exact any network is paved",
                    ));
            }
        }
        let program = bounder.program();
        let mut out = PiecewiseLinear {
            inputs: program.input_size(),
            elements: Vec::new(),
            terms: Vec::new(),
            radii: Vec::new(),
            sources: Vec::new(),
            hinges: Vec::new(),
            output: Vec::new(),
            exact: true,
        };
        out.fill(program)?;
        Ok(out)
    }

    fn fill(&mut self, program: &Program) -> Result<()> {
        // Where each value's elements are; most are one after the other, maxima of maxima are not.
        let mut of: Vec<Vec<u32>> = vec![Vec::new(); program.sizes.len()];
        of[0] = (0..self.inputs as u32).collect();
        for step in &program.steps {
            let size = program.sizes[step.output];
            let mut own = Vec::with_capacity(size);
            match &step.kind {
                Kind::Linear { maps, bias, bias_radius } => {
                    for j in 0..size {
                        let start = self.terms.len();
                        for (map, &input) in maps.iter().zip(&step.inputs) {
                            self.row(map, j, &of[input]);
                        }
                        if self.terms.len() > MAX_TERMS {
                            return Err(Error::unsupported(
                                "the network has too many weights for its regions",
                            ));
                        }
                        let radius = bias_radius.as_ref().map_or(0.0, |radius| radius[j]);
                        self.exact &= radius == 0.0;
                        let terms = (start, self.terms.len());
                        own.push(self.push(Element::Affine { terms, constant: bias[j], radius }));
                    }
                }
                Kind::Function(function) => {
                    let hinge = Hinge::new(function)
                        .ok_or_else(|| Error::unsupported("a function that is not piecewise linear"))?;
                    let hinge = self.hinges.iter().position(|known| *known == hinge).unwrap_or_else(|| {
                        self.hinges.push(hinge);
                        self.hinges.len() - 1
                    }) as u32;
                    for &source in &of[step.inputs[0]][..size] {
                        own.push(self.push(Element::Function { hinge, source }));
                    }
                }
                Kind::Maximum { starts, sources } => {
                    for window in starts.windows(2) {
                        let taps = &sources[window[0]..window[1]];
                        let taps: Vec<u32> =
                            taps.iter().map(|&tap| of[step.inputs[0]][tap as usize]).collect();
                        own.push(self.maximum(taps));
                    }
                }
                Kind::Product | Kind::Softmax { .. } => {
                    return Err(Error::unsupported("a network that is not piecewise linear"));
                }
            }
            of[step.output] = own;
        }
        self.output.clone_from(&of[program.output]);
        self.output.truncate(program.output_size());
        Ok(())
    }

    fn push(&mut self, element: Element) -> u32 {
        self.elements.push(element);
        (self.inputs + self.elements.len() - 1) as u32
    }

    fn row(&mut self, map: &Map, j: usize, input: &[u32]) {
        map.for_row(j, |i, weight, radius| {
            if weight == 0.0 && radius == 0.0 {
                return;
            }
            self.terms.push((input[i], weight));
            if radius > 0.0 || !self.radii.is_empty() {
                self.exact &= radius == 0.0;
                self.radii.resize(self.terms.len() - 1, 0.0);
                self.radii.push(radius);
            }
        });
    }

    fn maximum(&mut self, mut taps: Vec<u32>) -> u32 {
        while taps.len() > MAX_SOURCES {
            taps = taps.chunks(MAX_SOURCES).map(|chunk| self.maximum(chunk.to_vec())).collect();
        }
        let start = self.sources.len();
        self.sources.extend(taps);
        self.push(Element::Maximum { sources: (start, self.sources.len()) })
    }

    /// n
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The elements after the inputs; element `inputs + k` is the k-th of these.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// The terms of an affine element: earlier element, coefficient, how far the coefficient may be off.
    pub fn terms(&self, range: (usize, usize)) -> impl Iterator<Item = (u32, f64, f64)> + '_ {
        let radius = |at: usize| self.radii.get(at).copied().unwrap_or(0.0);
        (range.0..range.1).map(move |at| (self.terms[at].0, self.terms[at].1, radius(at)))
    }

    /// The sources of a maximum.
    pub fn sources(&self, range: (usize, usize)) -> &[u32] {
        &self.sources[range.0..range.1]
    }

    /// A function by its index.
    pub fn hinge(&self, index: u32) -> &Hinge {
        &self.hinges[index as usize]
    }

    /// The elements that are the outputs, m.
    pub fn output(&self) -> &[u32] {
        &self.output
    }

    /// Whether every constant is the stored double exactly.
    pub fn is_exact(&self) -> bool {
        self.exact
    }

    /// The multiplications that one value takes: what exact arithmetic on it costs.
    pub fn products(&self) -> usize {
        self.terms.len()
    }
}
