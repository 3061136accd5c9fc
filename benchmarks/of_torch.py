"""PyTorch's part, as its users would write it: torch.nn where it has the network, time first, which it likes best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from .work import TOKENS, WINDOW, Weights, Work, cell_weights, cotangent, model_weights, normal, sequence, texts
from .work import threads as all_threads

torch.set_num_threads(all_threads())

Run = Callable[[], Sequence[Any]]


class Coupled(nn.Module):
    """A user's own cell in a Python loop, its input projected for all steps at once."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.weight_ih_l0 = nn.Parameter(torch.empty(3 * hidden, features))
        self.weight_hh_l0 = nn.Parameter(torch.empty(3 * hidden, hidden))
        self.bias_ih_l0 = nn.Parameter(torch.empty(3 * hidden))

    def forward(self, x: Any) -> Any:
        h = c = x.new_zeros(x.shape[1], self.weight_hh_l0.shape[1])
        outputs = []
        for mapped in nn.functional.linear(x, self.weight_ih_l0, self.bias_ih_l0):
            f, g, o = (mapped + h @ self.weight_hh_l0.T).chunk(3, 1)
            f = torch.sigmoid(f)
            c = f * c + (1 - f) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        return torch.stack(outputs), (h, c)


class LanguageModel(nn.Module):
    """Tokens [time, batch] -> logits, state."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(TOKENS, features)
        self.lstm = nn.LSTM(features, hidden, 2)
        self.head = nn.Linear(hidden, TOKENS)

    def forward(self, tokens: Any, state: Any = None) -> Any:
        outputs, state = self.lstm(self.embedding(tokens), state)
        return self.head(outputs), state


def chain(x: Any) -> Any:
    return torch.tanh(x) * torch.sigmoid(x + 1) + nn.functional.softplus(0.5 * x)


NETWORKS: dict[str, Callable[..., Any]] = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN, "coupled": Coupled}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softplus": nn.functional.softplus,
    "chain": chain,
}


def load(module: Any, weights: Weights, suffix: str) -> None:
    """A cell's weights: the one bias a gate is `bias_ih`, and `bias_hh` 0 but for a GRU's candidate."""
    with torch.no_grad():
        for name, array in weights.items():
            if name == "bias_hn":
                getattr(module, "bias_hh" + suffix)[-len(array) :] = torch.from_numpy(array)
            else:
                getattr(module, name.replace("bias", "bias_ih") + suffix).copy_(torch.from_numpy(array))


def network(work: Work) -> Any:
    features, hidden = work.shape[2:]
    net = NETWORKS[work.name](features, hidden)
    if hasattr(net, "bias_hh_l0"):
        nn.init.zeros_(net.bias_hh_l0)
    load(net, cell_weights(work.name, features, hidden), "_l0")
    return net


def time_first(array: np.ndarray) -> Any:
    return torch.from_numpy(array.swapaxes(0, 1).copy())


def gradients(net: Any) -> list[Any]:
    return [net.weight_ih_l0.grad, net.weight_hh_l0.grad, net.bias_ih_l0.grad]


def training(work: Work) -> Run:
    net, x, g = network(work), time_first(sequence(work)), time_first(cotangent(work))

    def run() -> list[Any]:
        net.zero_grad()
        net(x)[0].backward(g)
        return gradients(net)

    return run


def truncation(work: Work) -> Run:
    net, x, g = network(work), time_first(sequence(work)), time_first(cotangent(work))

    def run() -> list[Any]:
        net.zero_grad()
        state = None
        for window, cotangents in zip(x.split(WINDOW), g.split(WINDOW)):
            outputs, state = net(window, state)
            outputs.backward(cotangents)
            state = tuple(part.detach() for part in state)
        return gradients(net)

    return run


def inference(work: Work) -> Run:
    net, x = network(work), time_first(sequence(work))

    def run() -> list[Any]:
        with torch.no_grad():
            return [net(x)[0]]

    return run


def language_model(work: Work) -> LanguageModel:
    model, weights = LanguageModel(*work.shape[2:]), model_weights(work)
    load(model.embedding, weights["embedding"], "")
    for i in range(2):
        nn.init.zeros_(getattr(model.lstm, f"bias_hh_l{i}"))
        load(model.lstm, weights[f"layer{i}"], f"_l{i}")
    model.head.weight.data, model.head.bias.data = (torch.from_numpy(a) for a in weights["head"].values())
    return model


def step(work: Work) -> Run:
    model, (inputs, targets) = language_model(work), map(time_first, texts(work))
    optimizer = torch.optim.Adam(model.parameters())

    def run() -> list[Any]:
        optimizer.zero_grad()
        logits, _ = model(inputs)
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return [loss.item()]

    return run


def sampling(work: Work) -> Run:
    model = language_model(work).eval()

    def run() -> list[Any]:
        token, state = torch.zeros(1, 1, dtype=torch.long), None
        text = []
        with torch.inference_mode():
            for _ in range(work.shape[1]):
                logits, state = model(token, state)
                token = torch.multinomial(torch.softmax(logits[-1], -1), 1)
                text.append(token.item())
        return [len(text)]

    return run


def elementwise(work: Work) -> Run:
    f, (size,) = FUNCTIONS[work.name], work.shape
    x, g = torch.from_numpy(normal(0, size)).requires_grad_(), torch.from_numpy(normal(1, size))

    def run() -> list[Any]:
        x.grad = None
        f(x).backward(g)
        return [x.grad]

    return run


def sgemm(work: Work) -> Run:
    (size,) = work.shape
    a, b = torch.from_numpy(normal(0, size, size)), torch.from_numpy(normal(1, size, size))
    return lambda: [a @ b]


MAKERS: dict[str, Callable[[Work], Run]] = {
    "training": training,
    "truncation": truncation,
    "inference": inference,
    "step": step,
    "sampling": sampling,
    "elementwise": elementwise,
    "sgemm": sgemm,
}
