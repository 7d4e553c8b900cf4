//! What the tests of `netinverse invert` share: small networks whose values are computed here again, the binary, and a
//! reader of the JSON schema.

#![allow(dead_code)] // each test binary uses its part

use std::path::Path;
use std::process::{Command, Output};

use netinverse::base::Rng;
use netinverse::network::{Dense, Function, Linear, NetworkBuilder, Op, Param, Shape, WeightOrder};
use serde_json::Value;

/// Layers `x·W + b` with a function after each.
pub(crate) struct Layers {
    pub(crate) weights: Vec<Vec<f64>>,
    pub(crate) biases: Vec<Vec<f64>>,
    pub(crate) functions: Vec<Option<Function>>,
}

impl Layers {
    /// One layer: W has a row for each input.
    pub(crate) fn one(weight: &[&[f64]], bias: &[f64], function: Option<Function>) -> Self {
        Layers { weights: vec![weight.concat()], biases: vec![bias.to_vec()], functions: vec![function] }
    }

    /// Random layers with a function between them and none at the end.
    pub(crate) fn random(sizes: &[usize], function: Function, seed: u64) -> Self {
        let mut rng = Rng::new(seed, 0);
        let mut layers = Layers { weights: vec![], biases: vec![], functions: vec![] };
        for (index, pair) in sizes.windows(2).enumerate() {
            let scale = (2.0 / pair[0] as f64).sqrt();
            layers.weights.push((0..pair[0] * pair[1]).map(|_| scale * rng.normal()).collect());
            layers.biases.push((0..pair[1]).map(|_| 0.3 * rng.normal()).collect());
            layers.functions.push((index + 2 < sizes.len()).then_some(function));
        }
        layers
    }

    pub(crate) fn forward(&self, x: &[f64]) -> Vec<f64> {
        let mut value = x.to_vec();
        for ((weight, bias), function) in self.weights.iter().zip(&self.biases).zip(&self.functions) {
            let m = bias.len();
            let mut next = bias.clone();
            for (i, x) in value.iter().enumerate() {
                for j in 0..m {
                    next[j] += x * weight[i * m + j];
                }
            }
            if let Some(function) = function {
                for z in &mut next {
                    *z = function.value(*z);
                }
            }
            value = next;
        }
        value
    }

    pub(crate) fn write(&self, path: &Path) {
        let mut builder = NetworkBuilder::new();
        let mut n = self.weights[0].len() / self.biases[0].len();
        let mut value = builder.input("x", Shape::new([1, n]).unwrap()).unwrap();
        for (index, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            let m = bias.len();
            let shape = Shape::new([n, m]).unwrap();
            let weight = builder.param(Param::from_f64(format!("W{index}"), shape, weight.clone()).unwrap());
            let shape = Shape::vector(m);
            let bias = builder.param(Param::from_f64(format!("b{index}"), shape, bias.clone()).unwrap());
            let dense = Dense { weight, bias: Some(bias), order: WeightOrder::InputsFirst };
            value = builder.node(format!("z{index}"), Op::Linear(Linear::Dense(dense)), &[value]).unwrap();
            if let Some(function) = self.functions[index] {
                value = builder.node(format!("h{index}"), Op::Function(function), &[value]).unwrap();
            }
            n = m;
        }
        builder.finish(&[value]).unwrap().write(path).unwrap();
    }
}

/// Runs `netinverse …` in a folder.
pub(crate) fn netinverse(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_netinverse"))
        .args(arguments)
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts")
}

/// Runs `netinverse invert net.onnx …` in a folder.
pub(crate) fn invert(folder: &Path, arguments: &[&str]) -> Output {
    netinverse(folder, &[&["invert", "net.onnx"], arguments].concat())
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Runs it with `--format json`, checks the status and the schema, and gives the answer.
pub(crate) fn answer(folder: &Path, arguments: &[&str], status: i32) -> Value {
    let output = invert(folder, &[arguments, &["--format", "json"]].concat());
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", text(&output.stderr));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    check_schema(&answer, "inversion");
    answer
}

/// The numbers of a JSON array.
pub(crate) fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

/// Checks a value against a definition of the committed schema of `invert`.
pub(crate) fn check_schema(value: &Value, definition: &str) {
    check_schema_of("invert", value, definition);
}

/// Checks a value against a definition of a verb's committed schema.
pub(crate) fn check_schema_of(verb: &str, value: &Value, definition: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/schema");
    let path = folder.join(format!("{verb}.schema.json"));
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    if let Err(fault) = conforms(value, &schema["$defs"][definition], &schema, definition) {
        panic!("{fault}");
    }
}

/// The part of JSON Schema that the committed schemas use; a keyword that is not known here is a fault.
fn conforms(value: &Value, schema: &Value, root: &Value, at: &str) -> Result<(), String> {
    for (keyword, wanted) in schema.as_object().ok_or("a schema is an object")? {
        let holds = match keyword.as_str() {
            "$ref" => {
                let name = wanted.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                conforms(value, &root["$defs"][name], root, at)?;
                true
            }
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "anyOf" => wanted.as_array().unwrap().iter().any(|s| conforms(value, s, root, at).is_ok()),
            "type" => match wanted {
                Value::Array(types) => types.iter().any(|t| is_of_type(value, t.as_str().unwrap())),
                one => is_of_type(value, one.as_str().unwrap()),
            },
            "minimum" => value.as_f64().is_none_or(|v| v >= wanted.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|v| v <= wanted.as_f64().unwrap()),
            "minItems" => value.as_array().is_none_or(|v| v.len() as u64 >= wanted.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|v| v.len() as u64 <= wanted.as_u64().unwrap()),
            "pattern" => {
                // The one pattern in use.
                assert_eq!(wanted, "^[0-9a-f]{64}$");
                let text = value.as_str().unwrap_or_default();
                text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
            }
            "required" => wanted.as_array().unwrap().iter().all(|k| value.get(k.as_str().unwrap()).is_some()),
            "additionalProperties" => {
                let known = schema["properties"].as_object().unwrap();
                value.as_object().is_none_or(|object| object.keys().all(|key| known.contains_key(key)))
            }
            "properties" => {
                for (key, schema) in wanted.as_object().unwrap() {
                    if let Some(value) = value.get(key) {
                        conforms(value, schema, root, &format!("{at}.{key}"))?;
                    }
                }
                true
            }
            "items" => {
                for (index, value) in value.as_array().into_iter().flatten().enumerate() {
                    conforms(value, wanted, root, &format!("{at}[{index}]"))?;
                }
                true
            }
            other => return Err(format!("the keyword `{other}` is not known here")),
        };
        if !holds {
            return Err(format!("{at}: {value} is against {keyword}: {wanted}"));
        }
    }
    Ok(())
}

fn is_of_type(value: &Value, name: &str) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("type `{other}`"),
    }
}
