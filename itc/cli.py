"""``itc``: one command for everything. Each command is an entry of `COMMANDS` and imported when it is run."""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from itc import __version__
from itc.errors import EXIT_CONFIG, EXIT_INTERRUPTED, ConfigError, ItcError, did_you_mean

Function = Callable[[list[str]], int]
"""A command: takes its arguments, returns the exit code, raises ItcError."""


@dataclass(frozen=True)
class Command:
    """What a command is, and where."""

    home: str
    """``module:function``."""
    usage: str
    summary: str
    examples: tuple[str, ...]
    """At least two."""
    more: str = ""

    def load(self) -> Function:
        """Import it."""
        module, _, name = self.home.partition(":")
        function: Function = getattr(importlib.import_module(module), name)
        return function

    def help(self) -> str:
        """What ``--help`` prints."""
        parts = [f"usage: {self.usage}", self.summary]
        parts.append("examples:\n" + "\n".join(f"  {example}" for example in self.examples))
        if self.more:
            parts.append(self.more)
        return "\n\n".join(parts)


_OPTIONS = """\
options:
  -m, --multirun        run every combination of comma-separated values
  --json                print results as JSON and nothing else on standard output
  --cfg job [--resolve] print the composed configuration and do nothing
  --info defaults       say where each part of the configuration comes from
  --config-dir DIR      also look for groups and options in DIR
  --config-name NAME    begin with NAME.yaml instead of config.yaml
  --shell-completion    eval "$(itc -sc install=bash)" lets Tab complete keys and options
  -h, --help            this text

An override is KEY=VALUE; `itc list` shows what can be chosen. Exit codes: 0 done, 2 configuration,
3 backend, journal or disk, 4 the budget ended before any answer, 130 interrupted."""

