use netinverse_base::{Error, Result};

use crate::Shape;

/// Each output element is one input element, or a constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Layout {
    /// The same elements in another shape: Reshape, Flatten, Squeeze, Unsqueeze.
    Reshape {
        /// The shape written.
        shape: Shape,
    },
    /// Axes in another order.
    Transpose {
        /// Output axis i is input axis `axes[i]`.
        axes: Vec<usize>,
    },
    /// Every `steps[i]`-th element from `starts[i]` along each axis, `sizes[i]` of them.
    Slice {
        /// The first element along each axis.
        starts: Vec<usize>,
        /// The step along each axis; negative runs backwards.
        steps: Vec<isize>,
        /// The number of elements along each axis.
        sizes: Vec<usize>,
    },
    /// Elements picked along one axis by constant indices.
    Gather {
        /// The axis picked from.
        axis: usize,
        /// The indices, not negative.
        indices: Vec<usize>,
        /// The shape of the indices, which takes the axis's place; `[]` removes the axis.
        shape: Vec<usize>,
    },
    /// More elements around the value.
    Pad {
        /// How many before, along each axis.
        before: Vec<usize>,
        /// How many after, along each axis.
        after: Vec<usize>,
        /// What they are.
        mode: PadMode,
    },
    /// Repetition along axes of size 1, with new leading axes if the shape has more.
    Expand {
        /// The shape written.
        shape: Shape,
    },
    /// Several values one after the other along an axis.
    Concat {
        /// The axis.
        axis: usize,
    },
}

/// What a [`Layout::Pad`] fills in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PadMode {
    /// This constant.
    Constant(f64),
    /// The mirror image, the edge itself not repeated.
    Reflect,
    /// The nearest element of the value.
    Edge,
}

/// Where each output element of a layout comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct IndexMap {
    /// For each output element its input element, or [`IndexMap::FILL`].
    pub sources: Vec<u32>,
    /// The constant of the elements without a source.
    pub fill: f64,
}

impl IndexMap {
    /// Marks an output element that is the constant.
    pub const FILL: u32 = u32::MAX;
}

