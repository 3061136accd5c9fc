"""The options that all demos have, and what they come to in one run."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from minigrad.nn import Module
from models import GRU, LSTM, RNN

CELLS: dict[str, Callable[..., Module]] = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
SOURCES = ("default", "full")


@dataclass(frozen=True, kw_only=True)
class About:
    """What `python -m demos` lists. It reads shape, data and time from the source: write them as plain strings."""

    name: str  # of the module: demos/NAME.py
    text: str | None  # the module's docstring
    shape: str  # one to one, many to one, ...
    data: str
    time: str  # of the default form, on two cores

    def parser(self) -> argparse.ArgumentParser:
        """A parser without options."""
        return argparse.ArgumentParser(
            prog=f"demos.{self.name}", usage=f"python -m demos.{self.name} [options]", description=self.text
        )


@dataclass(frozen=True)
class Figure:
    """One column of the report. The first of a demo's is the one that has to beat the baseline."""

    name: str
    unit: str = ""  # "" for a share, which is shown in per cent
    form: str = ".1%"  # format specification
    lower_is_better: bool = False

    def beats(self, one: float, other: float) -> bool:
        """Whether one value is better than another."""
        return one < other if self.lower_is_better else one > other


@dataclass(frozen=True)
class Settings:
    """What defines a run: the same settings and data give the same weights, to the bit on one machine."""

    cell: str = "lstm"  # the network's name; one of the demo's own (dense, ...), too
    hidden: int = 64
    layers: int = 1
    bidirectional: bool = False
    epochs: int = 10
    lr: float = 0.01
    seed: int = 0
    quick: bool = False
    data: str = "default"  # default, full, or the path of the user's file

    @property
    def file(self) -> Path | None:
        """The user's own data, if that is what was asked for."""
        return None if self.data in SOURCES else Path(self.data)


def network(settings: Settings, input_size: int, dropout: float = 0.0) -> Module:
    """The recurrent network that was asked for: x [batch, time, input_size] -> outputs, final state."""
    return CELLS[settings.cell](input_size, settings.hidden, settings.layers, settings.bidirectional, dropout)


@dataclass(frozen=True)
class Rules:
    """What a demo's settings are unless the user says otherwise, and what it does not take."""

    defaults: Mapping[str, Any]
    quick: Mapping[str, Any]
    full: Mapping[str, Any] | None  # None: there is no full data set
    file: str | None  # what a file of the user's holds; None: it takes none
    others: Sequence[str]  # networks that the demo knows by name: not recurrent, or of one fixed shape
    refused: Mapping[str, str]  # option -> why it makes no sense here

    def settle(self, given: Mapping[str, Any]) -> Settings:
        """The defaults, changed by `--data full`, then by `--quick`, then by what the user gave."""
        full = self.full if given.get("data") == "full" else None
        quick = self.quick if given.get("quick") else None
        return Settings(**{**self.defaults, **(full or {}), **(quick or {}), **given})


@dataclass(frozen=True)
class Asked:
    """The command line: settings that were given, and what to do with the outcome."""

    given: dict[str, Any] = field(default_factory=dict)
    save: Path | None = None
    load: Path | None = None
    predict: Sequence[str] = ()
    plot: bool = True
    report: bool = False


def read_options(about: About, rules: Rules, arguments: Sequence[str] | None) -> Asked:
    """The command line; ends the program with one line where it cannot be meant."""
    parser = with_options(about.parser(), rules)
    given = {name: x for name, x in vars(parser.parse_args(arguments)).items() if x is not None}
    if complaint := complaint_about(given, rules):
        parser.error(complaint)
    names = [f.name for f in fields(Settings) if f.name in given]
    return Asked({name: given.pop(name) for name in names}, **given)


def no_options(about: About, arguments: Sequence[str] | None, why: str) -> Asked:
    """Refuse all options but `--report`, for a demo that only shows."""
    names = (*(f.name for f in fields(Settings)), "save", "load", "predict", "plot")
    rules = Rules({}, {}, None, None, (), dict.fromkeys(names, why))
    return read_options(about, rules, arguments)


