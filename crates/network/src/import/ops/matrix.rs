//! Matrix products: mostly with one constant factor, which is a layer's weights.

use netinverse_base::{Error, Result};

use super::arithmetic::along_last_axis;
use crate::import::constant::Constant;
use crate::import::fold::{self, Arithmetic};
use crate::import::lowering::{Lowering, Operand};
use crate::import::node::Call;
use crate::{Bilinear, Op, Shape, WeightOrder};

/// `α A' B' + β C`, one of A and B constant.
pub(super) fn gemm(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(3)?;
    let (a, b) = (call.input(0)?, call.input(1)?);
    let (alpha, beta) = (call.finite("alpha", 1.0)?, call.finite("beta", 1.0)?);
    let (flip_a, flip_b) = (call.flag("transA")?, call.flag("transB")?);
    for x in [a, b] {
        let shape = lowering.shape(x);
        if shape.rank() != 2 {
            return Err(Error::input(format!("a matrix is expected, a tensor of shape {shape} is given")));
        }
    }
    let addend = match call.optional(2) {
        Some(c) if beta != 0.0 => Some(scaled(lowering, c, beta)?),
        _ => None,
    };
    let product = match (a, b) {
        (Operand::Value(_), Operand::Constant(weight)) => {
            let x = if flip_a { lowering.transpose(a, vec![1, 0])? } else { a.clone() };
            let x = lowering.value(&x)?;
            let weight = scaled_weight(lowering, weight, alpha)?;
            let order = if flip_b { WeightOrder::OutputsFirst } else { WeightOrder::InputsFirst };
            let columns = weight.shape[usize::from(!flip_b)];
            // A bias that is the same in every row joins the product.
            if let Some(Operand::Constant(c)) = &addend
                && let Some(bias) = along_last_axis(lowering, c, &Shape::new([1, columns])?)?
            {
                return Ok(vec![Operand::Value(lowering.dense(x, &weight, order, Some(&bias))?)]);
            }
            Operand::Value(lowering.dense(x, &weight, order, None)?)
        }
        (Operand::Constant(weight), Operand::Value(_)) => {
            // A' B' = (B'ᵀ A'ᵀ)ᵀ
            let x = if flip_b { b.clone() } else { lowering.transpose(b, vec![1, 0])? };
            let x = lowering.value(&x)?;
            let weight = scaled_weight(lowering, weight, alpha)?;
            let order = if flip_a { WeightOrder::InputsFirst } else { WeightOrder::OutputsFirst };
            let rows = Operand::Value(lowering.dense(x, &weight, order, None)?);
            lowering.transpose(&rows, vec![1, 0])?
        }
        (Operand::Constant(_), Operand::Constant(_)) => {
            let left = if flip_a { lowering.transpose(a, vec![1, 0])? } else { a.clone() };
            let right = if flip_b { lowering.transpose(b, vec![1, 0])? } else { b.clone() };
            let product = fold_product(lowering, &left, &right)?;
            scaled(lowering, &product, alpha)?
        }
        (Operand::Value(_), Operand::Value(_)) => {
            let left = if flip_a { lowering.transpose(a, vec![1, 0])? } else { a.clone() };
            let right = if flip_b { lowering.transpose(b, vec![1, 0])? } else { b.clone() };
            let product = computed(lowering, &left, &right, &Shape::default())?;
            scaled(lowering, &product, alpha)?
        }
    };
    let Some(addend) = addend else { return Ok(vec![product]) };
    let shape = lowering.shape(&product);
    let result = lowering.arithmetic(Arithmetic::Add, &product, &addend)?;
    if lowering.shape(&result) != shape {
        let addend = lowering.shape(&addend);
        return Err(Error::input(format!("C of shape {addend} does not broadcast to {shape}")));
    }
    Ok(vec![result])
}

fn scaled(lowering: &mut Lowering, x: &Operand, factor: f64) -> Result<Operand> {
    if factor == 1.0 {
        return Ok(x.clone());
    }
    lowering.arithmetic(Arithmetic::Mul, x, &Operand::Constant(Constant::scalar(factor).named("factor")))
}

fn scaled_weight(lowering: &mut Lowering, weight: &Constant, factor: f64) -> Result<Constant> {
    match scaled(lowering, &Operand::Constant(weight.clone()), factor)? {
        Operand::Constant(scaled) => Ok(scaled.named(&weight.name)),
        Operand::Value(_) => unreachable!("a product of constants is a constant"),
    }
}

fn fold_product(lowering: &mut Lowering, a: &Operand, b: &Operand) -> Result<Operand> {
    let (Operand::Constant(a), Operand::Constant(b)) = (a, b) else {
        unreachable!("the caller has two constants");
    };
    if let (&[m, k], &[_, n]) = (&a.shape[..], &b.shape[..]) {
        // A sum of products is computed far faster than a constant is stored.
        lowering.room_for(m.saturating_mul(n).saturating_mul(1 + k / 64))?;
    }
    let name = lowering.output_name().to_string();
    Ok(Operand::Constant(fold::matrix_product(a, b, &name)?))
}

