"""The loaders on small files of the same form, and on the real ones where MINIGRAD_DATA names a folder."""

import gzip
import hashlib
import os

import numpy as np
import pytest

from minigrad.data import (
    airline,
    atis,
    datasets,
    eng_fra,
    join_words,
    mnist,
    sms_spam,
    sunspots,
    temperatures,
    tiny_shakespeare,
    words,
)
from minigrad.data.files import File

real = pytest.mark.skipif(not os.environ.get("MINIGRAD_DATA"), reason="MINIGRAD_DATA names no folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where files can be written under the names of the real ones."""

    class Folder(type(tmp_path)):
        def put(self, name, content):
            data = content if isinstance(content, bytes) else content.encode()
            path = self / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            monkeypatch.setitem(datasets.FILES, name, File(name, hashlib.sha256(data).hexdigest(), ()))

    return Folder(tmp_path)


def test_sms_spam_as_it_stands(folder):
    folder.put("sms_spam/SMSSpamCollection", 'ham\t"Hi \x85 &lt;#&gt;\nspam\tWIN\tnow\n')
    texts, spam = sms_spam(folder)
    assert texts == ['"Hi \x85 &lt;#&gt;', "WIN\tnow"]
    assert spam.tolist() == [0, 1] and spam.dtype == np.int64


def test_tiny_shakespeare(folder):
    folder.put("tinyshakespeare/input.txt", "First Citizen:\nBefore\n")
    assert tiny_shakespeare(folder) == "First Citizen:\nBefore\n"


def test_eng_fra(folder):
    folder.put("eng-fra/eng-fra.txt", "Go.\tVa\u202f!\nRun!\tCours\u00a0!\n")
    assert eng_fra(folder) == (["Go.", "Run!"], ["Va\u202f!", "Cours\u00a0!"])


@pytest.mark.parametrize(("part", "prefix"), [("train", "train"), ("test", "t10k")])
def test_mnist(folder, part, prefix):
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    header = b"\0\0\x08\x03" + np.array(images.shape, ">u4").tobytes()
    folder.put(f"mnist/{prefix}-images-idx3-ubyte.gz", gzip.compress(header + images.tobytes()))
    folder.put(f"mnist/{prefix}-labels-idx1-ubyte.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\x02\x07\x09"))
    found, labels = mnist(part, folder)
    np.testing.assert_array_equal(found, images)
    assert found.dtype == np.uint8 and labels.tolist() == [7, 9] and labels.dtype == np.int64


@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_atis(folder, part):
    folder.put(f"atis/{part}/seq.in", "fly to boston\nlist\n")
    folder.put(f"atis/{part}/seq.out", "O O B-toloc\nO\n")
    folder.put(f"atis/{part}/label", "atis_flight\natis_airline\n")
    tokens, slots, intents = atis(part, folder)
    assert tokens == [["fly", "to", "boston"], ["list"]] and slots == [["O", "O", "B-toloc"], ["O"]]
    assert intents == ["atis_flight", "atis_airline"]


@pytest.mark.parametrize(
    ("loader", "name", "day"),
    [
        (airline, "series/airline-passengers.csv", ""),
        (temperatures, "series/daily-min-temperatures.csv", "-31"),
        (sunspots, "series/monthly-sunspots.csv", ""),
    ],
)
def test_series(folder, loader, name, day):
    folder.put(name, f'"Month","Number"\n"1949-12{day}",112\n"1950-01{day}",-1.5\n')
    dates, values = loader(folder)
    assert dates.astype(str).tolist() == [f"1949-12{day}", f"1950-01{day}"]
    assert values.tolist() == [112, -1.5] and values.dtype == np.float64


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mnist("dev"), r"mnist: expected part to be one of \('train', 'test'\), got 'dev'"),
        (lambda: atis("all"), r"atis: expected part to be one of \('train', 'dev', 'test'\), got 'all'"),
    ],
)
def test_unknown_parts(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# the real files


@real
def test_real_sms_spam():
    texts, spam = sms_spam()
    assert len(texts) == len(spam) == 5574 and spam.sum() == 747
    assert texts[0].startswith("Go until jurong point") and any("\x92" in text for text in texts)


@real
def test_real_tiny_shakespeare():
    text = tiny_shakespeare()
    assert len(text) == 1_115_394 and len(set(text)) == 65 and text.isascii()


@real
def test_real_eng_fra():
    english, french = eng_fra()
    assert len(english) == len(french) == 40_000 and len(set(english)) == 25_137
    assert (english[0], french[0]) == ("Go.", "Va !")


@real
@pytest.mark.parametrize(("part", "count", "labels"), [("train", 60_000, [5, 0, 4]), ("test", 10_000, [7, 2, 1])])
def test_real_mnist(part, count, labels):
    images, numbers = mnist(part)
    assert images.shape == (count, 28, 28) and numbers.shape == (count,) and numbers[:3].tolist() == labels
    assert images.min() == 0 and images.max() == 255 and np.bincount(numbers).shape == (10,)


@real
@pytest.mark.parametrize(("part", "count", "total"), [("train", 4478, 50_497), ("dev", 500, 5703), ("test", 893, 9164)])
def test_real_atis(part, count, total):
    tokens, slots, intents = atis(part)
    assert len(tokens) == len(slots) == len(intents) == count
    assert [len(words) for words in tokens] == [len(labels) for labels in slots]
    assert sum(len(words) for words in tokens) == total
    if part == "train":
        assert len({label for labels in slots for label in labels}) == 120 and len(set(intents)) == 21


@real
def test_real_series():
    months, passengers = airline()
    assert len(months) == 144 and str(months[-1]) == "1960-12" and passengers[0] == 112
    assert (np.diff(months) == np.timedelta64(1, "M")).all()
    days, degrees = temperatures()
    assert len(days) == 3650 and str(days[0]) == "1981-01-01" and degrees[0] == 20.7
    absent = np.setdiff1d(np.arange(days[0], days[-1] + 1), days)
    assert absent.astype(str).tolist() == ["1984-12-31", "1988-12-31"]
    months, numbers = sunspots()
    assert len(months) == 2820 and str(months[-1]) == "1983-12" and numbers[0] == 58


@real
def test_real_sentences_have_words():
    for text in (*sms_spam()[0], *eng_fra()[0], *eng_fra()[1]):
        tokens = words(text)
        assert tokens and words(join_words(tokens)) == tokens
