"""VGG16's topology and Keras' own layer names at narrow widths: what the goldens of Keras and TensorFlow.js are made of.

Works with Keras 2 and Keras 3: the caller passes its `keras` module.
"""

import hashlib
import json

import h5py
import numpy as np

WIDTHS = (4, 5, 6, 7, 8)
CONVS = (2, 2, 3, 3, 3)
SIDE = 64
MEAN_BGR = np.array([103.939, 116.779, 123.68], np.float32)


def picture():
    """The golden picture, (64,64,3) RGB; test/support/golden_weights.ts computes the same."""
    row, column, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return ((row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256).astype(np.float32)


def network_input():
    """(1,64,64,3) as `keras.applications.vgg16.preprocess_input` makes it: BGR, minus the mean."""
    return (picture()[..., ::-1] - MEAN_BGR)[None].astype(np.float32)


def base_layers(keras, x):
    """block1_conv1 to block5_pool on a Keras tensor."""
    for block, (width, convs) in enumerate(zip(WIDTHS, CONVS), start=1):
        for conv in range(1, convs + 1):
            x = keras.layers.Conv2D(width, 3, padding="same", activation="relu", name=f"block{block}_conv{conv}")(x)
        x = keras.layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    return x


def vgg16(keras, include_top=True):
    image = keras.layers.Input((SIDE, SIDE, 3))
    x = base_layers(keras, image)
    if include_top:
        x = keras.layers.Flatten(name="flatten")(x)
        x = keras.layers.Dense(12, activation="relu", name="fc1")(x)
        x = keras.layers.Dense(11, activation="relu", name="fc2")(x)
        x = keras.layers.Dense(10, activation="softmax", name="predictions")(x)
    return keras.Model(image, x, name="vgg16")


def randomise(model, seed):
    """He-normal kernels, biases of 0.1; the first convolution, which sees pixels, divided by 64."""
    random = np.random.default_rng(seed)
    values = []
    for i, weight in enumerate(model.get_weights()):
        std = 0.1 if weight.ndim == 1 else np.sqrt(2 / np.prod(weight.shape[:-1])) / (64 if i == 0 else 1)
        values.append((random.standard_normal(weight.shape) * std).astype(weight.dtype))
    model.set_weights(values)
    return model


def logits(keras, model):
    """The last dense layer's outputs before its activation."""
    last = model.layers[-1]
    activation, last.activation = last.activation, keras.activations.linear
    z = np.asarray(model(network_input()), np.float32)[0]
    last.activation = activation
    return z


def digests(file):
    """SHA-256 of each float dataset's numbers as little-endian F32, by its path."""
    found = {}

    def visit(name, item):
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            found[name] = hashlib.sha256(np.ascontiguousarray(item[()], "<f4").tobytes()).hexdigest()

    file.visititems(visit)
    return found


def write_json(path, value):
    with open(path, "w") as out:
        json.dump(value, out, indent=1)
        out.write("\n")
