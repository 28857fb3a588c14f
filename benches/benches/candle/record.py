"""Records the outputs of diffusers for the UNet that the bench `candle` exports.

    CANDLE_BENCH_EXPORT=folder cargo bench -p hunyuan-paint-benches --bench candle
    python record.py folder recorded_unet.safetensors

`exact` is unmodified diffusers; `tanh` replaces its GELU with the tanh approximation.
"""

import sys

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.activations import GEGLU
from safetensors.torch import load_file, save_file

folder, output = sys.argv[1:]
unet = UNet2DConditionModel.from_pretrained(folder, torch_dtype=torch.float32)
inputs = load_file(f"{folder}/inputs.safetensors")


@torch.no_grad()
def run():
    return unet(inputs["sample"], inputs["timestep"], inputs["encoder_hidden_states"]).sample


exact = run()
GEGLU.gelu = lambda self, gate: torch.nn.functional.gelu(gate, approximate="tanh")
save_file({"exact": exact, "tanh": run()}, output)
