//! Constants of the model while it is read: integers exact, floats as stored or with a radius.

use std::sync::Arc;

use netinverse_base::{Error, Place, Result};
use netinverse_onnx::{Tensor, TensorData};

use super::enclosure::Enclosure;
use crate::{IndexMap, Layout, Param, Shape};

/// The most axes of a tensor; NumPy and PyTorch have 64.
const MAX_RANK: usize = 64;

/// Refuses tensors of more axes than anybody has.
pub(super) fn check_rank(rank: usize) -> Result<()> {
    if rank <= MAX_RANK {
        Ok(())
    } else {
        Err(Error::input(format!("a tensor of {rank} axes, {MAX_RANK} are the most")))
    }
}

/// A constant: an initialiser, or what was folded from initialisers.
#[derive(Debug, Clone)]
pub(super) struct Constant {
    /// The tensor's name in the file.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) data: Data,
}

/// The elements of a [`Constant`], row-major.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Any integer type, in 64 bits.
    Int(Arc<[i64]>),
    Bool(Arc<[bool]>),
    /// float32 as stored (float16 and bfloat16 widened).
    F32(Arc<[f32]>),
    /// float64 as stored, or computed, then perhaps within a radius of the true number.
    F64 {
        values: Arc<[f64]>,
        radius: Option<Arc<[f64]>>,
    },
}

impl Data {
    /// The element type, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Data::Int(_) => "integer",
            Data::Bool(_) => "bool",
            Data::F32(_) | Data::F64 { .. } => "float",
        }
    }
}

impl Constant {
    /// The constant that a tensor of the file holds, `name` where the tensor has none.
    pub(super) fn from_tensor(tensor: &Tensor, name: &str) -> Result<Self> {
        fn integers<T: Copy + Into<i64>>(values: &[T]) -> Data {
            Data::Int(values.iter().map(|&value| value.into()).collect())
        }
        let name = if tensor.name.is_empty() { name } else { &tensor.name };
        let place = || Place::Tensor(name.to_string());
        let data = match &tensor.data {
            TensorData::F32(values) => Data::F32(values.as_slice().into()),
            TensorData::F64(values) => Data::F64 { values: values.as_slice().into(), radius: None },
            TensorData::F16(values) => Data::F32(values.iter().map(|value| value.to_f32()).collect()),
            TensorData::BF16(values) => Data::F32(values.iter().map(|value| value.to_f32()).collect()),
            TensorData::I8(values) => integers(values),
            TensorData::I16(values) => integers(values),
            TensorData::I32(values) => integers(values),
            TensorData::I64(values) => integers(values),
            TensorData::U8(values) => integers(values),
            TensorData::U16(values) => integers(values),
            TensorData::U32(values) => integers(values),
            TensorData::U64(values) => {
                let exact: Result<Arc<[i64]>, _> = values.iter().map(|&value| i64::try_from(value)).collect();
                Data::Int(exact.map_err(|_| {
                    Error::unsupported("a uint64 element above the largest int64").at(place())
                })?)
            }
            TensorData::Bool(values) => Data::Bool(values.as_slice().into()),
            _ => {
                return Err(Error::unsupported("its elements are not numbers")
                    .at(place())
                    .hint("export the part of the model that computes with numbers only"));
            }
        };
        check_rank(tensor.dims.len()).map_err(|error| error.at(place()))?;
        let shape = Shape::new(tensor.dims.clone()).map_err(|error| error.at(place()))?;
        let constant = Constant { name: name.to_string(), shape, data };
        if constant.len() == constant.shape.elements() {
            Ok(constant)
        } else {
            Err(Error::input(format!("{} elements do not fill shape {}", constant.len(), constant.shape))
                .at(place()))
        }
    }

    /// Integers computed while reading; as many as the shape has elements.
    pub(super) fn ints(name: &str, shape: Shape, values: Vec<i64>) -> Self {
        debug_assert_eq!(shape.elements(), values.len());
        Constant { name: name.to_string(), shape, data: Data::Int(values.into()) }
    }

    pub(super) fn bools(name: &str, shape: Shape, values: Vec<bool>) -> Self {
        debug_assert_eq!(shape.elements(), values.len());
        Constant { name: name.to_string(), shape, data: Data::Bool(values.into()) }
    }

    /// One number, exact.
    pub(super) fn scalar(value: f64) -> Self {
        let data = Data::F64 { values: [value].into(), radius: None };
        Constant { name: String::new(), shape: Shape::default(), data }
    }

