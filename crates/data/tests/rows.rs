//! Rows from every source, and the one-line errors that bad sources give.

use std::path::Path;

use netinverse_base::ErrorKind;
use netinverse_data::{Array, RowRange, RowsOptions, Values, idx, npy, png, read_rows, write_rows};

fn write(path: &Path, write: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes);
    std::fs::write(path, bytes).unwrap();
    path.display().to_string()
}

fn range(text: &str) -> RowRange {
    text.parse().unwrap()
}

#[test]
fn numbers_may_be_written_out() {
    let read = |spec: &str| read_rows(spec, &RowsOptions::default()).unwrap();
    assert_eq!(read("-0.3, 0.5").values, [-0.3, 0.5]);
    assert_eq!(read("5").columns, 1);
    assert_eq!((read("1,2;3,4;5,6").rows, read("1,2;3,4;5,6").columns), (3, 2));
    let options = RowsOptions { range: Some(range("1..3")), scale: Some(10.0), columns: Some(2) };
    assert_eq!(read_rows("1,2;3,4;5,6", &options).unwrap().values, [30.0, 40.0, 50.0, 60.0]);
}

#[test]
fn the_first_axis_of_an_array_counts_its_rows() {
    let folder = tempfile::tempdir().unwrap();
    let array = |shape: &[usize]| {
        let count = shape.iter().product::<usize>();
        Array::new(shape.to_vec(), Values::F32((0..count).map(|k| k as f32).collect())).unwrap()
    };
    let path = folder.path().join("x.npy");
    // shape, width asked for → rows, columns, shape of a sample
    type Case = (&'static [usize], Option<usize>, usize, usize, &'static [usize]);
    let table: [Case; 9] = [
        (&[3, 4], None, 3, 4, &[4]),
        (&[3, 4], Some(4), 3, 4, &[4]),
        (&[2, 3, 4], None, 2, 12, &[3, 4]),
        (&[2, 3, 4], Some(12), 2, 12, &[3, 4]),
        (&[3, 4], Some(12), 1, 12, &[3, 4]),
        (&[5], None, 1, 5, &[5]),
        (&[5], Some(5), 1, 5, &[5]),
        (&[5], Some(1), 5, 1, &[1]),
        (&[], None, 1, 1, &[1]),
    ];
    for (shape, columns, rows, width, sample_shape) in table {
        let spec = write(&path, |bytes| npy::write(bytes, &array(shape)).unwrap());
        let options = RowsOptions { columns, ..RowsOptions::default() };
        let read = read_rows(&spec, &options).unwrap();
        assert_eq!(
            (read.rows, read.columns, &read.sample_shape[..]),
            (rows, width, sample_shape),
            "{shape:?}"
        );
        assert!(read.values.iter().enumerate().all(|(k, &value)| value == k as f64));
    }
    let options = RowsOptions { columns: Some(5), ..RowsOptions::default() };
    let spec = write(&path, |bytes| npy::write(bytes, &array(&[3, 4])).unwrap());
    let error = read_rows(&spec, &options).unwrap_err();
    assert!(error.to_string().ends_with("x.npy: expects rows of 5 values, they have 4"), "{error}");
    let options = RowsOptions { range: Some(range("1..")), ..RowsOptions::default() };
    assert_eq!(read_rows(&spec, &options).unwrap().values, [4., 5., 6., 7., 8., 9., 10., 11.]);
    let options = RowsOptions { range: Some(range("2..9")), ..RowsOptions::default() };
    let error = read_rows(&spec, &options).unwrap_err();
    assert!(error.to_string().ends_with("rows 2..9 are asked for, there are 3"), "{error}");
}

