"""Module and Parameter: what is found, in which order, and what is done with all of it."""

import copy
import gc
import re
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.nn import Dropout, Linear, Module, Parameter, Sequential


class Net(Module):
    """One of everything that a module may hold."""

    def __init__(self):
        self.second = Parameter(np.zeros((2, 3), np.float32))
        self.first = Linear(3, 2, bias=False)
        self.size = 7
        self.inside = [Linear(2, 2), {"a": Linear(1, 1), "b": (Parameter([1.0]), None)}]
        self.dropout = Dropout(0.5)
        self.tied = self.first.weight
        self.constant = mg.tensor([1.0])

    def forward(self, x, scale=1.0):
        return self.first(x) * scale


NAMES = ["second", "first.weight", "inside.0.weight", "inside.0.bias", "inside.1.a.weight", "inside.1.a.bias"]
NAMES += ["inside.1.b.0"]
trees = st.recursive(
    st.integers(0, 3), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner)
)


def entries(module):
    return {name: p.numpy().tolist() for name, p in module.named_parameters()}


# parameters


def test_parameter_is_a_leaf_with_its_own_array():
    data = np.ones(3)
    p = Parameter(data)
    data[0] = 5
    assert isinstance(p, mg.Tensor) and p.is_leaf and p.requires_grad and p.dtype == np.float64
    assert p.numpy().tolist() == [1, 1, 1]
    assert Parameter([1.0]).dtype == np.float32
    assert not Parameter([1, 2], requires_grad=False).requires_grad
    for result in (p + 1, -p, p[0], p.detach(), p.reshape(1, 3)):
        assert type(result) is mg.Tensor


def test_parameter_of_integers_that_wants_a_gradient_is_refused():
    with pytest.raises(TypeError, match="requires_grad: only floats carry a gradient, got int64"):
        Parameter([1, 2])


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_of_a_parameter(copied):
    p = Parameter([1.0, 2.0])
    twin = copied(p)
    assert type(twin) is Parameter and twin.requires_grad and twin is not p
    twin.assign_([3.0, 4.0])
    (twin * 2).sum().backward()
    assert p.numpy().tolist() == [1, 2] and p.grad is None
    frozen = copied(Parameter([1.0], requires_grad=False))
    assert type(frozen) is Parameter and not frozen.requires_grad


# what is found


def test_names_in_order_of_definition_and_each_parameter_once():
    net = Net()
    assert [name for name, _ in net.named_parameters()] == NAMES
    assert list(map(id, net.parameters())) == [id(p) for _, p in net.named_parameters()]


def test_modules_and_children():
    net = Net()
    kinds = [type(m).__name__ for m in net.modules()]
    assert kinds == ["Net", "Linear", "Linear", "Linear", "Dropout"]
    assert list(net.children()) == list(net.modules())[1:]
    outer = Sequential(net, net)
    assert list(outer.children()) == [net]
    assert list(outer.modules()) == [outer, *net.modules()]
    assert [name for name, _ in outer.named_parameters()] == [f"layers.0.{name}" for name in NAMES]


@given(trees)
def test_every_nesting_is_searched(tree):
    shared = [Parameter([float(i)]) for i in range(4)]

    def planted(part):
        if isinstance(part, int):
            return shared[part]
        return [*map(planted, part)] if isinstance(part, list) else {k: planted(v) for k, v in part.items()}

    def leaves(part):
        if isinstance(part, int):
            return [part]
        return [leaf for inner in (part.values() if isinstance(part, dict) else part) for leaf in leaves(inner)]

    module = Module()
    module.tree = planted(tree)
    assert list(map(id, module.parameters())) == [id(shared[i]) for i in dict.fromkeys(leaves(tree))]


def test_modules_that_know_each_other():
    net = Sequential(Linear(1, 1))
    net.layers[0].owner = net
    assert len(list(net.modules())) == 2 and len(list(net.parameters())) == 2
    assert "owner: ..." in repr(net)


