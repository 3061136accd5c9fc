"""A language model of words: the standard library's docstrings, or Shakespeare, sentence by sentence (many to many)."""

from __future__ import annotations

import ast
import re
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, network, read_text, say
from demos.command.sample import Sample, of_stretches, of_texts
from minigrad.data import EOS, SPECIALS, UNK, Vocabulary, bptt_windows, join_words, split, tiny_shakespeare, words
from minigrad.nn import Embedding, Module
from models import Embedded, LanguageModel
from models.language_model import carrying, perplexity, stream
from models.ngrams import Pairs, bigram_loss, unigram_loss
from models.training import mean_loss

DROPOUT = 0.3
WINDOW = 35  # words
LEAST_OFTEN = 5  # a word that occurs less often in the training part is <unk>
RESTART = 10  # windows
LEAST = 2000  # words, so that there is something in every part
ENDS = re.compile(r"(?<=[.!?])\s+|\n\s*\n")  # of sentences: a mark, or a blank line


class Data(NamedTuple):
    """Words as ids, EOS after each sentence: what is trained on, what validates, what is tested."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    vocabulary: Vocabulary


def load(settings: Settings) -> Data:
    """Docstrings in chance order; or Tiny Shakespeare, or a text file of the user's, whose end is tested on."""
    if settings.data == "full":
        parts = in_order(list(sentences(tiny_shakespeare())))
    elif settings.file:
        parts = in_order(list(sentences(read_text(settings.file))))
    else:
        parts = shuffled(docstrings(every=4 if settings.quick else 1), settings.seed)
    if (count := sum(map(len, parts[0]))) < LEAST:
        raise Refusal(f"{settings.data}: expected at least {LEAST} words to train on, got {count}")
    vocabulary = Vocabulary.build(parts[0], min_count=LEAST_OFTEN)
    train, validation, test = (np.concatenate([encoded(vocabulary, s) for s in part]) for part in parts)
    return Data(train[:40_000] if settings.quick else train, validation, test, vocabulary)


def sentences(text: str) -> Iterator[list[str]]:
    """The words of each sentence, in lower case."""
    return (tokens for sentence in ENDS.split(text) if (tokens := words(sentence, lower=True)))


def in_order(said: Sequence[list[str]]) -> list[Sequence[list[str]]]:
    """The first nine tenths of the sentences, half of the rest, the other half."""
    most, rest = len(said) * 9 // 10, len(said) * 19 // 20
    return [said[:most], said[most:rest], said[rest:]]


def shuffled(texts: Sequence[str], seed: int) -> list[Sequence[list[str]]]:
    """The sentences of nine tenths of the texts, of half of the rest, of the other half."""
    return [[s for i in rows for s in sentences(texts[i])] for rows in split(len(texts), (0.9, 0.05, 0.05), seed)]


def docstrings(every: int) -> list[str]:
    """Those of every so many modules of this Python's standard library, each once, without examples of code."""
    found: dict[str, None] = {}
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))[::every]:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                found["\n\n".join(p for p in text.split("\n\n") if ">>>" not in p)] = None
    return list(found)


def encoded(vocabulary: Vocabulary, sentence: Iterable[str]) -> np.ndarray:
    """Ids of a sentence's words, and EOS."""
    return np.append(vocabulary.encode(sentence), EOS)


def look(data: Data) -> None:
    sizes = [f"{len(part):,}" for part in data[:3]]
    print("{} words to train on, {} to validate, {} to test on; ".format(*sizes), end="")
    print(
        f"{len(data.vocabulary):,} different ones, the others ({np.mean(data.test == UNK):.1%} of the test) are <unk>"
    )
    print("  " + " ".join(data.vocabulary.decode(data.train[:30])))


def facts(data: Data) -> dict[str, Any]:
    return {"tokens": data.vocabulary.tokens[len(SPECIALS) :]}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A language model whose words' vectors are its output weights, too."""
    embedding = Embedding(len(SPECIALS) + len(facts["tokens"]), settings.hidden)
    return LanguageModel(Embedded(embedding, network(settings, settings.hidden)), tied=True, dropout=DROPOUT)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """20 streams in windows; the state is carried from window to window, and now and then dropped."""
    windows = bptt_windows(data.train, batch_size=20, window=WINDOW)

    def validate() -> float:
        nats = loss_of(model, data.validation)
        say(f"perplexity {perplexity(nats):.1f}: {sampled(model, data.vocabulary, [EOS])}")
        return nats

    return Training(lambda: stream(windows, RESTART), validate, carrying(model), weight_decay=0.01, steps=len(windows))


def loss_of(model: Any, ids: np.ndarray) -> float:
    """Mean cross entropy of a text in nats, read from its beginning."""
    return mean_loss(carrying(model), stream(bptt_windows(ids, batch_size=1, window=100)))


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(loss_of(model, data.test))


def figures(nats: float) -> dict[str, float]:
    return {"perplexity": perplexity(nats), "bits per word": nats / np.log(2)}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """Counting words, alone and after each other, in the training part."""
    train, test = (Pairs(ids[:-1], ids[1:]) for ids in (data.train, data.test))
    losses = {"unigram": unigram_loss, "bigram, Kneser-Ney": bigram_loss}
    return {name: figures(loss(train, test, len(data.vocabulary))) for name, loss in losses.items()}


def sampled(model: Any, vocabulary: Vocabulary, seed: Sequence[int] | np.ndarray) -> str:
    """A sentence to its end, or 40 words of it, at temperature 0.8."""
    return join_words(vocabulary.decode(model.generate(seed, 40, temperature=0.8, eos=EOS)))


def show(report: Report) -> None:
    print(report.best.name, "writes:")
    for _ in range(5):
        print(" ", sampled(report.best.model, report.data.vocabulary, [EOS]))


def draw(figure: Any, report: Report) -> None:
    """Perplexity by epoch, beside what counting words gives."""
    axes = figure.subplots()
    for result in report.results:
        values = [perplexity(nats) for nats in result.history.validation]
        axes.plot(range(1, len(values) + 1), values, "o-", label=f"{result.name}, validation")
    for style, (name, row) in zip((":", "--"), report.baselines.items()):
        axes.axhline(row["perplexity"], color="grey", linestyle=style, label=f"{name}, test")
    axes.set(title="perplexity", xlabel="epoch", yscale="log")
    axes.legend()


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The words, and how the sentence that they begin goes on; words that are not known are read as <unk>."""
    vocabulary = Vocabulary(facts["tokens"])
    return f"{given} ... {sampled(model, vocabulary, [EOS, *vocabulary.encode(words(given, lower=True))])}"


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's sentences, or stretches of the test part."""
    if given:
        texts = [np.array([EOS, *data.vocabulary.encode(words(text, lower=True)), EOS]) for text in given]
        return of_texts(data.vocabulary, texts, given)
    return of_stretches(data.vocabulary, data.test, WINDOW)


demo = Demo(
    name="word_lm",
    text=__doc__,
    shape="many to many",
    data="docstrings of Python's standard library; full: Tiny Shakespeare",
    time="190 s",
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
        Figure("perplexity", form=".1f", lower_is_better=True),
        Figure("bits per word", form=".3f", lower_is_better=True),
    ),
    defaults={"cell": "lstm", "hidden": 128, "epochs": 5, "lr": 0.02},
    quick={"epochs": 10},
    full={"hidden": 192, "epochs": 5, "lr": 0.01},
    file="a text in UTF-8",
    refused={"bidirectional": "a language model may not look ahead"},
)
main = demo.main

if __name__ == "__main__":
    main()
