"""How many home runs a baseball player will hit next season, by all seasons so far (many to one, regression)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score

import minigrad as mg
from demos.command import Demo, Figure, Refusal, Report, Settings, Training, bad_line, network, numbered_lines
from demos.command.sample import SHOWN, Sample
from minigrad.data import Standardizer, batches, bucketed_batches, pad_sequences, split
from minigrad.nn import Module
from models import Regressor
from models.classifier import predict_all
from models.training import mean_loss

HEADING = "player,year,at_bats,age,home_runs"
AT_BATS, AGE, HOME_RUNS = range(3)  # columns of a career
KNOWN = 3  # seasons at least, before one is predicted
PLAYERS = 30  # at least, with a season to predict

Careers = dict[str, np.ndarray]  # a player's seasons by year [seasons, 3]


class Part(NamedTuple):
    """Some players: past seasons [time, 4], the last column home runs per at-bat, and the next one's home runs [n]."""

    careers: Careers
    past: list[np.ndarray]
    target: np.ndarray


class Data(NamedTuple):
    """Three parts; no player is in two of them."""

    train: Part
    validation: Part
    test: Part


def load(settings: Settings) -> Data:
    """Careers of 800 players, generated, or the user's; a fifth of the players to test on, a tenth to validate."""
    careers = read(settings.file)[0] if settings.file else generated(400 if settings.quick else 800)
    names = [name for name, seasons in careers.items() if len(seasons) > KNOWN]
    if len(names) < PLAYERS:
        raise Refusal(f"{settings.data}: expected {PLAYERS} players with over {KNOWN} seasons, got {len(names)}")
    parts = split(len(names), (0.7, 0.1, 0.2), settings.seed)
    return Data(*(part({names[i]: careers[names[i]] for i in rows}) for rows in parts))


def part(careers: Careers) -> Part:
    pairs = [(with_rate(seasons[:i]), seasons[i]) for seasons in careers.values() for i in range(KNOWN, len(seasons))]
    return Part(careers, [past for past, _ in pairs], np.array([season[HOME_RUNS] for _, season in pairs]))


def with_rate(seasons: np.ndarray) -> np.ndarray:
    """The columns, and home runs per at-bat."""
    return np.column_stack([seasons, seasons[:, HOME_RUNS] / np.maximum(seasons[:, AT_BATS], 1)])


def generated(count: int) -> Careers:
    rng = np.random.default_rng(0)
    return {f"player {i + 1}": career(rng) for i in range(count)}


def career(rng: np.random.Generator) -> np.ndarray:
    """Talent, a best age near 28, a year's luck; an injury costs at-bats, and one in three some power for good."""
    talent, best = min(rng.lognormal(-3.4, 0.5), 0.1), rng.normal(28, 1.5)
    first, seasons = rng.integers(20, 26), rng.integers(KNOWN + 1, 19)
    rows = []
    for age in range(first, first + seasons):
        at_bats = min(rng.normal(300 if age == first else 520, 50), 680)
        if rng.random() < 0.1:
            at_bats *= rng.uniform(0.2, 0.8)
            talent *= rng.choice([1, 1, 0.75])
        rate = talent * np.exp(-0.006 * (age - best) ** 2) * rng.lognormal(0, 0.1)
        rows.append((int(at_bats), age, rng.binomial(int(at_bats), rate)))
    return np.array(rows, np.float64)


def read(path: Any) -> tuple[Careers, dict[str, int]]:
    """Careers of a file, and each player's last year."""
    rows: dict[str, dict[int, tuple[int, ...]]] = {}
    for number, line in numbered_lines(path):
        if number == 1 and line.strip() == HEADING:
            continue
        name, *fields = (field.strip() for field in line.split(","))
        if not name or len(fields) != 4 or not all(field.isdecimal() for field in fields):
            raise bad_line(path, number, line, f"{HEADING} (whole numbers)")
        year, at_bats, age, home_runs = map(int, fields)
        if home_runs > at_bats:
            raise bad_line(path, number, line, "no more home runs than at-bats")
        if year in rows.setdefault(name, {}):
            raise bad_line(path, number, line, f"one line for {name} in {year}")
        rows[name][year] = at_bats, age, home_runs
    careers = {
        name: np.array([seasons[year] for year in sorted(seasons)], np.float64) for name, seasons in rows.items()
    }
    return careers, {name: max(seasons) for name, seasons in rows.items()}


def look(data: Data) -> None:
    for name, some in zip(("train on", "validate", "test on"), data):
        print(f"{len(some.target):5} seasons of {len(some.careers)} players to {name}")
    name, seasons = next(iter(data.train.careers.items()))
    print(f"{name}, home runs by age:", ", ".join(f"{row[AGE]:.0f}: {row[HOME_RUNS]:.0f}" for row in seasons))


def facts(data: Data) -> dict[str, Any]:
    scaling = Standardizer.fit(np.concatenate([with_rate(seasons) for seasons in data.train.careers.values()]))
    return {"shift": scaling.shift.tolist(), "scale": scaling.scale.tolist()}


def scaled(past: list[np.ndarray], facts: dict[str, Any]) -> list[np.ndarray]:
    return [((seasons - facts["shift"]) / facts["scale"]).astype(np.float32) for seasons in past]


def build(facts: dict[str, Any], settings: Settings) -> Module:
    return Regressor(network(settings, len(facts["shift"])), 1)