    /// Numbers computed while reading; an error when one overflowed or is not defined.
    pub(super) fn floats(name: &str, shape: Shape, numbers: &[Enclosure]) -> Result<Self> {
        debug_assert_eq!(shape.elements(), numbers.len());
        if let Some(index) = numbers.iter().position(|number| !number.is_finite()) {
            return Err(Error::input(format!(
                "the constant computed at index {index} is not a finite number"
            ))
            .at(Place::Tensor(name.to_string())));
        }
        let values = numbers.iter().map(|number| number.value).collect();
        let inexact = numbers.iter().any(|number| number.radius > 0.0);
        let radius = inexact.then(|| numbers.iter().map(|number| number.radius).collect());
        Ok(Constant { name: name.to_string(), shape, data: Data::F64 { values, radius } })
    }

    /// The number of elements held.
    pub(super) fn len(&self) -> usize {
        match &self.data {
            Data::Int(values) => values.len(),
            Data::Bool(values) => values.len(),
            Data::F32(values) => values.len(),
            Data::F64 { values, .. } => values.len(),
        }
    }

    pub(super) fn is_float(&self) -> bool {
        matches!(self.data, Data::F32(_) | Data::F64 { .. })
    }

    fn place(&self) -> Place {
        Place::Tensor(self.name.clone())
    }

    /// The same with 0 in place of infinities.
    pub(super) fn without_infinities(&self) -> Self {
        let data = match &self.data {
            Data::F32(values) => {
                Data::F32(values.iter().map(|&value| if value.is_infinite() { 0.0 } else { value }).collect())
            }
            Data::F64 { values, radius } => Data::F64 {
                values: values.iter().map(|&value| if value.is_infinite() { 0.0 } else { value }).collect(),
                radius: radius.clone(),
            },
            other => other.clone(),
        };
        Constant { name: self.name.clone(), shape: self.shape.clone(), data }
    }

    /// The integers; an error for any other type.
    pub(super) fn as_ints(&self) -> Result<&[i64]> {
        match &self.data {
            Data::Int(values) => Ok(values),
            other => {
                Err(Error::input(format!("integers are expected, it holds {}s", other.kind()))
                    .at(self.place()))
            }
        }
    }

    /// The truth values; an error for any other type.
    pub(super) fn as_bools(&self) -> Result<&[bool]> {
        match &self.data {
            Data::Bool(values) => Ok(values),
            other => Err(Error::input(format!("truth values are expected, it holds {}s", other.kind()))
                .at(self.place())),
        }
    }

    /// The numbers of a float constant, all finite.
    pub(super) fn numbers(&self) -> Result<Vec<Enclosure>> {
        let numbers: Vec<Enclosure> = match &self.data {
            Data::F32(values) => values.iter().map(|&value| Enclosure::exact(f64::from(value))).collect(),
            Data::F64 { values, radius: None } => {
                values.iter().map(|&value| Enclosure::exact(value)).collect()
            }
            Data::F64 { values, radius: Some(radius) } => values
                .iter()
                .zip(radius.iter())
                .map(|(&value, &radius)| Enclosure { value, radius })
                .collect(),
            other => {
                return Err(
                    Error::input(format!("floats are expected, it holds {}s", other.kind())).at(self.place())
                );
            }
        };
        match numbers.iter().position(|number| !number.is_finite()) {
            Some(index) => Err(Error::input(format!("the value at index {index} is not a finite number"))
                .at(self.place())
                .hint("weights that diverged in training cannot be inverted; export a checkpoint with finite weights")),
            None => Ok(numbers),
        }
    }

    /// The one number of a scalar (or of a tensor of one element), exact and perhaps infinite.
    pub(super) fn one_number(&self) -> Result<f64> {
        let value = match &self.data {
            Data::F32(values) => values.first().copied().map(f64::from),
            Data::F64 { values, radius: None } => values.first().copied(),
            Data::F64 { .. } => {
                return Err(
                    Error::unsupported("a limit that is known only to within rounding").at(self.place())
                );
            }
            _ => None,
        };
        match value {
            Some(value) if self.len() == 1 && !value.is_nan() => Ok(value),
            _ => Err(Error::input(format!(
                "one number is expected, it holds {}s of shape {}",
                self.data.kind(),
                self.shape
            ))
            .at(self.place())),
        }
    }

