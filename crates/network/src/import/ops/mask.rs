//! Masks of −∞ before a softmax, as attention has them: what is masked gets no share, exactly.
//!
//! A network has no infinities. A value that an infinite mask is added to is kept with the mask beside it; the softmax that
//! reads it shares out among the others: `softmax(x)ᵢ mᵢ / Σⱼ softmax(x)ⱼ mⱼ`, which is the softmax over what is not masked
//! whatever x is elsewhere (there it is made low, so that the sum does not vanish in floating point).

use netinverse_base::{Error, Result};

use crate::import::constant::{Constant, Data};
use crate::import::fold::Arithmetic;
use crate::import::lowering::{Lowering, Operand};
use crate::{Function, Layout, Normalizer, Op, Reduce};

/// What masked elements are before the softmax, in place of −∞.
const LOW: f32 = -1e4;

/// Which elements of a float constant are −∞, if some are, and all others finite.
pub(super) fn infinite(constant: &Constant) -> Option<Vec<bool>> {
    let values: Vec<f64> = match &constant.data {
        Data::F32(values) => values.iter().map(|&value| f64::from(value)).collect(),
        Data::F64 { values, radius: None } => values.to_vec(),
        _ => return None,
    };
    let masked: Vec<bool> = values.iter().map(|&value| value == f64::NEG_INFINITY).collect();
    let sound = values.iter().zip(&masked).all(|(value, &masked)| masked || value.is_finite());
    (sound && masked.contains(&true)).then_some(masked)
}

/// `x` where not masked, its `masked` elements marked; `masked` has the constant's shape, which broadcasts.
pub(super) fn apply(
    lowering: &mut Lowering,
    x: &Operand,
    mask: &Constant,
    masked: &[bool],
) -> Result<Operand> {
    let shape = lowering.broadcast(x, &Operand::Constant(mask.clone()))?;
    let x = lowering.expand(x, &shape)?;
    let numbers = |of: [f32; 2]| Constant {
        name: format!("{}_mask", mask.name),
        shape: mask.shape.clone(),
        data: Data::F32(masked.iter().map(|&masked| of[usize::from(masked)]).collect()),
    };
    let (keep, low) = (numbers([1.0, 0.0]), numbers([0.0, LOW]));
    let marked = lowering.scale(&x, Some(&keep), Some(&low))?;
    let wide = lowering.layout(&Operand::Constant(keep), Layout::Expand { shape })?;
    if let (Operand::Value(id), Operand::Constant(keep)) = (&marked, wide) {
        lowering.masks.insert(*id, keep);
    }
    Ok(marked)
}

/// The softmax along an axis of a value, or of what its mask leaves.
pub(super) fn softmax(lowering: &mut Lowering, x: &Operand, axis: usize) -> Result<Operand> {
    let id = lowering.value(x)?;
    let shares = Operand::Value(lowering.emit(Op::Normalizer(Normalizer::Softmax { axis }), &[id])?);
    let Some(keep) = lowering.masks.get(&id).cloned() else { return Ok(shares) };
    let kept = lowering.arithmetic(Arithmetic::Mul, &shares, &Operand::Constant(keep))?;
    let sum = lowering.reduce(&kept, Reduce { axes: vec![axis], keep: true, mean: false })?;
    let inverse = lowering.function(&sum, Function::Reciprocal)?;
    lowering.arithmetic(Arithmetic::Mul, &kept, &inverse)
}

/// Refuses to read a marked value anywhere but in a softmax.
pub(in crate::import) fn refuse(lowering: &Lowering, op: &str, inputs: &[Option<Operand>]) -> Result<()> {
    let is_marked = |input: &Operand| matches!(input, Operand::Value(id) if lowering.masks.contains_key(id));
    if matches!(op, "Softmax" | "Identity" | "Cast" | "Dropout") || !inputs.iter().flatten().any(is_marked) {
        return Ok(());
    }
    Err(Error::unsupported(format!("{op} of a value that a mask has made infinite"))
        .hint("a mask of -inf is read where a Softmax follows; elsewhere use a finite number such as -1e9"))
}
