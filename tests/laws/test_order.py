"""The order in which replies come changes nothing, not even who is refused under a shared cap."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from itc.algebra.sequence import Pipeline
from itc.algebra.strategy import Strategy
from itc.budget.cost import Budget
from itc.stages.draws.extend import sample, step
from itc.stages.score import score
from itc.stages.selection.select import top
from tests.laws.trees import caps, law, locals_, one_cap, run, trees, uncapped_trees

jitters = st.integers(1, 10**6)


@law
@given(trees, jitters)
def test_uncapped(a: Strategy, jitter: int) -> None:
    assert run(a, jitter=jitter).result() == run(a).result()


@law
@given(trees, caps, jitters)
def test_under_a_cap(a: Strategy, cap: Budget, jitter: int) -> None:
    assert run(a, cap, jitter=jitter).result() == run(a, cap).result()


wide = st.sampled_from(
    (
        (step(2) ** 4) * 3,
        (step() >> score("prm", "last") >> top(1, "prm")) * 4,
        (sample(2) >> score("prm", "last") >> top(1, "prm")) * 3 >> sample(prompt="law_merge"),
        step(3) >> step(2) >> score("prm", "min") >> top(2, "prm") >> step() ** 3,
        (step() | step(2) >> step() | sample(2)) ** 2,
    )
)


@law
@given(wide, one_cap, jitters)
@example((step(2) ** 4) * 3, Budget(usd=0.0004), 3)
@example((step(2) ** 4) * 3, Budget(sequential_tokens=20), 3)
def test_of_concurrent_branches_under_a_shared_cap(a: Strategy, cap: Budget, jitter: int) -> None:
    assert run(a, cap, jitter=jitter).result() == run(a, cap).result()


@law
@given(st.lists(locals_, min_size=2, max_size=4), caps, jitters, st.integers(9, 40))
def test_of_fused_stages_whose_tokens_may_be_long(
    stages: list[Strategy], cap: Budget, jitter: int, width: int
) -> None:
    a = Pipeline.of(step(2), *stages)
    assert (
        run(a, cap, jitter=jitter, bytes_a_token=width).result() == run(a, cap, bytes_a_token=width).result()
    )


@law
@given(uncapped_trees, st.integers(0, 30), jitters)
def test_of_failures(a: Strategy, failing: int, jitter: int) -> None:
    """Which draws fail is a function of the request; all siblings finish, the first error is raised."""

    def fails(request: object) -> bool:
        return request.key.seed % 31 == failing  # type: ignore[attr-defined]

    def outcome(jitter: int) -> object:
        try:
            ran = run(a, jitter=jitter, fails=fails)
        except Exception as error:
            return type(error), str(error)
        return ran.result()

    assert outcome(jitter) == outcome(0)
