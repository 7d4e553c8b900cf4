//! Resize and Upsample: along each axis a choice of elements (nearest) or a matrix (linear, cubic).

use netinverse_base::{Error, Result};

use crate::import::constant::Constant;
use crate::import::enclosure::Enclosure;
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Layout, Shape, WeightOrder};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kernel {
    Nearest,
    Linear,
    Cubic { a: f64 },
}

/// Where an output position lies among the input's.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Coordinates {
    HalfPixel,
    /// The same, scaled about the middle of the axis where the sizes do not divide.
    HalfPixelSymmetric,
    /// The same, but the first position for one output.
    PytorchHalfPixel,
    /// Half a pixel further, of old versions.
    TfHalfPixel,
    AlignCorners,
    Asymmetric,
}

#[derive(Debug, Clone, Copy)]
enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
}

/// What is done along every axis.
struct Method {
    kernel: Kernel,
    coordinates: Coordinates,
    nearest: Nearest,
    antialias: bool,
    /// Only elements of the image count, their weights made to sum to 1; else its edges go on.
    exclude_outside: bool,
}

/// One axis that changes.
struct Axis {
    input: usize,
    output: usize,
    scale: Enclosure,
}

fn number(value: usize) -> Enclosure {
    Enclosure::exact(value as f64)
}

impl Coordinates {
    fn of(self, position: usize, axis: &Axis) -> Enclosure {
        let half = Enclosure::exact(0.5);
        let centred = |position: usize| number(position).add(half).div(axis.scale).sub(half);
        match self {
            Coordinates::PytorchHalfPixel | Coordinates::AlignCorners if axis.output == 1 => {
                Enclosure::exact(0.0)
            }
            Coordinates::HalfPixel | Coordinates::PytorchHalfPixel => centred(position),
            Coordinates::TfHalfPixel => number(position).add(half).div(axis.scale),
            Coordinates::HalfPixelSymmetric => {
                // The output sizes as they are, over what they would be unrounded.
                let exact = axis.scale.mul(number(axis.input));
                let adjustment = number(axis.output).div(exact);
                let centre = number(axis.input).mul(half);
                let offset = centre.mul(Enclosure::exact(1.0).sub(adjustment));
                offset.add(centred(position))
            }
            Coordinates::AlignCorners => {
                // What the output's size would be unrounded.
                let exact = axis.scale.mul(number(axis.input)).sub(Enclosure::exact(1.0));
                number(position).mul(number(axis.input - 1)).div(exact)
            }
            Coordinates::Asymmetric => number(position).div(axis.scale),
        }
    }
}

impl Nearest {
    fn of(self, x: f64) -> f64 {
        match self {
            Nearest::Floor => x.floor(),
            Nearest::Ceil => x.ceil(),
            Nearest::RoundPreferFloor => (x - 0.5).ceil(),
            Nearest::RoundPreferCeil => (x + 0.5).floor(),
        }
    }
}

impl Kernel {
    /// Half of the width that the kernel covers.
    fn support(self) -> f64 {
        match self {
            Kernel::Nearest => 0.5,
            Kernel::Linear => 1.0,
            Kernel::Cubic { .. } => 2.0,
        }
    }

    /// The weight at distance t, an enclosure that also holds the weights at what t may be instead.
    fn weight(self, t: Enclosure) -> Enclosure {
        let exact = Enclosure::exact;
        match self {
            Kernel::Nearest => exact(1.0),
            // max(1 − |t|, 0)
            Kernel::Linear => exact(1.0).sub(t.abs()).max(exact(0.0)),
            // Keys (1981): continuous, with slopes below 2, so that the branch may be chosen by the centre.
            Kernel::Cubic { a } => {
                let (t, a) = (t.abs(), exact(a));
                let polynomial = |c: [Enclosure; 4]| c.iter().fold(exact(0.0), |sum, &c| sum.mul(t).add(c));
                let two = exact(2.0);
                let mut weight = if t.value <= 1.0 {
                    polynomial([a.add(two), a.add(exact(3.0)).neg(), exact(0.0), exact(1.0)])
                } else if t.value < 2.0 {
                    polynomial([a, a.mul(exact(-5.0)), a.mul(exact(8.0)), a.mul(exact(-4.0))])
                } else {
                    exact(0.0)
                };
                weight.radius += 4.0 * (1.0 + a.value.abs()) * t.radius;
                weight
            }
        }
    }
}

impl Method {
    /// Which input element each output takes.
    fn indices(&self, axis: &Axis) -> Vec<usize> {
        let last = (axis.input - 1) as f64;
        (0..axis.output)
            .map(|position| {
                self.nearest.of(self.coordinates.of(position, axis).value).clamp(0.0, last) as usize
            })
            .collect()
    }

