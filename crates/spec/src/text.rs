//! Places in a text, for errors, and the nearest name, for hints.

use netinverse_base::{Error, Place};

/// The line and column, in characters from 1, of a byte offset.
pub(crate) fn place(text: &str, offset: usize) -> Place {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Place::LineColumn(line, before[start..].chars().count() + 1)
}

/// The line of `text` that an error of this crate points at, with a caret under its column; `None`
/// if the error has no such place.
///
/// ```
/// use netinverse_spec::{Vocabulary, caret, parse_where};
/// let text = "y0 >= y9";
/// let error = parse_where(text, &Vocabulary::outputs(3)).unwrap_err();
/// assert_eq!(caret(text, &error).unwrap(), "y0 >= y9\n      ^");
/// ```
pub fn caret(text: &str, error: &Error) -> Option<String> {
    let (line, column) = error.places().iter().find_map(|place| match place {
        Place::LineColumn(line, column) => Some((*line, *column)),
        _ => None,
    })?;
    let shown = text.lines().nth(line.checked_sub(1)?).unwrap_or("");
    // A tab stays one, so that the caret stands under its column.
    let indent: String = shown
        .chars()
        .chain(std::iter::repeat(' '))
        .take(column - 1)
        .map(|c| if c == '\t' { '\t' } else { ' ' })
        .collect();
    Some(format!("{shown}\n{indent}^"))
}

/// The candidate nearest to `name`, if it is near enough to be what was meant.
pub(crate) fn nearest_name<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = name.chars().count();
    if length > 64 {
        return None;
    }
    let allowed = (length / 3).clamp(1, 3);
    candidates
        .into_iter()
        .take(10_000)
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed)
        .map(|candidate| (edit_distance(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements from one word to the other (Levenshtein).
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edit_distances_of_known_pairs() {
        for (a, b, distance) in
            [("", "abc", 3), ("kitten", "sitting", 3), ("lift", "lift", 0), ("y1", "y2", 1)]
        {
            assert_eq!(edit_distance(a, b), distance, "{a} {b}");
            assert_eq!(edit_distance(b, a), distance, "{b} {a}");
        }
    }

    #[test]
    fn places_count_lines_and_characters() {
        let text = "aé b\nsecond";
        assert_eq!(place(text, 0), Place::LineColumn(1, 1));
        assert_eq!(place(text, text.find('b').unwrap()), Place::LineColumn(1, 4));
        assert_eq!(place(text, text.find("cond").unwrap()), Place::LineColumn(2, 3));
        assert_eq!(place(text, text.len()), Place::LineColumn(2, 7));
    }
}
