"""Packs the arrays of parity cases: `python tools/pack_case.py CASE_DIR...`, or with `--unpack` the reverse.

`io.safetensors` and `weights.safetensors` become `io.safetensors.xz` and `weights.safetensors.xz` where that saves
at least `SAVING_MIN` bytes. The containers are ordinary .xz files: `xz --decompress --keep` unpacks them, too.
Prints the SHA-256 of each unpacked file, so that a second run with `--unpack` shows that no bit has changed.
"""

import argparse
import hashlib
import lzma
from pathlib import Path

FILES = "io.safetensors", "weights.safetensors"
SAVING_MIN = 20_000
# (lc, lp, pb): how many bits of the previous byte and of the position LZMA takes for context. The first suits bytes,
# the second half precision, the last two single precision.
CONTEXTS = (2, 0, 0), (3, 0, 2), (0, 1, 1), (1, 1, 1), (1, 2, 2), (2, 2, 2)


def compress(data):
    """Returns the smallest container of all contexts. The same input gives the same bytes with the same liblzma."""
    candidates = []
    for lc, lp, pb in CONTEXTS:
        filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 22,
                    "lc": lc, "lp": lp, "pb": pb}]
        candidates.append(lzma.compress(data, check=lzma.CHECK_CRC32, filters=filters))
    return min(candidates, key=len)


def pack(path):
    data = path.read_bytes()
    packed = compress(data)
    if len(data) - len(packed) < SAVING_MIN:
        return
    if lzma.decompress(packed) != data:
        raise RuntimeError(f"{path}: the container does not unpack to the same bytes")
    container(path).write_bytes(packed)
    path.unlink()
    print(hashlib.sha256(data).hexdigest(), path, len(data), "->", len(packed))


def unpack(path):
    data = lzma.decompress(container(path).read_bytes())
    path.write_bytes(data)
    container(path).unlink()
    print(hashlib.sha256(data).hexdigest(), path)


def container(path):
    return path.with_name(path.name + ".xz")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="+", type=Path, metavar="CASE_DIR")
    parser.add_argument("--unpack", action="store_true", help="write the plain files again")
    arguments = parser.parse_args()
    for case in arguments.cases:
        for path in (case / name for name in FILES):
            if arguments.unpack and container(path).exists():
                unpack(path)
            elif not arguments.unpack and path.exists():
                pack(path)


if __name__ == "__main__":
    main()
