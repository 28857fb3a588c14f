"""The networks, in plain PyTorch, with diffusers' names so that a state dict is a published checkpoint.

- `UNet2DCondition`: the UNet of Stable Diffusion; with `num_class_embeds` and `cross_view`, the main UNet of the 2.5-D model
- `UNet2p5D`: main UNet, reference UNet and learned text (Hunyuan3D-Paint, arXiv 2501.12202)
- `AutoencoderKL`: the autoencoder
- `ClipText`: the text encoder

Tensors are [B, C, H, W] for images and [B, S, C] for tokens.
"""

import math

import torch
import torch.nn.functional as F
from torch import nn

TEXT_TOKENS = 77
NUM_REFERENCE_EMBEDDINGS, NUM_VIEW_EMBEDDINGS = 5, 44


def to_tokens(x):
    return x.flatten(2).transpose(1, 2)


def to_map(x, height, width):
    return x.transpose(1, 2).unflatten(2, (height, width))


class Attention(nn.Module):
    """Multi-head attention. With `groups`, `forward_map` attends over the pixels of a map, with group norm and residual."""

    def __init__(self, channels, context_channels, heads, bias=False, groups=None):
        super().__init__()
        self.heads = heads
        self.group_norm = nn.GroupNorm(groups, channels, eps=1e-6) if groups else None
        self.to_q = nn.Linear(channels, channels, bias=bias)
        self.to_k = nn.Linear(context_channels, channels, bias=bias)
        self.to_v = nn.Linear(context_channels, channels, bias=bias)
        self.to_out = nn.ModuleList([nn.Linear(channels, channels)])

    def forward(self, x, context):
        q, k, v = (y.unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for y in (self.to_q(x), self.to_k(context), self.to_v(context)))
        out = F.scaled_dot_product_attention(q, k, v)
        return self.to_out[0](out.transpose(1, 2).flatten(2))

    def forward_map(self, x):
        tokens = to_tokens(self.group_norm(x))
        return x + to_map(self(tokens, tokens), *x.shape[2:])


class ResnetBlock(nn.Module):
    def __init__(self, from_channels, channels, time_channels, groups, eps):
        super().__init__()
        self.norm1 = nn.GroupNorm(groups, from_channels, eps=eps)
        self.conv1 = nn.Conv2d(from_channels, channels, 3, padding=1)
        self.time_emb_proj = nn.Linear(time_channels, channels) if time_channels else None
        self.norm2 = nn.GroupNorm(groups, channels, eps=eps)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv_shortcut = nn.Conv2d(from_channels, channels, 1) if from_channels != channels else None

    def forward(self, x, temb=None):
        h = self.conv1(F.silu(self.norm1(x)))
        if self.time_emb_proj is not None:
            h = h + self.time_emb_proj(F.silu(temb))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (x if self.conv_shortcut is None else self.conv_shortcut(x))


class Resampler(nn.Module):
    """A 3×3 convolution that halves the sides (padded all around, or below and right) or doubles them."""

    def __init__(self, channels, kind):
        super().__init__()
        self.kind = kind
        stride, padding = {"down": (2, 1), "down_bottom_right": (2, 0), "up": (1, 1)}[kind]
        self.conv = nn.Conv2d(channels, channels, 3, stride=stride, padding=padding)

    def forward(self, x):
        if self.kind == "down_bottom_right":
            x = F.pad(x, (0, 1, 0, 1))
        elif self.kind == "up":
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        return self.conv(x)


class GegluProjection(nn.Module):
    def __init__(self, channels, inner):
        super().__init__()
        self.proj = nn.Linear(channels, 2 * inner)

    def forward(self, x):
        value, gate = self.proj(x).chunk(2, dim=-1)
        return value * F.gelu(gate)


