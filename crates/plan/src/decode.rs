//! Bytes to text, saying where the text stops being text.

/// The bytes are not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not UTF-8 at line {line}, column {column} (byte {offset}): byte 0x{byte:02x}; save the file as UTF-8")]
pub struct NotUtf8 {
    /// Line of the first bad byte, from 1.
    pub line: usize,
    /// Column of the first bad byte in characters, from 1.
    pub column: usize,
    /// Offset of the first bad byte, from 0.
    pub offset: usize,
    /// The bad byte itself.
    pub byte: u8,
}

/// The text behind the bytes of a plan file.
///
/// # Errors
/// [`NotUtf8`] with the place of the first byte that is not UTF-8.
pub fn decode(bytes: &[u8]) -> Result<&str, NotUtf8> {
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let good = bytes.get(..offset).unwrap_or_default();
        let line = good.iter().filter(|b| **b == b'\n').count() + 1;
        let start = good.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let head = String::from_utf8_lossy(good.get(start..).unwrap_or_default());
        let column = head.trim_start_matches(crate::text::BOM).chars().count() + 1;
        NotUtf8 { line, column, offset, byte: bytes.get(offset).copied().unwrap_or_default() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_text_is_handed_back_as_it_is() {
        assert_eq!(decode("\u{feff}# é ✅\r\n".as_bytes()), Ok("\u{feff}# é ✅\r\n"));
    }

    #[test]
    fn the_first_bad_byte_is_found_by_line_and_column_in_characters() {
        let error = decode(b"# ok\n- \xc3\xa9 \xff rest").unwrap_err();
        assert_eq!((error.line, error.column, error.offset, error.byte), (2, 5, 10, 0xff));
        assert!(error.to_string().contains("line 2, column 5"));
    }

    #[test]
    fn a_character_cut_off_at_the_end_is_an_error_at_its_first_byte() {
        assert_eq!(decode(b"ab\xe2\x9c").map_err(|e| e.offset), Err(2));
    }
}
