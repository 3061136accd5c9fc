"""What a classifier went by: contributions are the slope along each token's own vector."""

import numpy as np
import pytest

from minigrad.nn import Embedding
from models import GRU, LSTM, Classifier, Embedded
from models.saliency import contributions

rng = np.random.default_rng(0)
TOKENS, LENGTHS = rng.permutation(20).reshape(4, 5), np.array([5, 2, 1, 4])  # each token once


@pytest.mark.parametrize("network", [LSTM(3, 4, num_layers=2), GRU(3, 4, bidirectional=True)])
def test_they_are_what_stretching_a_vector_changes(network):
    model = Classifier(Embedded(Embedding(20, 3), network), 3).to(np.float64)
    found = contributions(model, TOKENS, LENGTHS, positive=2, negative=0)
    table = model.network.embedding.weight

    def difference(weights):
        table.assign_(weights)
        logits = model(TOKENS, LENGTHS).numpy()
        return logits[:, 2] - logits[:, 0]

    before, eps = table.numpy().copy(), 1e-5
    for row, column in np.ndindex(TOKENS.shape):
        stretched, shrunk = before.copy(), before.copy()
        stretched[TOKENS[row, column]] *= 1 + eps
        shrunk[TOKENS[row, column]] *= 1 - eps
        slope = (difference(stretched) - difference(shrunk))[row] / (2 * eps)
        np.testing.assert_allclose(found[row, column], slope, rtol=1e-6, atol=1e-9)
    assert not found[np.arange(5) >= LENGTHS[:, None]].any()


def test_no_gradient_is_left_at_the_vectors():
    model = Classifier(Embedded(Embedding(20, 3), LSTM(3, 4)), 2)
    contributions(model, TOKENS, None, 1, 0)
    assert model.network.embedding.weight.grad is None


def test_a_model_of_vectors_is_refused():
    with pytest.raises(TypeError, match=r"expected a classifier of tokens .*, got Layer"):
        contributions(Classifier(LSTM(3, 4), 2), TOKENS, None, 1, 0)
