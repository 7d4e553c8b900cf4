//! What a specification declares: networks, and the tensors whose elements it speaks of.

use std::collections::HashMap;

use netinverse_base::{Error, Result};

use crate::Variable;

/// How many elements the tensors of one network may have together.
pub(super) const MAX_ELEMENTS: usize = 1 << 22;

/// A declared tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TensorDeclaration {
    /// The name in the specification; it need not be the model's.
    pub name: String,
    /// The element type as declared: `Real`, or an ONNX type such as `float32`.
    pub element: String,
    /// The declared shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// The model's own name of the tensor (always given for hidden tensors).
    pub onnx_name: Option<String>,
    /// Whether the input is declared `initialized`: the model's default value is meant.
    pub initialized: bool,
}

impl TensorDeclaration {
    /// How many elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether a dimension is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How a declared network is said to relate to an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Equivalence {
    /// The same model file.
    EqualTo(String),
    /// The same structure with other weights.
    IsomorphicTo(String),
}

/// A declared network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NetworkDeclaration {
    /// Its name; `f` in VNN-LIB 1.0, which has no names for networks.
    pub name: String,
    /// Its relation to an earlier network.
    pub equivalence: Option<Equivalence>,
    /// The inputs, in the order of declaration.
    pub inputs: Vec<TensorDeclaration>,
    /// The hidden tensors.
    pub hidden: Vec<TensorDeclaration>,
    /// The outputs.
    pub outputs: Vec<TensorDeclaration>,
}

impl NetworkDeclaration {
    /// How many scalar inputs over all input tensors.
    pub fn input_count(&self) -> usize {
        self.inputs.iter().map(TensorDeclaration::len).sum()
    }

    /// How many scalar outputs over all output tensors.
    pub fn output_count(&self) -> usize {
        self.outputs.iter().map(TensorDeclaration::len).sum()
    }

    /// How many scalars over all hidden tensors.
    pub fn hidden_count(&self) -> usize {
        self.hidden.iter().map(TensorDeclaration::len).sum()
    }
}

/// Which variables a symbol stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Input,
    Output,
    Hidden,
}

impl Kind {
    pub(super) fn variable(self, index: usize) -> Variable {
        let index = index as u32; // MAX_ELEMENTS fits
        match self {
            Kind::Input => Variable::Input(index),
            Kind::Output => Variable::Output(index),
            Kind::Hidden => Variable::Hidden(index),
        }
    }
}

/// A symbol of the assertions: a tensor, or in VNN-LIB 1.0 one of its elements.
#[derive(Debug, Clone)]
pub(super) struct Symbol {
    pub(super) network: usize,
    pub(super) kind: Kind,
    /// The flat index of its first element among those of its kind.
    pub(super) first: usize,
    pub(super) shape: Vec<usize>,
}

impl Symbol {
    /// The flat, row-major index of an element among those of its kind.
    pub(super) fn element(&self, indices: &[usize]) -> Result<usize> {
        if indices.len() != self.shape.len() {
            return Err(Error::input(format!(
                "{} indices for a tensor of {} dimensions",
                indices.len(),
                self.shape.len()
            ))
            .hint("give one index for each dimension, from 0: `X[0,3]`; a scalar has none"));
        }
        let mut flat = 0;
        for (axis, (&index, &size)) in indices.iter().zip(&self.shape).enumerate() {
            if index >= size {
                return Err(Error::input(format!(
                    "index {index} is out of range, dimension {axis} has size {size}"
                ))
                .hint("indices start at 0"));
            }
            flat = flat * size + index;
        }
        Ok(self.first + flat)
    }
}

/// The scalars `X_i`, `Y_j` that a VNN-LIB 1.0 file has declared so far.
#[derive(Debug, Default)]
pub(super) struct FlatScalars {
    /// By kind: how many are declared, and the largest index with its offset in the file.
    inputs: (usize, Option<(usize, usize)>),
    outputs: (usize, Option<(usize, usize)>),
}

impl FlatScalars {
    /// The kind and index that a name of VNN-LIB 1.0 says.
    pub(super) fn parse_name(name: &str) -> Option<(Kind, usize)> {
        let (kind, digits) = match name.split_at_checked(2)? {
            ("X_", digits) => (Kind::Input, digits),
            ("Y_", digits) => (Kind::Output, digits),
            _ => return None,
        };
        let canonical = digits == "0" || !digits.starts_with('0');
        if digits.is_empty() || !canonical || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        digits.parse().ok().map(|index| (kind, index))
    }

    /// Takes a declaration at `offset` of the file.
    pub(super) fn declare(&mut self, kind: Kind, index: usize, offset: usize) {
        let (count, largest) = if kind == Kind::Input { &mut self.inputs } else { &mut self.outputs };
        *count += 1;
        if largest.is_none_or(|(old, _)| index > old) {
            *largest = Some((index, offset));
        }
    }

    /// The network that was declared; refused, with the offset, if indices are left out.
    pub(super) fn network(
        &self,
        symbols: &HashMap<String, Symbol>,
    ) -> Result<NetworkDeclaration, (Error, usize)> {
        let tensor = |letter: &str, (count, largest): (usize, Option<(usize, usize)>)| {
            let Some((index, offset)) = largest else { return Ok(Vec::new()) };
            if count != index + 1 {
                let missing =
                    (0..=index).find(|i| !symbols.contains_key(&format!("{letter}_{i}"))).unwrap_or(0);
                let error =
                    Error::input(format!("`{letter}_{index}` is declared, `{letter}_{missing}` is not"))
                        .hint("declare every variable from index 0 on");
                return Err((error, offset));
            }
            Ok(vec![TensorDeclaration {
                name: letter.to_string(),
                element: "Real".to_string(),
                shape: vec![count],
                onnx_name: None,
                initialized: false,
            }])
        };
        Ok(NetworkDeclaration {
            name: "f".to_string(),
            inputs: tensor("X", self.inputs)?,
            outputs: tensor("Y", self.outputs)?,
            ..NetworkDeclaration::default()
        })
    }
}
