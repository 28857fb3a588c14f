// Sphere tracing of procedural objects: one source for CUDA (nvcc) and for CPUs (any C++ compiler with OpenMP).
//
// An object is a record of floats (layout in scene.py): a header, parts that are joined smoothly or
// sharply, materials defined in 3-D, and painted spots. Object space: x right, y up, z to the front;
// scaled and centered like the pipeline's canonical space.

#include <cmath>
#include <cstdint>

#ifdef __CUDACC__
#define HD __host__ __device__ inline
#else
#define HD inline
#endif

namespace {

constexpr int PARTS = 10, PART_SIZE = 20, MATERIAL_SIZE = 24, SPOTS = 4, SPOT_SIZE = 8, HEADER = 32;
constexpr int SCENE_SIZE = HEADER + PARTS * (PART_SIZE + MATERIAL_SIZE) + SPOTS * SPOT_SIZE;
constexpr int CAMERA_SIZE = 12;
constexpr float RADIUS = 0.575f;

struct V {
    float x, y, z;
};
HD V operator+(V a, V b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
HD V operator-(V a, V b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
HD V operator*(V a, float s) { return {a.x * s, a.y * s, a.z * s}; }
HD V operator*(V a, V b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
HD float dot(V a, V b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
HD float length(V a) { return sqrtf(dot(a, a)); }
HD V unit(V a) { return a * (1.0f / fmaxf(length(a), 1e-9f)); }
HD V load(const float* f) { return {f[0], f[1], f[2]}; }
HD V mix(V a, V b, float t) { return a + (b - a) * t; }
HD float clamp01(float x) { return fminf(fmaxf(x, 0.0f), 1.0f); }
HD float smooth(float low, float high, float x) {
    float t = clamp01((x - low) / (high - low));
    return t * t * (3.0f - 2.0f * t);
}

HD uint32_t hash(int x, int y, int z, uint32_t seed) {
    uint32_t h = seed * 0x9E3779B1u + (uint32_t)x * 0x85EBCA77u + (uint32_t)y * 0xC2B2AE3Du + (uint32_t)z * 0x27D4EB2Fu;
    h ^= h >> 15; h *= 0x2C1B3C6Du; h ^= h >> 12; h *= 0x297A2D39u; h ^= h >> 15;
    return h;
}
HD float hash01(int x, int y, int z, uint32_t seed) { return (float)(hash(x, y, z, seed) >> 8) * (1.0f / 16777216.0f); }

HD float value_noise(V p, uint32_t seed) {
    float fx = floorf(p.x), fy = floorf(p.y), fz = floorf(p.z);
    int x = (int)fx, y = (int)fy, z = (int)fz;
    V t = {p.x - fx, p.y - fy, p.z - fz};
    t = t * t * V{3.0f - 2.0f * t.x, 3.0f - 2.0f * t.y, 3.0f - 2.0f * t.z};
    float sum = 0.0f;
    for (int corner = 0; corner < 8; corner++) {
        int i = corner & 1, j = (corner >> 1) & 1, k = corner >> 2;
        float w = (i ? t.x : 1.0f - t.x) * (j ? t.y : 1.0f - t.y) * (k ? t.z : 1.0f - t.z);
        sum += w * hash01(x + i, y + j, z + k, seed);
    }
    return sum;
}

HD float segment(float px, float py, float ax, float ay, float bx, float by) {
    float dx = bx - ax, dy = by - ay;
    float t = clamp01(((px - ax) * dx + (py - ay) * dy) / fmaxf(dx * dx + dy * dy, 1e-12f));
    float ex = px - ax - t * dx, ey = py - ay - t * dy;
    return sqrtf(ex * ex + ey * ey);
}

// Returns the signed distance to a part: ellipsoid, box, torus, capsule, cylinder or cone. The last
// four are around the local y axis.
HD float part_distance(const float* part, V p) {
    V d = p - load(part + 1);
    V q = {dot(d, load(part + 4)), dot(d, load(part + 7)), dot(d, load(part + 10))};
    V s = load(part + 13);
    float rounding = part[16], around = sqrtf(q.x * q.x + q.z * q.z);
    switch ((int)part[0]) {
    case 0: {
        V a = {q.x / s.x, q.y / s.y, q.z / s.z}, b = {a.x / s.x, a.y / s.y, a.z / s.z};
        float k = length(a);
        return k < 1e-4f ? -fminf(s.x, fminf(s.y, s.z)) : k * (k - 1.0f) / length(b);
    }
    case 1: {
        V a = {fabsf(q.x) - s.x + rounding, fabsf(q.y) - s.y + rounding, fabsf(q.z) - s.z + rounding};
        V out = {fmaxf(a.x, 0.0f), fmaxf(a.y, 0.0f), fmaxf(a.z, 0.0f)};
        return length(out) + fminf(fmaxf(a.x, fmaxf(a.y, a.z)), 0.0f) - rounding;
    }
    case 2: {
        float a = around - s.x;
        return sqrtf(a * a + q.y * q.y) - s.y;
    }
    case 3: {
        float y = fmaxf(fabsf(q.y) - s.x, 0.0f);
        return sqrtf(around * around + y * y) - s.y;
    }
    case 4: {
        float a = around - s.x + rounding, b = fabsf(q.y) - s.y + rounding;
        float oa = fmaxf(a, 0.0f), ob = fmaxf(b, 0.0f);
        return sqrtf(oa * oa + ob * ob) + fminf(fmaxf(a, b), 0.0f) - rounding;
    }
    default: {
        float h = s.z;
        bool inside = fabsf(q.y) < h && around < s.x + (s.y - s.x) * (q.y + h) / (2.0f * h);
        float e = segment(around, q.y, s.x, -h, s.y, h);
        e = fminf(e, segment(around, q.y, 0.0f, -h, s.x, -h));
        e = fminf(e, segment(around, q.y, 0.0f, h, s.y, h));
        return inside ? -e : e;
    }
    }
}

// Header: 0 parts, 1 mirrored in x, 2 blend, 3-5 center, 6 scale, 7 spots, 8-10 light, 11 key, 12-14 its color,
// 15 ambient, 16-18 fill light, 19 fill, 20 specular, 21 exponent, 22 exposure, 23 material of all or -1.
HD V raw_point(const float* scene, V p) {
    V q = p * (1.0f / scene[6]) + load(scene + 3);
    if (scene[1] > 0.5f) q.x = fabsf(q.x);
    return q;
}

HD float distance(const float* scene, V p, int* nearest) {
    V q = raw_point(scene, p);
    float blend = scene[2], d = 1e9f, least = 1e9f;
    int count = (int)scene[0];
    for (int i = 0; i < count; i++) {
        float e = part_distance(scene + HEADER + i * PART_SIZE, q);
        if (e < least) {
            least = e;
            if (nearest) *nearest = i;
        }
        float h = blend > 0.0f ? fmaxf(blend - fabsf(d - e), 0.0f) / blend : 0.0f;
        d = fminf(d, e) - h * h * blend * 0.25f;
    }
    return d * scene[6];
}

HD bool trace(const float* scene, V origin, V direction, float limit, V* hit) {
    float t = 0.0f;
    for (int i = 0; i < 96 && t < limit; i++) {
        V p = origin + direction * t;
        float d = distance(scene, p, nullptr);
        if (d < 5e-4f) {
            *hit = p;
            return true;
        }
        t += 0.9f * d;
    }
    return false;
}

HD V normal_at(const float* scene, V p) {
    const float e = 1e-3f;
    V a = {1, -1, -1}, b = {-1, -1, 1}, c = {-1, 1, -1}, d = {1, 1, 1};
    return unit(a * distance(scene, p + a * e, nullptr) + b * distance(scene, p + b * e, nullptr)
                + c * distance(scene, p + c * e, nullptr) + d * distance(scene, p + d * e, nullptr));
}

HD float wave(float x, float softness) {
    float t = fabsf(x - floorf(x) - 0.5f) * 2.0f;
    return smooth(0.5f - softness, 0.5f + softness, t);
}

// 0 pattern, 1 frequency, 2 phase, 3 softness, 4-6 direction, 7-9 second direction, 10-18 three colors, 19 seed.
HD V material_color(const float* m, V p) {
    float frequency = m[1], phase = m[2], softness = m[3];
    V u = load(m + 4), w = load(m + 7), a = load(m + 10), b = load(m + 13), c = load(m + 16);
    uint32_t seed = (uint32_t)m[19];
    float s = dot(p, u) * frequency + phase, r = dot(p, w) * frequency + phase;
    switch ((int)m[0]) {
    case 1: return mix(a, b, wave(s, softness));
    case 2: {
        float x = wave(s, softness), y = wave(r, softness);
        return mix(a, b, x + y - 2.0f * x * y);
    }
    case 3: return mix(a, b, smooth(-0.45f, 0.45f, dot(p, u)));
    case 4: {
        V q = p * frequency;
        int x = (int)floorf(q.x), y = (int)floorf(q.y), z = (int)floorf(q.z);
        float least = 1e9f;
        uint32_t cell = 0;
        for (int i = -1; i <= 1; i++) for (int j = -1; j <= 1; j++) for (int k = -1; k <= 1; k++) {
            int cx = x + i, cy = y + j, cz = z + k;
            V site = {cx + hash01(cx, cy, cz, seed), cy + hash01(cx, cy, cz, seed + 1), cz + hash01(cx, cy, cz, seed + 2)};
            float d = dot(site - q, site - q);
            if (d < least) { least = d; cell = hash(cx, cy, cz, seed + 3); }
        }
        return cell % 3 == 0 ? a : cell % 3 == 1 ? b : c;
    }
    case 5: {
        float n = value_noise(p * frequency, seed) * 0.7f + value_noise(p * (2.1f * frequency), seed + 7) * 0.3f;
        return mix(a, b, smooth(0.5f - softness * 0.3f, 0.5f + softness * 0.3f, n));
    }
    case 6: {
        V q = p * frequency;
        int x = (int)floorf(q.x), y = (int)floorf(q.y), z = (int)floorf(q.z);
        V site = {x + 0.35f + 0.3f * hash01(x, y, z, seed), y + 0.35f + 0.3f * hash01(x, y, z, seed + 1),
                  z + 0.35f + 0.3f * hash01(x, y, z, seed + 2)};
        return mix(b, a, smooth(0.3f - 0.1f * softness, 0.32f + 0.1f * softness, length(q - site)));
    }
    case 7: return mix(a, b, wave(length(p - u * 0.3f) * frequency + phase, softness));
    case 8: return mix(a, b, clamp01(value_noise(p * frequency, seed) * 1.6f - 0.3f));
    case 9: {  // rows of random 5x7 glyphs
        float column = dot(p, u) * frequency * 3.0f, row = dot(p, w) * frequency * 2.0f;
        if (fabsf(row) > 1.5f) return a;
        int i = (int)floorf(column), j = (int)floorf(row);
        int x = (int)((column - i) * 7.0f), y = (int)((row - j) * 9.0f);
        bool ink = x < 5 && y < 7 && hash01(i, j, x + 8 * y, seed) < 0.5f;
        return ink ? b : a;
    }
    default: return a;
    }
}

HD V albedo_at(const float* scene, V p) {
    int nearest = 0;
    distance(scene, p, &nearest);
    V q = p;
    if (scene[1] > 0.5f) q.x = fabsf(q.x);
    int material = scene[23] >= 0.0f ? (int)scene[23] : nearest;
    V color = material_color(scene + HEADER + PARTS * PART_SIZE + material * MATERIAL_SIZE, q);
    const float* spots = scene + HEADER + PARTS * (PART_SIZE + MATERIAL_SIZE);
    for (int i = 0; i < (int)scene[7]; i++) {
        const float* spot = spots + i * SPOT_SIZE;  // 0-2 center, 3 radius, 4-6 color, 7 pupil's share
        float d = length(q - load(spot));
        if (d < spot[3]) color = d < spot[3] * spot[7] ? V{0.05f, 0.05f, 0.06f} : load(spot + 4);
    }
    return color;
}

HD V lit_color(const float* scene, V p, V n, V albedo, V toward_camera) {
    V light = load(scene + 8), fill = load(scene + 16);
    float shadow = 1.0f, t = 0.02f;
    for (int i = 0; i < 40 && t < 1.2f; i++) {
        float d = distance(scene, p + n * 4e-3f + light * t, nullptr);
        shadow = fminf(shadow, 12.0f * d / t);
        if (shadow < 0.0f) break;
        t += fmaxf(d, 0.01f);
    }
    shadow = clamp01(shadow);
    float occlusion = 0.0f, weight = 1.0f;
    for (int i = 1; i <= 4; i++) {
        float h = 0.03f * i;
        occlusion += weight * (h - distance(scene, p + n * h, nullptr));
        weight *= 0.7f;
    }
    float open = clamp01(1.0f - 4.0f * occlusion);
    float key = scene[11] * fmaxf(dot(n, light), 0.0f) * shadow;
    V irradiance = load(scene + 12) * key;
    float other = scene[15] * (0.7f + 0.3f * n.y) * open + scene[19] * fmaxf(dot(n, fill), 0.0f);
    irradiance = irradiance + V{other, other, other};
    float gloss = scene[20] * shadow * powf(fmaxf(dot(n, unit(light + toward_camera)), 0.0f), scene[21]);
    float e = scene[22];
    return {powf(clamp01((powf(albedo.x, 2.2f) * irradiance.x + gloss) * e), 1.0f / 2.2f),
            powf(clamp01((powf(albedo.y, 2.2f) * irradiance.y + gloss) * e), 1.0f / 2.2f),
            powf(clamp01((powf(albedo.z, 2.2f) * irradiance.z + gloss) * e), 1.0f / 2.2f)};
}

struct Job {
    const float* scenes;   // [objects, SCENE_SIZE]
    const float* cameras;  // [objects, images, CAMERA_SIZE]: right, down, forward, center u, center v, half extent
    int images, size, samples;
    float* points;         // [objects, images, size, size, 4], or null: position and 1 where hit, else zeros
    uint8_t *albedo, *normal, *position, *lit;  // [objects, images, size, size, 3]; lit is white but for the last image
};

HD uint8_t truncated(float x) { return (uint8_t)(clamp01(x) * 255.0f); }
HD uint8_t rounded(float x) { return (uint8_t)(clamp01(x) * 255.0f + 0.5f); }

HD void pixel(const Job& job, long index) {
    int column = (int)(index % job.size), row = (int)(index / job.size % job.size);
    long image = index / ((long)job.size * job.size);
    const float* scene = job.scenes + image / job.images * SCENE_SIZE;
    const float* camera = job.cameras + image * CAMERA_SIZE;
    V right = load(camera), down = load(camera + 3), forward = load(camera + 6);
    bool shaded = image % job.images == job.images - 1;
    V sums[4] = {};
    for (int i = 0; i < job.samples * job.samples; i++) {
        // Pixels of a 2048 render, scaled down: the rasterizer puts the outermost pixel centers at the borders.
        float fine = 2048.0f / job.size;
        float x = ((column + (i % job.samples + 0.5f) / job.samples) * fine - 0.5f) * 2.0f / 2047.0f - 1.0f;
        float y = ((row + (i / job.samples + 0.5f) / job.samples) * fine - 0.5f) * 2.0f / 2047.0f - 1.0f;
        V origin = right * (camera[9] + x * camera[11]) + down * (camera[10] + y * camera[11]) - forward * (2.0f * camera[11]);
        V hit, white = {1, 1, 1};
        bool seen = trace(scene, origin, forward, 4.0f * camera[11], &hit);
        if (job.points) {
            float* out = job.points + index * 4;
            out[0] = hit.x * seen; out[1] = hit.y * seen; out[2] = hit.z * seen; out[3] = seen;
            return;
        }
        if (!seen) {
            for (V& sum : sums) sum = sum + white;
            continue;
        }
        V n = normal_at(scene, hit), color = albedo_at(scene, hit);
        sums[0] = sums[0] + color;
        // Canonical space is (-x, z, -y), and its normals point inwards.
        sums[1] = sums[1] + V{0.5f + 0.5f * n.x, 0.5f - 0.5f * n.z, 0.5f + 0.5f * n.y};
        sums[2] = sums[2] + V{0.5f + hit.x / (2 * RADIUS), 0.5f - hit.z / (2 * RADIUS), 0.5f + hit.y / (2 * RADIUS)};
        sums[3] = sums[3] + (shaded ? lit_color(scene, hit, n, color, forward * -1.0f) : white);
    }
    float scale = 1.0f / (job.samples * job.samples);
    uint8_t* outputs[4] = {job.albedo, job.normal, job.position, job.lit};
    for (int i = 0; i < 4; i++) {
        V mean = sums[i] * scale;
        uint8_t* out = outputs[i] + index * 3;
        bool map = i == 1 || i == 2;
        out[0] = map ? truncated(mean.x) : rounded(mean.x);
        out[1] = map ? truncated(mean.y) : rounded(mean.y);
        out[2] = map ? truncated(mean.z) : rounded(mean.z);
    }
}

#ifdef __CUDACC__
__global__ void kernel(Job job, long count) {
    long index = blockIdx.x * (long)blockDim.x + threadIdx.x;
    if (index < count) pixel(job, index);
}
#endif

}  // namespace

// Renders images. With CUDA, pointers are device pointers. Returns 0, or the CUDA error code.
extern "C" int scene_render(const float* scenes, const float* cameras, long objects, int images, int size, int samples,
                            float* points, uint8_t* albedo, uint8_t* normal, uint8_t* position, uint8_t* lit, void* stream) {
    Job job = {scenes, cameras, images, size, samples, points, albedo, normal, position, lit};
    long count = objects * images * size * size;
#ifdef __CUDACC__
    kernel<<<(unsigned)((count + 127) / 128), 128, 0, (cudaStream_t)stream>>>(job, count);
    return (int)cudaGetLastError();
#else
    (void)stream;
#pragma omp parallel for schedule(dynamic, 256)
    for (long i = 0; i < count; i++) pixel(job, i);
    return 0;
#endif
}

extern "C" int scene_size() { return SCENE_SIZE; }
