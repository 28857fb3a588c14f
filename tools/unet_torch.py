"""Times with PyTorch what `cargo bench --bench unet` times: single operations, steps of the networks and whole
denoising runs at the published size, with random weights. Needs only PyTorch; the networks are defined here.

    python tools/unet_torch.py [--device cuda] [--precision f16] [--operations] [--compile]

The runs are optimized as a careful user would: the reference UNet runs once, maps are channels-last, attention is
PyTorch's own. `--compile` compiles the networks with `torch.compile` first, which takes minutes.
"""

import argparse
import time

import torch
import torch.nn.functional as F
from torch import nn

VIEWS = 6


class Resnet(nn.Module):
    def __init__(self, channels, out, time=1280, eps=1e-5):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, channels, eps), nn.GroupNorm(32, out, eps)
        self.conv1, self.conv2 = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
        self.time = nn.Linear(time, out) if time else None
        self.shortcut = nn.Conv2d(channels, out, 1) if channels != out else nn.Identity()

    def forward(self, x, time=None):
        h = self.conv1(F.silu(self.norm1(x)))
        if time is not None:
            h = h + self.time(F.silu(time))[:, :, None, None]
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, channels, heads, context=None):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(channels, channels, bias=False)
        self.k = nn.Linear(context or channels, channels, bias=False)
        self.v = nn.Linear(context or channels, channels, bias=False)
        self.out = nn.Linear(channels, channels)

    def split(self, x):
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)

    def keys(self, context):
        return self.split(self.k(context)), self.split(self.v(context))

    def forward(self, x, keys=None):
        key, value = keys or self.keys(x)
        attended = F.scaled_dot_product_attention(self.split(self.q(x)), key, value)
        return self.out(attended.transpose(1, 2).flatten(2))


