"""What judges are asked, for chat models that follow instructions. Each is a registered prompt: a method or a
judge takes one of your own by name in its place.

They show the question and solutions, never the instructions or examples that the policy was given, and no
critique, plan or thought.
"""

from __future__ import annotations

from itc.algebra.registry import prompt
from itc.stages.draws.path import solution
from itc.stages.judges.shown import listed
from itc.types import Candidate, Problem


def _one(problem: Problem, candidates: tuple[Candidate, ...], what: str = "Proposed solution") -> str:
    shown = "".join(solution(c) for c in candidates).strip()
    return f"Problem:\n{problem.question}\n\n{what}:\n{shown}\n\n"


@prompt
def verify_solution(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for a check of each step and a verdict; read by verdict, or by p_yes."""
    return (
        f"{_one(problem, candidates)}"
        "Check the solution step by step: recompute every result and name the first error, if there is one. "
        "Then write a last line: 'Verdict: Yes' if the final answer is correct, 'Verdict: No' if it is not.\n"
    )


@prompt
def is_correct(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for one word; read by p_yes."""
    return (
        f"{_one(problem, candidates)}"
        "Is the final answer of the proposed solution correct? Reply with one word, Yes or No.\n"
    )


@prompt
def grade_solution(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for a grade from 0 to 10; read by grade."""
    return (
        f"{_one(problem, candidates)}"
        "Grade the solution from 0 (worthless) to 10 (flawless). Weigh whether the final answer is correct "
        "above all. Explain briefly, then write a last line: 'Score: ' and the grade.\n"
    )


@prompt
def value_state(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks whether an unfinished solution can still be completed; read by likeliness."""
    return (
        f"{_one(problem, candidates, 'Solution so far')}"
        "Can this be completed to a correct solution? Consider briefly what is left to do, then write a last "
        "line with one word: sure, likely or impossible.\n"
    )


@prompt
def could_do_better(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks whether a fresh start would end in a better answer; read by p_no."""
    return (
        f"{_one(problem, candidates, 'Your response so far')}"
        "Would you do better if you started over? Reply with one word, Yes or No.\n"
    )


@prompt
def which_is_better(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks which of two solutions is better; read by winner, or by p_first."""
    shown = "\n\n".join(f"Solution {'AB'[i]}:\n{solution(c).strip()}" for i, c in enumerate(candidates[:2]))
    return (
        f"Problem:\n{problem.question}\n\n{shown}\n\n"
        "Which solution is better? Compare their steps and final answers, and let neither order nor length "
        "weigh. Then write a last line: 'Winner: A', 'Winner: B' or 'Winner: tie'.\n"
    )


@prompt
def rank_solutions(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for an order of all solutions; read as a ranking."""
    return (
        f"Problem:\n{problem.question}\n\n{listed(candidates, 'Solution')}\n\n"
        "Rank the solutions from best to worst, above all by whether their final answers are correct. Write "
        "a last line with all numbers in order, as [2] > [3] > [1].\n"
    )


@prompt
def most_consistent(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks which response agrees best with the others; read as a choice."""
    return (
        f"Question:\n{problem.question}\n\n{listed(candidates)}\n\n"
        "Which of these responses agrees best with the majority of them? Compare what they conclude, then "
        "write a last line with the number of one, as 'Choice: Response 2'.\n"
    )


@prompt
def principles_and_critiques(problem: Problem, candidates: tuple[Candidate, ...]) -> str:
    """Asks for principles with weights, a critique of every response, and their grades; read as a list."""
    return (
        f"Query:\n{problem.question}\n\n{listed(candidates)}\n\n"
        "First write the principles by which responses to this query should be judged, each with a weight. "
        "Then criticise every response by them. Last give each response a grade from 1 to 10, in order, as a "
        "list: \\boxed{7, 4, 9}.\n"
    )
