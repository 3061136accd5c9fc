"""minigrad's part: each maker returns what is to be timed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import minigrad as mg
from minigrad import Tensor, nn, sigmoid, tanh
from models import GRU, LSTM, RNN, Cell, Embedded, LanguageModel, Layer, LSTMState, truncated

from .work import TOKENS, WINDOW, Weights, Work, cell_weights, cotangent, model_weights, normal, sequence, texts

Run = Callable[[], Sequence[Any]]


class CoupledLSTMCell(Cell):
    """A user's own cell: what is not kept is what is written (Greff et al. 2017, "CIFG")."""

    gates = 3
    State = LSTMState

    def body(self, x: Sequence[Tensor], h: Sequence[Tensor], state: LSTMState) -> LSTMState:
        f, g, o = (a + b for a, b in zip(x, h))
        f = sigmoid(f)
        c = f * state.c + (1 - f) * tanh(g)
        return LSTMState(sigmoid(o) * tanh(c), c)


def coupled(features: int, hidden: int) -> Layer:
    return Layer(CoupledLSTMCell(features, hidden))


def chain(x: Tensor) -> Tensor:
    return tanh(x) * sigmoid(x + 1) + mg.softplus(0.5 * x)


NETWORKS: dict[str, Callable[..., Any]] = {"lstm": LSTM, "gru": GRU, "rnn": RNN, "coupled": coupled}
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": mg.tanh,
    "sigmoid": mg.sigmoid,
    "softplus": mg.softplus,
    "chain": mg.fuse(chain),
}


def load(module: Any, weights: Weights) -> None:
    for name, array in weights.items():
        getattr(module, name).assign_(array)


def network(work: Work) -> Any:
    features, hidden = work.shape[2:]
    net = NETWORKS[work.name](features, hidden)
    load(net.cell, cell_weights(work.name, features, hidden))
    return net


def training(work: Work) -> Run:
    net, x, g = network(work), mg.tensor(sequence(work)), mg.tensor(cotangent(work))

    def run() -> list[Any]:
        net.zero_grad()
        net(x)[0].backward(g)
        return [net.cell.weight_ih.grad, net.cell.weight_hh.grad, net.cell.bias.grad]

    return run


def truncation(work: Work) -> Run:
    net, x, g = network(work), mg.tensor(sequence(work)), mg.tensor(cotangent(work))

    def run() -> list[Any]:
        net.zero_grad()
        for window, outputs, _ in truncated(net, x, WINDOW):
            outputs.backward(g[:, window])
        return [net.cell.weight_ih.grad, net.cell.weight_hh.grad, net.cell.bias.grad]

    return run


def inference(work: Work) -> Run:
    net, x = network(work), mg.tensor(sequence(work))

    def run() -> list[Any]:
        with mg.no_grad():
            return [net(x)[0]]

    return run


def language_model(work: Work) -> LanguageModel:
    features, hidden = work.shape[2:]
    layers: Any = LSTM(features, hidden, num_layers=2)
    model = LanguageModel(Embedded(nn.Embedding(TOKENS, features), layers))
    weights = model_weights(work)
    load(model.network.embedding, weights["embedding"])
    for i, layer in enumerate(layers.layers):
        load(layer.cell, weights[f"layer{i}"])
    load(model.head, weights["head"])
    return model


def step(work: Work) -> Run:
    model, (inputs, targets) = language_model(work), texts(work)
    parameters = list(model.parameters())
    optimizer = mg.optim.Adam(parameters)

    def run() -> list[Any]:
        optimizer.zero_grad()
        loss, _ = model.loss(inputs, targets)
        loss.backward()
        mg.optim.clip_grad_norm(parameters, 1.0)
        optimizer.step()
        return [loss.item()]

    return run


def sampling(work: Work) -> Run:
    model = language_model(work).eval()
    return lambda: [len(model.generate([0], work.shape[1]))]


def elementwise(work: Work) -> Run:
    f, (size,) = FUNCTIONS[work.name], work.shape
    x, g = mg.tensor(normal(0, size), requires_grad=True), mg.tensor(normal(1, size))

    def run() -> list[Any]:
        x.grad = None
        f(x).backward(g)
        return [x.grad]

    return run


MAKERS: dict[str, Callable[[Work], Run]] = {
    "training": training,
    "truncation": truncation,
    "inference": inference,
    "step": step,
    "sampling": sampling,
    "elementwise": elementwise,
}
