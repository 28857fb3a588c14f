//! The binary data of a glTF file: buffers, buffer views and accessors. Every size in the file is
//! checked before it is used.

use std::{borrow::Cow, path::Path};

use base64::engine::{DecodePaddingMode, Engine as _, GeneralPurpose, GeneralPurposeConfig};
use gltf::json::{
    Index, Root,
    accessor::{Accessor, ComponentType},
    buffer::{Buffer, View},
    validation::{Checked, USize64},
};

use super::gltf_document::Document;
use crate::{MeshError, MeshFormat};

pub(super) fn malformed(reason: impl Into<String>) -> MeshError {
    MeshError::Malformed { format: MeshFormat::Gltf, reason: reason.into() }
}

pub(super) fn unsupported(feature: impl Into<String>) -> MeshError {
    MeshError::Unsupported { format: MeshFormat::Gltf, feature: feature.into() }
}

/// Returns the error for data that only an unsupported compression provides.
pub(super) fn compressed(extension: &str) -> MeshError {
    unsupported(format!(
        "compression {extension}; export the file without compression, or decompress it, for example \
         with `gltf-transform copy in.glb out.glb`"
    ))
}

/// A glTF document with the content of its buffers.
pub(super) struct GltfData<'a> {
    pub(super) document: &'a Document,
    pub(super) root: &'a Root,
    /// `None` for a buffer without content, such as the placeholder of compressed data, and for one
    /// that cannot be read. Only its use is an error.
    buffers: Vec<Option<Cow<'a, [u8]>>>,
    folder: Option<&'a Path>,
}

impl<'a> GltfData<'a> {
    /// Loads all buffers. `blob` is the binary chunk of a `.glb`; `folder` contains the external
    /// buffers of a `.gltf`.
    ///
    /// The declared length of a buffer is not checked: buffer views are checked against its
    /// content.
    pub(super) fn load(document: &'a Document, blob: Option<&'a [u8]>, folder: Option<&'a Path>) -> Self {
        let root = &document.root;
        let load = |(i, buffer): (usize, &'a Buffer)| match &buffer.uri {
            None => blob.filter(|_| i == 0 && !document.placeholders.contains(&i)).map(Cow::Borrowed),
            Some(uri) => read_uri(uri, folder).ok().map(Cow::Owned),
        };
        let buffers = root.buffers.iter().enumerate().map(load).collect();
        Self { document, root, buffers, folder }
    }

    /// Returns the number of bytes in all buffers.
    pub(super) fn byte_count(&self) -> usize {
        self.buffers.iter().flatten().map(|bytes| bytes.len()).sum()
    }

    /// Reads vectors of `N` numbers. Integers are converted to floats, and those of a normalized
    /// accessor are divided by the type's largest value.
    pub(super) fn vectors<const N: usize>(&self, index: Index<Accessor>) -> Result<Vec<[f32; N]>, MeshError> {
        self.first_vectors(index, usize::MAX)
    }

    /// Reads at most `count_max` vectors, as [`vectors`](Self::vectors) does.
    pub(super) fn first_vectors<const N: usize>(
        &self,
        index: Index<Accessor>,
        count_max: usize,
    ) -> Result<Vec<[f32; N]>, MeshError> {
        let (accessor, component) = self.accessor(index, N)?;
        let bytes = self.elements(accessor, component.size() * N, count_max)?;
        let number = |i| number(&bytes[i..], component, accessor.normalized);
        let element = |start| std::array::from_fn(|k| number(start + k * component.size()));
        Ok((0..bytes.len()).step_by(component.size() * N).map(element).collect())
    }

    /// Reads vertex indices.
    pub(super) fn indices(&self, index: Index<Accessor>) -> Result<Vec<u32>, MeshError> {
        let (accessor, component) = self.accessor(index, 1)?;
        let bytes = self.elements(accessor, component.size(), usize::MAX)?;
        indices(&bytes, component)
    }

    /// Returns the accessor and its component type. Its elements must have the given number of
    /// components.
    fn accessor(
        &self,
        index: Index<Accessor>,
        components: usize,
    ) -> Result<(&'a Accessor, ComponentType), MeshError> {
        let i = index.value();
        let accessor =
            self.root.get(index).ok_or_else(|| malformed(format!("accessor {i} does not exist")))?;
        match (accessor.component_type, accessor.type_) {
            (Checked::Valid(component), Checked::Valid(of)) if of.multiplicity() == components => {
                Ok((accessor, component.0))
            }
            _ => Err(malformed(format!(
                "accessor {i}: expected {components} numbers per element, of a known type"
            ))),
        }
    }

