"""`--report`: the page of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor, inspect
from minigrad.inspect import Flow, page
from minigrad.inspect.watch import replaced
from minigrad.nn import Module
from minigrad.nn.module import contents
from minigrad.random import get_state, set_state
from models import Cell, DenseClassifier, Embedded, Seq2Seq
from models.cell import hidden
from models.tokens import framed

from .looking import Diary, as_tensors, recurrent, whole_loss
from .picture import new_figure, save_figure
from .sample import Sample


def shown(report: Any) -> Any:
    """The network that is looked into: the best of those that are recurrent, if there are any."""
    results = [result for result in report.results if recurrent(result.model)] or report.results
    return min(results, key=lambda result: min(result.history.validation))


def write_report(demo: Any, report: Any, table: tuple[Any, Any], sample: Sample | None, path: Path) -> Path:
    """The page of a run. table: headings, and rows of text."""
    headings, rows = table
    sections = [
        page.Rows(title="Figures", note="Networks and baselines.", headings=headings, rows=rows),
        curves(report.results, demo.loss_unit),
    ]
    if any(result.diary for result in report.results):
        sections += over_training(report)
    if sample:
        sections += looked_into(shown(report), sample)
    sections.append(walk_section(shown(report).model))
    seconds = sum(look.snapshot.seconds for result in report.results for look in result.diary)
    settings = ", ".join(f"{name} {value}" for name, value in vars(report.settings).items())
    intro = [
        " ".join((demo.text or "").split()),
        f"{settings}. Looking at the networks in training took {seconds:.1f} s.",
    ]
    return page.write_page(path, demo.name, sections, intro)


def curves(results: Sequence[Any], unit: str) -> page.Curves:
    """Loss, validation and the gradient's norm, of all networks."""
    panels = []
    for title, kind, of in (
        ("training", "loss", unit),
        ("validation", "validation", unit),
        ("gradient", "norm", "L2 norm"),
    ):
        series = {result.name: getattr(result.history, kind) for result in results}
        dots = {result.name: result.history.best_epoch for result in results} if kind == "validation" else {}
        panels.append(page.Panel(title, series, unit=of, dots=dots))
    note = "A circle: the weights that were kept. Gradient: the largest norm of an epoch, before it was clipped."
    return page.Curves(title="Training", note=note, panels=panels)


def over_training(report: Any) -> list[page.Section]:
    """What the diaries hold: flows of all networks; gates and parameters of the best."""
    best = shown(report)
    found = [flows for result in report.results for flows in flows_of(result)]
    sections: list[page.Section] = [
        page.FlowSection(
            title="Gradients through time",
            note="How much the loss at step t depends on the state after step s: the norm of dL_t/dh_s, mean over "
            "some sequences of the test part, in powers of ten. Where it is exactly 0, nothing is drawn.",
            flows=found,
        )
    ]
    if panels := [*gate_panels(best.diary[:-1])]:
        note = f"{best.name}: the share of a gate's values below 0.1 or above 0.9 (of a tanh: beyond -0.9 and 0.9)."
        sections.append(page.Curves(title="Gates that are shut or open", note=note, panels=panels))
    if best.diary:
        sections.append(parameters(best))
    return sections


def flows_of(result: Any) -> Iterator[page.Flows]:
    """Gradients through each cell of a network, over training."""
    last = result.diary[-1].snapshot.flows if result.diary else {}
    for cell, parts in last.items():
        for part, flow in parts.items():
            stops = {look.label: look.snapshot.flows[cell][part] for look in result.diary}
            jacobians = {look.label: look.snapshot.jacobians[cell] for look in result.diary} if part == "h" else None
            name = ", ".join(filter(None, [result.name, short(cell), part]))
            yield page.flows(name, stops, jacobians, first_loss(result.model, cell, flow))


def first_loss(model: Any, cell: str, flow: Flow) -> int:
    """The step of the first loss: the last loss comes after the last step, but for an encoder's cells."""
    losses, states, _ = flow.norms.shape
    return 1 if isinstance(model, Seq2Seq) and cell.startswith("encoder") else max(1, states - losses)


def short(cell: str) -> str:
    """What tells a cell apart from the others of its network."""
    return ".".join(part for part in cell.split(".") if part not in ("cell", "network"))


