"""Trains autoencoder, paint model and delight model, each for a given number of steps; see README.md.

Writes checkpoints (moving averages, float16) and the log to --out during training. --resume continues from such a
folder, or from exported models.
"""

import argparse
import copy
import json
import math
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

import config
import data
import diffusion
import evaluate
import export
import scene
from networks import AutoencoderKL, ClipText, UNet2DCondition, UNet2p5D
from steps import Stepper

START = time.time()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--resume", type=Path)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=1000, help="first seed of the objects, 1000 or more")
    for name in ("vae", "paint", "delight"):
        parser.add_argument(f"--{name}-steps", type=int, default=0, help="steps to train; the learning rate follows them")
        parser.add_argument(f"--{name}-seconds", type=float, default=0,
                            help="time limit; without steps, the time to train, and the run cannot be reproduced")
    parser.add_argument("--vae-batch", type=int, default=32)
    parser.add_argument("--paint-batch", type=int, default=16, help="objects, of six views each")
    parser.add_argument("--delight-batch", type=int, default=128)
    parser.add_argument("--vae-lr", type=float, default=1e-3)
    parser.add_argument("--paint-lr", type=float, default=7e-4)
    parser.add_argument("--delight-lr", type=float, default=1e-3)
    parser.add_argument("--paint-decay-to", type=float, default=0.05)
    parser.add_argument("--objects", type=int, default=4096, help="encoded objects in memory")
    parser.add_argument("--image-objects", type=int, default=1024, help="objects whose images train the autoencoder")
    parser.add_argument("--per-seed", type=int, default=64, help="objects of one seed, rendered together")
    parser.add_argument("--until", type=float, default=1e9, help="time limit of all stages, in seconds since the start")
    parser.add_argument("--evaluate", type=int, default=32, help="held-out objects; 0 for none")
    parser.add_argument("--no-benchmark", action="store_true", help="skip cuDNN's search for algorithms: a faster start, slower steps")
    return parser.parse_args()


class Log:
    def __init__(self, path):
        self.file = path.open("a")

    def __call__(self, **values):
        values = {"time": round(time.time() - START, 1), **values}
        line = json.dumps({k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()})
        print(line, flush=True)
        self.file.write(line + "\n")
        self.file.flush()


def save(path, model):
    state = {key: value.detach().to("cpu", torch.float16).contiguous() for key, value in model.state_dict().items()}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(state, path)


def load(model, state):
    model.load_state_dict({key: value.float() for key, value in state.items()})


def vae_loss(vae, pool, batch):
    def loss():
        index = torch.randint(len(pool), (batch,), device=pool.device)
        images = data.to_unit(pool[index]).contiguous(memory_format=torch.channels_last)
        return vae_objective(vae, images)

    return loss


def vae_objective(vae, images):
    """Errors of pixels and of their differences, weighted twice inside the object, plus a weak KL term."""
    half = vae.quant_conv.weight.dtype
    mean, logvar = (x.float() for x in vae.encode(images.to(half)))
    latents = mean + (logvar / 2).exp() * torch.randn_like(mean)
    error = vae.decode(latents.to(half)).float() - images
    weight = 1 + (images < 0.99).any(1, keepdim=True).float()
    rows, columns = error.diff(dim=2), error.diff(dim=3)
    sharp = (rows.abs() * weight[:, :, 1:]).mean() + (columns.abs() * weight[..., 1:]).mean()
    pull = (mean**2 + logvar.exp() - 1 - logvar).mean() / 2
    return (weight * (error.abs() + error**2)).mean() + 0.5 * sharp + 3e-4 * pull


@torch.no_grad()
def whiten(vae, encode, images):
    """Folds mean and standard deviation of each latent channel into the 1×1 convolutions: scaling_factor becomes 1."""
    mean = torch.cat([encode(data.to_unit(chunk))[0].float() for chunk in images.split(64)])
    center, scale = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
    latents = len(center)
    quant, post = vae.quant_conv, vae.post_quant_conv
    quant.bias[:latents] -= center
    quant.weight[:latents] /= scale[:, None, None, None]
    quant.bias[:latents] /= scale
    quant.bias[latents:] -= 2 * scale.log()
    post.bias += post.weight[:, :, 0, 0] @ center
    post.weight *= scale[None, :, None, None]
    return center, scale


