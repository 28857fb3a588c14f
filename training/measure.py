"""Measures exported models on held-out objects: `python measure.py ../assets/demo OUTPUT [--count N]`.

Prints one JSON line per figure, writes pictures of delight and paint to OUTPUT.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

import config
import data
import evaluate
import export
import scene
from networks import AutoencoderKL, ClipText, UNet2DCondition, UNet2p5D

# Steps, guidance, whether the sampler is that of the turbo model, and the reference: unlit, lit (without a delight
# model), or delighted (the output of the delight model).
SAMPLINGS = [(10, 1.0, True, "lit"), (10, 1.0, True, "delighted"), (10, 1.0, True, "unlit"), (4, 1.0, False, "unlit"), (15, 1.0, False, "unlit"),
             (15, 1.5, False, "unlit"), (15, 1.5, False, "delighted")]


def read(model, path):
    model.load_state_dict({key: value.float() for key, value in load_file(path).items()})
    return model.eval().requires_grad_(False)


def read_models(folder):
    """Returns paint UNet, autoencoder, delight UNet, and embeddings of the empty prompt."""
    paint, delight, weights = folder / export.PAINT, folder / export.DELIGHT, export.WEIGHTS
    clip = read(ClipText(config.CLIP), delight / "text_encoder/model.safetensors")
    return (read(UNet2p5D(config.PAINT_UNET), paint / "unet" / weights),
            read(AutoencoderKL(config.VAE), paint / "vae" / weights),
            read(UNet2DCondition(config.DELIGHT_UNET), delight / "unet" / weights),
            clip(torch.tensor([export.empty_prompt_ids()])))


@torch.no_grad()
def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    unet, vae, delight, text = (x.to(args.device) for x in read_models(args.models))

    def encode(images):
        means, logvars = zip(*(vae.encode(chunk) for chunk in images.split(16)))
        return torch.cat(means), torch.cat(logvars)

    def say(**values):
        print(json.dumps({k: round(v, 2) if isinstance(v, float) else v for k, v in values.items()}), flush=True)

    held_out = evaluate.HeldOut(scene.Tracer(args.device), encode, args.count)
    say(objects=len(held_out.images), **held_out.autoencoder(vae))
    for steps in (50, 20, 10):
        say(what="delight", steps=steps, **held_out.delight(vae, delight, text, steps, args.output / "delight.png"))
    references = {"unlit": None, "lit": held_out.mean[:, data.LIT], "delighted": held_out.delighted}
    for steps, guidance, turbo, kind in SAMPLINGS:
        picture = args.output / f"paint_{'turbo' if turbo else steps}_{guidance}_{kind}.png"
        figures = held_out.paint(vae, unet, steps, guidance, turbo, picture, references[kind])
        say(what="paint", steps=steps, guidance=guidance, turbo=turbo, reference=kind, **figures)


if __name__ == "__main__":
    main()
