"""Random objects as records for scene.cpp, and their images.

`make_objects(tracer, seed, count)` draws the objects of a seed. Seeds below 1000 are held out for evaluation.
"""

import ctypes
import math
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import torch

import config

PARTS, PART_SIZE, MATERIAL_SIZE, SPOTS, SPOT_SIZE, HEADER = 10, 20, 24, 4, 8, 32
MATERIALS_AT = HEADER + PARTS * PART_SIZE
SPOTS_AT = MATERIALS_AT + PARTS * MATERIAL_SIZE
SCENE_SIZE = SPOTS_AT + SPOTS * SPOT_SIZE
ELLIPSOID, BOX, TORUS, CAPSULE, CYLINDER, CONE = range(6)
SOLID, STRIPES, CHECKS, GRADIENT, VORONOI, NOISE, DOTS, RINGS, MARBLE, TEXT = range(10)
RADIUS, EXTENT, BORDER = 0.575, 0.6, 0.2


def hsv_to_rgb(h, s, v):
    k = (np.array([5.0, 3.0, 1.0]) + 6.0 * h[..., None]) % 6.0
    return v[..., None] * (1 - s[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1))


def random_directions(rng, shape, axis_share):
    """Returns unit vectors, a share of them along an axis."""
    free = rng.normal(size=(*shape, 3))
    axes = np.eye(3)[rng.choice(3, size=shape, p=[0.25, 0.5, 0.25])] * rng.choice([-1.0, 1.0], size=(*shape, 1))
    directions = np.where(rng.random((*shape, 1)) < axis_share, axes, free)
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def random_rotations(rng, shape, straight):
    """Returns rotation matrices; where `straight`, they permute the axes."""
    a, b = rng.normal(size=(*shape, 3)), rng.normal(size=(*shape, 3))
    axis = rng.permuted(np.broadcast_to(np.arange(3), (*shape, 3)).copy(), axis=-1)
    upright = rng.random((*shape, 1)) < 0.6
    axis = np.where(upright, np.arange(3), axis)
    a, b = np.where(straight[..., None], np.eye(3)[axis[..., 0]], a), np.where(straight[..., None], np.eye(3)[axis[..., 1]], b)
    x = a / np.linalg.norm(a, axis=-1, keepdims=True)
    z = np.cross(x, b)
    z /= np.linalg.norm(z, axis=-1, keepdims=True)
    return np.stack([x, np.cross(z, x), z], axis=-2)


def make_palette(rng, count, size=5):
    """Returns colors [count, size, 3]: saturated, pastel, gray or earthy; most colors of an object are of one kind."""
    kind = np.where(rng.random((count, size)) < 0.65, rng.integers(0, 4, (count, 1)), rng.integers(0, 4, (count, size)))
    u, w = rng.random((count, size)), rng.random((count, size))
    s = np.choose(kind, [0.55 + 0.45 * u, 0.12 + 0.35 * u, 0.08 * u, 0.25 + 0.5 * u])
    v = np.choose(kind, [0.45 + 0.55 * w, 0.75 + 0.25 * w, 0.08 + 0.87 * w, 0.2 + 0.55 * w])
    return hsv_to_rgb(rng.random((count, size)), s, v)


