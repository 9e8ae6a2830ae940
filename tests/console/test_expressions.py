"""Strategies in one pair of quotes, through Hydra's own grammar and back."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from itc.console.expressions import quote, rewrite, split
from itc.errors import ConfigError


def read_back(override: str) -> str:
    """What the configuration holds after Hydra has read the override and OmegaConf resolved it."""
    (parsed,) = OverridesParser.create().parse_overrides([override])
    config = OmegaConf.create({"text": parsed.value()})
    return str(OmegaConf.to_container(config, resolve=True)["text"])  # type: ignore[index,call-overload]


EXPRESSIONS = [
    "sample(16) >> vote()",
    "sample(16) >> score(prm, last) >> vote(prm)",
    r"step(at='\n') ** 3 >> vote()",
    r"""step(at="\\") >> sample(2, prompt='a "quoted" word, and = ~ !')""",
    "(sample(2) | sample(3)) * 2",
    "race(sample(1), sample(2), accept=majority(share=0.5))",
    "step(at='it\\'s')",
    "beam(16, m=4)",
    "sample(2).within(tokens=500)",
]


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_arrives_as_it_was_typed(text: str) -> None:
    first, second = rewrite([f"strategy={text}"], multirun=False)
    assert first == "strategy=expression"
    assert read_back(second) == text


def test_several_expressions_are_a_sweep() -> None:
    typed = "strategy=" + ", ".join(EXPRESSIONS)
    first, second = rewrite([typed], multirun=True)
    assert first == "strategy=expression"
    (parsed,) = OverridesParser.create().parse_overrides([second])
    assert [read_back(f"strategy.text={value}") for value in parsed.sweep_string_iterator()] == EXPRESSIONS


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1))
def test_any_text_survives_quoting(text: str) -> None:
    if "$" not in text:
        assert read_back(f"strategy.text={quote(text)}") == text


def test_a_dollar_is_not_interpolated() -> None:
    quoted = quote("step(at='${seed}')")
    assert read_back(f"strategy.text={quoted}") == r"step(at='\x24{seed}')"


@pytest.mark.parametrize(
    "override",
    [
        *(
            "strategy=beam",
            "strategy=beam,best_of_n",
            "strategy=choice(beam,best_of_n)",
            "strategy=mine/beam",
        ),
        *("strategy=null", "strategy=", "strategy=[a,b]", "strategy.n=4", "task=jsonl", "seed=range(0,3)"),
    ],
)
def test_everything_else_is_left_alone(override: str) -> None:
    assert rewrite([override], multirun=True) == [override]


def test_names_among_expressions_become_calls() -> None:
    done = rewrite(["seed=1", "strategy=beam, sample(2) >> vote(), identity"], multirun=True)
    assert done == [
        "seed=1",
        "strategy=expression",
        'strategy.text="beam()","sample(2) >> vote()","identity"',
    ]


@pytest.mark.parametrize(
    ("override", "done"),
    [
        ("strategy='sample(2)'", 'strategy.text="sample(2)"'),
        ('strategy="sample(2)"', 'strategy.text="sample(2)"'),
        ("+strategy=sample(2)", 'strategy.text="sample(2)"'),
    ],
)
def test_a_second_pair_of_quotes_does_no_harm(override: str, done: str) -> None:
    assert rewrite([override], multirun=False)[1] == done


def test_the_text_may_be_given_by_its_key() -> None:
    assert rewrite(["strategy.text=sample(2) >> vote()"], multirun=False) == [
        'strategy.text="sample(2) >> vote()"'
    ]
    quoted = 'strategy.text="sample(2)","sample(3)"'
    assert rewrite([quoted], multirun=True) == [quoted]


def test_commas_inside_brackets_and_quotes_do_not_split() -> None:
    assert split('a(1, 2), b([3, 4], \',\'), c(x="it\'s, \\"so\\"")') == [
        "a(1, 2)",
        " b([3, 4], ',')",
        ' c(x="it\'s, \\"so\\"")',
    ]


@pytest.mark.parametrize(
    ("typed", "multirun", "words"),
    [
        (["strategy=sample(2), sample(3)"], False, "-m"),
        (["strategy=sample(2)", "strategy.n=4"], False, "strategy.n=4"),
        (["strategy=sample(2), bem"], True, "'beam'"),
    ],
)
def test_what_cannot_be_meant_is_an_error(typed: list[str], multirun: bool, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        rewrite(typed, multirun)
