//! Checks, without a GPU, that every shader is valid WGSL and can be translated for Metal, DX12 and
//! Vulkan.

use std::error::Error;

use hunyuan_paint_bake::gpu::BakePass;
use naga::{
    back::{hlsl, msl, spv},
    valid::{Capabilities, ValidationFlags, Validator},
};

struct Shader {
    name: &'static str,
    module: naga::Module,
    info: naga::valid::ModuleInfo,
}

/// Parses and validates all shaders, without capabilities beyond WebGPU.
fn shaders() -> Result<Vec<Shader>, Box<dyn Error>> {
    let mut shaders = Vec::new();
    for &pass in BakePass::ALL {
        let name = pass.name();
        let source = pass.source();
        let module = naga::front::wgsl::parse_str(&source)
            .map_err(|error| format!("{name}: {}", error.emit_to_string(&source)))?;
        let info = Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&module)
            .map_err(|error| format!("{name}: {}", error.emit_to_string(&source)))?;
        shaders.push(Shader { name, module, info });
    }
    Ok(shaders)
}

#[test]
fn the_entry_point_is_named_after_the_pass() -> Result<(), Box<dyn Error>> {
    for Shader { name, module, .. } in shaders()? {
        let names: Vec<&str> = module.entry_points.iter().map(|entry| entry.name.as_str()).collect();
        assert_eq!(names, [name]);
        let [x, y, z] = module.entry_points[0].workgroup_size;
        // The limit that WebGPU guarantees.
        assert!(x * y * z <= 256, "{name}");
    }
    Ok(())
}

/// WebGPU guarantees 8 storage buffers per shader stage.
#[test]
fn storage_buffers_stay_within_the_limit_of_webgpu() -> Result<(), Box<dyn Error>> {
    for Shader { name, module, info } in shaders()? {
        let used = module.global_variables.iter().filter(|(handle, variable)| {
            matches!(variable.space, naga::AddressSpace::Storage { .. })
                && !info.get_entry_point(0)[*handle].is_empty()
        });
        assert!(used.count() <= 8, "{name}");
    }
    Ok(())
}

/// A bind group layout that is derived from a shader lacks the bindings that the shader does not
/// use.
#[test]
fn every_binding_is_used() -> Result<(), Box<dyn Error>> {
    for Shader { name, module, info } in shaders()? {
        for (handle, variable) in module.global_variables.iter() {
            let is_used = !info.get_entry_point(0)[handle].is_empty();
            assert!(is_used || variable.binding.is_none(), "{name}: {:?}", variable.name);
        }
    }
    Ok(())
}

#[test]
fn shaders_translate_to_metal() -> Result<(), Box<dyn Error>> {
    for lang_version in [(2, 4), (3, 1)] {
        let options = msl::Options { lang_version, ..Default::default() };
        for Shader { name, module, info } in shaders()? {
            let (_, translation) = msl::write_string(&module, &info, &options, &Default::default())
                .map_err(|error| format!("{name}: {error}"))?;
            assert!(translation.entry_point_names.iter().all(Result::is_ok), "{name}");
        }
    }
    Ok(())
}

#[test]
fn shaders_translate_to_hlsl() -> Result<(), Box<dyn Error>> {
    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V5_1, ..Default::default() };
    for Shader { name, module, info } in shaders()? {
        let pipeline_options = Default::default();
        let mut source = String::new();
        let translation = hlsl::Writer::new(&mut source, &options, &pipeline_options)
            .write(&module, &info, None)
            .map_err(|error| format!("{name}: {error}"))?;
        assert!(translation.entry_point_names.iter().all(Result::is_ok), "{name}");
    }
    Ok(())
}

#[test]
fn shaders_translate_to_spirv() -> Result<(), Box<dyn Error>> {
    for Shader { name, module, info } in shaders()? {
        spv::write_vec(&module, &info, &spv::Options::default(), None)
            .map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}
