//! The command as it was typed, for reports.

/// The command, quoted so that a shell reads it back.
pub(crate) fn typed() -> String {
    let words = std::env::args_os().skip(1).map(|word| quoted(&word.to_string_lossy()));
    std::iter::once("netinverse".to_string()).chain(words).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,:=+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_string();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_typed_command_can_be_pasted() {
        assert_eq!(quoted("a-b_c/1.5,2:3=x"), "a-b_c/1.5,2:3=x");
        assert_eq!(quoted("y0 >= 1 && y1 < y0"), "'y0 >= 1 && y1 < y0'");
        assert_eq!((quoted("it's"), quoted("")), (r"'it'\''s'".into(), "''".into()));
    }
}