#[test]
fn pixels_are_brought_to_the_unit_interval() {
    let folder = tempfile::tempdir().unwrap();
    let pixels = Array::new(vec![2, 1, 3], Values::U8(vec![0, 51, 255, 1, 2, 3])).unwrap();
    let unit = [0.0, 0.2, 1.0, 1.0 / 255.0, 2.0 / 255.0, 3.0 / 255.0];
    let raw = RowsOptions { scale: Some(1.0), ..RowsOptions::default() };
    for (name, gzip) in [("a.idx", false), ("a-images-idx3-ubyte.gz", true), ("b.idx3.gz", true)] {
        let spec = write(&folder.path().join(name), |bytes| idx::write(bytes, &pixels, gzip).unwrap());
        let rows = read_rows(&spec, &RowsOptions::default()).unwrap();
        assert_eq!((rows.values.as_slice(), &rows.sample_shape[..]), (&unit[..], &[1, 3][..]));
        assert_eq!(read_rows(&spec, &raw).unwrap().values, [0., 51., 255., 1., 2., 3.]);
    }
    // Labels are not pixels; bytes in npy are what they are.
    let labels = Array::new(vec![3], Values::U8(vec![7, 0, 9])).unwrap();
    let spec = write(&folder.path().join("l.idx1-ubyte"), |bytes| idx::write(bytes, &labels, false).unwrap());
    let rows = read_rows(&spec, &RowsOptions::default()).unwrap();
    assert_eq!((rows.rows, rows.columns, rows.values.as_slice()), (3, 1, &[7.0, 0.0, 9.0][..]));
    let spec = write(&folder.path().join("p.npy"), |bytes| npy::write(bytes, &pixels).unwrap());
    assert_eq!(read_rows(&spec, &RowsOptions::default()).unwrap().values[1], 51.0);

    let spec = write(&folder.path().join("p.png"), |bytes| {
        png::write(bytes, 1, 2, 3, &[0, 51, 255, 1, 2, 3]).unwrap();
    });
    let rows = read_rows(&spec, &RowsOptions::default()).unwrap();
    assert_eq!((rows.rows, rows.columns, &rows.sample_shape[..]), (1, 6, &[2, 1, 3][..]));
    assert_eq!(rows.values, unit);
    assert_eq!(read_rows(&spec, &raw).unwrap().values[2], 255.0);
}

#[test]
fn a_table_may_have_names_and_other_separators() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    for (text, names, values) in [
        ("1,2\n3,4\n", None, [1., 2., 3., 4.]),
        ("a,b\n1,2\n3,4\n", Some(["a", "b"]), [1., 2., 3., 4.]),
        (
            "\u{feff}speed , \"angle, deg\"\r\n1, 2\r\n\r\n3,4",
            Some(["speed", "angle, deg"]),
            [1., 2., 3., 4.],
        ),
        ("# saved by hand, twice\n1;2\n3;4\n", None, [1., 2., 3., 4.]),
        ("x\ty\n-1e-3\t.5\n+3\t4.\n", Some(["x", "y"]), [-1e-3, 0.5, 3., 4.]),
    ] {
        let spec = write(&path, |bytes| bytes.extend_from_slice(text.as_bytes()));
        let rows = read_rows(&spec, &RowsOptions::default()).unwrap();
        assert_eq!((rows.rows, rows.columns), (2, 2), "{text:?}");
        assert_eq!(rows.values, values, "{text:?}");
        assert_eq!(rows.names, names.map(|names| names.map(String::from).to_vec()), "{text:?}");
    }
    let spec = write(&path, |bytes| bytes.extend_from_slice(b"a,b\n1,2\n3,4\n5,6\n"));
    let options = RowsOptions { range: Some(range("1..2")), ..RowsOptions::default() };
    let rows = read_rows(&spec, &options).unwrap();
    assert_eq!((rows.rows, rows.row(0)), (1, &[3.0, 4.0][..]));
}

