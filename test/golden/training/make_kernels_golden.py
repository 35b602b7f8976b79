#!/usr/bin/env python3
"""Makes kernels.json: losses with their gradients, and steps of optimisers, by PyTorch in float64.

    python3 test/golden/training/make_kernels_golden.py

Run with Python 3.11, torch 1.13.0, numpy 1.24. Inputs are float32 numbers from a seeded generator.
"""
import json
from pathlib import Path

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
random = np.random.default_rng(5)


def normal(*shape, deviation=1.0):
    return torch.from_numpy((deviation * random.standard_normal(shape)).astype(np.float32)).double()


# ---- the loss -----------------------------------------------------------------------------------------------


def loss_case(why, x, labels, weights=None, smoothing=0.0):
    """A label of -1 marks a row without a picture."""
    x = x.clone().requires_grad_()
    w = None if weights is None else torch.tensor(weights, dtype=torch.float32).double()
    criterion = torch.nn.CrossEntropyLoss(weight=w, label_smoothing=smoothing, ignore_index=-1)
    loss = criterion(x, torch.tensor(labels))
    loss.backward()
    return {
        "why": why,
        "classes": x.shape[1],
        "smoothing": smoothing,
        "weights": weights,
        "labels": labels,
        "x": x.detach().flatten().tolist(),
        "loss": loss.item(),
        "dx": x.grad.flatten().tolist(),
    }


WEIGHTS = [0.5, 2.0, 1.25, 0.0, 3.0]
LABELS = [4, 0, -1, 2, 1, 1, 3]
SCORES = normal(len(LABELS), len(WEIGHTS), deviation=3)
losses = [
    loss_case("plain", SCORES, LABELS),
    loss_case("smoothed", SCORES, LABELS, smoothing=0.1),
    loss_case("weighted", SCORES, LABELS, WEIGHTS),
    loss_case("weighted and smoothed", SCORES, LABELS, WEIGHTS, 0.3),
    loss_case("one row of two classes", normal(1, 2), [1], [0.25, 4.0], 0.05),
    loss_case(
        "scores of 1e4",
        torch.tensor([[1e4, -1e4, 0.0], [-1e4, 1e4, 1e4], [1e4, 1e4, 1e4]]).double(),
        [1, 2, 0],
        smoothing=0.1,
    ),
]


# ---- optimisers ---------------------------------------------------------------------------------------------

LRS = [0.1, 0.05, 0.2, 0.01, 0.1, 0.003]
START = normal(8)
GRADIENTS = [normal(8) for _ in LRS]


def optimiser_case(name, hyper, max_norm=None):
    w = START.clone().requires_grad_()
    if name == "sgd":
        optimiser = torch.optim.SGD(
            [w], lr=1, momentum=hyper["momentum"], nesterov=hyper["nesterov"], weight_decay=hyper["weightDecay"]
        )
    else:
        optimiser = torch.optim.AdamW(
            [w],
            lr=1,
            betas=(hyper["beta1"], hyper["beta2"]),
            eps=hyper["epsilon"],
            weight_decay=hyper["weightDecay"],
        )
    after, norms = [], []
    for lr, gradient in zip(LRS, GRADIENTS):
        w.grad = gradient.clone()
        if max_norm is not None:
            norms.append(torch.nn.utils.clip_grad_norm_([w], max_norm).item())
        optimiser.param_groups[0]["lr"] = lr
        optimiser.step()
        after.append(w.detach().tolist())
    return {"name": name, "hyper": hyper, "maxNorm": max_norm, "norms": norms, "after": after}


def sgd(momentum, nesterov, decay, **more):
    return optimiser_case("sgd", {"momentum": momentum, "nesterov": nesterov, "weightDecay": decay}, **more)


def adamw(beta1, beta2, epsilon, decay, **more):
    hyper = {"beta1": beta1, "beta2": beta2, "epsilon": epsilon, "weightDecay": decay}
    return optimiser_case("adamw", hyper, **more)


golden = {
    "losses": losses,
    "lrs": LRS,
    "start": START.tolist(),
    "gradients": [gradient.tolist() for gradient in GRADIENTS],
    "optimisers": [
        sgd(0, False, 0),
        sgd(0.9, False, 5e-4),
        sgd(0.9, True, 0.1),
        sgd(0.9, True, 0.01, max_norm=2.5),
        adamw(0.9, 0.999, 1e-8, 0.01),
        adamw(0.5, 0.9, 1e-3, 0),
        adamw(0.9, 0.999, 1e-8, 0.1, max_norm=2.5),
    ],
}
(HERE / "kernels.json").write_text(json.dumps(golden, indent=1) + "\n")
