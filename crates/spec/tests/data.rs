//! Every VNN-LIB file of the data folder (`NETINVERSE_DATA`): counts that a separate script gave, and
//! bounds against a plain reading of the file's lines.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netinverse_spec::{Rounding, Specification, Variable};

/// File; inputs, outputs; cases; pieces over all cases; half-spaces over outputs over all pieces.
/// Counted by a few lines of Python over the files' text (parentheses and regular expressions).
const COUNTS: [(&str, usize, usize, usize, usize, usize); 26] = [
    ("acasxu/prop_1.vnnlib", 5, 5, 1, 1, 1),
    ("acasxu/prop_2.vnnlib", 5, 5, 1, 1, 4),
    ("acasxu/prop_3.vnnlib", 5, 5, 1, 1, 4),
    ("acasxu/prop_4.vnnlib", 5, 5, 1, 1, 4),
    ("mnistfc/prop_0_0.03.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_0_0.05.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_1_0.03.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_1_0.05.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_2_0.03.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_2_0.05.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_3_0.03.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_3_0.05.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_4_0.03.vnnlib", 784, 10, 1, 9, 9),
    ("mnistfc/prop_4_0.05.vnnlib", 784, 10, 1, 9, 9),
    ("premap/auto_park.vnnlib", 2, 4, 1, 1, 3),
    ("premap/cartpole.vnnlib", 4, 2, 1, 1, 1),
    ("premap/cartpole_hard.vnnlib", 4, 2, 1, 1, 1),
    ("premap/dubinsrejoin.vnnlib", 8, 8, 1, 1, 6),
    ("premap/dubinsrejoin_hard.vnnlib", 8, 8, 1, 1, 6),
    ("premap/lunarlander.vnnlib", 8, 4, 1, 1, 3),
    ("premap/lunarlander_hard.vnnlib", 8, 4, 1, 1, 3),
    ("premap/vcas.vnnlib", 4, 9, 1, 1, 8),
    ("vnncomp-misc/test_nano.vnnlib", 1, 1, 1, 1, 1),
    ("vnncomp-misc/test_prop.vnnlib", 5, 5, 1, 1, 4),
    ("vnncomp-misc/test_small.vnnlib", 1, 1, 1, 1, 1),
    ("vnncomp-misc/test_tiny.vnnlib", 1, 1, 1, 1, 1),
];

fn main() {
    let arguments = Arguments::from_args();
    let data = std::env::var_os("NETINVERSE_DATA").map(PathBuf::from);
    let ignored = data.is_none();
    let mut trials = Vec::new();
    for row in COUNTS {
        let data = data.clone().unwrap_or_default();
        trials.push(Trial::test(row.0, move || check(&data, row)).with_ignored_flag(ignored));
    }
    trials.push(
        Trial::test("every VNN-LIB file is in the table", move || complete(&data.unwrap_or_default()))
            .with_ignored_flag(ignored),
    );
    libtest_mimic::run(&arguments, trials).exit();
}

fn check(data: &Path, row: (&str, usize, usize, usize, usize, usize)) -> Result<(), Failed> {
    let (file, inputs, outputs, cases, pieces, half_spaces) = row;
    let path = data.join(file);
    let spec = Specification::read(&path).map_err(|error| error.to_string())?;
    let found = spec.cases().map_err(|error| error.to_string())?;
    let all: Vec<_> = found.iter().flat_map(|case| &case.pieces).collect();
    let counted = (
        spec.input_count(),
        spec.output_count(),
        found.len(),
        all.len(),
        all.iter().map(|piece| piece.outputs.len()).sum::<usize>(),
    );
    same("counts", counted, (inputs, outputs, cases, pieces, half_spaces))?;
    same("mixed", all.iter().map(|piece| piece.mixed.len()).sum::<usize>(), 0)?;

    let text = std::fs::read_to_string(&path)?;
    let (lower, upper) = plain_bounds(&text, inputs);
    let exact = found[0].bounds();
    same("nearest bounds", exact.rounded(Rounding::Nearest), (lower.clone(), upper.clone()))?;
    let outward =
        exact.outward(|i| spec.name(Variable::Input(i as u32))).map_err(|error| error.to_string())?;
    for i in 0..inputs {
        let near = |a: f64, b: f64| a <= b && b <= a.next_up();
        if !near(outward.lower()[i], lower[i]) || !near(upper[i], outward.upper()[i]) {
            return Err(format!(
                "input {i}: {:?} does not surround the written bounds closely",
                (lower[i], upper[i])
            )
            .into());
        }
    }
    // The box's centre is an input of the first case, a point outside the box is none.
    let centre = outward.centre();
    same("centre", found[0].input_half_spaces().all(|h| h.contains(&centre, &[]) == Some(true)), true)?;
    let mut outside = centre;
    outside[inputs - 1] = outward.upper()[inputs - 1] + 1.0;
    same("outside", found[0].holds(&outside, &vec![0.0; outputs]), Some(false))
}

/// The bounds `(<= X_i v)` and `(>= X_i v)` by their text alone.
fn plain_bounds(text: &str, inputs: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut lower, mut upper) = (vec![f64::NEG_INFINITY; inputs], vec![f64::INFINITY; inputs]);
    for line in text.lines().filter(|line| !line.trim_start().starts_with(';')) {
        for (relation, bounds) in [("(>= X_", &mut lower), ("(<= X_", &mut upper)] {
            for found in line.split(relation).skip(1) {
                let mut words = found.split([' ', ')']);
                let index: usize = words.next().and_then(|w| w.parse().ok()).unwrap();
                bounds[index] = words.next().and_then(|w| w.parse().ok()).unwrap();
            }
        }
    }
    (lower, upper)
}

fn complete(data: &Path) -> Result<(), Failed> {
    let mut found = Vec::new();
    for folder in ["acasxu", "mnistfc", "premap", "vnncomp-misc"] {
        for entry in std::fs::read_dir(data.join(folder))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.ends_with(".vnnlib") {
                found.push(format!("{folder}/{name}"));
            }
        }
    }
    found.sort();
    same("files", found, COUNTS.iter().map(|row| row.0.to_string()).collect())
}

#[allow(clippy::needless_pass_by_value)] // callers build the tuples they compare
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Result<(), Failed> {
    if found == expected { Ok(()) } else { Err(format!("{what}: {found:?}, expected {expected:?}").into()) }
}