class Transformer(nn.Module):
    """Group norm, projection, one block, projection; `multiview` adds the attention to the reference and to all views."""

    def __init__(self, channels, multiview):
        super().__init__()
        heads = channels // 64
        self.norm = nn.GroupNorm(32, channels, 1e-6)
        self.inward, self.outward = nn.Linear(channels, channels), nn.Linear(channels, channels)
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in range(3))
        self.self_attention = Attention(channels, heads)
        self.text = Attention(channels, heads, 1024)
        self.reference = Attention(channels, heads) if multiview else None
        self.views = Attention(channels, heads) if multiview else None
        self.up, self.down = nn.Linear(channels, 8 * channels), nn.Linear(4 * channels, channels)

    def forward(self, x, state):
        batch, channels, height, width = x.shape
        tokens = self.inward(self.norm(x).permute(0, 2, 3, 1).reshape(batch, -1, channels))
        h = self.norms[0](tokens)
        tokens = tokens + self.self_attention(h)
        if self.views is not None:
            seen = state.reference(self, channels, height * width)
            conditional = h[-VIEWS:].reshape(1, -1, channels)
            attended = self.reference(conditional, seen).reshape(VIEWS, -1, channels)
            tokens[-VIEWS:] += attended
            joint = h.reshape(batch // VIEWS, -1, channels)
            tokens = tokens + self.views(joint).reshape(batch, -1, channels)
        tokens = tokens + self.text(self.norms[1](tokens), state.text(self, batch))
        value, gate = self.up(self.norms[2](tokens)).chunk(2, 2)
        tokens = tokens + self.down(value * F.gelu(gate))
        return x + self.outward(tokens).reshape(batch, height, width, channels).permute(0, 3, 1, 2)


class State:
    """Inputs that are the same in all steps."""

    def __init__(self, device, dtype):
        self.device, self.dtype, self.references, self.texts = device, dtype, {}, {}

    def reference(self, block, channels, tokens):
        if block not in self.references:
            seen = torch.randn(1, tokens, channels, device=self.device, dtype=self.dtype)
            self.references[block] = block.reference.keys(seen)
        return self.references[block]

    def text(self, block, batch):
        if (block, batch) not in self.texts:
            seen = torch.randn(batch, 77, 1024, device=self.device, dtype=self.dtype)
            self.texts[block, batch] = block.text.keys(seen)
        return self.texts[block, batch]


class UNet(nn.Module):
    def __init__(self, channels_in, multiview):
        super().__init__()
        sizes = [320, 640, 1280, 1280]
        self.conv_in, self.conv_out = nn.Conv2d(channels_in, 320, 3, padding=1), nn.Conv2d(320, 4, 3, padding=1)
        self.norm_out = nn.GroupNorm(32, 320)
        self.time1, self.time2 = nn.Linear(320, 1280), nn.Linear(1280, 1280)
        self.down, self.up, skips, at = nn.ModuleList(), nn.ModuleList(), [320], 320
        for level, size in enumerate(sizes):
            for _ in range(2):
                attends = Transformer(size, multiview) if level < 3 else None
                self.down.append(nn.ModuleList([Resnet(at, size), attends]))
                at = size
                skips.append(at)
            if level < 3:
                self.down.append(nn.Conv2d(at, at, 3, stride=2, padding=1))
                skips.append(at)
        self.middle = nn.ModuleList([Resnet(at, at), Transformer(at, multiview), Resnet(at, at)])
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(3):
                attends = Transformer(size, multiview) if level < 3 else None
                self.up.append(nn.ModuleList([Resnet(at + skips.pop(), size), attends]))
                at = size
            if level > 0:
                self.up.append(nn.Conv2d(at, at, 3, padding=1))

    def forward(self, x, features, state):
        time = self.time2(F.silu(self.time1(features))).expand(x.shape[0], -1)
        x = self.conv_in(x)
        skips = [x]
        for part in self.down:
            if isinstance(part, nn.Conv2d):
                x = part(x)
            else:
                x = part[0](x, time)
                x = part[1](x, state) if part[1] is not None else x
            skips.append(x)
        x = self.middle[2](self.middle[1](self.middle[0](x, time), state), time)
        for part in self.up:
            if isinstance(part, nn.Conv2d):
                x = part(F.interpolate(x, scale_factor=2.0))
            else:
                x = part[0](torch.cat([x, skips.pop()], 1), time)
                x = part[1](x, state) if part[1] is not None else x
        return self.conv_out(F.silu(self.norm_out(x)))


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        conv = lambda a, b, **options: nn.Conv2d(a, b, 3, **options)
        self.attention = nn.ModuleList(Attention(512, 1) for _ in range(2))
        sizes = [128, 256, 512, 512]
        encoder, at = [conv(3, 128, padding=1)], 128
        for level, size in enumerate(sizes):
            for _ in range(2):
                encoder.append(Resnet(at, size, None, 1e-6))
                at = size
            if level < 3:
                encoder += [nn.ZeroPad2d((0, 1, 0, 1)), conv(at, at, stride=2)]
        self.encoder = nn.Sequential(*encoder)
        self.to_latents = nn.Sequential(Resnet(512, 512, None, 1e-6), nn.GroupNorm(32, 512), nn.SiLU(), conv(512, 8, padding=1))
        self.from_latents = nn.Sequential(conv(4, 512, padding=1), Resnet(512, 512, None, 1e-6))
        decoder, at = [Resnet(512, 512, None, 1e-6)], 512
        for level, size in reversed(list(enumerate(sizes))):
            for _ in range(3):
                decoder.append(Resnet(at, size, None, 1e-6))
                at = size
            if level > 0:
                decoder += [nn.Upsample(scale_factor=2.0), conv(at, at, padding=1)]
        self.decoder = nn.Sequential(*decoder, nn.GroupNorm(32, 128), nn.SiLU(), conv(128, 3, padding=1))

    def attend(self, which, x):
        batch, channels, height, width = x.shape
        tokens = x.permute(0, 2, 3, 1).reshape(batch, -1, channels)
        return x + self.attention[which](tokens).reshape(batch, height, width, channels).permute(0, 3, 1, 2)

    def encode(self, image):
        return self.to_latents(self.attend(0, self.encoder(image)))

    def decode(self, latent):
        return self.decoder(self.attend(1, self.from_latents(latent)))


class Timer:
    def __init__(self, device):
        self.device = device

    def sync(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def operation(self, name, flops, run):
        """Prints the mean time of a run, over half a second of runs."""
        for _ in range(3):
            run()
        self.sync()
        runs, start = 0, time.perf_counter()
        while time.perf_counter() - start < 0.5:
            for _ in range(5):
                run()
            runs += 5
            self.sync()
        seconds = (time.perf_counter() - start) / runs
        rate = f"{1e-12 * flops / seconds:.1f}" if flops else "–"
        print(f"| {name} | {1e3 * seconds:.3f} ms | {rate} |", flush=True)

    def twice(self, name, run):
        for round_name in ["first", "second"]:
            start = time.perf_counter()
            run()
            self.sync()
            print(f"| {name}, {round_name} run | {time.perf_counter() - start:.3f} s |", flush=True)


def operations(timer, device, dtype, batch):
    rand = lambda *shape: torch.randn(*shape, device=device, dtype=dtype)
    for a, b, side in [(320, 320, 64), (640, 640, 32), (1280, 1280, 16), (2560, 1280, 16), (1280, 1280, 8), (128, 128, 256)]:
        images = 1 if side > 64 else batch  # the autoencoder processes one at a time
        conv = nn.Conv2d(a, b, 3, padding=1).to(device, dtype).to(memory_format=torch.channels_last)
        x = rand(images, a, side, side).to(memory_format=torch.channels_last)
        timer.operation(f"conv_{a}_{b}_at_{side}", 18.0 * images * side * side * a * b, lambda: conv(x))
    for rows, a, b, gated in [(4096, 320, 320, 0), (4096, 320, 2560, 1), (4096, 1280, 320, 0), (1024, 640, 5120, 1), (256, 1280, 1280, 0), (4096, 4096, 4096, 0)]:
        linear, x = nn.Linear(a, b).to(device, dtype), rand(batch, rows, a)

        def run():
            y = linear(x)
            if gated:
                value, gate = y.chunk(2, 2)
                y = value * F.gelu(gate)
            return y

        timer.operation(f"linear_{batch * rows}x{a}_{b}{'_geglu' if gated else ''}", 2.0 * batch * rows * a * b, run)
    views = max(batch // 2, 1)
    for name, (sequences, queries, keys, heads) in [
        ("self_attention", (batch, 4096, 4096, 5)),
        ("multiview_attention", (-(-batch // views), views * 4096, views * 4096, 5)),
        ("self_attention", (batch, 1024, 1024, 10)),
        ("text_attention", (batch, 4096, 77, 5)),
    ]:
        q, k, v = (rand(sequences, heads, n, 64) for n in (queries, keys, keys))
        name = f"{name}_{sequences}x{heads}_{queries}_{keys}"
        timer.operation(name, 256.0 * sequences * heads * queries * keys, lambda: F.scaled_dot_product_attention(q, k, v))
    for channels, side in [(320, 64), (1280, 16)]:
        norm = nn.GroupNorm(32, channels).to(device, dtype)
        x = rand(batch, channels, side, side).to(memory_format=torch.channels_last)
        timer.operation(f"group_norm_silu_{channels}_at_{side}", 0, lambda: F.silu(norm(x)))
    norm, x = nn.LayerNorm(320).to(device, dtype), rand(batch, 4096, 320)
    timer.operation("layer_norm_320", 0, lambda: norm(x))


def networks(timer, device, dtype, compiles):
    prepare = lambda module: module.to(device, dtype).to(memory_format=torch.channels_last).eval()
    finish = lambda module: torch.compile(module, mode="max-autotune-no-cudagraphs") if compiles else module
    rand = lambda *shape: torch.randn(*shape, device=device, dtype=dtype)
    features = rand(1, 320)

    unet, state = prepare(UNet(12, True)), State(device, dtype)
    unet = finish(unet)
    for name, batch in [("multiview_step_guided", 2 * VIEWS), ("multiview_step", VIEWS)]:
        x = rand(batch, 12, 64, 64).to(memory_format=torch.channels_last)
        timer.operation(name, 0, lambda: unet(x, features, state))
    vae = prepare(Autoencoder())
    image, latent = rand(1, 3, 512, 512).to(memory_format=torch.channels_last), rand(1, 4, 64, 64)
    timer.operation("vae_encode", 0, lambda: vae.encode(image))
    timer.operation("vae_decode", 0, lambda: vae.decode(latent))

    def multiview(steps, branches):
        geometry = torch.cat([vae.encode(image)[:, :4] for _ in range(2 * VIEWS)]).reshape(VIEWS, 8, 64, 64)
        vae.encode(image)
        x = rand(VIEWS, 4, 64, 64)
        for _ in range(steps):
            sample = torch.cat([x, geometry], 1).repeat(branches, 1, 1, 1)
            noise = unet(sample.to(memory_format=torch.channels_last), features, state)
            x = x + 0.01 * noise[-VIEWS:]
        return torch.cat([vae.decode(x[i : i + 1]) for i in range(VIEWS)]).float().cpu()

    timer.twice("multiview_30_steps", lambda: multiview(30, 2))
    timer.twice("turbo_10_steps", lambda: multiview(10, 1))
    if device == "cuda":
        print(f"peak {torch.cuda.max_memory_allocated() / 2**20:.0f} MiB allocated")
    unet = None  # frees memory for the delight model
    delight, state = prepare(UNet(8, False)), State(device, dtype)
    delight = finish(delight)
    x = rand(1, 8, 64, 64).to(memory_format=torch.channels_last)
    timer.operation("delight_step", 0, lambda: delight(x, features, state))

    def repaint():
        given, x = vae.encode(image)[:, :4], rand(1, 4, 64, 64)
        for _ in range(50):
            sample = torch.cat([x, given], 1).to(memory_format=torch.channels_last)
            x = x + 0.01 * delight(sample, features, state)
        return vae.decode(x).float().cpu()

    timer.twice("delight_50_steps", repaint)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--precision", choices=["f16", "f32"])
    parser.add_argument("--operations", action="store_true", help="single operations only")
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    device = arguments.device
    precision = arguments.precision or ("f16" if device == "cuda" else "f32")
    dtype = {"f16": torch.float16, "f32": torch.float32}[precision]
    where = torch.cuda.get_device_name() if device == "cuda" else f"CPU, {torch.get_num_threads()} threads"
    print(f"PyTorch {torch.__version__}, {where}, {precision}")
    torch.backends.cudnn.benchmark = True
    timer = Timer(device)
    with torch.inference_mode():
        if not arguments.compile:
            operations(timer, device, dtype, 12 if device == "cuda" else 1)
        if not arguments.operations:
            networks(timer, device, dtype, arguments.compile)


if __name__ == "__main__":
    main()