def main():
    args = arguments()
    trains = lambda name: getattr(args, f"{name}_steps") > 0 or getattr(args, f"{name}_seconds") > 0
    args.out.mkdir(parents=True, exist_ok=True)
    log = Log(args.out / "log.jsonl")
    device = torch.device(args.device)
    cuda, deadline = device.type == "cuda", START + args.until
    torch.manual_seed(args.seed)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = not args.no_benchmark
    torch.backends.cudnn.benchmark_limit = 4
    if cuda:
        log(device=torch.cuda.get_device_name(), torch=torch.__version__)
    tracer = scene.Tracer(device)
    seeds = iter(range(args.seed, 10**9))
    take = lambda objects: [next(seeds) for _ in range(-(-objects // args.per_seed))]

    def train(stepper, name, **options):
        steps, seconds = getattr(args, f"{name}_steps"), getattr(args, f"{name}_seconds")
        return stepper.train(log, steps=steps, seconds=seconds or math.inf, deadline=deadline, **options)

    # 1. autoencoder
    vae = AutoencoderKL(config.VAE).to(device, memory_format=torch.channels_last)
    start = export.read_parts(args.resume) if args.resume else {}
    if "vae" in start:
        load(vae, start["vae"])
    if trains("vae"):
        images = data.image_pool(tracer, take(args.image_objects), args.per_seed)
        log(event="images", count=len(images))
        stepper = Stepper(vae, vae_loss(vae, images, args.vae_batch), args.vae_lr, ema_decay=0.998)
        vae = train(stepper, "vae")
        del stepper
    vae.requires_grad_(False)

    @torch.no_grad()
    def encode(images):
        means, logvars = zip(*(encoder.encode(chunk.to(encoder.quant_conv.weight.dtype, memory_format=torch.channels_last))
                               for chunk in images.split(126)))
        return torch.cat(means), torch.cat(logvars)

    encoder = vae
    if trains("vae"):
        center, scale = whiten(vae, encode, images[torch.randperm(len(images), device=device)[:2048]])
        log(event="whitened", center=[round(x, 3) for x in center.tolist()], scale=[round(x, 3) for x in scale.tolist()])
        del images
    encoder = copy.deepcopy(vae).to(torch.bfloat16 if cuda else torch.float32)
    save(args.out / "vae.safetensors", vae)
    held_out = evaluate.HeldOut(tracer, encode, args.evaluate) if args.evaluate else None
    if held_out:
        log(event="autoencoder", **held_out.autoencoder(vae))

    # 2. latents
    if not trains("paint") and not trains("delight"):
        return
    slots = range(data.SLOTS) if trains("paint") else (data.LIT, data.UNLIT)
    pool = data.LatentPool(tracer, encode, take(args.objects), args.per_seed, slots=tuple(slots))
    log(event="latents", objects=len(pool), std=pool.std.float().mean().item())
    if cuda:
        log(memory_gb=torch.cuda.max_memory_allocated() / 1e9)

    # 3. paint model
    if trains("paint"):
        torch.manual_seed(args.seed + 1)
        unet = UNet2p5D(config.PAINT_UNET)
        if "unet" in start:
            load(unet.unet, start["unet"])
            load(unet.unet_dual, start["unet_dual"])
        unet = unet.to(device, memory_format=torch.channels_last)
        alphas = diffusion.alphas_cumprod(zero_terminal_snr=True).to(device)
        indices = torch.tensor(config.VIEW_INDICES, device=device)

        def objective(mean, sample, timesteps, sees):
            x, v = diffusion.noisy(mean[:, data.ALBEDO], alphas, timesteps)
            stored = unet.encode_references(sample[:, data.REFERENCE, None])
            out = unet(x, timesteps, sample[:, data.NORMAL], sample[:, data.POSITION], indices, stored, sees)
            return ((out.float() - v) ** 2).mean()

        def loss():
            mean, sample = pool.draw(args.paint_batch)
            timesteps = torch.randint(1000, (args.paint_batch,), device=device)
            sees = (torch.rand(args.paint_batch, device=device) > 0.1).float()
            return objective(mean, sample, timesteps, sees)

        def save_unet(ema):
            save(args.out / "unet.safetensors", ema.unet)
            save(args.out / "unet_dual.safetensors", ema.unet_dual)

        stepper = Stepper(unet, loss, args.paint_lr, ema_decay=0.9995)
        ema = train(stepper, "paint", decay_to=args.paint_decay_to, save=save_unet)
        save_unet(ema)
        del stepper
        for steps, guidance, turbo in [(15, 1.5, False), (15, 1.0, False), (10, 1.0, True)] if held_out else []:
            picture = args.out / "paint.png" if guidance == 1.5 else None
            log(event="paint", steps=steps, guidance=guidance, turbo=turbo,
                **held_out.paint(vae, ema, steps, guidance, turbo, picture))

    # 4. delight model
    if trains("delight"):
        torch.manual_seed(args.seed + 2)
        clip = ClipText(config.CLIP).to(device).requires_grad_(False)
        unet = UNet2DCondition(config.DELIGHT_UNET).to(device, memory_format=torch.channels_last)
        if "delight" in start:
            load(unet, start["delight"])
            load(clip, start["clip"])
        text = clip(torch.tensor([export.empty_prompt_ids()], device=device))
        alphas = diffusion.alphas_cumprod(zero_terminal_snr=False).to(device)

        def delight_objective(lit_latents, unlit_latents, timesteps, seen):
            x, v = diffusion.noisy(unlit_latents, alphas, timesteps)
            sample = torch.cat([x, lit_latents * seen[:, None, None, None]], dim=1)
            return ((unet(sample, timesteps, text.to(unet.conv_in.weight.dtype).expand(len(x), -1, -1)).float() - v) ** 2).mean()

        lit, unlit = pool.slots.index(data.LIT), pool.slots.index(data.UNLIT)

        def delight_loss():
            index = torch.randint(len(pool), (args.delight_batch,), device=device)
            timesteps = torch.randint(1000, (args.delight_batch,), device=device)
            seen = (torch.rand(args.delight_batch, device=device) > 0.05).float()
            mean = pool.mean[index].float()
            return delight_objective(mean[:, lit], mean[:, unlit], timesteps, seen)

        stepper = Stepper(unet, delight_loss, args.delight_lr, ema_decay=0.998)
        save(args.out / "clip.safetensors", clip)
        save_delight = lambda ema: save(args.out / "delight.safetensors", ema)
        ema = train(stepper, "delight", every=8.0, save=save_delight)
        save_delight(ema)
        for steps in (10, 20, 50) if held_out else ():
            log(event="delight", steps=steps, **held_out.delight(vae, ema, text, steps, args.out / "delight.png"))


if __name__ == "__main__":
    main()
