"""DNA with a planted motif, generated: found by what a language model of letters is sure of (many to many)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network
from demos.command.sample import SHOWN, Sample, of_texts
from minigrad.data import BOS, SPECIALS, Vocabulary, batches
from minigrad.functional import log_softmax
from minigrad.nn import Embedding, Module
from minigrad.random import generator
from models import Embedded, LanguageModel, perplexity
from models.ngrams import Pairs, bigram_loss, unigram_loss
from models.training import mean_loss

LETTERS = "ACGT"
SHARES = (0.3, 0.2, 0.2, 0.3)  # of the letters around the motifs
MOTIF = "TGACGTCATG"
CHANGED = 0.05  # share of the motif's letters that are drawn anew
LENGTH, MOST = 60, 2  # letters of a sequence, and motifs in it
VECTOR = 8  # size of a letter's vector

# Found is the stretch in which the network, once past LEAD letters, gave what came at least the probability SURE (the
# geometric mean); both were chosen by F1 on validation parts
LEAD, SURE = 5, 0.45


class Part(NamedTuple):
    """Letters' ids, int64 [n, LENGTH], and whether each is of a motif, bool [n, LENGTH]."""

    ids: np.ndarray
    planted: np.ndarray


class Data(NamedTuple):
    train: Part
    validation: Part
    test: Part


def load(settings: Settings) -> Data:
    """Sequences with no motif, one or two of them; the network is never told where."""
    sizes = (1000 if settings.quick else 2000, 300, 500)
    return Data(*(generated(count) for count in sizes))


def generated(count: int) -> Part:
    """Letters drawn one by one, and the motif, a bit changed, put over some of them."""
    rng = generator()
    letters = rng.choice(len(LETTERS), size=(count, LENGTH), p=SHARES)
    planted = np.zeros(letters.shape, bool)
    motif = np.array([LETTERS.index(letter) for letter in MOTIF])
    half = LENGTH // MOST
    for row, where in zip(letters, planted):
        for i in range(rng.integers(MOST + 1)):  # each in a stretch of its own, so that they do not overlap
            start = i * half + rng.integers(half - len(motif) + 1)
            changed = rng.random(len(motif)) < CHANGED
            row[start : start + len(motif)] = np.where(changed, rng.choice(len(LETTERS), len(motif), p=SHARES), motif)
            where[start : start + len(motif)] = True
    return Part(letters + len(SPECIALS), planted)


def look(data: Data) -> None:
    print("{} sequences to train on, {} to validate, {} to test on, ".format(*(len(part.ids) for part in data)), end="")
    print(f"of {LENGTH} letters; the motif {MOTIF} is in them {', '.join(map(str, range(MOST)))} or {MOST} times:")
    for ids, planted in zip(data.train.ids[:3], data.train.planted):
        print(" ", marked("".join(Vocabulary(LETTERS).decode(ids)), planted))


def marked(letters: str, motif: np.ndarray) -> str:
    """Capitals where the motif is, small letters elsewhere."""
    return "".join(letter if here else letter.lower() for letter, here in zip(letters, motif))


def facts(data: Data) -> dict[str, Any]:
    return {"letters": LETTERS}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    embedding = Embedding(len(SPECIALS) + len(facts["letters"]), VECTOR)
    return LanguageModel(Embedded(embedding, network(settings, VECTOR)))


def fed(ids: np.ndarray) -> np.ndarray:
    """What each letter follows: BOS, and the letters but for the last."""
    return np.insert(ids, 0, BOS, axis=1)[:, :-1]


def training(model: Any, data: Data, settings: Settings) -> Training:
    def loss(before: np.ndarray, ids: np.ndarray) -> mg.Tensor:
        return model.loss(before, ids)[0]

    train, held_out = data.train.ids, data.validation.ids
    return Training(
        batches(fed(train), train, batch_size=32),
        lambda: mean_loss(loss, batches(fed(held_out), held_out, batch_size=500, shuffle=False)),
        loss,
    )


def sureness(model: Any, ids: np.ndarray) -> np.ndarray:
    """Log-probability that the network gave each letter before it saw it, [n, time]."""
    with mg.no_grad():
        logits, _ = model(fed(ids))
    return np.take_along_axis(log_softmax(logits).numpy(), ids[:, :, None], axis=2)[:, :, 0]


