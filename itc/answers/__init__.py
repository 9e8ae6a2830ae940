"""Answers: finding them in text, and telling which are the same."""

from itc.answers.answers import Answers
from itc.answers.equal import Grader
from itc.answers.options import Options, Verdict
from itc.answers.pool import Pool, versions
from itc.answers.rules import Rule, register_rule, rule, rule_names

__all__ = [
    "Answers",
    "Grader",
    "Options",
    "Pool",
    "Rule",
    "Verdict",
    "register_rule",
    "rule",
    "rule_names",
    "versions",
]
