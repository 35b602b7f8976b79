"""Narrow VGG16s whose files are arranged in other ways than torchvision's and Keras' own, with the writing library's answers.

    python make_golden.py torch       PyTorch 1.13.1, also for its ONNX export; safetensors 0.8
    python make_golden.py keras       Keras 3 on TensorFlow

Batch normalisation   torch_norm_*, keras_norm_*    behind convolutions without bias, behind and in front of dense layers, in
                                                    front of and behind the flattening
No bias               torch_bare.pth, keras_bare.keras
Names of their own    torch_sibling.pth (features and fc), torch_sequential.pth, torch_oxford.pth (conv1_1, bn1_1, ..., fc8)
Whole modules         torch_whole.pth, torch_parallel.pth (DataParallel), torch_script.pt, torch_traced.pt
Checkpoints           torch_checkpoint.pth: beside the state dict a Namespace, a NumPy scalar, a path, an optimiser and classes
Poolings of the head  torch_amax.pth (whole), torch_amax.onnx, torch_max.onnx (any size), torch_windows.onnx (on the fourth block),
                      keras_max.keras, keras_max.weights.h5, keras_average.keras, keras_norm_average.keras
Refused               torch_leaky.pth (a whole module with LeakyReLU), torch_norm_border.pth (normalisation behind a ReLU),
                      keras_norm_border.keras (the same), torch_norm_named.safetensors (no order), torch_concat.pth (a head behind average and maximum)
KIND.json             per file the probabilities of the golden picture, or null where the file is refused
"""

import argparse
import collections
import json
import os
import pathlib
import sys
import types

import numpy as np

HERE = pathlib.Path(__file__).parent
SIDE = 64
WIDTHS = (2, 2, 3, 3, 4)
CONVS = (2, 2, 3, 3, 3)
FLAT = 4 * WIDTHS[-1]
answers = {}