COMMANDS: dict[str, Command] = {
    "demo": Command(
        home="itc.console.demo:demo",
        usage="itc demo [--problems N] [--seed N] [--workspace DIR] [--json]",
        summary="Five strategies at four budgets on the models that ship with itc: a table and a picture.",
        examples=("itc demo", "itc demo --problems 20 --workspace runs/try"),
    ),
    "doctor": Command(
        home="itc.console.doctor:doctor",
        usage="itc doctor [--json] [OVERRIDE …]",
        summary="Say what is here and what is missing: packages, workspace, models, keys. Spends nothing.",
        examples=(
            "itc doctor",
            "itc doctor model=local model.name=NAME model.base_url=http://127.0.0.1:8000/v1",
        ),
        more="""\
Overrides name the configuration whose models and keys are looked at. A line is ok, warning or missing, and
says what to do; keys are never shown. Exit codes: 0 the embedded default works, 1 it does not, 2 the
overrides do not compose.""",
    ),
    "run": Command(
        home="itc.console.run:run",
        usage="itc run [-m] [--json] [OVERRIDE …]",
        summary="Run a strategy over a task within a budget. The same command resumes, and repeats no call.",
        examples=(
            "itc run task=jsonl task.path=questions.jsonl strategy='sample(8) >> vote()' problems=20",
            "itc run -m strategy=self_consistency,best_of_n strategy.n=4,16 seed='range(0,3)'",
        ),
        more=_OPTIONS,
    ),
    "plan": Command(
        home="itc.console.run:plan",
        usage="itc plan [-m] [--json] [OVERRIDE …]",
        summary="Show the configuration, the worst case and what the journal already holds. Spends nothing.",
        examples=(
            "itc plan task=math500 strategy=beam strategy.n=16 scorer=step_likelihood",
            "itc plan task=jsonl task.path=questions.jsonl strategy='sample(8) >> vote()' budget.calls=8",
        ),
        more=_OPTIONS,
    ),
    "sweep": Command(
        home="itc.console.sweep:sweep",
        usage="itc sweep [sweep=NAME] [--json] [OVERRIDE …]",
        summary="Run every combination of values, or let Optuna choose some, and show the Pareto front.",
        examples=(
            "itc sweep sweep=temperature_n problems=200",
            "itc sweep sweep.sampler=tpe strategy.n=1,4,16 model.temperature='interval(0.2,1.4)'",
        ),
        more="""\
What is swept is typed, as after itc run -m, or comes from configs/sweep/NAME.yaml; what is typed for a key
stands in place of the file's. sweep.sampler is grid, random or tpe, which try sweep.trials=30; sweep.cost,
tokens or flops, is what is to be low. fail_fast=true ends the sweep with its first failure. The same command
goes on after an interruption, and runs only what is missing.

"""
        + _OPTIONS,
    ),
    "evaluate-prm": Command(
        home="itc.console.evaluate_prm:evaluate_prm",
        usage="itc evaluate-prm [--json] [threshold=0.5] [OVERRIDE …]",
        summary="Measure how well a reward model finds the first error of solutions (ProcessBench F1).",
        examples=(
            "itc evaluate-prm scorer=embedded task=chain problems=200",
            "itc evaluate-prm scorer=qwen2.5-math-prm task=processbench task.path=gsm8k.json threshold=0.4",
        ),
        more="With task=chain the strategy draws the solutions: sample(4) if none is named.\n\n" + _OPTIONS,
    ),
    "curves": Command(
        home="itc.console.curves:curves",
        usage="itc curves RUN … [--accept SCORE] [--json]",
        summary="What fewer draws would have come to, exactly, and more: curves over k, laws of coverage.",
        examples=(
            "itc curves runs/gsm8k/sample-64/1a2b3c4d",
            "itc curves runs/math500 --accept 0.8 --json",
        ),
        more="""\
RUN is a run's directory, or a folder of runs. Its strategy must leave all draws as they were made: sample(n),
or a * n, then at most score(…). A run that ended in a vote or a choice says what to run instead; that costs
nothing, for its draws are in the journal. --accept is the score from which a verifier would accept (0.5).""",
    ),
    "compare": Command(
        home="itc.console.compare:compare_runs",
        usage="itc compare RUN… [--at AXIS] [--against NAME] [-o FILE] [--json]",
        summary="Compare methods at equal compute, paired by problem: differences, multipliers, intervals.",
        examples=(
            "itc compare runs/chain",
            "itc compare runs/math500 --at flops --against best_of_n -o page.html",
        ),
        more="""\
RUN is a run's directory, or a folder with runs below it: a workspace, or one task of it. AXIS is tokens (the
default), total_tokens, completion_tokens, calls, flops, seconds (idealised), usd or sequential_tokens. NAME
is a method, or one of its runs as the table names it: every other method is compared with it alone. FILE
ends in .html (a page), .png or .svg (accuracy against compute).""",
    ),
    "power": Command(
        home="itc.console.power:power",
        usage="itc power [--gap POINTS] [--accuracy X | --discordant X | RUN RUN] [--problems N] [--json]",
        summary="Before a run: how many problems show a gap between methods, and which gap problems show.",
        examples=("itc power --gap 2 --accuracy 0.6", "itc power --gap 3 --discordant 0.2 --problems 500"),
        more="""\
A gap is in percentage points, 2 by default. What decides is on how many problems the methods differ: given as
--discordant, taken from two runs, or, pessimistically, that of independent errors at --accuracy (0.5 by
default). --power P is the chance of seeing the gap, 0.8 by default.""",
    ),
    "reproduce": Command(
        home="itc.console.reproduce:reproduce",
        usage=(
            "itc reproduce [NAME|all] [--replay|--reduced] [--write] [--json] [data=DIR] [weights=DIR] "
            "[workspace=DIR]"
        ),
        summary="Run the recipe of a published claim and compare: pass, fail, or what it needs to be run.",
        examples=("itc reproduce self-consistency-addsub", "itc reproduce all --replay data=recordings"),
        more="""\
Without a name the recipes are named. --replay leaves those of recorded samples, which need no model; their
files are looked for in DIR, in the folder ITC_DATA, or in ../shared/data beside the checkout. A recipe that
needs what is not here is not run, and its worst-case cost is shown; one that needs nothing more is run,
whatever it costs: `itc reproduce all` on a machine with GPUs and weights may take days. --write writes the
table in recipes/README.md. --reduced runs those that need large weights on few draws of a small model, from
the folder weights=DIR or ITC_WEIGHTS, which shows that their path works: no verdicts, and a table of its own.
Exit codes: 0 none failed, 1 one failed, 2 configuration.""",
    ),
    "check": Command(
        home="itc.console.check:check",
        usage="itc check NAME [--cases N] [--seed N] [--json]",
        summary="Try what every method, scorer, frontier, splitter and backend promises on one of them.",
        examples=(
            "itc check beam",
            "itc check 'smc(4, weighted=False)' --cases 100",
            "itc check model=embedded",
            "itc check scorer=embedded",
        ),
        more="""\
NAME is what `itc list` names, an expression, or an entry point of the group `itc` of another package: a
registered function, or a function that makes a backend. Overrides name a model of the configuration, which
is called some hundred times with short prompts. Methods and scorers run on an engine made for tests, and cost
nothing. Exit codes: 0 all kept, 1 a promise broken, 2 no such name, 3 backend.""",
    ),
    "report": Command(
        home="itc.console.report:report",
        usage="itc report RUN … [-o FILE] [--png] [--at AXIS] [--json]",
        summary="Write runs as one page that opens anywhere: charts, problems, search trees; or as figures.",
        examples=("itc report runs/math500/beam -o beam.html", "itc report runs/math500 --png --at flops"),
        more="""\
RUN is a run's directory, or a folder of runs. FILE ends in .html (a page; report.html if nothing is named),
.png, .svg or .pdf (accuracy against compute, for papers) or .csv (the table of problems); -o may be
repeated.""",
    ),
    "view": Command(
        home="itc.console.view:view",
        usage="itc view [WORKSPACE] [--port N] [--host ADDRESS --key-env NAME] [--json]",
        summary="Show the reports of a workspace in a browser on this machine.",
        examples=("itc view", "itc view runs/try --port 0"),
    ),
    "list": Command(
        home="itc.console.listing:listing",
        usage="itc list [strategies|stages|frontiers|splitters|scorers|formats|tasks|configs|NAME] [--json]",
        summary="Name what can be chosen: strategies with their arguments, tasks, scorers, configurations.",
        examples=("itc list strategies", "itc list beam", "itc list configs --json"),
        more="Of a NAME it says what it takes, what it does and which paper it is from.",
    ),
    "version": Command(
        home="itc.cli:version",
        usage="itc version [--json]",
        summary="Print the version.",
        examples=("itc version", "itc version --json"),
    ),
}