    /// The same elements in another shape of as many.
    pub(super) fn reshaped(&self, shape: Shape) -> Self {
        debug_assert_eq!(shape.elements(), self.len());
        Constant { name: self.name.clone(), shape, data: self.data.clone() }
    }

    pub(super) fn named(mut self, name: &str) -> Self {
        self.name = name.to_string();
        self
    }

    /// The constant as the network keeps it; refuses anything but finite floats.
    pub(super) fn to_param(&self) -> Result<Param> {
        match &self.data {
            Data::F32(values) => Param::from_f32(&self.name, self.shape.clone(), Arc::clone(values)),
            Data::F64 { values, radius } => {
                let param = Param::from_f64(&self.name, self.shape.clone(), Arc::clone(values))?;
                Ok(match radius {
                    Some(radius) => param.with_radius(Arc::clone(radius)),
                    None => param,
                })
            }
            other => {
                Err(Error::input(format!("floats are expected, it holds {}s", other.kind())).at(self.place()))
            }
        }
    }

    /// The constant with its elements rearranged as a layout says; `output` is the shape written.
    pub(super) fn laid_out(&self, layout: &Layout, output: Shape) -> Self {
        let Some(map) = layout.index_map(&self.shape) else {
            return self.reshaped(output);
        };
        Constant { name: self.name.clone(), shape: output, data: self.pick(&map) }
    }

    fn pick(&self, map: &IndexMap) -> Data {
        fn from<T: Copy>(values: &[T], map: &IndexMap, fill: T) -> Arc<[T]> {
            let element =
                |&source: &u32| if source == IndexMap::FILL { fill } else { values[source as usize] };
            map.sources.iter().map(element).collect()
        }
        match &self.data {
            Data::Int(values) => Data::Int(from(values, map, map.fill as i64)),
            Data::Bool(values) => Data::Bool(from(values, map, map.fill != 0.0)),
            Data::F32(values) if f64::from(map.fill as f32) == map.fill => {
                Data::F32(from(values, map, map.fill as f32))
            }
            Data::F32(values) => {
                let wide: Vec<f64> = values.iter().map(|&value| f64::from(value)).collect();
                Data::F64 { values: from(&wide, map, map.fill), radius: None }
            }
            Data::F64 { values, radius } => Data::F64 {
                values: from(values, map, map.fill),
                radius: radius.as_ref().map(|radius| from(radius, map, 0.0)),
            },
        }
    }

    /// Several constants of one type one after the other along an axis; `shape` is the shape written.
    pub(super) fn concat(parts: &[&Constant], axis: usize, shape: Shape, name: &str) -> Result<Self> {
        let outer: usize = shape[..axis].iter().product();
        fn join<T: Copy>(pieces: &[(&[T], usize)], outer: usize) -> Arc<[T]> {
            let mut joined = Vec::with_capacity(pieces.iter().map(|(values, _)| values.len()).sum());
            for row in 0..outer {
                for (values, width) in pieces {
                    joined.extend_from_slice(&values[row * width..(row + 1) * width]);
                }
            }
            joined.into()
        }
        let width = |part: &Constant| part.shape[axis..].iter().product::<usize>();
        let data = if let Some(pieces) = all(parts, |part| match &part.data {
            Data::Int(values) => Some((&values[..], width(part))),
            _ => None,
        }) {
            Data::Int(join(&pieces, outer))
        } else if let Some(pieces) = all(parts, |part| match &part.data {
            Data::Bool(values) => Some((&values[..], width(part))),
            _ => None,
        }) {
            Data::Bool(join(&pieces, outer))
        } else if let Some(pieces) = all(parts, |part| match &part.data {
            Data::F32(values) => Some((&values[..], width(part))),
            _ => None,
        }) {
            Data::F32(join(&pieces, outer))
        } else {
            let numbers: Vec<Vec<Enclosure>> =
                parts.iter().map(|part| part.numbers()).collect::<Result<_>>()?;
            let pieces: Vec<_> =
                numbers.iter().zip(parts).map(|(numbers, part)| (numbers.as_slice(), width(part))).collect();
            return Constant::floats(name, shape, &join(&pieces, outer));
        };
        Ok(Constant { name: name.to_string(), shape, data })
    }
}

/// What `view` sees of every part, if it sees all.
fn all<'a, T>(parts: &[&'a Constant], view: impl Fn(&'a Constant) -> Option<T>) -> Option<Vec<T>> {
    parts.iter().map(|part| view(part)).collect()
}