def make_parts(rng, scenes):
    count = len(scenes)
    mirrored = rng.random(count) < 0.5
    hard = rng.random(count) < 0.45
    parts = rng.choice(np.arange(1, PARTS + 1), size=count,
                       p=[0.04, 0.06, 0.1, 0.13, 0.15, 0.15, 0.13, 0.1, 0.08, 0.06])
    scenes[:, 0], scenes[:, 1] = parts, mirrored
    scenes[:, 2] = np.where(hard, rng.choice([0.0, 0.01], size=count), rng.uniform(0.02, 0.2, count))

    soft_kinds = rng.choice(6, size=(count, PARTS), p=[0.4, 0.08, 0.12, 0.2, 0.1, 0.1])
    hard_kinds = rng.choice(6, size=(count, PARTS), p=[0.1, 0.42, 0.08, 0.1, 0.2, 0.1])
    kind = np.where(hard[:, None], hard_kinds, soft_kinds)
    # The first part is the body; later ones are smaller.
    size = np.where(np.arange(PARTS) == 0, rng.uniform(0.35, 0.6, (count, PARTS)), rng.uniform(0.12, 0.42, (count, PARTS)))
    s = size[..., None] * np.exp(rng.normal(0, 0.3, (count, PARTS, 3)))
    tube = rng.uniform(0.15, 0.4, (count, PARTS))
    s[..., 1] = np.where(kind == TORUS, s[..., 0] * tube, s[..., 1])
    s[..., 1] = np.where(kind == CAPSULE, s[..., 0] * rng.uniform(0.2, 0.6, (count, PARTS)), s[..., 1])
    s[..., 1] = np.where((kind == CONE) & (rng.random((count, PARTS)) < 0.4), 0.01, s[..., 1])
    least = np.where(kind == BOX, s.min(-1), np.minimum(s[..., 0], s[..., 1]))
    rounding = np.where(rng.random((count, PARTS)) < 0.5, 0.03, rng.uniform(0, 0.6, (count, PARTS))) * least

    straight = rng.random((count, PARTS)) < np.where(hard, 0.8, 0.4)[:, None]
    rotation = random_rotations(rng, (count, PARTS), straight)
    center = np.zeros((count, PARTS, 3))
    direction = random_directions(rng, (count, PARTS), 0.4)
    reach = rng.uniform(0.6, 1.1, (count, PARTS))
    extent = s.max(-1) * 0.6 + s.min(-1) * 0.4
    extent = np.where(kind == TORUS, s[..., 0], extent)
    rows = np.arange(count)
    for j in range(1, PARTS):
        parent = np.where(rng.random(count) < 0.5, 0, rng.integers(0, j, count))
        center[:, j] = center[rows, parent] + direction[:, j] * (reach[:, j] * extent[rows, parent])[:, None]
        center[:, j, 0] = np.where(mirrored, np.abs(center[:, j, 0]), center[:, j, 0])

    part = scenes[:, HEADER:MATERIALS_AT].reshape(count, PARTS, PART_SIZE)
    part[..., 0], part[..., 1:4], part[..., 4:13] = kind, center, rotation.reshape(count, PARTS, 9)
    part[..., 13:16], part[..., 16] = s, rounding


def make_materials(rng, scenes, palette):
    count, colors = palette.shape[:2]
    mode = rng.choice(3, size=count, p=[0.35, 0.4, 0.25])  # solid parts, parts with patterns, one pattern
    pattern = rng.choice(10, size=(count, PARTS), p=[0.2, 0.17, 0.1, 0.14, 0.07, 0.09, 0.09, 0.05, 0.04, 0.05])
    pattern = np.where((mode == 0)[:, None], SOLID, pattern)
    pattern[:, 0] = np.where((mode == 2) & (pattern[:, 0] == SOLID), STRIPES, pattern[:, 0])
    frequency = rng.uniform(2.0, 6.0, (count, PARTS))
    frequency = np.where(np.isin(pattern, (VORONOI, NOISE, MARBLE, DOTS)), rng.uniform(3.0, 8.0, (count, PARTS)), frequency)
    soft = np.where(rng.random((count, PARTS)) < 0.75, 0.03, rng.uniform(0.05, 0.5, (count, PARTS)))
    u = random_directions(rng, (count, PARTS), 0.75)
    w = np.cross(u, random_directions(rng, (count, PARTS), 0.75) + 1e-3 * rng.normal(size=(count, PARTS, 3)))
    w /= np.maximum(np.linalg.norm(w, axis=-1, keepdims=True), 1e-6)
    text = pattern == TEXT
    u[text], w[text] = [1, 0, 0], [0, -1, 0]
    u[pattern == GRADIENT] *= rng.uniform(0.8, 2.0, (int((pattern == GRADIENT).sum()), 1))
    material = scenes[:, MATERIALS_AT:SPOTS_AT].reshape(count, PARTS, MATERIAL_SIZE)
    material[..., 0], material[..., 1], material[..., 2] = pattern, frequency, rng.random((count, PARTS))
    material[..., 3], material[..., 4:7], material[..., 7:10] = soft, u, w
    choice = rng.permuted(np.broadcast_to(np.arange(colors), (count, PARTS, colors)).copy(), axis=-1)[..., :3]
    material[..., 10:19] = palette[np.arange(count)[:, None, None], choice].reshape(count, PARTS, 9)
    material[..., 19] = rng.integers(0, 1 << 16, (count, PARTS))
    scenes[:, 23] = np.where(mode == 2, 0, -1)