    /// The matrix from inputs to outputs, `[input, output]`.
    fn matrix(&self, axis: &Axis) -> Vec<Enclosure> {
        let mut matrix = vec![Enclosure::exact(0.0); axis.input * axis.output];
        // Shrinking with antialiasing widens the kernel.
        let shrink = self.antialias && axis.scale.value < 1.0;
        let stretch = if shrink { axis.scale } else { Enclosure::exact(1.0) };
        for position in 0..axis.output {
            let x = self.coordinates.of(position, axis);
            let wide = self.kernel.support() / stretch.value + 1.0;
            let (mut first, mut last) = ((x.value - wide).floor() as i64, (x.value + wide).ceil() as i64);
            if self.exclude_outside {
                (first, last) = (first.max(0), last.min(axis.input as i64 - 1));
            }
            let mut row: Vec<(usize, Enclosure)> = Vec::new();
            for tap in first..=last {
                let weight = self.kernel.weight(Enclosure::exact(tap as f64).sub(x).mul(stretch));
                if weight == Enclosure::exact(0.0) {
                    continue;
                }
                let inside = tap.clamp(0, axis.input as i64 - 1);
                if inside == tap || !self.exclude_outside {
                    row.push((inside as usize, weight));
                }
            }
            let total = row.iter().fold(Enclosure::exact(0.0), |sum, (_, weight)| sum.add(*weight));
            for (index, weight) in row {
                let weight = if self.exclude_outside || shrink { weight.div(total) } else { weight };
                let entry = &mut matrix[index * axis.output + position];
                *entry = entry.add(weight);
            }
        }
        matrix
    }
}

/// Applies the method along one axis.
fn along(
    lowering: &mut Lowering,
    x: &Operand,
    which: usize,
    axis: &Axis,
    method: &Method,
) -> Result<Operand> {
    if method.kernel == Kernel::Nearest {
        let indices = method.indices(axis);
        if indices.iter().copied().eq(0..axis.input) {
            return Ok(x.clone());
        }
        return lowering.layout(x, Layout::Gather { axis: which, indices, shape: vec![axis.output] });
    }
    let shape = Shape::new([axis.input, axis.output])?;
    lowering.room(&shape)?;
    let name = format!("{}_resize{which}", lowering.output_name());
    let matrix = Constant::floats(&name, shape, &method.matrix(axis))?;
    // The axis last, for the product.
    let rank = lowering.shape(x).rank();
    let mut order: Vec<usize> = (0..rank).collect();
    order.swap(which, rank - 1);
    let turned = lowering.transpose(x, order.clone())?;
    let id = lowering.value(&turned)?;
    let product = Operand::Value(lowering.dense(id, &matrix, WeightOrder::InputsFirst, None)?);
    lowering.transpose(&product, order)
}

fn apply(
    lowering: &mut Lowering,
    x: &Operand,
    axes: &[(usize, Axis)],
    method: &Method,
) -> Result<Vec<Operand>> {
    let mut x = x.clone();
    for (which, axis) in axes {
        if axis.output == 0 || axis.input == 0 {
            return Err(Error::input(format!("axis {which} would have size {}", axis.output)));
        }
        if axis.input == axis.output && axis.scale == Enclosure::exact(1.0) {
            continue;
        }
        lowering.room_for(axis.output)?;
        x = along(lowering, &x, *which, axis, method)?;
    }
    Ok(vec![x])
}

/// The size that a scale gives: what is left of the product without its fraction.
fn scaled(input: usize, scale: f64) -> Result<Axis> {
    let output = (input as f64 * scale).floor();
    if !(scale > 0.0 && output < f64::from(i32::MAX)) {
        return Err(Error::input(format!("a scale of {scale}")));
    }
    Ok(Axis { input, output: output as usize, scale: Enclosure::exact(scale) })
}

/// Scales of all axes, exact.
fn scales_of(constant: &Constant) -> Result<Vec<f64>> {
    let numbers = constant.numbers()?;
    if numbers.iter().any(|number| number.radius > 0.0) {
        return Err(Error::unsupported("scales that are known only to within rounding"));
    }
    Ok(numbers.iter().map(|number| number.value).collect())
}

/// Upsample, and Resize of opset 10: positions by division, rounded down.
fn old(lowering: &mut Lowering, call: &Call, scales: &[f64]) -> Result<Vec<Operand>> {
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let kernel = match call.string("mode")?.unwrap_or("nearest") {
        "nearest" => Kernel::Nearest,
        "linear" | "bilinear" => Kernel::Linear,
        other => return Err(Error::unsupported(format!("the mode `{other}`"))),
    };
    if scales.len() != shape.rank() {
        return Err(Error::input(format!("{} scales are given for shape {shape}", scales.len())));
    }
    let axes = scales.iter().zip(shape.iter()).map(|(&scale, &size)| scaled(size, scale));
    let axes: Vec<(usize, Axis)> = axes.collect::<Result<Vec<_>>>()?.into_iter().enumerate().collect();
    let (coordinates, nearest) = (Coordinates::Asymmetric, Nearest::Floor);
    apply(
        lowering,
        x,
        &axes,
        &Method { kernel, coordinates, nearest, antialias: false, exclude_outside: false },
    )
}

