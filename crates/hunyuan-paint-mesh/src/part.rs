//! The parts of a mesh: what a scene's objects and materials were called, and how they look apart from the texture.

use std::ops::Range;

/// A run of a mesh's faces that had a name or a material of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeshPart {
    /// The object's name; empty if it has none.
    pub name: String,
    /// Which of the mesh's faces.
    pub faces: Range<usize>,
    /// How they look apart from the texture.
    pub material: Material,
}

impl MeshPart {
    /// Whether this says nothing that a mesh without parts would not say.
    pub(crate) fn is_plain(&self) -> bool {
        self.name.is_empty() && self.material == Material::default()
    }
}

/// What of a material survives painting. Its base color is what gets painted; other textures are left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Material {
    /// The material's name; empty if it has none.
    pub name: String,
    /// 0 (dielectric) to 1 (metal).
    pub metallic: f32,
    /// 0 (mirror) to 1 (dull).
    pub roughness: f32,
    /// Whether faces are seen from behind, too.
    pub double_sided: bool,
    /// What the texture's alpha would mean.
    pub alpha: AlphaMode,
}

impl Default for Material {
    /// Without a name, dull, no metal, opaque, seen from the front.
    fn default() -> Self {
        Self {
            name: String::new(),
            metallic: 0.0,
            roughness: 1.0,
            double_sided: false,
            alpha: AlphaMode::default(),
        }
    }
}

/// How a material uses alpha, as in glTF.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub enum AlphaMode {
    /// Not at all.
    #[default]
    Opaque,
    /// What has less alpha than the cutoff, 0 to 1, is not there.
    Mask {
        /// The least alpha that shows.
        cutoff: f32,
    },
    /// It lets shine through what lies behind.
    Blend,
}
