"""Writes the golden ONNX models of this folder: narrow VGG16s by the exporters, and in the forms, that models come in.

    pip install torch onnx onnxruntime numpy
    python make_golden.py
    pip install tensorflow tf2onnx       (in an environment of its own, before; it writes tf2onnx.onnx and nothing else)
    python make_golden.py keras

torch.onnx            torch.onnx.export, opset 13, constants folded, any batch size
torch_training.onnx   opset 11, exported for training: Dropout kept, nothing folded, flattened by shape arithmetic
torch_avg.onnx        averaged feature map, one dense layer
external.onnx         torch.onnx, rewritten by onnx with its weights in external.bin
float16.onnx          torch.onnx in half precision throughout
float_data.onnx       torch.onnx with its weights in float_data, not raw_data
zoo.onnx              named and built as the model zoo's vgg16-12.onnx: weights as graph inputs, too
constants.onnx        weights in Constant nodes, doubles; MatMul and Add in the head, Softmax at the end
timm.onnx             fc1 and fc2 as convolutions, averaging behind them
tf2onnx.onnx          a Keras model by tf2onnx: N,H,W,C outside, flattened as H, W, C, Softmax at the end
cases.json            for each: preprocess, pool, logits by onnxruntime (or onnx, or PyTorch) and the SHA-256 of all
                      tensors as singles, in torchvision's layout and order (tf2onnx.onnx: none)

Written with PyTorch 1.13, onnx 1.16, onnxruntime 1.18; TensorFlow 2.15 and tf2onnx 1.16 (with onnx 1.14).
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
SIDE = 64
WIDTHS = [4, 5, 6, 7, 8]
COUNTS = [2, 2, 3, 3, 3]
HEAD = [12, 11, 10]
MAP = SIDE // 32


def picture():
    row, col, c = np.meshgrid(np.arange(SIDE), np.arange(SIDE), np.arange(3), indexing="ij")
    return (row * 7 + col * 13 + c * 29 + ((row * col) % 17) * 5) % 256


def torchvision_input():
    x = (picture() / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    return x.transpose(2, 0, 1)[None].astype(np.float32)


def caffe_input():
    return (picture()[..., ::-1] - [103.939, 116.779, 123.68])[None].astype(np.float32)


def keras_model():
    """Written by the environment that has TensorFlow."""
    import tensorflow as tf
    import tf2onnx

    tf.keras.utils.set_random_seed(5)
    layers = tf.keras.layers
    kernels = lambda scale: tf.keras.initializers.RandomNormal(stddev=scale)
    stack = [layers.Input((SIDE, SIDE, 3))]
    inputs = 3
    for b, count in enumerate(COUNTS):
        for i in range(count):
            scale = np.sqrt(2 / (9 * inputs)) / (64 if b == i == 0 else 1)
            name = f"block{b + 1}_conv{i + 1}"
            stack.append(
                layers.Conv2D(WIDTHS[b], 3, padding="same", activation="relu", name=name,
                              kernel_initializer=kernels(scale), bias_initializer=kernels(0.1))
            )  # fmt: skip
            inputs = WIDTHS[b]
        stack.append(layers.MaxPooling2D(2, 2, name=f"block{b + 1}_pool"))
    stack.append(layers.Flatten(name="flatten"))
    for name, outputs in zip(["fc1", "fc2", "predictions"], HEAD):
        scale = np.sqrt(2 / (WIDTHS[-1] * MAP * MAP if name == "fc1" else 12))
        activation = "softmax" if name == "predictions" else "relu"
        stack.append(
            layers.Dense(outputs, activation=activation, name=name,
                         kernel_initializer=kernels(scale), bias_initializer=kernels(0.1))
        )  # fmt: skip
    model = tf.keras.Sequential(stack)
    signature = [tf.TensorSpec((None, SIDE, SIDE, 3), tf.float32, name="input_1")]
    tf2onnx.convert.from_keras(model, signature, opset=13, output_path=str(HERE / "tf2onnx.onnx"))


def torch_model(pool="flatten", seed=3):
    import torch
    from torch import nn

    class Vgg16(nn.Module):
        """torchvision's, but for its widths."""

        def __init__(self):
            super().__init__()
            layers, inputs = [], 3
            for width, count in zip(WIDTHS, COUNTS):
                for _ in range(count):
                    layers += [nn.Conv2d(inputs, width, 3, padding=1), nn.ReLU(inplace=True)]
                    inputs = width
                layers.append(nn.MaxPool2d(2, 2))
            self.features = nn.Sequential(*layers)
            self.avgpool = nn.AdaptiveAvgPool2d((MAP, MAP) if pool == "flatten" else (1, 1))
            dense, inputs = [], inputs * (MAP * MAP if pool == "flatten" else 1)
            for width in HEAD if pool == "flatten" else HEAD[-1:]:
                dense += [nn.Linear(inputs, width), nn.ReLU(True), nn.Dropout()]
                inputs = width
            self.classifier = nn.Sequential(*dense[:-2])

        def forward(self, x):
            x = self.avgpool(self.features(x))
            x = x.view(x.size(0), -1) if self.training else torch.flatten(x, 1)
            return self.classifier(x)

    torch.manual_seed(seed)
    model = Vgg16()
    for layer in model.modules():
        if isinstance(layer, (nn.Conv2d, nn.Linear)):
            fan = layer.weight[0].numel()
            nn.init.normal_(layer.weight, std=(2 / fan) ** 0.5)
            nn.init.normal_(layer.bias, std=0.1)
    return model.eval()


