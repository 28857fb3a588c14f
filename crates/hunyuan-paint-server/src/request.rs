//! The JSON of `/generate` and `/send`, in the format of the original server.

use std::borrow::Cow;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use hunyuan_paint::mesh::MeshFormat;
use serde::Deserialize;

use crate::{PaintRequest, ServerError};

/// The original server's default.
const DEFAULT_FACE_COUNT: u64 = 40_000;

/// As lenient as Python's decoder, except that characters outside base64 are errors.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The fields in use. The others (`octree_resolution`, `num_inference_steps`, `guidance_scale`)
/// control the original's shape generation; its texturing ignores them, too.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow)]
    mesh: Option<Text<'a>>,
    mesh_type: Option<String>,
    #[serde(borrow)]
    image: Option<Text<'a>>,
    #[serde(borrow)]
    image_front: Option<Text<'a>>,
    #[serde(borrow)]
    image_left: Option<Text<'a>>,
    #[serde(borrow)]
    image_back: Option<Text<'a>>,
    #[serde(borrow)]
    image_right: Option<Text<'a>>,
    text: Option<serde::de::IgnoredAny>,
    texture: Option<bool>,
    seed: Option<u64>,
    face_count: Option<u64>,
    #[serde(rename = "type")]
    result_type: Option<String>,
}

/// A string, borrowed from the body unless it has escapes: it may be a hundred megabytes long.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// Parses a body.
///
/// # Errors
/// If it is not JSON, asks for something that only the original server does, or lacks a mesh or an
/// image.
pub(crate) fn parse(body: &[u8]) -> Result<PaintRequest, ServerError> {
    let fields: Fields<'_> =
        serde_json::from_slice(body).map_err(|error| ServerError::Json { reason: error.to_string() })?;
    let not_implemented = |what| Err(ServerError::NotImplemented { what });
    let Some(mesh) = &fields.mesh else {
        return not_implemented("shape generation (a request without 'mesh')");
    };
    if fields.texture == Some(false) {
        return not_implemented("'texture': false");
    }
    if fields.result_type.as_deref().is_some_and(|found| found != "glb") {
        return not_implemented("a 'type' of the result other than 'glb'");
    }
    let images = images(&fields)?;
    if images.is_empty() && fields.text.is_some() {
        return not_implemented("painting from a text ('text' without 'image')");
    }
    if images.is_empty() {
        return Err(field("image", "an image file in base64", "nothing"));
    }
    let mesh = decode("mesh", mesh)?;
    let mesh_format = mesh_format(fields.mesh_type.as_deref(), &mesh)?;
    let face_count = match fields.face_count.unwrap_or(DEFAULT_FACE_COUNT) {
        0 => return Err(field("face_count", "at least 1", "0")),
        count => usize::try_from(count).unwrap_or(usize::MAX),
    };
    Ok(PaintRequest { mesh, mesh_format, images, seed: fields.seed.unwrap_or(0), face_count })
}

/// Decodes the front, left, back and right images that are present.
fn images(fields: &Fields<'_>) -> Result<Vec<Vec<u8>>, ServerError> {
    // In the original, `image_front` replaces `image`.
    let front = match &fields.image_front {
        Some(image) => ("image_front", Some(image)),
        None => ("image", fields.image.as_ref()),
    };
    let others = [
        ("image_left", fields.image_left.as_ref()),
        ("image_back", fields.image_back.as_ref()),
        ("image_right", fields.image_right.as_ref()),
    ];
    let given = [front].into_iter().chain(others).filter_map(|(name, image)| Some((name, image?)));
    given.map(|(name, image)| decode(name, image)).collect()
}

fn decode(field: &'static str, text: &Text<'_>) -> Result<Vec<u8>, ServerError> {
    let mut text = Cow::Borrowed(text.0.as_bytes());
    // Mail encoders insert line breaks.
    if text.iter().any(u8::is_ascii_whitespace) {
        text.to_mut().retain(|byte| !byte.is_ascii_whitespace());
    }
    BASE64.decode(text).map_err(|error| ServerError::Base64 { field, reason: error.to_string() })
}

fn mesh_format(name: Option<&str>, mesh: &[u8]) -> Result<MeshFormat, ServerError> {
    const NAMES: &str = "glb, gltf, obj, ply or stl";
    match name {
        Some(name) => MeshFormat::from_path(format!("mesh.{name}").as_ref())
            .ok_or_else(|| field("mesh_type", NAMES, &format!("'{name}'"))),
        None => MeshFormat::from_content(mesh).ok_or_else(|| ServerError::Unusable {
            input: "mesh",
            reason: "expected GLB, glTF, PLY or STL, or OBJ with 'mesh_type': 'obj'; found something else"
                .into(),
        }),
    }
}

