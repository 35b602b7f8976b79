"""Narrow VGG16s saved by Keras 2 in every form of its HDF5, with Keras' own logits for the golden picture.

Run with Python 3.11, tensorflow-cpu 2.15.1 (its Keras is 2.15.0), h5py 3.16.0, numpy 1.26.4, in this directory.
"""

import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import h5py
import numpy as np
import tensorflow as tf
from keras.src.saving.legacy import hdf5_format
from narrow_vgg16 import base_layers, digests, logits, network_input, randomise, vgg16, write_json

keras = tf.keras
golden = {}


def record(name, z):
    with h5py.File(name) as file:
        golden[name] = {"logits": None if z is None else [float(v) for v in z], "sha256": digests(file)}


full = randomise(vgg16(keras), 1)
full_logits = logits(keras, full)
full.save_weights("keras2_full.h5")
record("keras2_full.h5", full_logits)

notop = randomise(vgg16(keras, include_top=False), 2)
notop.save_weights("keras2_notop.h5")
record("keras2_notop.h5", None)

# The files that keras.applications downloads were written by Keras 1: a group a layer, tensors named LAYER_W_1:0 and
# LAYER_b_1:0, layers without weights as empty groups.
with h5py.File("keras2_official.h5", "w") as file:
    layers = [layer.name for layer in full.layers[1:]]
    file.attrs["layer_names"] = np.array([name.encode() for name in ["input_1", *layers]])
    file.create_group("input_1").attrs["weight_names"] = np.array([], "S1")
    for layer in full.layers[1:]:
        group = file.create_group(layer.name)
        names = [f"{layer.name}_{kind}_1:0" for kind in "Wb"] if layer.weights else []
        group.attrs["weight_names"] = np.array([name.encode() for name in names], None if names else "S1")
        for name, value in zip(names, layer.get_weights()):
            group.create_dataset(name, data=value)
record("keras2_official.h5", full_logits)

# The same with every dataset cut into chunks that divide no axis, and compressed; big-endian doubles for one of them.
with h5py.File("keras2_full.h5") as plain, h5py.File("keras2_gzip.h5", "w") as file:
    for key, value in plain.attrs.items():
        file.attrs[key] = value

    def copy(name, item):
        if isinstance(item, h5py.Group):
            group = file.create_group(name)
            for key, value in item.attrs.items():
                group.attrs[key] = value
        else:
            chunks = tuple(max(1, side * 2 // 3) for side in item.shape)
            dtype = ">f8" if "block3_conv2" in name else "<f4"
            file.create_dataset(name, data=item[()], dtype=dtype, chunks=chunks, compression="gzip", shuffle=True)

    plain.visititems(copy)
record("keras2_gzip.h5", full_logits)

# Fine-tuned, with the base as a layer; attributes cut up as Keras does where they exceed HDF5's 64 kB, here at 200 bytes.
nested = keras.Sequential(
    [
        vgg16(keras, include_top=False),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(7, activation="relu"),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(5, activation="softmax"),
    ]
)
randomise(nested, 3)
hdf5_format.HDF5_OBJECT_HEADER_LIMIT = 200
nested.save("keras2_nested.h5")
hdf5_format.HDF5_OBJECT_HEADER_LIMIT = 64512
record("keras2_nested.h5", logits(keras, nested))

# Fine-tuned, grown out of the base's output; activations as layers of their own.
image = keras.layers.Input((64, 64, 3))
x = keras.layers.Flatten()(base_layers(keras, image))
x = keras.layers.Dense(9)(x)
x = keras.layers.Activation("relu")(x)
x = keras.layers.Dense(4)(x)
flat = randomise(keras.Model(image, keras.layers.Activation("softmax")(x)), 4)
flat.save("keras2_flat.h5")
record("keras2_flat.h5", np.asarray(keras.Model(image, x)(network_input()))[0])

# Two classes by one sigmoid: our logits are (0, z).
image = keras.layers.Input((64, 64, 3))
x = vgg16(keras, include_top=False)(image)
x = keras.layers.Dense(1, activation="sigmoid")(keras.layers.Flatten()(x))
sigmoid = randomise(keras.Model(image, x), 5)
sigmoid.save("keras2_sigmoid.h5")
record("keras2_sigmoid.h5", [0.0, *logits(keras, sigmoid)])

# Weights kept as F16; the logits are those of F32 arithmetic on the same weights, as ours are.
keras.mixed_precision.set_global_policy("float16")
half = randomise(vgg16(keras), 6)
keras.mixed_precision.set_global_policy("float32")
half.save_weights("keras2_float16.h5")
widened = vgg16(keras)
widened.set_weights([weight.astype(np.float32) for weight in half.get_weights()])
record("keras2_float16.h5", logits(keras, widened))

write_json("keras2.json", golden)

# Not Keras': a file that leads to others. Whoever opens it must not be made to read them.
with h5py.File("external.h5", "w") as file:
    file["link"] = h5py.ExternalLink("keras2_notop.h5", "/block1_conv1/block1_conv1/bias:0")
    file.create_dataset("raw", (4,), "<f4", external=[("keras2_notop.h5", 0, 16)])
