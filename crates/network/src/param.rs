use std::sync::{Arc, OnceLock};

use netinverse_base::{Error, Place, Result};

use crate::Shape;

/// A constant of a network: a weight, a bias, a scale.
///
/// The values are kept **as stored** in the file, because proofs are about the graph as stored. A constant
/// that was computed while loading, and not exactly, carries a radius: the true real number lies within
/// `radius[i]` of `values[i]`.
#[derive(Debug, Clone)]
pub struct Param {
    name: String,
    shape: Shape,
    stored: Stored,
    radius: Option<Arc<[f64]>>,
    /// The other precision, converted when first asked for.
    other_f32: OnceLock<Arc<[f32]>>,
    other_f64: OnceLock<Arc<[f64]>>,
}

#[derive(Debug, Clone)]
enum Stored {
    F32(Arc<[f32]>),
    F64(Arc<[f64]>),
}

impl Param {
    /// A constant stored in float32. Refuses values that are not finite and lengths that do not fit.
    pub fn from_f32(name: impl Into<String>, shape: Shape, values: impl Into<Arc<[f32]>>) -> Result<Self> {
        let values = values.into();
        let bad = values.iter().position(|value| !value.is_finite());
        Self::checked(name.into(), shape, values.len(), bad, Stored::F32(values))
    }

    /// A constant stored in float64. Refuses values that are not finite and lengths that do not fit.
    pub fn from_f64(name: impl Into<String>, shape: Shape, values: impl Into<Arc<[f64]>>) -> Result<Self> {
        let values = values.into();
        let bad = values.iter().position(|value| !value.is_finite());
        Self::checked(name.into(), shape, values.len(), bad, Stored::F64(values))
    }

    fn checked(
        name: String,
        shape: Shape,
        length: usize,
        bad: Option<usize>,
        stored: Stored,
    ) -> Result<Self> {
        if length != shape.elements() {
            return Err(
                Error::input(format!("{length} values do not fill shape {shape}")).at(Place::Tensor(name))
            );
        }
        if let Some(index) = bad {
            return Err(Error::input(format!("the value at index {index} is not a finite number"))
                .at(Place::Tensor(name))
                .hint("weights that diverged in training cannot be inverted; export a checkpoint with finite weights"));
        }
        Ok(Param {
            name,
            shape,
            stored,
            radius: None,
            other_f32: OnceLock::new(),
            other_f64: OnceLock::new(),
        })
    }

    /// The same constant, known only to within `radius` (one number an element, none negative).
    /// A radius of zeros is dropped.
    #[must_use]
    pub fn with_radius(mut self, radius: impl Into<Arc<[f64]>>) -> Self {
        let radius = radius.into();
        assert_eq!(radius.len(), self.shape.elements(), "one radius an element");
        assert!(radius.iter().all(|&r| r >= 0.0), "a radius is not negative");
        self.radius = radius.iter().any(|&r| r > 0.0).then_some(radius);
        self
    }

    /// The constant's name in the file; may be empty.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The number of elements.
    pub fn elements(&self) -> usize {
        self.shape.elements()
    }

    /// Whether the file has it in float32 (else float64).
    pub fn is_f32(&self) -> bool {
        matches!(self.stored, Stored::F32(_))
    }

    /// The values in float64: exact when stored in float32.
    pub fn f64(&self) -> &[f64] {
        match &self.stored {
            Stored::F64(values) => values,
            Stored::F32(values) => {
                self.other_f64.get_or_init(|| values.iter().map(|&v| f64::from(v)).collect())
            }
        }
    }

    /// The values in float32: rounded when stored in float64.
    pub fn f32(&self) -> &[f32] {
        match &self.stored {
            Stored::F32(values) => values,
            Stored::F64(values) => self.other_f32.get_or_init(|| values.iter().map(|&v| v as f32).collect()),
        }
    }

    /// How far the true constant may lie from [`Param::f64`]; `None` when it is exact.
    pub fn radius(&self) -> Option<&[f64]> {
        self.radius.as_deref()
    }
}