def with_options(parser: argparse.ArgumentParser, rules: Rules) -> argparse.ArgumentParser:
    """Every common option; one that was not given is None."""
    switch = argparse.BooleanOptionalAction
    source = "default (nothing is downloaded)"
    source += ", full (the real data set; of what is generated, more)" if rules.full is not None else ""
    source += f", or a file: {rules.file}" if rules.file else ""

    def add(name: str, text: str, **how: Any) -> None:
        hidden = name in rules.refused
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS if hidden else text, **how)

    add("cell", f"{', '.join((*CELLS, *rules.others, 'all'))} ({usual(rules, 'cell')})", metavar="CELL")
    add("hidden", f"hidden units ({usual(rules, 'hidden')})", type=whole, metavar="N")
    add("layers", f"recurrent layers ({usual(rules, 'layers')})", type=whole, metavar="N")
    add("bidirectional", f"read in both directions ({usual(rules, 'bidirectional')})", action=switch)
    add("epochs", f"passes over the training part ({usual(rules, 'epochs')})", type=whole, metavar="N")
    add("lr", f"learning rate at the start ({usual(rules, 'lr')})", type=positive, metavar="X")
    add("seed", "of the split, the weights and the order (0)", type=seed, metavar="N")
    add("quick", "a short form: under a minute", action="store_true", default=None)
    add("data", f"{source} (default)", metavar="DATA")
    add("save", "keep the trained network (of several, the best by validation)", type=Path, metavar="FILE")
    add("load", "use a saved network instead of training one", type=Path, metavar="FILE")
    add("predict", "answer for inputs of your own", nargs="+", metavar="INPUT")
    name = parser.prog.removeprefix("demos.")
    add("plot", f"save a picture, runs/{name}.png (yes)", action=switch)
    add("report", f"write runs/{name}.html, a page to look into the network with", action="store_true", default=None)
    return parser


def usual(rules: Rules, name: str) -> str:
    """The value that an option has if it is not given, in each form where it differs."""
    plain = getattr(rules.settle({}), name)
    forms: dict[str, dict[str, Any]] = {"full": {"data": "full"}, "quick": {"quick": True}}
    if rules.full is None:
        del forms["full"]
    values = {form: getattr(rules.settle(given), name) for form, given in forms.items()}
    return "; ".join([str(plain), *(f"{form}: {x}" for form, x in values.items() if x != plain)])


def complaint_about(given: Mapping[str, Any], rules: Rules) -> str | None:
    """What is wrong with the options as a whole, if anything."""
    for name in given:
        if name in rules.refused:
            return f"argument --{name}: not here: {rules.refused[name]}"
        if "load" in given and name not in ("load", "predict", "plot", "report"):
            return f"argument --{name}: not with --load, which takes all that from the file"
    return complaint_about_cell(given, rules) or complaint_about_data(given, rules)


def complaint_about_cell(given: Mapping[str, Any], rules: Rules) -> str | None:
    cell = given.get("cell")
    choices = (*CELLS, *rules.others, "all")
    if cell and cell not in choices:
        return f"argument --cell: expected one of {', '.join(choices)}, got {cell}"
    if cell in rules.others:
        for name in ("layers", "bidirectional"):
            if name in given:
                return f"argument --{name}: not here: {cell} is built without it"
    return None


def complaint_about_data(given: Mapping[str, Any], rules: Rules) -> str | None:
    data = given.get("data", "default")
    if data == "full" and rules.full is None:
        return "argument --data: there is no full data set here; the default is all"
    if data in SOURCES:
        return None
    if not rules.file:
        return f"argument --data: expected {' or '.join(SOURCES)}, got {data} (this demo takes no file)"
    if not Path(data).is_file():
        return f"argument --data: expected {', '.join(SOURCES)} or a file ({rules.file}); there is no file {data}"
    return None


def whole(text: str) -> int:
    """A whole number above 0, for argparse."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text}")
    return int(text)


def seed(text: str) -> int:
    """A whole number, 0 included, for argparse."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 0, got {text}")
    return int(text)


def positive(text: str) -> float:
    """A finite number above 0, for argparse."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number