def found(logs: np.ndarray) -> np.ndarray:
    """Where a motif must be, bool [time], by the log-probabilities [time]: the surest stretch first, none overlaps."""
    width = len(MOTIF)
    motif = np.zeros(len(logs), bool)
    if len(logs) < width:
        return motif
    means = np.lib.stride_tricks.sliding_window_view(logs, width)[:, LEAD:].mean(axis=1)
    for start in np.argsort(-means, kind="stable"):
        if means[start] >= np.log(SURE) and not motif[start : start + width].any():
            motif[start : start + width] = True
    return motif


def measure(model: Any, data: Data) -> dict[str, float]:
    logs = sureness(model, data.test.ids)
    return {"perplexity": perplexity(-logs.mean()), **of_motif(data.test.planted, np.array([*map(found, logs)]))}


def of_motif(planted: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Share of the letters found that were planted; of those planted that were found; both in one."""
    precision, recall, f1, _ = precision_recall_fscore_support(
        planted.ravel(), found.ravel(), average="binary", zero_division=0
    )
    return {"precision": float(precision), "recall": float(recall), "F1": float(f1)}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """How often each letter occurs, alone and after another."""
    train, test = (Pairs(fed(part.ids).ravel(), part.ids.ravel()) for part in (data.train, data.test))
    size = len(SPECIALS) + len(LETTERS)
    losses = {"unigram": unigram_loss, "bigram": bigram_loss}
    return {name: {"perplexity": perplexity(loss(train, test, size))} for name, loss in losses.items()}


def consensus(model: Any, part: Part) -> str:
    """The commonest letter at each place of the stretches that are found; "" where none is."""
    logs = sureness(model, part.ids)
    stretches = [ids[motif].reshape(-1, len(MOTIF)) for ids, motif in zip(part.ids, map(found, logs))]
    columns = np.concatenate(stretches).T
    commonest = [np.bincount(column).argmax() for column in columns if column.size]
    return "".join(Vocabulary(LETTERS).decode(commonest))


def show(report: Report) -> None:
    test = report.data.test
    print(f"planted: {MOTIF}; read off what was found: {consensus(report.best.model, test) or 'nothing was found'}")
    print(f"taking every letter for the motif: precision {test.planted.mean():.1%}, recall 100.0%")


def draw(figure: Any, report: Report) -> None:
    """Sequences of the test part: dark where the network was sure of the letter, framed where the motif was planted."""
    part = report.data.test
    rows = np.flatnonzero(part.planted.any(axis=1))[:15]
    axes = figure.subplots()
    axes.imshow(np.exp(sureness(report.best.model, part.ids[rows])), cmap="Greys", vmin=0, vmax=1, aspect="auto")
    for i, row in enumerate(rows):
        for t, letter in enumerate(Vocabulary(LETTERS).decode(part.ids[row])):
            planted = part.planted[row, t]
            axes.text(t, i, letter, ha="center", va="center", fontsize=8, color="C3" if planted else "C0")
    axes.set(
        title="probability of each letter before it came (dark: sure; red: planted)", xlabel="letter", ylabel="sequence"
    )


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The sequence, with what is taken for the motif in capitals."""
    letters = given.strip().upper()
    if not letters or set(letters) - set(facts["letters"]):
        raise Refusal(f"--predict: expected letters of {facts['letters']}, got {given[:60]!r}")
    (logs,) = sureness(model, Vocabulary(facts["letters"]).encode(letters)[None])
    return marked(letters, found(logs))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's sequences, or some of the test part with a motif."""
    vocabulary = Vocabulary(LETTERS)
    if given:
        texts, names = [vocabulary.encode(text.strip().upper()) for text in given], list(given)
    else:
        rows = np.flatnonzero(data.test.planted.any(axis=1))[:SHOWN]
        texts = list(data.test.ids[rows])
        names = [marked("".join(vocabulary.decode(data.test.ids[i])), data.test.planted[i]) for i in rows]
    return of_texts(vocabulary, [np.insert(text, 0, BOS) for text in texts], names, joined=True)


demo = Demo(
    name="dna",
    text=__doc__,
    shape="many to many",
    data="generated sequences with a planted motif",
    time="8 s",
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
    figures=(
        Figure("perplexity", form=".3f", lower_is_better=True),
        Figure("precision"),
        Figure("recall"),
        Figure("F1"),
    ),
    defaults={"cell": "gru", "hidden": 32, "epochs": 10, "lr": 0.01},
    quick={"epochs": 8},
    refused={"bidirectional": "a language model may not look ahead"},
)
main = demo.main

if __name__ == "__main__":
    main()
