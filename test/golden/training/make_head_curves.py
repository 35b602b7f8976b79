"""Trains heads for ten steps with PyTorch: what the losses are, step by step, for each head and optimiser.

    pip install torch
    python make_head_curves.py

head_curves_cases.json   heads and trainings, also read by make_head_curves.mjs and by the test
head_curves_torch.json   by head and training: the loss of each step, before its update

Weights, features and labels are not stored: everyone draws them alike, see `draw`. Computed in float64.
Written with PyTorch 1.13.1 and Python 3.11.
"""

import json
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
CASES = json.loads((HERE / "head_curves_cases.json").read_text())


def numbers():
    """Multiples of 2^-23 in [-1, 1): the upper 24 bits of a linear congruential generator (Numerical Recipes')."""
    state = 1
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield (state >> 8) / 2**23 - 1


def draw(head):
    """Kernels (inputs, outputs) and biases, layer by layer, then features row by row, then labels."""
    source = numbers()
    some = lambda scale, *shape: torch.tensor(
        [scale * next(source) for _ in range(torch.Size(shape).numel())], dtype=torch.float64
    ).reshape(shape)
    sides = [head["inputs"], *head["hidden"], head["classes"]]
    layers = []
    for inputs, outputs in zip(sides, sides[1:]):
        kernel = some(CASES["kernelScale"], inputs, outputs)
        layers.append((kernel, some(CASES["biasScale"], outputs)))
    features = some(1, CASES["dataset"], head["inputs"])
    labels = torch.tensor([int((next(source) + 1) / 2 * head["classes"]) for _ in range(CASES["dataset"])])
    return layers, features, labels


def network(layers):
    modules = []
    for kernel, bias in layers:
        linear = nn.Linear(*kernel.shape, dtype=torch.float64)
        linear.weight.data = kernel.T.clone()
        linear.bias.data = bias.clone()
        modules += [linear, nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def optimiser_of(model, options, lr):
    decay = options["weightDecay"]
    groups = [
        {"params": [p for p in model.parameters() if p.dim() == 2], "weight_decay": decay},
        {"params": [p for p in model.parameters() if p.dim() == 1], "weight_decay": 0},
    ]
    if options["name"] == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=options["momentum"], nesterov=options["nesterov"])
    betas = (options.get("beta1", 0.9), options.get("beta2", 0.999))
    return torch.optim.AdamW(groups, lr=lr, betas=betas, eps=options.get("epsilon", 1e-8))


def losses(head, training):
    layers, features, labels = draw(head)
    model = network(layers)
    optimiser = optimiser_of(model, training["optimiser"], training["lr"])
    weights = training.get("classWeights")
    criterion = nn.CrossEntropyLoss(
        weight=weights and torch.tensor(weights, dtype=torch.float64),
        label_smoothing=training.get("labelSmoothing", 0),
    )
    result = []
    for step in range(CASES["steps"]):
        count = CASES["shortBatch"] if step % 4 == 3 else CASES["batch"]
        rows = [(step * CASES["batch"] + i) % CASES["dataset"] for i in range(count)]
        for group in optimiser.param_groups:
            group["lr"] = training["lr"] * (1 - step / 20)
        optimiser.zero_grad()
        loss = criterion(model(features[rows]), labels[rows])
        loss.backward()
        if "clipNorm" in training:
            nn.utils.clip_grad_norm_(model.parameters(), training["clipNorm"])
        optimiser.step()
        result.append(round(loss.item(), 9))
    return result


if __name__ == "__main__":
    curves = {
        head: {name: losses(shape, training) for name, training in CASES["trainings"].items()}
        for head, shape in CASES["heads"].items()
    }
    lines = [
        f'  "{head}": {{\n'
        + ",\n".join(f'    "{name}": {json.dumps(curve)}' for name, curve in named.items())
        + "\n  }"
        for head, named in curves.items()
    ]
    (HERE / "head_curves_torch.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
