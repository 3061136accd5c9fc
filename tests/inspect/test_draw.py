"""draw: all that was recorded, in a handful of boxes; text that Mermaid and Graphviz can read; norms that are right."""

import re
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import minigrad as mg
from minigrad.backward import walk as sent_back
from minigrad.inspect import draw
from minigrad.inspect.graph import recorded_nodes
from minigrad.nn import Embedding, Linear
from minigrad.node import Traced
from minigrad.testing.strategies import programs
from models import GRU, LSTM, Classifier, Decoder, Embedded, GRUCell, LSTMCell, Seq2Seq

needs_graphviz = pytest.mark.skipif(not shutil.which("dot"), reason="needs Graphviz")


def leaf(*shape, seed=0, dtype=np.float64):
    return mg.tensor(np.random.default_rng(seed).normal(size=shape).astype(dtype), requires_grad=True)


def boxes(drawing):
    """What stands in the drawing, frames left out."""
    return [box for box in drawing.everything() if not box.parts]


def ops(drawing):
    return [box for box in boxes(drawing) if box.kind not in ("leaf", "constant")]


def titled(drawing, title):
    (box,) = [box for box in drawing.everything() if box.title == title]
    return box


def into(drawing, box):
    """Titles of what goes into a box, and whether it is carried."""
    return [(a.source.title, a.carried) for a in drawing.arrows if a.target is box]


# a handful of boxes


@pytest.fixture(scope="module")
def thousand():
    net = LSTM(8, 32)
    return net, mg.tensor(np.random.default_rng(0).normal(size=(3, 1000, 8)).astype(np.float32))


@pytest.mark.parametrize("lengths", [None, [1000, 500, 3]])
@pytest.mark.parametrize("unroll", [False, True])
def test_a_thousand_steps_are_a_handful_of_boxes(thousand, unroll, lengths):
    net, x = thousand
    drawing = draw(net(x, unroll=unroll, lengths=lengths)[0].sum(), gradients=True)
    assert len(ops(drawing)) <= 6 and len(boxes(drawing)) <= 12
    (loop,) = [box for box in boxes(drawing) if "LSTMCell x 1000" in box.title]
    (arrow,) = [a for a in drawing.arrows if a.carried]
    assert arrow.source is arrow.target is loop and arrow.label == "2 x float32[3, 32]"
    assert "weight_hh float32[128, 32]" in loop.lines
    assert (titled(drawing, "sum") in drawing.outputs) and "LSTMCell x 1000" in str(drawing)
    assert ",;" not in str(drawing)  # a list of ops takes several lines in a box, and one in text


@pytest.mark.parametrize("unroll", [False, True])
def test_one_step_of_it(thousand, unroll):
    net, x = thousand
    drawing = draw(net(x, unroll=unroll)[0].sum(), unfold="step")
    loop = titled(drawing, "LSTMCell x 1000")
    assert [box.title.split()[0] for box in loop.parts if box.kind == "op"].count("sigmoid") == 3
    carried = [(a.source.title, a.target.title) for a in drawing.arrows if a.carried]
    assert sorted(carried) == [("add", "multiply"), ("multiply", "matmul")], "c into f * c, h into the product"
    assert len(boxes(drawing)) < 30


def test_every_step_of_it():
    net = LSTM(2, 3)
    x = mg.tensor(np.ones((1, 4, 2), np.float32))
    compiled, unrolled = (draw(net(x, unroll=unroll)[0].sum(), unfold=True) for unroll in (False, True))
    for drawing in (compiled, unrolled):
        assert sum(box.title == "tanh" for box in boxes(drawing)) == 8
        assert not any(a.carried for a in drawing.arrows)
    assert len(boxes(compiled)) == len(boxes(unrolled))
    assert titled(compiled, "LSTMCell x 4, compiled").kind == "module"


def test_a_classifier_in_both_directions():
    net = Classifier(Embedded(Embedding(20, 8), GRU(8, 16, bidirectional=True)), 3)
    drawing = draw(net.loss(np.ones((4, 9), int), [0, 1, 2, 0], [9, 3, 5, 7]), names=net)
    assert titled(drawing, "Embedding network.embedding").lines == [
        "take", "weight float32[20, 8]", "gives float32[4, 9, 8]",
    ]  # fmt: skip
    assert titled(drawing, "Linear head").lines[:3] == ["affine", "weight float32[3, 32]", "bias float32[3]"]
    loops = [box for box in boxes(drawing) if box.title == "GRUCell x 9"]
    assert [box.lines[0] for box in loops] == ["compiled", "compiled, from the end to the start"]
    (around,) = [box for box in drawing.everything() if box.title == "Bidirectional network.network"]
    assert set(loops) < set(around.everything())


