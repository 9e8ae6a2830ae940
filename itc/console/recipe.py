"""Recipes: a published claim, the runs that test it, and the figures that decide.

A recipe is a folder ``recipes/NAME`` with a ``recipe.yaml``, read here, and a ``README.md`` for people.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from itc.console.expressions import quote
from itc.console.measured import check_read
from itc.errors import ConfigError, did_you_mean
from itc.validation import Strict, explain

Kind = Literal["replay", "small", "large"]
"""``replay``: recorded samples, no model; ``small``: weights that run on a CPU; ``large``: a GPU."""
FILE = "recipe.yaml"
PLACES = ("{data}", "{recipes}", "{weights}")
"""What overrides may name: the folder of recorded data, that of the recipes, and that of small weights."""


class Paper(Strict):
    """Where the claim is published."""

    title: str = Field(min_length=1)
    authors: str = Field(min_length=1)
    year: int = Field(ge=2000, le=2100)
    link: str = Field(pattern=r"^https://")
    place: str = Field(min_length=1)
    """The table, figure or page."""


class Needs(Strict):
    """What must be there before the runs may begin."""

    data: list[str] = Field(default_factory=list)
    """Files under the data folder."""
    weights: list[str] = Field(default_factory=list)
    """Names on the Hugging Face hub, of models that were downloaded before."""
    checkpoints: list[str] = Field(default_factory=list)
    """Folders of small weights, under that of ``weights=DIR``."""
    modules: list[str] = Field(default_factory=list)
    """Python packages, by the names they are imported by."""
    gpu: str = ""
    """The accelerator, in words; empty for none."""

    def missing(self, data: Path | None, weights: Path | None = None) -> list[str]:
        """What is not here, in words. ``weights``: the folder of small weights."""
        gone = [f"{name} under data=" for name in self.data if data is None or not (data / name).exists()]
        if self.gpu and not any(map(shutil.which, ("nvidia-smi", "rocm-smi"))):
            gone.append(self.gpu)
        gone += [f"Python's {name}" for name in self.modules if importlib.util.find_spec(name) is None]
        here = [name for name in self.checkpoints if weights and (weights / name / "config.json").is_file()]
        gone += [f"{name} under weights=" for name in self.checkpoints if name not in here]
        return gone + [f"the weights {name}" for name in self.weights if not _downloaded(name)]


class Figure(Strict):
    """A figure of the paper, and what of the runs it is compared with."""

    name: str = Field(min_length=1)
    job: str
    read: str
    """What is read from the job's result: see `itc.console.measured`."""
    minus: str = ""
    """A job whose figure is taken off."""
    over: str = ""
    """A job by whose figure it is divided."""
    paper: float
    """In percent for shares of problems, otherwise as ``read`` says."""
    tolerance: float = Field(ge=0)
    """The most that a reproduction may be away, in the unit of ``paper``."""
    sense: Literal["near", "at least", "at most"] = "near"
    """Whether the paper's figure is one to be met, or a bound; the tolerance widens either."""

    @model_validator(mode="after")
    def _readable(self) -> Figure:
        if self.minus and self.over:
            raise ValueError("minus and over exclude each other")
        check_read(self.read)
        return self

    def met(self, value: float) -> bool:
        """Whether a reproduction agrees with the paper."""
        # A figure of the table is rounded: its last digit decides nothing.
        slack = self.tolerance + 1e-9
        below, above = value < self.paper - slack, value > self.paper + slack
        return not ((below and self.sense != "at most") or (above and self.sense != "at least"))


class Recipe(Strict):
    """A claim, and how it is tested."""

    claim: str = Field(min_length=1)
    """One sentence."""
    paper: Paper
    kind: Kind
    needs: Needs = Needs()
    jobs: dict[str, list[str]] = Field(min_length=1)
    """Overrides of `itc run` for each run, by a name; ``{data}`` and ``{recipes}`` in values are folders."""
    figures: list[Figure] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Recipe:
        for figure in self.figures:
            for job in filter(None, (figure.job, figure.minus, figure.over)):
                if job not in self.jobs:
                    raise ValueError(f"the figure {figure.name} is of no job {job!r}")
        heavy = self.needs.gpu or self.needs.weights
        if heavy and self.kind == "replay":
            raise ValueError("a replay needs neither a GPU nor weights")
        return self


def recipes_folder() -> Path:
    """The recipes of the checkout that itc runs from, else of the working directory. ConfigError for none."""
    folders = [Path(__file__).resolve().parents[2] / "recipes", Path.cwd() / "recipes"]
    for folder in folders:
        if next(folder.glob(f"*/{FILE}"), None) is not None:
            return folder
    raise ConfigError(
        f"No recipes in {folders[-1]}: they are in the repository and not in the package. Clone it, and run "
        "this in the clone."
    )


def data_folder(given: str = "") -> Path | None:
    """The folder of recorded data: as given, else ITC_DATA, else ``../shared/data`` beside a checkout; None
    for none. ConfigError where one is named that is not there."""
    for source, named in (("data", given), ("ITC_DATA", os.environ.get("ITC_DATA", ""))):
        if named:
            folder = Path(named).expanduser()
            if not folder.is_dir():
                raise ConfigError(f"{source}={named}: no such folder. Expected that of the recorded data.")
            return folder.resolve()
    beside = recipes_folder().parents[1] / "shared" / "data"
    return beside if beside.is_dir() else None


def read_recipe(path: Path) -> Recipe:
    """From its file. ConfigError that names each wrong key."""
    return recipe_of(plain(path), str(path))


def plain(path: Path) -> Any:
    """What a YAML file holds. ConfigError where it cannot be read."""
    from omegaconf import OmegaConf
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        return OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    except (OSError, YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: no recipe can be read ({error}).") from None


def recipe_of(data: Any, source: str) -> Recipe:
    """From plain data. ConfigError."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{source}: {explain(error, Recipe)}") from None


def recipes() -> dict[str, Recipe]:
    """All recipes by name. ConfigError."""
    return dict(_recipes(recipes_folder()))


def _recipes(folder: Path) -> Iterator[tuple[str, Recipe]]:
    for file in sorted(folder.glob(f"*/{FILE}")):
        yield file.parent.name, read_recipe(file)


def chosen(name: str, known: Mapping[str, Recipe]) -> dict[str, Recipe]:
    """The recipe of that name, or all. ConfigError that suggests the nearest."""
    if name == "all":
        return dict(known)
    if name not in known:
        raise ConfigError(f"There is no recipe {name!r}. {did_you_mean(name, known)} Or name all.")
    return {name: known[name]}


def placed(overrides: list[str], folders: Mapping[str, Path]) -> list[str]:
    """Overrides with the folders in their values put in. A value that names one is quoted whole."""
    made = []
    for override in overrides:
        key, mark, value = override.partition("=")
        if any(place in value for place in PLACES):
            for name, folder in folders.items():
                value = value.replace(f"{{{name}}}", str(folder))
            value = quote(value)
        made.append(key + mark + value)
    return made


def _downloaded(name: str) -> bool:
    """Whether a model is in the Hugging Face hub's cache on this machine."""
    home = Path(os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or home / "hub")
    return any((cache / f"models--{name.replace('/', '--')}" / "snapshots").glob("*/*.safetensors"))
