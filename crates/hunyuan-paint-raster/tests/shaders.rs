//! Validates every shader and translates it for Metal, DX12 and Vulkan. Needs no GPU.

use std::error::Error;

use hunyuan_paint_raster::{Coverage, DepthKey, gpu::RasterPass};
use naga::{
    back::{hlsl, msl, spv},
    valid::{Capabilities, ValidationFlags, Validator},
};

const COVERAGES: [Coverage; 2] = [Coverage::Reference, Coverage::FixedPoint];
const DEPTH_KEYS: [DepthKey; 2] = [DepthKey::Packed64, DepthKey::TwoPass32];

struct Shader {
    name: String,
    pass: RasterPass,
    depth_key: DepthKey,
    module: naga::Module,
    info: naga::valid::ModuleInfo,
}

fn shaders() -> Result<Vec<Shader>, Box<dyn Error>> {
    let mut shaders = Vec::new();
    for coverage in COVERAGES {
        for depth_key in DEPTH_KEYS {
            for &pass in RasterPass::ALL {
                let name = format!("{} with {coverage:?}, {depth_key:?}", pass.name());
                let source = pass.source(coverage, depth_key);
                let module = naga::front::wgsl::parse_str(&source)
                    .map_err(|error| format!("{name}: {}", error.emit_to_string(&source)))?;
                // Only the 64-bit key may need features beyond WebGPU.
                let capabilities = match depth_key {
                    DepthKey::Packed64 => {
                        Capabilities::SHADER_INT64 | Capabilities::SHADER_INT64_ATOMIC_MIN_MAX
                    }
                    _ => Capabilities::empty(),
                };
                let info = Validator::new(ValidationFlags::all(), capabilities)
                    .validate(&module)
                    .map_err(|error| format!("{name}: {}", error.emit_to_string(&source)))?;
                shaders.push(Shader { name, pass, depth_key, module, info });
            }
        }
    }
    Ok(shaders)
}

fn is_drawing(pass: RasterPass) -> bool {
    [RasterPass::DrawSmall, RasterPass::DrawMedium, RasterPass::DrawLarge].contains(&pass)
}

#[test]
fn every_shader_has_one_entry_point_with_the_name_of_its_pass() -> Result<(), Box<dyn Error>> {
    for Shader { name, pass, module, .. } in shaders()? {
        let names: Vec<&str> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, [pass.name()], "{name}");
        let [x, y, z] = module.entry_points[0].workgroup_size;
        // The limit that WebGPU guarantees.
        assert!(x * y * z <= 256, "{name}");
    }
    Ok(())
}

/// WebGPU guarantees 8 storage buffers per shader stage.
#[test]
fn no_shader_binds_more_buffers_than_webgpu_guarantees() -> Result<(), Box<dyn Error>> {
    for Shader { name, module, info, .. } in shaders()? {
        let used = module.global_variables.iter().filter(|(handle, variable)| {
            matches!(variable.space, naga::AddressSpace::Storage { .. })
                && !info.get_entry_point(0)[*handle].is_empty()
        });
        assert!(used.count() <= 8, "{name}");
    }
    Ok(())
}

#[test]
fn every_shader_translates_to_metal() -> Result<(), Box<dyn Error>> {
    for lang_version in [(2, 4), (3, 1)] {
        let options = msl::Options { lang_version, ..Default::default() };
        for Shader { name, pass, depth_key, module, info } in shaders()? {
            let (source, translation) = msl::write_string(&module, &info, &options, &Default::default())
                .map_err(|error| format!("{name}: {error}"))?;
            assert!(translation.entry_point_names.iter().all(Result::is_ok), "{name}");
            // The only 64-bit atomics of Metal are minimum and maximum without a result.
            let is_64_bit = source.contains("atomic_ulong");
            assert_eq!(is_64_bit, is_drawing(pass) && depth_key == DepthKey::Packed64, "{name}");
            if is_64_bit {
                assert!(source.contains("metal::atomic_min_explicit("), "{name}: {source}");
                assert!(!source.contains("atomic_fetch_min"), "{name}");
                for (start, _) in source.match_indices("metal::atomic_min_explicit(") {
                    let line = source[..start].lines().next_back().unwrap_or_default();
                    assert!(line.trim().is_empty(), "{name}: the result is used: {line}");
                }
            } else if is_drawing(pass) {
                assert!(source.contains("metal::atomic_fetch_min_explicit("), "{name}");
            }
        }
    }
    Ok(())
}

#[test]
fn every_shader_translates_to_hlsl() -> Result<(), Box<dyn Error>> {
    for Shader { name, pass, depth_key, module, info } in shaders()? {
        // 64-bit atomics need shader model 6.6.
        let is_64_bit = is_drawing(pass) && depth_key == DepthKey::Packed64;
        let shader_model = if is_64_bit { hlsl::ShaderModel::V6_6 } else { hlsl::ShaderModel::V5_1 };
        let options = hlsl::Options { shader_model, ..Default::default() };
        let pipeline_options = Default::default();
        let mut source = String::new();
        let translation = hlsl::Writer::new(&mut source, &options, &pipeline_options)
            .write(&module, &info, None)
            .map_err(|error| format!("{name}: {error}"))?;
        assert!(translation.entry_point_names.iter().all(Result::is_ok), "{name}");
        assert_eq!(source.contains("InterlockedMin64("), is_64_bit, "{name}");
    }
    Ok(())
}

#[test]
fn every_shader_translates_to_spirv() -> Result<(), Box<dyn Error>> {
    const OP_CAPABILITY: u32 = 17;
    const INT64_ATOMICS: u32 = 12;
    for Shader { name, pass, depth_key, module, info } in shaders()? {
        let words = spv::write_vec(&module, &info, &spv::Options::default(), None)
            .map_err(|error| format!("{name}: {error}"))?;
        // Instructions start after a header of five words. The upper half of their first word is
        // their length.
        let mut rest = &words[5..];
        let mut capabilities = Vec::new();
        while let [instruction, operands @ ..] = rest {
            if instruction & 0xFFFF == OP_CAPABILITY {
                capabilities.extend(operands.first().copied());
            }
            rest = &rest[(instruction >> 16) as usize..];
        }
        let is_64_bit = is_drawing(pass) && depth_key == DepthKey::Packed64;
        assert_eq!(capabilities.contains(&INT64_ATOMICS), is_64_bit, "{name}");
    }
    Ok(())
}