def test_a_seq2seq_writes_in_a_loop():
    encoder = Embedded(Embedding(9, 4), GRU(4, 5))
    net = Seq2Seq(encoder, Decoder(Embedded(Embedding(9, 4), GRU(4, 5)), 5), 0, 1)
    drawing = draw(net.loss(np.full((2, 6), 3), np.full((2, 4), 2)), names=net)
    loop = titled(drawing, "loop x 5")
    head = titled(drawing, "Linear decoder.head")
    assert head in set(loop.everything())
    (decoder,) = [box for box in loop.everything() if box.title.startswith("Layer decoder.network.network")]
    assert (decoder.title, True) in into(drawing, decoder), "its state goes from step to step"
    assert ("5 x constant", False) in into(drawing, titled(drawing, "Embedding decoder.network.embedding"))


def test_a_hand_written_loop_over_a_cell():
    cell, state = LSTMCell(3, 4), None
    for _ in range(6):
        h, state = cell(mg.tensor(np.ones((2, 3), np.float32)), state)
    drawing = draw(h.sum())
    (box,) = [box for box in titled(drawing, "loop x 6").parts if box.kind == "module"]
    assert box.title == "LSTMCell"
    (arrow,) = [a for a in drawing.arrows if a.carried]
    assert arrow.source is arrow.target is box and arrow.label == "2 x float32[2, 4]"


def test_a_small_step_is_shown():
    s, w, b = leaf(4), leaf(4, seed=1), leaf(4, seed=2)
    for _ in range(50):
        s = mg.tanh(s * w + b)
    drawing = draw(s.sum(), names={"w": w, "b": b})
    assert str(drawing) == (
        "leaf  float64[4]\n"
        "w  float64[4]\n"
        "b  float64[4]\n"
        "loop x 50:\n"
        "  %4 = multiply (leaf, %6 of the step before, w)  float64[4]\n"
        "  %5 = add (%4, b)  float64[4]\n"
        "  %6 = tanh (%5)  float64[4]\n"
        "%7 = sum (%6)  float64[]\n"
        "outputs: %7"
    )


def test_a_loop_in_a_loop_whose_first_step_lacks_it():
    w, u, h = leaf(4, 4), leaf(4, 4, seed=1), np.ones((2, 4))
    for _ in range(3):
        for _ in range(5):
            h = mg.tanh(h)  # of a constant, the first time
        h = mg.relu(mg.sigmoid(mg.sin(h @ w) + 1) @ u)
    drawing = draw(h.sum(), gradients=True)
    outer, inner = titled(drawing, "loop x 3"), titled(drawing, "loop x 5")
    assert inner in outer.parts and len(boxes(drawing)) == 11, str(drawing)
    assert all("first" in box.lines[-1] for box in ops(drawing) if box.title != "sum")


def test_a_loop_of_calls_hands_on_what_the_next_takes():
    net = GRU(3, 4)
    x, state, total = mg.tensor(np.ones((2, 3, 3), np.float32)), None, 0.0
    for _ in range(5):  # windows of one sequence
        outputs, state = net(x, state)
        total = total + outputs.mean()
    drawing = draw(total)
    layer = titled(drawing, "Layer: GRUCell x 3")
    assert (layer.title, True) in into(drawing, layer)


# nothing is left out


@given(programs())
def test_unfolded_it_is_the_graph(program):
    y = program(*(mg.tensor(x, requires_grad=True) for x in program.inputs))
    y = [y for y in (y if isinstance(y, tuple) else (y,)) if isinstance(y, mg.Tensor) and not y.is_leaf]
    if not y:
        return
    nodes = recorded_nodes("test", y)
    drawing = draw(y, unfold=True)
    assert sorted(box.title.split()[0] for box in ops(drawing)) == sorted(n.primitive.name for n in nodes)
    sources = {(x.node, n) for n in nodes for x in n.inputs if isinstance(x, Traced) and x.node}
    between = [a for a in drawing.arrows if a.source.kind != "constant"]
    assert len(between) == len(sources) and not any(a.carried for a in drawing.arrows)
    assert sum(box.kind == "leaf" for box in boxes(drawing)) == len({a for a, _ in sources if a.primitive is None})
    read_mermaid(drawing.mermaid(), drawing)


