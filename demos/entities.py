"""Persons, places and organisations in sentences, where names are new and only the context tells (many to many)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.text import Text

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, tagging
from demos.command.sample import Sample
from demos.command.tagging import Data, encoded, filled, parted, phrases, tagged, tagged_words, usual_tags
from minigrad.data import span_scores, span_scores_by_kind, spans, words

COLOURS = {"person": "magenta", "place": "green", "organisation": "cyan"}

# The sentences are generated from these. Each name can be a person's, a place's and an organisation's, and those of the
# test part are new to the network
NAMES = """Washington; Jordan; Paris; Chelsea; Lincoln; Ford; Florence; Austin; Sydney; Georgia; Victoria; Madison;
    Houston; Hamilton; Phoenix; Mercedes; Morgan; Kent; Savannah; Dallas; Jackson; Orlando; Charlotte; Vienna;
    Carolina; Chester; Lancaster; Warwick; Sterling; Preston; Bradford; Clifton; Stanford; Wellington; Nelson; Hudson;
    Cleveland; Marshall; Lourdes; Siena; Valencia; Santiago; Israel; Chad; Brooklyn; Camden; Devon; Ashton; Milton;
    Denver; Raleigh; Camilla; Adelaide; Alexandria; Sofia; Regina; Lorraine; Montana; Dakota; Tyrone"""
FORMS = {
    "person": "{name}; {name}; {first} {name}; {name} Reyes; Dr {name}",
    "place": "{name}; {name}; {name}; Port {name}; {name} Bay",
    "organisation": "{name}; {name}; {name}; {name} Motors; Bank of {name}",
}
FIRST = ["Ada", "Tom", "Priya", "Omar", "Lucy", "Igor", "Mei", "Hugo"]
TEMPLATES = """{person} was born in {place} .; {person} moved from {place} to {place} .; {organisation} has hired
    {person} .; Shares of {organisation} fell by a tenth .; {person} lives near {place} with two sisters .; {place}
    lies on a river .; {organisation} opens a plant in {place} .; The mayor of {place} thanked {person} .; {person}
    plays the piano .; {organisation} reported a loss of 3 million .; {person} reported a theft .; {person} said
    {place} was cold .; A lawyer for {organisation} said {person} was ill .; It rained in {place} while {person} slept
    .; {person} , who founded {organisation} , is 60 .; {place} , which has two harbours , is growing .;
    {organisation} , which makes engines , is growing .; {person} , who makes films , is 40 .; The road to {place} is
    closed .; {person} and {person} met in {place} .; {organisation} and {organisation} merged .; {place} and {place}
    are twin towns .; Trains to {place} run hourly .; {person} resigned from {organisation} .; A letter from {person}
    reached {organisation} .; Voters in {place} chose {person} .; {organisation} sued {organisation} over a patent .;
    {person} married {person} in {place} .; The bridge at {place} was built by {organisation} .; {place} has three
    bridges .; {organisation} has three factories .; {person} has three children .; Last year {organisation} bought
    {organisation} .; Last year {person} met {person} .; Snow fell on {place} .; We visited {place} in May .; We
    visited {person} in May .; We work for {organisation} in {place} .; I asked {person} about {organisation} ."""


def load(settings: Settings) -> Data:
    """1,500, 300 and 500 generated sentences, each part with names of its own."""
    rng = np.random.default_rng(settings.seed)
    templates = phrases(TEMPLATES)
    return encoded(
        *(
            [filled(templates[rng.integers(len(templates))], in_all_forms(part["name"]), rng) for _ in range(count)]
            for part, count in zip(parted({"name": NAMES}, rng), (1500, 300, 500))
        )
    )


def in_all_forms(names: Sequence[str]) -> dict[str, list[str]]:
    """What persons, places and organisations of these names are called."""
    return {
        kind: [form.format(name=name, first=first) for form in phrases(forms) for name in names for first in FIRST]
        for kind, forms in FORMS.items()
    }


def look(data: Data) -> None:
    print("{} sentences to train on, {} to validate, {} to test on".format(*(len(part.words) for part in data[:3])))
    for sentence, tags in list(zip(data.test.words, data.test.tags))[:3]:
        print(f"  {coloured(sentence, tags)}")


def coloured(sentence: Sequence[str], tags: Sequence[str]) -> str:
    """The sentence with its spans in brackets, and in colour where the output is a terminal."""
    text, end = Text(), 0
    for span in spans(tags):
        text.append("".join(f"{word} " for word in sentence[end : span.start]))
        text.append(f"[{' '.join(sentence[span.start : span.end])}: {span.kind}]", f"bold {COLOURS[span.kind]}")
        text.append(" ")
        end = span.end
    text.append(" ".join(sentence[end:]))
    console = Console()
    with console.capture() as captured:
        console.print(text, end="", soft_wrap=True)
    return captured.get()


def training(model: Any, data: Data, settings: Settings) -> Training:
    return tagging.training(model, data, hidden=0.4)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data.test.tags, tagged(model, data.test.ids, data.tags))


def figures(truth: list[list[str]], predicted: list[list[str]]) -> dict[str, float]:
    """F1 of all spans, and of each kind's."""
    by_kind = span_scores_by_kind(truth, predicted)
    return {"F1": span_scores(truth, predicted)["F1"], **{kind: scores["F1"] for kind, scores in by_kind.items()}}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    return {name: figures(data.test.tags, tags) for name, tags in usual_tags(data).items()}


