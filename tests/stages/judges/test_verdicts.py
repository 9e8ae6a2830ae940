"""Readings of a judge's reply: a number in [0,1], or None; never a zero for what cannot be read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.backends.base import Completion
from itc.errors import ConfigError, StrategyFailed
from itc.stages.judges.verdicts import LEAST, READINGS, Reading, odds, reading, reading_named
from itc.testing.promise import require


def told(*positions: dict[str, float]) -> Completion:
    """A reply whose likeliest tokens are these, by position."""
    return Completion(
        alternatives=tuple(
            tuple(sorted(((w, math.log(p)) for w, p in each.items()), key=lambda x: -x[1]))
            for each in positions
        )
    )


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("verdict", "Verdict: Yes", 1.0),
        ("verdict", "Verdict: **No**.", 0.0),
        ("verdict", "Step 1 is right.\n\n**Verdict:** Yes", 1.0),
        ("verdict", "Verdict: Yes\nOn reflection, 3 + 4 = 8 is wrong.\nVerdict: No", 0.0),
        ("verdict", "Is the answer correct (Yes/No)? No", 0.0),
        ("verdict", "Some reasons.\nincorrect", 0.0),
        ("verdict", "Yes, every step holds.", 1.0),
        ("verdict", "Verdict: not sure", None),
        ("verdict", "The verdict will depend on step 3, which I", None),
        ("verdict", "Nothing here says so.", None),
        ("verdict", "", None),
        ("grade", "Score: 7", 0.7),
        ("grade", "Score: **7.5**/10", 0.75),
        ("grade", "It loses 3/10 for style.\nScore: 8", 0.8),
        ("grade", "The score is 85/100.", 0.85),
        ("grade", "Grade: 4 out of 5", 0.8),
        ("grade", "So \\boxed{9}.", 0.9),
        ("grade", "I give it 6/10, no, 5/10.", 0.5),
        ("grade", " 10 ", 1.0),
        ("grade", "0", 0.0),
        ("grade", "Score: 11", None),
        ("grade", "Score: -3", None),
        ("grade", "7/0", None),
        ("grade", "Score: none", None),
        ("grade", "There are 12 apples.", None),
        ("likeliness", "It is\nlikely", 0.5),
        ("likeliness", "Sure.", 1.0),
        ("likeliness", "likely at first; impossible", 0.0),
        ("likeliness", "unlikely", 0.0),
        ("likeliness", "surely", None),
        ("winner", "Winner: A", 1.0),
        ("winner", "A is careless with a sign.\n**Winner: B**", 0.0),
        ("winner", "[[A]]", 1.0),
        ("winner", "Winner: tie", 0.5),
        ("winner", "The better answer is A.", 1.0),
        ("winner", "b", 0.0),
        ("winner", "Winner: a draw", None),
        ("winner", "A and B are alike.", None),
    ],
)
def test_texts(name: str, text: str, value: float | None) -> None:
    found = READINGS[name](Completion(text))
    assert found == (None if value is None else pytest.approx(value))


@given(st.sampled_from(sorted(READINGS)), st.text(max_size=200))
def test_any_text_is_a_number_or_nothing(name: str, text: str) -> None:
    found = READINGS[name](Completion(text))
    require(found is None or 0.0 <= found <= 1.0, f"{name} read {text!r} as {found}")


@pytest.mark.parametrize("text", ["1" * 100_000, "Score: " * 20_000, "[1] > " * 20_000, "verdict " * 20_000])
def test_long_replies_are_read_in_time(text: str) -> None:
    """Patterns with bounded repetitions: a hostile reply of 100,000 characters takes no time to speak of."""
    for each in READINGS.values():
        each(Completion(text))


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        (told({"Yes": 0.6, "No": 0.2, "The": 0.2}), 0.75),
        # Forms of one word add up.
        (told({"Yes": 0.3, " yes": 0.2, "YES.": 0.1, "no": 0.4}), 0.6),
        # The last clear token is the verdict: a "no" amid the reasons is not.
        (told({"no": 0.9, "one": 0.1}, {"errs": 1.0}, {"Yes": 0.8, "No": 0.2}), 0.8),
        # Without a clear one, that with most of them.
        (told({"Yes": 0.1, "No": 0.1, "I": 0.8}, {"No": 0.05, "think": 0.9}), 0.5),
        (told({"Yes": 1.0}), 1.0),
        (told({"No": 1.0}), 0.0),
        (told({"Yes": LEAST / 3, "Well": 0.9}), None),
        (told({"Well": 1.0}), None),
        (told(), None),
    ],
)
def test_probabilities(reply: Completion, value: float | None) -> None:
    expected = None if value is None else pytest.approx(value)
    assert READINGS["p_yes"](reply) == expected
    assert READINGS["p_no"](reply) == (None if value is None else pytest.approx(1 - value))
    assert odds(reply, ("yes",), ("no",)) == expected


def test_a_reading_of_ones_own() -> None:
    @reading()
    def shouted(reply: Completion) -> float | None:
        return 1.0 if reply.text.isupper() else 7.0 if "?" in reply.text else None

    assert reading_named("shouted")(Completion("GOOD")) == 1.0
    with pytest.raises(StrategyFailed, match=r"gave 7\.0; expected a number in \[0, 1\]"):
        READINGS["shouted"](Completion("what?"))
    with pytest.raises(ConfigError, match="Did you mean 'shouted'"):
        reading_named("shoutd")
    with pytest.raises(ConfigError, match="already registered"):
        reading()(_elsewhere)
    assert isinstance(READINGS.pop("shouted"), Reading)


def _elsewhere(reply: Completion) -> float | None:
    return None


_elsewhere.__name__, _elsewhere.__module__ = "shouted", "elsewhere"
