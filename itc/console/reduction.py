"""Large recipes at a size that any machine can run: the same jobs, of fewer draws and of small weights.

``recipes/reduced.yaml`` says how; what comes of it is a recipe like any other.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from itc.console.compose import Composed
from itc.console.recipe import Figure, Needs, Recipe, plain, recipes_folder
from itc.errors import ConfigError
from itc.validation import Strict, explain

FILE = "reduced.yaml"
MAKE = "python recipes/smollm2/convert.py weights"
"""What writes the folder of small weights."""
_COUNT = re.compile(r"(?<![\w.])\d+(?![\w.])")
_AT = re.compile(r"(?<=[@-])\d+")
_NAMES = re.compile(r"\+?strategy(\.\w+)?")


class Special(Strict):
    """What one recipe needs besides."""

    draws: int | None = Field(None, ge=1)
    jobs: dict[str, list[str]] = Field(default_factory=dict)
    """Further overrides by job."""


class Reduction(Strict):
    """How large recipes are made small."""

    problems: int = Field(ge=1)
    """The first so many of the benchmark."""
    draws: int = Field(ge=1)
    """The most that any count in a strategy, or in what a figure reads, may be."""
    weights: dict[str, str]
    """By a model's name on the hub, the folder of the small weights that stand for it."""
    models: dict[str, list[str]]
    """Overrides of a model, by its backend."""
    recipes: dict[str, Special] = Field(default_factory=dict)

    def of(self, name: str, recipe: Recipe, composed: Mapping[str, Composed]) -> Recipe:
        """The recipe, made small. ``composed`` are its jobs as they are. ConfigError for a model that nothing
        stands for."""
        special = self.recipes.get(name, Special())
        draws = special.draws or self.draws
        jobs = {}
        for job, overrides in recipe.jobs.items():
            smaller = [f"problems={self.problems}", *self._models(composed[job].config)]
            kept = [_capped(override, draws) for override in overrides]
            jobs[job] = _changed(kept, [*smaller, *special.jobs.get(job, ())])
        return recipe.model_copy(
            update={
                "jobs": jobs,
                "needs": Needs(data=recipe.needs.data, modules=recipe.needs.modules),
                "figures": [_read_at_most(figure, draws) for figure in recipe.figures],
            }
        )

    def _models(self, config: Mapping[str, Any]) -> Iterator[str]:
        for place, model in models_of(config):
            if model["backend"] not in self.models or model["name"] not in self.weights:
                raise ConfigError(
                    f"{place}.name={model['name']}, {place}.backend={model['backend']}: recipes/{FILE} has "
                    "no small weights for it, or does not say how it is run. Add it there."
                )
            for override in self.models[model["backend"]]:
                yield f"{place}.{override.replace('{folder}', self.weights[model['name']])}"

    def folders(self, recipe: Recipe) -> set[str]:
        """The folders of weights that the recipe is run with."""
        return {self.weights[name] for name in recipe.needs.weights if name in self.weights}


def read_reduction(path: Path | None = None) -> Reduction:
    """From its file, by default the one among the recipes. ConfigError that names each wrong key."""
    path = path or recipes_folder() / FILE
    try:
        return Reduction.model_validate(plain(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, Reduction)}") from None


def named_weights(given: str = "") -> Path | None:
    """The folder of small weights: as given, else ITC_WEIGHTS; None where neither names one. ConfigError
    where it is not there."""
    for source, named in (("weights", given), ("ITC_WEIGHTS", os.environ.get("ITC_WEIGHTS", ""))):
        if named:
            folder = Path(named).expanduser()
            if not folder.is_dir():
                raise ConfigError(f"{source}={named}: no such folder. Make it with: {MAKE}")
            return folder.resolve()
    return None


def weights_folder(given: str = "") -> Path:
    """The same. ConfigError where none is named."""
    if (folder := named_weights(given)) is None:
        raise ConfigError(
            "--reduced needs the folder of small weights: expected weights=DIR, or ITC_WEIGHTS. Make it "
            f"with: {MAKE}"
        )
    return folder


def check_weights(folder: Path, names: set[str]) -> None:
    """ConfigError where a checkpoint is not in the folder."""
    if gone := sorted(name for name in names if not (folder / name / "config.json").is_file()):
        raise ConfigError(f"weights={folder} lacks {', '.join(gone)}. Make them with: {MAKE}")


def models_of(config: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each model of a configuration, and where it stands."""
    yield "model", config["model"]
    for role, model in config.get("roles", {}).items():
        if not isinstance(model, str):
            yield f"roles.{role}", model
    if model := config["scorer"].get("model"):
        yield "scorer.model", model


def _changed(overrides: list[str], others: list[str]) -> list[str]:
    """With the others, which take the place of those of the same key."""
    keyed = {override.partition("=")[0]: override for override in overrides}
    return list((keyed | {override.partition("=")[0]: override for override in others}).values())


def _capped(override: str, most: int) -> str:
    """An override with the counts of a strategy at most ``most``."""
    key, mark, value = override.partition("=")
    if not _NAMES.fullmatch(key):
        return override
    return key + mark + _COUNT.sub(lambda found: str(min(most, int(found[0]))), value)


def _read_at_most(figure: Figure, most: int) -> Figure:
    read = _AT.sub(lambda found: str(min(most, int(found[0]))), figure.read)
    return figure.model_copy(update={"read": read})
