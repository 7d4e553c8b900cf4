//! Answers changed at random, and what is certainly false of a changed paving: told by evaluating the network at points,
//! without any of the checker's code. The tests of `netinverse check` use this file too.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A small stream of random numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 11
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.bits() % bound.max(1) as u64) as usize
    }

    /// Between −1 and 1.
    pub(crate) fn signed(&mut self) -> f64 {
        self.bits() as f64 / (1u64 << 52) as f64 - 1.0
    }
}

/// The hash that ends a file.
pub(crate) type Hash<'a> = &'a dyn Fn(&[u8]) -> String;

/// The lines as a file; a paving gets the hash that they have.
pub(crate) fn file(lines: &[Value], hash: Option<Hash>) -> String {
    let mut body = String::new();
    for line in lines.iter().filter(|line| line.as_object().is_none_or(|l| l.keys().ne(["sha256"]))) {
        let _ = writeln!(body, "{line}");
    }
    if let Some(hash) = hash {
        let hash = hash(body.as_bytes());
        let _ = writeln!(body, "{}", json!({ "sha256": hash }));
    }
    body
}

/// Changes a number, an element or a line, one to three times.
pub(crate) fn mutate(lines: &mut Vec<Value>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = if random.below(4) == 0 { 0 } else { random.below(lines.len()) };
        match random.below(12) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let line = lines[at].clone();
                lines.insert(at, line);
            }
            2 => {
                let other = random.below(lines.len());
                lines.swap(at, other);
            }
            3 => {
                let other = random.below(lines.len());
                lines[at] = lines[other].clone();
            }
            _ => change(&mut lines[at], random),
        }
        if lines.is_empty() {
            lines.push(json!({}));
        }
    }
}

fn change(value: &mut Value, random: &mut Random) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(random.below(map.len())).cloned().unwrap_or_default();
            if random.below(40) == 0 {
                map.remove(&key);
            } else if let Some(inner) = map.get_mut(&key) {
                change(inner, random);
            }
        }
        Value::Array(list) if !list.is_empty() => {
            let (at, other) = (random.below(list.len()), random.below(list.len()));
            match random.below(12) {
                0 => {
                    list.remove(at);
                }
                1 => list.insert(at, list[other].clone()),
                2 | 3 => list.swap(at, other),
                _ => change(&mut list[at], random),
            }
        }
        Value::Number(number) if number.is_u64() => {
            let old = number.as_u64().unwrap_or(0);
            *value = json!(
                [old + 1, old.saturating_sub(1), 0, u64::from(u32::MAX), random.bits() % 7][random.below(5)]
            );
        }
        Value::Number(number) => {
            let old = number.as_f64().unwrap_or(0.0);
            let near = old * (1.0 + random.signed() * 10f64.powi(-(random.below(16) as i32)));
            let new = [
                near,
                near,
                near,
                -old,
                0.0,
                old + random.signed(),
                old.next_up(),
                old.next_down(),
                1e308,
                random.signed(),
            ];
            *value = json!(new[random.below(new.len())]);
        }
        Value::Bool(truth) => *truth = !*truth,
        Value::String(text) => {
            let mut bytes = text.clone().into_bytes();
            if !bytes.is_empty() {
                let at = random.below(bytes.len());
                bytes[at] = b"0123456789-./ xy>=&|()"[random.below(22)];
            }
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
        other => *other = [json!(null), json!(0), json!([]), json!({})][random.below(4)].clone(),
    }
}

/// What a paving is about.
pub(crate) struct Truth<'a> {
    /// The values of the question's rows at x.
    pub(crate) rows: &'a dyn Fn(&[f64]) -> Vec<f64>,
    /// The box.
    pub(crate) lower: Vec<f64>,
    pub(crate) upper: Vec<f64>,
    /// Bounds of the volume of {all rows ≥ 0}.
    pub(crate) volume: (f64, f64),
}

