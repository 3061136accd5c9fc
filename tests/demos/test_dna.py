"""The DNA demo: where motifs are planted, and how they are found."""

import numpy as np
import pytest

import minigrad as mg
from demos import dna
from demos.command import Refusal
from minigrad.data import BOS, SPECIALS, Vocabulary

WIDTH = len(dna.MOTIF)


def test_motifs_are_planted_whole_and_apart():
    mg.manual_seed(0)
    part = dna.generated(400)
    counts = part.planted.sum(axis=1)
    assert set(counts) == {0, WIDTH, 2 * WIDTH}
    assert counts.mean() == pytest.approx(WIDTH, rel=0.1)
    motif = Vocabulary(dna.LETTERS).encode(dna.MOTIF)
    planted = part.ids[part.planted].reshape(-1, WIDTH)
    unchanged = 1 - dna.CHANGED * (1 - 0.25)
    assert (planted == motif).mean() == pytest.approx(unchanged, abs=0.01)
    others = np.bincount(part.ids[~part.planted], minlength=8)[len(SPECIALS) :]
    np.testing.assert_allclose(others / others.sum(), dna.SHARES, atol=0.01)


def test_each_letter_follows_the_one_before():
    np.testing.assert_array_equal(dna.fed(np.array([[4, 5, 6]])), [[BOS, 4, 5]])


def test_a_sure_stretch_is_found_after_its_first_letters():
    chances = np.full(50, 0.25)
    chances[12 + dna.LEAD : 12 + WIDTH] = 0.9
    motif = dna.found(np.log(chances))
    np.testing.assert_array_equal(np.flatnonzero(motif), np.arange(12, 12 + WIDTH))
    assert not dna.found(np.log(np.full(50, 0.25))).any()
    assert not dna.found(np.log(np.full(WIDTH - 1, 0.9))).any()


def test_stretches_do_not_overlap():
    assert dna.found(np.zeros(2 * WIDTH + 1)).sum() == 2 * WIDTH


def test_precision_and_recall():
    planted, found = np.array([1, 1, 1, 1, 0, 0]), np.array([1, 1, 0, 0, 1, 0])
    figures = dna.of_motif(planted.astype(bool), found.astype(bool))
    assert figures == pytest.approx({"precision": 2 / 3, "recall": 1 / 2, "F1": 4 / 7})


def test_the_motif_is_found_without_being_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = dna.main(["--no-plot", "--epochs", "6", "--lr", "0.02"])
    assert dna.consensus(report.best.model, report.data.test) == dna.MOTIF
    assert report.best.figures["F1"] > 0.7 > 2 * report.data.test.planted.mean()


def test_capitals_are_the_motif():
    assert dna.marked("ACGT", np.array([False, True, True, False])) == "aCGt"


@pytest.mark.parametrize("given", ["", "ACGU"])
def test_what_is_no_dna_is_refused(given):
    with pytest.raises(Refusal, match="expected letters of ACGT"):
        dna.predict(None, {"letters": dna.LETTERS}, given)
