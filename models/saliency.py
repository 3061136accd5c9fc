"""What a classifier of tokens went by: the gradient of a logit, times each token's vector."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import minigrad as mg
from minigrad.inspect import saliency

from .bridge import summary
from .classifier import Classifier
from .embedded import Embedded
from .tokens import checked_tokens, refilled


def contributions(
    model: Classifier, tokens: ArrayLike, lengths: ArrayLike | None, positive: int, negative: int
) -> np.ndarray:
    """How much each token speaks for class `positive` rather than `negative`, [batch, time]; 0 past `lengths`.

    Gradient of logit[positive] - logit[negative] with respect to the token's vector, times that vector, summed
    (Denil, Demiraj and de Freitas 2014): to first order, what the difference loses if the vector becomes 0.
    tokens: [batch, time], integers. Raises TypeError for a model that does not read tokens.
    """
    network = model.network
    if not isinstance(network, Embedded):
        raise TypeError(f"contributions: expected a classifier of tokens (Embedded), got {type(network).__name__}")
    kept = refilled(checked_tokens("contributions", tokens), lengths, 0)
    vectors = mg.tensor(network.embedding(kept).numpy(), requires_grad=True)
    _, final = network.network(vectors, lengths=lengths)
    logits = model.head(summary(network.network, final))
    return saliency((logits[:, positive] - logits[:, negative]).sum(), vectors)