/// A claim of a paving that is certainly false, found at random points.
pub(crate) fn falsehood(lines: &[Value], truth: &Truth, random: &mut Random) -> Option<String> {
    const SLACK: f64 = 1e-9;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let list = |value: &Value| -> Vec<f64> { value.as_array().into_iter().flatten().map(number).collect() };
    let volume = &lines[0]["volume"];
    if number(&volume["lower"]) > truth.volume.1 + SLACK || number(&volume["upper"]) < truth.volume.0 - SLACK
    {
        return Some(format!("volume {volume}"));
    }
    let inside = |piece: &Value, x: &[f64], slack: f64| {
        let (low, high) = (list(&piece["lower"]), list(&piece["upper"]));
        (0..x.len()).all(|i| low[i] - slack <= x[i] && x[i] <= high[i] + slack)
            && piece["rows"].as_array().into_iter().flatten().all(|row| value(&list(row), x) >= -slack)
    };
    let outer: Vec<&Value> = lines.iter().filter_map(|line| line.get("outer")).collect();
    for _ in 0..300 {
        let x: Vec<f64> = (0..truth.lower.len())
            .map(|i| {
                let share = 0.5 + 0.5 * random.signed();
                truth.lower[i] + share * (truth.upper[i] - truth.lower[i])
            })
            .collect();
        let rows = (truth.rows)(&x);
        let least = rows.iter().copied().fold(f64::INFINITY, f64::min);
        if least.abs() < SLACK {
            continue;
        }
        // The leaf that holds x: down the tree, which is in preorder.
        let mut at = 1;
        while let Some(split) = lines.get(at)?.get("split") {
            let (input, t) = (split[0].as_u64()? as usize, number(&split[1]));
            at += 1;
            if x[input] > t {
                let mut open = 1;
                while open > 0 {
                    open += if lines.get(at)?.get("split").is_some() { 1 } else { -1i32 };
                    at += 1;
                }
            }
        }
        let leaf = &lines[at];
        if leaf.get("in").is_some() && least < 0.0 || leaf.get("out").is_some() && least > 0.0 {
            return Some(format!("{leaf} at {x:?}, where the rows are {rows:?}"));
        }
        if let Some(cut) = leaf.get("cut") {
            let n = x.len() + 1;
            for (k, forms) in list(&cut["r"]).iter().zip(list(&cut["f"]).chunks_exact(2 * n)) {
                let row = rows[*k as usize];
                if value(&forms[..n], &x) > row + SLACK || value(&forms[n..], &x) > -row + SLACK {
                    return Some(format!("{leaf} at {x:?}, where row {k} is {row}"));
                }
            }
        }
        if least < 0.0
            && lines.iter().filter_map(|line| line.get("inner")).any(|piece| inside(piece, &x, 0.0))
        {
            return Some(format!("an inner piece holds {x:?}, where the rows are {rows:?}"));
        }
        if least > 0.0 && !outer.is_empty() && !outer.iter().any(|piece| inside(piece, &x, SLACK)) {
            return Some(format!("no outer piece holds {x:?}, where the rows are {rows:?}"));
        }
    }
    None
}

/// A claim of an exact answer that is certainly false, found at random points.
pub(crate) fn exact_falsehood(lines: &[Value], truth: &Truth, random: &mut Random) -> Option<String> {
    const SLACK: f64 = 1e-9;
    let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
    let list = |value: &Value| -> Vec<f64> { value.as_array().into_iter().flatten().map(number).collect() };
    let volume = &lines[0]["volume"];
    if number(&volume["lower"]) > truth.volume.1 + SLACK || number(&volume["upper"]) < truth.volume.0 - SLACK
    {
        return Some(format!("volume {volume}"));
    }
    // By how much a point is in a polytope, beyond what its rows may be off.
    let depth = |piece: &Value, x: &[f64], sign: f64| {
        let rows = piece["rows"].as_array().into_iter().flatten();
        let row = |row: &Value| {
            let form = [list(&row["slopes"]), vec![number(&row["constant"])]].concat();
            value(&form, x) + sign * number(&row["error"])
        };
        rows.map(row).fold(f64::INFINITY, f64::min)
    };
    let pieces: Vec<&Value> = lines.iter().filter_map(|line| line.get("piece")).collect();
    for _ in 0..300 {
        let x: Vec<f64> = (0..truth.lower.len())
            .map(|i| {
                let share = 0.5 + 0.5 * random.signed();
                truth.lower[i] + share * (truth.upper[i] - truth.lower[i])
            })
            .collect();
        let rows = (truth.rows)(&x);
        let least = rows.iter().copied().fold(f64::INFINITY, f64::min);
        let full = |piece: &Value| {
            !piece["rows"].as_array().into_iter().flatten().any(|row| row["equality"] == true)
        };
        if least < -SLACK && pieces.iter().any(|piece| full(piece) && depth(piece, &x, -1.0) > SLACK) {
            return Some(format!("a piece holds {x:?}, where the rows are {rows:?}"));
        }
        let complete = lines[0]["status"] != "partial";
        if complete && least > SLACK && !pieces.iter().any(|piece| depth(piece, &x, 1.0) >= -SLACK) {
            return Some(format!("no piece holds {x:?}, where the rows are {rows:?}"));
        }
    }
    None
}

fn value(form: &[f64], x: &[f64]) -> f64 {
    form.iter().zip(x).map(|(s, x)| s * x).sum::<f64>() + form[x.len()]
}
