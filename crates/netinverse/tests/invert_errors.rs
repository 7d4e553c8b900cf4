//! What cannot be asked is refused with status 2, one error that points at the place, and no answer.

mod common;

use std::fs;

use common::{Layers, invert, text};
use netinverse::network::Function;
use tempfile::tempdir;

#[test]
fn each_is_refused_at_its_place() {
    let folder = tempdir().unwrap();
    let write = |name: &str, content: &str| fs::write(folder.path().join(name), content).unwrap();
    Layers::random(&[3, 8, 2], Function::Relu, 1).write(&folder.path().join("net.onnx"));
    write("empty.csv", "");
    write("nan.csv", "1,2\n3,nan\n");
    write("bounds.csv", "0,1\n1,0\n0,1\n");
    write("short.csv", "0,1\n0,1\n");
    write("classes.csv", "0\n7\n");
    write("half.csv", "0.5\n");
    write("rows.csv", "1,2\n3,4\n");
    write("near.csv", "0,0,0\n1,1,1\n0,1,0\n");
    write("data.csv", &(0..40).map(|i| format!("{i},{},1\n", i % 7)).collect::<Vec<_>>().concat());
    write("same.csv", &"1,2,3\n".repeat(40));
    write("nan3.csv", "1,2,3\n1,nan,3\n");
    write("empty.vnnlib", "");
    write("answers.json", "{}");
    let declare = |n: usize| -> String {
        (0..n).map(|i| format!("(declare-const X_{i} Real)\n")).collect::<Vec<_>>().concat()
            + "(declare-const Y_0 Real)\n(declare-const Y_1 Real)\n"
    };
    write("contradiction.vnnlib", &(declare(3) + "(assert (>= Y_0 1))\n(assert (<= Y_0 0))\n"));
    write("inputs.vnnlib", &(declare(2) + "(assert (>= Y_0 1))\n"));
    write("syntax.vnnlib", &(declare(3) + "(assert (>= Y_0))\n"));
    write("mixed.vnnlib", &(declare(3) + "(assert (>= Y_0 X_1))\n"));

    let cases: &[(&[&str], &[&str])] = &[
        (&[], &["nothing is asked of the outputs", "hint: give --target"]),
        (&["--target", "1"], &["`--target`: ", "2"]),
        (&["--target", "1,2,3"], &["`--target`: ", "3"]),
        (&["--target", "1,nan"], &["`--target`: ", "NaN"]),
        (&["--target", "1,inf"], &["`--target`: ", "infinite"]),
        (&["--target", "empty.csv"], &["`--target`: empty.csv: the file is empty"]),
        (&["--target", "nan.csv"], &["`--target`: nan.csv: ", "2"]),
        (&["--target", "missing.csv"], &["missing.csv: no such file or directory"]),
        (&["--target", "rows.csv", "--rows", "1..9"], &["rows 1..9 are asked for, there are 2"]),
        (&["--target", "rows.csv", "--rows", "5..2"], &["`--rows`: "]),
        (&["--target", "rows.csv", "--near", "near.csv"], &["2 rows for 3 queries", "`--target`"]),
        (&["--within", "3,1"], &["`--within`: row 0: the lower bound 3 exceeds the upper bound 1"]),
        (&["--within", "short.csv,"], &["short.csv,"]),
        (&["--class", "2"], &["`--class`: class 2 is out of range: the network has 2 outputs"]),
        (&["--class", "-1"], &["`--class`: "]),
        (&["--class", "classes.csv"], &["`--class`: row 1: class 7 is out of range"]),
        (&["--class", "half.csv"], &["`--class`: row 0: 0.5 is not a class"]),
        (&["--class", "1", "--margin", "-1"], &["margin"]),
        (&["--class", "1", "--probability", "1.5"], &["`--class`: the probability 1.5"]),
        (&["--class", "other", "--probability", "0.5"], &["`--probability`: "]),
        (&["--where", "y0 >= 1 && y0 <= 0"], &["`--where`: ", "exclude each other"]),
        (&["--where", "y7 >= 1"], &["`--where`: line 1, column 1: `y7` is out of range"]),
        (&["--where", "y0 >="], &["`--where`: line 1, column "]),
        (&["--where", "y0*y1 >= 0"], &["`--where`: line 1, column "]),
        (&["--where", "x0 >= 0"], &["`--where`: ", "--subject-to"]),
        (&["--spec", "empty.vnnlib"], &["`--spec`: empty.vnnlib: the file is empty"]),
        (&["--spec", "contradiction.vnnlib"], &["`--spec`: "]),
        (&["--spec", "inputs.vnnlib"], &["`--spec`: the specification declares 2 inputs, the network has 3"]),
        (&["--spec", "syntax.vnnlib"], &["`--spec`: syntax.vnnlib: line 6"]),
        (&["--spec", "mixed.vnnlib"], &["inputs and outputs together"]),
        (
            &["--target", "1,2", "--bounds", "1,0"],
            &["`--bounds`: the lower bound 1 exceeds the upper bound 0"],
        ),
        (&["--target", "1,2", "--bounds", "bounds.csv"], &["`--bounds`: row 1: the lower bound 1 exceeds"]),
        (&["--target", "1,2", "--bounds", "short.csv"], &["`--bounds`: 2 rows of bounds for 3 variables"]),
        (&["--target", "1,2", "--bounds", "0,inf"], &["`--bounds`: ", "infinite"]),
        (&["--target", "1,2", "--near", "0,0"], &["`--near`: ", "3"]),
        (&["--target", "1,2", "--weights", "1,1"], &["`--weights`: 2 numbers, the network has 3 inputs"]),
        (&["--target", "1,2", "--weights", "1,0,1"], &["`--weights`: the weight of input 1 is 0"]),
        (&["--target", "1,2", "--fix", "9=1"], &["`--fix`: input 9 does not exist"]),
        (&["--target", "1,2", "--fix", "speed=1"], &["`--fix`: no input is named `speed`"]),
        (&["--target", "1,2", "--fix", "1"], &["`--fix`: `1` does not fix an input"]),
        (
            &["--target", "1,2", "--fix", "1=2", "--bounds", "0,1"],
            &["`--fix`: `x1` = 2 contradicts its bounds 0,1"],
        ),
        (&["--target", "1,2", "--fix", "1=nan"], &["`--fix`: `x1` cannot be NaN"]),
        (
            &["--target", "1,2", "--integer", "1", "--bounds", "0.2,0.8"],
            &["`--integer`: no integer lies between"],
        ),
        (&["--target", "1,2", "--integer", "3"], &["`--integer`: input 3 does not exist"]),
        (
            &["--target", "1,2", "--subject-to", "x0 + x1 >= 9", "--bounds", "0,1"],
            &["`--subject-to`: no input within"],
        ),
        (
            &["--target", "1,2", "--subject-to", "x0 >= 2 && x0 <= 1"],
            &["`--subject-to`: ", "exclude each other"],
        ),
        (&["--target", "1,2", "--subject-to", "y0 >= 2"], &["`--subject-to`: ", "--where"]),
        (&["--maximize", "y0"], &["`--bounds`: an objective needs bounds"]),
        (&["--maximize", "y0 >= 1", "--bounds", "0,1"], &["`--maximize`: line 1, column 1"]),
        (&["--target", "1,2", "--output", "nowhere"], &["`--output`: ", "nowhere"]),
        (&["--target", "1,2", "--count", "0"], &["`--count`: "]),
        (&["--target", "1,2", "--separation", "-1"], &["--separation"]),
        (&["--target", "1,2", "--tolerance", "0"], &["`--tolerance`: "]),
        (&["--target", "1,2", "--input-scale", "0,0"], &["`--input-scale`: row 0: "]),
        (
            &["--target", "1,2", "--output-scale", "0,1;0,1;0,1"],
            &["`--output-scale`: 3 rows of offset,scale for 2"],
        ),
        (&["--target", "1,2", "-o", "answer.txt"], &["`-o`: ", ".json .jsonl .npz .npy .csv .png"]),
        (
            &["--target", "1,2", "-o", "answer.png"],
            &["`-o`: answer.png: the network's inputs are not images"],
        ),
        (&["--target", "1,2", "-o", "nowhere/answer.json"], &["`-o`: there is no folder `nowhere`"]),
        (&["--target", "1,2", "--resume", "missing.json"], &["missing.json: no such file"]),
        (
            &["--target", "1,2", "--resume", "answers.json"],
            &["`--resume`: answers.json: line 1: this is no answer"],
        ),
        (
            &["--target", "1,2", "-o", "answer.svg"],
            &["`-o`: answer.svg: only a complete preimage is drawn", "--complete"],
        ),
        (
            &["--target", "1,2", "--prior", "magic"],
            &["`--prior`: `magic` is not a prior", "hint: write none"],
        ),
        (
            &["--target", "1,2", "--prior", "gaussian"],
            &["`--prior`: a gaussian prior is learned from data", "--data"],
        ),
        (
            &["--target", "1,2", "--prior", "pca=0", "--data", "data.csv"],
            &["`--prior`: `0` is not a number of components"],
        ),
        (&["--target", "1,2", "--prior", "tv=1"], &["`--prior`: `tv` takes no value"]),
        (&["--target", "1,2", "--prior", "tv"], &["`--prior`: the network's inputs are not an image"]),
        (&["--target", "1,2", "--prior", "decoder"], &["`--prior`: `decoder` needs a file"]),
        (&["--target", "1,2", "--prior", "decoder=missing.onnx"], &["`--prior`: missing.onnx: no such file"]),
        (
            &["--target", "1,2", "--prior", "decoder=net.onnx"],
            &["`--prior`: the decoder gives 2 numbers, the network has 3 inputs"],
        ),
        (
            &["--target", "1,2", "--prior", "autoencoder=net.onnx"],
            &["`--prior`: the autoencoder takes 3 numbers and gives 2, the network has 3 inputs"],
        ),
        (
            &["--maximize", "y0", "--bounds", "0,1", "--prior", "pca", "--data", "data.csv"],
            &["`--prior`: an objective and a prior"],
        ),
        (
            &["--target", "1,2", "--integer", "0", "--prior", "pca", "--data", "data.csv"],
            &["`--prior`: a prior is not searched over integer inputs"],
        ),
        (&["--target", "1,2", "--data", "rows.csv"], &["`--data`: rows.csv: ", "3"]),
        (&["--target", "1,2", "--data", "near.csv"], &["`--data`: 3 rows are too few", "at least 25"]),
        (&["--target", "1,2", "--data", "empty.csv"], &["`--data`: empty.csv: the file is empty"]),
        (
            &["--target", "1,2", "--data", "nan3.csv"],
            &["`--data`: nan3.csv: line 2, column 2: the value is NaN"],
        ),
        (
            &["--target", "1,2", "--prior", "gaussian", "--data", "same.csv"],
            &["`--data`: all rows are the same"],
        ),
        (&["--target", "1,2", "--sample", "0", "--bounds", "0,1"], &["`--sample`: at least one"]),
        (
            &["--target", "1,2", "--sample", "9"],
            &["`--sample`: without a prior samples are uniform", "--bounds"],
        ),
        (
            &["--class", "1", "--sample", "9", "--bounds", "0,1"],
            &["`--sample`: a fibre is that of output values"],
        ),
        (
            &["--target", "1,2", "--sample", "9", "--bounds", "0,1", "--subject-to", "x0 <= x1"],
            &["`--sample`: samples are drawn in a box"],
        ),
        (&["--target", "1,2", "--sample", "9", "--count", "2"], &["cannot be used with"]),
        (
            &["--target", "1,2", "--complete", "--bounds", "0,1"],
            &["`--complete`: the complete preimage needs one output, the network has 2"],
        ),
        (&["--target", "1,2", "--complete"], &["`--complete`: ", "give `--bounds`"]),
        (&["--class", "1", "--complete", "--bounds", "0,1"], &["`--complete`: ", "give `--target`"]),
        (&["--target", "1,2", "--class", "1"], &["cannot be used with"]),
        (&["--target", "1,2", "--time-limit", "-1"], &["--time-limit"]),
    ];
    let mut failures = Vec::new();
    for (arguments, parts) in cases {
        let output = invert(folder.path(), arguments);
        let stderr = text(&output.stderr);
        let errors = stderr.lines().filter(|line| line.starts_with("error: ")).count();
        let sound = output.status.code() == Some(2)
            && output.stdout.is_empty()
            && errors == 1
            && parts.iter().all(|part| stderr.contains(part));
        if !sound {
            failures.push(format!("{arguments:?} ({:?}):\n{stderr}", output.status.code()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn a_model_that_is_none_is_refused() {
    let folder = tempdir().unwrap();
    let output = invert(folder.path(), &["--target", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("net.onnx: no such file or directory"));
    fs::write(folder.path().join("net.onnx"), "no model").unwrap();
    let output = invert(folder.path(), &["--target", "1"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("net.onnx"));
}
