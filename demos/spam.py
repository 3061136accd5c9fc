"""Spam among text messages, and the words that give it away (many to one)."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import accuracy_score, precision_recall_fscore_support
from sklearn.model_selection import train_test_split

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import Sample, of_kinds
from minigrad.data import SPECIALS, Vocabulary, batches, bucketed_batches, hide, pad_sequences, sms_spam, words
from minigrad.nn import Embedding, Module
from models import Classifier, Embedded
from models.classifier import predict_all
from models.saliency import contributions
from models.training import mean_loss

VECTOR = 32  # size of a word's vector
HIDDEN = 0.2  # share of the tokens; 0.1 to 0.3 validate alike (0.036 to 0.038, mean of 3 seeds), 0 and 0.4 worse
HAM, SPAM = range(2)
KINDS = ("ham", "spam")

# Messages for the default form are generated from these, and so are far more alike than real ones
PARTS = {
    "who": ["mum", "Sam", "the boss", "Priya", "my sister", "Tom", "the landlord"],
    "when": ["tonight", "at 7", "tomorrow", "on Friday", "after work", "in 20 minutes", "next week"],
    "where": ["the station", "the gym", "my place", "the library", "town", "the cafe"],
    "what": ["dinner", "the film", "a coffee", "the match", "our call", "the exam", "a free lunch"],
    "prize": ["a holiday", "a new phone", "500 pounds cash", "free tickets", "a 100 voucher", "free ringtones"],
    "number": ["09061701461", "87121", "08000930705", "60400", "09050003091"],
    "hurry": ["Call {number} now", "Txt WIN to {number}", "Reply YES to {number}", "Claim by calling {number}"],
}
TEMPLATES = {
    HAM: [
        "Are you coming to {where} {when}? {who} wants to know",
        "Sorry, can't talk now. Will call you {when}",
        "Did {who} win the match {when}?",
        "{who} says {what} is {when}, are you free?",
        "ok see you at {where} {when}",
        "I am at {where} with {who}. Text me when you leave",
        "Can you reply to {who} about {what}? It is urgent",
        "No prize for guessing who forgot {what} again. {who}!",
    ],
    SPAM: [
        "Congratulations! You have won {prize}. {hurry}",
        "URGENT! {prize} is waiting for you. {hurry}",
        "Free entry: win {prize} {when}! {hurry}",
        "Your mobile was chosen for {prize}. {hurry}, ends {when}",
        "Are you free {when}? Meet singles at {where}. {hurry}",
    ],
}


class Part(NamedTuple):
    """Messages: their text, their tokens' ids [time] each, and int64 [n] with 1 for spam."""

    texts: list[str]
    ids: list[np.ndarray]
    labels: np.ndarray


class Data(NamedTuple):
    """Three parts, and the tokens that occur at least twice in the first."""

    train: Part
    validation: Part
    test: Part
    vocabulary: Vocabulary


def load(settings: Settings) -> Data:
    """Messages without duplicates: a fifth to test on, a tenth to validate; as much spam in each."""
    texts: Sequence[str]
    labels: Sequence[int] | np.ndarray
    if settings.data == "full":
        texts, labels = sms_spam()
    else:
        texts, labels = read(str(settings.file)) if settings.file else generated(600)
    unique = list({text.strip().lower(): (text, label) for text, label in zip(texts, labels)}.values())
    kinds = np.array([label for _, label in unique])
    rest, test = split(np.arange(len(unique)), kinds, 0.2, settings.seed)
    train, validation = split(rest, kinds, 0.125, settings.seed)
    vocabulary = Vocabulary.build((tokens(unique[i][0]) for i in train), min_count=2)

    def part(rows: np.ndarray) -> Part:
        chosen = [unique[i][0] for i in rows]
        return Part(chosen, [vocabulary.encode(tokens(text)) for text in chosen], kinds[rows])

    return Data(part(train), part(validation), part(test), vocabulary)


def split(rows: np.ndarray, labels: np.ndarray, share: float, seed: int) -> Any:
    return train_test_split(rows, test_size=share, stratify=labels[rows], random_state=seed)


def tokens(text: str) -> list[str]:
    """Lower-case words and marks; digits become 0, so that all telephone numbers of one length are one word."""
    return words(re.sub(r"\d", "0", html.unescape(text)), lower=True) or [SPECIALS[1]]


def generated(count: int) -> tuple[list[str], list[int]]:
    """Different messages, a quarter of them spam."""
    rng = np.random.default_rng(0)
    messages: dict[str, int] = {}
    while len(messages) < count:
        label = SPAM if len(messages) % 4 == 0 else HAM
        text = TEMPLATES[label][rng.integers(len(TEMPLATES[label]))]
        while "{" in text:
            text = text.format_map({name: parts[rng.integers(len(parts))] for name, parts in PARTS.items()})
        messages[text] = label
    return list(messages), list(messages.values())


