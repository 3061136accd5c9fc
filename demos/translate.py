"""Dates in many spellings to ISO dates, or English to French: an encoder-decoder with attention (many to many)."""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure as Picture

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines, say
from demos.command.sample import SHOWN, Sample, of_pairs
from minigrad.data import BOS, EOS, SPECIALS, Vocabulary, batches, bucketed_batches, eng_fra, join_words, split_groups
from minigrad.data import words as words_of
from minigrad.nn import Embedding, Module
from minigrad.random import generator
from models import Embedded, LuongDecoder, Seq2Seq
from models.scores import bleu, exact_match, token_accuracy
from models.training import mean_loss

VECTOR = 64  # size of a token's vector
DATES = 8000
FIRST, LAST = date(1930, 1, 1), date(2029, 12, 31)  # so that two digits are enough for a year
LEAST = 200  # pairs, so that there is something in every part

ONES = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"]
TEENS = ["tenth", "eleventh", "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth",
         "eighteenth", "nineteenth"]  # fmt: skip
ORDINALS = [*ONES, *TEENS, "twentieth", *(f"twenty-{n}" for n in ONES), "thirtieth", "thirty-first"]
SUFFIXES = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}
SPELLINGS = [
    "{y}-{m:02}-{d:02}", "{d}.{m}.{y}", "{d:02}.{m:02}.{y}", "{d}.{m}.{yy}", "{m}/{d}/{y}", "{m:02}/{d:02}/{yy}",
    "{d} {month} {y}", "{d} {mon} {y}", "{d}-{mon}-{yy}", "{nth} {month} {y}", "the {nth} of {month} {y}",
    "{month} {d}, {y}", "{mon} {d} {y}", "{month} {nth}, {y}", "{wday}, {mon} {d} {y}", "{weekday}, {d} {month} {y}",
    "{weekday} the {nth} of {month}, {y}", "{ordinal} of {month} {y}", "the {ordinal} of {month} {y}",
    "{month} the {ordinal}, {y}",
]  # fmt: skip


class Pairs(NamedTuple):
    """Tokens of texts, and of what each becomes."""

    sources: list[list[str]]
    targets: list[list[str]]


class Data(NamedTuple):
    """Three parts, none of whose sources (of dates: days) are in another; of words, or of characters."""

    train: Pairs
    validation: Pairs
    test: Pairs
    by_words: bool


