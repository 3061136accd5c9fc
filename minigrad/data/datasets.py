"""The data sets of the demos, as NumPy arrays and lists of strings.

Every loader takes `folder`; otherwise the folder named by the environment variable MINIGRAD_DATA has the files (as
FILES names them), or they are downloaded once into a cache. `files.read` documents the errors raised.
"""

from __future__ import annotations

import gzip
import io

import numpy as np

from .files import File, Folder, read


def github(repository: str, commit: str, path: str) -> tuple[str, ...]:
    """The commit's file, from GitHub and from a mirror of it, then the newest one (its checksum decides)."""
    raw = f"https://raw.githubusercontent.com/{repository}"
    return f"{raw}/{commit}/{path}", f"https://cdn.jsdelivr.net/gh/{repository}@{commit}/{path}", f"{raw}/HEAD/{path}"


def mnist_file(name: str, digest: str) -> File:
    hosts = ("https://ossci-datasets.s3.amazonaws.com/mnist", "https://storage.googleapis.com/cvdf-datasets/mnist")
    return File(f"mnist/{name}", digest, tuple(f"{host}/{name}" for host in hosts))


def atis_file(name: str, digest: str) -> File:
    return File(f"atis/{name}", digest, github("monologg/JointBERT", "00324f60dda4", f"data/atis/{name}"))


def series_file(name: str, digest: str) -> File:
    commit = "d20fcb6402ae34e653d4513b00f39257bb37ed7f"
    return File(f"series/{name}", digest, github("jbrownlee/Datasets", commit, name))


