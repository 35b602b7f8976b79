"""Narrow VGG16s whose heads end in other ways than with a softmax over classes, with the writing library's own answers.

    python make_golden.py keras3      keras 3.6.0, jax 0.10.2 (CPU), h5py 3.16.0
    python make_golden.py keras2      tensorflow-cpu 2.15.1 (Keras 2.15.0), h5py 3.16.0
    python make_golden.py torch       PyTorch 1.13, also for its ONNX export

keras3_logit.keras             one linear output
keras3_independent.keras       four sigmoids
keras3_independent.weights.h5  the same network, weights alone: the file does not say sigmoid
keras3_average.weights.h5      AveragePooling2D before Flatten
keras3_leaky.weights.h5        LeakyReLU between the dense layers
keras3_behind.weights.h5       a dense layer behind "predictions"
keras2_maximum.h5              GlobalMaxPooling2D, weights alone, under a name of its author's: "squeeze"
keras2_logit.h5                one linear output, weights alone
torch_logit.pth                one linear output
torch_wrapped.pth              nn.DataParallel around the convolutions and around the classifier
torch_behind.pth               nn.Sequential(vgg16, nn.Linear)
torch_appended.pth             a dense layer appended to the classifier, with no ReLU before it
torch_independent.onnx         four sigmoids
torch_logsoftmax.onnx          LogSoftmax
torch_logit.onnx               one linear output
KIND.json                      per file what the library makes of the golden picture: its last layer's outputs
"""

import json
import os
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIDE = 64
WIDTHS = (2, 2, 3, 3, 4)
CONVS = (2, 2, 3, 3, 3)
MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)
answers = {}


def picture():
    """The golden picture, (64,64,3) RGB; test/support/golden_weights.ts computes the same."""
    row, column, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return ((row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256).astype(np.float32)


def record(name, output):
    answers[name] = [float(value) for value in np.asarray(output).reshape(-1)]


def of_keras(keras):
    layers = keras.layers
    random = np.random.default_rng(7)

    def network(*head):
        stack = [layers.Input((SIDE, SIDE, 3))]
        for block, (width, convs) in enumerate(zip(WIDTHS, CONVS), start=1):
            for conv in range(1, convs + 1):
                name = f"block{block}_conv{conv}"
                stack.append(layers.Conv2D(width, 3, padding="same", activation="relu", name=name))
            stack.append(layers.MaxPooling2D(2, name=f"block{block}_pool"))
        x = stack[0]
        for layer in [*stack[1:], *head]:
            x = layer(x)
        model = keras.Model(stack[0], x)
        values = []
        for i, weight in enumerate(model.get_weights()):
            std = 0.1 if weight.ndim == 1 else np.sqrt(2 / np.prod(weight.shape[:-1])) / (64 if i == 0 else 1)
            values.append((random.standard_normal(weight.shape) * std).astype(np.float32))
        model.set_weights(values)
        return model

    def answer(model):
        return model((picture()[..., ::-1] - MEAN_BGR)[None])

    return layers, network, answer


def keras3():
    os.environ["KERAS_BACKEND"] = "jax"
    import jax
    import keras

    jax.config.update("jax_default_matmul_precision", "highest")
    layers, network, answer = of_keras(keras)
    model = network(layers.Flatten(), layers.Dense(1))
    model.save(HERE / "keras3_logit.keras")
    record("keras3_logit.keras", answer(model))
    model = network(layers.GlobalAveragePooling2D(), layers.Dense(4, activation="sigmoid"))
    for name in ("keras3_independent.keras", "keras3_independent.weights.h5"):
        model.save(HERE / name) if name.endswith(".keras") else model.save_weights(HERE / name)
        record(name, answer(model))
    for name, head in {
        "average": [layers.AveragePooling2D(2), layers.Flatten(), layers.Dense(3)],
        "leaky": [layers.Flatten(), layers.Dense(5), layers.LeakyReLU(), layers.Dense(3)],
        "behind": [layers.Flatten(), layers.Dense(6, activation="softmax", name="predictions"), layers.Dense(2)],
    }.items():
        model = network(*head)
        model.save_weights(HERE / f"keras3_{name}.weights.h5")
        record(f"keras3_{name}.weights.h5", answer(model))


def keras2():
    import tensorflow as tf

    layers, network, answer = of_keras(tf.keras)
    model = network(layers.GlobalMaxPooling2D(name="squeeze"), layers.Dense(3, activation="softmax"))
    model.save_weights(HERE / "keras2_maximum.h5")
    record("keras2_maximum.h5", answer(model))
    model = network(layers.GlobalAveragePooling2D(), layers.Dense(1))
    model.save_weights(HERE / "keras2_logit.h5")
    record("keras2_logit.h5", answer(model))


def of_torch():
    import torch
    from torch import nn

    torch.manual_seed(7)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    pixels = ((torch.from_numpy(picture()).permute(2, 0, 1) / 255 - mean) / std)[None]

    class Vgg16(nn.Module):
        def __init__(self, *last):
            super().__init__()
            stack, channels = [], 3
            for width, convs in zip(WIDTHS, CONVS):
                for _ in range(convs):
                    stack += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(True)]
                    channels = width
                stack.append(nn.MaxPool2d(2))
            self.features = nn.Sequential(*stack)
            self.classifier = nn.Sequential(nn.Linear(4 * channels, 5), nn.ReLU(True), nn.Dropout(), *last)
            for layer in self.modules():
                if isinstance(layer, (nn.Conv2d, nn.Linear)):
                    nn.init.kaiming_normal_(layer.weight)
                    nn.init.normal_(layer.bias, std=0.1)

        def forward(self, x):
            return self.classifier(torch.flatten(self.features(x), 1))

    def save(name, network):
        network.eval()
        with torch.no_grad():
            record(name, network(pixels))
        if name.endswith(".onnx"):
            torch.onnx.export(network, pixels, HERE / name, opset_version=13)
        else:
            torch.save(network.state_dict(), HERE / name)

    save("torch_logit.pth", Vgg16(nn.Linear(5, 1)))
    wrapped = Vgg16(nn.Linear(5, 4))
    wrapped.features = nn.DataParallel(wrapped.features)
    wrapped.classifier = nn.DataParallel(wrapped.classifier)
    save("torch_wrapped.pth", wrapped)
    save("torch_behind.pth", nn.Sequential(Vgg16(nn.Linear(5, 6)), nn.ReLU(), nn.Linear(6, 2)))
    save("torch_appended.pth", Vgg16(nn.Linear(5, 6), nn.Linear(6, 2)))
    save("torch_independent.onnx", Vgg16(nn.Linear(5, 4), nn.Sigmoid()))
    save("torch_logsoftmax.onnx", Vgg16(nn.Linear(5, 4), nn.LogSoftmax(dim=1)))
    save("torch_logit.onnx", Vgg16(nn.Linear(5, 1)))


kind = sys.argv[1]
{"keras3": keras3, "keras2": keras2, "torch": of_torch}[kind]()
(HERE / f"{kind}.json").write_text(json.dumps(answers, indent=1) + "\n")
