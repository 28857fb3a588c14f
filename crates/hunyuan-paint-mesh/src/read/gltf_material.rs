//! What of a glTF material survives painting.

use gltf::json::{
    Root,
    material::{AlphaMode as JsonAlphaMode, Material as JsonMaterial},
    mesh::Primitive,
    validation::Checked,
};

use super::short_name;
use crate::{AlphaMode, Material};

/// The material of a primitive; the default one if it has none, or one that does not exist.
pub(super) fn material(root: &Root, primitive: &Primitive) -> Material {
    primitive.material.and_then(|index| root.get(index)).map(from_json).unwrap_or_default()
}

fn from_json(material: &JsonMaterial) -> Material {
    let pbr = &material.pbr_metallic_roughness;
    let dull = Material::default();
    let [metallic, roughness] = [pbr.metallic_factor.0, pbr.roughness_factor.0];
    // Factors of a texture mean nothing without it. And fully rough metal is what a file gets that says nothing.
    let says_nothing = pbr.metallic_roughness_texture.is_some() || (metallic >= 1.0 && roughness >= 1.0);
    let factor = |value: f32, default: f32| {
        if says_nothing || value.is_nan() { default } else { value.clamp(0.0, 1.0) }
    };
    Material {
        name: short_name(material.name.as_deref().unwrap_or_default()).to_owned(),
        metallic: factor(metallic, dull.metallic),
        roughness: factor(roughness, dull.roughness),
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
