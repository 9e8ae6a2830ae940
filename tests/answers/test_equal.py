"""Normal forms, plain numbers, and the verdicts built on them."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from itc.answers import Answers, Grader, Options, Verdict, versions
from itc.answers.normal import choice_form, math_form, number_form, text_form
from itc.answers.number import parse_number
from itc.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "form"),
    [
        ("1,000.0", "1000"),
        ("1000", "1000"),
        (".50", "0.5"),
        ("+7", "7"),
        ("007", "7"),
        ("-0", "0"),
        ("\\frac12", "1/2"),
        ("\\dfrac{2}{4}", "1/2"),
        ("$\\tfrac 1 2$", "1/2"),
        ("1,\\!000", "1000"),
        ("32{,}000", "32000"),
        ("1 000", "1000"),
        ("\\$18.90", "18.9"),
        ("50\\%", "50"),
        ("90^\\circ", "90"),
        ("10\\text{ units}", "10"),
        ("15\\mbox{ cm}^2", "15"),
        ("\\text{Evelyn}", "Evelyn"),
        ("\\left( 3, \\frac{\\pi}{2} \\right)", "(3,\\frac{\\pi}{2})"),
        ("\\sqrt3", "\\sqrt{3}"),
        ("x^2 + 1", "x^{2}+1"),
        ("\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{pmatrix}1\\\\ 2\\end{pmatrix}"),
        ("1, 2, 30", "1,2,30"),
        ("−5", "-5"),
    ],
)
def test_normal_form_of_mathematics(written: str, form: str) -> None:
    assert math_form(written) == form


def test_a_spaced_comma_is_a_list() -> None:
    assert math_form("32, 349") != math_form("32349")
    assert math_form("(32, 349)") != math_form("(32349)")


def test_other_normal_forms() -> None:
    assert text_form(" a \n b ") == "a b"
    assert choice_form(" (b). ") == "B"
    assert number_form("$1,000.0") == "1000"
    assert number_form("50 %") == "50"
    assert number_form("7/14") == "1/2"
    assert number_form(" ten ") == "ten"


@given(st.text(max_size=40) | st.text(alphabet="\\{}$ ^_0123456789.,fracsqrtxy()-", max_size=40))
def test_normal_forms_are_total(text: str) -> None:
    for form in (math_form, number_form, text_form, choice_form):
        assert isinstance(form(text), str)


@given(st.fractions(max_denominator=10**6))
def test_fractions_read_back(value: Fraction) -> None:
    number = parse_number(f"{value.numerator}/{value.denominator}")
    assert number is not None
    assert (number.value, number.exact, number.text) == (value, True, str(value))


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**9), max_value=10**9))
def test_equal_decimals_have_one_spelling(value: object) -> None:
    number, padded, grouped = (parse_number(t) for t in (f"{value}", f"{value}00", f"{value:,}"))
    assert number is not None
    assert padded is not None
    assert grouped is not None
    assert number.text == padded.text == grouped.text
    assert number.value == Fraction(str(value))


@pytest.mark.parametrize(
    "text",
    ["", "1,22", "0,111", "1,0000", "1e9999", "1/0", "9" * 301, "1_000", "٣", "1 2", "--1", "0x10", "inf"],
)
def test_what_is_no_plain_number(text: str) -> None:
    assert parse_number(text) is None


def verdicts(name: str, *pairs: tuple[str, str], options: Options | None = None) -> list[Verdict]:
    async def grade() -> list[Verdict]:
        async with Grader(name, options=options) as grader:
            return [await grader.equal(gold, pred) for gold, pred in pairs]

    return asyncio.run(grade())


@pytest.mark.parametrize(
    ("gold", "pred", "verdict"),
    [
        ("\\frac{1}{2}", "0.5", Verdict.EQUAL),
        ("1/3", "0.333333", Verdict.EQUAL),
        ("1/3", "0.333", Verdict.DIFFERENT),
        ("10", "10\\%", Verdict.EQUAL),
        ("2\\sqrt{3}", "\\sqrt{12}", Verdict.EQUAL),
        ("x^2-1", "(x-1)(x+1)", Verdict.EQUAL),
        ("x+1", "x+2", Verdict.DIFFERENT),
        ("(1,2)", "(2,1)", Verdict.DIFFERENT),
        ("\\text{even}", "even", Verdict.EQUAL),
        ("listen", "silent", Verdict.DIFFERENT),
        ("12", "\\frac{", Verdict.UNPARSABLE),
        ("7", "9^{9^{9^{9}}}", Verdict.UNPARSABLE),
    ],
)
def test_mathematical_verdicts(gold: str, pred: str, verdict: Verdict) -> None:
    assert verdicts("math", (gold, pred)) == [verdict]


def test_numeric_and_textual_verdicts() -> None:
    assert verdicts("gsm8k", ("18", "18.0"), ("18", "19"), ("18", "eighteen"), ("1/2", "0.5")) == [
        Verdict.EQUAL,
        Verdict.DIFFERENT,
        Verdict.UNPARSABLE,
        Verdict.EQUAL,
    ]
    assert verdicts("choice", ("B", "(b)"), ("B", "C")) == [Verdict.EQUAL, Verdict.DIFFERENT]
    assert verdicts("text", ("a b", "a  b"), ("a", "b")) == [Verdict.EQUAL, Verdict.DIFFERENT]


def test_options_reach_the_comparison() -> None:
    pair = ("$f(x)$", "$f(y)$")
    assert verdicts("math", pair, options=Options(strict=True)) == [Verdict.DIFFERENT]
    assert verdicts("math", pair, options=Options(strict=False)) == [Verdict.EQUAL]
    assert verdicts("math", ("\\pi", "3.14"), options=Options(precision=2)) == [Verdict.EQUAL]
    assert verdicts("math", ("\\pi", "3.14"), options=Options(precision=6)) == [Verdict.DIFFERENT]


def test_classes_are_numbered_by_first_appearance() -> None:
    given_ = ["\\pi/2", "3", "\\frac{\\pi}{2}", "3.0", "x+1", "1+x", "\\frac{", "4", "3", "\\frac{"]
    expected = [0, 1, 0, 1, 2, 2, 3, 4, 1, 3]

    async def vote() -> tuple[list[int], list[int], list[int]]:
        async with Answers.named("math") as answers:
            return await answers.classes(given_), await answers.classes(given_), await answers.classes([])

    assert asyncio.run(vote()) == (expected, expected, [])


def test_many_votes_at_once_do_not_disturb_each_other() -> None:
    async def vote() -> list[list[int]]:
        async with Answers.named("math") as answers, asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(answers.classes([f"{n}\\pi", f"\\pi\\cdot {n}", "x"])) for n in range(2, 12)
            ]
            return [await task for task in tasks]

    assert asyncio.run(vote()) == [[0, 0, 1]] * 10


@given(st.lists(st.sampled_from(["1", "1.0", "2", "4/2", "0.5", "1/2", "x"]), max_size=12))
def test_numeric_classes_are_an_equivalence(answers: list[str]) -> None:
    classes = asyncio.run(Answers.named("gsm8k").classes(answers))
    assert len(classes) == len(answers)
    assert sorted(set(classes)) == list(range(len(set(classes))))
    value = {"1": 1, "1.0": 1, "2": 2, "4/2": 2, "0.5": 0.5, "1/2": 0.5, "x": "x"}
    for a, i in zip(answers, classes, strict=True):
        for b, j in zip(answers, classes, strict=True):
            assert (i == j) == (value[a] == value[b])


def test_versions_name_the_parser() -> None:
    assert versions()["math-verify"] == "0.9.0"
    assert versions()["antlr4-python3-runtime"] != "absent"


def test_a_pool_of_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="workers=0"):
        Grader("math", workers=0)
