"""Runs put together by method: sizes, seeds, budgets, models, and what cannot be compared."""

from __future__ import annotations

from typing import Any

import pytest

from itc.analysis.axes import AXES
from itc.errors import ConfigError
from itc.runs.methods import compared
from itc.runs.result import Result
from itc.runs.rows import Row

TOKENS = AXES["tokens"]


def row(problem: str, correct: bool | None, tokens: int, **more: Any) -> Row:
    told: dict[str, Any] = {
        "problem": problem,
        "question": f"{problem}?",
        "gold": "1",
        "answer": "1",
        "correct": correct,
        "verdict": "equal",
        "oracle": correct,
        "level": "",
        "done": True,
        "truncated": False,
        "cut": False,
        "error": "",
        "population": 1,
        "calls": 1,
        "prompt_tokens": tokens,
        "cached_tokens": 0,
        "completion_tokens": 0,
        "flops": 0,
        "usd": 0.0,
        "picoseconds": 0,
        "sequential_tokens": 0,
        "by_role": "{}",
        "by_stage": "{}",
        **more,
    }
    names = Row.__dataclass_fields__
    return Row(**{k: v for k, v in told.items() if k in names})


def run(strategy: str, right: str, tokens: int = 10, **more: Any) -> Result:
    """``right`` is a 0 or 1 for each problem."""
    sampling = {"temperature": more.pop("temperature", 1.0)}
    budget, model = more.pop("budget", [{}, {}]), more.pop("model", "m")
    rows = more.pop("rows", None) or [row(f"p{i}", c == "1", tokens) for i, c in enumerate(right)]
    manifest = {
        "task": "chain",
        "strategy": strategy,
        "name": strategy,
        "model": model,
        "seed": 0,
        "identity": {"engines": {"policy": [model, sampling, {}, 1]}, "scorers": {}, "budget": budget},
        **more,
    }
    return Result(rows, [], [], manifest)


def names(*runs: Result) -> dict[str, tuple[str, ...]]:
    return {m.name: m.sizes for m in compared(runs, TOKENS).methods}


def test_one_method_at_several_sizes() -> None:
    found = compared(
        [
            run("sample(8) >> vote()", "1100", 80, name="sc"),
            run("sample(4) >> vote()", "1000", 40, name="sc"),
        ],
        TOKENS,
    )
    (method,) = found.methods
    assert method.name == "sc"
    assert method.sizes == ("sc(4)", "sc(8)")
    assert method.cost.tolist() == [40, 80]
    assert found.problems == ("p0", "p1", "p2", "p3")
    assert found.rates.tolist() == [1.0, 0.5, 0.0, 0.0]
    assert found.notes == ()
    assert found.named("sc") is found.named("sc(4)") is method


def test_an_expression_has_its_text_as_name() -> None:
    assert names(run("sample(8) >> vote()", "10"), run("sample(4) >> vote()", "10", 5)) == {
        "sample(n) >> vote()": ("sample(4) >> vote()", "sample(8) >> vote()")
    }
    assert names(run("sample(8) >> top(2, prm2)", "10")) == {
        "sample(8) >> top(2, prm2)": ("sample(8) >> top(2, prm2)",)
    }


def test_one_draw_is_a_size_though_the_text_leaves_it_out() -> None:
    assert names(run("sample(5, max_tokens=9)", "10"), run("sample(max_tokens=9)", "10", 5)) == {
        "sample(n, max_tokens=9)": ("sample(max_tokens=9)", "sample(5, max_tokens=9)")
    }
    assert list(names(run("sample() >> vote()", "10"), run("sample(5) >> vote()", "10", 50))) == [
        "sample(n) >> vote()"
    ]


def test_numbers_that_follow_the_size() -> None:
    """n = 4, 8 and 16 with m = 4, written out as n/m, make one method."""
    runs = [run(f"step({n}) >> top({n // 4}) >> step(4)", "10", n, name="beam") for n in (4, 8, 16)]
    assert names(*runs) == {"beam": ("beam(4)", "beam(8)", "beam(16)")}


def test_a_second_number_makes_methods() -> None:
    runs = [
        run(f"step({n}) >> top({n // m}) >> step({m})", "10", n * m, name="beam")
        for n in (16, 64)
        for m in (2, 4)
    ]
    found = names(*runs)
    assert sorted(found) == ["beam with 2", "beam with 4"]
    assert all(len(sizes) == 2 for sizes in found.values())


