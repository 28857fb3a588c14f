"""Writes the two model folders in the published layout, float16 safetensors, and reads them."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import config

PAINT, DELIGHT = "hunyuan3d-paint-v2-0", "hunyuan3d-delight-v2-0"
WEIGHTS = "diffusion_pytorch_model.safetensors"
SPECIAL_TOKENS = ("<|startoftext|>", "<|endoftext|>")


def write_json(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_weights(path, state):
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: value.detach().cpu().to(torch.float16).contiguous() for key, value in state.items()}
    save_file(tensors, path, metadata={"format": "pt"})


def byte_characters():
    """Returns the characters of byte-level BPE: printable bytes as they are, then others from code point 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]


def write_tokenizer(folder):
    """Writes CLIP's tokenizer without merges: a token is a byte, with `</w>` at the end of a word."""
    characters = byte_characters()
    tokens = characters + [c + "</w>" for c in characters] + list(SPECIAL_TOKENS)
    write_json(folder / "vocab.json", {token: i for i, token in enumerate(tokens)})
    (folder / "merges.txt").write_text("#version: 0.2\n")
    start, end = SPECIAL_TOKENS
    special = {"bos_token": start, "eos_token": end, "unk_token": end, "pad_token": "!"}
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "tokenizer_config.json",
               {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "errors": "replace", **special})


def empty_prompt_ids():
    return [512, 513] + [0] * 75


def write_vae(folder, vae):
    write_json(folder / "vae/config.json", config.VAE)
    write_weights(folder / "vae" / WEIGHTS, vae)


def write_paint(root, unet, vae, unet_config=None):
    folder = Path(root) / PAINT
    write_json(folder / "model_index.json", {
        "_class_name": "HunyuanPaintPipeline",
        "scheduler": ["diffusers", "DDIMScheduler"],
        "unet": ["modules", "UNet2p5DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]})
    write_json(folder / "unet/config.json", unet_config or config.PAINT_UNET)
    write_weights(folder / "unet" / WEIGHTS, unet)
    write_json(folder / "scheduler/scheduler_config.json", config.PAINT_SCHEDULER)
    write_vae(folder, vae)


def write_delight(root, unet, clip, vae):
    folder = Path(root) / DELIGHT
    write_json(folder / "model_index.json", {
        "_class_name": "StableDiffusionInstructPix2PixPipeline",
        "requires_safety_checker": False,
        "scheduler": ["diffusers", "EulerAncestralDiscreteScheduler"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"]})
    write_json(folder / "unet/config.json", config.DELIGHT_UNET)
    write_weights(folder / "unet" / WEIGHTS, unet)
    write_json(folder / "text_encoder/config.json", config.CLIP)
    write_weights(folder / "text_encoder/model.safetensors", clip)
    write_tokenizer(folder / "tokenizer")
    write_json(folder / "scheduler/scheduler_config.json", config.DELIGHT_SCHEDULER)
    write_vae(folder, vae)


def read_parts(folder):
    """Returns the state dicts in a folder of train.py or this program, by name.

    The names are vae, unet, unet_dual, delight and clip; those that train.py has not written are absent.
    """
    folder = Path(folder)
    if not (folder / PAINT).exists():
        return {path.stem: load_file(path) for path in folder.glob("*.safetensors")}
    unet = load_file(folder / PAINT / "unet" / WEIGHTS)
    part = lambda prefix: {key.removeprefix(prefix): value for key, value in unet.items() if key.startswith(prefix)}
    return {
        "vae": load_file(folder / PAINT / "vae" / WEIGHTS),
        "unet": part("unet."),
        "unet_dual": part("unet_dual."),
        "delight": load_file(folder / DELIGHT / "unet" / WEIGHTS),
        "clip": load_file(folder / DELIGHT / "text_encoder/model.safetensors"),
    }


def main():
    """Runs `python export.py CHECKPOINTS DESTINATION`: the output folder of train.py, and the parent of the two models."""
    source, root = map(Path, sys.argv[1:])
    parts = read_parts(source)
    unet = {f"unet.{key}": value for key, value in parts["unet"].items()}
    unet |= {f"unet_dual.{key}": value for key, value in parts["unet_dual"].items()}
    write_paint(root, unet, parts["vae"])
    write_delight(root, parts["delight"], parts["clip"], parts["vae"])


if __name__ == "__main__":
    main()
