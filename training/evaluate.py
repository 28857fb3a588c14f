"""Figures and pictures on held-out objects: seeds below 1000, which training never draws."""

import torch
from PIL import Image

import config
import data
import diffusion


def psnr(a, b, mask):
    """Returns the mean over images of the PSNR inside the mask, for −1…1 [n, 3, H, W] and a mask [n, 1, H, W]."""
    error = (((a - b) / 2) ** 2 * mask).sum((1, 2, 3)) / (3 * mask.sum((1, 2, 3)).clamp(min=1))
    return (-10 * error.clamp(min=1e-8).log10())[mask.sum((1, 2, 3)) > 50].mean().item()


def recorrect(x, source, mask):
    """Applies the pipeline's color correction: matches mean and deviation of the source, where that is no farther from it."""
    count = mask.sum((2, 3), keepdim=True)
    mean = lambda y: (y * mask).sum((2, 3), keepdim=True) / count
    std = lambda y: (((y - mean(y)) ** 2 * mask).sum((2, 3), keepdim=True) / (count - 1)).sqrt()
    x, target = x / 2 + 0.5, source / 2 + 0.5
    y = ((x - 0.95 * mean(x)) * (std(target) / std(x).clamp(min=1e-5)) + 0.95 * mean(target)).clamp(0, 1)
    error = lambda z: ((z - target) ** 2).mean((1, 2, 3), keepdim=True)
    return torch.where(error(y) <= error(x), y, x) * 2 - 1


def sheet(path, rows):
    """Writes a sheet of −1…1 images [n, 3, H, W] at half size: a line for each n, the rows side by side."""
    images = torch.cat([row.cpu() for row in rows], dim=3)
    images = torch.nn.functional.avg_pool2d(images, 2)
    Image.fromarray(torch.cat(list(data.to_bytes(images)), dim=0).numpy()).save(path)


class HeldOut:
    delighted = None

    def __init__(self, tracer, encode, count, seed=1, size=config.VIEW_SIZE):
        self.images = data.to_unit(data.render(tracer, seed, count, size))
        self.mask = (self.images[:, data.POSITION] < 0.995).any(2, keepdim=True).float()
        unlit = self.images[:, data.UNLIT]
        self.reference_mask = (unlit < 0.995).any(1, keepdim=True).float()
        mean, logvar = encode(self.images.flatten(0, 1))
        self.mean = mean.float().unflatten(0, self.images.shape[:2])
        self.std = (logvar.float() / 2).exp().unflatten(0, self.images.shape[:2])
        self.encode = encode
        self.generator = torch.Generator().manual_seed(seed)

    def noise(self, like):
        return torch.randn(like.shape, generator=self.generator).to(like)

    @torch.no_grad()
    def decode(self, vae, latents):
        flat = latents.flatten(0, -4)
        with torch.autocast(flat.device.type, torch.bfloat16, enabled=flat.is_cuda):
            images = torch.cat([vae.decode(chunk).float() for chunk in flat.split(32)])
        return images.unflatten(0, latents.shape[:-3]).clamp(-1, 1)

    def autoencoder(self, vae):
        out = {}
        for name, slot in [("albedo", data.ALBEDO), ("normal", data.NORMAL), ("position", data.POSITION)]:
            decoded = self.decode(vae, self.mean[:, slot])
            out[f"psnr_{name}"] = psnr(decoded.flatten(0, 1), self.images[:, slot].flatten(0, 1), self.mask.flatten(0, 1))
        return out

    def paint(self, vae, unet, steps, guidance, turbo=False, picture=None, references=None):
        """Paints from the unlit references, or from other latents of them."""
        sample = self.mean + self.std * self.noise(self.mean)
        alphas = diffusion.alphas_cumprod(True).to(self.mean.device)
        views, references = [], sample[:, data.UNLIT] if references is None else references
        noise = self.noise(sample[:, data.ALBEDO])
        for part in torch.arange(len(sample)).split(16):
            s = sample[part]
            with torch.autocast(s.device.type, torch.bfloat16, enabled=s.is_cuda):
                views.append(diffusion.paint_views(unet, references[part, None], s[:, data.NORMAL], s[:, data.POSITION],
                                                   noise[part], alphas, steps, guidance, turbo, self.generator))
        views = self.decode(vae, torch.cat(views))
        truth = self.images[:, data.ALBEDO]
        unlit = self.images[:, data.UNLIT]
        mean = (unlit * self.reference_mask).sum((2, 3)) / self.reference_mask.sum((2, 3))
        mean = mean[:, None, :, None, None].expand_as(truth)
        out = {}
        for name, views_of in [("front", slice(0, 1)), ("unseen", slice(1, 6))]:
            pick = lambda x: x[:, views_of].flatten(0, 1)
            out[f"psnr_{name}"] = psnr(pick(views), pick(truth), pick(self.mask))
            out[f"psnr_{name}_mean_color"] = psnr(pick(mean), pick(truth), pick(self.mask))
        if picture:
            n = 10
            sheet(picture, [unlit[:n], *truth[:n].unbind(1), *views[:n].unbind(1)])
        return out

    def delight(self, vae, unet, text, steps, picture=None):
        alphas = diffusion.alphas_cumprod(False).to(self.mean.device)
        image_latents = self.mean[:, data.LIT]
        with torch.autocast(image_latents.device.type, torch.bfloat16, enabled=image_latents.is_cuda):
            latents = diffusion.remove_light(unet, text, image_latents, self.noise(image_latents), alphas, steps)
        raw = self.decode(vae, latents)
        lit, unlit, mask = self.images[:, data.LIT], self.images[:, data.UNLIT], self.reference_mask
        corrected = recorrect(raw, lit, mask)
        # The demo's pipeline uses the uncorrected image on white, encoded again.
        self.delighted = self.encode(raw * mask + 1 - mask)[0].float()
        if picture:
            sheet(picture, [x[:16] for x in (lit, raw, corrected, unlit)])
        return {"psnr_lit": psnr(lit, unlit, mask), "psnr_recorrection_alone": psnr(recorrect(lit, lit, mask), unlit, mask),
                "psnr_raw": psnr(raw, unlit, mask), "psnr_corrected": psnr(corrected, unlit, mask)}
