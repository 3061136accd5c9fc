"""What a request says of film, place and time: a slot for each word, read forward or both ways (many to many)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from demos.command import Demo, Figure, Refusal, Report, Settings, Training, tagging
from demos.command.sample import Sample
from demos.command.tagging import Data, Row, encoded, filled, parted, phrases, tagged, tagged_words
from minigrad.data import UNK, atis, span_scores_by_kind, spans, words
from minigrad.nn import Module

# Requests for the default form are generated from these. Names are parted: those of the test part are new to the
# network, so that the words around them have to tell what they are
NAMES = {
    "movie": """casablanca; metropolis; the third man; up; seven samurai; paris texas; twelve angry men; modern times;
        some like it hot; singin in the rain; city lights; rear window; north by northwest; the birds; high noon; ten;
        the apartment; friday night fever; sunday in new york; before sunrise; tokyo story; the general; the kid;
        roman holiday; an american in paris; manhattan; one fine day; philadelphia; four weddings; the odd couple""",
    "theatre": """the odeon; the roxy; grand palace; the paramount; rialto; the tivoli; lumiere; regal; the empire;
        apollo; majestic; the ritz; plaza; the electric; capitol; the savoy; orpheum; the globe; scala; metropolis""",
    "city": """boston; denver; paris; chicago; philadelphia; oslo; leeds; geneva; austin; lyon; dublin; porto; turin;
        ghent; seattle; hamburg; brooklyn; vienna; new york; san jose""",
    "person": """agnes varda; akira kurosawa; ida lupino; billy wilder; fritz lang; charlie chaplin; satyajit ray; ozu;
        chantal akerman; federico fellini; frank capra; ernst lubitsch; jean renoir; john ford; max ophuls; lois weber;
        orson welles; austin pendleton; chaplin; paris barclay""",
}
COMMON = {
    "count": "one; two; three; four; five; six; seven; eight; ten; 2; 3; 4",
    "day": """today; tonight; tomorrow; this weekend; monday; tuesday; wednesday; thursday; friday; saturday; sunday;
        next friday; on sunday night; friday night""",
    "time": "six; seven; eight; nine; ten; half past seven; 7 pm; 9 pm; a quarter to eight; noon; 8 30",
}
TEMPLATES = """{count} tickets for {movie} {day} at {time}; is {movie} playing at {theatre} {day}; who directed {movie};
    {movie} at {theatre} {day} please; what is on at {theatre} in {city} {day}; show me films by {person} in {city};
    i want to see {movie} in {city} {day}; does {theatre} show {movie}; does {movie} run {day}; find {movie} in {city};
    does {person} star in {movie}; {theatre} in {city} has {movie} at {time}; {person} films at {theatre};
    {movie} tickets for {count}; cinemas in {city} that show {movie}; when does {movie} start at {theatre};
    when does {theatre} open {day}; book {count} for {movie} by {person} at {time} {day}; {city} cinemas open {day};
    anything by {person} {day} at {theatre}; is there a {time} show of {movie} {day}; how late is {movie} {day};
    i am in {city} and free {day} at {time}; are there seats for {movie} {day} at {time}; {theatre} opening hours;
    can {count} of us see {movie} at {theatre} {day}; find {theatre} opening hours {day}; find {person} movies in
    {city}; {person} retrospective in {city}; {movie} showtimes in {city}; tell me about {movie} the movie;
    tell me about {person} the director; tell me about {theatre} the cinema; is {theatre} open {day} at {time};
    is {person} in {city} {day}"""


def load(settings: Settings) -> Data:
    """1,500, 300 and 500 generated requests; or ATIS' own parts, of which `--quick` takes 2,000 to train on."""
    if settings.data == "full":
        train, validation, test = (list(zip(*atis(part)[:2])) for part in ("train", "dev", "test"))
    else:
        train, validation, test = generated(np.random.default_rng(settings.seed))
    return encoded(train[:2000] if settings.quick else train, validation, test)


