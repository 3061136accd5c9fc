"""A demo: its functions and defaults, and the way that all demos go with them from the command line to the picture."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.table import Table
from tqdm import tqdm

import minigrad as mg
from minigrad import Tensor
from minigrad.data.files import WrongFile
from minigrad.nn import Module
from minigrad.optim import AdamW, Schedule, cosine
from models.run import CheckpointError, History
from models.training import fit

from . import saved
from .files import Refusal
from .looking import Diary, collector, diary, looked_at, looking_took, then
from .options import CELLS, About, Asked, Figure, Rules, Settings, read_options
from .picture import save_picture
from .report import save_pictures, shown, write_report
from .sample import Sample

RUNS = Path("runs")


@dataclass(frozen=True)
class Training:
    """What a network is trained with, by AdamW and a learning rate that falls to 0 along a cosine, step by step.

    batches: a list, or what `minigrad.data.batches` makes; or a function that makes the batches of one epoch, and
    then `steps` says how many. loss, validate, clip, patience: as `models.training.fit` takes them.
    """

    batches: Any
    validate: Callable[[], float]
    loss: Callable[..., Tensor] | None = None
    weight_decay: float = 0.0
    clip: float = 1.0
    patience: int | None = None
    steps: int | None = None


@dataclass(frozen=True)
class Result:
    """What one network came to: its history, and its figures on data that nothing was decided by.

    diary: what `--report` saw of it over its training.
    """

    name: str
    model: Any
    settings: Settings
    history: History
    seconds: float
    figures: Mapping[str, float]
    diary: Diary = ()


@dataclass(frozen=True)
class Report:
    """All that a run came to. baselines: figures by name, for each baseline."""

    settings: Settings
    data: Any
    facts: dict[str, Any]
    baselines: Mapping[str, Mapping[str, float]]
    results: list[Result]

    @property
    def best(self) -> Result:
        """The network with the lowest validation loss."""
        return min(self.results, key=lambda result: min(result.history.validation))


def nothing(about: Any) -> None:
    """For demos that need no look at their data, or whose table says all."""


@dataclass(frozen=True, kw_only=True)
class Demo(About):
    """A demo is its functions, in the order in which they are called, and its defaults.

    load: the data of a run, split by `settings.seed`; `settings.data` says which, and `settings.quick` asks for little.
    look: prints what the data is like.
    facts: what building and using a network takes to know of the data, as JSON can hold it.
    build: a network, `settings.cell` being the one wanted; without the data, so that a saved one can be built again.
    training: what it is trained with. measure: its figures on the test part. baselines: theirs, by name.
    show: prints what the table cannot say. draw: fills a matplotlib subfigure beside the training curves.
    predict: the line that answers one input of the user's, with `facts` and no data.
    watched: a few sequences of the test part, and inputs of the user's, for `--report` to look at.
    """

    load: Callable[[Settings], Any]
    facts: Callable[[Any], dict[str, Any]]
    build: Callable[[dict[str, Any], Settings], Module]
    training: Callable[[Any, Any, Settings], Training]
    measure: Callable[[Any, Any], Mapping[str, float]]
    baselines: Callable[[Any], Mapping[str, Mapping[str, float]]]
    predict: Callable[[Any, dict[str, Any], str], str]
    figures: Sequence[Figure]
    look: Callable[[Any], None] = nothing
    show: Callable[[Report], None] = nothing
    watched: Callable[[Any, Any, Sequence[str]], Sample] | None = None
    draw: Callable[[Any, Report], None] | None = None
    loss_unit: str = "cross entropy, nats"
    defaults: Mapping[str, Any]
    quick: Mapping[str, Any]  # what --quick changes
    full: Mapping[str, Any] | None = None  # what --data full changes; None: there is no such data set
    file: str | None = None  # what a file of the user's has to hold; None: none is taken
    others: Sequence[str] = ()  # networks that `build` knows by name: not recurrent, or of one fixed shape
    refused: Mapping[str, str] = field(default_factory=dict)  # option -> why it makes no sense here

    @property
    def rules(self) -> Rules:
        """How options become settings."""
        return Rules(self.defaults, self.quick, self.full, self.file, self.others, self.refused)

    def main(self, arguments: Sequence[str] | None = None) -> Report | None:
        """The whole way for a command line (sys.argv unless given); None where only `--predict` was asked of a file.

        Ends the program with one line where the user has something to put right, or interrupts.
        """
        asked = read_options(self, self.rules, arguments)
        try:
            return run(self, asked)
        except Refusal as refusal:
            stop(self, f"error: {refusal}", 1)
        except KeyboardInterrupt as interrupt:  # fit's has a message
            rest = "; the same command goes on from the last whole epoch" if str(interrupt) else ""
            print(file=sys.stderr)  # below the bar and ^C
            stop(self, f"interrupted{rest}", 130)


def stop(demo: Demo, line: str, code: int) -> NoReturn:
    """One line, and the end."""
    print(f"demos.{demo.name}: {line}", file=sys.stderr)
    raise SystemExit(code)


def say(line: str) -> None:
    """Print without tearing the progress bar apart."""
    tqdm.write(line)


def run(demo: Demo, asked: Asked) -> Report | None:
    """Train or load; report; keep; answer."""
    if asked.save:
        saved.check_writable(asked.save)
    if asked.load:
        there = saved.read(asked.load, demo.name)
        model = rebuilt(demo, there, asked.load)
        if asked.predict and not asked.report:
            answer(demo, model, there.facts, there.settings, asked.predict)
            return None
        report = reported_again(demo, there, model, asked.report)
    else:
        report = trained(demo, asked)
    print_table(demo, report)
    demo.show(report)
    if asked.save:
        keep(demo, report, asked.save)
    if asked.plot:
        picture(demo, report)
    if asked.predict:
        answer(demo, report.best.model, report.facts, report.settings, asked.predict)
    if asked.report:
        look_into(demo, report, asked)
    if not asked.load:
        for path in checkpoints(demo, report).values():
            path.unlink(missing_ok=True)  # only now: whatever interrupts, the same command goes on
    return report


def trained(demo: Demo, asked: Asked) -> Report:
    """A report on networks that are trained for it."""
    settings, data = loaded(demo, asked.given)
    demo.look(data)
    empty = Report(settings, data, as_json(demo.facts(data)), demo.baselines(data), [])
    results = [train(demo, empty, name, path, asked.report) for name, path in checkpoints(demo, empty).items()]
    return replace(empty, results=results)


def loaded(demo: Demo, given: Mapping[str, Any]) -> tuple[Settings, Any]:
    """Settings and data; the default ones, and a line that says so, where the full data set cannot be had."""
    settings = demo.rules.settle(given)
    try:
        return settings, load(demo, settings)
    except (OSError, ImportError) as error:
        if settings.data != "full":
            raise
        print(f"demos.{demo.name}: {in_one_line(error)}. Going on with --data default", file=sys.stderr)
        return loaded(demo, {name: x for name, x in given.items() if name != "data"})


def load(demo: Demo, settings: Settings) -> Any:
    mg.manual_seed(settings.seed)  # for data that is drawn
    try:
        return demo.load(settings)
    except WrongFile as error:
        raise Refusal(in_one_line(error)) from None


def in_one_line(error: Exception) -> str:
    """What could not be had, and how to get it; the failures in between are left out."""
    first, *rest = str(error).splitlines()
    return " ".join([first, *rest[-1:]]).rstrip(".")


def as_json(facts: dict[str, Any]) -> dict[str, Any]:
    """As they come back from a file, so that a new network and a saved one see the same."""
    return json.loads(json.dumps(facts))


def checkpoints(demo: Demo, report: Report) -> dict[str, Path]:
    """Each network that is trained, and where it stands while it is."""
    cell = report.settings.cell
    names = [*CELLS, *demo.others] if cell == "all" else [cell]
    mark = saved.digest(demo.name, report.settings, report.facts)
    return {name: RUNS / f"{demo.name}-{name}-{mark}.safetensors" for name in names}


def train(demo: Demo, report: Report, name: str, checkpoint: Path, look: bool) -> Result:
    """Train one network, or go on with it; each starts from the seed, whichever others are trained."""
    settings = replace(report.settings, cell=name)
    mg.manual_seed(settings.seed)
    model = demo.build(report.facts, settings)
    training = demo.training(model, report.data, settings)
    optimizer = AdamW(model.parameters(), lr=settings.lr, weight_decay=training.weight_decay)
    steps = training.steps or len(training.batches)
    if checkpoint.exists():
        say(f"{name}: going on from {checkpoint}")
    checkpoint.parent.mkdir(exist_ok=True)
    collect = collector(demo, model, report.data, settings.epochs) if look else None
    start = time.perf_counter()
    if collect and not checkpoint.exists():
        collect()
    try:
        history = fit(
            model,
            optimizer,
            training.batches,
            settings.epochs,
            loss=training.loss,
            validate=then(training.validate, collect) if collect else training.validate,
            schedule=Schedule(optimizer, cosine(settings.epochs * steps)),
            schedule_per="step",
            clip=training.clip,
            patience=training.patience,
            checkpoint=checkpoint,
            progress=f"{name:>5}",
        )
    except FloatingPointError as error:
        checkpoint.unlink()  # going on from it would end here again
        raise Refusal(str(error)) from None
    except CheckpointError as error:
        raise Refusal(str(error)) from None
    seconds = time.perf_counter() - start - (looking_took(collect) if collect else 0)
    figures = demo.measure(model, report.data)
    return Result(name, model, settings, history, seconds, figures, diary(collect, history) if collect else ())


def rebuilt(demo: Demo, there: saved.Saved, path: Path) -> Module:
    """The network of a file, in eval mode."""
    try:
        model = demo.build(there.facts, there.settings)
        model.load_state_dict(there.weights)
    except (ValueError, KeyError, TypeError):
        raise Refusal(f"--load {path}: its weights do not fit demos.{demo.name} as it is now; train anew") from None
    return model.eval()


def reported_again(demo: Demo, there: saved.Saved, model: Module, look: bool) -> Report:
    """A report on a saved network, on the test part of the data that it was trained with."""
    settings = there.settings
    if settings.file and not settings.file.is_file():
        raise Refusal(f"the data that the network was trained with is gone: {settings.file}")
    try:
        data = load(demo, settings)
    except (OSError, ImportError) as error:
        raise Refusal(in_one_line(error)) from None
    if (saved.fingerprint(settings), as_json(demo.facts(data))) != (there.fingerprint, there.facts):
        raise Refusal("the data is not what the network was trained with, so its test part would not be held out")
    demo.look(data)
    figures = demo.measure(model, data)
    pages = looked_at(demo, model, data, there.history) if look else ()
    result = Result(settings.cell, model, settings, there.history, there.seconds, figures, pages)
    return Report(settings, data, there.facts, demo.baselines(data), [result])


def print_table(demo: Demo, report: Report) -> None:
    """What `table` says."""
    headings, rows = table(demo, report)
    printed = Table()
    printed.add_column(headings[0])
    for heading in headings[1:]:  # a heading goes over to a second line between words only
        printed.add_column(heading, justify="right", min_width=max(map(len, heading.split())))
    for row in rows:
        printed.add_row(*row)
    Console().print(printed)


def table(demo: Demo, report: Report) -> tuple[list[str], list[list[str]]]:
    """Baselines and networks: what each costs and what it achieves; a figure that none has is left out."""
    had = {name for row in (*report.baselines.values(), *(result.figures for result in report.results)) for name in row}
    shown = [figure for figure in demo.figures if figure.name in had]
    headings = [figure.name + (f", {figure.unit}" if figure.unit else "") for figure in shown]
    rows = [[name, "", "", *cells(shown, figures)] for name, figures in report.baselines.items()]
    for result in report.results:
        size = sum(p.size for p in result.model.parameters())
        rows.append([result.name, f"{size:,}", f"{result.seconds:.1f}", *cells(shown, result.figures)])
    return ["network", "parameters", "seconds", *headings], rows


def cells(shown: Sequence[Figure], figures: Mapping[str, float]) -> list[str]:
    """A figure each; blank where there is none."""
    values = [figures.get(figure.name, math.nan) for figure in shown]
    return ["" if math.isnan(x) else format(x, figure.form) for x, figure in zip(values, shown)]


def keep(demo: Demo, report: Report, path: Path) -> None:
    """Save the network that validation found best."""
    best = report.best
    mark = saved.fingerprint(best.settings)
    weights = best.model.state_dict()
    saved.write(path, demo.name, saved.Saved(best.settings, report.facts, mark, best.history, best.seconds, weights))
    print(f"saved: {path} ({best.name})")


def picture(demo: Demo, report: Report) -> None:
    """runs/NAME.png."""
    path = RUNS / f"{demo.name}.png"
    histories = {result.name: result.history for result in report.results}
    save_picture(path, histories, demo.loss_unit, demo.draw, report)
    print(f"picture: {path}")


def look_into(demo: Demo, report: Report, asked: Asked) -> None:
    """runs/NAME.html; with `--plot` its maps as PNG, too."""
    mg.manual_seed(report.settings.seed)
    sample = demo.watched(shown(report).model, report.data, asked.predict) if demo.watched else None
    print(f"page: {write_report(demo, report, table(demo, report), sample, RUNS / f'{demo.name}.html')}")
    if asked.plot and sample:
        for path in save_pictures(report, sample, RUNS / demo.name):
            print(f"picture: {path}")


def answer(demo: Demo, model: Module, facts: dict[str, Any], settings: Settings, inputs: Sequence[str]) -> None:
    """A line for each input."""
    mg.manual_seed(settings.seed)
    for given in inputs:
        print(demo.predict(model, facts, given))
