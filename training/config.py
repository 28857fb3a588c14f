"""Configurations of the demo models, in the format of the published folders."""

VIEW_SIZE = 256
VIEW_INDICES = [21, 12, 15, 18, 43, 37]
VIEWS = [(0, 0), (90, 0), (180, 0), (270, 0), (0, 90), (180, -90)]

VAE = {
    "_class_name": "AutoencoderKL",
    "act_fn": "silu",
    "in_channels": 3,
    "out_channels": 3,
    "latent_channels": 8,
    "block_out_channels": [32, 48, 64, 96],
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "layers_per_block": 1,
    "mid_block_add_attention": True,
    "norm_num_groups": 16,
    "sample_size": VIEW_SIZE,
    "force_upcast": True,
    "scaling_factor": 1.0,
}


def unet(channels, heads, attends, in_channels, out_channels, up_attends=None):
    down = ["CrossAttnDownBlock2D" if a else "DownBlock2D" for a in attends]
    up = ["CrossAttnUpBlock2D" if a else "UpBlock2D" for a in up_attends or attends]
    return {
        "_class_name": "UNet2DConditionModel",
        "act_fn": "silu",
        "sample_size": VIEW_SIZE // 8,
        "in_channels": in_channels,
        "out_channels": out_channels,
        "down_block_types": down,
        "up_block_types": up[::-1],
        "block_out_channels": channels,
        "layers_per_block": 1,
        "cross_attention_dim": 64,
        "attention_head_dim": heads,
        "use_linear_projection": True,
        "norm_num_groups": 16,
        "norm_eps": 1e-5,
    }


# Attention among six views is most expensive on the outermost level (6,144 tokens), so only its up block attends.
PAINT_UNET = unet([64, 96, 96], [2, 3, 3], [False, True, True], 8, 8, up_attends=[True, True, True])
DELIGHT_UNET = unet([32, 64, 64], [1, 2, 2], [False, True, True], 16, 8)

CLIP = {
    "architectures": ["CLIPTextModel"],
    "model_type": "clip_text_model",
    "vocab_size": 514,
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "max_position_embeddings": 77,
    "hidden_act": "gelu",
    "layer_norm_eps": 1e-5,
    "bos_token_id": 512,
    "eos_token_id": 513,
    "pad_token_id": 0,
}

_NOISE = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "num_train_timesteps": 1000,
    "prediction_type": "v_prediction",
    "steps_offset": 1,
    "trained_betas": None,
}
PAINT_SCHEDULER = {
    "_class_name": "DDIMScheduler",
    **_NOISE,
    "clip_sample": False,
    "rescale_betas_zero_snr": True,
    "set_alpha_to_one": True,
    "thresholding": False,
    "timestep_spacing": "trailing",
}
DELIGHT_SCHEDULER = {
    "_class_name": "EulerAncestralDiscreteScheduler",
    **_NOISE,
    "clip_sample": False,  # for DDIM: latents are not within −1…1
    "rescale_betas_zero_snr": False,
    "set_alpha_to_one": True,
    "timestep_spacing": "leading",
}