@given(programs())
def test_folded_every_arrow_has_its_ends(program):
    y = program(*(mg.tensor(x, requires_grad=True) for x in program.inputs))
    y = [y for y in (y if isinstance(y, tuple) else (y,)) if isinstance(y, mg.Tensor) and not y.is_leaf]
    if y:
        drawing = draw(y)
        assert drawing.outputs and {a.source for a in drawing.arrows} | {a.target for a in drawing.arrows} <= {
            *boxes(drawing)
        }
        read_mermaid(drawing.mermaid(), drawing)
        assert "\n".join(str(drawing).splitlines()[:-1]).strip()


def test_constants_leaves_and_settings():
    x, mask = leaf(3, 4), np.array([True, False, True, True])
    drawing = draw(mg.where(mask, x[1:] * 2.0, 0.0).sum(axis=1, keepdims=True), names={"x": x, "the mask": mask})
    assert titled(drawing, "the mask").kind == "constant" and titled(drawing, "x").kind == "leaf"
    assert titled(drawing, "multiply").lines == ["float64[2, 4]", "with 2.0"]
    assert titled(drawing, "getitem index=slice(1, None, None)")
    assert titled(drawing, "sum axis=1 keepdims=True").lines == ["float64[2, 1]"]
    assert into(drawing, titled(drawing, "where")) == [("the mask", False), ("multiply", False)]


def test_several_outputs_and_trees_of_tensors():
    x = leaf(4)
    a, b = mg.split(x * x, 2)
    drawing = draw({"a": (a, [mg.exp(b)]), "x": x})
    assert titled(drawing, "split indices_or_sections=2").lines == ["2 x float64[2]"]
    assert [box.title.split()[0] for box in drawing.outputs] == ["split", "exp"]


def test_parameters_stand_in_their_module_and_shared_ones_outside():
    first, second = Linear(3, 3), Linear(3, 3)
    second.weight = first.weight
    x = leaf(2, 3, dtype=np.float32)
    drawing = draw(second(first(x)).sum(), names={"x": x, "shared": first.weight})
    assert titled(drawing, "shared").kind == "leaf"
    assert [box.lines[1] for box in boxes(drawing) if box.title == "Linear"] == ["bias float32[3]"] * 2


def test_checkpoints_are_one_box():
    net, x = Linear(3, 3), leaf(2, 3, dtype=np.float32)

    def block(x):
        return mg.tanh(net(x))

    y = mg.checkpoint(block, x).sum()
    assert [box.title for box in ops(draw(y))] == ["checkpoint of block", "sum"]
    assert [box.title for box in ops(draw(y, unfold=True))] == ["checkpoint of block", "sum"]


@mg.fuse
def swish(x, beta):
    return x * mg.sigmoid(beta * x)


def test_fused_functions_show_what_is_in_them():
    y = swish(leaf(5, 3, dtype=np.float32), 1.5).sum()
    assert [box.title for box in ops(draw(y))] == ["swish (fused)", "sum"]
    unfolded = draw(y, unfold=True)
    assert [box.title for box in titled(unfolded, "swish (fused)").parts] == ["multiply", "sigmoid", "multiply"]
    assert into(unfolded, titled(unfolded, "sum")) == [("multiply", False)]


# norms of the gradient


def norm_in(box):
    (line,) = [line for line in box.lines if line.startswith("gradient norm")]
    return float(line.split()[2])


@given(programs(max_steps=6))
def test_norms_are_those_of_the_derivative_for_each_node(program):
    leaves = [mg.tensor(x, requires_grad=True) for x in program.inputs]
    y = program(*leaves)
    if not isinstance(y, mg.Tensor) or y.is_leaf or y.dtype.kind != "f":
        return
    y = y.sum() * 2.0
    drawing = draw(y, unfold=True, gradients=True)
    for node, box in zip(recorded_nodes("test", [y]), ops(drawing), strict=True):
        arrived = sent_back({y.node: np.ones(())}, retain_graph=True, create_graph=False, stop=frozenset([node]))
        parts = arrived.get(node, 0.0)
        parts = [*parts.values()] if isinstance(parts, dict) else [parts]
        assert norm_in(box) == float(f"{np.sqrt(sum(np.square(c).sum() for c in parts)):.3g}")
    assert all(x.grad is None for x in leaves)
    y.backward()
    for x in leaves:
        found = [box for box in boxes(drawing) if box.kind == "leaf"]
        assert x.grad is None or f"{np.linalg.norm(x.grad):.3g}" in {str(f"{norm_in(b):.3g}") for b in found}


