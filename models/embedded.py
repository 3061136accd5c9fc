"""How symbols come into a network: each token's vector is looked up first."""

from __future__ import annotations

from numpy.typing import ArrayLike

from minigrad import Tensor
from minigrad.nn import Embedding, Module

from .cell import State
from .layer import Layer
from .tokens import checked_tokens, refilled


class Embedded(Module):
    """An embedding and the network that reads its vectors; it stands wherever a network does."""

    def __init__(self, embedding: Embedding, network: Module) -> None:
        if not isinstance(embedding, Embedding):
            raise TypeError(f"Embedded: expected an Embedding first, got {type(embedding).__name__}")
        self.output_size = size_of_outputs("Embedded", network)
        self.embedding = embedding
        self.network = network

    @property
    def num_tokens(self) -> int:
        """Size of the vocabulary."""
        return self.embedding.weight.shape[0]

    def forward(
        self, tokens: Tensor | ArrayLike, state: State = None, lengths: ArrayLike | None = None, unroll: bool = False
    ) -> tuple[Tensor, State]:
        """Tokens [batch, time], integers -> what the network makes of their vectors: outputs, final state.

        Past `lengths` there may be any integers. Raises IndexError for a token that the embedding does not have.
        """
        kept = refilled(checked_tokens("Embedded", tokens), lengths, 0)
        return self.network(self.embedding(kept), state, lengths, unroll)


def size_of_outputs(name: str, network: Module) -> int:
    """Size of a network's outputs; TypeError for what is no network over time."""
    if not hasattr(network, "output_size"):
        raise TypeError(f"{name}: expected a layer or a stack of them, as LSTM() makes, got {type(network).__name__}")
    return network.output_size


def check_generates(name: str, network: Module) -> None:
    """Refuse a network that does not read tokens, or reads them backward."""
    if not isinstance(network, Embedded):
        raise TypeError(f"{name}: expected Embedded(embedding, network), got {type(network).__name__}")
    check_looks_back(name, network)


def check_looks_back(name: str, network: Module) -> None:
    """Refuse a network with a layer that reads backward."""
    if any(isinstance(layer, Layer) and layer.reverse for layer in network.modules()):
        raise ValueError(f"{name}: a layer that reads backward sees what is to be predicted; leave it out")
