//! Making text from outside safe to show.

/// Most characters of one foreign text that are ever shown.
pub const MAX_SHOWN_CHARS: usize = 512;

/// Returns the text without control characters and without characters that reorder or hide text.
///
/// Security: a label or an error text from a server may carry terminal escapes or right-to-left
/// overrides that make an address look like another one.
pub fn displayable(text: &str) -> String {
    let kept = text
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c));
    kept.take(MAX_SHOWN_CHARS).collect()
}

/// Returns the address in groups of four characters, so that all of it can be compared by eye.
pub fn grouped(address: &str) -> String {
    let chars: Vec<char> = address.chars().collect();
    chars
        .chunks(4)
        .map(|group| group.iter().collect::<String>())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Zero-width, bidirectional and other formatting characters (Unicode category Cf and line separators).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_direction_overrides_are_removed() {
        assert_eq!(
            displayable("a\u{1b}[31mb\r\n\u{202e}c\u{200b}\u{7f}"),
            "a[31mbc"
        );
        assert_eq!(displayable("工資 café"), "工資 café");
    }

    #[test]
    fn shown_text_ends_at_its_limit() {
        assert_eq!(
            displayable(&"x".repeat(MAX_SHOWN_CHARS)).len(),
            MAX_SHOWN_CHARS
        );
        assert_eq!(
            displayable(&"x".repeat(MAX_SHOWN_CHARS + 1)).len(),
            MAX_SHOWN_CHARS
        );
    }

    #[test]
    fn grouping_keeps_every_character() {
        assert_eq!(grouped("bcrt1qabc"), "bcrt 1qab c");
    }
}
