// Stage 2: for each pixel the nearest face. This much is common to its three parts: `draw_small` draws faces of a
// few pixels, a thread each, and queues the others; `draw_medium` gives a face 32 threads; `draw_large` goes
// through the large ones tile by tile.

// For each chunk the number of medium and of large faces.
@group(0) @binding(4) var<storage, read_write> counters: array<atomic<u32>>;
// Medium faces from the start on, large ones from the end backwards: there is room for each face once.
@group(0) @binding(7) var<storage, read_write> queue: array<u32>;

fn index_of(pixel: vec2<u32>) -> u32 {
    return (pixel.y - params.first_row) * params.width + pixel.x;
}

// Offers a pixel a face, which is counted within the chunk, if the face covers it.
fn draw_pixel(triangle: Triangle, pixel: vec2<u32>, face: u32) {
    let pixel_index = index_of(pixel);
    let steps = fragment_at(triangle, pixel, pixel_index);
    if steps != NO_FRAGMENT {
        offer(pixel_index, steps, params.first_face + face);
    }
}