/// Scales in an attribute before opset 9, in an input since.
pub(super) fn upsample(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let scales = if call.opset < 9 {
        call.at_most(1)?;
        let scales = call.floats("scales")?.ok_or_else(|| Error::input("the scales are missing"))?;
        scales.iter().map(|&scale| f64::from(scale)).collect()
    } else {
        call.at_most(2)?;
        let scales = call.constant(1, "the scales")?.ok_or_else(|| Error::input("the scales are missing"))?;
        scales_of(scales)?
    };
    old(lowering, call, &scales)
}

pub(super) fn resize(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    if call.opset < 11 {
        call.at_most(2)?;
        let scales = call.constant(1, "the scales")?.ok_or_else(|| Error::input("the scales are missing"))?;
        return old(lowering, call, &scales_of(scales)?);
    }
    call.at_most(4)?;
    let x = call.input(0)?;
    let shape = lowering.shape(x);
    let method = method(call)?;
    let which = match call.ints("axes")? {
        Some(axes) => axes.iter().map(|&axis| shape.axis(axis, 0)).collect::<Result<Vec<_>>>()?,
        None => (0..shape.rank()).collect(),
    };
    let scales = call.constant(2, "the scales")?.filter(|scales| scales.len() > 0);
    let sizes = call.ints_at(3, "the sizes")?.filter(|sizes| !sizes.is_empty());
    let policy = call.string("keep_aspect_ratio_policy")?.unwrap_or("stretch");
    let axes: Vec<Axis> = match (scales, sizes) {
        (Some(scales), None) => {
            let scales = scales_of(scales)?;
            if scales.len() != which.len() {
                return Err(Error::input(format!(
                    "{} scales are given for {} axes",
                    scales.len(),
                    which.len()
                )));
            }
            which
                .iter()
                .zip(scales)
                .map(|(&axis, scale)| scaled(shape[axis], scale))
                .collect::<Result<_>>()?
        }
        (None, Some(sizes)) => {
            let sizes: Option<Vec<usize>> = sizes
                .iter()
                .map(|&size| usize::try_from(size).ok().filter(|&size| i32::try_from(size).is_ok()))
                .collect();
            let sizes = sizes.filter(|sizes| sizes.len() == which.len());
            let sizes = sizes.ok_or_else(|| Error::input("the sizes do not fit the axes"))?;
            sized(&shape, &which, &sizes, policy)?
        }
        _ => return Err(Error::input("either scales or sizes are expected")),
    };
    apply(lowering, x, &which.into_iter().zip(axes).collect::<Vec<_>>(), &method)
}

/// The axes that sizes give, stretched or scaled alike.
fn sized(shape: &Shape, which: &[usize], sizes: &[usize], policy: &str) -> Result<Vec<Axis>> {
    let ratio = |index: usize| number(sizes[index]).div(number(shape[which[index]]));
    let ratios = (0..sizes.len()).map(&ratio);
    let common = match policy {
        "stretch" => None,
        "not_larger" => ratios.reduce(|a, b| if b.value < a.value { b } else { a }),
        "not_smaller" => ratios.reduce(|a, b| if b.value > a.value { b } else { a }),
        other => return Err(Error::unsupported(format!("the policy `{other}`"))),
    };
    let axis = |index: usize| {
        let input = shape[which[index]];
        match common {
            None => Axis { input, output: sizes[index], scale: ratio(index) },
            Some(scale) => {
                // Rounded half up, as the standard says.
                let output = (scale.value * input as f64 + 0.5).floor() as usize;
                Axis { input, output, scale }
            }
        }
    };
    Ok((0..sizes.len()).map(axis).collect())
}

fn method(call: &Call) -> Result<Method> {
    let exclude_outside = call.flag("exclude_outside")?;
    let a = call.finite("cubic_coeff_a", -0.75)?;
    call.ignore("extrapolation_value");
    let kernel = match call.string("mode")?.unwrap_or("nearest") {
        "nearest" => Kernel::Nearest,
        "linear" => Kernel::Linear,
        "cubic" => Kernel::Cubic { a },
        other => return Err(Error::unsupported(format!("the mode `{other}`"))),
    };
    let coordinates = match call.string("coordinate_transformation_mode")?.unwrap_or("half_pixel") {
        "half_pixel" => Coordinates::HalfPixel,
        "half_pixel_symmetric" => Coordinates::HalfPixelSymmetric,
        "pytorch_half_pixel" => Coordinates::PytorchHalfPixel,
        "tf_half_pixel_for_nn" => Coordinates::TfHalfPixel,
        "align_corners" => Coordinates::AlignCorners,
        "asymmetric" => Coordinates::Asymmetric,
        other => {
            return Err(Error::unsupported(format!("the coordinate transformation `{other}`"))
                .hint("crop with Slice, then resize"));
        }
    };
    let nearest = match call.string("nearest_mode")?.unwrap_or("round_prefer_floor") {
        "round_prefer_floor" => Nearest::RoundPreferFloor,
        "round_prefer_ceil" => Nearest::RoundPreferCeil,
        "floor" => Nearest::Floor,
        "ceil" => Nearest::Ceil,
        other => return Err(Error::unsupported(format!("the nearest mode `{other}`"))),
    };
    Ok(Method { kernel, coordinates, nearest, antialias: call.flag("antialias")?, exclude_outside })
}
