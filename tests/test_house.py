"""The rules of the house: who may import whom, how long the part for learners may be, and what is public."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import minigrad as mg

ROOT = Path(__file__).parent.parent
FLOORS = [
    {"minigrad.kernels"},
    {"minigrad.arrays", "minigrad.domain", "minigrad.errors", "minigrad.mode", "minigrad.random"},
    {"minigrad.node"},
    {"minigrad.shortcut"},
    {"minigrad.graph"},
    {"minigrad.ops"},
    {"minigrad.backward", "minigrad.convolution", "minigrad.einsum"},
    {"minigrad.tensor"},
    {"minigrad.transforms", "minigrad.checkpoint"},
    {"minigrad.functional", "minigrad.fusion"},
    {"minigrad.io"},
    {"minigrad.nn", "minigrad.optim", "minigrad.data"},
    {"minigrad.testing"},
    {"minigrad.inspect"},
    {"minigrad"},
    {"models"},
    {"demos"},
]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in ("minigrad", "models", "demos")
    for path in sorted((ROOT / package).rglob("*.py"))
}
TREES = {module: ast.parse(path.read_text()) for module, path in FILES.items()}
every_module = pytest.mark.parametrize("module", FILES)


def unit(module):
    """What a module belongs to: `minigrad.ops` for `minigrad.ops.linear`."""
    top, *rest = module.split(".")
    return f"{top}.{rest[0]}" if top == "minigrad" and rest else top


def floor(module):
    floors = [height for height, floor in enumerate(FLOORS) if unit(module) in floor]
    assert floors, f"on which floor is {module}? Say so in FLOORS"
    return floors[0]


def imported(module):
    """The modules of this project that a module imports, wherever the import stands."""
    names = []
    package = module if FILES[module].name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(TREES[module]):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            names += [f"{source}.{a.name}" if f"{source}.{a.name}" in FILES else source for a in node.names]
    return [name for name in names if name.split(".")[0] in ("minigrad", "models", "demos", "tests", "benchmarks")]


@every_module
def test_imports_go_downwards_only(module):
    for other in imported(module):
        if unit(other) != unit(module):
            assert floor(other) < floor(module), f"{module} imports {other}, which is not beneath it"


def test_imports_make_no_circle():
    assert list(
        TopologicalSorter({module: {n for n in imported(module) if n != module} for module in FILES}).static_order()
    )  # raises where there is one


@every_module
def test_imports_stand_at_the_top(module):
    statements = TREES[module].body
    imports = [i for i, s in enumerate(statements) if isinstance(s, ast.Import | ast.ImportFrom)]
    definitions = [i for i, s in enumerate(statements) if isinstance(s, ast.FunctionDef | ast.ClassDef)]
    assert not (imports and definitions) or max(imports) < min(definitions)


@every_module
def test_numba_stays_in_the_basement(module):
    names = [a.name for n in ast.walk(TREES[module]) if isinstance(n, ast.Import) for a in n.names]
    names += [n.module or "" for n in ast.walk(TREES[module]) if isinstance(n, ast.ImportFrom) and not n.level]
    assert unit(module) == "minigrad.kernels" or not any(n.split(".")[0] in ("numba", "llvmlite") for n in names)


def test_what_a_learner_reads_is_under_a_thousand_lines():
    read = {"minigrad.node", "minigrad.graph", "minigrad.backward", "minigrad.tensor", "minigrad.ops"}
    lines = {m: len(path.read_text().splitlines()) for m, path in FILES.items() if unit(m) in read}
    total = sum(lines.values())
    assert total < 1000, f"{total} lines, and the README promises fewer than 1,000: shorten some, of {lines}"


def test_importing_compiles_nothing():
    check = "import sys, minigrad; print(sorted({'numba', 'llvmlite', 'torch', 'scipy'} & {*sys.modules}))"
    ran = subprocess.run([sys.executable, "-c", check], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


PUBLIC = {
    "minigrad": "tensor Tensor grad value_and_grad vjp jvp hvp jacobian hessian no_grad functional nn optim save load "
    "manual_seed add subtract multiply divide negative power abs sign maximum minimum clip where sqrt square "
    "exp expm1 log log1p tanh sigmoid relu leaky_relu softplus silu gelu sin cos sum mean prod max min var logsumexp "
    "cumsum reshape transpose swapaxes expand_dims squeeze broadcast_to concatenate stack split pad flip getitem take "
    "take_along_axis matmul einsum conv2d max_pool2d argmax equal less checkpoint",
    "minigrad.functional": "softmax log_softmax cross_entropy nll_loss mse_loss l1_loss huber_loss bce_with_logits "
    "dropout one_hot layer_norm",
    "minigrad.nn": "Module Parameter Linear Embedding Dropout LayerNorm Conv2d MaxPool2d Flatten Sequential init",
    "minigrad.testing": "check_gradients check_same check_checkpointed check_batched check_fused check_unrolled "
    "GradientError",
    "minigrad.optim": "SGD RMSProp Adam AdamW clip_grad_norm clip_grad_value",
    "models": "RNN LSTM GRU RNNCell LSTMCell GRUCell",
}


@pytest.mark.parametrize(("module", "name"), [(m, name) for m, names in PUBLIC.items() for name in names.split()])
def test_public_names(module, name):
    assert hasattr(import_module(module), name)


@pytest.mark.parametrize("name", sorted(mg.__all__))
def test_what_is_exported_exists_and_is_documented(name):
    assert getattr(mg, name).__doc__