#[test]
fn what_is_wrong_with_a_table_is_said_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv");
    let table = [
        ("1,2\n3\n", "line 2: expects 2 columns, the row has 1", "same number of columns"),
        ("1,2\n\n3,4,5\n", "line 3: expects 2 columns, the row has 3", "same number of columns"),
        ("a,b\n1,2\n3,x\n", "line 3, column 2: `x` is not a number", "numbers only"),
        ("1,x\n", "line 1, column 2: `x` is not a number", "nothing in it is a number"),
        ("1,2\nnan,4\n", "line 2, column 1: the value is NaN", "fill in the value"),
        ("1,-inf\n", "line 1, column 2: the value is infinite", "finite"),
        ("1,1e999\n", "line 1, column 2: `1e999` is beyond the largest number (1.8e308)", "rescale"),
        ("1,2\n3,\n", "line 2, column 2: the value is missing", "comma too many"),
        ("1;0,5\n", "line 1, column 1: `1;0` is not a number", "nothing in it is a number"),
        ("1,2\n3 4,5\n", "line 2, column 1: `3 4` is not a number", "not by spaces"),
        ("# a, comment\n\n1;2\n0,5;1\n", "line 4, column 1: `0,5` is not a number", "0.5, not 0,5"),
        ("\"a,b\n1,2\n", "line 1: a quoted cell does not end in its line", "close it"),
        ("\"a\"b,c\n1,2\n", "line 1: text follows a quoted cell", "written twice"),
        ("a,b\n", "holds no row of numbers", "columns' names"),
        ("# nothing\n", "holds no row of numbers", "rows of numbers"),
    ];
    for (text, message, hint) in table {
        let spec = write(&path, |bytes| bytes.extend_from_slice(text.as_bytes()));
        let error = read_rows(&spec, &RowsOptions::default()).unwrap_err();
        assert!(error.to_string().ends_with(&format!("t.csv: {message}")), "{text:?}: {error}");
        assert!(error.hints().iter().any(|line| line.contains(hint)), "{text:?}: {:?}", error.hints());
    }
    let spec = write(&path, |bytes| bytes.extend_from_slice(b"1,2\n\xFF\xFE,3\n"));
    let error = read_rows(&spec, &RowsOptions::default()).unwrap_err();
    assert!(error.to_string().contains("line 2: the line is not UTF-8 text"), "{error}");
}

#[test]
fn sources_that_cannot_be_read_say_why_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("folder.npy")).unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    for name in ["empty.npy", "empty.csv", "empty.png", "empty.npz", "empty.idx", "text.pdf"] {
        std::fs::write(at(name), if name == "text.pdf" { "x" } else { "" }).unwrap();
    }
    for name in ["wrong.npy", "wrong.png", "wrong.npz", "wrong.idx", "wrong-ubyte.gz"] {
        std::fs::write(at(name), b"these bytes are none of the formats").unwrap();
    }
    let table = [
        ("missing.npy", ErrorKind::Io, "missing.npy: no such file or directory"),
        ("missing", ErrorKind::Io, "missing: no such file or directory"),
        ("folder.npy", ErrorKind::Io, "is a directory, a file is expected"),
        ("folder", ErrorKind::Io, "is a directory, a file is expected"),
        ("empty.npy", ErrorKind::Input, "empty.npy: the file is empty"),
        ("empty.csv", ErrorKind::Input, "empty.csv: the file is empty"),
        ("empty.png", ErrorKind::Input, "empty.png: the file is empty"),
        ("empty.npz:x", ErrorKind::Input, "empty.npz: the file is empty"),
        ("empty.idx", ErrorKind::Input, "empty.idx: the file is empty"),
        ("text.pdf", ErrorKind::Unsupported, "this kind of file is not known by its extension"),
        ("wrong.npy", ErrorKind::Input, "does not begin with the magic bytes of an npy file"),
        ("wrong.idx", ErrorKind::Input, "does not begin with the two zero bytes of an idx file"),
        ("wrong-ubyte.gz", ErrorKind::Input, "does not begin with the two zero bytes of an idx file"),
        ("wrong.png", ErrorKind::Input, "is not a readable PNG"),
        ("wrong.npz", ErrorKind::Input, "is not a readable npz archive"),
    ];
    for (name, kind, message) in table {
        let error = read_rows(&at(name), &RowsOptions::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{name}: {error}");
        assert!(error.to_string().contains(message), "{name}: {error}");
        assert!(!error.to_string().contains('\n'), "{name}: {error}");
    }
    let error = write_rows(&at("rows.xlsx"), &read_rows("1", &RowsOptions::default()).unwrap()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert_eq!(error.hints(), ["the extensions are .npy .npz .csv .png"]);
}

#[test]
fn values_that_are_no_numbers_are_refused_by_row_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.npy");
    for (bad, word) in [(f64::NAN, "NaN"), (f64::NEG_INFINITY, "infinite")] {
        let array = Array::new(vec![3, 2], Values::F64(vec![0., 1., 2., 3., 4., bad])).unwrap();
        let spec = write(&path, |bytes| npy::write(bytes, &array).unwrap());
        let message = format!("x.npy: row 2: the value in column 1 is {word}");
        for rows in [None, Some(range("2..3")), Some(range("1.."))] {
            let options = RowsOptions { range: rows, ..RowsOptions::default() };
            let error = read_rows(&spec, &options).unwrap_err();
            assert!(error.to_string().ends_with(&message), "{error}");
        }
        let options = RowsOptions { range: Some(range("0..2")), ..RowsOptions::default() };
        assert_eq!(read_rows(&spec, &options).unwrap().rows, 2, "rows not taken do not matter");
    }
    assert!(read_rows("1,nan", &RowsOptions::default()).unwrap_err().to_string().starts_with("row 0: "));
    // An integer that no f64 holds is not rounded in silence.
    let array = Array::new(vec![1, 2], Values::I64(vec![1 << 53, (1 << 53) + 1])).unwrap();
    let spec = write(&path, |bytes| npy::write(bytes, &array).unwrap());
    let error = read_rows(&spec, &RowsOptions::default()).unwrap_err();
    assert!(error.to_string().contains("the integer 9007199254740993 has no exact 64-bit float"), "{error}");
}

