// Pass 4: interpolates vertex attributes at the pixels, up to four channels per dispatch.

@group(0) @binding(1) var<storage, read> attributes: array<f32>;
@group(0) @binding(3) var<storage, read> faces: array<u32>;
@group(0) @binding(8) var<storage, read> face_index: array<u32>;
@group(0) @binding(9) var<storage, read> barycentrics: array<f32>;
@group(0) @binding(11) var<storage, read_write> pixels: array<f32>;

@compute @workgroup_size(256)
fn interpolate(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroup_count: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let pixel_index = group_of(workgroup, workgroup_count) * 256u + lane;
    if pixel_index >= params.width * params.row_count {
        return;
    }
    let face = face_index[pixel_index];
    let local_face = face - params.first_face;
    let first = pixel_index * params.channel_count + params.first_channel;
    if face == NO_FACE {
        for (var i = 0u; i < params.group_channels; i++) {
            pixels[first + i] = 0.0;
        }
    } else if face >= params.first_face && local_face < params.face_count {
        let a = faces[3u * local_face] * params.group_channels;
        let b = faces[3u * local_face + 1u] * params.group_channels;
        let c = faces[3u * local_face + 2u] * params.group_channels;
        let weights = vec3<f32>(
            barycentrics[3u * pixel_index],
            barycentrics[3u * pixel_index + 1u],
            barycentrics[3u * pixel_index + 2u],
        );
        for (var i = 0u; i < params.group_channels; i++) {
            let numbers = vec3<f32>(attributes[a + i], attributes[b + i], attributes[c + i]);
            pixels[first + i] = weighted_sum(weights, numbers);
        }
    }
}