_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def version(arguments: list[str]) -> int:
    """``itc version``."""
    if extra := [a for a in arguments if a != "--json"]:
        raise ConfigError(f"itc version takes no {extra[0]!r}: expected nothing, or --json.")
    print(json.dumps({"version": __version__}) if "--json" in arguments else __version__)
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except ItcError as error:
        return _failed(error, "--json" in arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        if "--json" in arguments:
            print(json.dumps({"status": "interrupted"}))
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader went away (`itc list | head`): keep the interpreter from saying so at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if error.errno not in _NO_ROOM:
            raise
        with contextlib.suppress(OSError):
            print(
                f"{error.strerror}: the output, or a temporary file, has no room. Free some space and run "
                "the same command again: what a run received is in its journal, and is not paid for twice.",
                file=sys.stderr,
            )
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code


def _dispatch(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    name, *rest = arguments
    if name in ("--version", "-V"):
        name = "version"
    if name in ("-sc", "--shell-completion"):
        if (words := _completing()) is not None:
            print(" ".join(words))
            return 0
        name, rest = "run", arguments
    if name not in COMMANDS:
        raise ConfigError(f"itc has no command {name!r}. {did_you_mean(name, COMMANDS)} Try itc --help.")
    command = COMMANDS[name]
    if "-h" in rest or "--help" in rest:
        print(command.help())
        return 0
    return command.load()(rest)


def _completing() -> list[str] | None:
    """The commands that the line being typed may mean; None where it is past its command, of which Hydra,
    which completes the rest, is not to know.
    """
    line = os.environ.get("COMP_LINE", "")
    words = line.split()
    if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
        return [c for c in COMMANDS if c.startswith("".join(words[1:]))] if words else None
    if words[1] not in ("run", "plan", "sweep"):
        return []
    rest = [word for word in words[2:] if word != "--json"]
    os.environ["COMP_LINE"] = " ".join([words[0], *rest]) + " " * (line.endswith(" ") or not rest)
    return None


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [
        "usage: itc COMMAND …",
        "",
        "Spend compute at inference time, and know what each token bought.",
        "",
    ]
    lines += [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    lines += [
        "",
        "examples:",
        "  itc plan strategy='sample(16) >> vote()' problems=100",
        "  itc run --help",
    ]
    return "\n".join(lines)


def _failed(error: ItcError, as_json: bool) -> int:
    code = error.exit_code or EXIT_CONFIG
    # A server's words may be in the message: nothing of theirs may steer the terminal.
    text = "".join(c for c in str(error) if c.isprintable() or c == "\n")
    print(f"{type(error).__name__}: {text}", file=sys.stderr)
    if as_json:
        told = {"type": type(error).__name__, "message": text, "exit_code": code}
        print(json.dumps({"status": "error", "error": told}))
    return code


if __name__ == "__main__":
    sys.exit(main())
