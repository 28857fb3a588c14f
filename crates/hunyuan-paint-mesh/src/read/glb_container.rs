//! The container of a binary glTF file (glTF 2.0, section 4.4).

use super::gltf_data::{malformed, unsupported};
use crate::MeshError;

const MAGIC: &[u8] = b"glTF";
const HEADER: usize = 12;
const CHUNK_HEADER: usize = 8;
const JSON: &[u8; 4] = b"JSON";
const BIN: &[u8; 4] = b"BIN\0";

/// The contents of a `.glb` or `.gltf`.
pub(super) struct Container<'a> {
    /// The JSON text without its padding.
    pub(super) json: &'a [u8],
    /// The binary chunk, if there is one.
    pub(super) binary: Option<&'a [u8]>,
}

impl<'a> Container<'a> {
    /// Finds the chunks of a file. A file without the signature of a `.glb` is JSON as a whole.
    ///
    /// Chunks of unknown type are ignored. The length in the header is not used, because the
    /// chunks have lengths of their own.
    ///
    /// # Errors
    /// If a header is incomplete, the version is not 2, the first chunk is not JSON, or the JSON or
    /// binary chunk is longer than the file.
    pub(super) fn split(bytes: &'a [u8]) -> Result<Self, MeshError> {
        if !bytes.starts_with(MAGIC) {
            return Ok(Self { json: without_padding(bytes), binary: None });
        }
        let Some((header, mut rest)) = bytes.split_at_checked(HEADER) else {
            return Err(malformed(format!("header: expected {HEADER} bytes, found {}", bytes.len())));
        };
        match number(&header[4..]) {
            2 => {}
            1 => return Err(unsupported("binary glTF 1.0; export the file as glTF 2.0")),
            version => return Err(malformed(format!("header: expected version 2, found {version}"))),
        }
        let json = match next_chunk(&mut rest)? {
            Some((kind, json)) if kind == JSON => without_padding(json),
            _ => return Err(malformed("expected JSON as the first chunk")),
        };
        while let Some((kind, binary)) = next_chunk(&mut rest)? {
            if kind == BIN {
                return Ok(Self { json, binary: Some(binary) });
            }
        }
        Ok(Self { json, binary: None })
    }
}

/// The type and the content of a chunk.
type Chunk<'a> = (&'a [u8], &'a [u8]);

/// Splits the first chunk off. Returns it, or `None` at the end of the file. An unknown chunk that
/// is longer than the file is the end, because exporters append bytes that are no chunk.
fn next_chunk<'a>(rest: &mut &'a [u8]) -> Result<Option<Chunk<'a>>, MeshError> {
    let Some((header, after)) = rest.split_at_checked(CHUNK_HEADER) else { return Ok(None) };
    let (length, kind) = (number(header), &header[4..]);
    let chunk = usize::try_from(length).ok().and_then(|length| after.split_at_checked(length));
    let Some((content, after)) = chunk else {
        if kind == JSON || kind == BIN {
            let name = String::from_utf8_lossy(kind);
            let name = name.trim_end_matches('\0');
            let found = after.len();
            return Err(malformed(format!("{name} chunk: expected {length} bytes, found {found}")));
        }
        return Ok(None);
    };
    *rest = after;
    Ok(Some((kind, content)))
}

/// Returns JSON without the spaces and NUL bytes at its end.
fn without_padding(json: &[u8]) -> &[u8] {
    let end = json.iter().rposition(|&byte| byte != 0 && !byte.is_ascii_whitespace());
    &json[..end.map_or(0, |last| last + 1)]
}

/// Reads a number of 32 bits at the start of `bytes`; 0 if there are fewer.
fn number(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glb(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut bytes = b"glTF\x02\0\0\0\0\0\0\0".to_vec();
        for (kind, content) in chunks {
            bytes.extend((content.len() as u32).to_le_bytes());
            bytes.extend(*kind);
            bytes.extend(*content);
        }
        bytes
    }

    #[test]
    fn chunks_are_found_and_unknown_ones_are_ignored() -> Result<(), MeshError> {
        let bytes = glb(&[(JSON, b"{} \0\0\0"), (b"MINE", b"1234"), (BIN, b"abcd")]);
        let container = Container::split(&bytes)?;
        assert_eq!((container.json, container.binary), (&b"{}"[..], Some(&b"abcd"[..])));

        let without_bin = glb(&[(JSON, b"{}  "), (b"MINE", b"1234")]);
        assert_eq!(Container::split(&without_bin)?.binary, None);
        let mut with_rest = glb(&[(JSON, b"{}")]);
        with_rest.extend(*b"\xFF\xFF\xFF\xFF no chunk");
        assert_eq!(Container::split(&with_rest)?.binary, None);
        let text = Container::split(b"{}\n\0")?;
        assert_eq!((text.json, text.binary), (&b"{}"[..], None));
        Ok(())
    }

    #[test]
    fn broken_containers_are_rejected() {
        let message = |bytes: &[u8]| Container::split(bytes).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(message(b"glTF\x02").contains("header: expected 12 bytes, found 5"));
        assert!(message(b"glTF\x01\0\0\0\0\0\0\0").contains("glTF 1.0"));
        assert!(message(&glb(&[])).contains("expected JSON"));
        assert!(message(&glb(&[(BIN, b"{}")])).contains("expected JSON"));
        let bytes = glb(&[(JSON, b"{}"), (BIN, b"abcd")]);
        assert!(message(&bytes[..bytes.len() - 1]).contains("BIN chunk: expected 4 bytes, found 3"));
        assert!(message(&bytes[..21]).contains("JSON chunk: expected 2 bytes, found 1"));
    }
}
