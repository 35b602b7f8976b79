"""Writes narrow VGG16s with PyTorch in every form that their weights come in, and what PyTorch makes of a picture.

    pip install torch safetensors
    python make_golden.py

NAME.pth, NAME.safetensors   the network as a tool would leave it
evil*.pth, whole_model.pth   what must be refused: a call of os.system, which makes a file, and a pickled model
golden.json                  per file: the logits, and per canonical tensor its shape and how the SHA-256 of its bytes
                             begins (F16, BF16 or F32, row-major, little-endian); in reduced precision the logits are
                             those of the rounded weights, computed in 32 bits

Written with PyTorch 1.13.1, safetensors 0.8.0 and Python 3.11.
"""

import collections
import hashlib
import json
import pickle
import types
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
WIDTHS = [4, 4, "M", 5, 5, "M", 6, 6, 6, "M", 7, 7, 7, "M", 8, 8, 8, "M"]
CLASSES = 10
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


def picture():
    row, column, c = torch.meshgrid(torch.arange(64), torch.arange(64), torch.arange(3), indexing="ij")
    pixels = (row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256
    return ((pixels.permute(2, 0, 1).float() / 255 - MEAN) / STD).unsqueeze(0)


def features():
    layers, channels = [], 3
    for width in WIDTHS:
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
    return nn.Sequential(*layers)


class Vgg16(nn.Module):
    """torchvision.models.VGG: the same names, the same forward pass."""

    def __init__(self, classifier=None, side=2):
        super().__init__()
        self.features = features()
        self.avgpool = nn.AdaptiveAvgPool2d(side)
        self.classifier = classifier or nn.Sequential(
            nn.Linear(8 * 4, 12), nn.ReLU(True), nn.Dropout(), nn.Linear(12, 11), nn.ReLU(True), nn.Dropout(),
            nn.Linear(11, CLASSES),
        )

    def forward(self, x):
        return self.classifier(torch.flatten(self.avgpool(self.features(x)), 1))


def network(seed, **options):
    generator = torch.Generator().manual_seed(seed)
    net = Vgg16(**options).eval()
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                fan_in = layer.weight[0].numel()
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) * (2 / fan_in) ** 0.5)
                layer.bias.copy_(torch.randn(layer.bias.shape, generator=generator) * 0.1)
    return net


def canonical(net, dtype):
    """The tensors as our files hold them: features.N, and the dense layers as classifier.0, .3, .6 and so on."""
    named = {}
    for name, layer in net.features.named_children():
        if isinstance(layer, nn.Conv2d):
            named[f"features.{name}"] = layer
    dense = [layer for layer in net.classifier.modules() if isinstance(layer, nn.Linear)]
    named.update({f"classifier.{3 * i}": layer for i, layer in enumerate(dense)})
    described = {}
    for name, layer in named.items():
        for kind in ("weight", "bias"):
            tensor = getattr(layer, kind).detach().to(dtype).contiguous()
            bits = tensor.view(torch.int16) if tensor.element_size() == 2 else tensor
            digest = hashlib.sha256(bits.numpy().tobytes()).hexdigest()[:16]
            described[f"{name}.{kind}"] = {"shape": list(tensor.shape), "sha256": digest}
    return described


GOLDEN = {}


def record(file, net, dtype=torch.float32, pool="flatten"):
    rounded = Vgg16(classifier=net.classifier, side=net.avgpool.output_size)
    rounded.load_state_dict({k: v.to(dtype).to(torch.float32) for k, v in net.state_dict().items()})
    with torch.no_grad():
        logits = rounded.eval().float()(picture())[0].tolist()
    GOLDEN[file] = {"logits": logits, "pool": pool, "tensors": canonical(rounded, dtype)}


def plain():
    net = network(1)
    torch.save(net.state_dict(), HERE / "zip.pth")
    record("zip.pth", net)
    torch.save(net.state_dict(), HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    record("legacy.pth", net)
    python2(net)


def python2(net):
    """As Python 2 wrote it: strings of bytes, an OrderedDict of pairs, tensors without hooks. Torchvision's own is so."""

    class Pickler(pickle._Pickler):
        dispatch = dict(pickle._Pickler.dispatch)

        def save_str(self, text):
            data = text.encode("latin1")
            self.write(pickle.SHORT_BINSTRING + bytes([len(data)]) + data)
            self.memoize(text)

        dispatch[str] = save_str

        def reducer_override(self, value):
            if isinstance(value, collections.OrderedDict):
                return collections.OrderedDict, ([[k, v] for k, v in value.items()],)
            if isinstance(value, torch.Tensor):
                storage = value.storage()
                return torch._utils._rebuild_tensor, (storage, value.storage_offset(), tuple(value.shape), value.stride())
            return NotImplemented

    def dump(value, file, protocol):
        Pickler(file, protocol).dump(value)

    module = types.SimpleNamespace(__name__="pickle", Pickler=Pickler, dump=dump)
    state = collections.OrderedDict((k, v.detach()) for k, v in net.state_dict().items())
    torch.save(state, HERE / "python2.pth", pickle_module=module, pickle_protocol=2, _use_new_zipfile_serialization=False)
    record("python2.pth", net)


def checkpoint():
    net = network(2)
    parallel = nn.DataParallel(net)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4, momentum=0.9)
    net(picture()).sum().backward()
    step = network(2)
    optimizer.step()
    with torch.no_grad():
        for ours, first in zip(net.parameters(), step.parameters()):
            ours.copy_(first)
    state = {
        "epoch": 3,
        "arch": "vgg16",
        "state_dict": parallel.state_dict(),
        "best_acc1": 71.592,
        "optimizer": optimizer.state_dict(),
        "counter": torch.tensor(7),
    }
    torch.save(state, HERE / "checkpoint.pth")
    record("checkpoint.pth", net)


