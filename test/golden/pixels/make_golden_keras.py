"""Narrow VGG16s of Keras 3 and Keras 2 that prepare pixels themselves or say the size of their pictures, with Keras' own
probabilities for the golden picture, its bytes fed as they are.

    pip install tensorflow-cpu tf_keras       (Keras 3.15.1, tf_keras 2.21.0, TensorFlow 2.21.0)
    python make_golden_keras.py

keras.json     for each file: side or sides of the picture, probabilities; how pixels are prepared, where the file cannot say it
"""

import json
import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
import tf_keras

WIDTHS = (2, 2, 3, 3, 4)
CONVS = (2, 2, 3, 3, 3)
golden = {}


def picture(height, width):
    """(1,H,W,3) RGB bytes; the test computes the same."""
    row, column, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256)[None].astype(np.float32)


def base(k, shape):
    image = k.layers.Input(shape)
    x = image
    for block, (width, convs) in enumerate(zip(WIDTHS, CONVS), start=1):
        for conv in range(1, convs + 1):
            x = k.layers.Conv2D(width, 3, padding="same", activation="relu", name=f"block{block}_conv{conv}")(x)
        x = k.layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    return k.Model(image, x, name="vgg16")


def network(k, shape, prepare, flatten=False):
    image = k.layers.Input(shape)
    x = base(k, shape)(prepare(image))
    x = k.layers.Flatten()(x) if flatten else k.layers.GlobalAveragePooling2D()(x)
    return k.Model(image, k.layers.Dense(3, activation="softmax")(x))


def write(name, k, model, shape, gain, preprocess=None, by_weights=False):
    """`gain` brings the prepared pixels to about 1, so that the probabilities are of some size and not all alike."""
    random = np.random.default_rng(len(golden))
    values = []
    for i, weight in enumerate(model.get_weights()):
        std = 0.1 if weight.ndim == 1 else np.sqrt(2 / np.prod(weight.shape[:-1])) * (gain if i == 0 else 1)
        values.append((random.standard_normal(weight.shape) * std).astype(np.float32))
    model.set_weights(values)
    (model.save_weights if by_weights else model.save)(name)
    height, width = shape[:2]
    probabilities = np.asarray(model(picture(height, width)))[0]
    golden[name] = {"height": height, "width": width, "probabilities": [float(p) for p in probabilities]}
    if preprocess:
        golden[name]["preprocess"] = preprocess


S = (64, 64, 3)
as_they_are = lambda x: x
for k, whole in ((keras, "keras"), (tf_keras, "h5")):
    version = "keras3" if k is keras else "keras2"
    rescaling = k.layers.Rescaling
    torch_mode = lambda x: k.applications.imagenet_utils.preprocess_input(x, mode="torch")
    write(f"{version}_unit.{whole}", k, network(k, S, rescaling(1 / 255)), S, 2)
    write(f"{version}_signed.{whole}", k, network(k, S, rescaling(1 / 127.5, offset=-1)), S, 1)
    write(f"{version}_caffe.{whole}", k, network(k, S, k.applications.vgg16.preprocess_input), S, 1 / 64)
    write(f"{version}_torch.{whole}", k, network(k, S, torch_mode), S, 1)
    write(f"{version}_odd.{whole}", k, network(k, S, rescaling(1 / 128, offset=-1)), S, 1)
    unit = network(k, S, rescaling(1 / 255))
    write(f"{version}_unit.weights.h5", k, unit, S, 2, preprocess="unit", by_weights=True)
    sides = (70, 70, 3) if k is keras else (100, 100, 3)
    write(f"{version}_size.{whole}", k, network(k, sides, rescaling(1 / 255), flatten=True), sides, 2)
    oblong = (32, 128, 3)
    write(f"{version}_oblong.{whole}", k, network(k, oblong, rescaling(1 / 255), flatten=True), oblong, 2)

normal = keras.layers.Normalization(mean=[0.485, 0.456, 0.406], variance=[0.229**2, 0.224**2, 0.225**2])
write("keras3_normal.keras", keras, network(keras, S, lambda x: normal(keras.layers.Rescaling(1 / 255)(x))), S, 1)

to_unit = keras.layers.Rescaling(1 / 255, name="to_unit")
write("keras3_named.weights.h5", keras, network(keras, S, to_unit), S, 2, preprocess="unit", by_weights=True)

with open("keras.json", "w") as out:
    json.dump(golden, out, indent=1)
    out.write("\n")
