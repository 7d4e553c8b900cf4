//! A node of the model with what it reads, and its attributes, read strictly: an attribute that nobody asked
//! for is an error.

use std::cell::RefCell;

use netinverse_base::{Error, Result};
use netinverse_onnx::{AttributeValue, Node, Tensor};

use super::constant::Constant;
use super::lowering::Operand;

/// A node, what it reads, and the version of the operator set that gives it its meaning.
#[derive(Debug)]
pub(super) struct Call<'m> {
    pub(super) node: &'m Node,
    pub(super) opset: i64,
    /// One operand an input; `None` for an optional input left out.
    pub(super) inputs: Vec<Option<Operand>>,
    /// Attributes that the lowering has asked for: what is left over would be ignored in silence.
    asked: RefCell<Vec<&'static str>>,
}

impl<'m> Call<'m> {
    pub(super) fn new(node: &'m Node, opset: i64, inputs: Vec<Option<Operand>>) -> Self {
        Call { node, opset, inputs, asked: RefCell::new(Vec::new()) }
    }

    pub(super) fn op(&self) -> &'m str {
        &self.node.op_type
    }

    /// The name of output `index`, the node's label where it has none.
    pub(super) fn output(&self, index: usize) -> &'m str {
        match self.node.outputs.get(index) {
            Some(name) if !name.is_empty() => name,
            _ => self.node.label(),
        }
    }

    /// How many outputs are asked for: the position of the last that has a name, plus 1.
    pub(super) fn output_count(&self) -> usize {
        self.node.outputs.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1)
    }

    /// Input `index`, if the node reads one there.
    pub(super) fn optional(&self, index: usize) -> Option<&Operand> {
        self.inputs.get(index).and_then(Option::as_ref)
    }

    /// Input `index`, which the operator cannot do without.
    pub(super) fn input(&self, index: usize) -> Result<&Operand> {
        self.optional(index).ok_or_else(|| {
            Error::input(format!("input {index} is missing, {} are given", self.node.inputs.len()))
        })
    }

    /// All inputs, none of them left out, at least one.
    pub(super) fn all_inputs(&self) -> Result<Vec<&Operand>> {
        let inputs: Option<Vec<_>> = self.inputs.iter().map(Option::as_ref).collect();
        inputs.filter(|inputs| !inputs.is_empty()).ok_or_else(|| Error::input("an input is missing"))
    }

    /// Refuses more inputs than the operator reads.
    pub(super) fn at_most(&self, count: usize) -> Result<()> {
        match self.inputs.iter().skip(count).flatten().next() {
            None => Ok(()),
            Some(_) => Err(Error::input(format!(
                "{} inputs are given, {} reads at most {count} at opset {}",
                self.inputs.len(),
                self.node.op_type,
                self.opset
            ))),
        }
    }

    /// Input `index` where it must be a constant, called `what` in messages.
    pub(super) fn constant(&self, index: usize, what: &str) -> Result<Option<&Constant>> {
        match self.optional(index) {
            None => Ok(None),
            Some(Operand::Constant(constant)) => Ok(Some(constant)),
            Some(Operand::Value(_)) => {
                let name = &self.node.inputs[index];
                Err(Error::unsupported(format!("{what} (`{name}`) depend on the network's input")).hint(
                    format!("{what} must be constants; export the model in inference mode, with its weights"),
                ))
            }
        }
    }

    /// The integers that an input holds, or an attribute in the form of older operator sets.
    pub(super) fn ints_at(&self, index: usize, what: &str) -> Result<Option<Vec<i64>>> {
        Ok(match self.constant(index, what)? {
            None => None,
            Some(constant) => Some(constant.as_ints()?.to_vec()),
        })
    }

    fn attribute(&self, name: &'static str) -> Option<&'m AttributeValue> {
        self.asked.borrow_mut().push(name);
        self.node.attribute(name)
    }

    fn wrong(name: &str, wanted: &str) -> Error {
        Error::input(format!("the attribute `{name}` is not {wanted}"))
    }

    /// Declares an attribute that does not change what inference computes.
    pub(super) fn ignore(&self, name: &'static str) {
        self.asked.borrow_mut().push(name);
    }

    pub(super) fn int(&self, name: &'static str) -> Result<Option<i64>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Int(value)) => Ok(Some(*value)),
            Some(_) => Err(Self::wrong(name, "an integer")),
        }
    }

    /// An integer that is 0 or 1, 0 where absent.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool> {
        match self.int(name)? {
            None | Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(other) => Err(Error::input(format!("the attribute `{name}` is {other}, neither 0 nor 1"))),
        }
    }

    pub(super) fn float(&self, name: &'static str) -> Result<Option<f64>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Float(value)) if value.is_nan() => Err(Self::wrong(name, "a number")),
            Some(AttributeValue::Float(value)) => Ok(Some(f64::from(*value))),
            Some(_) => Err(Self::wrong(name, "a number")),
        }
    }

    /// A finite number, `default` where absent.
    pub(super) fn finite(&self, name: &'static str, default: f64) -> Result<f64> {
        match self.float(name)? {
            None => Ok(default),
            Some(value) if value.is_finite() => Ok(value),
            Some(_) => Err(Self::wrong(name, "finite")),
        }
    }

    pub(super) fn ints(&self, name: &'static str) -> Result<Option<&'m [i64]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Ints(values)) => Ok(Some(values)),
            // A list that was empty when written is read back without its kind by some readers.
            Some(AttributeValue::Floats(values)) if values.is_empty() => Ok(Some(&[])),
            Some(_) => Err(Self::wrong(name, "a list of integers")),
        }
    }

    pub(super) fn floats(&self, name: &'static str) -> Result<Option<&'m [f32]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Floats(values)) => Ok(Some(values)),
            Some(_) => Err(Self::wrong(name, "a list of numbers")),
        }
    }

    /// How many texts a list attribute holds.
    pub(super) fn strings(&self, name: &'static str) -> Result<Option<usize>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Strings(values)) => Ok(Some(values.len())),
            Some(_) => Err(Self::wrong(name, "a list of texts")),
        }
    }

    pub(super) fn string(&self, name: &'static str) -> Result<Option<&'m str>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::String(bytes)) => {
                std::str::from_utf8(bytes).map(Some).map_err(|_| Self::wrong(name, "text"))
            }
            Some(_) => Err(Self::wrong(name, "text")),
        }
    }

    pub(super) fn tensor(&self, name: &'static str) -> Result<Option<&'m Tensor>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(AttributeValue::Tensor(tensor)) => Ok(Some(tensor)),
            Some(_) => Err(Self::wrong(name, "a tensor")),
        }
    }

    /// Whether every attribute was asked for.
    pub(super) fn check_attributes(&self) -> Result<()> {
        let asked = self.asked.borrow();
        match self.node.attributes.iter().find(|attribute| !asked.contains(&attribute.name.as_str())) {
            None => Ok(()),
            Some(attribute) => Err(Error::unsupported(format!(
                "the attribute `{}` is not part of {} at opset {}",
                attribute.name, self.node.op_type, self.opset
            ))
            .hint("the file's opset may not be the one that its nodes were written for")),
        }
    }
}