    /// Returns the first elements of the accessor, at most `count_max`, tightly packed, after sparse
    /// substitution.
    fn elements(
        &self,
        accessor: &Accessor,
        element_size: usize,
        count_max: usize,
    ) -> Result<Vec<u8>, MeshError> {
        let count = size(accessor.count)?.min(count_max);
        let offset = accessor.byte_offset.map_or(Ok(0), size)?;
        let mut elements = match (accessor.buffer_view, &accessor.sparse) {
            (Some(view), _) => self.packed(view, offset, count, element_size)?,
            // Without a buffer view, all elements are zero (glTF 2.0, section 3.6.2.2).
            (None, _) => self.zeros(count, element_size)?,
        };
        let Some(sparse) = &accessor.sparse else { return Ok(elements) };

        let substitutes = size(sparse.count)?;
        let Checked::Valid(index_component) = sparse.indices.component_type else {
            return Err(malformed("sparse accessor: expected indices of a known component type"));
        };
        let offset = size(sparse.indices.byte_offset)?;
        let at = self.packed(sparse.indices.buffer_view, offset, substitutes, index_component.0.size())?;
        let offset = size(sparse.values.byte_offset)?;
        let values = self.packed(sparse.values.buffer_view, offset, substitutes, element_size)?;
        for (i, value) in indices(&at, index_component.0)?.into_iter().zip(values.chunks(element_size)) {
            let range = (i as usize).checked_mul(element_size).map(|start| start..start + element_size);
            let element = range.and_then(|range| elements.get_mut(range));
            element
                .ok_or_else(|| {
                    malformed(format!("sparse accessor: expected indices below {count}, found {i}"))
                })?
                .copy_from_slice(value);
        }
        Ok(elements)
    }

    /// Returns the zeros of an accessor without a buffer view. No data in the file backs their
    /// count, so it is limited to the number of bytes in the buffers.
    fn zeros(&self, count: usize, element_size: usize) -> Result<Vec<u8>, MeshError> {
        if count > self.byte_count() {
            return Err(malformed(format!(
                "accessor without a buffer view: expected at most {} elements, found {count}",
                self.byte_count()
            )));
        }
        Ok(vec![0; count * element_size])
    }

    /// Returns `count` elements of a buffer view, tightly packed.
    fn packed(
        &self,
        view: Index<View>,
        offset: usize,
        count: usize,
        element_size: usize,
    ) -> Result<Vec<u8>, MeshError> {
        let bytes = self.view(view)?;
        // Exporters write a stride of 0 for tightly packed elements.
        let stride = self.root.get(view).and_then(|view| view.byte_stride).filter(|stride| stride.0 != 0);
        let stride = stride.map_or(element_size, |stride| stride.0);
        if stride < element_size {
            return Err(malformed(format!(
                "buffer view: expected a stride of at least {element_size}, found {stride}"
            )));
        }
        let Some(last) = count.checked_sub(1) else { return Ok(Vec::new()) };
        let end = last.checked_mul(stride).and_then(|start| start.checked_add(element_size));
        let end = end.and_then(|length| length.checked_add(offset));
        let bytes = end.and_then(|end| bytes.get(offset..end)).ok_or_else(|| {
            malformed(format!(
                "buffer view: expected {count} elements of {element_size} bytes at a stride of {stride} \
                 from byte {offset} on, found {} bytes",
                bytes.len()
            ))
        })?;
        Ok(bytes.chunks(stride).flat_map(|chunk| &chunk[..element_size]).copied().collect())
    }

    fn view(&self, index: Index<View>) -> Result<&[u8], MeshError> {
        let i = index.value();
        let view =
            self.root.get(index).ok_or_else(|| malformed(format!("buffer view {i} does not exist")))?;
        let content = self.buffers.get(view.buffer.value()).and_then(Option::as_ref);
        let buffer = content.ok_or_else(|| self.missing_buffer(i, view.buffer))?;
        let start = view.byte_offset.map_or(Ok(0), size)?;
        let end = start.checked_add(size(view.byte_length)?);
        end.and_then(|end| buffer.get(start..end)).ok_or_else(|| {
            malformed(format!(
                "buffer view {i}: expected a range within the {} bytes of its buffer",
                buffer.len()
            ))
        })
    }

    /// Returns the reason why a view's buffer has no content.
    fn missing_buffer(&self, view: usize, buffer: Index<Buffer>) -> MeshError {
        if let Some(extension) = self.document.meshopt.get(&view) {
            return compressed(extension);
        }
        let uri = self.root.get(buffer).and_then(|buffer| buffer.uri.as_deref());
        // Reading the content failed before; errors cannot be cloned.
        let reason = uri.and_then(|uri| read_uri(uri, self.folder).err());
        reason.unwrap_or_else(|| {
            malformed(format!("buffer view {view}: buffer {} is missing or empty", buffer.value()))
        })
    }
}