def generated(rng: np.random.Generator) -> list[list[Row]]:
    """Three parts of requests, each with names of its own."""
    templates, common = phrases(TEMPLATES), {slot: phrases(text) for slot, text in COMMON.items()}
    return [
        [filled(templates[rng.integers(len(templates))], {**common, **names}, rng) for _ in range(count)]
        for names, count in zip(parted(NAMES, rng), (1500, 300, 500))
    ]


def look(data: Data) -> None:
    print("{} requests to train on, {} to validate, {} to test on".format(*(len(part.words) for part in data[:3])))
    known = sum(int((ids != UNK).sum()) for ids in data.test.ids)
    print(f"{len(data.tags)} tags; of the test part's words, {known / sum(map(len, data.test.words)):.1%} are known")
    for row, tags in list(zip(data.test.words, data.test.tags))[:3]:
        print(f"  {described(row, tags)}")


def described(request: Sequence[str], tags: Sequence[str]) -> str:
    """A request, and its slots."""
    slots = "; ".join(f"{span.kind}: {' '.join(request[span.start : span.end])}" for span in spans(tags))
    return f"{' '.join(request)}  ->  {slots or 'no slots'}"


def build(facts: dict[str, Any], settings: Settings) -> Module:
    """A tagger; `forward` is an LSTM that has not read on when it decides."""
    if settings.cell == "forward":
        settings = replace(settings, cell="lstm", bidirectional=False)
    return tagging.build(facts, settings)


def training(model: Any, data: Data, settings: Settings) -> Training:
    return tagging.training(model, data, hidden=0.2 if settings.data == "full" else 0.4)


def show(report: Report) -> None:
    """Requests that the best network misread."""
    test, tags = report.data.test, report.data.tags
    rows = list(zip(test.words, test.tags, tagged(report.best.model, test.ids, tags)))
    wrong = [row for row in rows if row[1] != row[2]]
    print(f"{report.best.name} has {len(wrong)} of {len(rows)} test requests not quite right; so it reads")
    for request, _, found in wrong[:3]:
        print(f"  {described(request, found)}")


def draw(figure: Any, report: Report) -> None:
    """F1 of the most frequent slots, by network."""
    test = report.data.test
    axes = figure.subplots()
    for i, result in enumerate(report.results):
        scores = span_scores_by_kind(test.tags, tagged(result.model, test.ids, report.data.tags))
        chosen = list(scores)[:12]
        places = np.arange(len(chosen)) + i / (len(report.results) + 1)
        axes.barh(places, [scores[kind]["F1"] for kind in chosen], 1 / (len(report.results) + 1), label=result.name)
        axes.set_yticks(np.arange(len(chosen)) + 0.3, chosen)
    axes.set(title="slots of the test part, the most frequent first", xlabel="F1", ylim=(len(chosen), -0.5))
    axes.legend()


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    request = words(given, lower=True)
    if not request:
        raise Refusal("--predict: expected a request, got an empty one")
    return described(request, tagged_words(model, facts, request))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The user's requests, and some of the test part."""
    return tagging.sample(model, data, [words(text, lower=True) for text in given])


demo = Demo(
    name="slot_filling",
    text=__doc__,
    shape="many to many",
    data="generated requests for film tickets; full: ATIS",
    time="40 s",
    load=load,
    look=look,
    facts=tagging.facts,
    build=build,
    training=training,
    measure=tagging.measure,
    baselines=tagging.baselines,
    show=show,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("F1"), Figure("precision"), Figure("recall")),
    defaults={"cell": "all", "hidden": 64, "epochs": 12, "lr": 0.005, "bidirectional": True},
    quick={"epochs": 4},
    full={"cell": "lstm", "hidden": 128, "epochs": 20},
    others=("forward",),
)
main = demo.main

if __name__ == "__main__":
    main()