def picture():
    """The golden picture, (64,64,3) RGB; test/support/golden_weights.ts computes the same."""
    row, column, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return ((row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256).astype(np.float32)


def of_torch():
    import torch
    from safetensors.torch import save_file
    from torch import nn

    torch.manual_seed(5)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pixels = ((torch.from_numpy(picture()).permute(2, 0, 1) / 255 - mean) / std)[None]

    def features(norm=None, border=False):
        stack, channels = [], 3
        for width, convs in zip(WIDTHS, CONVS):
            for _ in range(convs):
                stack.append(nn.Conv2d(channels, width, 3, padding=1, bias=norm is None or border))
                stack += [nn.ReLU(True), norm(width)] if border else [norm(width), nn.ReLU(True)] if norm else [nn.ReLU(True)]
                channels = width
            stack.append(nn.MaxPool2d(2))
        return nn.Sequential(*stack)

    class Net(nn.Module):
        def __init__(self, head, body=None, name="classifier"):
            super().__init__()
            self.features = body or features()
            setattr(self, name, head)
            self.name = name

        def forward(self, x):
            return getattr(self, self.name)(torch.flatten(self.features(x), 1))

    # Pickles of whole modules name the module that a class is found in.
    module = types.ModuleType("their_project")
    module.Net, Net.__module__, Net.__qualname__ = Net, "their_project", "Net"
    sys.modules["their_project"] = module

    def settle(net):
        for layer in net.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight)
                if layer.bias is not None:
                    nn.init.normal_(layer.bias, std=0.1)
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                nn.init.uniform_(layer.weight, 0.5, 1.5)
                nn.init.normal_(layer.bias, std=0.2)
                nn.init.normal_(layer.running_mean, std=0.2)
                nn.init.uniform_(layer.running_var, 0.5, 2)
        return net.eval()

    def record(name, net, ends_with_softmax=False):
        with torch.no_grad():
            outputs = net(pixels)
            answers[name] = (outputs.exp() if ends_with_softmax else outputs.softmax(1))[0].tolist()

    def state(name, net, renamed=None):
        settle(net)
        record(name, net)
        tensors = net.state_dict()
        if renamed:
            tensors = collections.OrderedDict(zip(renamed(tensors), tensors.values()))
        save_file(dict(tensors), HERE / name) if name.endswith(".safetensors") else torch.save(tensors, HERE / name)

    two = lambda *between: nn.Sequential(nn.Linear(FLAT, 6), *between, nn.Linear(6, 3))
    state("torch_norm_base.pth", Net(two(nn.ReLU(True)), features(nn.BatchNorm2d)))
    state("torch_norm_base.safetensors", Net(two(nn.ReLU(True)), features(nn.BatchNorm2d)))
    state("torch_norm_behind.pth", Net(two(nn.BatchNorm1d(6), nn.ReLU(True), nn.Dropout())))
    state("torch_norm_front.pth", Net(two(nn.ReLU(True), nn.BatchNorm1d(6), nn.Dropout())))
    state("torch_norm_flat.pth", Net(nn.Sequential(nn.BatchNorm1d(FLAT), nn.Linear(FLAT, 3))))
    state("torch_norm_last.pth", Net(nn.Sequential(nn.Linear(FLAT, 3), nn.BatchNorm1d(3))))
    named = lambda: nn.Sequential(
        collections.OrderedDict(
            fc1=nn.Linear(FLAT, 6), bn1=nn.BatchNorm1d(6), relu1=nn.ReLU(True), fc2=nn.Linear(6, 3)
        )
    )
    state("torch_norm_named.pth", Net(named()))
    state("torch_norm_named.safetensors", Net(named()))
    answers["torch_norm_named.safetensors"] = None
    state("torch_bare.pth", Net(nn.Sequential(nn.Linear(FLAT, 6, bias=False), nn.ReLU(True), nn.Linear(6, 3, bias=False))))
    state("torch_sibling.pth", Net(two(nn.ReLU(True)), name="fc"))

    state("torch_sequential.pth", nn.Sequential(features(), nn.Flatten(), two(nn.ReLU(True))))

    def oxford(tensors):
        names, places = [], [f"{b}_{i}" for b, n in enumerate(CONVS, 1) for i in range(1, n + 1)] + ["6", "7"]
        at = -1
        for name in tensors:
            kind = name.rsplit(".", 1)[1]
            is_norm = any(f"{name.rsplit('.', 1)[0]}.running_mean" == other for other in tensors)
            at += kind == "weight" and not is_norm
            names.append(f"{'bn' if is_norm else 'conv' if at < 13 else 'fc'}{places[at]}.{kind}")
        return names

    state("torch_oxford.pth", Net(two(nn.ReLU(True)), features(nn.BatchNorm2d)), oxford)

    whole = settle(Net(nn.Sequential(*two(nn.ReLU(True)), nn.LogSoftmax(1))))
    record("torch_whole.pth", whole, ends_with_softmax=True)
    torch.save(whole, HERE / "torch_whole.pth")
    plain = settle(Net(two(nn.ReLU(True))))
    record("torch_parallel.pth", plain)
    torch.save(nn.DataParallel(plain), HERE / "torch_parallel.pth")
    plain = settle(nn.Sequential(features(), nn.Flatten(), two(nn.ReLU(True))))
    record("torch_script.pt", plain)
    torch.jit.script(plain).save(HERE / "torch_script.pt")
    plain = settle(Net(two(nn.ReLU(True)), features(nn.BatchNorm2d)))
    record("torch_traced.pt", plain)
    torch.jit.trace(plain, pixels).save(HERE / "torch_traced.pt")

    plain = settle(Net(two(nn.ReLU(True))))
    record("torch_checkpoint.pth", plain)
    optimiser = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    torch.save(
        {
            "args": argparse.Namespace(lr=0.1, out=pathlib.PurePosixPath("runs")),
            "best": np.float64(0.9),
            "optimiser": optimiser,
            "model": plain.state_dict(),
            "idx_to_class": {0: "ant", 1: "bee", 2: "wasp"},
        },
        HERE / "torch_checkpoint.pth",
    )

    def refused(name, saved):
        answers[name] = None
        torch.save(saved, HERE / name)

    refused("torch_leaky.pth", settle(Net(two(nn.LeakyReLU()))))
    border = settle(Net(two(nn.ReLU(True)), features(nn.BatchNorm2d, border=True)))
    refused("torch_norm_border.pth", border.state_dict())
    body = settle(features()).state_dict()
    refused("torch_concat.pth", {
        **{f"0.{name}": tensor for name, tensor in body.items()},
        "1.2.weight": torch.randn(3, 2 * WIDTHS[-1]), "1.2.bias": torch.randn(3),
    })

    def graph(name, net):
        settle(net)
        record(name, net)
        mode = torch.onnx.TrainingMode.PRESERVE
        torch.onnx.export(net, pixels, HERE / name, opset_version=13, training=mode, do_constant_folding=False)

    graph("torch_norm_front.onnx", Net(two(nn.ReLU(True), nn.BatchNorm1d(6))))
    graph("torch_norm_flat.onnx", Net(nn.Sequential(nn.BatchNorm1d(FLAT), nn.Linear(FLAT, 3))))
    class Kept(Net):
        def forward(self, x):
            return self.classifier(self.pool(self.features(x)).flatten(1))

    module.Kept, Kept.__module__, Kept.__qualname__ = Kept, "their_project", "Kept"
    graph("torch_norm_map.onnx", Net(nn.Sequential(nn.Linear(FLAT, 3, bias=False)), nn.Sequential(*features(), nn.BatchNorm2d(4))))

    whole = Kept(nn.Linear(WIDTHS[-1], 3))
    whole.pool = nn.AdaptiveMaxPool2d(1)
    record("torch_amax.pth", settle(whole))
    torch.save(whole, HERE / "torch_amax.pth")

    def pooled(name, body, inputs, pool, **options):
        net = settle(Kept(nn.Linear(inputs, 3), body))
        net.pool = pool
        record(name, net)
        torch.onnx.export(net, pixels, HERE / name, opset_version=13, input_names=["x"], **options)

    pooled("torch_amax.onnx", features(), WIDTHS[-1], nn.AdaptiveMaxPool2d(1))
    sizes = {"x": {0: "batch", 2: "height", 3: "width"}}
    pooled("torch_max.onnx", features(), WIDTHS[-1], nn.AdaptiveMaxPool2d(1), dynamic_axes=sizes)
    below = nn.Sequential(*list(features())[:24])
    pooled("torch_windows.onnx", below, 4 * WIDTHS[3], nn.AvgPool2d(2))