FILES = {
    file.name: file
    for file in (
        File(
            "sms_spam/SMSSpamCollection",
            "7d039a24a6083ed9ef0f806ebad56bbb976e3aeb8de05669173bfdc4996c239d",
            (
                "https://archive.ics.uci.edu/static/public/228/sms+spam+collection.zip#SMSSpamCollection",
                *github(
                    "learn-co-students/dsc-document-classification-with-naive-bayes-lab-online-ds-pt-051319",
                    "2f98ca443ecd",
                    "SMSSpamCollection",
                ),
            ),
        ),
        File(
            "tinyshakespeare/input.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            github("karpathy/char-rnn", "6f9487a6fe5b", "data/tinyshakespeare/input.txt"),
        ),
        File(
            "eng-fra/eng-fra.txt",
            "4973a1ac31acd98495549ea46ed91911ada90dd735b5a17bad452549b082295e",
            tuple(
                f"{address}#fra.txt"
                for address in github("genimind/seq2seq", "4f3f8eb0adde54fcc8b89394336b002e7961244c", "fra-eng.zip")
            ),
            lines=40_000,
        ),
        mnist_file("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        mnist_file("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
        mnist_file("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        mnist_file("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
        atis_file("train/seq.in", "3a670980841b21ab39088b2595efc17d487cdc45769c075a3e5f9458bba28c7f"),
        atis_file("train/seq.out", "14c7131bd66562f797dbd7189bc7358f0cf354c6afb0785a9ab973c35b58f34c"),
        atis_file("train/label", "d0a771547665eecbdf9f96ea015ef07d1f6ee9f063e861020dafabb3c2a04377"),
        atis_file("dev/seq.in", "c7435b96e7948393608c34819628e863c5338f11ca68e8f896d2cc041d8e17f8"),
        atis_file("dev/seq.out", "83ccff3e36f83a993f8e5b5b82adf3256076f234abda4d784051381d7ac76922"),
        atis_file("dev/label", "06957cfe6fdffac84f8280bc3a1f8ca85c85631b363817aa4543aac611f8addf"),
        atis_file("test/seq.in", "4b2119fc59c37f9398c6605db435d4f467505009e6ee3e5af04fed09f39dc397"),
        atis_file("test/seq.out", "a4690d6bceadc06876d1ff99bc401744aa981cb321e598ae12a3859d7be53254"),
        atis_file("test/label", "ce4bfe6590d9498e1078f30b4137d3e8b3e94277b444b26360c0bf2e9e282761"),
        series_file("airline-passengers.csv", "b9592eb55781ef29ed40a7e4aa36abf425e9fca9c2ee3de440fd25f746ea92b6"),
        series_file("daily-min-temperatures.csv", "a31a6961536b0e48a1f8c886d91eb4de50e6747ea5cd5d2d45a8a5039068e406"),
        series_file("monthly-sunspots.csv", "ff226adbfc8d727802f4345317f49d5461aa37ea5c9826076205c06aa9fa44c0"),
    )
}


def sms_spam(folder: Folder = None) -> tuple[list[str], np.ndarray]:
    """Text messages, and int64 [5574] with 1 for spam (747 of them), 0 for none.

    The texts are as the corpus has them, HTML entities (&lt;#&gt;) and stray Windows characters included; some
    occur more than once (see `split_groups`). T. A. Almeida, J. M. Gómez Hidalgo: SMS Spam Collection v.1 (2011).
    """
    rows = [line.partition("\t") for line in lines("sms_spam/SMSSpamCollection", folder)]
    return [text for _, _, text in rows], np.array([int(label == "spam") for label, _, _ in rows])


def tiny_shakespeare(folder: Folder = None) -> str:
    """40,000 lines from Shakespeare's plays: 1,115,394 characters, 65 different ones. A. Karpathy: char-rnn (2015)."""
    return text("tinyshakespeare/input.txt", folder)


def eng_fra(folder: Folder = None) -> tuple[list[str], list[str]]:
    """40,000 short English sentences and their French translations, from short to long; 25,137 different English ones.

    French punctuation stands behind U+00A0, U+2009 and U+202F spaces. From manythings.org/anki and tatoeba.org
    (2017-09-29, CC BY 2.0).
    """
    pairs = [line.split("\t") for line in lines("eng-fra/eng-fra.txt", folder)]
    return [english for english, _ in pairs], [french for _, french in pairs]


def mnist(part: str = "train", folder: Folder = None) -> tuple[np.ndarray, np.ndarray]:
    """Handwritten digits: images uint8 [count, 28, 28], 0 is paper and 255 is ink; labels int64 [count].

    part: "train" (60,000) or "test" (10,000). Y. LeCun, C. Cortes, C. Burges (1998).
    """
    prefix = {"train": "train", "test": "t10k"}[checked_part("mnist", part, ("train", "test"))]
    images = idx(f"mnist/{prefix}-images-idx3-ubyte.gz", folder)
    return images, idx(f"mnist/{prefix}-labels-idx1-ubyte.gz", folder).astype(np.int64)


def atis(part: str = "train", folder: Folder = None) -> tuple[list[list[str]], list[list[str]], list[str]]:
    """Questions to an airline: words and slot labels (IOB, one for each word) of every question, and its intent.

    part: "train" (4,478), "dev" (500) or "test" (893). C. T. Hemphill, J. J. Godfrey, G. R. Doddington: The ATIS
    Spoken Language Systems Pilot Corpus (1990).
    """
    checked_part("atis", part, ("train", "dev", "test"))
    tokens, slots = ([line.split() for line in lines(f"atis/{part}/{name}", folder)] for name in ("seq.in", "seq.out"))
    return tokens, slots, lines(f"atis/{part}/label", folder)


def airline(folder: Folder = None) -> tuple[np.ndarray, np.ndarray]:
    """Months datetime64[M] [144] from 1949-01, and international airline passengers in thousands, float64 [144].

    G. E. P. Box, G. M. Jenkins: Time Series Analysis (1976), series G.
    """
    return series("series/airline-passengers.csv", "datetime64[M]", folder)


def temperatures(folder: Folder = None) -> tuple[np.ndarray, np.ndarray]:
    """Days datetime64[D] [3650] from 1981-01-01, and Melbourne's daily minimum in °C, float64 [3650].

    Two days are absent, 1984-12-31 and 1988-12-31. Australian Bureau of Meteorology.
    """
    return series("series/daily-min-temperatures.csv", "datetime64[D]", folder)


def sunspots(folder: Folder = None) -> tuple[np.ndarray, np.ndarray]:
    """Months datetime64[M] [2820] from 1749-01, and Zürich's sunspot numbers, float64 [2820].

    D. F. Andrews, A. M. Herzberg: Data (1985).
    """
    return series("series/monthly-sunspots.csv", "datetime64[M]", folder)


def text(name: str, folder: Folder) -> str:
    return read(FILES[name], folder).decode()


def lines(name: str, folder: Folder) -> list[str]:
    return text(name, folder).removesuffix("\n").split("\n")  # splitlines would split at other characters too


def idx(name: str, folder: Folder) -> np.ndarray:
    """An array of bytes in LeCun's idx format: 0, 0, 8, the number of axes, then each axis' size, big-endian."""
    data = gzip.decompress(read(FILES[name], folder))
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + shape.nbytes).reshape(shape).copy()


def series(name: str, dates: str, folder: Folder) -> tuple[np.ndarray, np.ndarray]:
    rows = np.loadtxt(io.StringIO(text(name, folder)), str, delimiter=",", skiprows=1, quotechar='"')
    return rows[:, 0].astype(dates), rows[:, 1].astype(np.float64)


def checked_part(name: str, part: str, parts: tuple[str, ...]) -> str:
    if part not in parts:
        raise ValueError(f"{name}: expected part to be one of {parts}, got {part!r}")
    return part