def export(model, name, **options):
    import torch

    example = torch.zeros(1, 3, SIDE, SIDE)
    torch.onnx.export(model, example, str(HERE / name), input_names=["input"], output_names=["logits"], **options)


def hash_of(tensors):
    hashed = hashlib.sha256()
    for tensor in tensors:
        hashed.update(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
    return hashed.hexdigest()


def logits_of(name, x):
    """The output, or what goes into the Softmax that gives it."""
    import onnx
    import onnxruntime

    model = onnx.load(str(HERE / name))
    last = model.graph.node[-1]
    if last.op_type == "Softmax":
        kind = model.graph.output[0].type.tensor_type.elem_type
        model.graph.output.insert(0, onnx.helper.make_tensor_value_info(last.input[0], kind, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
    types = {"tensor(float16)": np.float16, "tensor(double)": np.float64, "tensor(float)": np.float32}
    first = session.get_inputs()[0]
    return session.run(None, {first.name: x.astype(types[first.type])})[0][0].astype(np.float64).tolist()


def double_logits_of(name, x):
    """By onnx's reference implementation: onnxruntime convolves no doubles."""
    import onnx
    from onnx.reference import ReferenceEvaluator

    model = onnx.load(str(HERE / name))
    model.graph.output[0].name = model.graph.node[-1].input[0]
    return ReferenceEvaluator(model).run(None, {"data": x.astype(np.float64)})[0][0].tolist()


def build(arrays, name, type_of, **how):
    """A model built by onnx.helper from torchvision's tensors, in the order of the layers."""
    import onnx
    from onnx import helper, numpy_helper

    nodes, weights, value = [], [], "data"

    def add(op, *others, outputs=1, **attributes):
        nonlocal value
        output = f"vgg0_{op.lower()}{sum(node.op_type == op for node in nodes)}_fwd"
        nodes.append(helper.make_node(op, [value, *others], [output], name=output, **attributes))
        value = output

    def weight(key, array):
        tensor = numpy_helper.from_array(np.ascontiguousarray(array.astype(type_of)), key)
        if how.get("constants"):
            nodes.append(helper.make_node("Constant", [], [key], value=tensor))
        else:
            weights.append(tensor)
        return key

    pairs = list(zip(arrays[::2], arrays[1::2]))
    number = 0
    for count in COUNTS:
        for _ in range(count):
            kernel, bias = pairs[number]
            key = f"vgg0_conv{number}"
            add("Conv", weight(f"{key}_weight", kernel), weight(f"{key}_bias", bias), kernel_shape=[3, 3],
                pads=[1, 1, 1, 1], strides=[1, 1], dilations=[1, 1], group=1)  # fmt: skip
            add("Relu")
            number += 1
        add("MaxPool", kernel_shape=[2, 2], pads=[0, 0, 0, 0], strides=[2, 2])
    dense = pairs[number:]
    if not how.get("timm"):
        add("Flatten")
    for i, (kernel, bias) in enumerate(dense):
        key = f"vgg0_dense{i}"
        is_last = i == len(dense) - 1
        if how.get("timm") and not is_last:
            side = MAP if i == 0 else 1
            kernel = kernel.reshape(len(bias), -1, side, side)
            add("Conv", weight(f"{key}_weight", kernel), weight(f"{key}_bias", bias), kernel_shape=[side, side])
        elif how.get("matmul"):
            add("MatMul", weight(f"{key}_weight", kernel.T))
            add("Add", weight(f"{key}_bias", bias[None]))
        else:
            if how.get("timm"):
                add("GlobalAveragePool")
                add("Flatten")
            add("Gemm", weight(f"{key}_weight", kernel), weight(f"{key}_bias", bias), transB=1)
        if not is_last:
            add("Relu")
            add("Dropout")
    if how.get("softmax"):
        add("Softmax", axis=-1)
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(type_of))
    inputs = [helper.make_tensor_value_info("data", kind, ["N", 3, SIDE, SIDE])]
    if how.get("listed"):
        inputs += [helper.make_tensor_value_info(w.name, kind, w.dims) for w in weights]
    outputs = [helper.make_tensor_value_info(value, kind, ["N", HEAD[-1]])]
    graph = helper.make_graph(nodes, "mxnet_converted_model", inputs, outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 12)], ir_version=7)
    onnx.checker.check_model(model)
    onnx.save(model, str(HERE / name))