def gate_panels(diary: Diary) -> Iterator[page.Panel]:
    """For each cell, the share of each gate's values that are at one of its ends, over training."""
    if len(diary) < 2:
        return
    first, step = diary[0].epoch, diary[1].epoch - diary[0].epoch
    for cell, gates in diary[0].snapshot.saturated.items():
        series = {
            f"{gate} {end}": [look.snapshot.saturated[cell][gate][k] for look in diary]
            for gate in gates
            for k, end in enumerate(("low", "high"))
        }
        if series:
            yield page.Panel(short(cell) or "cell", series, unit="share", first=first, step=step, log=False)


def parameters(result: Any) -> page.Rows:
    """Norms as they were when the network was last looked at in training."""
    _, label, snapshot = result.diary[max(len(result.diary) - 2, 0)]
    rows = [
        [p.name, " x ".join(map(str, p.shape)), *(f"{x:.3g}" if x is not None else "" for x in p[2:])]
        for p in snapshot.parameters
    ]
    return page.Rows(
        title="Parameters",
        note=f"{result.name}, {label}: L2 norms of each parameter, of its gradient in the last step, and of what the "
        "last epoch changed, as a share of the parameter.",
        headings=["parameter", "shape", "norm", "gradient", "change"],
        rows=rows,
    )


def looked_into(best: Any, sample: Sample) -> list[page.Section]:
    """The best network over a few sequences: its units and gates, its attention, and the graph of its loss."""
    model, sections = best.model, list[page.Section]()
    if recurrent(model):
        views = [*units_of(model, sample)]
        note = f"{best.name}: what its units did, step by step. Of {page.MOST} units at most, the most telling first: "
        note += "those of the largest |gradient times value|, summed over steps and sequences."
        sections.append(page.UnitsSection(title="Units and gates", note=note, views=views, joined=sample.joined))
    if isinstance(model, Seq2Seq) and (found := attention(model, sample)):
        note = f"{best.name}: how much the decoder looked at each step of the source, the right target being fed."
        sections.append(page.AttentionSection(title="Attention", note=note, views=found))
    inputs = [part[:, : sample.window] for part in sample.inputs] if sample.window else sample.inputs
    loss = whole_loss(model, as_tensors(inputs), None)
    note = f"{best.name}: what is recorded for the loss of {len(sample.names)} sequences, modules and steps folded."
    sections.append(page.graph("The graph", inspect.draw(loss, names=model), note))
    return sections


def units_of(model: Any, sample: Sample) -> Iterator[page.Units]:
    """A view for each sequence and cell."""
    inputs = as_tensors(sample.inputs)
    with vectors_read(model) as vectors, inspect.watch(model) as runs:
        loss = whole_loss(model, inputs, sample.window)
    if not vectors:  # what is read are no tokens
        vectors[""] = [inputs[0]]
    spoke = {prefix: np.concatenate([inspect.saliency(loss, v) for v in parts], 1) for prefix, parts in vectors.items()}
    orders = {name: inspect.telling_units(loss, run)[0] for name, run in runs.items()}
    for i, about in enumerate(sample.names):
        for name, run in runs.items():
            steps = next((words[i] for prefix, words in sample.steps.items() if name.startswith(prefix)), [])
            salient = next((array[i] for prefix, array in spoke.items() if name.startswith(prefix)), None)
            if salient is not None and len(salient) < len(run.steps):  # a forecaster reads its own rows, too
                salient = np.pad(salient, (0, len(run.steps) - len(salient)))
            picture = sample.pictures[i] if sample.pictures is not None else None
            where = f" ({short(name)})" if len(runs) > 1 else ""
            yield page.units(f"{i + 1}: {about}{where}", run, i, steps, orders[name], salient, picture)


@contextmanager
def vectors_read(model: Any) -> Iterator[dict[str, list[Tensor]]]:
    """Inside, what an `Embedded` looks up is a leaf that wants a gradient: by its name, what it looked up, in order."""
    found: dict[str, list[Tensor]] = {}

    def noted(name: str, plain: Callable[[Any], Tensor]) -> Callable[[Any], Tensor]:
        def forward(tokens: Any) -> Tensor:
            vectors = mg.tensor(plain(tokens).numpy(), requires_grad=True)
            found.setdefault(name, []).append(vectors)
            return vectors

        return forward

    with ExitStack() as undo:
        for name, module in contents(model):
            if isinstance(module, Embedded):
                undo.enter_context(replaced(module.embedding, {"forward": noted(name, module.embedding.forward)}))
        yield found


