//! Element-wise functions.

use netinverse_base::{Error, Result};

use crate::Function;
use crate::import::constant::Constant;
use crate::import::fold::{self, Arithmetic};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;

/// Applies a function to the only input.
fn apply(lowering: &mut Lowering, call: &Call, function: Function) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let x = call.input(0)?;
    // Shape arithmetic takes the absolute value or the positive part of integers.
    if let Operand::Constant(constant) = x
        && !constant.is_float()
    {
        let f: fn(i64) -> Option<i64> = match function {
            Function::Abs => i64::checked_abs,
            Function::Relu => |value| Some(value.max(0)),
            _ => return Err(Error::input(format!("{} of {}s", call.op(), constant.data.kind()))),
        };
        let name = lowering.output_name().to_string();
        return Ok(vec![Operand::Constant(fold::map_ints(constant, &name, f)?)]);
    }
    Ok(vec![lowering.function(x, function)?])
}

macro_rules! plain {
    ($($name:ident => $function:ident),* $(,)?) => {$(
        pub(super) fn $name(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
            apply(lowering, call, Function::$function)
        }
    )*};
}

plain! {
    abs => Abs,
    cos => Cos,
    erf => Erf,
    hard_swish => HardSwish,
    mish => Mish,
    sin => Sin,
    softsign => Softsign,
    sqrt => Sqrt,
    exp => Exp,
    log => Log,
    reciprocal => Reciprocal,
    relu => Relu,
    sigmoid => Sigmoid,
    softplus => Softplus,
    tanh => Tanh,
}

pub(super) fn leaky_relu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    // The default as float32, which is what a runtime computes with.
    let alpha = call.finite("alpha", f64::from(0.01_f32))?;
    apply(lowering, call, Function::LeakyRelu { alpha })
}

pub(super) fn elu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let alpha = call.finite("alpha", 1.0)?;
    apply(lowering, call, Function::Elu { alpha })
}

/// Limits in attributes before opset 11, in inputs since; either may be missing.
pub(super) fn clip(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let limits = if call.opset < 11 {
        call.at_most(1)?;
        [call.float("min")?, call.float("max")?]
    } else {
        call.at_most(3)?;
        let limit = |index, what| -> Result<Option<f64>> {
            call.constant(index, what)?.map(Constant::one_number).transpose()
        };
        if let Some(Operand::Constant(constant)) = call.optional(0)
            && !constant.is_float()
        {
            return clip_ints(lowering, call, constant);
        }
        [limit(1, "the limits of a Clip")?, limit(2, "the limits of a Clip")?]
    };
    let x = call.input(0)?;
    if limits == [None, None] {
        return Ok(vec![x.clone()]);
    }
    let [low, high] = [limits[0].unwrap_or(f64::NEG_INFINITY), limits[1].unwrap_or(f64::INFINITY)];
    if low == f64::INFINITY || high == f64::NEG_INFINITY {
        return Err(Error::input(format!(
            "everything is clipped to an infinity: the limits are {low} and {high}"
        )));
    }
    Ok(vec![lowering.function(x, Function::Clip { low, high })?])
}

fn clip_ints(lowering: &mut Lowering, call: &Call, constant: &Constant) -> Result<Vec<Operand>> {
    let limit = |index: usize, missing: i64| -> Result<i64> {
        match call.ints_at(index, "the limits of a Clip")?.as_deref() {
            None => Ok(missing),
            Some(&[limit]) => Ok(limit),
            Some(_) => Err(Error::input("a limit of a Clip is one number")),
        }
    };
    let (low, high) = (limit(1, i64::MIN)?, limit(2, i64::MAX)?);
    let name = lowering.output_name().to_string();
    Ok(vec![Operand::Constant(fold::map_ints(constant, &name, |value| Some(value.max(low).min(high)))?)])
}

/// `max(0, min(1, αx + β))`.
pub(super) fn hard_sigmoid(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(1)?;
    let alpha = call.finite("alpha", f64::from(0.2_f32))?;
    let beta = call.finite("beta", 0.5)?;
    Ok(vec![clipped_line(lowering, call.input(0)?, alpha, beta)?])
}

fn clipped_line(lowering: &mut Lowering, x: &Operand, alpha: f64, beta: f64) -> Result<Operand> {
    let (scale, shift) = (Constant::scalar(alpha).named("alpha"), Constant::scalar(beta).named("beta"));
    let line = lowering.scale(x, Some(&scale), Some(&shift))?;
    lowering.function(&line, Function::Clip { low: 0.0, high: 1.0 })
}

/// `s ∘ x + (1 − s) ∘ max(x, 0)`, which has one kinked function; one slope for all is a LeakyRelu.
pub(super) fn prelu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    let x = call.input(0)?;
    let Some(slope) = call.constant(1, "the slopes of a PRelu")? else {
        return Err(Error::input("the slopes are missing"));
    };
    if let (1, Ok(alpha)) = (slope.len(), slope.one_number())
        && alpha.is_finite()
        && slope.shape.rank() <= lowering.shape(x).rank()
    {
        return Ok(vec![lowering.function(x, Function::LeakyRelu { alpha })?]);
    }
    let slope = Operand::Constant(slope.clone());
    let one = Operand::Constant(Constant::scalar(1.0).named("1"));
    let rest = lowering.arithmetic(Arithmetic::Sub, &one, &slope)?;
    let positive = lowering.function(x, Function::Relu)?;
    let line = lowering.arithmetic(Arithmetic::Mul, x, &slope)?;
    if lowering.shape(&line) != lowering.shape(x) {
        return Err(Error::input(format!(
            "slopes of shape {} do not broadcast to {}",
            lowering.shape(&slope),
            lowering.shape(x)
        )));
    }
    let kinked = lowering.arithmetic(Arithmetic::Mul, &positive, &rest)?;
    Ok(vec![lowering.arithmetic(Arithmetic::Add, &line, &kinked)?])
}

pub(super) fn celu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let alpha = call.finite("alpha", 1.0)?;
    if alpha <= 0.0 {
        return Err(Error::unsupported(format!("a Celu with alpha = {alpha}"))
            .hint("alpha is positive in every framework that has the function"));
    }
    apply(lowering, call, Function::Celu { alpha })
}

/// γ times an Elu.
pub(super) fn selu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let alpha = call.finite("alpha", f64::from(1.673_263_2_f32))?;
    let gamma = call.finite("gamma", f64::from(1.050_701_f32))?;
    let elu = apply(lowering, call, Function::Elu { alpha })?;
    let factor = Constant::scalar(gamma).named("gamma");
    Ok(vec![lowering.scale(&elu[0], Some(&factor), None)?])
}

pub(super) fn gelu(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let function = match call.string("approximate")?.unwrap_or("none") {
        "none" => Function::Gelu,
        "tanh" => Function::GeluTanh,
        other => return Err(Error::input(format!("an approximation `{other}`, neither none nor tanh"))),
    };
    apply(lowering, call, function)
}

/// `x σ(αx)`
pub(super) fn swish(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    let beta = call.finite("alpha", 1.0)?;
    if beta > 0.0 {
        return apply(lowering, call, Function::Silu { beta });
    }
    call.at_most(1)?;
    let x = call.input(0)?;
    let line = lowering.scale(x, Some(&Constant::scalar(beta).named("alpha")), None)?;
    let gate = lowering.function(&line, Function::Sigmoid)?;
    Ok(vec![lowering.arithmetic(Arithmetic::Mul, x, &gate)?])
}
