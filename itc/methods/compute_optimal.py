"""Compute-optimal allocation: a few draws tell how hard a problem is, and its bin says what it is given.

Snell et al. 2024, "Scaling LLM Test-Time Compute Optimally", arXiv 2408.03314, section 3: θ*(q, N) is the
strategy with the highest expected accuracy among those of the bin of q. Bins are of the mean score of the
probe's draws (their "predicted difficulty") or of their agreement; what each bin is given was fitted on
other problems (`itc.analysis.allocate`) and stands in a file. Deviations: the probe's draws are the first of
the arm's, so they are paid for once, where the paper leaves their cost out; a budget is the mean over
problems, not each problem's.
"""

from __future__ import annotations

from pathlib import Path

from itc.algebra.registry import strategy
from itc.algebra.strategy import Strategy
from itc.errors import ConfigError, did_you_mean
from itc.stages.routing.policy_file import Policy

SHIPPED = Path(__file__).parent / "policies"
"""Policies fitted for the models in the package, by name."""


@strategy
def compute_optimal(policy: str = "chain") -> Strategy:
    """What the policy file says: ``policy`` is its path, or the name of one in the package.

    ``chain`` is fitted for the embedded models: a problem costs 4 to 32 draws and ratings. ConfigError for a
    file that is missing or is no policy.
    """
    if not isinstance(policy, str) or not policy:
        raise ConfigError(
            f"compute_optimal(policy={policy!r}): expected the path of a policy file, or a name."
        )
    if policy.endswith(".json"):
        return Policy.read(Path(policy)).strategy()
    known = sorted(f.stem for f in SHIPPED.glob("*.json"))
    if policy not in known:
        raise ConfigError(
            f"compute_optimal(policy={policy!r}): no policy of that name; a file's name ends in .json. "
            f"{did_you_mean(policy, known)}"
        )
    return Policy.read(SHIPPED / f"{policy}.json").strategy()
