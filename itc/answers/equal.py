"""Whether two answers are the same, decided by the cheapest means that can decide it.

Normal forms first, then plain numbers, then the LaTeX grammar of Math-Verify (Kydlíček,
https://github.com/huggingface/Math-Verify) in a process that can be killed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from types import TracebackType

from itc.answers.guard import refusal
from itc.answers.number import Number, parse_number
from itc.answers.options import Options, Verdict
from itc.answers.pool import Pool, Reading
from itc.answers.rules import Rule, rule

_MEMO_SIZE = 200_000
_WORD_LENGTH = 5
"""Letters from which a run of them is taken for a word and no longer for a product."""


class Grader:
    """Compares bare answers under one rule's normal form and reach.

    ``rule.compare`` bounds what is tried: ``string`` and ``number`` rules never start a process. Verdicts
    are remembered per pair of normal forms; they do not depend on order or timing, time-outs excepted.
    ``seconds`` is processor time for one comparison.
    """

    def __init__(
        self,
        rule_or_name: Rule | str = "math",
        *,
        options: Options | None = None,
        workers: int = 2,
        seconds: float = 5.0,
        pool: Pool | None = None,
    ) -> None:
        self.rule = rule(rule_or_name) if isinstance(rule_or_name, str) else rule_or_name
        self.options = options or Options()
        self.pool = pool or Pool(workers, seconds)
        self.counts: Counter[Verdict] = Counter()
        """Distinct comparisons that went to a worker, by outcome: report the time-outs."""
        self._verdicts: dict[tuple[str, str], Verdict] = {}
        self._readings: dict[str, Verdict | Reading] = {}

    def canonical(self, answer: str) -> str:
        """Normal form under this grader's rule and options."""
        return answer.strip() if self.options.whole_text else self.rule.canonical(answer)

    async def equal(self, gold: str, pred: str) -> Verdict:
        """Verdict on a prediction. Not symmetric where the gold answer is a relation or an assignment."""
        return await self._equal(self.canonical(gold), self.canonical(pred))

    async def classes(self, answers: Sequence[str]) -> list[int]:
        """Equivalence class of each answer, numbered by first appearance, the first member representing it.

        An answer that cannot be read within the limits, or whose comparison times out, forms a class alone.
        """
        forms = [self.canonical(a) for a in answers]
        index: dict[str, int] = {}
        representatives: list[str] = []
        for form in dict.fromkeys(forms):
            found = await self._class_of(form, representatives)
            if found is None:
                found = len(representatives)
                representatives.append(form)
            index[form] = found
        return [index[form] for form in forms]

    async def _class_of(self, form: str, representatives: Sequence[str]) -> int | None:
        cheap = [self._cheap(other, form) for other in representatives]
        if Verdict.EQUAL in cheap:
            return cheap.index(Verdict.EQUAL)
        for i, (other, verdict) in enumerate(zip(representatives, cheap, strict=True)):
            if verdict is not None or await self._hopeless(other, form):
                continue
            outcome = await self._equal(other, form)
            if outcome is Verdict.EQUAL:
                return i
            if outcome is Verdict.TIMEOUT:
                # One time-out is all that an answer may cost a vote.
                self._readings[form] = Verdict.TIMEOUT
        return None

    async def _hopeless(self, gold: str, pred: str) -> bool:
        """Whether a look at each answer by itself already shows that they are not equal."""
        if self.options.whole_text:
            return False
        a, b = await self._read(gold), await self._read(pred)
        if not isinstance(a, Reading) or not isinstance(b, Reading):
            return True
        if a.value is None or b.value is None or not self.options.strict:
            return False
        tolerance = 2.0 * 10.0**-self.options.precision + 1e-9 * max(abs(a.value), abs(b.value))
        return abs(a.value - b.value) > tolerance

    async def _read(self, form: str) -> Verdict | Reading:
        reading = self._readings.get(form)
        if reading is None:
            reading = await self.pool.ask((form,), self.options)
            if len(self._readings) >= _MEMO_SIZE:
                self._readings.clear()
            self._readings[form] = reading
            if reading is Verdict.TIMEOUT:
                self.counts[Verdict.TIMEOUT] += 1
        return reading

    async def _equal(self, gold: str, pred: str) -> Verdict:
        verdict = self._cheap(gold, pred)
        if verdict is not None:
            return verdict
        known = self._verdicts.get((gold, pred))
        if known is not None:
            return known
        outcome = await self.pool.ask((gold, pred), self.options)
        assert isinstance(outcome, Verdict), "two texts are compared, not read"
        verdict = outcome
        if len(self._verdicts) >= _MEMO_SIZE:
            self._verdicts.clear()
        self._verdicts[gold, pred] = verdict
        self.counts[verdict] += 1
        return verdict

    def _cheap(self, gold: str, pred: str) -> Verdict | None:
        """The verdict where no grammar is needed, else None."""
        if gold == pred:
            return Verdict.EQUAL
        if self.rule.compare == "string":
            return Verdict.DIFFERENT
        a, b = parse_number(gold), parse_number(pred)
        if self.rule.compare == "number":
            if a is None or b is None:
                return Verdict.UNPARSABLE
            return Verdict.EQUAL if a.value == b.value else Verdict.DIFFERENT
        if a is not None and b is not None:
            numeric = self._numbers(a, b)
            if numeric is not None:
                return numeric
        if any(refusal(text, self.options.max_chars) for text in (gold, pred)):
            return Verdict.UNPARSABLE
        if (a or _is_words(gold)) and (b or _is_words(pred)) and not (a and b):
            # The grammar would read a word as a product of letters, and call anagrams equal.
            return Verdict.EQUAL if gold.casefold() == pred.casefold() else Verdict.DIFFERENT
        return None

    def _numbers(self, a: Number, b: Number) -> Verdict | None:
        if a.value == b.value:
            return Verdict.EQUAL
        if a.exact and b.exact:
            return Verdict.DIFFERENT
        # Math-Verify rounds a decimal to `precision` places; only what rounding could join is left to it.
        near = abs(a.value - b.value) <= Fraction(2, 10**self.options.precision)
        return None if near else Verdict.DIFFERENT

    async def aclose(self) -> None:
        """End the workers, if any were started."""
        await self.pool.aclose()

    async def __aenter__(self) -> Grader:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _is_words(text: str) -> bool:
    words = text.split(" ")
    return all(w.isalpha() and w.isascii() for w in words) and max(map(len, words)) >= _WORD_LENGTH
