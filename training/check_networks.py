"""Replays the recorded parity cases of the single networks: `python check_networks.py CASES_DIR`."""

import json
import sys
from pathlib import Path

import torch

from networks import AutoencoderKL, ClipText, UNet2p5D
from recordings import load_recording


def load_tensors(path):
    return {key: torch.from_numpy(value) for key, value in load_recording(path).items()}


def load(model, folder):
    weights = {key: value.float() for key, value in load_tensors(folder / "weights.safetensors").items()}
    model.load_state_dict(weights)
    return model.eval()


def report(name, out, expected):
    error = ((out - expected).norm() / expected.norm()).item()
    print(f"{'PASS' if error < 1e-5 else 'FAIL'} {name} relative_rms={error:.2e}")
    return error < 1e-5


@torch.no_grad()
def main(cases):
    good = []
    config = lambda name: json.loads((cases / name / "config.json").read_text())
    io = lambda name: load_tensors(cases / name / "io.safetensors")

    name = "autoencoder_kl"
    vae, case = load(AutoencoderKL(config(name)), cases / name), io(name)
    mean, logvar = vae.encode(case["in.image"])
    good += [report(f"{name} mean", mean, case["out.mean"]), report(f"{name} logvar", logvar, case["out.logvar"]),
             report(f"{name} decoded", vae.decode(case["in.latents"]), case["out.decoded"])]

    name = "clip_text"
    clip, case = load(ClipText(config(name)), cases / name), io(name)
    good.append(report(name, clip(case["in.input_ids"]), case["out.last_hidden_state"]))

    name = "unet2p5d"
    unet, case = load(UNet2p5D(config(name)), cases / name), io(name)
    stored = unet.encode_references(case["in.ref_latents"])
    maps = case["in.normal_latents"], case["in.position_latents"], case["in.camera_info_gen"][0]
    for sees in (0.0, 1.0):
        out = unet(case["in.latents"], torch.tensor([601.0]), *maps, stored, torch.tensor([sees]))
        half = case["out.cfg_t601"].chunk(2)[int(sees)]
        good.append(report(f"{name} t601 sees={sees}", out[0], half))
    out = unet(case["in.latents"], torch.tensor([37.0]), *maps, stored, torch.ones(1))
    good.append(report(f"{name} t37", out[0], case["out.t37"]))
    return all(good)


if __name__ == "__main__":
    sys.exit(0 if main(Path(sys.argv[1])) else 1)
