// The chunk of the mesh, on the image.

@group(0) @binding(2) var<storage, read> vertices: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> faces: array<u32>;

// The vertices of a face, which is counted within the chunk.
fn corners_of(face: u32) -> array<vec4<u32>, 3> {
    return array<vec4<u32>, 3>(
        vertices[faces[3u * face]],
        vertices[faces[3u * face + 1u]],
        vertices[faces[3u * face + 2u]],
    );
}
