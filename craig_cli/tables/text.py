"""Free text: its words hashed to columns with a sign (Weinberger et al., "Feature hashing", 2009), rows of norm 1."""

from __future__ import annotations

import re
import zlib

import numpy as np
import scipy.sparse as sp

from craig_cli.tables.kind import Block, Kind, OneHot
from craig_cli.tables.storage import TEXT as TEXTS
from craig_cli.tables.texts import Texts

BUCKETS = 256
WORD = re.compile(r"\w+")


def fit(missing: bool) -> dict:
    return {"buckets": BUCKETS, "missing": missing}


def names(column: str, facts: dict) -> list[str]:
    hashed = [f"{column} words {bucket}" for bucket in range(facts["buckets"])]
    return hashed + [f"{column} is missing"] * facts["missing"]


def encode(texts: Texts, facts: dict) -> list[Block]:
    values, codes = texts.values, texts.codes
    buckets = facts["buckets"]
    columns_of: dict[str, tuple[int, float]] = {}
    columns, signs, ends = [], [], [0]
    used = np.bincount(codes[codes >= 0], minlength=len(values)).astype(bool).tolist()
    for text, is_used in zip(values, used):
        for word in WORD.findall(text.lower()) if is_used else ():
            if word not in columns_of:
                digest = zlib.crc32(word.encode())
                columns_of[word] = digest % buckets, 1.0 if digest >> 31 else -1.0
            column, sign = columns_of[word]
            columns.append(column)
            signs.append(sign)
        ends.append(len(columns))
    ends.append(len(columns))  # a row without words, for what is missing
    shape = (len(values) + 1, buckets)
    words = sp.csr_matrix((np.array(signs), np.array(columns, np.int32), np.array(ends, np.int32)), shape=shape)
    words.sum_duplicates()
    words.eliminate_zeros()
    norms = np.sqrt(np.asarray(words.multiply(words).sum(axis=1)).ravel())
    words = sp.csr_matrix(sp.diags(1.0 / np.where(norms > 0, norms, 1.0)) @ words)
    blocks = [words[codes]]  # MISSING is the last
    return [*blocks, OneHot.where(codes < 0)] if facts["missing"] else blocks


def check(facts: dict) -> bool:
    buckets = facts.get("buckets")
    return type(buckets) is int and 1 <= buckets < 2**31 and isinstance(facts.get("missing"), bool)


def says(facts: dict) -> str:
    return f"words hashed to {facts['buckets']} columns" + (", or missing" if facts["missing"] else "")


TEXT = Kind(reads=(TEXTS,), names=names, encode=encode, check=check, says=says)
