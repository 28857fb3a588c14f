"""Compares the tracer's maps of a ball with the recorded ones of an icosphere: `python check_scene.py CASES_DIR`."""

import sys
from pathlib import Path

import numpy as np
from recordings import load_recording

import scene


def main(cases):
    recorded = load_recording(cases / "icosphere128_conditions/io.safetensors")
    ball = np.zeros((1, scene.SCENE_SIZE), np.float32)
    ball[0, 0], ball[0, 6], ball[0, 23] = 1, 1, 0
    part = ball[0, scene.HEADER:]
    part[0], part[4:13], part[13:16] = scene.ELLIPSOID, np.eye(3).reshape(-1), scene.RADIUS
    views = np.concatenate([scene.cameras(1, axes) for axes in scene.VIEW_AXES], axis=1)
    _, normal, position, _ = scene.Tracer("cpu").images(ball, views, 128)
    good = True
    for view in (0, 4):
        for name, maps in (("normal", normal), ("position", position)):
            ours, theirs = (x.astype(int) for x in (maps[0, view].numpy(), recorded[f"out.{name}_{view}"]))
            # The icosphere has flat faces, and its silhouette is inside the ball's.
            inside = (theirs < 255).any(-1) & (ours < 255).any(-1)
            error = np.abs(ours - theirs)[inside].mean()
            good &= error < 2 and inside.mean() > 0.7 * np.pi / 4
            print(f"view {view} {name}: mean difference {error:.2f} of 255 over {inside.mean():.1%} of the pixels")
    return good


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 1)
