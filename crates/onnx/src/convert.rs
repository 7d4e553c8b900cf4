//! Messages of `onnx.proto` to the types of this crate.

use std::collections::{HashMap, HashSet};

use netinverse_base::{Error, Place, Result, ResultExt as _};

use crate::decode;
use crate::external::External;
use crate::proto::{
    AttributeProto, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto,
    kind,
};
use crate::read::{MAX_IR_VERSION, MAX_OPSET};
use crate::{
    Attribute, AttributeValue, Dimension, ElementType, Graph, Model, Node, OperatorSet, Tensor, ValueInfo,
};

/// The model that a message holds: not yet sorted, names not yet checked.
pub(crate) fn model(proto: ModelProto, external: &mut External<'_>) -> Result<Model> {
    let ir_version = proto.ir_version.unwrap_or(0);
    if !(3..=MAX_IR_VERSION).contains(&ir_version) {
        let error = Error::unsupported(format!(
            "has IR version {ir_version}, versions 3 to {MAX_IR_VERSION} are read"
        ));
        return Err(error.hint(if ir_version < 3 {
            "export the model anew: the format had no operator sets then"
        } else {
            "export the model with an older release of the onnx package"
        }));
    }
    let opsets = operator_sets(proto.opset_import)?;
    let graph = proto.graph.ok_or_else(|| Error::input("has no graph"))?;
    let functions = proto
        .functions
        .into_iter()
        .map(|function| (domain(function.domain), function.name.unwrap_or_default()))
        .collect();
    let standard = opsets.iter().any(|set| set.domain.is_empty());
    let graph = Converter { external, functions, standard }.graph(graph)?;
    Ok(Model {
        ir_version,
        opsets,
        producer: (proto.producer_name.unwrap_or_default(), proto.producer_version.unwrap_or_default()),
        metadata: proto
            .metadata_props
            .into_iter()
            .map(|entry| (entry.key.unwrap_or_default(), entry.value.unwrap_or_default()))
            .collect(),
        graph,
    })
}

/// The domain under its one name: `ai.onnx` is the standard one, `""`.
fn domain(name: Option<String>) -> String {
    name.filter(|name| name != "ai.onnx").unwrap_or_default()
}

fn operator_sets(imports: Vec<OperatorSetIdProto>) -> Result<Vec<OperatorSet>> {
    let mut sets: Vec<OperatorSet> = Vec::with_capacity(imports.len());
    let mut versions = HashMap::new();
    for import in imports {
        let set = OperatorSet { domain: domain(import.domain), version: import.version.unwrap_or(0) };
        let shown = if set.domain.is_empty() { "ai.onnx" } else { &set.domain };
        if set.version < 1 {
            return Err(Error::input(format!("imports version {} of the operator set {shown}", set.version)));
        }
        if set.domain.is_empty() && set.version > MAX_OPSET {
            let error =
                Error::unsupported(format!("uses opset {}, up to {MAX_OPSET} are known", set.version));
            return Err(error.hint(format!("export it with opset_version={MAX_OPSET} or lower")));
        }
        match versions.insert(set.domain.clone(), set.version) {
            None => sets.push(set),
            Some(other) if other == set.version => {}
            Some(other) => {
                let version = set.version;
                return Err(Error::input(format!(
                    "imports versions {other} and {version} of the operator set {shown}"
                )));
            }
        }
    }
    if sets.is_empty() {
        return Err(Error::input("imports no operator set").hint("the file is damaged, or is not ONNX"));
    }
    Ok(sets)
}

struct Converter<'c, 'p> {
    external: &'c mut External<'p>,
    /// The model-local functions: domain and name.
    functions: HashSet<(String, String)>,
    /// Whether the model imports the standard operator set.
    standard: bool,
}

impl Converter<'_, '_> {
    fn graph(&mut self, proto: GraphProto) -> Result<Graph> {
        if let Some(sparse) = proto.sparse_initializer.into_iter().next() {
            let name = sparse.values.and_then(|values| values.name).unwrap_or_default();
            return Err(Error::unsupported("is a sparse initialiser, which is not read")
                .at(Place::Tensor(name))
                .hint("export the model with dense weights"));
        }
        let initializers = proto
            .initializer
            .into_iter()
            .map(|tensor| finite(decode::tensor(tensor, self.external)?))
            .collect::<Result<_>>()?;
        Ok(Graph {
            name: proto.name.unwrap_or_default(),
            nodes: proto.node.into_iter().map(|node| self.node(node)).collect::<Result<_>>()?,
            initializers,
            inputs: proto.input.into_iter().map(value_info).collect(),
            outputs: proto.output.into_iter().map(value_info).collect(),
            value_info: proto.value_info.into_iter().map(value_info).collect(),
        })
    }

