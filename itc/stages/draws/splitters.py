"""Where a step ends that no delimiter marks: registered functions of what was drawn of it so far."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from itc.algebra.registry import FUNCTIONS, Ref
from itc.algebra.strategy import count
from itc.backends.base import Capability, Watch
from itc.errors import ConfigError, StrategyFailed
from itc.types import Step

At = str | int | Ref | None
"""Where a step ends: a delimiter, a number of tokens, a splitter, or as the task says."""

Splitter = Callable[..., int | None]

NEEDS: dict[str, frozenset[Capability]] = {}
"""What a splitter asks of the engine beyond streaming, by name."""


def splitter(*, needs: frozenset[Capability] = frozenset()) -> Callable[[Splitter], Ref]:
    """Register ``f(text, logprobs, **arguments) -> int | None`` under its name, for ``step(at=name)``.

    It is given what was drawn of a step so far, at least one character, with a natural-log probability for
    each token where the engine gives them, and is asked again as the text grows. It returns how many of the
    characters are the step, from 1 to all of them, or None while there may be more. Once it has named a
    place it must name the same for every longer text: then a step does not depend on how an engine cuts its
    stream. Or all of each: then the step ends with what the engine had sent by then. What was drawn beyond
    the place is dropped, and the next step draws it anew.

    ConfigError if the name is taken.
    """

    def register(f: Splitter) -> Ref:
        FUNCTIONS["splitter"].add(f.__name__, f)
        NEEDS[f.__name__] = needs
        return Ref("splitter", f.__name__)

    return register


@splitter(needs=frozenset({"logprobs"}))
def surprise(text: str, logprobs: Sequence[float], above: float = 2.5, least: int = 8) -> int | None:
    """A step ends with the first token whose −log p exceeds ``above`` nats, of at least ``least`` tokens.

    The surprising token is the step's last: a rule that only looks back leaves the distribution of whole
    texts as it was. Where an engine sends several tokens at a time, the step ends with what was sent.
    """
    return len(text) if any(-x > above for x in logprobs[least - 1 :]) else None


_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*(\(.*\))?\s*", re.DOTALL)


def checked(at: At, what: str) -> At:
    """``at``; a text that names or calls a splitter becomes it. ConfigError for what can end no step."""
    if isinstance(at, Ref):
        return Ref.of("splitter", at)
    if isinstance(at, str) and at:
        call = _CALL.fullmatch(at)
        return _called(call[1], at) if call and call[1] in FUNCTIONS["splitter"] else at
    if at is not None:
        count(at, f"{what}, unless it is a delimiter or a splitter", 1)
    return at


def _called(name: str, text: str) -> Ref:
    ref = Ref("splitter", name)
    try:
        call = ast.parse(text.strip(), mode="eval").body
        if isinstance(call, ast.Name):
            return ref
        assert isinstance(call, ast.Call)
        given = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
        if call.args or not all(isinstance(x, int | float | str | None) for x in given.values()):
            raise ValueError
    except (SyntaxError, ValueError, AssertionError):
        raise ConfigError(
            f"at={text!r}: expected a splitter with arguments by name, as surprise(above=2.5)."
        ) from None
    return ref(**given)


class Splitting(Watch):
    """Ends a draw where a splitter says; named for the splitter and all its arguments."""

    def __init__(self, at: Ref) -> None:
        super().__init__()
        self.at = at
        self.name = f"split:{_whole(at)}"
        self._logprobs: list[float] = []

    def keep_going(self, logprobs: Sequence[float]) -> bool:
        """Until the splitter names a place."""
        self._logprobs += logprobs
        return not self.text or self.at.run(self.text, self._logprobs) is None


def _whole(at: Ref) -> str:
    # Arguments left out are written too: a default that changes makes other draws.
    parameters = list(inspect.signature(FUNCTIONS["splitter"][at.name]).parameters.values())[2:]
    given = dict(at.arguments)
    return f"{at.name}({', '.join(f'{p.name}={given.get(p.name, p.default)!r}' for p in parameters)})"


def split(at: Ref, drawn: Step) -> Step:
    """The step up to the place that the splitter names. StrategyFailed for a place that is not in it.

    Its tokens and their log-probabilities are those drawn, what was dropped included.
    """
    if not drawn.text:
        return drawn
    end = at.run(drawn.text, drawn.token_logprobs)
    if end is not None and not (isinstance(end, int) and 0 < end <= len(drawn.text)):
        raise StrategyFailed(
            f"splitter {at} gave {end!r} for a text of {len(drawn.text)} characters; expected a number of "
            "them from 1 to all, or None."
        )
    if end is not None and end < len(drawn.text):
        return replace(drawn, text=drawn.text[:end], token_ids=(), finish="step")
    return replace(drawn, finish="step") if drawn.finish == "cut" else drawn