fn size(value: USize64) -> Result<usize, MeshError> {
    usize::try_from(value.0)
        .map_err(|_| malformed(format!("expected a size that fits into memory, found {}", value.0)))
}

/// Reads the number at the start of `bytes`, which must be long enough.
fn number(bytes: &[u8], component: ComponentType, normalized: bool) -> f32 {
    let (value, max) = match component {
        ComponentType::I8 => (f32::from(bytes[0].cast_signed()), 127.0),
        ComponentType::U8 => (f32::from(bytes[0]), 255.0),
        ComponentType::I16 => (f32::from(i16::from_le_bytes([bytes[0], bytes[1]])), 32767.0),
        ComponentType::U16 => (f32::from(u16::from_le_bytes([bytes[0], bytes[1]])), 65535.0),
        ComponentType::U32 => {
            (u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as f32, u32::MAX as f32)
        }
        ComponentType::F32 => return f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
    };
    if normalized { (value / max).max(-1.0) } else { value }
}

fn indices(bytes: &[u8], component: ComponentType) -> Result<Vec<u32>, MeshError> {
    match component {
        ComponentType::U8 => Ok(bytes.iter().map(|&b| u32::from(b)).collect()),
        ComponentType::U16 => {
            Ok(bytes.as_chunks::<2>().0.iter().map(|&b| u32::from(u16::from_le_bytes(b))).collect())
        }
        ComponentType::U32 => Ok(bytes.as_chunks::<4>().0.iter().map(|&b| u32::from_le_bytes(b)).collect()),
        _ => Err(malformed("indices: expected unsigned integers")),
    }
}

/// Returns the content of a data URI or of a file in `folder`. Paths outside the folder are
/// rejected.
fn read_uri(uri: &str, folder: Option<&Path>) -> Result<Vec<u8>, MeshError> {
    if let Some(data) = uri.strip_prefix("data:") {
        let base64 = data.split_once(";base64,").map(|(_, base64)| base64);
        return base64
            .and_then(decode_base64)
            .ok_or_else(|| malformed("data URI of a buffer: expected base64"));
    }
    let folder = folder.ok_or_else(|| {
        unsupported(format!(
            "external buffer '{uri}' of a mesh read from bytes; embed it or read the file by its path"
        ))
    })?;
    let name = decode_percent(uri)
        .ok_or_else(|| malformed(format!("URI '{uri}': expected percent-encoded UTF-8")))?;
    let relative = Path::new(&name);
    let stays_inside = relative
        .components()
        .all(|c| matches!(c, std::path::Component::Normal(_) | std::path::Component::CurDir));
    if uri.contains("://") || !stays_inside {
        return Err(unsupported(format!("external buffer '{uri}' outside the file's folder")));
    }
    let path = folder.join(relative);
    std::fs::read(&path).map_err(|error| MeshError::from(error).in_file(&path))
}

fn decode_percent(uri: &str) -> Option<String> {
    let decoded = percent_encoding::percent_decode_str(uri).decode_utf8().ok()?;
    Some(decoded.into_owned())
}

/// Decodes standard base64 (RFC 4648, section 4). Padding is optional.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    const CONFIG: GeneralPurposeConfig =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(&base64::alphabet::STANDARD, CONFIG).decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_and_percent_codes_are_decoded() {
        for (text, expected) in [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg", "foob")]
        {
            assert_eq!(decode_base64(text).as_deref(), Some(expected.as_bytes()));
        }
        assert_eq!(decode_base64("Zm9v!"), None);
        assert_eq!(decode_percent("a%20b%C3%A9").as_deref(), Some("a bé"));
        // An incomplete percent code is kept as it is, as in the WHATWG's URL standard.
        assert_eq!(decode_percent("a%2").as_deref(), Some("a%2"));
        assert_eq!(decode_percent("a%FF"), None);
        // A dangling character of 6 bits, and too much padding.
        assert_eq!((decode_base64("Zm9vY"), decode_base64("Zm9v====")), (None, None));
    }

    #[test]
    fn normalized_integers_are_divided_by_their_largest_value() {
        assert_eq!(number(&[0x80], ComponentType::I8, true), -1.0);
        assert_eq!(number(&[0xFF, 0xFF], ComponentType::U16, true), 1.0);
        assert_eq!(number(&[0xFE, 0xFF], ComponentType::I16, false), -2.0);
    }

    #[test]
    fn files_outside_the_folder_are_not_opened() {
        for uri in ["../secret.bin", "/etc/hostname", "http://example.org/a.bin", "%2e%2e/secret.bin"] {
            let error = read_uri(uri, Some(Path::new("."))).map_err(|e| e.to_string());
            assert!(error.is_err_and(|e| e.contains("outside")), "{uri}");
        }
    }
}
