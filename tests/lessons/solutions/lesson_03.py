"""Solutions of lesson 3's exercises."""

from collections.abc import Sequence

import numpy as np

from minigrad import Tensor


def accumulate(w: Tensor, batches: Sequence[np.ndarray]) -> None:
    rows = sum(len(batch) for batch in batches)
    w.grad = None
    for batch in batches:
        (((batch @ w) ** 2).sum() / rows).backward()


def separate_gradients(losses: Sequence[Tensor], w: Tensor) -> list[Tensor]:
    found = []
    for loss in losses:
        w.grad = None
        loss.backward(retain_graph=loss is not losses[-1])
        found.append(w.grad)
    return found
