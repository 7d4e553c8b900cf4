/// An ONNX model as the file has it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model {
    /// The version of the file format (3 and up are read).
    pub ir_version: i64,
    /// The operator sets that the model imports, one a domain; the default domain is `""`.
    pub opsets: Vec<OperatorSet>,
    /// The tool that wrote the file, and its version; may be empty.
    pub producer: (String, String),
    /// Free text pairs.
    pub metadata: Vec<(String, String)>,
    /// The main graph.
    pub graph: Graph,
}

/// A domain and the version of its operator set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorSet {
    /// The domain; `""` (or `ai.onnx`, read as `""`) is the standard one.
    pub domain: String,
    /// The version, for example 17.
    pub version: i64,
}

/// A graph: nodes in the order of the file, which is topological in a valid model.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Graph {
    /// The graph's name.
    pub name: String,
    /// The nodes.
    pub nodes: Vec<Node>,
    /// The named constants, external data already read.
    pub initializers: Vec<Tensor>,
    /// The declared inputs, initialisers among them in files of IR version 3.
    pub inputs: Vec<ValueInfo>,
    /// The declared outputs.
    pub outputs: Vec<ValueInfo>,
    /// Declared types of intermediate values; never needed, used for names and checks.
    pub value_info: Vec<ValueInfo>,
}

/// A node: one application of an operator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// The node's name; may be empty.
    pub name: String,
    /// The operator, for example `Conv`.
    pub op_type: String,
    /// The operator's domain; `""` is the standard one.
    pub domain: String,
    /// Names of the values read; `""` marks an optional input left out.
    pub inputs: Vec<String>,
    /// Names of the values written; `""` marks an optional output left out.
    pub outputs: Vec<String>,
    /// The attributes, in the order of the file.
    pub attributes: Vec<Attribute>,
}

/// A named attribute of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// The attribute's name, for example `axis`.
    pub name: String,
    /// Its value.
    pub value: AttributeValue,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// A float32, as stored.
    Float(f32),
    /// An integer.
    Int(i64),
    /// Bytes, normally UTF-8.
    String(Vec<u8>),
    /// A tensor.
    Tensor(Tensor),
    /// A subgraph (If, Loop, Scan).
    Graph(Box<Graph>),
    /// Floats.
    Floats(Vec<f32>),
    /// Integers.
    Ints(Vec<i64>),
    /// Byte strings.
    Strings(Vec<Vec<u8>>),
    /// Any other kind (sparse tensors, types, lists of graphs): kept by the name of its kind only.
    Other(&'static str),
}

/// A dense tensor, row-major.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tensor {
    /// The tensor's name; empty for the value of a `Constant`.
    pub name: String,
    /// The sizes; empty for a scalar.
    pub dims: Vec<usize>,
    /// The elements; their number is the product of `dims`.
    pub data: TensorData,
}

/// The elements of a [`Tensor`], in the type as stored.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TensorData {
    /// float32
    F32(Vec<f32>),
    /// float64
    F64(Vec<f64>),
    /// float16, as bits
    F16(Vec<half::f16>),
    /// bfloat16, as bits
    BF16(Vec<half::bf16>),
    /// int8
    I8(Vec<i8>),
    /// int16
    I16(Vec<i16>),
    /// int32
    I32(Vec<i32>),
    /// int64
    I64(Vec<i64>),
    /// uint8
    U8(Vec<u8>),
    /// uint16
    U16(Vec<u16>),
    /// uint32
    U32(Vec<u32>),
    /// uint64
    U64(Vec<u64>),
    /// bool
    Bool(Vec<bool>),
    /// string
    Strings(Vec<Vec<u8>>),
}

impl Default for TensorData {
    fn default() -> Self {
        TensorData::F32(Vec::new())
    }
}

/// The element types of ONNX (`TensorProto.DataType`), those that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are the documentation")]
pub enum ElementType {
    F32,
    F64,
    F16,
    BF16,
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    U64,
    Bool,
    String,
    /// A type that is not read, by its number.
    Other(i32),
}

/// The declared type of a graph's input, output or intermediate value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ValueInfo {
    /// The value's name.
    pub name: String,
    /// Its element type, where declared and a tensor.
    pub element_type: Option<ElementType>,
    /// Its shape, where declared.
    pub shape: Option<Vec<Dimension>>,
}

/// One size of a declared shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// A number.
    Fixed(usize),
    /// A name, such as `batch`.
    Symbolic(String),
    /// Neither; also a negative number, which some exporters write for "any".
    Unknown,
}

impl Model {
    /// The version of the standard operator set, if imported.
    pub fn opset(&self) -> Option<i64> {
        self.opsets.iter().find(|set| set.domain.is_empty()).map(|set| set.version)
    }
}

impl Node {
    /// The attribute of that name.
    pub fn attribute(&self, name: &str) -> Option<&AttributeValue> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }

    /// What to call this node in a message: its name, or else its first output's.
    pub fn label(&self) -> &str {
        if self.name.is_empty() { self.outputs.first().map_or("", String::as_str) } else { &self.name }
    }
}