def test_decimals_and_names_are_no_sizes() -> None:
    found = names(run("smc(4, 0.5)", "10", name="smc"), run("smc(4, 0.25)", "10", name="smc"))
    assert len(found) == 2


def test_seeds_are_averaged_within_a_problem() -> None:
    found = compared([run("s(4)", "1100", 10), run("s(4)", "1010", 30, seed=1)], TOKENS)
    assert found.methods[0].right.tolist() == [[1.0, 0.5, 0.5, 0.0]]
    assert found.methods[0].costs.tolist() == [[20.0] * 4]
    assert "mean of 2 seeds" in found.notes[0]


def test_models_and_temperatures_are_told_apart() -> None:
    one, other = run("s(4)", "10", name="s"), run("s(4)", "10", name="s", model="big")
    assert list(names(one, other)) == ["s on m", "s on big"]
    cold = run("s(4)", "10", name="s", temperature=0.2)
    assert list(names(one, cold)) == ["s with temperature=1.0", "s with temperature=0.2"]


def test_stages_tell_methods_of_one_name_apart() -> None:
    vote, top = (
        run(f"sample(4) >> score(prm, last) >> {x}", "10", name="b") for x in ("vote(prm)", "top(1, prm)")
    )
    assert names(vote, top) == {
        "b with vote(prm)": ("b(4) with vote(prm)",),
        "b with top(1, prm)": ("b(4) with top(1, prm)",),
    }
    assert list(names(run("smc(4, 0.5)", "10", name="smc"), run("smc(4, 0.25)", "10", name="smc"))) == [
        "smc with smc(4, 0.5)",
        "smc with smc(4, 0.25)",
    ]


def test_budgets_are_sizes() -> None:
    runs = [run("s(4)", "10", n, name="s", budget=[{}, {"tokens": n}]) for n in (100, 2000)]
    assert names(*runs) == {"s": ("s(4), tokens ≤ 100 a problem", "s(4), tokens ≤ 2,000 a problem")}


def test_a_run_named_twice_counts_once() -> None:
    one = run("s(4)", "10", hash="abc")
    assert compared([one, run("s(4)", "10", hash="abc")], TOKENS).notes == ()


def test_problems_in_common() -> None:
    found = compared([run("s(4)", "11110"), run("t(4)", "101")], TOKENS)
    assert found.problems == ("p0", "p1", "p2")
    assert "3 problems that every run has; runs have up to 5. Fewest, 3, has t(4)" in found.notes[0]


def test_the_same_id_is_not_the_same_problem() -> None:
    other = [row(f"p{i}", True, 5, question="another?") for i in range(3)]
    with pytest.raises(ConfigError, match="0 graded problems in common, of 3 to 3 each"):
        compared([run("s(4)", "111"), run("t(4)", "", rows=other)], TOKENS)


def test_problems_without_gold_are_left_out() -> None:
    rows = [row("p0", True, 5), row("p1", False, 5), row("p2", None, 5, gold=None)]
    assert compared([run("s(4)", "", rows=rows)], TOKENS).problems == ("p0", "p1")


def test_failed_problems_are_told() -> None:
    rows = [row("p0", True, 5), row("p1", False, 5, error="timed out")]
    assert "1 problems failed" in compared([run("s(4)", "", rows=rows)], TOKENS).notes[-1]


def test_runs_that_made_no_call_are_left_out() -> None:
    idle = run("t(4)", "", rows=[row(f"p{i}", False, 0, calls=0) for i in range(2)])
    found = compared([run("s(4)", "10"), idle], TOKENS)
    assert [method.name for method in found.methods] == ["s(4)"]
    assert found.notes == ("Left out, as it made no calls: t(4).",)
    with pytest.raises(ConfigError, match="the 1 given made no calls"):
        compared([idle], TOKENS)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(ConfigError, match="at least one run"):
        compared([], TOKENS)
    with pytest.raises(ConfigError, match="2 tasks, chain, gsm8k"):
        compared([run("s(4)", "11"), run("s(4)", "11", task="gsm8k")], TOKENS)
    with pytest.raises(ConfigError, match=r"s\(4\).*cost on this axis is 0"):
        compared([run("s(4)", "11", name="s")], AXES["usd"])
    with pytest.raises(ConfigError, match="called 'x'"):
        compared([run("s(4)", "11")], TOKENS).named("x")
