// The vertices on the image and the faces of a chunk of the mesh.

@group(0) @binding(2) var<storage, read> vertices: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> faces: array<u32>;

// Returns the vertices of a face, whose index counts from the start of the chunk.
fn corners_of(face: u32) -> array<vec4<u32>, 3> {
    return array<vec4<u32>, 3>(
        vertices[faces[3u * face]],
        vertices[faces[3u * face + 1u]],
        vertices[faces[3u * face + 2u]],
    );
}
