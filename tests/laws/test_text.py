"""The text form: what prints can be read back, and nothing else can be reached from it."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from itc.algebra.control import route
from itc.algebra.parallel import empty
from itc.algebra.sequence import Pipeline, identity
from itc.algebra.strategy import Strategy
from itc.errors import ConfigError
from itc.stages.draws.extend import annotate, rewrite, sample, step
from itc.stages.particles.resample import reweight
from itc.stages.score import score
from itc.stages.selection.select import majority, top, vote
from tests.laws.trees import bound, law, law_merge, law_never, law_size, parse, run, trees

words = st.one_of(
    st.text(min_size=1, max_size=8),
    st.sampled_from(
        (
            "None",
            "True",
            "null",
            "true",
            "false",
            "if",
            "identity",
            "empty",
            "inf",
            "nan",
            "ﬁx",
            "a b",
            "'",
            '"""',
            "\\",
            "µ",
        )
    ),
)


@law
@given(trees, trees)
@example(rewrite("law_improve", 2), sample(2, prompt=law_merge))
@example(annotate("law_improve", kind="plan"), reweight("prm", temperature=1e6))
@example((sample() | step()) * 2, ((sample() >> step()) ** 2 | sample() ** 2) ** 3)
@example(sample().until(law_never, 2).otherwise(empty), (identity * 2) ** 2)
@example(sample().until(majority(share=0.25, floor=2), 4), empty**2 | identity)
def test_parse_inverts_str(a: Strategy, b: Strategy) -> None:
    for s in (
        a,
        b,
        a >> b,
        a | b,
        a.otherwise(b),
        (a >> b) * 2,
        (a | b) ** 3,
        route(law_size, few=a, many=b),
    ):
        again = parse(str(s))
        assert again == s
        assert hash(again) == hash(s)
        assert str(again) == str(s)


@law
@given(trees)
def test_what_is_read_back_does_the_same(a: Strategy) -> None:
    assume(bound(a)[0].calls <= 60)
    assert run(parse(str(a))).result() == run(a).result()


@law
@given(words, words, st.floats(0, 100), st.floats(0, 1))
def test_names_and_numbers_survive(name: str, delimiter: str, temperature: float, top_p: float) -> None:
    for s in (
        score(name, "min"),
        top(2, name, live=True),
        vote(name),
        reweight(name, temperature=max(temperature, 1e-6)),
        step(2, at=delimiter, role=name, temperature=temperature, top_p=top_p, max_tokens=7),
        sample(2).within(usd=top_p, tokens=5),
    ):
        assert parse(str(s)) == s


@law
@given(trees)
def test_text_ignores_space_and_parentheses(a: Strategy) -> None:
    text = str(a)
    assert parse(f"  (({text}))\n") == a
    assert parse(text.replace(" >> ", ">>").replace(" | ", "|")) == a


@law
@given(st.text(max_size=60) | st.text(alphabet="abcs()*|>.,=0123456789 '\"[]{}:", max_size=60))
def test_any_text_is_a_strategy_or_a_config_error(text: str) -> None:
    try:
        s = parse(text)
    except ConfigError:
        return
    assert parse(str(s)) == s