def training(model: Any, data: Data, settings: Settings) -> Training:
    about = facts(data)
    shift, scale = about["shift"][HOME_RUNS], about["scale"][HOME_RUNS]

    def loss(past: tuple[np.ndarray, np.ndarray], target: np.ndarray) -> mg.Tensor:
        return model.loss(mg.tensor(past[0]), target, past[1])

    def columns(some: Part) -> tuple[list[np.ndarray], np.ndarray]:
        return scaled(some.past, about), ((some.target - shift) / scale).astype(np.float32)[:, np.newaxis]

    train = bucketed_batches(*columns(data.train), batch_size=64)
    held_out = batches(*columns(data.validation), batch_size=500, shuffle=False)
    return Training(train, lambda: mean_loss(loss, held_out), loss, weight_decay=0.01)


def predicted(model: Any, past: list[np.ndarray], facts: dict[str, Any]) -> np.ndarray:
    """Home runs of the season after each `past`."""
    z = predict_all(model, scaled(past, facts))[:, 0]
    return np.maximum(z * facts["scale"][HOME_RUNS] + facts["shift"][HOME_RUNS], 0)


def measure(model: Any, data: Data) -> dict[str, float]:
    return figures(data.test, predicted(model, data.test.past, facts(data)))


def figures(some: Part, forecast: np.ndarray) -> dict[str, float]:
    return {
        "mean absolute error": float(mean_absolute_error(some.target, forecast)),
        "variance explained": float(r2_score(some.target, forecast)),
    }


def baselines(data: Data) -> dict[str, dict[str, float]]:
    def lately(some: Part) -> np.ndarray:
        return np.array([seasons[-KNOWN:].ravel() for seasons in some.past])

    test = data.test
    linear = LinearRegression().fit(lately(data.train), data.train.target)
    return {
        "last season": figures(test, np.array([seasons[-1, HOME_RUNS] for seasons in test.past])),
        "mean season": figures(test, np.array([seasons[:, HOME_RUNS].mean() for seasons in test.past])),
        f"linear, last {KNOWN}": figures(test, linear.predict(lately(test))),
    }


def draw(figure: Any, report: Report) -> None:
    """Predicted against true, and the longest career of the test part."""
    best, test = report.best, report.data.test
    left, right = figure.subplots(1, 2)
    forecast = predicted(best.model, test.past, report.facts)
    left.plot(test.target, forecast, ".", alpha=0.4)
    left.axline((0, 0), slope=1, color="grey")
    left.set(title=f"{best.name}: test players' seasons", xlabel="home runs", ylabel="predicted")
    name, seasons = max(test.careers.items(), key=lambda pair: len(pair[1]))
    ages = seasons[:, AGE]
    right.plot(ages, seasons[:, HOME_RUNS], "o-", color="grey", label="home runs")
    one = predicted(best.model, part({name: seasons}).past, report.facts)
    right.plot(ages[KNOWN:], one, "C1o-", label=f"{best.name}, from the seasons before")
    right.set(title=f"{name}, who is in the test part", xlabel="age", ylim=(0, None))
    right.xaxis.get_major_locator().set_params(integer=True)
    right.legend()


def predict(model: Any, facts: dict[str, Any], given: str) -> str:
    """A line for each player of a file."""
    careers, years = read(given)
    for name, seasons in careers.items():
        if len(seasons) < KNOWN:
            raise Refusal(f"{given}: expected at least {KNOWN} seasons of {name}, got {len(seasons)}")
    forecast = predicted(model, [with_rate(seasons) for seasons in careers.values()], facts)
    return "\n".join(f"{name}: {x:.1f} home runs in {years[name] + 1}" for name, x in zip(careers, forecast))


def watched(model: Any, data: Data, given: Sequence[str]) -> Sample:
    """The longest careers of the test part, season by season, up to the last but one."""
    test, about = data.test, facts(data)
    rows = np.argsort([-len(past) for past in test.past], kind="stable")[:SHOWN]
    past = [test.past[i] for i in rows]
    forecast = predicted(model, past, about)
    x, lengths = pad_sequences(scaled(past, about))
    y = (test.target[rows] - about["shift"][HOME_RUNS]) / about["scale"][HOME_RUNS]
    steps = [[f"{season[HOME_RUNS]:.0f} at {season[AGE]:.0f}" for season in seasons] for seasons in past]
    names = [f"then {true:.0f}, forecast {said:.1f}" for true, said in zip(test.target[rows], forecast)]
    return Sample((x, y.astype(np.float32)[:, np.newaxis], lengths), names, {"": steps})


demo = Demo(
    name="home_runs",
    text=__doc__,
    shape="many to one",
    data="generated careers of baseball players",
    time="5 s",
    load=load,
    look=look,
    facts=facts,
    build=build,
    training=training,
    measure=measure,
    baselines=baselines,
    draw=draw,
    predict=predict,
    watched=watched,
    figures=(Figure("mean absolute error", "home runs", ".2f", lower_is_better=True), Figure("variance explained")),
    loss_unit="squared error, scaled",
    defaults={"cell": "gru", "hidden": 32, "epochs": 10, "lr": 0.005},
    quick={"epochs": 5},
    file=HEADING,
)
main = demo.main

if __name__ == "__main__":
    main()
