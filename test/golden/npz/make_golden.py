"""Writes the golden .npz files of this folder: narrow VGG16s in the layouts that NumPy's files come in.

    pip install numpy
    python make_golden.py

frossard.npz             Frossard's names and layout, stored
frossard_deflated.npz    the same numbers, deflated
frossard_notop.npz       the same, without fc6 to fc8
frossard_f16.npz         as half precision
frossard_f64.npz         as double precision, not representable in single
frossard_order.npz       conv1_1_W and fc6_W in Fortran's order, conv3_2_W most significant byte first
torchvision.npz          a state dict in torchvision's names and layout
cases.json               for each: logits for the golden picture, and the SHA-256 of all tensors as singles, in
                         torchvision's layout and order, one behind the other

The logits are worked out as Frossard's TensorFlow code does: RGB minus the mean, kernels (H,W,I,O), flattened as H, W, C;
in double precision, by nothing but NumPy. Written with NumPy 1.24.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIDE = 64
WIDTHS = [4, 5, 6, 7, 8]
COUNTS = [2, 2, 3, 3, 3]
HEAD = [12, 11, 10]
MEAN_RGB = np.array([123.68, 116.779, 103.939])
CONVS = [f"conv{b + 1}_{i + 1}" for b, count in enumerate(COUNTS) for i in range(count)]
DENSE = ["fc6", "fc7", "fc8"]
TORCH_CONVS = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]
TORCH_DENSE = [0, 3, 6]


def picture():
    row, col, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return (row * 7 + col * 13 + c * 29 + ((row * col) % 17) * 5) % 256


def network(seed, first_scale):
    """Frossard's names: kernels (H,W,I,O) and (I,O)."""
    random = np.random.default_rng(seed)
    arrays, inputs = {}, 3
    for b, count in enumerate(COUNTS):
        for i in range(count):
            scale = np.sqrt(2 / (9 * inputs)) * (first_scale if b == i == 0 else 1)
            arrays[f"conv{b + 1}_{i + 1}_W"] = random.normal(size=(3, 3, inputs, WIDTHS[b])) * scale
            arrays[f"conv{b + 1}_{i + 1}_b"] = random.normal(size=WIDTHS[b]) * 0.1
            inputs = WIDTHS[b]
    inputs *= (SIDE // 32) ** 2
    for name, outputs in zip(DENSE, HEAD):
        arrays[f"{name}_W"] = random.normal(size=(inputs, outputs)) * np.sqrt(2 / inputs)
        arrays[f"{name}_b"] = random.normal(size=outputs) * 0.1
        inputs = outputs
    return arrays


def forward(arrays, x):
    """x (H,W,3); the last dense layer's outputs, or the last feature map's where there is none."""
    arrays = {name: array.astype(np.float64) for name, array in arrays.items()}
    for name in CONVS:
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
        x = np.einsum("hwcij,ijco->hwo", windows, arrays[f"{name}_W"]) + arrays[f"{name}_b"]
        x = np.maximum(x, 0)
        if name in ("conv1_2", "conv2_2", "conv3_3", "conv4_3", "conv5_3"):
            height, width, channels = x.shape
            x = x.reshape(height // 2, 2, width // 2, 2, channels).max(axis=(1, 3))
    x = x.reshape(-1)
    for name in DENSE:
        if f"{name}_W" not in arrays:
            continue
        x = x @ arrays[f"{name}_W"] + arrays[f"{name}_b"]
        if name != DENSE[-1]:
            x = np.maximum(x, 0)
    return x


def torch_layout(arrays, is_rgb):
    """Torchvision's names, layout and order; the first convolution's inputs BGR where they are not RGB."""
    tensors = {}
    for name, number in zip(CONVS, TORCH_CONVS):
        kernel = arrays[f"{name}_W"].transpose(3, 2, 0, 1)
        tensors[f"features.{number}.weight"] = kernel[:, ::-1] if number == 0 and not is_rgb else kernel
        tensors[f"features.{number}.bias"] = arrays[f"{name}_b"]
    for name, number in zip(DENSE, TORCH_DENSE):
        if f"{name}_W" not in arrays:
            continue
        kernel = arrays[f"{name}_W"].T
        if name == "fc6":
            side = SIDE // 32
            kernel = kernel.reshape(-1, side, side, WIDTHS[-1]).transpose(0, 3, 1, 2).reshape(HEAD[0], -1)
        tensors[f"classifier.{number}.weight"] = kernel
        tensors[f"classifier.{number}.bias"] = arrays[f"{name}_b"]
    return tensors


def described(arrays, x, is_rgb=False):
    tensors = torch_layout(arrays, is_rgb)
    hashed = hashlib.sha256()
    for tensor in tensors.values():
        hashed.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
    return {"outputs": forward(arrays, x).tolist(), "sha256": hashed.hexdigest()}


def main():
    caffe = picture() - MEAN_RGB
    exact = network(1, 1 / 64)
    cases = {}

    def write(name, save, arrays):
        save(HERE / name, **arrays)
        cases[name] = described(arrays, caffe)

    singles = {name: array.astype(np.float32) for name, array in exact.items()}
    write("frossard.npz", np.savez, singles)
    write("frossard_deflated.npz", np.savez_compressed, singles)
    write("frossard_notop.npz", np.savez_compressed, {k: v for k, v in singles.items() if k.startswith("conv")})
    write("frossard_f16.npz", np.savez, {name: array.astype(np.float16) for name, array in exact.items()})
    write("frossard_f64.npz", np.savez_compressed, exact)
    mixed = dict(singles)
    for name in ("conv1_1_W", "fc6_W"):
        mixed[name] = np.asfortranarray(mixed[name])
    mixed["conv3_2_W"] = mixed["conv3_2_W"].astype(">f4")
    write("frossard_order.npz", np.savez_compressed, mixed)

    scaled = network(2, 1)
    scaled = {name: array.astype(np.float32) for name, array in scaled.items()}
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in torch_layout(scaled, True).items()}
    np.savez_compressed(HERE / "torchvision.npz", **tensors)
    torchvision = (picture() / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    cases["torchvision.npz"] = described(scaled, torchvision, is_rgb=True)
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


main()