fn field(field: &'static str, expected: &str, found: &str) -> ServerError {
    ServerError::Field { field, expected: expected.into(), found: found.into() }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// `glTF`, `front`, `left`, `right` in base64.
    const MESH: &str = "Z2xURg==";
    const FRONT: &str = "ZnJvbnQ=";
    const LEFT: &str = "bGVmdA==";
    const RIGHT: &str = "cmlnaHQ=";

    fn parse_json(json: Value) -> Result<PaintRequest, ServerError> {
        parse(json.to_string().as_bytes())
    }

    #[test]
    fn requests_of_the_add_on_are_understood() -> Result<(), ServerError> {
        let request = parse_json(json!({
            "mesh": MESH, "image": FRONT, "octree_resolution": 256, "num_inference_steps": 20, "guidance_scale": 5.5,
            "texture": true, "image_right": RIGHT, "image_left": LEFT,
        }))?;
        assert_eq!(request.mesh, b"glTF");
        assert_eq!(request.mesh_format, MeshFormat::Gltf);
        assert_eq!(request.images, [&b"front"[..], b"left", b"right"]);
        assert_eq!((request.seed, request.face_count), (0, 40_000));
        Ok(())
    }

    #[test]
    fn extension_fields_and_lenient_base64_are_accepted() -> Result<(), ServerError> {
        let request = parse_json(json!({
            "mesh": "dg", "mesh_type": "OBJ", "image": "Zn\nJv bnQ", "seed": 7, "face_count": 100, "text": null,
            "type": "glb", "texture": null,
        }))?;
        assert_eq!((&request.mesh[..], request.mesh_format), (&b"v"[..], MeshFormat::Obj));
        assert_eq!(request.images, [b"front"]);
        assert_eq!((request.seed, request.face_count), (7, 100));
        let escaped = format!(r#"{{"mesh": "Z2xURg\u003d=", "image": "{LEFT}", "image_front": "{FRONT}"}}"#);
        assert_eq!(parse(escaped.as_bytes())?.mesh, b"glTF");
        assert_eq!(parse(escaped.as_bytes())?.images, [b"front"]);
        Ok(())
    }

    #[test]
    fn missing_wrong_and_unsupported_fields_are_named() {
        for (json, name, word) in [
            (json!({ "image": FRONT }), "not_implemented", "shape generation"),
            (json!({ "text": "a chair", "texture": true }), "not_implemented", "shape generation"),
            (json!({ "mesh": MESH, "text": "a chair", "texture": true }), "not_implemented", "text"),
            (json!({ "mesh": MESH, "image": FRONT, "texture": false }), "not_implemented", "texture"),
            (json!({ "mesh": MESH, "image": FRONT, "type": "obj" }), "not_implemented", "type"),
            (json!({ "mesh": MESH }), "field", "image"),
            (json!({ "mesh": MESH, "image": null }), "field", "image"),
            (json!({ "mesh": MESH, "image": FRONT, "face_count": 0 }), "field", "face_count"),
            (json!({ "mesh": MESH, "image": FRONT, "mesh_type": "fbx" }), "field", "fbx"),
            (json!({ "mesh": "@@@@", "image": FRONT }), "base64", "mesh"),
            (json!({ "mesh": MESH, "image": "a" }), "base64", "image"),
            (json!({ "mesh": MESH, "image": FRONT, "image_back": "?" }), "base64", "image_back"),
            (json!({ "mesh": FRONT, "image": FRONT }), "unusable", "mesh"),
            (json!({ "mesh": MESH, "image": FRONT, "seed": "x" }), "json", "u64"),
            (json!({ "mesh": 5, "image": FRONT }), "json", "string"),
            (json!([1]), "json", "JSON"),
            (json!("text"), "json", "JSON"),
        ] {
            let error = parse_json(json.clone()).err();
            let found = error.as_ref().map(|error| (error.name(), error.to_string()));
            assert!(
                found.as_ref().is_some_and(|(n, text)| *n == name && text.contains(word)),
                "{json}: {found:?}"
            );
        }
        assert!(matches!(parse(b"{"), Err(ServerError::Json { .. })));
        assert!(matches!(parse(b"\xff"), Err(ServerError::Json { .. })));
    }
}