def misread(report: Report) -> list[tuple[list[str], list[str], list[str]]]:
    """Test sentences that the best network has not quite right: words, true tags, its tags."""
    test = report.data.test
    rows = zip(test.words, test.tags, tagged(report.best.model, test.ids, report.data.tags))
    return [row for row in rows if row[1] != row[2]]


def show(report: Report) -> None:
    wrong = misread(report)
    print(f"{report.best.name} has {len(wrong)} of {len(report.data.test.words)} test sentences not quite right")
    for sentence, tags, found in wrong[:3]:
        print(f"  read:  {coloured(sentence, found)}\n  right: {coloured(sentence, tags)}")


def draw(figure: Any, report: Report) -> None:
    """What the words of each kind were taken for, and F1 of each kind."""
    test, kinds = report.data.test, ["O", *COLOURS]
    counts = np.zeros((len(kinds), len(kinds)), int)
    for tags, found in zip(test.tags, tagged(report.best.model, test.ids, report.data.tags)):
        for pair in zip(tags, found):
            counts[tuple(kinds.index(tag.partition("-")[2] or "O") for tag in pair)] += 1
    left, right = figure.subplots(1, 2)
    shares = counts / counts.sum(axis=1, keepdims=True)
    left.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if shares[row, column] > 0.5 else "black"
        left.text(column, row, count or "", ha="center", va="center", color=colour)
    for ticks in (left.set_xticks, left.set_yticks):
        ticks(range(len(kinds)), ["none", *COLOURS])
    left.set(title=f"{report.best.name}: what test words were read as", xlabel="read as", ylabel="word of")
    rows = {**report.baselines, report.best.name: report.best.figures}
    for i, (name, row) in enumerate(rows.items()):
        right.bar(np.arange(3) + i / 4, [row[kind] for kind in COLOURS], 0.25, label=name)
    right.set_xticks(np.arange(3) + 0.25, list(COLOURS))
    right.set(title="F1 of each kind", ylim=(0, 1.25))
    right.legend()


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    sentence = words(given)
    if not sentence:
        raise Refusal("--predict: expected a sentence, got an empty one")
    return coloured(sentence, tagged_words(model, facts, sentence))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's sentences, and some of the test part."""
    return tagging.sample(model, data, [words(text) for text in given])


demo = Demo(
    name="entities",
    text=__doc__,
    shape="many to many",
    data="generated sentences, names new in the test part",
    time="15 s",
    load=load,
    look=look,
    facts=tagging.facts,
    build=tagging.build,
    training=training,
    measure=measure,
    baselines=baselines,
    show=show,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("F1"), Figure("person"), Figure("place"), Figure("organisation")),
    defaults={"cell": "lstm", "hidden": 64, "epochs": 10, "lr": 0.005, "bidirectional": True},
    quick={"epochs": 3},
)
main = demo.main

if __name__ == "__main__":
    main()
