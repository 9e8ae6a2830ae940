"""What models in layers are asked, for chat models that follow instructions. Each is a registered prompt.

They show the problem as the policy is given it, since an answer is to be in the form that it asks for.
"""

from __future__ import annotations

from itc.algebra.registry import prompt
from itc.types import Candidate, Problem

CONTENT = "no flaws"
"""What feedback says that finds nothing to improve."""


@prompt
def feedback(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks what is wrong with an answer, or for the words that end the loop."""
    answer = "".join(s.text for c in candidates for s in c.solution)
    return (
        f"{problem.prompt}\n\nAn answer:\n{answer}\n\nSay, step by step, what is wrong with it and how to "
        f'mend it. If nothing is, write only "{CONTENT}".\n'
    )


@prompt
def refine(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for an answer that heeds the feedback on all before it."""
    told = "".join(
        f"An answer:\n{''.join(s.text for s in c.solution)}\n\nFeedback:\n"
        f"{''.join(s.text for s in c.steps if s.kind == 'critique')}\n\n"
        for c in candidates
    )
    return f"{problem.prompt}\n\n{told}Write a better answer, in full, that heeds the feedback:\n"


@prompt
def strengths_and_weaknesses(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for both of one answer."""
    answer = "".join(s.text for c in candidates for s in c.solution)
    return f"{problem.prompt}\n\nA response:\n{answer}\n\nList its strengths, then its weaknesses:\n"


@prompt
def blend(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Shows all answers, with what was said of them, and asks for one made of them."""
    told = "".join(
        f"Response:\n{''.join(s.text for s in c.solution)}\n\nIts critique:\n"
        f"{''.join(s.text for s in c.steps if s.kind == 'critique')}\n\n"
        for c in candidates
    )
    return (
        "Make one response of those below, some of which may be wrong: complete, correct and in full.\n\n"
        f"{told}{problem.prompt}"
    )


def _notes(candidates: tuple[Candidate, ...], kind: str) -> str:
    return "".join(s.text for c in candidates for s in c.steps if s.kind == kind)


@prompt
def observe(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for observations that may help, beyond those there are."""
    return (
        f"{problem.prompt}\n\nObservations so far:\n{_notes(candidates, 'observation')}\nList further "
        "observations, true and not obvious, that help to solve this, one a line. Do not solve it yet.\n"
    )


@prompt
def make_plan(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for a plan that uses the observations chosen."""
    return (
        f"{problem.prompt}\n\nObservations:\n{_notes(candidates, 'observation')}\nDescribe in words, without "
        "solving it, a way to the solution that makes use of every observation.\n"
    )


@prompt
def follow_plan(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for the answer by a plan."""
    return f"{problem.prompt}\n\nA plan:\n{_notes(candidates, 'plan')}\n\nSolve it by this plan, in full.\n"


def _constrained(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    constraints = "".join(s.text for c in candidates[-1:] for s in c.steps if s.kind == "thought")
    return f"{problem.prompt}\n\nWhat an answer must satisfy:\n{constraints}\n\n"


def _last(candidates: tuple[Candidate, ...], kind: str = "solution") -> str:
    return "".join(s.text for c in candidates[-1:] for s in c.steps if s.kind == kind)


@prompt
def constrain(problem: Problem, candidates: tuple[Candidate, ...]) -> str:  # noqa: ARG001
    """Asks for the constraints of a problem."""
    return f"{problem.prompt}\n\nDo not solve this. List what any right answer must satisfy, one a line:\n"


@prompt
def satisfy(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for an answer under the constraints."""
    return f"{_constrained(problem, candidates)}Solve the problem, in full, and satisfy all of this.\n"


@prompt
def find_violations(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks what an answer violates."""
    return (
        f"{_constrained(problem, candidates)}An answer:\n{_last(candidates)}\n\n"
        "Say which of this it violates, and how:\n"
    )


@prompt
def mend_violations(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for an answer that heeds the feedback."""
    return (
        f"{_constrained(problem, candidates)}An answer:\n{_last(candidates)}\n\nFeedback:\n"
        f"{_last(candidates, 'critique')}\n\nWrite a better answer, in full.\n"
    )


@prompt
def grade_by_constraints(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for a grade of an answer by its constraints."""
    return (
        f"{_constrained(problem, candidates)}An answer:\n{_last(candidates)}\n\n"
        "Grade it by this from 0 to 10: explain briefly, then write a last line: 'Score: ' and the grade.\n"
    )
