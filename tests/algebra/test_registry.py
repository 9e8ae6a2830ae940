"""Named functions: how a strategy refers to code and stays a value."""

from __future__ import annotations

import pytest

from itc.algebra.registry import FUNCTIONS, STRATEGIES, Ref, Registry, predicate
from itc.errors import ConfigError
from itc.stages.draws.extend import sample
from itc.stages.selection.select import majority
from tests.laws.trees import context, law_crowded, law_never, root


def test_a_reference_is_a_value() -> None:
    assert law_crowded(size=5) == Ref("predicate", "law_crowded", (("size", 5),))
    assert hash(majority(share=0.5, floor=2)) == hash(majority(floor=2, share=0.5))
    assert str(majority(share=0.5, floor=2)) == "majority(floor=2, share=0.5)"
    assert law_never.run(root(), context()) is False


def test_lambdas_and_other_kinds_are_refused() -> None:
    for wrong in (lambda pop, ctx: True, 5, None, Ref("router", "law_size")):
        with pytest.raises(ConfigError, match="registered predicate"):
            sample().until(wrong, 3)  # type: ignore[arg-type]


def test_unknown_names_and_arguments_suggest_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="majority"):
        sample().grow("majorit", 3)
    with pytest.raises(ConfigError, match="share"):
        majority(shares=0.5)


def test_a_name_belongs_to_one_function() -> None:
    with pytest.raises(ConfigError, match="already registered"):

        @predicate
        def majority(pop: object, ctx: object) -> bool:
            return True

    with pytest.raises(ConfigError, match="identifier"):
        Registry("thing").add("two words", print)


def test_a_registry_lists_its_names() -> None:
    assert "sample" in STRATEGIES
    assert list(STRATEGIES) == sorted(STRATEGIES)
    assert {"done", "answered", "majority"} <= set(FUNCTIONS["predicate"])