def make_lights(rng, scenes):
    """Sets a key light from above in front, a fill light and ambient light; a facing surface gets about 1 in total."""
    count = len(scenes)
    azimuth, elevation = rng.uniform(-1.9, 1.9, count), rng.uniform(0.1, 1.4, count)
    scenes[:, 8] = np.cos(elevation) * np.sin(azimuth)
    scenes[:, 9] = np.sin(elevation)
    scenes[:, 10] = np.cos(elevation) * np.cos(azimuth)
    scenes[:, 11] = rng.uniform(0.4, 1.3, count)
    scenes[:, 12:15] = 1 + rng.normal(0, 0.06, (count, 3))
    scenes[:, 15] = rng.uniform(0.2, 0.7, count)
    fill = rng.normal(size=(count, 3)) * [1, 0.5, 1]
    scenes[:, 16:19] = fill / np.linalg.norm(fill, axis=1, keepdims=True)
    scenes[:, 19] = rng.uniform(0, 0.4, count)
    scenes[:, 20] = np.where(rng.random(count) < 0.5, 0, rng.uniform(0.05, 0.5, count))
    scenes[:, 21] = np.exp(rng.uniform(2.0, 5.0, count))
    scenes[:, 22] = rng.uniform(0.9, 1.5, count) / (scenes[:, 15] + 0.6 * scenes[:, 11] + 0.3 * scenes[:, 19])


def camera_axes(azimuth, elevation):
    """Returns right, down and forward of the pipeline's camera, in object space."""
    e, a = -math.radians(elevation), math.radians(azimuth + 90)
    back = np.array([math.cos(e) * math.cos(a), math.cos(e) * math.sin(a), math.sin(e)])
    right = np.cross(-back, [0, 0, 1])
    right /= np.linalg.norm(right)
    up = np.cross(right, -back)
    # Rows grow with the view's y; canonical space (x, y, z) is object space (-x, -z, y).
    return np.stack([[-v[0], -v[2], v[1]] for v in (right, up, -back)])


def cameras(count, axes, center=(0.0, 0.0), extent=EXTENT):
    """Returns cameras [count, 1, 12] with the same axes; center and extent may be per object."""
    out = np.zeros((count, 1, 12), np.float32)
    out[:, 0, :9] = np.asarray(axes).reshape(-1, 9)
    out[:, 0, 9], out[:, 0, 10], out[:, 0, 11] = center[0], center[1], extent
    return out


def find_nvcc():
    home = os.environ.get("CUDA_HOME")
    found = shutil.which("nvcc", path=Path(home) / "bin") if home else shutil.which("nvcc")
    if found is None:
        place = f"{home}/bin (from CUDA_HOME)" if home else "PATH"
        raise RuntimeError(f"no nvcc in {place}: install the CUDA toolkit, or set CUDA_HOME to its folder")
    return found


class Tracer:
    """scene.cpp, compiled for the device.

    On a GPU it needs `nvcc`: that of `CUDA_HOME` if it is set, else that of `PATH`.
    """

    def __init__(self, device):
        self.device = torch.device(device)
        source = Path(__file__).with_name("scene.cpp")
        self.folder = tempfile.TemporaryDirectory()  # removed together with the tracer
        library = Path(self.folder.name) / "scene.so"
        if self.device.type == "cuda":
            command = [find_nvcc(), "-O3", "--use_fast_math", "-arch=native", "-shared", "-Xcompiler", "-fPIC", "-x", "cu"]
        else:
            command = ["c++", "-O3", "-march=native", "-ffast-math", "-fopenmp", "-shared", "-fPIC", "-x", "c++"]
        subprocess.run([*command, str(source), "-o", str(library)], check=True)
        self.library = ctypes.CDLL(str(library))
        assert self.library.scene_size() == SCENE_SIZE

    def _run(self, scenes, views, size, samples, points, images):
        scenes = torch.as_tensor(scenes, dtype=torch.float32, device=self.device).contiguous()
        views = torch.as_tensor(views, dtype=torch.float32, device=self.device).contiguous()
        stream = torch.cuda.current_stream().cuda_stream if self.device.type == "cuda" else 0
        pointer = lambda t: ctypes.c_void_p(0 if t is None else t.data_ptr())
        error = self.library.scene_render(pointer(scenes), pointer(views), ctypes.c_long(len(scenes)), views.shape[1], size,
                                          samples, pointer(points), *map(pointer, images), ctypes.c_void_p(stream))
        if error:
            raise RuntimeError(f"scene_render: CUDA error {error}")
        if self.device.type == "cuda":
            torch.cuda.current_stream().synchronize()

    def points(self, scenes, views, size):
        """Returns where each pixel's ray hits: [objects, images, size, size, 4]; the last number is 1 for a hit, else 0."""
        out = torch.empty(len(scenes), views.shape[1], size, size, 4, device=self.device)
        self._run(scenes, views, size, 1, out, [None] * 4)
        return out

    def images(self, scenes, views, size, samples=2):
        """Renders albedo, normal map, position map, and lit image (of the last view).

        Each is bytes [objects, images, size, size, 3].
        """
        shape = (len(scenes), views.shape[1], size, size, 3)
        out = [torch.empty(shape, dtype=torch.uint8, device=self.device) for _ in range(4)]
        self._run(scenes, views, size, samples, None, out)
        return out


