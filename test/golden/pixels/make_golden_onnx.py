"""Narrow VGG16s as ONNX graphs that prepare pixels themselves or say the size of their pictures, with onnxruntime's own
probabilities for the golden picture.

    pip install onnx onnxruntime numpy        (onnx 1.23.2, onnxruntime 1.32.0)
    python make_golden_onnx.py

onnx.json      for each file: side of the picture, and probabilities; the graph is given bytes, or bytes / 255 as PyTorch does
"""

import json

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

WIDTHS = (2, 2, 3, 3, 4)
CONVS = (2, 2, 3, 3, 3)
golden = {}


def picture(height, width):
    row, column, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    return ((row * 7 + column * 13 + c * 29 + ((row * column) % 17) * 5) % 256)[None].astype(np.float32)


def write(name, height, width, prepare, gain, nhwc=False, flatten=False, unit=False, refused=False):
    random = np.random.default_rng(len(golden))
    nodes, weights, value = [], [], "x"

    def constant(array):
        array = np.asarray(array)
        key = f"w{len(weights)}"
        weights.append(numpy_helper.from_array(array if array.dtype == np.int64 else array.astype(np.float32), key))
        return key

    def add(op, *others, **attributes):
        nonlocal value
        output = f"{op}{len(nodes)}"
        nodes.append(helper.make_node(op, [value, *map(constant, others)], [output], name=output, **attributes))
        value = output

    for op, *others in prepare:
        add(op, *others)
    if nhwc:
        add("Transpose", perm=[0, 3, 1, 2])
    inputs = 3
    for block, (outputs, convs) in enumerate(zip(WIDTHS, CONVS)):
        for conv in range(convs):
            std = np.sqrt(2 / (9 * inputs)) * (gain if block == conv == 0 else 1)
            kernel = random.standard_normal((outputs, inputs, 3, 3)) * std
            add("Conv", kernel, random.standard_normal(outputs) * 0.1, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            add("Relu")
            inputs = outputs
        add("MaxPool", kernel_shape=[2, 2], strides=[2, 2])
    if not flatten:
        add("GlobalAveragePool")
    add("Flatten")
    features = inputs * ((height // 32) * (width // 32) if flatten else 1)
    add("Gemm", random.standard_normal((3, features)), random.standard_normal(3) * 0.1, transB=1)
    add("Softmax", axis=-1)
    shape = ["N", height, width, 3] if nhwc else ["N", 3, height, width]
    graph = helper.make_graph(
        nodes,
        "vgg16",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, ["N", 3])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, name)
    x = picture(height, width) / (255 if unit else 1)
    x = (x if nhwc else x.transpose(0, 3, 1, 2)).astype(np.float32)
    session = onnxruntime.InferenceSession(name, providers=["CPUExecutionProvider"])
    probabilities = session.run(None, {"x": x})[0][0]
    golden[name] = {"height": height, "width": width, "probabilities": [float(p) for p in probabilities]}


CHANNELS = (3, 1, 1)
mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
torch = [("Sub", mean.reshape(CHANNELS)), ("Div", deviation.reshape(CHANNELS))]
last = np.iinfo(np.int64).min
whole = lambda *numbers: np.array(numbers, np.int64)
reverse = ("Slice", whole(-1), whole(last + 1), whole(3), whole(-1))

write("torch_unit_input.onnx", 64, 64, torch, 1, unit=True)
write("torch_bytes.onnx", 64, 64, [("Div", 255.0), *torch], 1)
write("signed.onnx", 70, 70, [("Mul", 1 / 127.5), ("Sub", 1.0)], 1, flatten=True)
write("unit_nhwc.onnx", 100, 100, [("Div", np.array([255.0, 255.0, 255.0]))], 2, nhwc=True, flatten=True)
write("caffe_nhwc.onnx", 64, 64, [reverse, ("Add", -np.array([103.939, 116.779, 123.68]))], 1 / 64, nhwc=True)
write("odd.onnx", 64, 64, [("Div", 128.0), ("Sub", 1.0)], 1)
write("oblong.onnx", 32, 128, [("Div", 255.0)], 2, flatten=True)

with open("onnx.json", "w") as out:
    json.dump(golden, out, indent=1)
    out.write("\n")
