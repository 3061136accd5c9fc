"""The slot filling demo: what is generated, names new in each part, and slots in words."""

import numpy as np
import pytest

from demos import slot_filling
from demos.command import Settings, tagging
from minigrad.data import spans


@pytest.fixture(scope="module")
def data():
    return slot_filling.load(Settings())


def test_a_template_is_filled_and_tagged():
    fillings, rng = {"movie": ["the kid"], "city": ["oslo"]}, np.random.default_rng(0)
    row = tagging.filled("two for {movie} in {city} please", fillings, rng)
    assert row == (
        ["two", "for", "the", "kid", "in", "oslo", "please"],
        ["O", "O", "B-movie", "I-movie", "O", "B-city", "O"],
    )


def test_a_name_is_in_one_part_alone(data):
    named = [
        {
            " ".join(words[span.start : span.end])
            for words, tags in zip(part.words, part.tags)
            for span in spans(tags)
            if span.kind == "person"
        }
        for part in data[:3]
    ]
    assert all(named)
    assert not named[0] & named[1] | named[0] & named[2] | named[1] & named[2]


def test_every_template_has_slots_that_exist():
    slots = {**slot_filling.NAMES, **slot_filling.COMMON}
    for template in tagging.phrases(slot_filling.TEMPLATES):
        words, tags = tagging.filled(template, {slot: ["x"] for slot in slots}, np.random.default_rng(0))
        assert len(words) == len(tags) and spans(tags)


def test_words_and_tags_are_numbered_by_the_training_part_alone():
    data = tagging.encoded(
        [(["at", "10", "to", "oslo"], ["O", "B-time", "O", "B-city"])], [(["to", "rome"], ["O", "I-new"])], [([], [])]
    )
    assert set(data.vocabulary.tokens[4:]) == {"at", "00", "to", "oslo"}
    assert data.tags == ["B-city", "B-time", "O"]
    assert data.train.classes[0].tolist() == [2, 1, 2, 0]
    assert data.validation.ids[0].tolist() == [*data.vocabulary.encode(["to"]), 1]
    assert data.validation.classes[0].tolist() == [2, -100]


def test_baselines_by_hand():
    train = [(["to", "oslo", "now"], ["O", "B-city", "O"])]
    test = [(["from", "oslo"], ["O", "B-city"]), (["to", "rome", "now"], ["O", "B-city", "O"])]
    found = tagging.usual_tags(tagging.encoded(train, test, test))
    assert found["by the word"] == [["O", "B-city"], ["O", "O", "O"]]
    assert found["by neighbours"] == [["O", "O"], ["O", "B-city", "O"]]


def test_slots_in_words():
    tags = ["O", "B-city", "I-city", "O", "B-day"]
    assert slot_filling.described(["to", "new", "york", "on", "friday"], tags).endswith(
        "->  city: new york; day: friday"
    )
    assert slot_filling.described(["hello"], ["O"]).endswith("->  no slots")


def test_forward_reads_in_one_direction_only(data):
    facts = tagging.facts(data)
    sizes = {
        cell: slot_filling.build(facts, Settings(cell=cell, hidden=8, bidirectional=True)).network.output_size
        for cell in ("lstm", "forward")
    }
    assert sizes == {"lstm": 16, "forward": 8}


def test_an_empty_request_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        slot_filling.main(["--cell", "gru", "--epochs", "1", "--hidden", "4", "--no-plot", "--predict", " "])
    assert "expected a request, got an empty one" in capsys.readouterr().err