def test_norms_of_a_compiled_recurrence_are_those_of_the_unrolled_one():
    net, x = LSTM(3, 4, num_layers=2).to(np.float64), leaf(2, 6, 3)
    found = []
    for unroll in (False, True):
        drawing = draw((net(x, unroll=unroll)[0] ** 2).sum(), unfold="step", gradients=True, names=net)
        found.append([(box.title, box.lines[-1]) for box in boxes(drawing) if box.kind in ("op", "leaf")])
    assert sorted(found[0]) == sorted(found[1])
    assert any("first" in line and "last" in line for _, line in found[0])


def test_norms_in_a_loop_are_those_of_its_ends():
    s, w = leaf(3), leaf(3, seed=1)
    states = [s]
    for _ in range(20):
        states.append(mg.tanh(states[-1] * w))
    y = states[-1].sum()
    (box,) = [box for box in boxes(draw(y, gradients=True)) if box.title == "tanh"]
    ends = []
    for state in (states[1], states[-1]):
        arrived = sent_back({y.node: np.ones(())}, retain_graph=True, create_graph=False, stop=frozenset([state.node]))
        ends.append(np.linalg.norm(arrived[state.node]))
    assert box.lines[-1] == f"gradient norm {ends[0]:.3g} first, {ends[1]:.3g} last"


def test_norms_come_after_backward_or_when_asked_for():
    x = leaf(3)
    y = (x * x).sum()
    assert "gradient norm" not in str(draw(y))
    assert "gradient norm" in str(draw(y, gradients=True)) and x.grad is None
    y.backward(retain_graph=True)
    before = x.grad
    assert "gradient norm" in str(draw(y)) and x.grad is before
    assert "gradient norm" not in str(draw(y, gradients=False))
    assert "gradient norm" not in str(draw(x * x)), "a gradient there is, but no number whose it is"


# what is written


def read_mermaid(text, drawing):
    """A small grammar of flowcharts: frames that close, boxes that are named once, arrows between these."""
    label = r'"(?:[^"#<`\\]|#\d+;|<br/>)*"'
    box = re.compile(rf"(box\d+)(\[{label}\]|\(\[{label}\]\)|\[/{label}/\]|\[\[{label}\]\]|\{{\{{{label}\}}\}})")
    first, *lines = text.splitlines()
    assert first == "flowchart TD"
    depth, ids, arrows = 0, [], 0
    for line in map(str.strip, lines):
        if re.fullmatch(rf"subgraph frame\d+\[{label}\]", line):
            depth += 1
        elif line == "end":
            depth -= 1
            assert depth >= 0
        elif found := box.fullmatch(line):
            ids.append(found[1])
        elif found := re.fullmatch(rf"(\w+) (?:-->|-\.->)(?:\|{label}\|)? (\w+)", line):
            assert {found[1], found[2]} <= set(ids)
            arrows += 1
        else:
            assert re.fullmatch(r"style (\w+) stroke-width:3px", line), line
    assert depth == 0 and len(set(ids)) == len(ids) == len(boxes(drawing)) and arrows == len(drawing.arrows)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from('"\\#<>&`|[]{}\n;'))


@given(NAMES, NAMES)
def test_any_name_can_be_written(one, two):
    x, w = leaf(2), leaf(2, seed=1)
    drawing = draw((x * w).sum(), names={one: x, two: w})
    read_mermaid(drawing.mermaid(), drawing)
    for line in drawing.dot().splitlines():
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0


def test_mermaid_as_a_whole():
    x, w = leaf(2), leaf(2, seed=1)
    h = x
    for _ in range(5):
        h = mg.tanh(h * w)
    assert draw(h.sum(), names={"x": x, "<w>": w}).mermaid() == (
        "flowchart TD\n"
        '  box1(["x<br/>float64[2]"])\n'
        '  box2(["#60;w#62;<br/>float64[2]"])\n'
        '  subgraph frame3["loop x 5"]\n'
        '    box4["multiply<br/>float64[2]"]\n'
        '    box5["tanh<br/>float64[2]"]\n'
        "  end\n"
        '  box6["sum<br/>float64[]"]\n'
        "  box1 --> box4\n"
        '  box5 -.->|"float64[2]"| box4\n'
        "  box2 --> box4\n"
        "  box4 --> box5\n"
        "  box5 --> box6\n"
        "  style box6 stroke-width:3px\n"
    )