def read(path: str) -> tuple[list[str], list[int]]:
    """Messages of the user's file."""
    texts, labels = [], []
    for number, line in numbered_lines(path):
        label, _, text = line.partition("\t")
        if label not in ("ham", "spam") or not text.strip():
            raise bad_line(path, number, line, "ham or spam, a tab, and the message")
        texts.append(text)
        labels.append(int(label == "spam"))
    if min(labels.count(HAM), labels.count(SPAM)) < 20:
        raise Refusal(f"{path}: expected at least 20 messages of each kind, got {labels.count(SPAM)} of spam")
    return texts, labels


def look(data: Data) -> None:
    sizes = [len(part.texts) for part in data[:3]]
    print("{} messages to train on, {} to validate, {} to test on; no message twice".format(*sizes))
    for label in (HAM, SPAM):
        text = data.train.texts[int(np.flatnonzero(data.train.labels == label)[0])]
        print(f"  {KINDS[label] + ':':6}{text}\n{'':8}{' | '.join(tokens(text))}")
    print(f"vocabulary: {len(data.vocabulary)} tokens, those that occur at least twice")


def facts(data: Data) -> dict[str, Any]:
    return {"tokens": data.vocabulary.tokens[len(SPECIALS) :]}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """Ham or spam, by the last hidden state after a message's tokens."""
    embedding = Embedding(len(SPECIALS) + len(facts["tokens"]), VECTOR)
    return Classifier(Embedded(embedding, network(settings, VECTOR)), 2)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """Of the tokens trained on, a share is hidden each time, so that no message is told by a single word."""

    def loss(ids: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> Any:
        return model.loss(ids[0], labels, ids[1])

    def loss_of_some(ids: tuple[np.ndarray, np.ndarray], labels: np.ndarray) -> Any:
        return loss((hide(ids[0], HIDDEN), ids[1]), labels)

    train = bucketed_batches(data.train.ids, data.train.labels, batch_size=32)
    held_out = batches(data.validation.ids, data.validation.labels, batch_size=200, shuffle=False)
    return Training(train, lambda: mean_loss(loss, held_out), loss_of_some, weight_decay=0.1)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data.test.labels, predict_all(model, data.test.ids))


def baselines(data: Data) -> dict[str, dict[str, float]]:
    majority = np.bincount(data.train.labels).argmax()
    return {"majority class": figures(data.test.labels, np.full_like(data.test.labels, majority))}


def figures(labels: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    """Share of messages told right, and precision, recall and F1 of spam."""
    precision, recall, f1, _ = precision_recall_fscore_support(labels, predicted, average="binary", zero_division=0)
    return {
        "accuracy": float(accuracy_score(labels, predicted)),
        "precision": float(precision),
        "recall": float(recall),
        "F1": float(f1),
    }


def telling(model: Any, data: Data) -> list[tuple[str, float]]:
    """How much tokens speak for spam where they occur, the most first; those that occur in 1 % of test messages."""
    padded, lengths = pad_sequences(data.test.ids)
    weights = contributions(model, padded, lengths, SPAM, HAM)
    found = defaultdict(list)
    for ids, row in zip(data.test.ids, weights):
        for i, weight in zip(ids, row):
            found[data.vocabulary.tokens[i]].append(float(weight))
    enough = len(data.test.ids) / 100
    means = [(token, float(np.mean(values))) for token, values in found.items() if len(values) >= enough]
    return sorted(means, key=lambda pair: -pair[1])


def show(report: Report) -> None:
    ranked = telling(report.best.model, report.data)
    print("speak most for spam:", ", ".join(token for token, _ in ranked[:10]))
    print("speak most for ham: ", ", ".join(token for token, _ in ranked[:-11:-1]))


def draw(figure: Any, report: Report) -> None:
    """The most telling words."""
    ranked = telling(report.best.model, report.data)
    chosen = [*ranked[:15], *ranked[-10:]][::-1]
    axes = figure.subplots()
    axes.barh(range(len(chosen)), [x for _, x in chosen], color=["C3" if x > 0 else "C0" for _, x in chosen])
    axes.set_yticks(range(len(chosen)), [token for token, _ in chosen])
    axes.set(title="gradient times vector, mean over test messages", xlabel="for ham  |  for spam (logits)")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    ids = Vocabulary(facts["tokens"]).encode(tokens(given))
    return f"{KINDS[int(predict_all(model, [ids])[0])]:4}  {given}"


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's messages, and some of the test part."""
    return of_kinds(model, data.vocabulary, KINDS, data.test, tokens, given)


demo = Demo(
    name="spam",
    text=__doc__,
    shape="many to one",
    data="generated messages; full: SMS Spam Collection",
    time="5 s",
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
    figures=(Figure("accuracy"), Figure("precision"), Figure("recall"), Figure("F1")),
    defaults={"cell": "lstm", "hidden": 32, "epochs": 8, "lr": 0.005},
    quick={"epochs": 3},
    full={"hidden": 64},
    file="lines of ham or spam, a tab, and the message",
)
main = demo.main

if __name__ == "__main__":
    main()