HOSTILE = (
    "",
    "   ",
    "#",
    "8",
    "'sample(8)'",
    "sample",
    "sample()\nsample()",
    "sample().__class__",
    "sample().__init__()",
    "sample.__call__()",
    "sample().until.__globals__",
    "__import__('os').system('true')",
    "().__class__.__bases__[0]",
    "sample().bound()",
    "sample().text()",
    "sample().walk()",
    "sample().__rshift__(step())",
    "sample().__mul__(2)",
    "sample().__class__('step')",
    "sample()(1)",
    "(lambda: sample())()",
    "lambda: 1",
    "[sample() for _ in range(9)]",
    "sample(n=[1, 2])",
    "sample({1: 2})",
    "(s := sample())",
    "sample((n := 3))",
    "f'{sample()}'",
    "sample(prompt=f'{1}')",
    "sample(b'x')",
    "sample(1j)",
    "sample(...)",
    "sample() if 1 else step()",
    "sample() and step()",
    "not sample()",
    "sample() < step()",
    "sample() + step()",
    "sample() * step()",
    "sample() * 'a'",
    "sample() * 2.5",
    "sample() * -1",
    "sample() * True",
    "sample() ** None",
    "sample() >> 3",
    "3 >> sample()",
    "-sample()",
    "await sample()",
    "yield",
    "import os",
    "sample(*[1])",
    "sample(**{'n': 2})",
    "sample(n=1, n=2)",
    "sample(1, 2)",
    "sample(m=1)",
    "sample(0)",
    "sample(-3)",
    "sample(True)",
    "sample(2.0)",
    "sample(temperature=-1)",
    "sample(temperature='hot')",
    "sample(top_p=2)",
    "sample(max_tokens=0)",
    "step(at='')",
    "step(at=0)",
    "annotate(law_merge, kind=solution)",
    "score(prm, median)",
    "resample(2)",
    "resample(scheme=fair)",
    "reweight(prm, exp)",
    "reweight(prm, temperature=0)",
    "reweight(prm, temperature=1e400)",
    "sample().within(tokens=-1)",
    "sample().within(tokens=1.5)",
    "sample().within(token=1)",
    "sample().within(seconds=5)",
    "sample().within(5)",
    "sample().within(tokens='many')",
    "sample().until(2, 3)",
    "sample().until(law_never)",
    "sample().until(law_never, -1)",
    "sample().until(law_never(share=2), 1)",
    "sample().until(law_size, 1)",
    "sample().until(unheard_of, 1)",
    "sample().grow(majority(1), 1)",
    "sample().grow(law_never, 2, 3)",
    "sample().otherwise()",
    "sample().otherwise(3)",
    "route(law_size)",
    "route(law_size, few=3)",
    "route(few=sample())",
    "race(accept=law_never)",
    "race(sample(), accept=5)",
    "race(sample())",
    "beam(5, 2)",
    "beam(4, 0)",
    "particle_filter(0)",
    "best_of_n(n=-1)",
    "law_never",
    "law_never(size=2)",
    "majority(share=0.5)",
    "sample()**10**9",
    "sample()**(10**9)",
    "sample()**1000000000",
    "sample() * 1000000000",
    "(sample() ** 100000) ** 100000",
    "((sample() * 1000) * 1000) * 1000",
    "(sample() ** 100000) * 100000",
    "(sample() ** 50000).atomic() ** 50000",
    "((sample() ** 90000 >> step()) * 90000 | step()) ** 90000",
    "sample(" + "9" * 5000 + ")",
    "sample() * " + "9" * 5000,
    "(" * 5000 + "sample()" + ")" * 5000,
    "(" * 150 + "sample()" + ")" * 150 + ")",
    "sample()" + ".atomic()" * 2000 + "]",
    "sample().otherwise(" * 900 + "sample()" + ")" * 900 + "]",
    "-" * 10_000 + "1",
    "sample()" + " >> sample()" * 9000,
    "x" * 100_000,
    "(" * 100_000,
    "sample() >> " * 8334 + "sample()",
    "\x00",
    "sample(\x00)",
    "sample(role='\ud800')\ud800",
    "\ufeffsample(",
)


@pytest.mark.parametrize("text", HOSTILE, ids=lambda t: t[:40].encode("ascii", "backslashreplace").decode())
def test_hostile_text_is_refused_quickly(text: str) -> None:
    began = time.monotonic()
    with pytest.raises(ConfigError) as refused:
        parse(text)
    assert time.monotonic() - began < 2.0
    assert len(str(refused.value)) < 3 * len(text) + 2000


@pytest.mark.parametrize(
    "text", ["sample()" + ".until(law_never, 2)" * 900, "sample().within(calls=1) >> " * 700 + "sample()"]
)
def test_deep_text_is_read_or_refused(text: str) -> None:
    """Never a RecursionError, neither here nor when it is printed or hashed."""
    try:
        s = parse(text)
    except ConfigError:
        return
    assert parse(str(s)) == s
    hash(s)


def test_long_is_not_deep() -> None:
    """A hundred different stages one after another, or side by side, are no nesting."""
    for operator in (" >> ", " | "):
        text = operator.join(f"sample({n})" for n in range(2, 302))
        assert str(parse(text)) == text


def test_constants_may_be_written_as_in_the_configurations() -> None:
    for yaml, python in (("true", "True"), ("false", "False"), ("null", "None")):
        assert parse(f"best_of_n(4, weighted={yaml})") == parse(f"best_of_n(4, weighted={python})")
    assert parse("best_of_n(4, weighted=false)") != parse("best_of_n(4, weighted=true)")


def test_arms_are_identifiers() -> None:
    """An arm called ``if`` could not be read back."""
    with pytest.raises(ConfigError):
        route(law_size, **{"if": sample()})
    with pytest.raises(ConfigError):
        route(law_size, **{"two words": sample()})


def test_repetitions_print_short() -> None:
    assert str(sample() * 4 | step() | step()) == "sample() * 4 | step() * 2"
    assert str(sample() >> (step(2) >> vote()) ** 3) == "sample() >> (step(2) >> vote()) ** 3"
    assert str(Pipeline((empty, identity))) == "empty >> identity"


def test_errors_name_the_nearest_known_word() -> None:
    with pytest.raises(ConfigError, match="sample"):
        parse("smaple(8)")
    with pytest.raises(ConfigError, match="majority"):
        parse("sample().grow(majorty, 9)")
    with pytest.raises(ConfigError, match="temperature"):
        parse("sample(8, temprature=0.5)")
