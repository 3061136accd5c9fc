"""RNN, LSTM and GRU beside PyTorch's, in float64: values, gradients, products with the Hessian."""

from copy import deepcopy
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from models import GRU, LSTM, RNN, LSTMState
from models.interop import load_torch_weights, torch_weights
from models.strategies import Sizes, randomised, sequence_sizes
from tests.models.drawn import assert_equal, gradients, hessian_products, leaf, seeds, weighted, weights_for

torch = pytest.importorskip("torch")

VALUE, CURVATURE = 1e-10, 1e-8
KINDS = {
    "tanh": (RNN, torch.nn.RNN, {}),
    "relu": (RNN, torch.nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (LSTM, torch.nn.LSTM, {}),
    "gru": (GRU, torch.nn.GRU, {}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


class Architecture(NamedTuple):
    """What to build, but for the kind of cell."""

    sizes: Sizes
    num_layers: int
    bidirectional: bool

    def ours(self, kind: str, rng: np.random.Generator) -> Any:
        make, _, settings = KINDS[kind]
        sizes, *rest = self
        return randomised(make(sizes.input, sizes.hidden, *rest, **settings), rng)

    def theirs(self, kind: str) -> Any:
        _, make, settings = KINDS[kind]
        sizes, num_layers, bidirectional = self
        net = make(sizes.input, sizes.hidden, num_layers, bidirectional=bidirectional, batch_first=True, **settings)
        return net.double()

    def nested(self, kind: str, fields: list[list[Any]]) -> Any:
        """A state as ours are, from a list of h (and one of c), for each layer and direction."""
        ends = [LSTMState(*parts) if kind == "lstm" else parts[0] for parts in zip(*fields, strict=True)]
        levels = tuple(zip(ends[::2], ends[1::2], strict=True)) if self.bidirectional else tuple(ends)
        return levels if self.num_layers > 1 else levels[0]


architectures = st.builds(Architecture, sequence_sizes(), st.integers(1, 3), st.booleans())


def run_theirs(net: Any, x: Any, state: list[Any], sizes: Sizes) -> tuple[Any, list[Any]]:
    """Outputs, and final h (and c) [layers * directions, batch, hidden]; packed where there are lengths."""
    before = tuple(state) if len(state) > 1 else state[0]
    if sizes.lengths is None:
        outputs, final = net(x, before)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, sizes.lengths, batch_first=True, enforce_sorted=False)
        packed, final = net(packed, before)
        outputs, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, batch_first=True, total_length=sizes.time)
    return outputs, list(final) if isinstance(final, tuple) else [final]


def under_their_names(net: Any, values: list[mg.Tensor]) -> dict[str, np.ndarray]:
    """One array for each of our parameters (a gradient, a direction), as interop maps the parameters themselves."""
    copy = deepcopy(net)
    copy.load_state_dict(dict(zip(net.state_dict(), values, strict=True)))
    return torch_weights(copy)


def derivative_named(net: Any, kind: str, values: list[mg.Tensor]) -> dict[str, np.ndarray]:
    """What PyTorch's gradients should be: as two biases are added up, each gets the gradient of the sum."""
    named = under_their_names(net, values)
    for name in [name for name in named if name.startswith("bias_hh")]:
        shared = named[name.replace("hh", "ih")].copy()
        if kind == "gru":
            last = slice(2 * len(shared) // 3, None)
            shared[last] = named[name][last]
        named[name] = shared
    return named


def side_by_side(kind: str, architecture: Architecture, seed: int):
    """The same network and data on both sides: (loss, leaves) of each, after their values have been compared."""
    sizes, num_layers, bidirectional = architecture
    rng = np.random.default_rng(seed)
    ours, theirs = architecture.ours(kind, rng), architecture.theirs(kind)
    theirs.load_state_dict({name: torch.from_numpy(array) for name, array in torch_weights(ours).items()})
    x = leaf(rng, sizes.batch, sizes.time, sizes.input)
    ends = num_layers * (1 + bidirectional)
    fields = [[leaf(rng, sizes.batch, sizes.hidden) for _ in range(ends)] for _ in range(1 + (kind == "lstm"))]
    leaves = [x, *chain(*fields), *ours.parameters()]
    got = ours(x, architecture.nested(kind, fields), sizes.lengths)

    their_x = torch.tensor(x.numpy(), requires_grad=True)
    state = [torch.tensor(np.stack([part.numpy() for part in f]), requires_grad=True) for f in fields]
    their_leaves = [their_x, *state, *(p for _, p in theirs.named_parameters())]
    outputs, final = run_theirs(theirs, their_x, state, sizes)
    found = outputs.detach().numpy(), [part.detach().numpy() for part in final]
    assert_equal(got, (found[0], architecture.nested(kind, [list(part) for part in found[1]])), VALUE)

    weights = weights_for(got, rng)
    loss = weighted(got, weights)
    w, *rest = map(torch.from_numpy, weights)
    fields_of = [rest[i :: len(final)] for i in range(len(final))]  # h, c, h, c, ... as our states hold them
    their_loss = (outputs * w).sum() + sum((a * torch.stack(b)).sum() for a, b in zip(final, fields_of, strict=True))
    assert_equal(loss, their_loss.detach().numpy(), VALUE)
    return ours, rng, (loss, leaves), (their_loss, their_leaves)


def assert_same_derivatives(
    kind: str, architecture: Architecture, ours: Any, found: list[mg.Tensor], theirs: list[Any], tol: float
):
    """Derivatives for the input, the state and the parameters, ours and PyTorch's."""
    ends = architecture.num_layers * (1 + architecture.bidirectional)
    fields = 1 + (kind == "lstm")
    dx, states, parameters = found[0], found[1 : 1 + fields * ends], found[1 + fields * ends :]
    assert_equal(dx, theirs[0].numpy(), tol)
    for i in range(fields):
        assert_equal(tuple(states[i * ends : (i + 1) * ends]), tuple(theirs[1 + i].numpy()), tol)
    named = derivative_named(ours, kind, parameters)
    assert_equal(tuple(named.values()), tuple(g.numpy() for g in theirs[1 + fields :]), tol)


@every_kind
@given(architecture=architectures, seed=seeds)
def test_values_and_gradients(kind, architecture, seed):
    ours, _, (loss, leaves), (their_loss, their_leaves) = side_by_side(kind, architecture, seed)
    assert_same_derivatives(
        kind, architecture, ours, gradients(loss, leaves), torch.autograd.grad(their_loss, their_leaves), VALUE
    )


@every_kind
@given(architecture=architectures, seed=seeds)
def test_hessian_vector_products(kind, architecture, seed):
    ours, rng, (loss, leaves), (their_loss, their_leaves) = side_by_side(kind, architecture, seed)
    directions = weights_for(tuple(leaves), rng)
    ends = architecture.num_layers * (1 + architecture.bidirectional)
    count = 1 + ends * (1 + (kind == "lstm"))
    named = under_their_names(ours, [mg.tensor(d) for d in directions[count:]])
    theirs = [directions[0], *(np.stack(directions[i : i + ends]) for i in range(1, count, ends)), *named.values()]
    slopes = torch.autograd.grad(their_loss, their_leaves, create_graph=True)
    slope = sum((g * torch.from_numpy(d)).sum() for g, d in zip(slopes, theirs, strict=True))
    products = torch.autograd.grad(slope, their_leaves)
    assert_same_derivatives(kind, architecture, ours, hessian_products(loss, leaves, directions), products, CURVATURE)


@every_kind
@given(architecture=architectures, seed=seeds)
def test_their_weights_give_the_same_function_here_and_back_there(kind, architecture, seed):
    sizes = architecture.sizes
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    there, back = architecture.theirs(kind), architecture.theirs(kind)  # two biases, none of them zero
    ours = architecture.ours(kind, rng)
    load_torch_weights(ours, {name: array.numpy() for name, array in there.state_dict().items()})
    weights = torch_weights(ours)
    assert [(name, array.shape) for name, array in weights.items()] == [
        (name, tuple(array.shape)) for name, array in there.state_dict().items()
    ]
    back.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    x = rng.standard_normal((sizes.batch, sizes.time, sizes.input))
    outputs = there(torch.from_numpy(x))[0].detach().numpy()
    assert_equal(ours(mg.tensor(x))[0], outputs, VALUE)
    assert_equal(back(torch.from_numpy(x))[0].detach().numpy(), outputs, VALUE)


def test_their_tensors_load_as_they_are():
    there = torch.nn.GRU(3, 2, 2, bidirectional=True, batch_first=True)
    load_torch_weights(ours := GRU(3, 2, 2, bidirectional=True), there.state_dict())
    x = np.random.default_rng(0).standard_normal((2, 4, 3)).astype(np.float32)
    assert_equal(ours(mg.tensor(x))[0], there(torch.from_numpy(x))[0].detach().numpy(), 1e-6)


def test_what_pytorch_has_besides_is_refused():
    with pytest.raises(ValueError, match=r"surplus: weight_hr_l0 float32\[1, 2\]"):
        load_torch_weights(LSTM(3, 2), torch.nn.LSTM(3, 2, proj_size=1).state_dict())
    with pytest.raises(ValueError, match=r"missing: bias_ih_l0 float32\[8\]"):
        load_torch_weights(LSTM(3, 2), torch.nn.LSTM(3, 2, bias=False).state_dict())
