"""The chain task: splits, levels, reading back, and the labels of steps."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from itc.answers import rule
from itc.errors import TaskError
from itc.tasks import chain, load
from itc.tasks.chain import LEVELS, puzzle
from itc.tasks.chain_check import label_steps, plan
from itc.tasks.chain_language import ASK, ASK_BOTH, ASK_GAP, FORMS, NAMES, THINGS, Op, read, tell

QUESTION = (
    "Ann has 12 apples. Then Ann buys 8 more apples. Ben has 5 fewer apples than Ann. "
    "Ben doubles the number of apples. How many apples do Ann and Ben have together?"
)
SOLUTION = [
    "Ann has 12 + 8 = 20 apples.",
    "Ben has 20 - 5 = 15 apples.",
    "Ben has 15 * 2 = 30 apples.",
    "Together they have 20 + 30 = 50 apples.",
    "#### 50",
]


def labels(*lines: str) -> str:
    """One letter a line: r, w or u."""
    return "".join(label[0] for label in label_steps(QUESTION, "\n".join(lines)))


def test_splits_share_no_problem_under_any_wording() -> None:
    seen: dict[str, set[tuple[str, ...]]] = {}
    questions: dict[str, set[str]] = {}
    for split in ("train", "dev", "test"):
        made = [puzzle(split, 1 + i % 5, 0, i) for i in range(20_000)]
        questions[split] = {p.question for p in made}
        # Names, things and words taken away, only the computations are left.
        seen[split] = {
            tuple(f"{s.left}{s.sign}{s.right}" for s in p.plan.steps) for p in made if p.level >= 3
        }
    assert questions["train"].isdisjoint(questions["dev"] | questions["test"])
    assert questions["dev"].isdisjoint(questions["test"])
    assert len(seen["train"] & seen["test"]) <= 0.02 * len(seen["test"])


def test_the_class_of_a_problem_ignores_names_and_words() -> None:
    # The same computations can come of another story; the same story with other names cannot change split.
    def story(question: str) -> tuple[tuple[str, int, int, int], ...]:
        told = read(question)
        assert told is not None
        people = list(dict.fromkeys(op.who for op in told[0]))
        return tuple(
            (op.kind, people.index(op.who), people.index(op.other) if op.other else -1, op.n)
            for op in told[0]
        )

    stories = {
        split: {story(puzzle(split, 1 + i % 2, 7, i).question) for i in range(4000)}
        for split in ("train", "dev", "test")
    }
    assert stories["train"].isdisjoint(stories["test"] | stories["dev"])
    assert stories["dev"].isdisjoint(stories["test"])


def test_problems_are_determined_and_a_prefix_of_more_problems() -> None:
    few, many = chain(problems=20), chain(problems=60)
    assert few.examples == many.examples[:20]
    assert few == chain(problems=20)
    assert few.examples != chain(problems=20, seed=1).examples
    assert len({e.problem.question for e in chain(problems=2000)}) == 2000
    # Across versions too: a change here makes every published figure stale.
    assert puzzle("test", 1, 0, 0) == puzzle("test", 1, 0, 0)


def test_levels_have_their_numbers_of_steps_and_their_bounds() -> None:
    for name, level in LEVELS.items():
        made = [puzzle("dev", name, 3, i) for i in range(400)]
        counts = Counter(len(p.plan.steps) for p in made)
        assert set(counts) == set(range(level.steps[0], level.steps[1] + 1))
        assert all(0 <= s.value <= level.cap for p in made for s in p.plan.steps)
        assert all(p.level == name for p in made)


def test_the_question_alone_gives_the_whole_solution() -> None:
    for i in range(3000):
        made = puzzle("dev", 1 + i % 5, 11, i)
        assert plan(made.question) == made.plan
        assert set(label_steps(made.question, made.plan.solution)) == {"right"}
        final = rule("gsm8k", strict=True)
        assert final.extract(made.plan.solution) == str(made.plan.gold)


@pytest.mark.parametrize("kind", [k for k in FORMS if k not in (ASK, ASK_BOTH, ASK_GAP, "start")])
def test_every_form_reads_back_what_it_was_written_from(kind: str) -> None:
    compared = kind in ("more", "fewer", "multiple", "fraction")
    assert len(FORMS[kind]) >= 3
    for n in (2, 3, 7):
        op = Op(kind, "Ben" if compared else "Ann", "Ann" if compared else "", n)
        ops = (Op("start", "Ann", n=84), op, Op(ASK, op.who))
        for seed in range(40):
            assert read(tell(ops, "cups", random.Random(seed))) == (ops, "cups")


def test_question_forms_read_back() -> None:
    for kind in (ASK_BOTH, ASK_GAP):
        ops = (Op("start", "Ann", n=9), Op("fewer", "Ben", "Ann", 2), Op(kind, "Ann", "Ben"))
        assert {read(tell(ops, "nuts", random.Random(s))) for s in range(60)} == {(ops, "nuts")}
        assert len({tell(ops, "nuts", random.Random(s)).rsplit(". ", 1)[-1] for s in range(60)}) >= 3


def test_the_gold_solution_and_fair_variants_are_right() -> None:
    assert labels(*SOLUTION) == "rrrrr"
    assert labels("  Ann has 12 + 8 = 20 apples.  ", "", *SOLUTION[1:]) == "rrrrr"
    assert (
        labels("Ann has 8 + 12 = 20 apples.", *SOLUTION[1:3], "Together they have 30 + 20 = 50 apples.")
        == "rrrr"
    )


def test_a_wrong_value_makes_all_that_follows_from_it_wrong() -> None:
    carried = ["Ann has 12 + 8 = 21 apples.", "Ben has 21 - 5 = 16 apples.", "Ben has 16 * 2 = 32 apples."]
    assert labels(*carried, "Together they have 21 + 32 = 53 apples.", "#### 53") == "wwwww"
    assert (
        labels(SOLUTION[0], "Ben has 20 - 5 = 14 apples.", "Ben has 14 * 2 = 28 apples.", "#### 48") == "rwww"
    )


def test_other_wrong_lines() -> None:
    assert labels(SOLUTION[1]) == "w", "20 is not derived yet"
    assert labels(SOLUTION[0], SOLUTION[0]) == "rw", "a repetition"
    assert labels("Ann has 12 + 9 = 21 apples.") == "w", "no such computation"
    assert labels("Ben has 12 + 8 = 20 apples.") == "w", "the wrong person"
    assert labels("Ann has 12 + 8 = 20 pears.") == "w", "the wrong things"
    assert labels("#### 50", *SOLUTION) == "rwwwww", "nothing follows an answer"
    assert labels("Ann has 12 + 8 = 21 apples.", *SOLUTION) == "wrrrrr", "made good"
    assert labels("#### 050") == "r"


def test_what_is_no_step() -> None:
    for line in (
        "Ann",
        "Ann has 20 apples.",
        "12 + 8 = 20",
        "####",
        "#### -50",
        "#### 50 apples",
        "#### ５０",
    ):
        assert labels(line) == "u", line
    assert labels("Ann has 1 / 0 = 0 apples.") == "w"
    assert labels("") == "" == labels(" ", "\t")


def test_one_changed_digit_is_found_in_its_line() -> None:
    rng = random.Random(5)
    for i in range(1500):
        made = puzzle("dev", 1 + i % 5, 2, i)
        lines = made.plan.solution.split("\n")
        at = rng.randrange(len(lines))
        digits = [m.start() for m in re.finditer(r"\d", lines[at])]
        place = rng.choice(digits)
        other = rng.choice([d for d in "123456789" if d != lines[at][place]])
        lines[at] = lines[at][:place] + other + lines[at][place + 1 :]
        got = label_steps(made.question, "\n".join(lines))
        assert got[at] == "wrong"
        assert set(got[:at]) <= {"right"}
        if at < len(lines) - 2 and len(made.plan.steps) > at + 1 and at in made.plan.steps[at + 1].needs:
            assert got[at + 1] == "wrong", "it stands on a value that no right line gave"


_WORDS = st.sampled_from(
    [
        *NAMES[:4],
        *THINGS[:3],
        " has ",
        " + ",
        " = ",
        "#### ",
        "12",
        "8",
        "20",
        ".",
        "\n",
        "\r",
        "\u2028",
        "Together they",
    ]
)


@settings(max_examples=300)
@given(st.one_of(st.text(max_size=400), st.lists(_WORDS, max_size=60).map("".join)))
def test_any_text_gets_one_label_a_line(text: str) -> None:
    got = label_steps(QUESTION, text)
    assert len(got) == sum(bool(line.strip()) for line in text.split("\n"))
    assert set(got) <= {"right", "wrong", "unparsable"}


@settings(max_examples=200)
@given(st.text(max_size=200))
def test_foreign_questions_are_refused(text: str) -> None:
    with pytest.raises(TaskError, match="no question of the chain task"):
        label_steps(text, "#### 1")


def test_hostile_text_costs_no_time() -> None:
    for text in (
        "A " * 50_000,
        "9" * 100_000,
        "#### " * 20_000,
        "Ann has " * 20_000,
        "Ann has 1 + 1 = 2 apples.\n" * 5_000,
    ):
        assert "unparsable" in label_steps(QUESTION, text) or set(label_steps(QUESTION, text)) == {"wrong"}
    with pytest.raises(TaskError):
        plan(QUESTION * 2)


def test_the_task_is_loaded_by_name_with_its_prompt() -> None:
    task = load("chain", problems=10, levels="2,4")
    assert [e.level for e in task] == [2, 4] * 5
    assert (task.rule, task.step_delimiter, task.stop) == ("gsm8k", "\n", ("\nQuestion:",))
    problem = task.examples[0].problem
    assert problem.prompt == f"Question: {problem.question}\nAnswer:"
    shot = load("chain", problems=1, shots=2).examples[0].problem.prompt
    assert shot.count("Question: ") == 3
    assert shot.count("\n#### ") == 2
    assert load("chain", problems=1, style="chat").style == "chat"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"split": "tests"}, "did you mean 'test'"),
        ({"levels": "1-6"}, "expected a range or a list"),
        ({"levels": ""}, "expected a range or a list"),
        ({"levels": "4-2"}, "holds no level"),
        ({"problems": 0}, "at least 1"),
        ({"shots": 5}, "expected 0 to 4"),
    ],
)
def test_a_wrong_option_is_told(options: dict[str, object], said: str) -> None:
    with pytest.raises(TaskError, match=re.escape(said).replace("did", "[Dd]id")):
        load("chain", **options)