#[test]
fn truncated_and_long_files_are_refused() {
    let array = Array::new(vec![2, 3], Values::F32(vec![0.0; 6])).unwrap();
    let (mut npy_bytes, mut idx_bytes, mut gz_bytes) = (Vec::new(), Vec::new(), Vec::new());
    npy::write(&mut npy_bytes, &array).unwrap();
    idx::write(&mut idx_bytes, &array, false).unwrap();
    idx::write(&mut gz_bytes, &array, true).unwrap();
    for length in 0..npy_bytes.len() {
        assert!(npy::parse(&npy_bytes[..length]).is_err(), "{length} bytes of npy");
    }
    for length in 0..idx_bytes.len() {
        assert!(idx::parse(&idx_bytes[..length]).is_err(), "{length} bytes of idx");
    }
    for length in 0..gz_bytes.len() {
        assert!(idx::parse(&gz_bytes[..length]).is_err(), "{length} bytes of idx.gz");
    }
    gz_bytes.push(0);
    assert!(idx::parse(&gz_bytes).is_err(), "a byte after the gzip stream");
    let mut png_bytes = Vec::new();
    png::write(&mut png_bytes, 3, 2, 1, &[1, 2, 3, 4, 5, 6]).unwrap();
    for length in 0..png_bytes.len() {
        assert!(png::parse(&png_bytes[..length]).is_err(), "{length} bytes of png");
    }
    npy_bytes.push(0);
    idx_bytes.push(0);
    for error in [npy::parse(&npy_bytes).unwrap_err(), idx::parse(&idx_bytes).unwrap_err()] {
        assert!(error.to_string().contains("bytes follow the last value"), "{error}");
    }
}

#[test]
fn ranges_of_rows() {
    for (text, start, end) in
        [("2..5", 2, Some(5)), ("3..", 3, None), ("..4", 0, Some(4)), ("..", 0, None), ("7", 7, Some(8))]
    {
        assert_eq!(range(text), RowRange { start, end }, "{text}");
    }
    for text in ["5..5", "6..2", "a..b", "-1..2", "1...2", "", "1,2", "18446744073709551615"] {
        assert!(text.parse::<RowRange>().is_err(), "{text}");
    }
}
