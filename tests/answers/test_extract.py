"""Where answers are found, rule by rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.answers import register_rule, rule, rule_names
from itc.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("4 + 4 = 8\n#### 8", "8"),
        ("#### 3,000", "3,000"),
        ("#### $18.50", "18.50"),
        ("#### -5 degrees", "-5"),
        ("#### -$5", "-5"),
        ("#### **12**", "12"),
        ("#### 7\nWait, I made a slip.\n#### 9", "9"),
        ("so there are 12\nA: 12", "12"),
        ("A: 12", "12"),
        ("#### \\boxed{42}", "42"),
        ("Thus \\boxed{42}.", "42"),
        ("Thus \\boxed{42 \\text{ eggs}} as above, in 3 lines.", "42"),
        ("The answer is 42. There were 3 cats.", "42"),
        ("**Answer:** 42", "42"),
        ("He has 3 and 4, so 3+4=7.", "7"),
        ("10-3", "3"),
        ("x = -3", "-3"),
        ("of them, 3/4", "3/4"),
        ("####", None),
        ("no number", None),
        ("", None),
    ],
)
def test_gsm8k(text: str, answer: str | None) -> None:
    assert rule("gsm8k").extract(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [("a\n#### 8", "8"), ("so 8", None), ("\\boxed{8}", None), ("the answer is 8", None)],
)
def test_strict_gsm8k_wants_the_marker(text: str, answer: str | None) -> None:
    assert rule("gsm8k", strict=True).extract(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("so \\boxed{\\frac{1}{2}}.", "\\frac{1}{2}"),
        ("\\boxed{1} then \\boxed{2}", "2"),
        ("\\boxed{\\left\\{1\\right\\}}", "\\left\\{1\\right\\}"),
        ("\\boxed{\\{}", "\\{"),
        ("\\fbox{7}", "7"),
        ("\\boxed 5 units", "5"),
        ("\\boxed{7} and then \\boxed{8 + ", "7"),
        ("\\boxed{}", None),
        ("The final answer is $\\frac{2}{3}$. I hope it is correct.", "\\frac{2}{3}"),
        ("The answer is \\(x+1\\).", "x+1"),
        ("The answer is x + 1.\nDone", "x + 1"),
        ("The answer is 3.5.", "3.5"),
        ("#### 12", "12"),
        ("we get 12 in 3", "3"),
        ("nothing", None),
    ],
)
def test_math(text: str, answer: str | None) -> None:
    assert rule("math").extract(text) == answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("The answer is (B).", "B"),
        ("Answer: C", "C"),
        ("\\boxed{D}", "D"),
        ("\\boxed{\\text{(E)}}", "E"),
        ("I think so\n\nB", "B"),
        ("either (A) or (C); (C) it is", "C"),
        ("The answer is A dog", "A"),
        ("A dog and I went home", None),
    ],
)
def test_choice(text: str, answer: str | None) -> None:
    assert rule("choice").extract(text) == answer


def test_strict_choice_wants_a_statement() -> None:
    strict = rule("choice", strict=True)
    assert strict.extract("The answer is (B).") == "B"
    assert strict.extract("(B)") is None


def test_text_is_the_whole_text_stripped() -> None:
    assert rule("text").extract("  two words \n") == "two words"
    assert rule("text").extract(" \n") is None


def test_an_unknown_rule_suggests_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'gsm8k'"):
        rule("gsm8")


def test_a_registered_name_cannot_be_taken() -> None:
    with pytest.raises(ConfigError, match="already registered"):
        register_rule("math", lambda strict: rule("text"))


@given(st.text(), st.sampled_from(rule_names()), st.booleans())
def test_extraction_is_total_and_never_empty(text: str, name: str, strict: bool) -> None:
    answer = rule(name, strict=strict).extract(text)
    assert answer is None or answer


@given(st.integers(-(10**12), 10**12), st.text(alphabet="abc .\n", max_size=30))
def test_a_marked_number_is_found_whatever_precedes_it(n: int, before: str) -> None:
    for name in ("gsm8k", "math"):
        assert rule(name).extract(f"{before}\n#### {n}") == str(n)
