//! What people write for others to read.

use thiserror::Error;

/// Why a text is no line.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum LineRefused {
    #[error("must not be blank")]
    Blank,
    #[error("must have no line breaks and no control characters")]
    Breaks,
}

/// A text of one line without the blanks around it.
pub fn line(text: &str) -> Result<&str, LineRefused> {
    let text = text.trim();
    if text.is_empty() {
        Err(LineRefused::Blank)
    } else if text.chars().any(breaks) {
        Err(LineRefused::Breaks)
    } else {
        Ok(text)
    }
}

/// What no line holds: besides the control characters line and paragraph separators, and marks that turn what follows.
pub fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') || turns(c)
}

/// Marks that turn the direction of what follows and so can disguise it, as in a mail's subject.
pub fn turns(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_not_blank_and_ends_where_it_seems_to() {
        assert_eq!(line("  Škoda Octavia "), Ok("Škoda Octavia"));
        assert_eq!(line(" \t "), Err(LineRefused::Blank));
        for broken in ["a\nb", "a\u{2028}b", "a\u{202e}b", "a\u{2066}b", "a\u{7}b"] {
            assert_eq!(line(broken), Err(LineRefused::Breaks), "{broken:?}");
        }
    }
}
