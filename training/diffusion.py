"""Noise schedules, velocity targets and samplers, equal to those of the project's schedulers (v-prediction)."""

import torch

import config


def alphas_cumprod(zero_terminal_snr):
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float32) ** 2
    alphas = torch.cumprod(1 - betas, dim=0)
    if zero_terminal_snr:
        root = alphas.sqrt()
        root = (root - root[-1]) * root[0] / (root[0] - root[-1])
        alphas = root**2
        # diffusers computes betas from these, and the products again from the betas.
        alphas = torch.cumprod(torch.cat([alphas[:1], alphas[1:] / alphas[:-1]]), dim=0)
    return alphas


def noisy(x, alphas, timesteps):
    """Returns noised samples and velocities of clean latents; `timesteps` is [objects]."""
    a = alphas[timesteps].view(-1, *[1] * (x.dim() - 1))
    noise = torch.randn_like(x)
    return a.sqrt() * x + (1 - a).sqrt() * noise, a.sqrt() * noise - (1 - a).sqrt() * x


def ddim(predict, x, alphas, steps, trailing=True):
    """Denoises `x`; `predict(x, timestep)` returns the velocity. Timesteps are trailing, or leading with offset 1."""
    if trailing:
        timesteps = [round(1000 - i * 1000 / steps) - 1 for i in range(steps)]
    else:
        timesteps = [(steps - 1 - i) * (1000 // steps) + 1 for i in range(steps)]
    for t in timesteps:
        a, previous = alphas[t], t - 1000 // steps
        a_previous = alphas[previous] if previous >= 0 else torch.ones_like(a)
        v = predict(x, t)
        x0 = a.sqrt() * x - (1 - a).sqrt() * v
        noise = a.sqrt() * v + (1 - a).sqrt() * x
        x = a_previous.sqrt() * x0 + (1 - a_previous).sqrt() * noise
    return x


def lcm(predict, x, alphas, generator=None):
    """Denoises `x` in the ten steps of the turbo model: predicts clean latents and adds noise for the next step."""
    timesteps = list(range(989, 0, -99))
    for i, t in enumerate(timesteps):
        a = alphas[t]
        x0 = a.sqrt() * x - (1 - a).sqrt() * predict(x, t)
        skip = 0.25 / ((t * 10.0) ** 2 + 0.25)
        x0 = x0 * (1 - skip) ** 0.5 + x * skip
        if i + 1 == len(timesteps):
            return x0
        a = alphas[timesteps[i + 1]]
        noise = torch.randn(x.shape, generator=generator).to(x)
        x = a.sqrt() * x0 + (1 - a).sqrt() * noise


@torch.no_grad()
def paint_views(unet, reference, normals, positions, noise, alphas, steps, guidance, turbo=False, generator=None):
    """Returns latents of the views [objects, 6, C, h, w], from sampled latents of reference and maps."""
    objects, device = len(noise), noise.device
    stored = unet.encode_references(reference)
    indices = torch.tensor(config.VIEW_INDICES, device=device)
    ones = torch.ones(objects, device=device)

    def predict(x, t):
        timesteps = torch.full((objects,), float(t), device=device)
        seen = unet(x, timesteps, normals, positions, indices, stored, ones).float()
        if guidance <= 1:
            return seen
        unseen = unet(x, timesteps, normals, positions, indices, stored, 0 * ones).float()
        return unseen + guidance * (seen - unseen)

    return lcm(predict, noise, alphas, generator) if turbo else ddim(predict, noise, alphas, steps)


@torch.no_grad()
def remove_light(unet, text, image_latents, noise, alphas, steps):
    def predict(x, t):
        timesteps = torch.full((len(x),), float(t), device=x.device)
        return unet(torch.cat([x, image_latents], dim=1), timesteps, text.expand(len(x), -1, -1)).float()

    return ddim(predict, noise, alphas, steps, trailing=False)
