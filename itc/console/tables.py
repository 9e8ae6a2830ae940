"""What a run, a sweep and a plan look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from itc.console.terminal import say, table

Summary = Mapping[str, Any]
_SHOWN_ANSWERS = 10


def percent(e: Mapping[str, float] | None) -> str:
    """A mean with its 95 % interval."""
    return "–" if e is None else f"{100 * e['mean']:.1f} % [{100 * e['low']:.1f}, {100 * e['high']:.1f}]"


def amount(value: float | None) -> str:
    """A count; infinity where nothing bounds it."""
    if value is None or value == float("inf"):
        return "unbounded"
    return f"{value:,.0f}"


def dollars(value: float | None) -> str:
    """Dollars, with enough digits for small sums."""
    if value is None or value == float("inf"):
        return "unbounded"
    if 0 < value < 1e-4:
        return f"${value:.2g}"
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.6f}".rstrip("0").rstrip(".")


def work(value: float | None) -> str:
    """FLOPs; infinity where nothing bounds them."""
    return "unbounded" if value is None or value == float("inf") else f"{value:.3g}"


def duration(seconds: float | None) -> str:
    """Device time, in the unit that fits it."""
    if seconds is None or seconds == float("inf"):
        return "unbounded"
    # Below the limits that three digits would round up to.
    for limit, size, unit in (
        (0.9995e-3, 1e-6, "µs"),
        (0.9995, 1e-3, "ms"),
        (100, 1, "s"),
        (6000, 60, "min"),
    ):
        if seconds < limit:
            return f"{seconds / size:.3g} {unit}"
    hours = seconds / 3600
    return f"{hours:.3g} hours" if hours < 100 else f"{hours:,.0f} hours"


def result(summary: Summary) -> None:
    """One run."""
    rows = [
        ("task", f"{summary['task']}, {summary['problems']} problems"),
        ("strategy", str(summary["strategy"])),
        ("model", str(summary["model"])),
    ]
    if summary["accuracy"] is not None:
        rows.append(("accuracy (95 %)", percent(summary["accuracy"])))
        if summary["failed"]:
            rows.append(("  without failed", percent(summary["accuracy_without_errors"])))
    if summary["oracle"] is not None and summary["largest_population"] > 1:
        rows.append(("oracle, pass@N", percent(summary["oracle"])))
    rows += [(name, count) for name, count in _counts(summary)]
    rows += _costs(summary)
    rows.append(("run directory", str(summary["run"])))
    table(("", ""), rows)


def _counts(s: Summary) -> list[tuple[str, str]]:
    told = [("answered", f"{s['answered']} of {s['problems']}")]
    named = {
        "truncated": "the budget refused a draw",
        "cut": "ended at the token limit",
        "failed": "calls failed; the same command tries them again",
        "grading_timeouts": "answers could not be compared in time",
        "retried": "calls were repeated",
    }
    return told + [(key.replace("_", " "), f"{s[key]} ({why})") for key, why in named.items() if s[key]]


def _costs(s: Summary) -> list[tuple[str, str]]:
    cost, billed = s["cost"], s["billed"]
    tokens = (
        f"{amount(cost['prompt_tokens'])} prompt ({amount(cost['cached_tokens'])} cached) + "
        f"{amount(cost['completion_tokens'])} completion"
    )
    rows = [("tokens", tokens), ("calls", amount(cost["calls"]))]
    if cost["flops"]:
        rows.append(("FLOPs", work(cost["flops"])))
    if cost["idealised_seconds"]:
        rows.append(("idealised time", duration(cost["idealised_seconds"])))
    if cost["usd"]:
        rows.append(("dollars", dollars(cost["usd"])))
    if billed:
        share = f"{amount(billed['calls'])} calls, {amount(billed['tokens'])} tokens"
        share += f", {dollars(billed['usd'])}" if cost["usd"] else ""
        rows.append(("billed", share))
    if unknown := s["unknown"]:
        share = f"{amount(unknown['tokens'])} tokens"
        share += f", {dollars(unknown['usd'])}" if cost["usd"] else ""
        rows.append(("unknown, at most", f"{share} beside, of calls whose answers did not come"))
    rows.append(("replayed", f"{amount(s['replayed_calls'])} calls from the journal"))
    if s["overrun"]:
        rows.append(("beyond the budget", ", ".join(f"{v:,g} {k}" for k, v in s["overrun"].items() if v)))
    if s["seconds"] is not None:
        rows.append(("seconds", f"{s['seconds']:,.1f}"))
    return rows


def answers(summary: Summary) -> None:
    """The first answers, where there is no gold to compare them with."""
    if summary["accuracy"] is not None:
        return
    say()
    told = summary["answers"][:_SHOWN_ANSWERS]
    rows = [(a["problem"], _short(a["answer"]), "truncated" if a["truncated"] else "") for a in told]
    table(("problem", "answer", ""), rows)
    if len(summary["answers"]) > len(told):
        say(f"… {len(summary['answers']) - len(told)} more: rows.parquet and --json have them all.")


def _short(text: str | None) -> str:
    flat = " ".join((text or "(none)").split())
    return flat if len(flat) <= 60 else flat[:59] + "…"


RUN_HEAD = (
    *("job", "accuracy % (95 %)", "oracle %", "prompt", "cached", "completion", "calls", "FLOPs"),
    *("idealised", "dollars", "seconds", "billed", "replayed"),
)
"""Tokens by kind; device time by the roofline; billed and replayed count calls."""


def run_row(name: str, job: Summary) -> tuple[str, ...]:
    """A run of a sweep."""
    cost, finished = job["cost"], job["already_finished"]
    return (
        name,
        percent(job["accuracy"]).replace(" %", ""),
        "–" if job["oracle"] is None else f"{100 * job['oracle']['mean']:.1f}",
        amount(cost["prompt_tokens"]),
        amount(cost["cached_tokens"]),
        amount(cost["completion_tokens"]),
        amount(cost["calls"]),
        work(cost["flops"]) if cost["flops"] else "–",
        duration(cost["idealised_seconds"]) if cost["idealised_seconds"] else "–",
        dollars(cost["usd"]) if cost["usd"] else "–",
        "–" if job["seconds"] is None else f"{job['seconds']:,.1f}",
        "0" if finished else amount(job["billed"].get("calls", 0)),
        "finished" if finished else amount(job["replayed_calls"]),
    )


PLAN_HEAD = (
    *("job", "calls at most", "tokens at most", "FLOPs at most", "idealised time at most"),
    *("dollars at most", "held calls"),
)


def plan_row(name: str, job: Summary) -> tuple[str, ...]:
    """A plan of a sweep."""
    worst = job["worst_case"]
    return (
        name,
        amount(worst["calls"]),
        amount(worst["tokens"]),
        "–" if worst["flops"] == 0 else work(worst["flops"]),
        "–" if worst["idealised_seconds"] == 0 else duration(worst["idealised_seconds"]),
        dollars(worst["usd"]),
        "finished" if job["finished"] else amount(job["held_calls"]),
    )


def plan(summary: Summary) -> None:
    """What a job would cost at worst."""
    rows = [
        ("task", f"{summary['task']}, {summary['problems']} problems"),
        ("strategy", str(summary["strategy"])),
        ("stops", ", ".join(map(visible, summary["stop"])) or "none"),
        ("a step ends at", visible(summary["step"])),
        ("run directory", str(summary["run"])),
        ("in the journal", _held(summary)),
    ]
    table(("", ""), rows)
    say()
    each, whole = summary["worst_case_per_problem"], summary["worst_case"]
    caps, caps_run = summary["budget_problem"], summary["budget_run"]
    units = ("calls", "prompt_tokens", "completion_tokens", "tokens", "flops", "idealised_seconds", "usd")
    more = [u for u in ("sequential_tokens", "seconds") if u in caps or u in caps_run]
    lines = []
    for unit in (*units, *more):
        if unit in _COUNTED and whole[unit] == 0 and unit not in {**caps, **caps_run}:
            continue
        show = {"usd": dollars, "flops": work, "idealised_seconds": duration}.get(unit, amount)
        worst = [show(part[unit]) if unit in part else "" for part in (each, whole)]
        limit = [show(cap[unit]) if unit in cap else "–" for cap in (caps, caps_run)]
        name = _COUNTED.get(unit, unit.replace("_", " "))
        lines.append((name, worst[0], limit[0], worst[1], limit[1]))
    table(("at worst", "a problem", "its cap", "in all", "the run's cap"), lines)


_COUNTED = {"flops": "FLOPs", "idealised_seconds": "idealised time"}
"""Units that are counted where the model's architecture, or its hardware, is known."""


def visible(text: str | None) -> str:
    """A string as it would be typed in Python, so that a line break can be told from a backslash and an n."""
    return "none" if text is None else repr(text)


def _held(summary: Summary) -> str:
    if summary["finished"]:
        return "the run is finished: running it again does nothing"
    return f"{amount(summary['held_calls'])} calls, which are not paid for again"


def job_names(jobs: Sequence[Sequence[str]]) -> list[str]:
    """For each job of a sweep the overrides that tell it from the others."""
    told = [dict(_typed(o).partition("=")[::2] for o in job) for job in jobs]
    varying = [key for key in told[0] if len({str(job.get(key)) for job in told}) > 1] or list(told[0])
    return [" ".join(_named(key, job[key]) for key in varying if key in job) or "default" for job in told]


def _typed(override: str) -> str:
    return override.replace("strategy.text=", "strategy=")


def _named(key: str, value: str) -> str:
    return value.strip('"') if key == "strategy" else f"{key}={value}"


def sweep(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """The jobs of a sweep, without the columns that are empty for all."""
    kept = [i for i in range(len(head)) if i == 0 or any(row[i] not in ("", "–") for row in rows)]
    table([head[i] for i in kept], [[row[i] for i in kept] for row in rows])