    fn node(&mut self, proto: NodeProto) -> Result<Node> {
        let mut node = Node {
            name: proto.name.unwrap_or_default(),
            op_type: proto.op_type.unwrap_or_default(),
            domain: domain(proto.domain),
            inputs: proto.input,
            outputs: proto.output,
            attributes: Vec::with_capacity(proto.attribute.len()),
        };
        if node.op_type.is_empty() {
            return Err(Error::input("has no operator").at(node.place()));
        }
        let called = (node.domain, node.op_type);
        if self.functions.contains(&called) {
            (node.domain, node.op_type) = called;
            let error = Error::unsupported("calls a function that the model defines, which is not read");
            return Err(error
                .at(node.place())
                .hint("inline it: onnx.inliner.inline_local_functions(onnx.load(\"model.onnx\"))"));
        }
        (node.domain, node.op_type) = called;
        if node.domain.is_empty() && !self.standard {
            return Err(
                Error::input("the model imports no version of the standard operator set").at(node.place())
            );
        }
        for attribute in proto.attribute {
            let attribute = self.attribute(attribute).at(|| node.place())?;
            node.attributes.push(attribute);
        }
        let mut names = HashSet::with_capacity(node.attributes.len());
        if let Some(twice) = node.attributes.iter().find(|attribute| !names.insert(&attribute.name)) {
            let error = Error::input(format!("attribute `{}` is given twice", twice.name));
            return Err(error.at(node.place()));
        }
        Ok(node)
    }

    fn attribute(&mut self, proto: AttributeProto) -> Result<Attribute> {
        let name = proto.name.clone().unwrap_or_default();
        if proto.ref_attr_name.as_deref().is_some_and(|reference| !reference.is_empty()) {
            let error =
                Error::input(format!("attribute `{name}` refers to one of a function, outside of one"));
            return Err(error.hint("inline the model's functions with onnx.inliner"));
        }
        let absent = |what: &str| Error::input(format!("attribute `{name}` is {what} that is absent"));
        // A writer that leaves zeros out leaves out the value of `axis = 0` too.
        let value = match proto.r#type.filter(|&kind| kind != 0).or_else(|| only_kind(&proto)) {
            Some(kind::FLOAT) => AttributeValue::Float(proto.f.unwrap_or_default()),
            Some(kind::INT) => AttributeValue::Int(proto.i.unwrap_or_default()),
            Some(kind::STRING) => AttributeValue::String(proto.s.unwrap_or_default()),
            Some(kind::TENSOR) => {
                let tensor = *proto.t.ok_or_else(|| absent("a tensor"))?;
                let tensor = decode::tensor(tensor, self.external);
                AttributeValue::Tensor(tensor.map_err(|error| error.at(Place::Tensor(name.clone())))?)
            }
            Some(kind::GRAPH) => {
                let graph = *proto.g.ok_or_else(|| absent("a graph"))?;
                AttributeValue::Graph(Box::new(self.graph(graph)?))
            }
            Some(kind::FLOATS) => AttributeValue::Floats(proto.floats),
            Some(kind::INTS) => AttributeValue::Ints(proto.ints),
            Some(kind::STRINGS) => AttributeValue::Strings(proto.strings),
            Some(number) => match kind::OTHERS.iter().find(|(other, _)| *other == number) {
                Some((_, kind)) => AttributeValue::Other(kind),
                None => return Err(Error::input(format!("attribute `{name}` is of kind {number}"))),
            },
            None => return Err(Error::input(format!("attribute `{name}` has no value"))),
        };
        Ok(Attribute { name, value })
    }
}

/// The kind of an attribute that does not say: that of its only value.
fn only_kind(proto: &AttributeProto) -> Option<i32> {
    let present = [
        (kind::FLOAT, proto.f.is_some()),
        (kind::INT, proto.i.is_some()),
        (kind::STRING, proto.s.is_some()),
        (kind::TENSOR, proto.t.is_some()),
        (kind::GRAPH, proto.g.is_some()),
        (kind::FLOATS, !proto.floats.is_empty()),
        (kind::INTS, !proto.ints.is_empty()),
        (kind::STRINGS, !proto.strings.is_empty()),
    ];
    let mut present = present.into_iter().filter(|(_, present)| *present);
    let (kind, _) = present.next()?;
    present.next().is_none().then_some(kind)
}

/// Refuses NaN and infinities among the weights. A scalar may be a bound without effect.
fn finite(tensor: Tensor) -> Result<Tensor> {
    match tensor.data.first_not_finite() {
        Some((index, value)) if tensor.len() > 1 => {
            let what = if value.is_nan() { "NaN" } else { "infinite" };
            Err(Error::input(format!("element {index} is {what}"))
                .at(Place::Tensor(tensor.name))
                .hint("training may have diverged before the model was saved"))
        }
        _ => Ok(tensor),
    }
}

fn value_info(proto: ValueInfoProto) -> ValueInfo {
    let tensor = proto.r#type.and_then(|of| of.tensor_type);
    let (element, shape) = tensor.map_or((None, None), |tensor| (tensor.elem_type, tensor.shape));
    let dimension = |value: Option<DimensionValue>| match value {
        Some(DimensionValue::DimValue(size)) => {
            usize::try_from(size).map_or(Dimension::Unknown, Dimension::Fixed)
        }
        Some(DimensionValue::DimParam(name)) if !name.is_empty() => Dimension::Symbolic(name),
        Some(DimensionValue::DimParam(_)) | None => Dimension::Unknown,
    };
    ValueInfo {
        name: proto.name.unwrap_or_default(),
        element_type: element.filter(|&number| number != 0).map(ElementType::from_number),
        shape: shape.map(|shape| shape.dim.into_iter().map(|dim| dimension(dim.value)).collect()),
    }
}