impl Layout {
    /// The operator's name, in ONNX's words.
    pub fn name(&self) -> &'static str {
        match self {
            Layout::Reshape { .. } => "Reshape",
            Layout::Transpose { .. } => "Transpose",
            Layout::Slice { .. } => "Slice",
            Layout::Gather { .. } => "Gather",
            Layout::Pad { .. } => "Pad",
            Layout::Expand { .. } => "Expand",
            Layout::Concat { .. } => "Concat",
        }
    }

    /// The shape written by a layout of one input (all but [`Layout::Concat`]).
    pub(super) fn output_shape(&self, input: &Shape) -> Result<Shape> {
        let rank = input.rank();
        let ranked = |length: usize| {
            if length == rank {
                Ok(())
            } else {
                Err(Error::input(format!("{length} axes are given for a value of shape {input}")))
            }
        };
        match self {
            Layout::Reshape { shape } => {
                if shape.elements() == input.elements() {
                    Ok(shape.clone())
                } else {
                    Err(Error::input(format!(
                        "{input} cannot become {shape}: the numbers of elements differ"
                    )))
                }
            }
            Layout::Transpose { axes } => {
                ranked(axes.len())?;
                let mut seen = vec![false; rank];
                for &axis in axes {
                    if axis >= rank || std::mem::replace(&mut seen[axis], true) {
                        return Err(Error::input(format!("{axes:?} is not a permutation of {rank} axes")));
                    }
                }
                Shape::new(axes.iter().map(|&axis| input[axis]).collect::<Vec<_>>())
            }
            Layout::Slice { starts, steps, sizes } => {
                ranked(starts.len())?;
                ranked(steps.len())?;
                ranked(sizes.len())?;
                for axis in 0..rank {
                    let last = starts[axis] as i128 + steps[axis] as i128 * (sizes[axis] as i128 - 1).max(0);
                    let inside = |position: i128| (0..input[axis] as i128).contains(&position);
                    if sizes[axis] > 0 && !(inside(starts[axis] as i128) && inside(last)) {
                        return Err(Error::input(format!("a slice runs outside axis {axis} of {input}")));
                    }
                }
                Shape::new(sizes.clone())
            }
            Layout::Gather { axis, indices, shape } => {
                if *axis >= rank {
                    return Err(Error::input(format!("axis {axis} does not exist in shape {input}")));
                }
                if let Some(index) = indices.iter().find(|&&index| index >= input[*axis]) {
                    return Err(Error::input(format!("index {index} is outside axis {axis} of {input}")));
                }
                if shape.iter().product::<usize>() != indices.len() {
                    return Err(Error::input("the indices do not fill their shape"));
                }
                let sizes = [&input[..*axis], shape, &input[axis + 1..]].concat();
                Shape::new(sizes)
            }
            Layout::Pad { before, after, mode } => {
                ranked(before.len())?;
                ranked(after.len())?;
                let mut sizes = Vec::with_capacity(rank);
                for axis in 0..rank {
                    let most = before[axis].max(after[axis]);
                    let room = match mode {
                        PadMode::Constant(_) => true,
                        PadMode::Edge => input[axis] > 0 || most == 0,
                        PadMode::Reflect => most < input[axis] || most == 0,
                    };
                    if !room {
                        return Err(Error::input(format!(
                            "axis {axis} of {input} is too short for the padding"
                        )));
                    }
                    let size =
                        before[axis].checked_add(input[axis]).and_then(|size| size.checked_add(after[axis]));
                    sizes.push(size.ok_or_else(|| Error::input("the padding overflows"))?);
                }
                Shape::new(sizes)
            }
            Layout::Expand { shape } => {
                if input.broadcast(shape).as_ref() == Some(shape) {
                    Ok(shape.clone())
                } else {
                    Err(Error::input(format!("{input} does not broadcast to {shape}")))
                }
            }
            Layout::Concat { axis } => concat_shape(&[input], *axis),
        }
    }

    /// Where each element comes from, for a layout of one input that moves elements; `None` for
    /// [`Layout::Reshape`], which moves none, and for [`Layout::Concat`], which reads several values.
    pub fn index_map(&self, input: &Shape) -> Option<IndexMap> {
        let output = match self {
            Layout::Reshape { .. } | Layout::Concat { .. } => return None,
            _ => self.output_shape(input).ok()?,
        };
        let strides = input.strides();
        let mut sources = Vec::with_capacity(output.elements());
        let mut position = vec![0; output.rank()];
        let mut fill = 0.0;
        if let Layout::Pad { mode: PadMode::Constant(value), .. } = self {
            fill = *value;
        }
        for _ in 0..output.elements() {
            let source = self.source(&position, input, &strides);
            sources.push(source.map_or(IndexMap::FILL, |source| source as u32));
            for axis in (0..position.len()).rev() {
                position[axis] += 1;
                if position[axis] < output[axis] {
                    break;
                }
                position[axis] = 0;
            }
        }
        Some(IndexMap { sources, fill })
    }

    /// The input element of the output element at `position`.
    fn source(&self, position: &[usize], input: &Shape, strides: &[usize]) -> Option<usize> {
        match self {
            Layout::Reshape { .. } | Layout::Concat { .. } => None,
            Layout::Transpose { axes } => {
                Some(axes.iter().zip(position).map(|(&axis, p)| p * strides[axis]).sum())
            }
            Layout::Slice { starts, steps, .. } => Some(
                (0..position.len())
                    .map(|axis| {
                        (starts[axis] as isize + steps[axis] * position[axis] as isize) as usize
                            * strides[axis]
                    })
                    .sum(),
            ),
            Layout::Gather { axis, indices, shape } => {
                let inner = &position[*axis..axis + shape.len()];
                let flat = inner.iter().zip(shape).fold(0, |flat, (p, size)| flat * size + p);
                let before: usize = (0..*axis).map(|a| position[a] * strides[a]).sum();
                let after: usize =
                    (axis + 1..input.rank()).map(|a| position[a - 1 + shape.len()] * strides[a]).sum();
                Some(before + indices[flat] * strides[*axis] + after)
            }
            Layout::Pad { before, mode, .. } => {
                let mut source = 0;
                for axis in 0..position.len() {
                    let (p, size) = (position[axis] as isize - before[axis] as isize, input[axis] as isize);
                    let inside = match mode {
                        PadMode::Constant(_) if (0..size).contains(&p) => p,
                        PadMode::Constant(_) => return None,
                        PadMode::Edge => p.clamp(0, size - 1),
                        PadMode::Reflect if p < 0 => -p,
                        PadMode::Reflect if p >= size => 2 * (size - 1) - p,
                        PadMode::Reflect => p,
                    };
                    source += inside as usize * strides[axis];
                }
                Some(source)
            }
            Layout::Expand { .. } => {
                let lead = position.len() - input.rank();
                Some(
                    (0..input.rank())
                        .map(|axis| if input[axis] == 1 { 0 } else { position[lead + axis] * strides[axis] })
                        .sum(),
                )
            }
        }
    }
}

pub(super) fn concat_shape(inputs: &[&Shape], axis: usize) -> Result<Shape> {
    let first = inputs.first().ok_or_else(|| Error::input("Concat needs at least one value"))?;
    if axis >= first.rank() {
        return Err(Error::input(format!("axis {axis} does not exist in shape {first}")));
    }
    let mut sizes = first.to_vec();
    sizes[axis] = 0;
    for shape in inputs {
        let fits =
            shape.rank() == first.rank() && (0..first.rank()).all(|a| a == axis || shape[a] == first[a]);
        if !fits {
            return Err(Error::input(format!("shapes {first} and {shape} differ off axis {axis}")));
        }
        sizes[axis] += shape[axis];
    }
    Shape::new(sizes)
}
