"""Draws the losses of the logs in runs/: `python plot.py ../docs/images/demo_training.svg`."""

import json
import math
import sys
from pathlib import Path

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 640, 300, 56, 24, 16, 40
COLORS = {"autoencoder": "#1f77b4", "paint": "#d62728", "delight": "#2ca02c", "paint, continued": "#ff9896",
          "delight, continued": "#98df8a"}


def read_curves():
    """Returns {name: [(step, loss)]}; the names follow from the order of events in the logs."""
    curves, name = {}, None
    for path in sorted((Path(__file__).parent / "runs").glob("*.jsonl")):
        begins = {"images": "autoencoder", "latents": "delight" if "delight" in path.name else "paint"}
        for line in map(json.loads, path.read_text().splitlines()):
            if line.get("event") in begins:
                name = begins[line["event"]]
                name += ", continued" if name in curves else ""
            if "steps" in line and "loss" in line:
                curves.setdefault(name, []).append((line["steps"], line["loss"]))
    return curves


def main(destination):
    curves = read_curves()
    last = max(step for curve in curves.values() for step, _ in curve)
    losses = [loss for curve in curves.values() for _, loss in curve]
    low, high = math.log10(min(losses) * 0.9), math.log10(max(losses) * 1.1)
    x = lambda step: LEFT + (WIDTH - LEFT - RIGHT) * step / last
    y = lambda loss: TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(loss)) / (high - low)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>']
    for loss in (0.015, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2):
        if low < math.log10(loss) < high:
            out.append(f'<path d="M{LEFT} {y(loss):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
                       f'<text x="{LEFT - 6}" y="{y(loss) + 4:.1f}" text-anchor="end">{loss}</text>')
    for step in range(0, last + 1, 5000):
        out.append(f'<text x="{x(step):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{step}</text>')
    for i, (name, curve) in enumerate(curves.items()):
        points = " ".join(f"{x(step):.1f},{y(loss):.1f}" for step, loss in curve)
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLORS[name]}" stroke-width="2"/>'
                   f'<text x="{WIDTH - RIGHT - 8}" y="{TOP + 16 * (i + 1)}" text-anchor="end" fill="{COLORS[name]}">{name}</text>')
    out.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 6}" text-anchor="middle">step</text></svg>')
    Path(destination).write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
