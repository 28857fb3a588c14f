//! The parts of a mesh: names of a scene's objects and materials, and material properties other
//! than the texture.

use std::ops::Range;

/// A contiguous range of a mesh's faces with its own name or material.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MeshPart {
    /// The object's name; empty if it has none.
    pub name: String,
    /// The range of the mesh's faces.
    pub faces: Range<usize>,
    /// The material of the faces, without textures.
    pub material: Material,
}

impl MeshPart {
    /// Whether the part has neither a name nor a material, so that it can be omitted if it is the
    /// only one.
    pub(crate) fn is_plain(&self) -> bool {
        self.name.is_empty() && self.material == Material::default()
    }
}

/// The properties of a material that painting keeps. Painting replaces the base color; other
/// textures are dropped.
#[derive(Clone, Debug, PartialEq)]
pub struct Material {
    /// The material's name; empty if it has none.
    pub name: String,
    /// Metallic factor, from 0 (dielectric) to 1 (metal).
    pub metallic: f32,
    /// Roughness factor, from 0 (mirror) to 1 (matte).
    pub roughness: f32,
    /// Whether faces are visible from behind, too.
    pub double_sided: bool,
    /// How the material of the file uses the alpha of its texture. Writers ignore it, because the
    /// painted texture is opaque.
    pub alpha: AlphaMode,
}

impl Default for Material {
    /// Returns an unnamed, matte, non-metallic, opaque, single-sided material.
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
    /// Alpha is ignored.
    #[default]
    Opaque,
    /// Texels with an alpha below the cutoff are fully transparent, all others opaque.
    Mask {
        /// The smallest opaque alpha, from 0 to 1.
        cutoff: f32,
    },
    /// Alpha blends the surface with what is behind it.
    Blend,
}
