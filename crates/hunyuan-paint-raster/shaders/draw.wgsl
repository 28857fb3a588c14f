// Pass 2: finds the nearest face of each pixel. It is split into three passes, which share this
// file. `draw_small` draws faces of a few pixels with one thread each and queues the others.
// `draw_medium` draws medium faces with 32 threads each. `draw_large` draws the large faces, one
// workgroup per tile.

// The numbers of medium and large faces of each chunk.
@group(0) @binding(4) var<storage, read_write> counters: array<atomic<u32>>;
// The queue holds medium faces from its start on, and large ones from its end backward. Its length
// is the number of faces, so that it cannot overflow.
@group(0) @binding(7) var<storage, read_write> queue: array<u32>;

fn index_of(pixel: vec2<u32>) -> u32 {
    return (pixel.y - params.first_row) * params.width + pixel.x;
}

// Draws a face at a pixel if it covers the pixel. `face` is the index in the chunk.
fn draw_pixel(triangle: Triangle, pixel: vec2<u32>, face: u32) {
    let pixel_index = index_of(pixel);
    let steps = fragment_at(triangle, pixel, pixel_index);
    if steps != NO_FRAGMENT {
        offer(pixel_index, steps, params.first_face + face);
    }
}
