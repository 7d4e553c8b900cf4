//! VNN-LIB 1.0 and 2.x: specifications of inputs and outputs as files.
//!
//! 1.0 is SMT-LIB with one scalar an element (`X_0`, `Y_3`); 2.0 declares networks and tensors and
//! indexes them (`X[0,3]`). Sources: Demarchi et al., "Supporting Standardization of Neural Networks
//! Verification with VNNLIB and CoCoNet" (2023); the VNN-LIB 2.0 standard (arXiv 2605.07451).
//!
//! The reader takes what both ask for, and what files in the wild hold beside it: chained
//! comparisons, `not`, `=>`, division by constants, exponents, bounds inside `(or (and …))`. Numbers
//! are exact rationals. What is not linear is refused by line and column.

mod assertion;
mod commands;
mod declarations;
mod lexer;

use std::path::Path;

use netinverse_base::{Error, Place, Result, ResultExt};

pub use declarations::{Equivalence, NetworkDeclaration, TensorDeclaration};

use crate::cases::Case;
use crate::{Formula, NormalForm, Variable};

/// The language version of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// 1.0: scalar variables, no version line.
    V1,
    /// 2.x: networks and tensors.
    V2 {
        /// The x.
        minor: u32,
    },
}

/// A specification: the networks it declares, and what it asserts about one of them.
///
/// ```
/// use netinverse_spec::Specification;
/// let spec = Specification::parse(
///     "(declare-const X_0 Real) (declare-const Y_0 Real)
///      (assert (>= X_0 -1)) (assert (<= X_0 1))
///      (assert (or (<= Y_0 -2.5) (>= Y_0 1e2)))",
/// )
/// .unwrap();
/// assert_eq!((spec.input_count(), spec.output_count()), (1, 1));
/// let cases = spec.cases().unwrap();
/// assert_eq!((cases.len(), cases[0].pieces.len()), (1, 2));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Specification {
    /// The language version.
    pub version: Version,
    /// Every declared network.
    pub networks: Vec<NetworkDeclaration>,
    /// What is asserted, over the variables of [`Specification::network`]. Where only hidden tensors
    /// are asserted about, they take the outputs' place ([`Specification::hidden_outputs`]).
    pub formula: Formula,
    network: usize,
    /// The hidden tensors that stand for the outputs, by position; empty if the outputs do.
    hidden_outputs: Vec<usize>,
}

impl Specification {
    /// Reads a specification; errors say line and column.
    pub fn parse(text: &str) -> Result<Self> {
        commands::Reader::new(text).read()
    }