def heads():
    own = nn.Sequential(
        nn.Linear(8 * 4, 12), nn.ReLU(True), nn.Dropout(), nn.Linear(12, 11), nn.ReLU(True), nn.Dropout(),
        nn.Sequential(nn.Linear(11, 9), nn.ReLU(), nn.Dropout(0.4), nn.Linear(9, 5)),
    )
    net = network(3, classifier=own)
    torch.save(net.state_dict(), HERE / "own_head.pth")
    record("own_head.pth", net)
    net = network(4, classifier=nn.Linear(8 * 4, 3))
    torch.save({"model": net.state_dict()}, HERE / "one_linear.pth")
    record("one_linear.pth", net)
    net = network(5, classifier=nn.Linear(8, 3), side=1)
    torch.save({"net": net.state_dict()}, HERE / "averaged.pth")
    record("averaged.pth", net, pool="avg")


def named_head():
    """Dense layers with names. Safetensors sorts them: the order is no longer that of the network."""
    own = nn.Sequential(collections.OrderedDict(
        hidden1=nn.Linear(8 * 4, 12), relu1=nn.ReLU(), drop1=nn.Dropout(), hidden2=nn.Linear(12, 12), relu2=nn.ReLU(),
        drop2=nn.Dropout(), classes=nn.Linear(12, 6),
    ))
    net = network(12, classifier=own)
    torch.save(net.state_dict(), HERE / "named_head.pth")
    record("named_head.pth", net)
    save_file({k: v.contiguous() for k, v in net.state_dict().items()}, HERE / "named_head.safetensors")
    record("named_head.safetensors", net)


def precisions():
    for file, dtype in (("f16", torch.float16), ("bf16", torch.bfloat16)):
        net = network(6)
        torch.save({k: v.to(dtype) for k, v in net.state_dict().items()}, HERE / f"{file}.pth")
        record(f"{file}.pth", net, dtype)
    net = network(7)
    torch.save({k: v.double() * (1 + 2.0**-30) for k, v in net.state_dict().items()}, HERE / "f64.pth")
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_((parameter.double() * (1 + 2.0**-30)).float())
    record("f64.pth", net)


def layouts():
    """Channels last; kernels that are transposed views; all tensors in one storage."""
    net = network(8)
    state = net.to(memory_format=torch.channels_last).state_dict()
    state["classifier.0.weight"] = state["classifier.0.weight"].t().contiguous().t()
    torch.save(state, HERE / "channels_last.pth")
    record("channels_last.pth", net)
    net = network(9)
    sizes = [v.numel() for v in net.state_dict().values()]
    flat = torch.cat([v.flatten() for v in net.state_dict().values()])
    parts = zip(net.state_dict().items(), flat.split(sizes))
    shared = {k: part.view(v.shape) for (k, v), part in parts}
    torch.save(shared, HERE / "one_storage.pth")
    record("one_storage.pth", net)
    torch.save(shared, HERE / "one_storage_legacy.pth", _use_new_zipfile_serialization=False)
    record("one_storage_legacy.pth", net)


def safetensors():
    """timm's names and shapes: its dense layers are convolutions. And torchvision's behind a prefix."""
    net = network(10)
    state = {k: v.contiguous() for k, v in net.state_dict().items()}
    timm = {k: v for k, v in state.items() if k.startswith("features.")}
    for kind in ("weight", "bias"):
        timm[f"pre_logits.fc1.{kind}"] = state[f"classifier.0.{kind}"]
        timm[f"pre_logits.fc2.{kind}"] = state[f"classifier.3.{kind}"]
        timm[f"head.fc.{kind}"] = state[f"classifier.6.{kind}"]
    timm["pre_logits.fc1.weight"] = timm["pre_logits.fc1.weight"].view(12, 8, 2, 2).contiguous()
    timm["pre_logits.fc2.weight"] = timm["pre_logits.fc2.weight"].view(11, 12, 1, 1).contiguous()
    save_file(timm, HERE / "timm.safetensors", {"format": "pt"})
    record("timm.safetensors", net)
    torch.save(timm, HERE / "timm.pth")
    record("timm.pth", net)
    save_file({f"model.{k}": v for k, v in state.items()}, HERE / "prefixed.safetensors", {"format": "pt"})
    record("prefixed.safetensors", net)


def refused():
    """What must not be run: a whole model, and a call of the system."""
    torch.save(network(11), HERE / "whole_model.pth")

    class Evil:
        def __reduce__(self):
            import os

            return os.system, ("touch EVIL_WAS_HERE",)

    torch.save({"features.0.weight": Evil()}, HERE / "evil.pth")
    torch.save({"features.0.weight": Evil()}, HERE / "evil_legacy.pth", _use_new_zipfile_serialization=False)


for make in (plain, checkpoint, heads, named_head, precisions, layouts, safetensors, refused):
    make()
(HERE / "golden.json").write_text(json.dumps(GOLDEN, separators=(",", ":")) + "\n", encoding="utf-8")
