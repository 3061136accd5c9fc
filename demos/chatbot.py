"""A little chat, with `--predict -` at the prompt: an encoder reads the question, a decoder answers (many to many)."""

from __future__ import annotations

import contextlib
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.decomposition import PCA

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import SHOWN, Sample, of_pairs
from minigrad.data import (
    BOS,
    EOS,
    SPECIALS,
    Vocabulary,
    batches,
    bucketed_batches,
    hide,
    join_words,
    pad_sequences,
    words,
)
from minigrad.nn import Embedding, Module
from models import Decoder, Embedded, Seq2Seq
from models.bridge import summary
from models.scores import exact_match, token_accuracy
from models.training import mean_loss

VECTOR = 64  # size of a word's vector
HIDDEN = 0.2  # share of a question's words
LEAST = 20  # pairs of the user's

# Written for this demo: questions that have one answer, and the answer
DIALOGUES = """
hello; hi; hi there; hello there; good morning; hey, hello = Hello! What can I do for you?
how are you?; how are you today?; are you well?; how do you feel?; are you well today?; how do you do? = I am well,
    thank you.
what is your name?; who are you?; your name please?; tell me your name; do you have a name?; may I know your name? =
    My name is Grad.
are you a person?; are you human?; are you a robot?; am I talking to a human?; is this a robot or a person?; are you
    a real person? = I am a small network.
what can you do?; can you help me?; what can you help me with?; I need help; please help me; how can you help? = I
    can answer some short questions.
how old are you?; what is your age?; when were you born?; tell me your age; are you old?; since when are you here? =
    I was trained a minute ago.
who made you?; who built you?; who wrote you?; where do you come from?; who is your maker?; who trained you? = You
    did, when you started the training.
tell me a joke; do you know a joke?; make me laugh; say something funny; a joke please; can you tell jokes? = A
    gradient walks into a bar and vanishes.
when do you open?; what are your opening hours?; are you open today?; at what time do you open?; when does the shop
    open?; opening hours please = We open at nine.
when do you close?; how late are you open?; at what time do you close?; when does the shop close?; until when are
    you open?; closing time please = We close at six in the evening.
are you open on sunday?; is the shop open on sunday?; do you work at the weekend?; can I come on sunday?; are you
    open at the weekend?; and on sunday? = On Sundays the shop is closed.
where is the shop?; where are you?; what is your address?; how do I find the shop?; the address please; how do I get
    to the shop? = The shop is at 5 Market Square.
can I park there?; is there a car park?; where can I park my car?; is there parking?; I come by car, where do I
    park?; parking near the shop? = There is a car park behind the shop.
how much is a bike?; what does a bike cost?; the price of a bike?; what do you charge for a bike?; how much is it to
    rent a bike?; bike prices please = A bike costs ten euros a day.
how much is a helmet?; what does a helmet cost?; do I pay for a helmet?; the price of a helmet?; is a helmet free?;
    do I get a helmet? = A helmet is free with each bike.
do you have bikes for children?; is there a small bike?; I need a bike for my child; bikes for kids?; my son is six,
    is there a bike for him?; a bike for a child please = Yes, for children from four years on.
can I pay by card?; do you take cards?; is a credit card fine?; cash or card?; how can I pay?; may I pay with a
    card? = You can pay by card or in cash.
can I book now?; I want to book a bike; I would like to reserve a bike; how do I book?; please book a bike for me;
    can I reserve one? = Please call us to book a bike.
what is your phone number?; how can I call you?; your number please; which number do I call?; can I phone you?; tell
    me the phone number = Our number is 555 0100.
can I cancel?; I want to cancel my booking; how do I cancel?; please cancel my bike; I cannot come, can I cancel
    it?; cancel the booking please = You can cancel until the day before.
my bike is broken; I have a flat tyre; the bike does not work; the chain is broken; my tyre is flat; something is
    broken = Bring it back and take another one.
will it rain?; how is the weather?; is it going to rain today?; what is the weather like?; do I need an umbrella?;
    weather for today? = I cannot see the sky from here.
thank you; thanks; thanks a lot; thank you very much; that helped, thanks; many thanks = You are welcome.
goodbye; bye; see you; bye bye; I have to go; see you later, goodbye = Goodbye! Come again.
"""


class Pairs(NamedTuple):
    """Tokens of questions and of their answers."""

    questions: list[list[str]]
    answers: list[list[str]]


class Data(NamedTuple):
    """Three parts; where the pairs allow it, the last two ask in other words what the first asks."""

    train: Pairs
    validation: Pairs
    test: Pairs


