"""From the columns of the training data to their encoding: which kind, which values, and what can say nothing."""

from __future__ import annotations

import numpy as np

from craig_cli.tables import category, number, text, time
from craig_cli.tables.category import MOST_VALUES
from craig_cli.tables.encoding import Column
from craig_cli.tables.storage import NUMBER, TEXT, TIME, VECTOR
from craig_cli.tables.suspects import AS_DATES, look_like_dates
from craig_cli.tables.texts import Texts

WORDS_OF_A_SENTENCE = 4.0  # on average, in text that is no category
OF_AN_IDENTIFIER = 0.9  # of the rows have values of their own


def fit_column(name: str, content: str, values, wanted: bool, category: bool) -> Column | str:
    """The column, or why it is left out; ``values`` as its kind takes them (``kind.Kind``).

    ``wanted``: it was asked for by name, so it is a feature also where it looks like an identifier. ``category``: its
    writer called it one.
    """
    if content == NUMBER:
        return "no value in any row" if np.isnan(values).all() else Column(name, "number", number.fit(values))
    if content == VECTOR:
        return Column(name, "vector", {"width": values.shape[1]})
    if content == TIME:
        if not values.there.any():
            return "no value in any row"
        if values.there.all() and values.micros.min() == values.micros.max():
            return "one value in all rows"
        return Column(name, TIME, time.fit(values))
    return _fit_text(name, values, wanted, category)


def _fit_text(name: str, values: Texts, wanted: bool, declared: bool) -> Column | str:
    texts, codes = values.values, values.codes
    present = int(np.count_nonzero(codes >= 0))
    if not texts:
        return "no value in any row"
    if len(texts) == 1 and present == len(codes):
        return "one value in all rows"
    if len(texts) > MOST_VALUES and not declared:
        if sum(len(value.split()) for value in texts) >= WORDS_OF_A_SENTENCE * len(texts):
            return Column(name, TEXT, text.fit(missing=present < len(codes)))
        if len(texts) > OF_AN_IDENTIFIER * present and not wanted:
            if look_like_dates(texts):
                return f"{len(texts):,} different dates as text; {AS_DATES}"
            return f"{len(texts):,} different values in {present:,} rows, as an identifier has"
    return Column(name, "category", category.fit(values))