@needs_graphviz
def test_graphviz_reads_the_dot_text_and_draws_every_box():
    x = leaf(2, 3, dtype=np.float32)
    net = GRU(3, 4, num_layers=2, bidirectional=True)
    name = 'a "name" \\n with\\ <b>all</b> {of} |it| \\'
    drawing = draw(net(mg.expand_dims(x, 0))[0].sum(), names={name: x})
    text = subprocess.run(["dot", "-Tplain"], input=drawing.dot(), capture_output=True, text=True, check=True).stdout
    assert sum(line.startswith("node ") for line in text.splitlines()) == len(boxes(drawing))
    assert sum(line.startswith("edge ") for line in text.splitlines()) == len(drawing.arrows)
    svg = drawing.svg()
    assert svg.startswith("<svg") and svg.rstrip().endswith("</svg>") and "&lt;b&gt;all&lt;/b&gt;" in svg
    assert drawing._repr_svg_() == svg


def test_without_graphviz(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    drawing = draw(leaf(3).sum())
    with pytest.raises(RuntimeError, match=r"svg: Graphviz's program `dot` is not on the PATH. Install .* mermaid\(\)"):
        drawing.svg()
    assert drawing._repr_svg_() is None
    assert drawing._repr_markdown_() == f"```mermaid\n{drawing.mermaid()}```"


def test_what_is_drawn_is_what_is_printed():
    drawing = draw(leaf(3).sum())
    assert repr(drawing) == str(drawing) == "leaf  float64[3]\n%2 = sum (leaf)  float64[]\noutputs: %2"


# it only looks, and refuses


def test_nothing_is_changed():
    net, x = LSTM(3, 4), leaf(2, 5, 3, dtype=np.float32)
    y = (net(x)[0] * mg.checkpoint(lambda x: mg.tanh(x), x).sum()).sum()
    state = mg.random.get_state()
    for unfold in (False, "step", True):
        draw(y, unfold=unfold, gradients=True)
    assert all(p.grad is None for p in (x, *net.parameters())) and (state == mg.random.get_state()).all()
    y.backward()
    assert x.grad is not None


def test_after_a_step_of_the_optimizer_it_can_still_be_looked_at():
    net, x = GRU(3, 4), leaf(2, 5, 3, dtype=np.float32)
    y = net(x)[0].sum()
    y.backward(retain_graph=True)
    mg.optim.SGD(net.parameters(), lr=0.1).step()
    assert "GRUCell x 5" in str(draw(y))
    with pytest.raises(RuntimeError, match=r"came to a recurrence whose input of shape .* was changed by assign_"):
        draw(y, unfold=True)


def test_no_graph():
    for nothing in (mg.tensor(1.0), leaf(3), (mg.tensor(1.0), leaf(3))):
        with pytest.raises(RuntimeError, match="draw: nothing was recorded; no leaf with requires_grad=True leads"):
            draw(nothing)
    with pytest.raises(TypeError, match="draw: expected a Tensor, or Tensors in tuples, lists or dicts, got ndarray"):
        draw((leaf(3).sum(), np.ones(3)))


def test_a_graph_that_was_freed():
    y = (leaf(3) * 2).sum()
    y.backward()
    with pytest.raises(RuntimeError, match=r"draw: came to a sum whose .* freed; .* backward\(retain_graph=True\)"):
        draw(y)


def test_arguments_that_make_no_sense():
    y = leaf(3) * 2
    with pytest.raises(ValueError, match="draw: unfold must be one of False, 'step', True, got 'all'"):
        draw(y, unfold="all")
    with pytest.raises(TypeError, match="names: expected a Module, or a dict from names to Tensors, got str"):
        draw(y, names="y")
    for several in (y, (y.sum(), y.mean())):
        with pytest.raises(RuntimeError, match="draw: gradients=True needs y to be one single number"):
            draw(several, gradients=True)


def test_a_cell_alone():
    h, _ = GRUCell(3, 4)(mg.tensor(np.ones((2, 3), np.float32)))
    (box,) = ops(draw(h))
    assert box.title == "GRUCell" and box.lines[0] == "recurrence"
