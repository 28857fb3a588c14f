"""Pools of rendered and encoded objects, kept on the device."""

import torch
import torch.nn.functional as F

import config
import scene

# Slots of an object's latents: six views, normals and positions of each, then the references.
ALBEDO, NORMAL, POSITION = slice(0, 6), slice(6, 12), slice(12, 18)
REFERENCE, LIT, UNLIT = 18, 19, 20  # with the errors of a delight model; lit; unlit
SLOTS = 21


def to_unit(images):
    """Converts bytes [..., H, W, 3] to −1…1 [..., 3, H, W]."""
    return images.movedim(-1, -3).float() / 127.5 - 1


def to_bytes(images):
    return ((images.float() / 2 + 0.5).clamp(0, 1) * 255).round().byte().movedim(-3, -1)


def render(tracer, seed, count, size):
    """Renders the objects of a seed: bytes [n, SLOTS, size, size, 3], where REFERENCE equals UNLIT."""
    albedo, normal, position, lit = tracer.images(*scene.make_objects(tracer, seed, count), size)
    reference = albedo[:, 6:]
    return torch.cat([albedo[:, :6], normal[:, :6], position[:, :6], reference, lit[:, 6:], reference], dim=1)


def render_pair(tracer, seed, count, size):
    """Renders the references only, LIT and UNLIT: bytes [n, 2, size, size, 3]."""
    scenes, cameras = scene.make_objects(tracer, seed, count)
    albedo, _, _, lit = tracer.images(scenes, cameras[:, 6:], size)
    return torch.cat([lit, albedo], dim=1)


def imperfect(unlit, lit):
    """Simulates the errors of a delight model: remaining light, wrong gain, blur. Images are −1…1 [n, 3, H, W]."""
    n, device = len(unlit), unlit.device
    draw = lambda *shape: torch.rand(n, *shape, 1, 1, device=device)
    share = 0.35 * draw(1) * (draw(1) < 0.5)
    x = unlit + (lit - unlit) * share
    gain = 1 + (draw(3) - 0.5) * 0.1 + (draw(1) - 0.5) * 0.16
    background = (unlit > 0.99).all(1, keepdim=True)
    x = torch.where((draw(1) < 0.5) & ~background, ((x + 1) * gain - 1).clamp(-1, 1), x)
    return torch.where(draw(1) < 0.3, F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False), x)


def image_pool(tracer, seeds, per_seed, size=config.VIEW_SIZE):
    """Renders images of all kinds, bytes [n, size, size, 3], with fewer maps than color images."""
    pools = []
    for seed in seeds:
        images = render(tracer, seed, per_seed, size)
        pools.append(images[:, [0, 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 17, LIT, UNLIT]].flatten(0, 1))
    return torch.cat(pools)


class LatentPool:
    """Posterior means and standard deviations [objects, slots, C, h, w] of many objects, for some or all slots."""

    def __init__(self, tracer, encode, seeds, per_seed, size=config.VIEW_SIZE, slots=tuple(range(SLOTS)),
                 dtype=torch.bfloat16):
        self.slots = slots
        means, stds = [], []
        for seed in seeds:
            if slots == (LIT, UNLIT):
                images = to_unit(render_pair(tracer, seed, per_seed, size))
            else:
                images = to_unit(render(tracer, seed, per_seed, size))
                images[:, REFERENCE] = imperfect(images[:, UNLIT], images[:, LIT])
                images = images[:, list(slots)]
            mean, logvar = encode(images.flatten(0, 1))
            shape = len(images), len(slots)
            means.append(mean.float().unflatten(0, shape).to(dtype))
            stds.append((logvar.float() / 2).exp().unflatten(0, shape).to(dtype))
        self.mean, self.std = torch.cat(means), torch.cat(stds)

    def __len__(self):
        return len(self.mean)

    def draw(self, batch):
        """Returns posterior means and samples of random objects."""
        index = torch.randint(len(self), (batch,), device=self.mean.device)
        mean, std = self.mean[index].float(), self.std[index].float()
        return mean, mean + std * torch.randn_like(mean)