def attention(model: Seq2Seq, sample: Sample) -> list[page.Attention]:
    """Where the decoder looked, if it has attention."""
    source, targets, lengths, ends = sample.inputs
    fed, _ = framed("report", targets, ends, model.bos, model.eos)
    with mg.no_grad():
        _, weights = model(source, fed, lengths)
    if weights is None:
        return []
    views = []
    for i, about in enumerate(sample.names):
        read, written = sample.steps["encoder"][i], [*sample.steps["decoder"][i][1:], "end"]
        views.append(page.Attention(about, read, written, weights.numpy()[i, : len(written), : len(read)]))
    return views


def walk_section(model: Module) -> page.WalkSection:
    """The way back through one step of a cell of the network's kind, so small that each number can be checked."""
    before = get_state()
    mg.manual_seed(0)
    cell = next((module for module in model.modules() if isinstance(module, Cell)), None)
    small, loss, what = small_dense() if cell is None else small_cell(type(cell))
    set_state(before)
    note = f"Backward through {what}, one node at a time: what comes in, by which rule, what goes where."
    return page.walk("The way back, step by step", inspect.walk(loss, names=small), note)


def small_dense() -> tuple[Module, Tensor, str]:
    model = DenseClassifier(2, 2, 2)
    shorten(model)
    loss = model.loss(mg.tensor([[1.0, -0.5]]), np.array([1]))
    return model, loss, "a dense network of 2 inputs, 2 hidden units and 2 classes, and its loss"


def small_cell(kind: type[Cell]) -> tuple[Module, Tensor, str]:
    cell = kind(2, 2)
    shorten(cell)
    state = cell.step(cell.input_map(mg.tensor([[1.0, -0.5]])), cell.zero_state(1))
    loss = mg.square(hidden(state)).sum()
    return (
        cell,
        loss,
        f"one step of {kind.__name__}, 2 inputs and 2 units, from a state of zeros, and its loss, sum h^2",
    )


def shorten(model: Module) -> None:
    """Parameters of one decimal."""
    for parameter in model.parameters():
        parameter.assign_(np.round(parameter.numpy(), 1))


def save_pictures(report: Any, sample: Sample, prefix: Path) -> Iterator[Path]:
    """PNGs of the flows and Jacobians as they were at last, and of the gates over the first sequence."""
    last = [(result.name, look.label, look.snapshot) for result in report.results for look in result.diary[-1:]]
    flows = [
        (f"{name}, {label}", flow)
        for name, label, snapshot in last
        for parts in snapshot.flows.values()
        for flow in parts.values()
    ]
    if not flows:
        return
    figure = new_figure(5 * len(flows), 5)
    for one, (title, flow) in zip(figure.subplots(1, len(flows), squeeze=False).flat, flows):
        figure.colorbar(inspect.plot_flow(one, flow), ax=one)
        one.set_title(f"{title}\n{one.get_title()}", fontsize=9)
    yield saved(figure, prefix, "flow")
    figure = new_figure(7, 5)
    axes = figure.subplots()
    for name, _, snapshot in last:
        for cell, norms in snapshot.jacobians.items():
            inspect.plot_jacobians(axes, norms, ", ".join(filter(None, [name, short(cell)])))
    axes.legend()
    yield saved(figure, prefix, "jacobians")
    model = shown(report).model
    with inspect.watch(model) as runs, mg.no_grad():
        whole_loss(model, as_tensors(sample.inputs), sample.window)
    figure = new_figure(5 * len(runs), 8)
    for one, run in zip(figure.subplots(1, len(runs), squeeze=False).flat, runs.values()):
        figure.colorbar(inspect.plot_gates(one, run), ax=one)
    yield saved(figure, prefix, "gates")


def saved(figure: Any, prefix: Path, kind: str) -> Path:
    path = prefix.with_name(f"{prefix.name}-{kind}.png")
    save_figure(figure, path)
    return path
