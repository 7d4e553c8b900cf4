//! Which model file is which declared network.

use std::path::{Path, PathBuf};

use netinverse_base::{Error, Place, Result, ResultExt};
use netinverse_network::{ImportOptions, Network};
use netinverse_onnx::{ElementType, Model, ValueInfo};
use netinverse_spec::{Equivalence, Specification, TensorDeclaration, Version};

/// The network that the query asserts about.
pub(crate) struct Loaded {
    pub(crate) path: PathBuf,
    pub(crate) model: Model,
    /// With the outputs that are asserted about, hidden tensors in their place where only they are.
    pub(crate) network: Network,
}

/// Reads the network that is asserted about, of `NAME=PATH` or `PATH`; refused where the files do not fit the declarations.
pub(crate) fn load(given: &[String], specification: &Specification) -> Result<Loaded> {
    let option = || Place::Option("--network".into());
    let names: Vec<&str> = specification.networks.iter().map(|network| network.name.as_str()).collect();
    let mut files: Vec<(usize, PathBuf)> = Vec::new();
    for text in given {
        let named = text.split_once('=').and_then(|(name, path)| {
            let index = names.iter().position(|known| *known == name)?;
            Some((index, PathBuf::from(path)))
        });
        let (index, path) = match named {
            Some(named) => named,
            None if names.len() == 1 && (!text.contains('=') || Path::new(text).exists()) => {
                (0, PathBuf::from(text))
            }
            None => {
                return Err(Error::input(format!("`{text}` names no network that the query declares"))
                    .at(option())
                    .hint(format!(
                        "write {}",
                        names.iter().map(|n| format!("`{n}=MODEL.onnx`")).collect::<Vec<_>>().join(", ")
                    )));
            }
        };
        if files.iter().any(|(other, _)| *other == index) {
            return Err(
                Error::input(format!("two files are given for the network `{}`", names[index])).at(option())
            );
        }
        files.push((index, path));
    }
    let asserted = specification.networks.iter().position(|n| n.name == specification.network().name);
    let mut own = asserted.unwrap_or(0);
    for (index, declared) in specification.networks.iter().enumerate() {
        let has = files.iter().any(|(other, _)| *other == index);
        match &declared.equivalence {
            Some(Equivalence::EqualTo(of)) => {
                if has {
                    return Err(Error::input(format!(
                        "`{}` is declared equal to `{of}`, and needs no file",
                        declared.name
                    ))
                    .at(option()));
                }
                if index == own {
                    own = names.iter().position(|name| name == of).unwrap_or(own);
                }
            }
            _ if !has => {
                return Err(Error::input(format!("no file is given for the network `{}`", declared.name))
                    .at(option())
                    .hint(format!("add `--network {}=MODEL.onnx`", declared.name)));
            }
            _ => {}
        }
    }
    let (_, path) = files.into_iter().find(|(index, _)| *index == own).ok_or_else(|| {
        Error::input("no file is given for the network that is asserted about").at(option())
    })?;
    let model = Model::read(&path).at(option)?;
    let in_file = |error: Error| error.at(Place::file(&path)).at(option());
    let names = specification.hidden_outputs().map(|t| t.onnx_name.clone().unwrap_or_else(|| t.name.clone()));
    let import = ImportOptions { outputs: names.collect(), ..ImportOptions::default() };
    let network = Network::import(&model, &import).map_err(in_file)?;
    if specification.version != Version::V1 {
        check_types(&model, &network, specification).map_err(in_file)?;
    }
    specification.check_counts(network.input_size(), network.output_size()).map_err(in_file)?;
    Ok(Loaded { path, model, network })
}

/// Declared element types must be the model's; `Real` stands for any.
fn check_types(model: &Model, network: &Network, specification: &Specification) -> Result<()> {
    let of = |name: &str, all: &[ValueInfo]| all.iter().find(|value| value.name == name)?.element_type;
    let declared = specification.network();
    let sides: [(&[TensorDeclaration], _, &[ValueInfo]); 2] = [
        (&declared.inputs, network.inputs(), &model.graph.inputs),
        (&declared.outputs, network.outputs(), &model.graph.outputs),
    ];
    for (tensors, values, infos) in sides {
        for (tensor, &id) in tensors.iter().zip(values) {
            let Some(actual) = of(&network.value(id).name, infos).map(onnx_name) else { continue };
            let wanted = tensor.element.to_ascii_lowercase();
            let wanted = match wanted.as_str() {
                "float" => "float32",
                "double" => "float64",
                other => other,
            };
            if wanted != "real" && wanted != actual {
                return Err(Error::input(format!(
                    "`{}` is declared {}, the model has {actual}",
                    tensor.name, tensor.element
                ))
                .hint("declare the model's type, or `Real`"));
            }
        }
    }
    Ok(())
}

fn onnx_name(element: ElementType) -> &'static str {
    match element {
        ElementType::F32 => "float32",
        ElementType::F64 => "float64",
        ElementType::F16 => "float16",
        ElementType::BF16 => "bfloat16",
        ElementType::I8 => "int8",
        ElementType::I16 => "int16",
        ElementType::I32 => "int32",
        ElementType::I64 => "int64",
        ElementType::U8 => "uint8",
        ElementType::U16 => "uint16",
        ElementType::U32 => "uint32",
        ElementType::U64 => "uint64",
        ElementType::Bool => "bool",
        ElementType::String => "string",
        _ => "a type that is not read",
    }
}
