"""What fastai's lr_find makes of five series of losses: its rates, its smoothed losses, and the rate that it suggests.

    pip install fastai    # 2.7.18 made the file, on PyTorch 1.13
    python make_lr_curves.py lr_curves.json

The losses are given to a Learner by its loss function, one for each step, so that smoothing, the end of the search and the
suggestion are fastai's own.
"""

import json
import math
import random
import sys
import tempfile

import fastai
import torch
from fastai.basics import DataLoaders, Learner
from fastai.callback import schedule  # noqa: F401, gives Learner its lr_find
from torch.utils.data import DataLoader, TensorDataset

STEPS = 100
rates = [1e-7 * 1e8 ** (i / STEPS) for i in range(STEPS)]


def bowl(rate):
    x = math.log10(rate)
    # Nowhere level: where it is, float32 decides by rounding which loss is the lower one.
    return 2 - (x + 4) * 0.01 if x < -4 else 2 - (x + 4) * 0.6 if x < -1 else 0.2 + 30 * (x + 1)


def trained():
    """A logistic regression on points of two classes, by SGD, at the rates of the search."""
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(64, 20, generator=generator)
    y = (x[:, 0] + 0.5 * x[:, 1] > 0).float()
    w = torch.zeros(20, requires_grad=True)
    losses = []
    for step, rate in enumerate(rates):
        rows = slice(16 * (step % 4), 16 * (step % 4 + 1))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(x[rows] @ w, y[rows])
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, w)
        w = (w - rate * gradient).detach().requires_grad_()
    return losses


noise = random.Random(3)
series = {
    "a bowl": [bowl(rate) for rate in rates],
    "a bowl with noise": [bowl(rate) * (1 + 0.2 * noise.random()) for rate in rates],
    "an early end": [1 - 0.004 * i if rate < 1e-2 else 1000 for i, rate in enumerate(rates)],
    "no number in the end": [2 - 0.02 * i if i < 80 else math.nan for i in range(STEPS)],
    "a logistic regression": trained(),
}


def found(losses):
    left = iter(losses)
    model = torch.nn.Linear(1, 1)
    data = DataLoader(TensorDataset(torch.zeros(STEPS, 1), torch.zeros(STEPS, 1)), batch_size=1)
    learner = Learner(
        DataLoaders(data, data),
        model,
        loss_func=lambda prediction, _: 0 * prediction.sum() + next(left),
        path=tempfile.mkdtemp(),
    )
    suggestion = learner.lr_find(show_plot=False)
    recorder = learner.recorder
    smoothed = [loss.item() for loss in recorder.losses]
    return {
        "losses": [None if math.isnan(loss) else loss for loss in losses],
        "rates": [float(rate) for rate in recorder.lrs],
        "smoothed": [None if math.isnan(loss) else loss for loss in smoothed],
        "suggestion": suggestion.valley,
    }


with torch.random.fork_rng():
    curves = {name: found(losses) for name, losses in series.items()}
with open(sys.argv[1], "w") as file:
    json.dump({"fastai": fastai.__version__, "torch": torch.__version__, "curves": curves}, file)
    file.write("\n")