    /// Reads a specification from a file; errors say the file too.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::io(path, &error))?;
        if bytes.starts_with(&[0x1f, 0x8b]) {
            return Err(Error::unsupported("the file is compressed")
                .at(Place::file(path))
                .hint("decompress it first, for example with `gunzip`"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|error| {
            Error::input("not a text file").at(Place::Byte(error.valid_up_to() as u64)).at(Place::file(path))
        })?;
        Self::parse(text).at(|| Place::file(path))
    }

    fn new(version: Version, networks: Vec<NetworkDeclaration>, network: usize, formula: Formula) -> Self {
        let mut specification =
            Specification { version, networks, formula, network, hidden_outputs: Vec::new() };
        specification.put_hidden_for_outputs();
        specification
    }

    /// The network that is asserted about (the first, if nothing is asserted).
    pub fn network(&self) -> &NetworkDeclaration {
        &self.networks[self.network]
    }

    /// How many scalar inputs.
    pub fn input_count(&self) -> usize {
        self.network().input_count()
    }

    /// How many scalar outputs: of the output tensors, or of the hidden ones in their place.
    pub fn output_count(&self) -> usize {
        self.output_tensors().map(TensorDeclaration::len).sum()
    }

    /// The tensors that `Variable::Output` counts through.
    pub fn output_tensors(&self) -> impl Iterator<Item = &TensorDeclaration> {
        let network = self.network();
        let outputs: &[TensorDeclaration] =
            if self.hidden_outputs.is_empty() { &network.outputs } else { &[] };
        outputs.iter().chain(self.hidden_outputs.iter().map(|&t| &network.hidden[t]))
    }

    /// The hidden tensors that take the outputs' place, because the assertions speak of them and of no
    /// output: the question is about these intermediate tensors of the model.
    pub fn hidden_outputs(&self) -> impl Iterator<Item = &TensorDeclaration> {
        self.hidden_outputs.iter().map(|&t| &self.network().hidden[t])
    }

    /// Refuses a model with other numbers of inputs or outputs than declared.
    pub fn check_counts(&self, inputs: usize, outputs: usize) -> Result<()> {
        let sides = [("inputs", self.input_count(), inputs), ("outputs", self.output_count(), outputs)];
        for (what, declared, actual) in sides {
            if declared != actual {
                return Err(Error::input(format!(
                    "the specification declares {declared} {what}, the network has {actual}"
                ))
                .hint("check that the specification belongs to this model"));
            }
        }
        Ok(())
    }

    /// A variable's name as the file writes it: `X_3`, `X[0,3]`.
    pub fn name(&self, variable: Variable) -> String {
        let network = self.network();
        match variable {
            Variable::Input(i) => self.element_name(network.inputs.iter(), i as usize),
            Variable::Output(i) => self.element_name(self.output_tensors(), i as usize),
            Variable::Hidden(i) => self.element_name(network.hidden.iter(), i as usize),
        }
        .unwrap_or_else(|| variable.to_string())
    }

    /// The disjunctive normal form of what is asserted.
    pub fn normal_form(&self) -> Result<NormalForm> {
        NormalForm::of(&self.formula)
    }

    /// The cases: boxes of inputs with the outputs asked for there.
    pub fn cases(&self) -> Result<Vec<Case>> {
        Case::of(&self.normal_form()?, self.input_count())
    }

    fn element_name<'a>(
        &self,
        tensors: impl Iterator<Item = &'a TensorDeclaration>,
        index: usize,
    ) -> Option<String> {
        let mut rest = index;
        for tensor in tensors {
            if rest >= tensor.len() {
                rest -= tensor.len();
                continue;
            }
            if self.version == Version::V1 {
                return Some(format!("{}_{rest}", tensor.name));
            }
            let mut indices = vec![0; tensor.shape.len()];
            for (index, &size) in indices.iter_mut().zip(&tensor.shape).rev() {
                (*index, rest) = (rest % size, rest / size);
            }
            let indices: Vec<String> = indices.iter().map(usize::to_string).collect();
            let brackets =
                if indices.is_empty() { String::new() } else { format!("[{}]", indices.join(",")) };
            return Some(format!("{}{brackets}", tensor.name));
        }
        None
    }

    fn put_hidden_for_outputs(&mut self) {
        let is_hidden = |v| matches!(v, Variable::Hidden(_));
        let is_output = |v| matches!(v, Variable::Output(_));
        if !self.formula.mentions(is_hidden) || self.formula.mentions(is_output) {
            return;
        }
        let (mut start, mut moved, mut kept) = (0u32, Vec::new(), 0u32);
        for (position, tensor) in self.networks[self.network].hidden.iter().enumerate() {
            let end = start + tensor.len() as u32;
            let inside = |v| matches!(v, Variable::Hidden(i) if (start..end).contains(&i));
            if self.formula.mentions(inside) {
                self.hidden_outputs.push(position);
                moved.push((start..end, kept));
                kept += end - start;
            }
            start = end;
        }
        self.formula = self.formula.map_variables(&|variable| match variable {
            Variable::Hidden(i) => moved
                .iter()
                .find(|(range, _)| range.contains(&i))
                .map_or(variable, |(range, to)| Variable::Output(i - range.start + to)),
            other => other,
        });
    }
}