/// The product of two factors that are computed, or of many matrices; vectors are rows on the left and columns on
/// the right, and stay so in the result.
fn computed(lowering: &mut Lowering, a: &Operand, b: &Operand, batch: &Shape) -> Result<Operand> {
    let (left, right) = (lowering.shape(a), lowering.shape(b));
    let (left, right) = match (left.rank(), right.rank()) {
        (1, 1) => (Shape::new([1, left[0]])?, Shape::new([right[0], 1])?),
        (1, _) => (Shape::new([1, left[0]])?, right),
        (_, 1) => (left, Shape::new([right[0], 1])?),
        _ => (left, right),
    };
    let (a, b) = (lowering.reshape(a, left.clone())?, lowering.reshape(b, right.clone())?);
    let sized = |shape: &Shape| Shape::new([batch, &shape[shape.rank() - 2..]].concat());
    let (a, b) = (lowering.expand(&a, &sized(&left)?)?, lowering.expand(&b, &sized(&right)?)?);
    let ids = [lowering.value(&a)?, lowering.value(&b)?];
    if left[left.rank() - 1] != right[right.rank() - 2] {
        lowering.misfit(ids[1], Some(right.rank() - 2), left[left.rank() - 1], false);
    }
    Ok(Operand::Value(lowering.emit(Op::Bilinear(Bilinear::MatMul), &ids)?))
}

/// The matrix that a constant factor is, its leading axes of size 1 dropped.
fn as_matrix(constant: &Constant, vector_is: [usize; 2]) -> Result<Constant> {
    match constant.shape.rank() {
        0 => Err(Error::input("a scalar is no factor of a MatMul")),
        1 => Ok(constant.reshaped(Shape::new(vector_is)?)),
        rank => {
            let matrix = &constant.shape[rank - 2..];
            Ok(constant.reshaped(Shape::new(matrix)?))
        }
    }
}

/// `A B` as NumPy's matmul: vectors are rows on the left and columns on the right, leading axes broadcast.
pub(super) fn matmul(lowering: &mut Lowering, call: &Call) -> Result<Vec<Operand>> {
    call.at_most(2)?;
    Ok(vec![product(lowering, call.input(0)?, call.input(1)?)?])
}

/// The same of any two operands.
pub(super) fn product(lowering: &mut Lowering, a: &Operand, b: &Operand) -> Result<Operand> {
    let (left, right) = (lowering.shape(a), lowering.shape(b));
    if left.rank() == 0 || right.rank() == 0 {
        return Err(Error::input("a scalar is no factor of a MatMul"));
    }
    // The shape that NumPy gives the result, from its rows and columns.
    let rows = left.rank().checked_sub(2).map(|axis| left[axis]);
    let columns = (right.rank() > 1).then(|| right[right.rank() - 1]);
    let lead = |shape: &Shape| Shape::new(&shape[..shape.rank().saturating_sub(2)]);
    let Some(batch) = lead(&left)?.broadcast(&lead(&right)?) else {
        return Err(Error::input(format!("shapes {left} and {right} have no product")));
    };
    let mut sizes = batch.to_vec();
    sizes.extend(rows.into_iter().chain(columns));
    let shape = Shape::new(sizes)?;

    // One matrix for all joins its layer; a batch of constant ones is a factor like any other.
    let many = |x: &Operand, shape: &Shape| {
        matches!(x, Operand::Constant(_)) && lead(shape).is_ok_and(|batch| batch.elements() != 1)
    };
    if many(a, &left) || many(b, &right) {
        let product = computed(lowering, a, b, &batch)?;
        return lowering.reshape(&product, shape);
    }
    let product = match (a, b) {
        (Operand::Value(x), Operand::Constant(constant)) => {
            let weight = as_matrix(constant, [constant.len(), 1])?;
            Operand::Value(lowering.dense(*x, &weight, WeightOrder::InputsFirst, None)?)
        }
        (Operand::Constant(constant), Operand::Value(_)) => {
            let weight = as_matrix(constant, [1, constant.len()])?;
            let x = last_two_swapped(lowering, b)?;
            let x = lowering.value(&x)?;
            let product = Operand::Value(lowering.dense(x, &weight, WeightOrder::OutputsFirst, None)?);
            if right.rank() == 1 { product } else { last_two_swapped(lowering, &product)? }
        }
        (Operand::Constant(left), Operand::Constant(right)) => {
            let left = as_matrix(left, [1, left.len()])?;
            let right = as_matrix(right, [right.len(), 1])?;
            fold_product(lowering, &Operand::Constant(left), &Operand::Constant(right))?
        }
        (Operand::Value(_), Operand::Value(_)) => computed(lowering, a, b, &batch)?,
    };
    lowering.reshape(&product, shape)
}

/// The transpose of each matrix; a vector stays.
fn last_two_swapped(lowering: &mut Lowering, x: &Operand) -> Result<Operand> {
    let rank = lowering.shape(x).rank();
    if rank < 2 {
        return Ok(x.clone());
    }
    let mut axes: Vec<usize> = (0..rank).collect();
    axes.swap(rank - 1, rank - 2);
    lowering.transpose(x, axes)
}