def of_keras():
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    from keras import layers

    random = np.random.default_rng(5)
    mean = np.array([103.939, 116.779, 123.68], np.float32)

    def base(norm=False, border=False):
        stack = [layers.Input((SIDE, SIDE, 3))]
        for width, convs in zip(WIDTHS, CONVS):
            for _ in range(convs):
                if norm:
                    stack += [layers.Conv2D(width, 3, padding="same", use_bias=False), layers.BatchNormalization(), layers.ReLU()]
                else:
                    stack.append(layers.Conv2D(width, 3, padding="same", activation="relu"))
                    stack += [layers.BatchNormalization()] if border else []
            stack.append(layers.MaxPooling2D(2))
        return stack

    def save(name, *head, is_refused=False, **options):
        stack = [*base(**options), *head]
        x = stack[0]
        for layer in stack[1:]:
            x = layer(x)
        model = keras.Model(stack[0], x)
        for i, layer in enumerate(one for one in model.layers if one.weights):
            values = []
            for weight in layer.weights:
                shape = tuple(weight.shape)
                if len(shape) > 1:
                    spread = np.sqrt(2 / np.prod(shape[:-1])) / (64 if i == 0 else 1)
                    values.append(random.standard_normal(shape) * spread)
                elif weight.name in ("gamma", "moving_variance"):
                    values.append(random.uniform(0.5, 1.5, shape))
                else:
                    values.append(random.standard_normal(shape) * 0.2)
            layer.set_weights([value.astype(np.float32) for value in values])
        (model.save_weights if name.endswith(".weights.h5") else model.save)(HERE / name)
        outputs = np.asarray(model((picture()[..., ::-1] - mean)[None]))[0]
        answers[name] = None if is_refused else [float(value) for value in outputs]

    last = lambda: layers.Dense(3, activation="softmax")
    save("keras_norm_base.keras", layers.Flatten(), last(), norm=True)
    save("keras_norm_base.h5", layers.GlobalAveragePooling2D(), last(), norm=True)
    save("keras_norm_flat.keras", layers.Flatten(), layers.BatchNormalization(), last())
    save("keras_norm_map.keras", layers.BatchNormalization(scale=False), layers.Flatten(), last())
    save(
        "keras_norm_dense.keras",
        layers.Flatten(),
        *(layers.Dense(6, use_bias=False), layers.BatchNormalization(epsilon=0.01), layers.Activation("relu")),
        *(layers.Dense(5, activation="relu"), layers.BatchNormalization(center=False), layers.Dropout(0.5)),
        last(),
    )
    save("keras_bare.keras", layers.Flatten(), layers.Dense(3, use_bias=False, activation="softmax"))
    save("keras_norm_border.keras", layers.Flatten(), last(), border=True, is_refused=True)
    for name in ("keras_max.keras", "keras_max.weights.h5"):
        save(name, layers.GlobalMaxPooling2D(), last())
    save("keras_average.keras", layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(5, activation="relu"), last())
    save("keras_norm_average.keras", layers.BatchNormalization(), layers.AveragePooling2D(2), layers.Flatten(), last())


kind = sys.argv[1]
{"torch": of_torch, "keras": of_keras}[kind]()
(HERE / f"{kind}.json").write_text(json.dumps(answers, indent=1) + "\n")
