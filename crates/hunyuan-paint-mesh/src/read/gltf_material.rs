//! The properties of a glTF material that painting keeps.

use gltf::json::{
    Root,
    material::{AlphaMode as JsonAlphaMode, Material as JsonMaterial},
    mesh::Primitive,
    validation::Checked,
};

use super::short_name;
use crate::{AlphaMode, Material};

/// Returns the material of a primitive, or the default one if it has none or a missing one.
pub(super) fn material(root: &Root, primitive: &Primitive) -> Material {
    primitive.material.and_then(|index| root.get(index)).map(from_json).unwrap_or_default()
}

fn from_json(material: &JsonMaterial) -> Material {
    let pbr = &material.pbr_metallic_roughness;
    let defaults = Material::default();
    let [metallic, roughness] = [pbr.metallic_factor.0, pbr.roughness_factor.0];
    // Factors that scale a texture are meaningless without it. Fully rough metal is glTF's default,
    // so it usually means that the file does not specify the factors.
    let is_unspecified = pbr.metallic_roughness_texture.is_some() || (metallic >= 1.0 && roughness >= 1.0);
    let factor = |value: f32, default: f32| {
        if is_unspecified || value.is_nan() { default } else { value.clamp(0.0, 1.0) }
    };
    Material {
        name: short_name(material.name.as_deref().unwrap_or_default()).to_owned(),
        metallic: factor(metallic, defaults.metallic),
        roughness: factor(roughness, defaults.roughness),
        double_sided: material.double_sided,
        alpha: match material.alpha_mode {
            Checked::Valid(JsonAlphaMode::Mask) => AlphaMode::Mask {
                cutoff: material.alpha_cutoff.map(|cutoff| cutoff.0).filter(|c| c.is_finite()).unwrap_or(0.5),
            },
            Checked::Valid(JsonAlphaMode::Blend) => AlphaMode::Blend,
            _ => AlphaMode::Opaque,
        },
    }
}