class FeedForward(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.net = nn.ModuleList([GegluProjection(channels, 4 * channels), nn.Identity(),
                                  nn.Linear(4 * channels, channels)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


class Exchange:
    """State that the transformer blocks of a pass share: the reference pass appends to `stored`, the main pass reads it.

    `ref_scale` [objects] is 1 where an object sees its references and 0 where it does not."""

    def __init__(self, num_views=1, ref_scale=None, stored=None):
        self.num_views, self.ref_scale = num_views, ref_scale
        self.stored = [] if stored is None else stored
        self.reads = iter(self.stored)


class TransformerBlock(nn.Module):
    """The block of Stable Diffusion. The wrapping block of the 2.5-D UNet passes its attention layers as `exchange`."""

    def __init__(self, channels, heads, text_channels):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(channels) for _ in range(3))
        self.attn1 = Attention(channels, channels, heads)
        self.attn2 = Attention(channels, text_channels, heads)
        self.ff = FeedForward(channels)

    def forward(self, x, text, exchange=None):
        h = self.norm1(x)
        x = x + self.attn1(h, h)
        if exchange is not None:
            x = x + exchange(h)
        x = x + self.attn2(self.norm2(x), text)
        return x + self.ff(self.norm3(x))


class WrappedBlock(nn.Module):
    """The block of the 2.5-D UNet.

    In the reference UNet it stores its normalized input; in the main UNet it attends to the stored tokens and to those
    of all views.
    """

    def __init__(self, channels, heads, text_channels, attends):
        super().__init__()
        self.transformer = TransformerBlock(channels, heads, text_channels)
        self.attends = attends
        if attends:
            self.attn_multiview = Attention(channels, channels, heads)
            self.attn_refview = Attention(channels, channels, heads)

    def forward(self, x, text, exchange):
        if not self.attends:
            exchange.stored.append(self.transformer.norm1(x))
            return self.transformer(x, text)
        views, stored = exchange.num_views, next(exchange.reads)

        def attend(h):
            objects = h.shape[0] // views
            all_views = h.reshape(objects, -1, h.shape[2])
            references = stored.reshape(objects, -1, h.shape[2])
            seen = exchange.ref_scale[:, None, None].to(h.dtype) * self.attn_refview(all_views, references)
            return (seen + self.attn_multiview(all_views, all_views)).reshape(h.shape)

        return self.transformer(x, text, attend)


class Transformer2D(nn.Module):
    def __init__(self, config, channels, heads, wrapped, attends):
        super().__init__()
        self.wrapped = wrapped
        self.norm = nn.GroupNorm(config["norm_num_groups"], channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, channels)
        text = config["cross_attention_dim"]
        block = WrappedBlock(channels, heads, text, attends) if wrapped else TransformerBlock(channels, heads, text)
        self.transformer_blocks = nn.ModuleList([block])
        self.proj_out = nn.Linear(channels, channels)

    def forward(self, x, text, exchange):
        tokens = self.proj_in(to_tokens(self.norm(x)))
        block = self.transformer_blocks[0]
        tokens = block(tokens, text, exchange) if self.wrapped else block(tokens, text)
        return x + to_map(self.proj_out(tokens), *x.shape[2:])


class Block(nn.Module):
    """A level of a UNet or an autoencoder: residual blocks, optionally each with attention, then an optional resampler."""

    def __init__(self, resnets, attentions=(), down=None, up=None):
        super().__init__()
        self.resnets = nn.ModuleList(resnets)
        if attentions:
            self.attentions = nn.ModuleList(attentions)
        if down:
            self.downsamplers = nn.ModuleList([down])
        if up:
            self.upsamplers = nn.ModuleList([up])
        self.has_attentions, self.has_down, self.has_up = bool(attentions), bool(down), bool(up)


class TimeEmbedding(nn.Module):
    def __init__(self, channels, time_channels):
        super().__init__()
        self.linear_1 = nn.Linear(channels, time_channels)
        self.linear_2 = nn.Linear(time_channels, time_channels)
        self.half = channels // 2

    def forward(self, timesteps):
        """Computes the features in single precision, regardless of the weights' precision."""
        steps = torch.arange(self.half, dtype=torch.float32, device=timesteps.device)
        arguments = timesteps.float()[:, None] * torch.exp(-math.log(10_000.0) * steps / self.half)
        features = torch.cat([arguments.cos(), arguments.sin()], dim=1)
        return self.linear_2(F.silu(self.linear_1(features.to(self.linear_1.weight.dtype))))


class UNet2DCondition(nn.Module):
    def __init__(self, config, in_channels=None, num_class_embeds=None, wrapped=False, cross_view=False):
        super().__init__()
        channels, layers = config["block_out_channels"], config["layers_per_block"]
        heads, groups, eps = config["attention_head_dim"], config["norm_num_groups"], config.get("norm_eps", 1e-5)
        time_channels, last = 4 * channels[0], len(channels) - 1
        resnet = lambda a, b: ResnetBlock(a, b, time_channels, groups, eps)
        transformer = lambda i: Transformer2D(config, channels[i], heads[i], wrapped, cross_view)

        self.conv_in = nn.Conv2d(in_channels or config["in_channels"], channels[0], 3, padding=1)
        self.time_embedding = TimeEmbedding(channels[0], time_channels)
        if num_class_embeds:
            self.class_embedding = nn.Embedding(num_class_embeds, time_channels)
        self.down_blocks, skips, x = nn.ModuleList(), [channels[0]], channels[0]
        for i, c in enumerate(channels):
            attends = config["down_block_types"][i] == "CrossAttnDownBlock2D"
            self.down_blocks.append(Block([resnet(x if j == 0 else c, c) for j in range(layers)],
                                          [transformer(i) for _ in range(layers * attends)],
                                          down=Resampler(c, "down") if i < last else None))
            skips += [c] * (layers + (i < last))
            x = c
        self.mid_block = Block([resnet(x, x), resnet(x, x)], [transformer(last)])
        self.up_blocks = nn.ModuleList()
        for j, i in enumerate(reversed(range(len(channels)))):
            c, attends = channels[i], config["up_block_types"][j] == "CrossAttnUpBlock2D"
            resnets = []
            for _ in range(layers + 1):
                resnets.append(resnet(x + skips.pop(), c))
                x = c
            self.up_blocks.append(Block(resnets, [transformer(i) for _ in range((layers + 1) * attends)],
                                        up=Resampler(c, "up") if i > 0 else None))
        self.conv_norm_out = nn.GroupNorm(groups, channels[0], eps=eps)
        self.conv_out = nn.Conv2d(channels[0], config["out_channels"], 3, padding=1)

    def forward(self, sample, timesteps, text, exchange=None, class_labels=None):
        temb = self.time_embedding(timesteps)
        if class_labels is not None:
            temb = temb + self.class_embedding(class_labels)
        x = self.conv_in(sample.to(self.conv_in.weight.dtype))
        skips = [x]
        for block in self.down_blocks:
            for i, resnet in enumerate(block.resnets):
                x = resnet(x, temb)
                if block.has_attentions:
                    x = block.attentions[i](x, text, exchange)
                skips.append(x)
            if block.has_down:
                x = block.downsamplers[0](x)
                skips.append(x)
        x = self.mid_block.resnets[0](x, temb)
        x = self.mid_block.attentions[0](x, text, exchange)
        x = self.mid_block.resnets[1](x, temb)
        for block in self.up_blocks:
            for i, resnet in enumerate(block.resnets):
                x = resnet(torch.cat([x, skips.pop()], dim=1), temb)
                if block.has_attentions:
                    x = block.attentions[i](x, text, exchange)
            if block.has_up:
                x = block.upsamplers[0](x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class MainUNet(UNet2DCondition):
    """The main UNet. It contains the learned text embeddings, as in the published file."""

    def __init__(self, config):
        super().__init__(config, in_channels=3 * config["in_channels"], wrapped=True, cross_view=True,
                         num_class_embeds=NUM_REFERENCE_EMBEDDINGS + NUM_VIEW_EMBEDDINGS)
        for name in ("learned_text_clip_gen", "learned_text_clip_ref"):
            text = torch.randn(1, TEXT_TOKENS, config["cross_attention_dim"])
            self.register_parameter(name, nn.Parameter(text))


class UNet2p5D(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.unet = MainUNet(config)
        self.unet_dual = UNet2DCondition(config, wrapped=True)

    def encode_references(self, latents):
        """Converts latents [objects, references, C, h, w] to the tokens that the main UNet's blocks attend to."""
        x = latents.flatten(0, 1)
        exchange = Exchange()
        text = self.unet.learned_text_clip_ref.expand(x.shape[0], -1, -1)
        self.unet_dual(x, x.new_zeros(x.shape[0]), text, exchange)
        return exchange.stored

    def forward(self, latents, timesteps, normals, positions, view_indices, stored, sees):
        """Predicts velocities from latents, normals and positions [objects, views, C, h, w] each.

        `timesteps` and `sees` are [objects]; `sees` is 0 for objects without text and reference, else 1.
        """
        objects, views = latents.shape[:2]
        sample = torch.cat([latents, normals, positions], dim=2).flatten(0, 1)
        text = self.unet.learned_text_clip_gen
        text = (text * sees[:, None, None].to(text.dtype)).repeat_interleave(views, dim=0)
        exchange = Exchange(views, sees, stored)
        labels = (NUM_REFERENCE_EMBEDDINGS + view_indices).repeat(objects)
        out = self.unet(sample, timesteps.repeat_interleave(views), text, exchange, labels)
        return out.unflatten(0, (objects, views))


class AutoencoderPart(nn.Module):
    """Encoder or decoder."""

    def __init__(self, config, decoder):
        super().__init__()
        channels, groups = config["block_out_channels"], config["norm_num_groups"]
        latents, layers = config["latent_channels"], config["layers_per_block"]
        resnet = lambda a, b: ResnetBlock(a, b, None, groups, 1e-6)
        if decoder:
            channels, layers = channels[::-1], layers + 1
            ends = latents, config["out_channels"]
        else:
            ends = config["in_channels"], 2 * latents
        self.conv_in = nn.Conv2d(ends[0], channels[0], 3, padding=1)
        blocks, x = [], channels[0]
        for i, c in enumerate(channels):
            resample = None if i == len(channels) - 1 else Resampler(c, "up" if decoder else "down_bottom_right")
            blocks.append(Block([resnet(x if j == 0 else c, c) for j in range(layers)],
                                down=None if decoder else resample, up=resample if decoder else None))
            x = c
        self.decoder = decoder
        setattr(self, "up_blocks" if decoder else "down_blocks", nn.ModuleList(blocks))
        mid = channels[0] if decoder else channels[-1]
        self.mid_block = Block([resnet(mid, mid), resnet(mid, mid)],
                               [Attention(mid, mid, 1, bias=True, groups=groups)])
        self.conv_norm_out = nn.GroupNorm(groups, channels[-1], eps=1e-6)
        self.conv_out = nn.Conv2d(channels[-1], ends[1], 3, padding=1)

    def mid(self, x):
        x = self.mid_block.attentions[0].forward_map(self.mid_block.resnets[0](x))
        return self.mid_block.resnets[1](x)

    def forward(self, x):
        x = self.conv_in(x)
        if self.decoder:
            x = self.mid(x)
        for block in self.up_blocks if self.decoder else self.down_blocks:
            for resnet in block.resnets:
                x = resnet(x)
            if block.has_down:
                x = block.downsamplers[0](x)
            if block.has_up:
                x = block.upsamplers[0](x)
        if not self.decoder:
            x = self.mid(x)
        return self.conv_out(F.silu(self.conv_norm_out(x)))


class AutoencoderKL(nn.Module):
    def __init__(self, config):
        super().__init__()
        latents = config["latent_channels"]
        self.encoder = AutoencoderPart(config, decoder=False)
        self.quant_conv = nn.Conv2d(2 * latents, 2 * latents, 1)
        self.post_quant_conv = nn.Conv2d(latents, latents, 1)
        self.decoder = AutoencoderPart(config, decoder=True)

    def encode(self, images):
        """Images of −1…1 to mean and log variance."""
        mean, logvar = self.quant_conv(self.encoder(images)).chunk(2, dim=1)
        return mean, logvar.clamp(-30.0, 20.0)

    def decode(self, latents):
        return self.decoder(self.post_quant_conv(latents))


class ClipLayer(nn.Module):
    def __init__(self, size, inner, heads):
        super().__init__()
        self.layer_norm1, self.layer_norm2 = nn.LayerNorm(size), nn.LayerNorm(size)
        self.self_attn = nn.ModuleDict({name: nn.Linear(size, size) for name in
                                        ("q_proj", "k_proj", "v_proj", "out_proj")})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(size, inner), "fc2": nn.Linear(inner, size)})
        self.heads = heads

    def forward(self, x):
        h = self.layer_norm1(x)
        q, k, v = (self.self_attn[name](h).unflatten(2, (self.heads, -1)).transpose(1, 2)
                   for name in ("q_proj", "k_proj", "v_proj"))
        out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.self_attn["out_proj"](out.transpose(1, 2).flatten(2))
        return x + self.mlp["fc2"](F.gelu(self.mlp["fc1"](self.layer_norm2(x))))


class ClipText(nn.Module):
    """transformers' `CLIPTextModel` with the exact GELU, to the last hidden state."""

    def __init__(self, config):
        super().__init__()
        size = config["hidden_size"]
        self.text_model = nn.Module()
        self.text_model.embeddings = nn.ModuleDict({
            "token_embedding": nn.Embedding(config["vocab_size"], size),
            "position_embedding": nn.Embedding(config["max_position_embeddings"], size)})
        self.text_model.encoder = nn.Module()
        self.text_model.encoder.layers = nn.ModuleList(
            ClipLayer(size, config["intermediate_size"], config["num_attention_heads"])
            for _ in range(config["num_hidden_layers"]))
        self.text_model.final_layer_norm = nn.LayerNorm(size)

    def forward(self, input_ids):
        embeddings = self.text_model.embeddings
        x = embeddings["token_embedding"](input_ids) + embeddings["position_embedding"].weight[:input_ids.shape[1]]
        for layer in self.text_model.encoder.layers:
            x = layer(x)
        return self.text_model.final_layer_norm(x)
