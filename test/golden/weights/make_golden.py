"""Writes the golden files of this folder with the format's reference implementation and PyTorch's conversions.

    pip install safetensors torch numpy
    python make_golden.py

small.safetensors  tensors of every dtype that we read, one empty, one without dimensions, with metadata
small.json         its metadata, and per tensor: dtype, shape, values as the bits of 32-bit floats
rounding.json      triples: the bits of a 32-bit float, of that float as F16, of that float as BF16

Written with safetensors 0.8.0, PyTorch 1.13 and NumPy 1.24; the order of the metadata differs from run to run.
"""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent


def bits32(tensor):
    return tensor.to(torch.float32).numpy().view(np.uint32).flatten().tolist()


def bits16(tensor):
    return (tensor.view(torch.int16).to(torch.int32) & 0xFFFF).flatten().tolist()


def small():
    generator = torch.Generator().manual_seed(7)
    random = lambda *shape: torch.randn(shape, generator=generator)
    special = [0.0, -0.0, 1.0, -2.5, 65504.0, 1e-7, float("inf"), float("-inf")]
    tensors = {
        "f32.matrix": random(3, 5),
        "f32.special": torch.tensor(special + [3.4e38, 1e-45]),
        "f16.kernel": random(2, 3, 3, 3).to(torch.float16),
        "f16.special": torch.tensor(special).to(torch.float16),
        "f16.odd": random(3).to(torch.float16),
        "bf16.special": torch.tensor(special + [3.3e38, 1e-40]).to(torch.bfloat16),
        "bf16.odd": random(5).to(torch.bfloat16),
        "f32.empty": torch.zeros((0, 4)),
        "f32.scalar": torch.tensor(0.1),
        "ключ \"quoted\" \\ 鍵": random(2),
    }
    metadata = {"preprocess": "torchvision", "note": "naïve 図 \"quoted\"\nsecond line"}
    save_file(tensors, HERE / "small.safetensors", metadata)
    names = {torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16"}
    described = {
        name: {"dtype": names[t.dtype], "shape": list(t.shape), "bits": bits32(t)} for name, t in tensors.items()
    }
    write("small.json", {"metadata": metadata, "tensors": described})


def rounding():
    """Neighbourhoods of what is hard: ties, the ends of the normal and the subnormal range, overflow, zero."""
    edges = [2.0**-25, 2.0**-24, 1.5 * 2.0**-24, 2.5 * 2.0**-24, 2.0**-15, 1023.5 * 2.0**-24, 2.0**-14, 1.0]
    edges += [1 + 2.0**-11, 1 + 3 * 2.0**-11, 1 + 2.0**-8, 1 + 3 * 2.0**-8, 65504.0, 65519.0, 65520.0, 65536.0]
    edges += [2.0**-126, 2.0**-133, 1.5 * 2.0**-133, 3.3895313892515355e38, 3.3961775292304601e38]
    bits = np.array(edges, np.float32).view(np.uint32)
    near = np.concatenate([bits - 1, bits, bits + 1])
    random = np.random.default_rng(7)
    magnitudes = random.standard_normal(96) * 10.0 ** random.uniform(-9, 5, 96)
    values = np.concatenate(
        [near, near | np.uint32(1 << 31), magnitudes.astype(np.float32).view(np.uint32), [0, 1, 1 << 31]]
    ).astype(np.uint32)
    tensor = torch.from_numpy(values.view(np.float32).copy())
    with np.errstate(over="ignore"):
        halves = values.view(np.float32).astype(np.float16).view(np.uint16).tolist()
    brains = bits16(tensor.to(torch.bfloat16))
    assert halves == bits16(tensor.to(torch.float16)), "NumPy and PyTorch disagree"
    write("rounding.json", list(zip(values.tolist(), halves, brains)))


def write(name, content):
    (HERE / name).write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


small()
rounding()
