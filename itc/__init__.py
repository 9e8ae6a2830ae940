"""itc: spend compute at inference time, and know what each token bought."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from itc.algebra.control import route as route
    from itc.algebra.parallel import empty as empty
    from itc.algebra.parallel import race as race
    from itc.algebra.registry import frontier as frontier
    from itc.algebra.registry import predicate as predicate
    from itc.algebra.registry import prompt as prompt
    from itc.algebra.registry import router as router
    from itc.algebra.registry import strategy as strategy
    from itc.algebra.sequence import identity as identity
    from itc.algebra.strategy import Strategy as Strategy
    from itc.api import run as run
    from itc.backends.function import FunctionBackend as FunctionBackend
    from itc.budget.cost import Budget as Budget
    from itc.budget.cost import Cost as Cost
    from itc.library import parse as parse
    from itc.methods.a_star import a_star as a_star
    from itc.methods.ab_mcts import ab_mcts as ab_mcts
    from itc.methods.adaptive_consistency import adaptive_consistency as adaptive_consistency
    from itc.methods.archon import archon as archon
    from itc.methods.beam import beam as beam
    from itc.methods.best_first import best_first as best_first
    from itc.methods.best_of_n import best_of_n as best_of_n
    from itc.methods.budget_forcing import budget_forcing as budget_forcing
    from itc.methods.cascade import cascade as cascade
    from itc.methods.choice_shuffle import choice_shuffle as choice_shuffle
    from itc.methods.cisc import cisc as cisc
    from itc.methods.compute_optimal import compute_optimal as compute_optimal
    from itc.methods.concise import concise as concise
    from itc.methods.critique_revise import critique_revise as critique_revise
    from itc.methods.deepconf import deepconf as deepconf
    from itc.methods.deepconf_online import deepconf_online as deepconf_online
    from itc.methods.dvts import dvts as dvts
    from itc.methods.elastic import elastic as elastic
    from itc.methods.entropic_particle_filter import entropic_particle_filter as entropic_particle_filter
    from itc.methods.esc import esc as esc
    from itc.methods.first_finish import first_finish as first_finish
    from itc.methods.generalist_reward import generalist_reward as generalist_reward
    from itc.methods.genrm import genrm as genrm
    from itc.methods.likelihood_vote import likelihood_vote as likelihood_vote
    from itc.methods.listwise import listwise as listwise
    from itc.methods.mbr import mbr as mbr
    from itc.methods.mcts import mcts as mcts
    from itc.methods.mctsr import mctsr as mctsr
    from itc.methods.mixture_of_agents import mixture_of_agents as mixture_of_agents
    from itc.methods.no_thinking import no_thinking as no_thinking
    from itc.methods.particle_filter import particle_filter as particle_filter
    from itc.methods.particle_gibbs import particle_gibbs as particle_gibbs
    from itc.methods.plan_search import plan_search as plan_search
    from itc.methods.plangen import plangen as plangen
    from itc.methods.ranked_vote import ranked_vote as ranked_vote
    from itc.methods.rebase import rebase as rebase
    from itc.methods.revisions import revisions as revisions
    from itc.methods.rpc import rpc as rpc
    from itc.methods.sbs import sbs as sbs
    from itc.methods.self_certainty import self_certainty as self_certainty
    from itc.methods.self_consistency import self_consistency as self_consistency
    from itc.methods.self_evaluation import self_evaluation as self_evaluation
    from itc.methods.self_refine import self_refine as self_refine
    from itc.methods.short_majority import short_majority as short_majority
    from itc.methods.smc import smc as smc
    from itc.methods.spec_reason import spec_reason as spec_reason
    from itc.methods.tournament import tournament as tournament
    from itc.methods.tree_of_thoughts import tree_of_thoughts as tree_of_thoughts
    from itc.methods.trimr import trimr as trimr
    from itc.methods.universal_self_consistency import (
        universal_self_consistency as universal_self_consistency,
    )
    from itc.methods.verified import verified as verified
    from itc.runs.result import Result as Result
    from itc.runs.store import open_run as open_run
    from itc.scorers.base import scorer as scorer
    from itc.scorers.judge import judged as judged
    from itc.stages.draws.extend import annotate as annotate
    from itc.stages.draws.extend import rewrite as rewrite
    from itc.stages.draws.extend import sample as sample
    from itc.stages.draws.extend import step as step
    from itc.stages.draws.splitters import splitter as splitter
    from itc.stages.draws.write import write as write
    from itc.stages.judges.judge import judge as judge
    from itc.stages.judges.verdicts import reading as reading
    from itc.stages.layers.fuse import fuse as fuse
    from itc.stages.layers.fuse import restart as restart
    from itc.stages.particles.resample import resample as resample
    from itc.stages.particles.resample import reweight as reweight
    from itc.stages.score import score as score
    from itc.stages.search.search import search as search
    from itc.stages.selection.select import distinct as distinct
    from itc.stages.selection.select import top as top
    from itc.stages.selection.select import vote as vote
    from itc.stages.stopping.enough import enough as enough
    from itc.stages.stopping.finish_first import finish_first as finish_first
    from itc.types import Candidate as Candidate
    from itc.types import Population as Population
    from itc.types import Problem as Problem
    from itc.types import Step as Step

# Imported on first use: `import itc` and `itc --help` stay instant.
_HOMES = {
    "itc.algebra.control": ("route",),
    "itc.algebra.parallel": ("empty", "race"),
    "itc.algebra.registry": ("frontier", "predicate", "prompt", "router", "strategy"),
    "itc.algebra.sequence": ("identity",),
    "itc.algebra.strategy": ("Strategy",),
    "itc.api": ("run",),
    "itc.backends.function": ("FunctionBackend",),
    "itc.budget.cost": ("Budget", "Cost"),
    "itc.library": ("parse",),
    "itc.methods.a_star": ("a_star",),
    "itc.methods.ab_mcts": ("ab_mcts",),
    "itc.methods.adaptive_consistency": ("adaptive_consistency",),
    "itc.methods.archon": ("archon",),
    "itc.methods.beam": ("beam",),
    "itc.methods.best_first": ("best_first",),
    "itc.methods.best_of_n": ("best_of_n",),
    "itc.methods.budget_forcing": ("budget_forcing",),
    "itc.methods.cascade": ("cascade",),
    "itc.methods.choice_shuffle": ("choice_shuffle",),
    "itc.methods.cisc": ("cisc",),
    "itc.methods.compute_optimal": ("compute_optimal",),
    "itc.methods.concise": ("concise",),
    "itc.methods.critique_revise": ("critique_revise",),
    "itc.methods.deepconf": ("deepconf",),
    "itc.methods.deepconf_online": ("deepconf_online",),
    "itc.methods.dvts": ("dvts",),
    "itc.methods.elastic": ("elastic",),
    "itc.methods.entropic_particle_filter": ("entropic_particle_filter",),
    "itc.methods.esc": ("esc",),
    "itc.methods.first_finish": ("first_finish",),
    "itc.methods.generalist_reward": ("generalist_reward",),
    "itc.methods.genrm": ("genrm",),
    "itc.methods.likelihood_vote": ("likelihood_vote",),
    "itc.methods.listwise": ("listwise",),
    "itc.methods.mbr": ("mbr",),
    "itc.methods.mcts": ("mcts",),
    "itc.methods.mctsr": ("mctsr",),
    "itc.methods.mixture_of_agents": ("mixture_of_agents",),
    "itc.methods.no_thinking": ("no_thinking",),
    "itc.methods.particle_filter": ("particle_filter",),
    "itc.methods.particle_gibbs": ("particle_gibbs",),
    "itc.methods.plan_search": ("plan_search",),
    "itc.methods.plangen": ("plangen",),
    "itc.methods.ranked_vote": ("ranked_vote",),
    "itc.methods.rebase": ("rebase",),
    "itc.methods.revisions": ("revisions",),
    "itc.methods.rpc": ("rpc",),
    "itc.methods.sbs": ("sbs",),
    "itc.methods.self_certainty": ("self_certainty",),
    "itc.methods.self_consistency": ("self_consistency",),
    "itc.methods.self_evaluation": ("self_evaluation",),
    "itc.methods.self_refine": ("self_refine",),
    "itc.methods.short_majority": ("short_majority",),
    "itc.methods.smc": ("smc",),
    "itc.methods.spec_reason": ("spec_reason",),
    "itc.methods.tournament": ("tournament",),
    "itc.methods.tree_of_thoughts": ("tree_of_thoughts",),
    "itc.methods.trimr": ("trimr",),
    "itc.methods.universal_self_consistency": ("universal_self_consistency",),
    "itc.methods.verified": ("verified",),
    "itc.runs.result": ("Result",),
    "itc.runs.store": ("open_run",),
    "itc.scorers.base": ("scorer",),
    "itc.scorers.judge": ("judged",),
    "itc.stages.stopping.enough": ("enough",),
    "itc.stages.draws.extend": ("annotate", "rewrite", "sample", "step"),
    "itc.stages.stopping.finish_first": ("finish_first",),
    "itc.stages.layers.fuse": ("fuse", "restart"),
    "itc.stages.judges.judge": ("judge",),
    "itc.stages.particles.resample": ("resample", "reweight"),
    "itc.stages.score": ("score",),
    "itc.stages.search.search": ("search",),
    "itc.stages.selection.select": ("distinct", "top", "vote"),
    "itc.stages.draws.splitters": ("splitter",),
    "itc.stages.judges.verdicts": ("reading",),
    "itc.stages.draws.write": ("write",),
    "itc.types": ("Candidate", "Population", "Problem", "Step"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'itc' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