def main():
    import onnx
    import torch
    from onnx import numpy_helper

    cases = {}

    def record(name, tensors, x=torchvision_input(), preprocess="torchvision", pool="flatten", run=logits_of):
        hashed = {} if tensors is None else {"sha256": hash_of(tensors)}
        cases[name] = {"preprocess": preprocess, "pool": pool, "outputs": run(name, x), **hashed}

    model = torch_model()
    arrays = [tensor.numpy() for tensor in model.state_dict().values()]
    export(model, "torch.onnx", opset_version=13, dynamic_axes={"input": {0: "batch"}, "logits": {0: "batch"}})
    record("torch.onnx", arrays)

    training = torch.onnx.TrainingMode.TRAINING
    export(model, "torch_training.onnx", opset_version=11, training=training, do_constant_folding=False,
           dynamic_axes={"input": {0: "batch"}})  # fmt: skip
    record("torch_training.onnx", arrays)
    # As the network answers when it is not trained: onnxruntime would drop out numbers here.
    with torch.no_grad():
        logits = model.eval()(torch.from_numpy(torchvision_input()))[0]
    cases["torch_training.onnx"]["outputs"] = logits.double().tolist()

    averaged = torch_model(pool="avg", seed=4)
    export(averaged, "torch_avg.onnx", opset_version=13)
    record("torch_avg.onnx", [tensor.numpy() for tensor in averaged.state_dict().values()], pool="avg")

    (HERE / "external.bin").unlink(missing_ok=True)
    onnx.save_model(onnx.load(str(HERE / "torch.onnx")), str(HERE / "external.onnx"), save_as_external_data=True,
                    all_tensors_to_one_file=True, location="external.bin", size_threshold=64)  # fmt: skip
    record("external.onnx", arrays)

    halves = onnx.load(str(HERE / "torch.onnx"))
    for tensor in halves.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for info in [*halves.graph.input, *halves.graph.output]:
        info.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    del halves.graph.value_info[:]
    onnx.save(halves, str(HERE / "float16.onnx"))
    record("float16.onnx", [array.astype(np.float16) for array in arrays])

    listed = onnx.load(str(HERE / "torch.onnx"))
    for tensor in listed.graph.initializer:
        if tensor.data_type != onnx.TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor).flatten().tolist()
        tensor.ClearField("raw_data")
        tensor.float_data.extend(values)
    onnx.save(listed, str(HERE / "float_data.onnx"))
    record("float_data.onnx", arrays)

    build(arrays, "zoo.onnx", np.float32, listed=True)
    record("zoo.onnx", arrays)
    build(arrays, "constants.onnx", np.float64, constants=True, matmul=True, softmax=True)
    record("constants.onnx", arrays, run=double_logits_of)
    build(arrays, "timm.onnx", np.float32, timm=True)
    record("timm.onnx", arrays)

    record("tf2onnx.onnx", None, caffe_input(), "caffe")
    (HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")


keras_model() if sys.argv[1:] == ["keras"] else main()
