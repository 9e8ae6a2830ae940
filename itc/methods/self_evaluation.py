"""Mid-generation self-evaluation: the model says early which of its answers to give up, and when to stop.

Manvi et al. 2024, "Adaptive Inference-Time Compute: LLMs Can Predict if They Can Do Better, Even
Mid-Generation", arXiv 2410.02725: after a prefix, and again after the whole, the model is asked for the
probability that a fresh start would do better, read off one token; the least hopeful prefixes are given up,
and more answers are drawn only while none is good enough. Deviations: the paper fine-tunes the model to
evaluate itself and asks in the response's own context, here any instruction model is asked in a prompt of
its own; the schedule of temperatures over successive samples is not done. Lengths of prefixes and shares
kept are parameters: their defaults are ours.
"""

from __future__ import annotations

from itc.algebra.registry import Ref, strategy
from itc.algebra.strategy import Strategy, count, number
from itc.errors import ConfigError
from itc.stages.draws.extend import sample, step
from itc.stages.judges.judge import judge
from itc.stages.judges.judge_prompts import could_do_better
from itc.stages.selection.finished import finished
from itc.stages.selection.select import top
from itc.stages.selection.temper import accepted


@strategy
def self_evaluation(
    n: int = 16,
    width: int = 4,
    keep: int = 2,
    prefix: int = 64,
    enough: float = 0.9,
    prompt: Ref | str = could_do_better.name,
    role: str = "policy",
) -> Strategy:
    """Up to ``n`` answers begun, ``width`` side by side: one unit of ``n`` costs a prefix of ``prefix``
    tokens and one token of evaluation, and for ``keep`` of every ``width`` the rest of the answer and one
    token more.

    Ends once the model is at least ``enough`` sure of an answer. ConfigError unless ``width`` divides ``n``.
    """
    if count(n, "self_evaluation(n)", 1) % count(width, "self_evaluation(width)", 1):
        raise ConfigError(f"self_evaluation(n={n}, width={width}): expected a width that divides n.")
    stop = accepted(by="stands", above=number(enough, "self_evaluation(enough=)", 0.0, 1.0))
    evaluate = judge(prompt, 1, "p_no", role=role, by="stands", max_tokens=1)
    wave = step(width, at=prefix) >> evaluate >> top(keep, "stands", live=True) >> sample() >> evaluate
    return wave.grow(stop, n // width) >> finished() >> top(1, "stands")
