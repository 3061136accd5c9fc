"""The home run demo: its players, its baselines, its files."""

import numpy as np
import pytest

from demos import home_runs
from demos.command import Refusal, Settings


def flat(home_runs_of_seasons):
    """A career of 500 at-bats a season from the age of 20."""
    return np.array([(500, 20 + i, x) for i, x in enumerate(home_runs_of_seasons)], float)


def test_no_player_is_in_two_parts():
    parts = home_runs.load(Settings(quick=True))
    names = [set(part.careers) for part in parts]
    assert sum(map(len, names)) == len(set.union(*names)) == 400
    assert [len(part) for part in names] == [280, 40, 80]
    other = home_runs.load(Settings(quick=True, seed=1))
    assert set(other.test.careers) != names[2]


def test_a_season_is_predicted_from_those_before_it():
    part = home_runs.part({"Ann": flat([1, 2, 3, 4, 5])})
    assert part.target.tolist() == [4, 5]
    assert [past[:, home_runs.HOME_RUNS].tolist() for past in part.past] == [[1, 2, 3], [1, 2, 3, 4]]
    assert part.past[0][:, 3].tolist() == [1 / 500, 2 / 500, 3 / 500]


def test_without_an_at_bat_the_rate_is_0():
    assert home_runs.with_rate(np.array([(0, 30, 0)])).tolist() == [[0, 30, 0, 0]]


def test_careers_are_such_as_there_are():
    careers = home_runs.generated(200)
    seasons = np.concatenate(list(careers.values()))
    at_bats, ages, hits = seasons.T
    assert all(len(career) > home_runs.KNOWN for career in careers.values())
    assert (hits <= at_bats).all() and at_bats.max() <= 680 and ages.min() >= 20
    rate = hits / np.maximum(at_bats, 1)
    assert rate[(ages > 25) & (ages < 31)].mean() > 1.2 * rate[ages > 36].mean()
    assert 0.05 < np.mean(at_bats[ages > 26] < 330) < 0.15  # the injured
    assert all(np.array_equal(one, other) for one, other in zip(careers.values(), home_runs.generated(200).values()))


def test_the_scale_is_that_of_training():
    data = home_runs.load(Settings(quick=True))
    facts = home_runs.facts(data)
    z = np.concatenate(home_runs.scaled([home_runs.with_rate(career) for career in data.train.careers.values()], facts))
    np.testing.assert_allclose([z.mean(axis=0), z.std(axis=0)], [[0] * 4, [1] * 4], atol=1e-5)
    assert home_runs.facts(data._replace(test=data.train)) == facts


def test_baselines():
    rng = np.random.default_rng(0)
    grown = home_runs.part({str(i): flat(rng.integers(10) + np.arange(6)) for i in range(20)})
    rows = home_runs.baselines(home_runs.Data(grown, grown, grown))
    error = {name: row["mean absolute error"] for name, row in rows.items()}
    assert error == pytest.approx({"last season": 1, "mean season": 2.5, "linear, last 3": 0}, abs=1e-9)


def test_files(tmp_path):
    path = tmp_path / "careers.csv"
    path.write_text(f"{home_runs.HEADING}\nAnn,1999,500,23,20\nBob, 2001, 0, 30, 0\nAnn,1998,400,22,10\n")
    careers, years = home_runs.read(path)
    assert {name: seasons.tolist() for name, seasons in careers.items()} == {
        "Ann": [[400, 22, 10], [500, 23, 20]],
        "Bob": [[0, 30, 0]],
    }
    assert years == {"Ann": 1999, "Bob": 2001}


@pytest.mark.parametrize(
    "line, expected",
    [
        ("Ann,1999,500,23", "player,year,at_bats,age,home_runs (whole numbers)"),
        (",1999,500,23,20", "player,year,at_bats,age,home_runs (whole numbers)"),
        ("Ann,1999,500,23,-2", "player,year,at_bats,age,home_runs (whole numbers)"),
        ("Ann,1999,500,23,2.5", "player,year,at_bats,age,home_runs (whole numbers)"),
        ("Ann,1999,10,23,20", "no more home runs than at-bats"),
        ("Ann,1998,500,23,20", "one line for Ann in 1998"),
    ],
)
def test_a_bad_line_is_refused(line, expected, tmp_path):
    path = tmp_path / "careers.csv"
    path.write_text(f"Ann,1998,400,22,10\n{line}\n")
    with pytest.raises(Refusal) as refused:
        home_runs.read(path)
    assert str(refused.value) == f"{path}, line 2: expected {expected}, got {line!r}"


def test_too_few_players_or_seasons_are_refused(tmp_path):
    path = tmp_path / "careers.csv"
    path.write_text("".join(f"Ann,{1990 + i},500,{20 + i},20\n" for i in range(2)))
    with pytest.raises(Refusal, match="expected 30 players with over 3 seasons, got 0"):
        home_runs.load(Settings(data=str(path)))
    with pytest.raises(Refusal, match="expected at least 3 seasons of Ann, got 2"):
        home_runs.predict(None, {}, str(path))


def test_every_player_of_a_file_is_answered(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    careers = {f"p{i}": home_runs.career(np.random.default_rng(i)) for i in range(60)}
    lines = [
        f"{name},{1990 + i},{season[0]:.0f},{season[1]:.0f},{season[2]:.0f}"
        for name, seasons in careers.items()
        for i, season in enumerate(seasons)
    ]
    (tmp_path / "careers.csv").write_text("\n".join(lines))
    options = "--hidden 8 --epochs 2 --no-plot"
    home_runs.main([*options.split(), "--data", "careers.csv", "--predict", "careers.csv"])
    answers = [line for line in capsys.readouterr().out.splitlines() if " home runs in " in line]
    assert len(answers) == 60
    assert answers[0].startswith("p0: ") and answers[0].endswith(f" home runs in {1990 + len(careers['p0'])}")
