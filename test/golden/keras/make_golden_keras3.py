"""Narrow VGG16s saved by Keras 3 in its three forms, with Keras' own logits for the golden picture.

Run with Python 3.11, keras 3.6.0, jax 0.10.2 (CPU), h5py 3.16.0, numpy 2, in this directory.
"""

import io
import os
import zipfile

os.environ["KERAS_BACKEND"] = "jax"

import h5py
import jax
import keras
from narrow_vgg16 import digests, logits, randomise, vgg16, write_json

jax.config.update("jax_default_matmul_precision", "highest")
golden = {}


def record(name, z):
    if name.endswith(".keras"):
        with zipfile.ZipFile(name) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
    else:
        content = name
    with h5py.File(content) as file:
        golden[name] = {"logits": [float(v) for v in z], "sha256": digests(file)}


def fine_tuned():
    return keras.Sequential(
        [
            vgg16(keras, include_top=False),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dense(7, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(5, activation="softmax"),
        ]
    )


full = randomise(vgg16(keras), 11)
for name in ("keras3_full.weights.h5", "keras3_full.keras", "keras3_full.h5"):
    full.save_weights(name) if ".weights." in name else full.save(name)
    record(name, logits(keras, full))

nested = fine_tuned()
nested.build((None, 64, 64, 3))
randomise(nested, 12)
for name in ("keras3_nested.weights.h5", "keras3_nested.keras", "keras3_nested.h5"):
    nested.save_weights(name) if ".weights." in name else nested.save(name)
    record(name, logits(keras, nested))

write_json("keras3.json", golden)
