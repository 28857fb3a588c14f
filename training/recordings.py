"""Reads recordings, which are stored as `.xz` where that is smaller (see `tools/pack_case.py`)."""

import lzma

from safetensors.numpy import load


def load_recording(path):
    """Returns the NumPy arrays of a safetensors file by name."""
    container = path.with_name(path.name + ".xz")
    data = lzma.decompress(container.read_bytes()) if container.exists() else path.read_bytes()
    return load(data)