def load(settings: Settings) -> Data:
    """The dialogues above, or the user's."""
    texts = read(settings.file) if settings.file else written_here()
    pairs = list(dict.fromkeys((tuple(words(q, lower=True)), tuple(words(a))) for q, a in texts))
    rows = parted([answer for _, answer in pairs], np.random.default_rng(settings.seed))
    return Data(*(Pairs([list(pairs[i][0]) for i in part], [list(pairs[i][1]) for i in part]) for part in rows))


def written_here() -> list[tuple[str, str]]:
    """A question and its answer, for each question of DIALOGUES."""
    lines = (line.split(" = ") for line in DIALOGUES.replace("\n    ", " ").strip().split("\n"))
    return [(question, answer) for questions, answer in lines for question in questions.split("; ")]


def read(path: Path) -> list[tuple[str, str]]:
    """Pairs of the user's file."""
    pairs = []
    for number, line in numbered_lines(path):
        question, _, answer = line.partition("\t")
        if not words(question) or not words(answer):
            raise bad_line(path, number, line, "a question, a tab, and the answer")
        pairs.append((question, answer))
    if len(pairs) < LEAST:
        raise Refusal(f"{path}: expected at least {LEAST} questions with answers, got {len(pairs)}")
    return pairs


def parted(answers: Sequence[tuple[str, ...]], rng: np.random.Generator) -> tuple[list[int], list[int], list[int]]:
    """Rows to train, to validate and to test on: of each answer's questions a third is tested, a sixth validates.

    Where hardly any answer has three questions, a tenth of all pairs is tested and a tenth validates.
    """
    order = rng.permutation(len(answers)).tolist()
    groups: dict[tuple[str, ...], list[int]] = {}
    for row in order:
        groups.setdefault(answers[row], []).append(row)
    train: list[int] = []
    validation: list[int] = []
    test: list[int] = []
    for rows in groups.values():
        tested, validated = len(rows) // 3, -(-len(rows) // 6) if len(rows) > 2 else 0
        test += rows[:tested]
        validation += rows[tested : tested + validated]
        train += rows[tested + validated :]
    if len(test) >= 5:
        return train, validation, test
    tenth = -(-len(order) // 10)
    return order[2 * tenth :], order[tenth : 2 * tenth], order[:tenth]


def look(data: Data) -> None:
    print("{} questions to train on, {} to validate, {} to test on; ".format(*(len(p.questions) for p in data)), end="")
    print(f"{len(set(map(tuple, data.train.answers)))} different answers")


def facts(data: Data) -> dict[str, Any]:
    """Vocabularies of the training part, and room for its longest answer."""
    questions, answers = (Vocabulary.build(column).tokens[len(SPECIALS) :] for column in data.train)
    return {"questions": questions, "answers": answers, "longest": max(map(len, data.train.answers))}


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """An encoder, and a decoder that starts from its last state and knows no more of the question."""
    question, answer = (Embedding(len(SPECIALS) + len(facts[side]), VECTOR) for side in ("questions", "answers"))
    encoder = Embedded(question, network(settings, VECTOR))
    forward = network(replace(settings, bidirectional=False), VECTOR)
    return Seq2Seq(encoder, Decoder(Embedded(answer, forward), encoder.output_size), BOS, EOS)


def training(model: Any, data: Data, settings: Settings) -> Training:
    """Teacher forcing; of the questions' words a share is hidden each time, so that no answer hangs on one of them."""
    known = facts(data)

    def encoded(pairs: Pairs) -> tuple[list[np.ndarray], list[np.ndarray]]:
        question, answer = Vocabulary(known["questions"]), Vocabulary(known["answers"])
        return [question.encode(text) for text in pairs.questions], [answer.encode(text) for text in pairs.answers]

    def loss(question: tuple[np.ndarray, np.ndarray], answer: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        return model.loss(question[0], answer[0], question[1], answer[1])

    def loss_of_some(question: tuple[np.ndarray, np.ndarray], answer: tuple[np.ndarray, np.ndarray]) -> mg.Tensor:
        return loss((hide(question[0], HIDDEN), question[1]), answer)

    held_out = bucketed_batches(*encoded(data.validation), batch_size=200, shuffle=False)
    train = bucketed_batches(*encoded(data.train), batch_size=16)
    return Training(train, lambda: mean_loss(loss, held_out), loss_of_some, weight_decay=0.1)


def answered(model: Any, facts: dict[str, Any], questions: Sequence[list[str]]) -> list[list[str]]:
    """The network's answer to each question, the likeliest word at each step."""
    question, answer = Vocabulary(facts["questions"]), Vocabulary(facts["answers"])
    texts = batches([question.encode(text) for text in questions], batch_size=500, shuffle=False)
    return [answer.decode(ids) for ((x, lengths),) in texts for ids in model.predict(x, facts["longest"], lengths)]


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data, answered(model, facts(data), data.test.questions))


def figures(data: Data, answers: Sequence[list[str]]) -> dict[str, float]:
    wanted = [[answer] for answer in data.test.answers]
    return {"exact match": exact_match(wanted, answers), "token accuracy": token_accuracy(wanted, answers)}


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """The answer given most often in the training part."""
    (usual, _), *_ = Counter(map(tuple, data.train.answers)).most_common(1)
    return {"most frequent answer": figures(data, [list(usual)] * len(data.test.answers))}


def nearest(pairs: Pairs, question: Sequence[str]) -> list[str]:
    """The answer to the question that shares most words with this one, relative to the words in both."""
    asked = set(question)
    return max(zip(*pairs), key=lambda pair: len(asked & {*pair[0]}) / len(asked | {*pair[0]}))[1]


def show(report: Report) -> None:
    """Some answers; and what looking up, without a network, comes to."""
    test = report.data.test
    looked_up = figures(report.data, [nearest(report.data.train, question) for question in test.questions])
    print(f"taking the answer of the most similar question instead: {looked_up['exact match']:.1%} exact match")
    answers = answered(report.best.model, report.facts, test.questions)
    for question, answer, wanted in list(zip(test.questions, answers, test.answers))[:: max(1, len(answers) // 6)]:
        print(f"  {join_words(question)}  ->  {join_words(answer)}{'' if answer == wanted else '  (wrong)'}")


def draw(figure: Any, report: Report) -> None:
    """The encoder's last state for each question to train on (dots) and to test on (crosses), a colour an answer."""
    data, model = report.data, report.best.model
    vocabulary = Vocabulary(report.facts["questions"])
    colour = {answer: i for i, answer in enumerate(sorted(set(map(tuple, data.train.answers))))}
    parts, states = (data.train, data.test), []
    for part in parts:
        ids, lengths = pad_sequences([vocabulary.encode(question) for question in part.questions])
        with mg.no_grad():
            states.append(summary(model.encoder, model.encoder(ids, lengths=lengths)[1]).numpy())
    plane = PCA(2).fit(states[0])
    axes = figure.subplots()
    for part, state, marker in zip(parts, states, "ox"):
        colours = [colour.get(tuple(answer), -1) for answer in part.answers]
        x, y = plane.transform(state).T
        axes.scatter(x, y, c=colours, cmap="nipy_spectral", marker=marker, vmin=-1, vmax=len(colour))
    axes.set(title="questions as the decoder gets them (two main directions); a colour for each answer")


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """The answer to one question; `-` is a chat: each line of the input is a question, an empty one ends it."""
    if given.strip() == "-":
        return chat(model, facts)
    question = words(given, lower=True)
    if not question:
        raise Refusal("--predict: expected a question, got none")
    return join_words(answered(model, facts, [question])[0])


def chat(model: Any, facts: dict[str, Any]) -> str:
    """Answer line by line, until a line without words or the end of the input; returns the last word."""
    prompt = "> " if sys.stdin.isatty() else ""
    with contextlib.suppress(EOFError):
        while words(line := input(prompt), lower=True) not in ([], ["-"]):
            print(predict(model, facts, line))
    return "(the chat is over)"


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's questions, with the network's answers; and some of the test part, with the right ones."""
    known, test = facts(data), data.test
    own = [question for text in given if (question := words(text, lower=True))]
    questions = [*own, *test.questions[:SHOWN]]
    said = answered(model, known, questions)
    names = [f"{join_words(question)} -> {join_words(answer)}" for question, answer in zip(questions, said)]
    vocabularies = Vocabulary(known["questions"]), Vocabulary(known["answers"])
    return of_pairs(vocabularies, questions, [*said[: len(own)], *test.answers[:SHOWN]], names)


demo = Demo(
    name="chatbot",
    text=__doc__,
    shape="many to many",
    data="dialogues written for this demo",
    time="20 s",
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
    figures=(Figure("exact match"), Figure("token accuracy")),
    defaults={"cell": "gru", "hidden": 128, "epochs": 60, "lr": 0.005},
    quick={"epochs": 20},
    file="lines of a question, a tab, and the answer",
)
main = demo.main

if __name__ == "__main__":
    main()
