//! Byte order marks and line ends of text files.

use crate::{MeshError, MeshFormat};

/// The UTF-8 byte order mark.
pub(super) const UTF8_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Returns the content without a UTF-8 byte order mark.
///
/// # Errors
/// If the content is UTF-16 or UTF-32 text.
pub(super) fn without_mark(bytes: &[u8], format: MeshFormat) -> Result<&[u8], MeshError> {
    if let Some(rest) = bytes.strip_prefix(UTF8_MARK) {
        return Ok(rest);
    }
    match wide_encoding(bytes) {
        Some(encoding) => Err(MeshError::Unsupported {
            format,
            feature: format!("text in {encoding}; save the file as UTF-8"),
        }),
        None => Ok(bytes),
    }
}

/// Returns the encoding that a byte order mark of 16 or 32 bits names.
fn wide_encoding(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] => Some("UTF-32"),
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// Returns the lines of a text, which end with LF, CR LF or CR (as classic Mac OS wrote them).
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(['\n', '\r']).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..)).unwrap_or_default();
        Some(line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_line_end_is_one_line_end() {
        let found: Vec<&str> = lines("a\nb\r\nc\rd\n\r\re").collect();
        assert_eq!(found, ["a", "b", "c", "d", "", "", "e"]);
        assert_eq!(lines("a\n").collect::<Vec<_>>(), ["a"]);
        assert_eq!(lines("").count(), 0);
    }

    #[test]
    fn marks_are_dropped_and_wide_text_is_named() -> Result<(), MeshError> {
        assert_eq!(without_mark(b"\xEF\xBB\xBFv 1", MeshFormat::Obj)?, b"v 1");
        assert_eq!(without_mark(b"v 1", MeshFormat::Obj)?, b"v 1");
        for (bytes, name) in
            [(&b"\xFF\xFEv\0"[..], "UTF-16"), (b"\xFE\xFF\0v", "UTF-16"), (b"\xFF\xFE\0\0v\0\0\0", "UTF-32")]
        {
            let error = without_mark(bytes, MeshFormat::Obj).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|error| error.contains(name)), "{error:?}");
        }
        Ok(())
    }
}