def load(settings: Settings) -> Data:
    """Four fifths to train on, a tenth each to validate and to test on.

    `--quick` takes half of the dates, or the first 10,000 pairs of sentences: English-French goes from short to long.
    """
    texts: Sequence[tuple[str, str]]
    if settings.data == "full":
        texts = list(zip(*eng_fra()))
    else:
        texts = read(settings.file) if settings.file else spelled_out(DATES // 2 if settings.quick else DATES)
    texts = texts[:10_000] if settings.quick else texts
    by_words = settings.data != "default"
    pairs = [(tokens(source, by_words), tokens(target, by_words)) for source, target in texts]
    keys = [tuple(source if by_words else target) for source, target in pairs]
    rows = split_groups(keys, (0.8, 0.1, 0.1), settings.seed)
    train, validation, test = (Pairs(*map(list, zip(*(pairs[i] for i in part)))) for part in rows)
    return Data(train, validation, test, by_words)


def tokens(text: str, by_words: bool) -> list[str]:
    """Lower-case words and marks, or lower-case characters."""
    return words_of(text, lower=True) if by_words else list(text.lower())


def joined(tokens: Iterable[str], by_words: bool) -> str:
    return join_words(tokens) if by_words else "".join(tokens)


def spelled_out(count: int) -> list[tuple[str, str]]:
    """Different days, each in one of the spellings, and as ISO 8601 writes them."""
    numbers = generator().choice(np.arange(FIRST.toordinal(), LAST.toordinal() + 1), count, replace=False)
    days = [date.fromordinal(number) for number in numbers.tolist()]
    return [(spelled(day, str(generator().choice(SPELLINGS))), day.isoformat()) for day in days]


def spelled(day: date, spelling: str) -> str:
    """A day in one of the spellings."""
    month, weekday = calendar.month_name[day.month], calendar.day_name[day.weekday()]
    return spelling.format(
        y=day.year, yy=f"{day.year % 100:02}", m=day.month, d=day.day, month=month, mon=month[:3], weekday=weekday,
        wday=weekday[:3], nth=f"{day.day}{SUFFIXES.get(day.day, 'th')}", ordinal=ORDINALS[day.day - 1],
    )  # fmt: skip


def read(path: Path) -> list[tuple[str, str]]:
    """Pairs of the user's file; what follows a second tab is passed over."""
    pairs = []
    for number, line in numbered_lines(path):
        source, _, rest = line.partition("\t")
        target = rest.partition("\t")[0]
        if not words_of(source) or not words_of(target):
            raise bad_line(path, number, line, "a sentence, a tab, and its translation")
        pairs.append((source, target))
    if len(pairs) < LEAST:
        raise Refusal(f"{path}: expected at least {LEAST} pairs, got {len(pairs)}")
    return pairs


def look(data: Data) -> None:
    sizes = [f"{len(part.sources):,}" for part in data[:3]]
    print("{} pairs to train on, {} to validate, {} to test on".format(*sizes))
    for source, target in zip(*(column[:4] for column in data.train)):
        print(f"  {joined(source, data.by_words)}  ->  {joined(target, data.by_words)}")


def facts(data: Data) -> dict[str, Any]:
    """Vocabularies of the training part (words: those that occur at least twice), and room for the longest target."""
    least = 2 if data.by_words else 1
    source, target = (Vocabulary.build(column, least).tokens[len(SPECIALS) :] for column in data.train)
    longest = max(map(len, data.train.targets))
    return {"source": source, "target": target, "longest": longest, "by_words": data.by_words}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """An encoder in both directions (unless told otherwise), and a decoder that looks back at all of its outputs."""
    source, target = (Embedding(len(SPECIALS) + len(facts[side]), VECTOR) for side in ("source", "target"))
    encoder = Embedded(source, network(settings, VECTOR))
    forward = network(replace(settings, bidirectional=False), VECTOR)
    return Seq2Seq(encoder, LuongDecoder(Embedded(target, forward), encoder.output_size), BOS, EOS)


def encoded(pairs: Pairs, facts: dict[str, Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Ids of sources and of targets."""
    source, target = Vocabulary(facts["source"]), Vocabulary(facts["target"])
    return [source.encode(text) for text in pairs.sources], [target.encode(text) for text in pairs.targets]


def training(model: Any, data: Data, settings: Settings) -> Training:
    """Teacher forcing."""
    known = facts(data)
    held_out = bucketed_batches(*encoded(data.validation, known), batch_size=200, shuffle=False)
    shown = data.validation.sources[0]

    def loss(source: tuple[np.ndarray, np.ndarray], target: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        return model.loss(source[0], target[0], source[1], target[1])

    def validate() -> float:
        nats = mean_loss(loss, held_out)
        (target,) = written(model, known, [shown])
        say(f"{nats:.3f} nats: {joined(shown, data.by_words)}  ->  {joined(target, data.by_words)}")
        return nats

    return Training(bucketed_batches(*encoded(data.train, known), batch_size=64), validate, loss)


def written(model: Any, facts: dict[str, Any], sources: Sequence[list[str]]) -> list[list[str]]:
    """What the network makes of each source, the likeliest token at each step."""
    source, target = Vocabulary(facts["source"]), Vocabulary(facts["target"])
    texts = batches([source.encode(text) for text in sources], batch_size=500, shuffle=False)
    return [
        target.decode(ids) for ((padded, lengths),) in texts for ids in model.predict(padded, facts["longest"], lengths)
    ]


def references(pairs: Pairs) -> dict[tuple[str, ...], list[list[str]]]:
    """Each source once, with all of its targets."""
    found: dict[tuple[str, ...], list[list[str]]] = {}
    for source, target in zip(*pairs):
        found.setdefault(tuple(source), []).append(target)
    return found


def measure(model: Any, data: Data) -> dict[str, float]:
    wanted = references(data.test)
    return figures(data, written(model, facts(data), [list(source) for source in wanted]))


def figures(data: Data, texts: Sequence[list[str]]) -> dict[str, float]:
    """Scores of what was written for each source of the test part, against all that it may become."""
    wanted = list(references(data.test).values())
    scores = {"exact match": exact_match(wanted, texts), "token accuracy": token_accuracy(wanted, texts)}
    return {**scores, "BLEU": bleu(wanted, texts)} if data.by_words else scores


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The source as it is; and each word's translation, in the order of the source."""
    sources = references(data.test)
    rows = {"copy": figures(data, [list(source) for source in sources])}
    if data.by_words:
        table = dictionary(data.train)
        rows["word by word"] = figures(data, [[table.get(word, word) for word in source] for source in sources])
    return rows


def dictionary(pairs: Pairs) -> dict[str, str]:
    """For each source word the target word that it goes with best: most of 2 n(s, t) / (n(s) + n(t)) (Dice 1945)."""
    columns = [[sorted(set(text)) for text in column] for column in pairs]
    of_source, of_target = (Counter(word for text in column for word in text) for column in columns)
    together = Counter(pair for texts in zip(*columns) for pair in product(*texts))
    best: dict[str, tuple[float, str]] = {}
    for (source, target), count in together.items():
        score = count / (of_source[source] + of_target[target])
        best[source] = max(best.get(source, (0.0, "")), (score, target))
    return {source: target for source, (_, target) in best.items()}


def attended(model: Any, facts: dict[str, Any], source: list[str]) -> tuple[list[str], np.ndarray]:
    """What is written for a source, its end included, and how much each token looked at each of the source's."""
    ids = Vocabulary(facts["source"]).encode(source)[None]
    (target,) = model.predict(ids, facts["longest"])
    with mg.no_grad():
        _, weights = model(ids, [[BOS, *target]])
    return [*Vocabulary(facts["target"]).decode(target), "end"], weights.numpy()[0]


def draw_attention(axes: Any, model: Any, facts: dict[str, Any], source: list[str]) -> None:
    """A row for each token written, a column for each token read; dark is where it looked."""
    target, weights = attended(model, facts, source)
    axes.imshow(weights, cmap="Greys", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(source)), source, rotation=90 if facts["by_words"] else 0)
    axes.set_yticks(range(len(target)), target)
    axes.set(xlabel="read", ylabel="written")


def draw(figure: Any, report: Report) -> None:
    """Attention over two sentences of the test part, the longest and one of middle length."""
    sources = sorted(references(report.data.test), key=len)
    for axes, i in zip(figure.subplots(2, 1), (len(sources) // 2, -1)):
        draw_attention(axes, report.best.model, report.facts, list(sources[i]))
    figure.suptitle(f"{report.best.name}: where the decoder looked")


def show(report: Report) -> None:
    data = report.data
    wanted = references(data.test)
    some = list(wanted)[:: max(1, len(wanted) // 5)][:5]
    for source, target in zip(some, written(report.best.model, report.facts, [list(source) for source in some])):
        right = target in wanted[source]
        print(f"  {joined(source, data.by_words)}  ->  {joined(target, data.by_words)}{'' if right else '  (wrong)'}")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """What the text becomes; and runs/translate-TEXT.png, which shows where the decoder looked."""
    source = tokens(given.strip(), facts["by_words"])
    if not source:
        raise Refusal("--predict: expected a text, got an empty one")
    (target,) = written(model, facts, [source])
    name = re.sub(r"\W+", "_", given.lower())[:60]
    path = Path("runs", f"translate-{name}.png")
    path.parent.mkdir(exist_ok=True)
    picture = Picture(figsize=(3 + len(source) / 4, 5), layout="constrained")
    draw_attention(picture.subplots(), model, facts, source)
    picture.savefig(path, dpi=110)
    return f"{joined(target, facts['by_words'])}  {given}  ({path})"


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's texts, with what the network writes; and some of the test part, with what is right."""
    known, every = facts(data), max(1, len(data.test.sources) // SHOWN)
    own = [tokens(text.strip(), data.by_words) for text in given]
    sources = [*own, *data.test.sources[::every][:SHOWN]]
    said = written(model, known, sources)
    targets = [*said[: len(own)], *data.test.targets[::every][:SHOWN]]
    names = [f"{joined(s, data.by_words)} -> {joined(t, data.by_words)}" for s, t in zip(sources, said)]
    vocabularies = Vocabulary(known["source"]), Vocabulary(known["target"])
    return of_pairs(vocabularies, sources, targets, names, not data.by_words)


demo = Demo(
    name="translate",
    text=__doc__,
    shape="many to many",
    data="generated dates; full: English-French",
    time="40 s",
    load=load,
    look=look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    show=show,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("token accuracy"), Figure("exact match"), Figure("BLEU", form=".1f")),
    defaults={"cell": "gru", "hidden": 128, "bidirectional": True, "epochs": 5, "lr": 0.005},
    quick={"hidden": 128, "epochs": 6, "lr": 0.007},
    full={"hidden": 256, "epochs": 8, "lr": 0.003},
    file="lines of a sentence, a tab, and its translation",
)
main = demo.main

if __name__ == "__main__":
    main()