VIEW_AXES = [camera_axes(azimuth, elevation) for azimuth, elevation in config.VIEWS]


def make_objects(tracer, seed, count):
    """Returns scenes [n, SCENE_SIZE] and cameras [n, 7, 12]: the six views, then the reference.

    n is at most `count`, because objects that show too little from the front are left out.
    """
    rng = np.random.default_rng(seed)
    scenes = np.zeros((count, SCENE_SIZE), np.float32)
    palette = make_palette(rng, count)
    make_parts(rng, scenes)
    make_materials(rng, scenes, palette)
    make_lights(rng, scenes)

    # 1. center and scale, from what the six cameras see of the object as it is
    scenes[:, 6] = 1.0
    extent = 3.0
    views = np.concatenate([cameras(count, axes, extent=extent) for axes in VIEW_AXES], axis=1)
    points = tracer.points(scenes, views, 112).flatten(1, 3)
    seen = points[..., 3:] > 0.5
    low = torch.where(seen, points[..., :3], 1e9).amin(1)
    high = torch.where(seen, points[..., :3], -1e9).amax(1)
    center = (low + high) / 2
    radius = torch.where(seen[..., 0], (points[..., :3] - center[:, None]).norm(dim=-1), 0).amax(1)
    radius = radius + extent / 112  # the grid misses the outermost points by up to its step, half of it on average
    scenes[:, 3:6], scenes[:, 6] = center.cpu(), RADIUS / radius.clamp(min=1e-3).cpu()

    # 2. painted spots where a camera, mostly the front one, sees the surface
    views = np.concatenate([cameras(count, axes) for axes in VIEW_AXES], axis=1)
    points = tracer.points(scenes, views, 64).cpu().numpy().reshape(count, 6, -1, 4)
    spots = scenes[:, SPOTS_AT:].reshape(count, SPOTS, SPOT_SIZE)
    scenes[:, 7] = rng.choice(5, size=count, p=[0.5, 0.2, 0.15, 0.1, 0.05])
    for j in range(SPOTS):
        view = np.where(rng.random(count) < 0.6, 0, rng.integers(0, 6, count))
        order = rng.random((count, 4096)) + 10 * (points[np.arange(count), view, :, 3] > 0.5)
        spots[:, j, :3] = points[np.arange(count), view, order.argmax(1), :3]
    spots[..., 0] = np.where(scenes[:, 1:2] > 0.5, np.abs(spots[..., 0]), spots[..., 0])
    spots[..., 3] = rng.uniform(0.04, 0.16, (count, SPOTS))
    spots[..., 4:7] = palette[np.arange(count)[:, None], rng.integers(0, 5, (count, SPOTS))]
    spots[..., 7] = np.where(rng.random((count, SPOTS)) < 0.3, 0.5, 0.0)

    # 3. the reference: from the front or nearly so, cut out and centered with the pipeline's border
    turned = rng.random(count) < 0.25
    yaw, pitch = rng.normal(0, 8, count) * turned, rng.normal(0, 6, count) * turned
    axes = np.stack([camera_axes(a, e) for a, e in zip(yaw, pitch)])
    front = tracer.points(scenes, cameras(count, axes), 128)[:, 0, ..., 3].cpu().numpy() > 0.5
    edges = lambda mask: (mask.argmax(1), mask.shape[1] - mask[:, ::-1].argmax(1))
    (left, right), (top, bottom) = edges(front.any(1)), edges(front.any(2))
    place = lambda pixel: (pixel / 64 - 1) * EXTENT
    center = place((left + right) / 2), place((top + bottom) / 2)
    extent = np.maximum(right - left, bottom - top) / 128 * EXTENT * (1 + 2 * BORDER)
    loose = rng.random(count) < 0.2  # not every image is cut out exactly
    extent *= np.where(loose, rng.uniform(0.9, 1.1, count), 1)
    center = [c + np.where(loose, rng.normal(0, 0.02, count), 0) for c in center]
    views = np.concatenate([views, cameras(count, axes, center, extent)], axis=1)
    good = (front.mean((1, 2)) > 0.04) & np.isfinite(views).all((1, 2)) & (radius.cpu().numpy() < 2.5)
    return scenes[good], views[good]
