"""Writes what scikit-learn makes of some predictions.

    pip install scikit-learn
    python make_golden.py

golden.json  classes, labels and probabilities of 60 pictures, and what scikit-learn computes from them; class 5 has no
             pictures, class 6 is never predicted

Written with scikit-learn 1.9.1 and Python 3.11.
"""

import json
from pathlib import Path

import numpy as np
from sklearn import metrics

COUNT, CLASSES = 60, 7

random = np.random.default_rng(5)
labels = random.choice([0, 1, 2, 3, 4, 6], COUNT, p=[0.35, 0.25, 0.15, 0.1, 0.1, 0.05])
logits = random.normal(size=(COUNT, CLASSES))
logits[np.arange(COUNT), labels] += 1.5
logits[:, 6] -= 9
probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
predicted = probabilities.argmax(axis=1)
every = np.arange(CLASSES)
precision, recall, f1, count = metrics.precision_recall_fscore_support(
    labels, predicted, labels=every, zero_division=0
)
golden = {
    "classes": [f"class {c}" for c in every],
    "labels": labels.tolist(),
    "probabilities": probabilities.tolist(),
    "accuracy": metrics.accuracy_score(labels, predicted),
    "top5": metrics.top_k_accuracy_score(labels, probabilities, k=5, labels=every),
    "loss": metrics.log_loss(labels, probabilities, labels=every),
    "macroAccuracy": metrics.recall_score(
        labels, predicted, labels=np.unique(labels), average="macro", zero_division=0
    ),
    "confusion": metrics.confusion_matrix(labels, predicted, labels=every).tolist(),
    "precision": precision.tolist(),
    "recall": recall.tolist(),
    "f1": f1.tolist(),
    "count": count.tolist(),
}
(Path(__file__).parent / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")
