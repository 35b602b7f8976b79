"""A narrow VGG16 as TensorFlow.js keeps it: plain in small shards, and quantised in each way that its converter knows.

Run with Python 3.11, tensorflowjs 4.22.0 (its converter for Keras models), tensorflow-cpu 2.15.1, numpy 1.26.4, in this
directory. Logits are those of Keras with the weights as TensorFlow.js dequantises them: q * scale + min in double
precision, rounded to single.
"""

import hashlib
import json
import os
import sys
from unittest.mock import MagicMock

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_USE_LEGACY_KERAS"] = "1"
# The converter imports these for models that are not Keras'.
for module in ("tensorflow_decision_forests", "jax", "jax.experimental", "jax.experimental.jax2tf"):
    sys.modules[module] = MagicMock()
sys.path.insert(0, os.path.join("..", "keras"))

import numpy as np
import tensorflow as tf
from narrow_vgg16 import logits, randomise, vgg16, write_json
from tensorflowjs.converters import save_keras_model

keras = tf.keras
WIDTH = {"float32": 4, "float16": 2, "uint16": 2, "uint8": 1}


def weights_of(folder):
    with open(os.path.join(folder, "model.json")) as file:
        groups = json.load(file)["weightsManifest"]
    found = {}
    for group in groups:
        data = b"".join(open(os.path.join(folder, path), "rb").read() for path in group["paths"])
        for weight in group["weights"]:
            packed = weight.get("quantization", {"dtype": weight["dtype"]})
            count = int(np.prod(weight["shape"]))
            size = count * WIDTH[packed["dtype"]]
            values = np.frombuffer(data[:size], packed["dtype"])
            data = data[size:]
            if "scale" in packed:
                values = values.astype(np.float64) * packed["scale"] + packed["min"]
            found[weight["name"]] = values.astype("<f4").reshape(weight["shape"])
        assert data == b""
    return found


model = randomise(vgg16(keras), 21)
golden = {}
for kind, quantization in {
    "float32": None,
    "float16": {"float16": "*"},
    "uint16": {"uint16": "*"},
    "uint8": {"uint8": "*"},
}.items():
    randomise(model, 21)
    save_keras_model(
        model,
        kind,
        quantization_dtype_map=quantization,
        weight_shard_size_bytes=4000 if kind == "float32" else 4 * 1024 * 1024,
    )
    weights = weights_of(kind)
    model.set_weights([weights[weight.name.split(":")[0]] for weight in model.weights])
    golden[kind] = {
        "logits": [float(v) for v in logits(keras, model)],
        "sha256": {name: hashlib.sha256(value.tobytes()).hexdigest() for name, value in weights.items()},
    }
write_json("tfjs.json", golden)
