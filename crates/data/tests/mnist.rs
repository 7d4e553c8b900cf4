//! MNIST's own files, where `NETINVERSE_DATA` names the folder that has them, and files in their format.

use std::path::{Path, PathBuf};

use libtest_mimic::{Arguments, Failed, Trial};
use netinverse_base::{Budget, Silent};
use netinverse_data::digits::Source;
use netinverse_data::mnist::{FILES, cache_folder_in, fetch_mnist, load_mnist};
use netinverse_data::{Array, RowsOptions, Values, idx, read_rows};

fn main() {
    let data = std::env::var_os("NETINVERSE_DATA").map(|folder| PathBuf::from(folder).join("mnist"));
    let absent = data.is_none();
    let with_data = |name: &str, test: fn(&Path) -> Result<(), Failed>| {
        let data = data.clone().unwrap_or_default();
        Trial::test(name, move || test(&data)).with_ignored_flag(absent)
    };
    let trials = vec![
        with_data("the_digits_are_mnist", the_digits_are_mnist),
        with_data("the_sums_are_those_of_the_files", the_sums_are_those_of_the_files),
        Trial::test("other_names_and_wrong_sets", other_names_and_wrong_sets),
        Trial::test("where_the_cache_is", where_the_cache_is),
    ];
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

fn the_digits_are_mnist(folder: &Path) -> Result<(), Failed> {
    let digits = load_mnist(folder)?;
    assert_eq!(digits.source, Source::Mnist);
    assert_eq!((digits.train.len(), digits.test.len()), (60_000, 10_000));
    // The published first labels, class counts and mean grey value of the training set.
    assert_eq!(digits.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(digits.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    let mut counts = [0; 10];
    digits.train.labels().iter().for_each(|&label| counts[label as usize] += 1);
    assert_eq!(counts, [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    let sum = digits.train.pixels().iter().map(|&pixel| u64::from(pixel)).sum::<u64>();
    let mean = sum as f64 / 255.0 / digits.train.pixels().len() as f64;
    assert!((mean - 0.1307).abs() < 5e-5, "mean {mean}");
    // The same pixels by the other road.
    let options = RowsOptions { range: Some("3..5".parse()?), ..RowsOptions::default() };
    let rows = read_rows(&folder.join("t10k-images-idx3-ubyte.gz").display().to_string(), &options)?;
    assert_eq!((rows.rows, rows.columns, &rows.sample_shape[..]), (2, 784, &[28, 28][..]));
    assert_eq!(rows.row(0), digits.test.image(3));
    let images = digits.test.first(5).images();
    assert!(rows.row(1).iter().zip(&images[4 * 784..]).all(|(&wide, &narrow)| wide as f32 == narrow));
    Ok(())
}

/// With the files in place there is nothing to fetch: the sums in the code are right, and no server is
/// needed to find that out.
fn the_sums_are_those_of_the_files(folder: &Path) -> Result<(), Failed> {
    let copy = tempfile::tempdir()?;
    for file in FILES {
        std::fs::copy(folder.join(file.name), copy.path().join(file.name))?;
    }
    fetch_mnist(copy.path(), &["http://127.0.0.1:1/".to_string()], &Silent, &Budget::default())?;
    // The nearest wrong content is noticed.
    std::fs::copy(folder.join(FILES[3].name), copy.path().join(FILES[1].name))?;
    let error = fetch_mnist(copy.path(), &["http://127.0.0.1:1/".to_string()], &Silent, &Budget::default())
        .expect_err("the training labels are wrong");
    assert!(error.to_string().contains("no mirror gave `train-labels-idx1-ubyte.gz`"), "{error}");
    assert!(error.hints().iter().any(|hint| hint.contains("--data DIR")));
    Ok(())
}

fn other_names_and_wrong_sets() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let write = |name: &str, shape: &[usize], bytes: Vec<u8>, gzip: bool| {
        let array = Array::new(shape.to_vec(), Values::U8(bytes)).unwrap();
        let mut file = Vec::new();
        idx::write(&mut file, &array, gzip).unwrap();
        std::fs::write(folder.path().join(name), file).unwrap();
    };
    let refused = |message: &str| {
        let error = load_mnist(folder.path()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        error
    };
    let error = refused("has no file `train-images-idx3-ubyte`");
    assert!(error.hints()[0].contains("t10k-labels-idx1-ubyte"));
    write("train-images.idx3-ubyte", &[2, 28, 28], vec![9; 1568], false);
    write("train-labels-idx1-ubyte.gz", &[2], vec![3, 4], true);
    refused("has no file `t10k-images-idx3-ubyte`");
    write("t10k-images-idx3-ubyte.gz", &[1, 28, 28], vec![255; 784], true);
    write("t10k-labels.idx1-ubyte", &[1], vec![9], false);
    let digits = load_mnist(folder.path())?;
    assert_eq!((digits.train.labels(), digits.test.image(0)[0]), (&[3, 4][..], 1.0));

    write("t10k-labels.idx1-ubyte", &[1], vec![10], false);
    refused("row 0: the label is 10, labels are 0 to 9");
    write("t10k-labels.idx1-ubyte", &[2], vec![1, 2], false);
    refused("holds 2 labels");
    write("t10k-images-idx3-ubyte.gz", &[1, 784], vec![255; 784], true);
    refused("expects pictures of 28×28 pixels");
    let file = folder.path().join("t10k-labels.idx1-ubyte");
    assert!(load_mnist(&file).unwrap_err().to_string().ends_with("is a file, a folder is expected"));
    assert!(load_mnist(&file.join("x")).unwrap_err().to_string().ends_with("no such folder"));
    Ok(())
}

fn where_the_cache_is() -> Result<(), Failed> {
    let folder = |variables: &[(&str, &str)]| {
        cache_folder_in(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    };
    let (own, xdg, home) = (("NETINVERSE_CACHE", "here"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h"));
    assert_eq!(folder(&[own, xdg, home])?, Path::new("here/mnist"));
    assert_eq!(folder(&[xdg, home])?, Path::new("/x/netinverse/mnist"));
    assert_eq!(folder(&[("XDG_CACHE_HOME", "relative"), home])?, Path::new("/h/.cache/netinverse/mnist"));
    assert_eq!(folder(&[("XDG_CACHE_HOME", ""), home])?, Path::new("/h/.cache/netinverse/mnist"));
    assert!(folder(&[]).unwrap_err().hints()[0].contains("NETINVERSE_CACHE"));
    Ok(())
}
