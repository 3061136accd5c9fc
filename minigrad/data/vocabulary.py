"""Tokens to ids and back."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from ..io import replace
from ..random import generator

SPECIALS = ("<pad>", "<unk>", "<bos>", "<eos>")
PAD, UNK, BOS, EOS = range(4)  # padding, unknown token, beginning and end of a sequence


class Vocabulary:
    """Tokens numbered from 0: the four specials, then the tokens given, in their order.

    `tokens` holds them all, `tokens[i]` the one of id i. A token spelled as a special is that special. Raises
    TypeError for a token that is not a string, ValueError for one given twice.
    """

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = (*SPECIALS, *strings("Vocabulary", tokens))
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        if len(self.ids) < len(self.tokens):
            twice = next(token for token, count in Counter(self.tokens).items() if count > 1)
            raise ValueError(f"Vocabulary: expected each token once and none of {SPECIALS}, got {twice!r} again")

    @classmethod
    def build(cls, sequences: Iterable[Iterable[str]], min_count: int = 1, max_size: int | None = None) -> Vocabulary:
        """The tokens of a corpus, the most frequent first, those equally frequent in alphabetical order.

        sequences: lists of tokens (strings for a vocabulary of characters). Tokens seen fewer than `min_count`
        times are left out, and so are the last ones past `max_size`, which counts the specials too. Raises
        ValueError where there is no room for the specials, or for a `min_count` below 1.
        """
        if min_count < 1:
            raise ValueError(f"Vocabulary.build: expected min_count of at least 1, got {min_count}")
        if max_size is not None and max_size < len(SPECIALS):
            raise ValueError(f"Vocabulary.build: expected max_size of at least {len(SPECIALS)}, got {max_size}")
        counts = Counter(token for tokens in sequences for token in strings("Vocabulary.build", tokens))
        kept = [token for token, count in counts.items() if count >= min_count and token not in SPECIALS]
        kept.sort(key=lambda token: (-counts[token], token))
        return cls(kept if max_size is None else kept[: max_size - len(SPECIALS)])

    def encode(self, tokens: Iterable[str]) -> np.ndarray:
        """The tokens' ids, int64 [count]; UNK for a token that is not in the vocabulary.

        A string is taken as its characters. Raises TypeError for a token that is not a string.
        """
        return np.array([self.ids.get(token, UNK) for token in strings("encode", tokens)], dtype=np.int64)

    def decode(self, ids: ArrayLike) -> list[str]:
        """The tokens of ids [count], specials included. Raises IndexError for an id outside the vocabulary."""
        indices = np.asarray(ids, dtype=None if np.size(ids) else np.int64)
        if indices.ndim != 1 or indices.dtype.kind not in "iu":
            raise TypeError(f"decode: expected integers [count], got {indices.dtype}{list(indices.shape)}")
        for i in indices[(indices < 0) | (indices >= len(self))]:
            raise IndexError(f"decode: expected ids from 0 to {len(self) - 1}, got {i}")
        return [self.tokens[i] for i in indices]

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self.ids

    def __repr__(self) -> str:
        return f"Vocabulary({len(self)} tokens)"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the tokens as a JSON list, one on each line. A file of that name is replaced in one go."""
        text = json.dumps(self.tokens, ensure_ascii=False, indent=0)
        replace(Path(path), text.encode("utf-8", "surrogatepass"))  # a token may be half of a surrogate pair

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """What `save` wrote. Raises OSError where there is no such file, ValueError where it is something else."""
        try:
            tokens = json.loads(Path(path).read_bytes().decode("utf-8", "surrogatepass"))
        except ValueError as error:
            raise ValueError(f"Vocabulary.load: {path} is not JSON, or was cut short ({error})") from None
        if not isinstance(tokens, list) or tuple(tokens[:4]) != SPECIALS or not all(isinstance(t, str) for t in tokens):
            raise ValueError(f"Vocabulary.load: {path}: expected a list of strings that starts with {SPECIALS}")
        return cls(tokens[len(SPECIALS) :])


def strings(name: str, tokens: Iterable[str]) -> list[str]:
    tokens = list(tokens)
    for token in tokens:
        if not isinstance(token, str):
            raise TypeError(f"{name}: expected a sequence of strings, got {token!r} in it")
    return tokens


def hide(ids: np.ndarray, share: float) -> np.ndarray:
    """The ids with UNK for a share of them by chance, so that a network must not rely on any single token."""
    return np.where(generator().random(ids.shape) < share, UNK, ids)
