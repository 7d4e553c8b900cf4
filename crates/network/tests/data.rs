//! Every network of the data folder loads, with the sizes that its paper or producer states.
//!
//! The folder is named by `NETINVERSE_DATA`; without it these tests are reported as ignored.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netinverse_network::{Evaluator, Linear, Network, Op};

/// (file, n, m, dense layers and convolutions); one ACAS Xu network stands for its 45.
const NETWORKS: &[(&str, usize, usize, usize)] = &[
    ("inverse-design/arm.onnx", 4, 2, 5),
    ("inverse-design/ballistics.onnx", 4, 1, 4),
    ("inverse-design/sine.onnx", 2, 1, 5),
    ("mnistfc/mnist-net_256x2.onnx", 784, 10, 3),
    ("mnistfc/mnist-net_256x4.onnx", 784, 10, 5),
    ("mnistfc/mnist-net_256x6.onnx", 784, 10, 7),
    ("premap/auto_park.onnx", 2, 4, 2),
    ("premap/cartpole.onnx", 4, 2, 3),
    ("premap/dubinsrejoin.onnx", 8, 8, 3),
    ("premap/lunarlander.onnx", 8, 4, 3),
    ("premap/vcas_1.onnx", 4, 9, 2),
    ("premap/vcas_2.onnx", 4, 9, 2),
    ("premap/vcas_3.onnx", 4, 9, 2),
    ("vnncomp-misc/Convnet_avgpool.onnx", 784, 10, 2),
    ("vnncomp-misc/ffnnSIGMOID__Point_6x200.onnx", 784, 10, 7),
    ("vnncomp-misc/resnet_2b.onnx", 3 * 32 * 32, 10, 8),
    ("vnncomp-misc/test_nano.onnx", 1, 1, 1),
    ("vnncomp-misc/test_sat.onnx", 5, 5, 7),
    ("vnncomp-misc/test_small.onnx", 1, 1, 3),
    ("vnncomp-misc/test_tiny.onnx", 1, 1, 2),
    ("vnncomp-misc/test_unsat.onnx", 5, 5, 7),
];

fn main() {
    let arguments = Arguments::from_args();
    let folder = std::env::var_os("NETINVERSE_DATA").map(PathBuf::from);
    let mut cases: Vec<(String, usize, usize, usize)> =
        NETWORKS.iter().map(|&(file, n, m, layers)| (file.to_string(), n, m, layers)).collect();
    for first in 1..=5 {
        cases.extend(
            (1..=9).map(|second| (format!("acasxu/ACASXU_run2a_{first}_{second}_batch_2000.onnx"), 5, 5, 7)),
        );
    }
    let listed: Vec<String> = cases.iter().map(|case| case.0.clone()).collect();
    let mut trials: Vec<Trial> = cases
        .into_iter()
        .map(|(file, n, m, layers)| {
            let path = folder.clone().unwrap_or_default().join(&file);
            Trial::test(file, move || loads(&path, n, m, layers)).with_ignored_flag(folder.is_none())
        })
        .collect();
    let root = folder.clone().unwrap_or_default();
    trials.push(
        Trial::test("no network is left out", move || nothing_is_left_out(&root, &listed))
            .with_ignored_flag(folder.is_none()),
    );
    libtest_mimic::run(&arguments, trials).exit();
}

fn loads(path: &Path, n: usize, m: usize, layers: usize) -> Result<(), Failed> {
    let network = Network::read(path).map_err(|error| format!("{error}; hints: {:?}", error.hints()))?;
    let found = (network.input_size(), network.output_size());
    if found != (n, m) {
        return Err(format!("sizes are {found:?}, not {:?}", (n, m)).into());
    }
    let weighted = |op: &Op| matches!(op, Op::Linear(Linear::Dense(_) | Linear::Conv(_)));
    let own = network.nodes().iter().filter(|node| weighted(&node.op)).count();
    if own != layers {
        return Err(format!("{own} layers with weights, not {layers}").into());
    }
    // A matrix product and the addition behind it are one layer: no addition of a constant is left behind one.
    for node in network.nodes() {
        let behind_dense = node.inputs.iter().any(|input| {
            network.nodes().iter().any(|other| {
                other.output == *input
                    && matches!(&other.op, Op::Linear(Linear::Dense(dense)) if dense.bias.is_none())
            })
        });
        if behind_dense && matches!(&node.op, Op::Linear(Linear::Scale(scale)) if scale.scale.is_none()) {
            return Err(format!("`{}` is an addition that was not joined", node.name).into());
        }
    }
    if !network.warnings().is_empty() {
        return Err(format!("unexpected warnings: {:?}", network.warnings()).into());
    }
    let (x, mut y) = (vec![0.25; n], vec![0.0; m]);
    Evaluator::<f64>::new(&network).forward(&x, &mut y);
    if y.iter().any(|value| !value.is_finite()) {
        return Err(format!("the value is not finite: {y:?}").into());
    }
    Ok(())
}

fn nothing_is_left_out(root: &Path, listed: &[String]) -> Result<(), Failed> {
    for folder in std::fs::read_dir(root).map_err(|error| error.to_string())? {
        let folder = folder.map_err(|error| error.to_string())?.path();
        let Ok(files) = std::fs::read_dir(&folder) else { continue };
        for file in files {
            let path = file.map_err(|error| error.to_string())?.path();
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            if path.extension().is_some_and(|extension| extension == "onnx") && !listed.contains(&name) {
                return Err(format!("`{name}` is not in the table of this test").into());
            }
        }
    }
    Ok(())
}