def test_a_parameter_that_comes_later_is_found():
    net = Net()
    net.late = Parameter([1.0])
    assert [name for name, _ in net.named_parameters()] == [*NAMES, "late"]


def test_gradient_of_a_shared_parameter_adds_up_and_a_step_is_taken_once():
    net = Sequential(Linear(1, 1, bias=False))
    net.again = net.layers[0]
    net.layers[0].weight.assign_([[3.0]])
    net.again(net(mg.tensor([2.0]))).sum().backward()  # 2 * w * w
    assert net.layers[0].weight.grad.item() == 12
    mg.optim.SGD(net.parameters(), lr=0.25).step()
    assert net.layers[0].weight.item() == 0


# what is done with all of it


def test_calling_is_forward():
    net, x = Net(), mg.tensor([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(net(x, scale=2.0).numpy(), (2 * net.first(x)).numpy())


def test_a_module_without_forward_says_so():
    class Bare(Module):
        pass

    with pytest.raises(TypeError, match=r"Bare must define forward\(self, ...\)"):
        Bare()(1)


def test_train_and_eval():
    net = Net()
    assert all(m.training for m in net.modules())
    assert net.eval() is net and not any(m.training for m in net.modules())
    assert net.train() is net and all(m.training for m in net.modules())
    net.train(False)
    assert not any(m.training for m in net.modules()) and Net().training


@pytest.mark.parametrize("dtype", [np.float64, "float64", np.float16])
def test_to(dtype):
    net = Net()
    net.count = Parameter([3], requires_grad=False)
    before, ids = entries(net), list(map(id, net.parameters()))
    net(mg.tensor(np.ones((1, 3), np.float32))).sum().backward()
    assert net.to(dtype) is net
    assert {p.dtype for name, p in net.named_parameters() if name != "count"} == {np.dtype(dtype)}
    assert net.count.dtype == np.int64
    assert list(map(id, net.parameters())) == ids and all(
        p.requires_grad for p in net.parameters() if p is not net.count
    )
    assert all(p.grad is None for p in net.parameters())
    for name, values in entries(net).items():
        np.testing.assert_allclose(values, before[name], rtol=1e-3)


def test_to_float64_computes_in_float64():
    net = Linear(3, 2).to(np.float64)
    y = net(mg.tensor(np.ones((1, 3), np.float32)))
    y.sum().backward()
    assert y.dtype == np.float64 and net.weight.grad.dtype == np.float64


def test_to_the_same_dtype_changes_nothing():
    net = Linear(1, 1)
    y = net(mg.tensor([1.0]))
    net.to(np.float32)
    y.backward()
    assert net.weight.grad.item() == 1


def test_a_graph_from_before_to_is_refused():
    net = Linear(1, 1)
    y = net(mg.tensor([1.0]))
    net.to(np.float64)
    with pytest.raises(RuntimeError, match="assign_"):
        y.backward()


@pytest.mark.parametrize("dtype", [np.int64, bool, complex])
def test_to_what_is_no_float_is_refused(dtype):
    net = Net()
    with pytest.raises(
        TypeError, match=r"^to: only floats carry a gradient, so expected np\.float32 or np\.float64, got"
    ):
        net.to(dtype)
    assert {p.dtype for p in net.parameters()} == {np.dtype(np.float32)}


def test_zero_grad():
    net = Net()
    net.frozen = Parameter([1.0], requires_grad=False)
    net(mg.tensor(np.ones((1, 3), np.float32))).sum().backward()
    assert net.first.weight.grad is not None
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_deepcopy_is_independent_and_keeps_what_is_shared():
    net = Net()
    twin = copy.deepcopy(net)
    assert entries(twin) == entries(net) and twin.tied is twin.first.weight and twin.tied is not net.tied
    twin.tied.assign_(np.zeros((2, 3)))
    assert entries(twin) != entries(net)


def test_a_module_is_freed_by_reference_counting():
    gc.disable()
    try:
        net = Net()
        net(mg.tensor(np.ones((1, 3), np.float32))).sum().backward()
        gone = weakref.ref(net)
        del net
        assert gone() is None
    finally:
        gc.enable()


# state


def test_state_dict_is_a_snapshot():
    net = Net()
    state, before = net.state_dict(), entries(net)
    assert list(state) == NAMES
    assert all(type(value) is mg.Tensor and not value.requires_grad for value in state.values())
    for p in net.parameters():
        p.assign_(p.numpy() + 1)
    assert {name: value.numpy().tolist() for name, value in state.items()} == before
    net.load_state_dict(state)
    assert entries(net) == before


def test_load_takes_tensors_and_arrays_in_any_order_and_keeps_its_own_copy():
    net, other = Net(), Net()
    arrays = {name: value.numpy().copy() for name, value in reversed(other.state_dict().items())}
    ids = list(map(id, net.parameters()))
    net.load_state_dict(arrays)
    assert entries(net) == entries(other) and list(map(id, net.parameters())) == ids
    assert all(p.requires_grad for p in net.parameters())
    arrays["second"][:] = 9
    assert entries(net) == entries(other)


def test_a_state_that_does_not_fit_is_refused_with_all_the_names():
    net = Net()
    before = entries(net)
    state = {name: mg.tensor(value.numpy() + 1) for name, value in net.state_dict().items()}
    del state["first.weight"], state["inside.1.b.0"]
    state |= {"extra": mg.tensor([1.0]), "second": mg.tensor(np.zeros((3, 2), np.float32))}
    state |= {"inside.0.bias": mg.tensor(np.zeros(2)), "inside.1.a.bias": 1.0}
    with pytest.raises(ValueError) as refusal:
        net.load_state_dict(state)
    assert str(refusal.value) == (
        "load_state_dict: the state does not fit this Net, and nothing was loaded; build it with the same sizes, or "
        "change its dtype with to():\n"
        "  second: expected float32[2, 3], got float32[3, 2]\n"
        "  missing: first.weight float32[2, 3]\n"
        "  inside.0.bias: expected float32[2], got float64[2]\n"
        "  inside.1.a.bias: expected float32[1], got 1.0\n"
        "  missing: inside.1.b.0 float32[1]\n"
        "  surplus: extra float32[1]"
    )
    assert entries(net) == before


def test_a_path_in_place_of_a_state_is_refused():
    with pytest.raises(
        TypeError, match=re.escape("load_state_dict: expected a dict, as mg.load(path) returns, got str")
    ):
        Net().load_state_dict("weights.safetensors")


def test_through_a_file(tmp_path):
    net, other = Net(), Net()
    mg.save(tmp_path / "net.safetensors", net)
    other.load_state_dict(mg.load(tmp_path / "net.safetensors"))
    assert entries(other) == entries(net)


# how it reads


def test_repr():
    assert repr(Linear(3, 2)) == "Linear(weight [2, 3], bias [2]): 8 parameters"
    assert repr(Dropout(0.5)) == "Dropout(p=0.5)"
    assert repr(Sequential(Linear(300, 4, bias=False), mg.tanh, Dropout(0.1))) == (
        "Sequential(\n"
        "  layers.0: Linear(weight [4, 300]): 1,200 parameters\n"
        "  layers.1: tanh\n"
        "  layers.2: Dropout(p=0.1)\n"
        "): 1,200 parameters"
    )
    assert repr(Net().eval()) == (
        "Net(\n"
        "  second [2, 3]\n"
        "  first: Linear(weight [2, 3]): 6 parameters\n"
        "  size=7\n"
        "  inside.0: Linear(weight [2, 2], bias [2]): 6 parameters\n"
        "  inside.1.a: Linear(weight [1, 1], bias [1]): 2 parameters\n"
        "  inside.1.b.0 [1]\n"
        "  dropout: Dropout(p=0.5)\n"
        "  tied [2, 3]\n"
        "): 21 parameters"
    )


def test_repr_of_long_settings_is_short():
    module = Module()
    module.alphabet = "abc" * 1000
    module._hidden = 1
    assert len(repr(module)) < 60 and "alphabet='abc" in repr(module) and "_hidden" not in repr(module)
