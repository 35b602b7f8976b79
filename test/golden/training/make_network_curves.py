"""Trains blocks of a narrow VGG16 with a head for ten steps with PyTorch: what the losses are, step by step.

    pip install torch
    python make_network_curves.py

network_curves_cases.json   networks and trainings, also read by the test
network_curves_torch.json   by network and training: the loss of each step, before its update

Weights, inputs and labels are not stored: everyone draws them alike, see `draw`. Computed in float64.
Written with PyTorch 1.13.1 and Python 3.11.
"""

import json
from math import sqrt
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
CASES = json.loads((HERE / "network_curves_cases.json").read_text())
CONVS_PER_BLOCK = [2, 2, 3, 3, 3]


def numbers():
    """Multiples of 2^-23 in [-1, 1): the upper 24 bits of a linear congruential generator (Numerical Recipes')."""
    state = 1
    while True:
        state = (1664525 * state + 1013904223) % 2**32
        yield (state >> 8) / 2**23 - 1


def draw(network):
    """Kernels (3,3,C,O) or (inputs,outputs) and biases, layer by layer, then inputs (N,H,W,C), then labels."""
    source = numbers()
    some = lambda scale, *shape: torch.tensor(
        [scale * next(source) for _ in range(torch.Size(shape).numel())], dtype=torch.float64
    ).reshape(shape)
    first = network["blocks"][0]
    channels = 3 if first == 1 else CASES["channels"][first - 2]
    side = network["side"]
    given, modules = channels, []
    for block in network["blocks"]:
        for _ in range(CONVS_PER_BLOCK[block - 1]):
            outputs = CASES["channels"][block - 1]
            conv = nn.Conv2d(channels, outputs, 3, padding=1, dtype=torch.float64)
            conv.weight.data = some(sqrt(6 / (9 * channels)), 3, 3, channels, outputs).permute(3, 2, 0, 1).clone()
            conv.bias.data = some(0.1, outputs)
            modules += [conv, nn.ReLU()]
            channels = outputs
        modules.append(nn.MaxPool2d(2))
        side //= 2
    body = nn.Sequential(*modules)
    inputs = channels * (1 if network["pool"] == "avg" else side * side)
    widths = [inputs, *network["hidden"], CASES["classes"]]
    modules = []
    for inputs, outputs in zip(widths, widths[1:]):
        linear = nn.Linear(inputs, outputs, dtype=torch.float64)
        linear.weight.data = some(sqrt(3 / inputs), inputs, outputs).T.clone()
        linear.bias.data = some(0.1, outputs)
        modules += [linear, nn.ReLU()]
    head = nn.Sequential(*modules[:-1])
    x = some(1, CASES["dataset"], network["side"], network["side"], given).permute(0, 3, 1, 2)
    # What a frozen block hands on is not below zero.
    x = x.abs() if first > 1 else x
    labels = torch.tensor([int((next(source) + 1) / 2 * CASES["classes"]) for _ in range(CASES["dataset"])])
    return body, head, x, labels


def optimiser_of(body, head, training):
    options, lr = training["optimiser"], training["lr"]
    groups = [
        {
            "params": [p for p in part.parameters() if (p.dim() > 1) == is_kernel],
            "weight_decay": options["weightDecay"] if is_kernel else 0,
            "lr": lr * rate,
        }
        for part, rate in ((body, training.get("bodyRate", 1)), (head, 1))
        for is_kernel in (True, False)
    ]
    if options["name"] == "sgd":
        return torch.optim.SGD(groups, lr=lr, momentum=options["momentum"], nesterov=options["nesterov"])
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.999), eps=options.get("epsilon", 1e-8))


def losses(network, training):
    body, head, x, labels = draw(network)
    optimiser = optimiser_of(body, head, training)
    parameters = [*body.parameters(), *head.parameters()]
    criterion = nn.CrossEntropyLoss(label_smoothing=training.get("labelSmoothing", 0))
    first_rates = [group["lr"] for group in optimiser.param_groups]
    result = []
    for step in range(CASES["steps"]):
        count = CASES["shortBatch"] if step % 4 == 3 else CASES["batch"]
        first = step * CASES["batch"] % CASES["dataset"]
        for group, rate in zip(optimiser.param_groups, first_rates):
            group["lr"] = rate * (1 - step / 20)
        maps = body(x[first : first + count])
        # Flattened as it lies in memory here: H, W, C.
        features = maps.mean((2, 3)) if network["pool"] == "avg" else maps.permute(0, 2, 3, 1).flatten(1)
        loss = criterion(head(features), labels[first : first + count])
        optimiser.zero_grad()
        loss.backward()
        if "clipNorm" in training:
            nn.utils.clip_grad_norm_(parameters, training["clipNorm"])
        optimiser.step()
        result.append(loss.item())
    return result


curves = {
    name: {training: losses(network, options) for training, options in CASES["trainings"].items()}
    for name, network in CASES["networks"].items()
}
(HERE / "network_curves_torch.json").write_text(json.dumps(curves, indent=1) + "\n")
