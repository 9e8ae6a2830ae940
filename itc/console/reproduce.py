"""``itc reproduce``: the claims of papers, run here and compared with what was published."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace

from itc.console.interrupts import Interruptible
from itc.console.options import Options
from itc.console.recipe import chosen, recipes, recipes_folder
from itc.errors import ConfigError

_EXPECTED = (
    "Expected a recipe's name or all, and --replay, --reduced, --write, --json, data=DIR, weights=DIR, "
    "workspace=DIR. `itc reproduce` alone names the recipes."
)
_SETTINGS = {"data": "", "weights": "", "workspace": "runs"}


def reproduce(words: list[str]) -> int:
    """``itc reproduce``. 1 if a recipe failed, otherwise 0; ItcError."""
    options, settings = _options(words)
    known = recipes()
    if not options.name:
        from itc.console.reproduced import listed

        listed(known, options.json)
        return 0
    picked = chosen(options.name, known)
    if options.replay:
        picked = {name: recipe for name, recipe in picked.items() if recipe.kind == "replay"}
    if options.reduced:
        picked = {name: recipe for name, recipe in picked.items() if recipe.kind == "large"}
    if not picked:
        sort, option = ("large recipe", "--reduced") if options.reduced else ("replay", "--replay")
        raise ConfigError(f"{options.name} is no {sort}: leave {option} out.")
    # What runs a recipe is imported only once there is one.
    from itc.console import reproducing as do

    place = do.Place.at(settings["data"], settings["workspace"])
    if options.reduced:
        from itc.console.reduced import try_out

        return try_out(picked, place, settings["weights"], as_json=options.json, write=options.write)
    from itc.console.reduction import named_weights
    from itc.console.reproduced import emitted, summed_up, told, written

    place = replace(place, weights=named_weights(settings["weights"]))
    outcomes = []
    with Interruptible().installed() as signals:
        for name, recipe in picked.items():
            outcomes.append(do.reproduce(name, recipe, place, signals))
            if not options.json:
                told(outcomes[-1], named=len(picked) > 1)
    if options.write:
        # Those that were left out stand in the table as not run.
        rest = [do.not_asked(name, recipe) for name, recipe in known.items() if name not in picked]
        written(sorted([*outcomes, *rest], key=lambda o: o.name), recipes_folder() / "README.md")
    if options.json:
        emitted(outcomes)
    elif len(outcomes) > 1:
        summed_up(outcomes)
    return int(any(outcome.verdict == "fail" for outcome in outcomes))


def _options(words: Sequence[str]) -> tuple[argparse.Namespace, dict[str, str]]:
    parser = Options("reproduce", _EXPECTED)
    parser.add("name", nargs="?", default="")
    for flag in ("--replay", "--reduced", "--write"):
        parser.add(flag, action="store_true")
    settings = dict(_SETTINGS)
    plain = []
    for word in words:
        key, mark, value = word.partition("=")
        if mark and key in settings and value:
            settings[key] = value
        else:
            plain.append(word)
    options = parser.read(plain)
    if options.replay and options.reduced:
        raise parser.wrong("--replay --reduced")
    if options.write and options.name != "all":
        raise ConfigError("--write writes the table of all recipes: expected itc reproduce all --write.")
    return options, settings
