"""Records parity cases of the exported models: `python record.py ../assets/demo ../crates/hunyuan-paint-testkit/cases`.

The networks run in single precision on the CPU from the exported float16 weights; the random numbers are PyTorch's.
"""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

import config
import data
import diffusion
import export
import scene
from measure import read_models

SEED = 7  # of the held-out object
PAINT_SIZE, DELIGHT_SIZE = 64, 128
TOLERANCE = {"u8_max_abs": 2, "u8_fraction_differing": 0.01}


def write(cases, name, parameters, tensors):
    folder = cases / name
    folder.mkdir(parents=True, exist_ok=True)
    case = {**parameters, "tolerance": TOLERANCE, "tolerance_gpu": TOLERANCE}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")
    save_file({key: value.contiguous() for key, value in tensors.items()}, folder / "io.safetensors")


def generator(seed):
    return torch.Generator().manual_seed(seed)


@torch.no_grad()
def main(models, cases):
    unet, vae, delight, text = read_models(models)
    tracer = scene.Tracer("cpu")

    # 1. paint: references, normals, positions are encoded in this order with the global generator's noise
    images = data.render(tracer, SEED, 4, PAINT_SIZE)[0]
    draws = generator(0)

    def encode(pictures):
        mean, logvar = vae.encode(data.to_unit(pictures))
        return (mean + (logvar / 2).exp() * torch.randn(mean.shape, generator=draws))[None]

    inputs = images[data.UNLIT, None], images[data.NORMAL], images[data.POSITION]
    reference, normals, positions = map(encode, inputs)
    noise = torch.randn(normals.shape[1:], generator=generator(0))[None]
    steps, guidance = 6, 1.5
    latents = diffusion.paint_views(unet, reference, normals, positions, noise, diffusion.alphas_cumprod(True), steps, guidance)
    views = data.to_bytes(vae.decode(latents[0]))
    tensors = {"in.reference_0": inputs[0][0]}
    for i in range(6):
        tensors |= {f"in.normal_{i}": inputs[1][i], f"in.position_{i}": inputs[2][i], f"out.view_{i}": views[i]}
    write(cases, "demo_paint_ddim_6", {
        "kind": "paint_multiview", "model": "../../../assets/demo/hunyuan3d-paint-v2-0", "scheduler": "ddim",
        "num_inference_steps": steps, "guidance_scale": guidance, "view_size": PAINT_SIZE,
        "camera_indices": config.VIEW_INDICES, "camera_refs": [0], "global_seed": 0, "generator_seed": 0}, tensors)

    # 2. delight: the posterior's mode, the empty prompt
    lit = data.render(tracer, SEED, 4, DELIGHT_SIZE)[0, data.LIT]
    image_latents = vae.encode(data.to_unit(lit[None]))[0]
    noise = torch.randn(image_latents.shape, generator=generator(42))
    steps = 10
    latents = diffusion.remove_light(delight, text, image_latents, noise, diffusion.alphas_cumprod(False), steps)
    out = data.to_bytes(vae.decode(latents))[0]
    ids = torch.tensor([export.empty_prompt_ids()])
    write(cases, "demo_delight_ddim_10", {
        "kind": "instruct_pix2pix", "model": "../../../assets/demo/hunyuan3d-delight-v2-0", "prompt": "", "scheduler": "ddim",
        "num_inference_steps": steps, "guidance_scale": 1.0, "image_guidance_scale": 1.5, "generator_seed": 42,
        "width": DELIGHT_SIZE, "height": DELIGHT_SIZE},
        {"in.image": lit, "out.image": out, "out.input_ids": ids})


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
