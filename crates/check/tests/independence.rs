//! The checker shares nothing with what it checks but the ONNX reader, and stays small enough to be read.

use std::path::Path;

/// Lines that are neither blank, nor comments, nor tests.
fn code_lines(folder: &Path) -> usize {
    let mut total = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            total += code_lines(&path);
        } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
            total += code.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with("//")).count();
        }
    }
    total
}

#[test]
fn nothing_of_ours_is_used_but_the_onnx_reader() {
    let manifest = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let ours: Vec<&str> = manifest
        .lines()
        .filter(|line| line.starts_with("netinverse-"))
        .map(|line| line.split(['.', ' ', '=']).next().unwrap())
        .collect();
    assert_eq!(ours, ["netinverse-onnx"], "dependencies, those of tests too");
    assert!(!manifest.contains("path ="), "no dependency by path");
}

#[test]
fn the_crate_is_small() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (kernel, all) = (code_lines(&source.join("kernel")), code_lines(&source));
    println!("kernel {kernel}, crate {all}");
    assert!(all < 9450, "{all} lines");
    assert!(kernel < 2740, "{kernel} lines");
}
