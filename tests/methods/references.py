"""The tree searches once more, each as the plainest loop that does the same: what the methods must equal."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from tests.methods.world import PROBLEM, Made, World, merged


def best(finished: list[Made], others: list[Made]) -> Made:
    """The highest rated, the first of equals; of what is not finished only where nothing is."""
    return max(finished or others, key=lambda n: n.value)


def beam(w: World, n: int, m: int, rounds: int = 40, ahead: int = 0) -> Made:
    live, finished = [Made()], list[Made]()
    for turn in range(rounds + 1):
        if not live:
            break
        drawn = [[w.draw(node, i) for i in range(m if turn else n)] for node in live]
        fresh = [x for made in drawn for x in merged(made)]
        rated = look_ahead(w, fresh, ahead) if ahead else w.rate(fresh)
        finished += [x for x in rated if x.done]
        finished.sort(key=lambda x: -x.value)
        live = sorted((x for x in rated if not x.done), key=lambda x: -x.value)[: n // m]
    return best(finished, live)


def look_ahead(w: World, nodes: list[Made], ahead: int) -> list[Made]:
    """Their value is the rating of where a greedy rollout of ``ahead`` steps ends."""
    ends = list(nodes)
    for _ in range(ahead):
        ends = [end if end.done else w.draw(end, "greedy") for end in ends]
    rated = w.rate(ends)
    return [
        Made(node.text, node.done, (*node.values, end.value)) for node, end in zip(nodes, rated, strict=True)
    ]


def levels(w: World, trees: int, keep: int, m: int, rounds: int, above: float = 0.0) -> Made:
    """SBS, DVTS and breadth-first tree of thoughts: trees in step, each with places of its own."""
    level: list[tuple[int, Made]] = [(t, Made()) for t in range(trees)]
    places = dict.fromkeys(range(trees), keep)
    finished: list[Made] = []
    dropped: list[Made] = []
    for _ in range(rounds):
        if not level:
            break
        grown = w.expand([n for _, n in level], m, [t for t, _ in level] if trees > 1 else None)
        onward = []
        for tree in range(trees):
            made = [x for (t, _), xs in zip(level, grown, strict=True) for x in xs if t == tree]
            order = sorted(made, key=lambda x: -x.value)
            good = [x for x in order[: places[tree]] if x.value >= above]
            places[tree] -= sum(x.done for x in good)
            onward += [(tree, x) for x in good if not x.done]
            dropped += [x for x in order if not x.done and x not in good]
        finished += [x for xs in grown for x in xs if x.done]
        level = onward
    return best(finished, [n for _, n in level] + dropped)


def rebase(w: World, n: int, rounds: int, temperature: float = 0.2) -> Made:
    pop = [Made()]
    for _ in range(rounds):
        live = [x for x in pop if not x.done]
        if not live:
            break
        left = n - (len(pop) - len(live))
        width = dict.fromkeys(range(len(live)), 0)
        order = sorted(width, key=lambda i: -live[i].value)
        for at, i in enumerate(order):
            if left > 0:
                total = sum(math.exp(live[j].value / temperature) for j in order[at:])
                width[i] = math.ceil(left * math.exp(live[i].value / temperature) / total - 1e-9)
                left -= width[i]
        counts = iter(width.values())
        drawn = []
        for x in pop:
            drawn += [x] if x.done else [w.draw(x, i) for i in range(next(counts))]
        rated = iter(w.rate([x for x in drawn if not (x.done and x in pop)]))
        pop = [x if x.done and x in pop else next(rated) for x in drawn]
    return best([x for x in pop if x.done], pop)


def cost_of_drops(x: Made) -> float:
    """g + h, as A* is stated."""
    if not x.values:
        return 0.0
    g = sum(max(0.0, b - a) for a, b in zip(x.values, x.values[1:], strict=False))
    return g + 1 - x.value


def first_best(w: World, cost: Callable[[Made], float], m: int, at_most: int, enough: int = 1) -> Made:
    """A* and greedy best-first: no heap, the whole list is looked through each time."""
    open_, finished = [Made()], list[Made]()
    dead: list[Made] = []
    while open_ and enough:
        least = min(range(len(open_)), key=lambda i: (cost(open_[i]), -len(open_[i].text), i))
        node = open_[least]
        if node.done:
            enough -= 1
            open_.pop(least)
            continue
        if not at_most:
            break
        at_most -= 1
        open_.pop(least)
        (made,) = w.expand([node], m)
        open_ += made
        finished += [x for x in made if x.done]
    pool = finished or open_ or dead
    return min(pool, key=lambda x: (cost(x), -len(x.text)))


def depth_first(w: World, m: int, keep: int, above: float, at_most: int) -> Made:
    """Recursion; the first finished state that is visited ends it. Of equals it is the next to be visited."""
    finished: list[Made] = []
    waiting, pruned = [Made()], list[Made]()

    class Over(Exception):
        pass

    def visit(node: Made) -> None:
        nonlocal at_most
        if node.done:
            raise Over
        if not at_most:
            raise Over
        at_most -= 1
        (made,) = w.expand([node], m)
        finished.extend(x for x in made if x.done)
        order = sorted(made, key=lambda x: -x.value)
        good = [x for x in order[:keep] if x.value >= above]
        place = waiting.index(node)
        waiting[place : place + 1] = [x for x in good if not x.done]
        pruned.extend(x for x in order if x not in good and not x.done)
        for x in good:
            visit(x)

    with suppress(Over):
        visit(Made())
    return best(finished, [*waiting, *pruned])


@dataclass(eq=False)
class Sim:
    """A node of Monte Carlo tree search."""

    node: Made
    parent: Sim | None
    children: list[Sim] = field(default_factory=list)
    n: int = 0
    total: float = 0.0


def mcts(
    w: World, sims: int, m: int, c_base: float = 19652.0, c_init: float = 1.25
) -> tuple[Made, list[int]]:
    """Also the visits of the root's children."""
    root = Sim(Made(), None, n=1)
    leaves = [root]
    for _ in range(sims):
        at = root
        while at.children:
            scale = math.log((at.n + c_base + 1) / c_base) + c_init
            p = 1 / len(at.children)
            scores = [c.total / c.n + scale * math.sqrt(at.n) / (1 + c.n) * p for c in at.children]
            at = at.children[scores.index(max(scores))]
        if not at.node.done:
            leaves.remove(at)
            (made,) = w.expand([at.node], m)
            at.children = [Sim(x, at) for x in made]
            leaves += at.children
        for leaf in at.children or [at]:
            up: Sim | None = leaf
            while up is not None:
                up.n += 1
                up.total += leaf.node.value
                up = up.parent
    pool = [x for x in leaves if x.node.done] or leaves
    won = max(pool, key=lambda x: (x.node.value, x.n if x.node.done else 0))
    return won.node, [c.n for c in root.children]


def find_flaws(answer: str) -> str:
    return f"?\n\nA weak answer:\n{answer}\n\nPoint out every flaw in it, step by step:\n"


def mend(answer: str, flaws: str) -> str:
    return f"?\n\nA weak answer:\n{answer}\n\nIts flaws:\n{flaws}\n\nWrite a better answer, in full:\n"


def mctsr(w: World, rollouts: int, c: float, width: int) -> Made:
    """Q is worked out anew from all rewards each time."""
    texts = [w.write(PROBLEM.prompt, 0)]
    parent: list[int | None] = [None]
    times = [0]
    w.rate([Made(texts[0])])

    def reward(i: int) -> float:
        return 200 * w.rating(texts[i]) - 100

    def children(i: int) -> list[int]:
        return [j for j, p in enumerate(parent) if p == i]

    def q(i: int) -> float:
        below = children(i)
        return (reward(i) + max(q(j) for j in below)) / 2 if below else reward(i)

    def uct(i: int) -> float:
        above = parent[i]
        visits = 1 + times[i if above is None else above]
        return q(i) + c * math.sqrt(math.log(visits + 1) / (1 + times[i] + 1e-6))

    for _ in range(rollouts):
        open_ = [
            i
            for i in range(len(texts))
            if len(children(i)) < width or all(reward(j) < reward(i) for j in children(i))
        ]
        i = max(open_, key=uct)
        slot = times[i]
        times[i] += 1
        flaws = w.write(find_flaws(texts[i]), slot)
        texts.append(w.write(mend(texts[i], flaws), slot))
        parent.append(i)
        times.append(0)
        w.rate([Made(texts[-1])])
    order = sorted(range(len(texts)), key=lambda i: -q(i))
    return max((Made(texts[i], True, (w.rating(texts[i]),)) for i in order), key=lambda x: x.value)


def posterior_draw(rng: Random, rewards: list[float], prior: str) -> float:
    """As treequest has it, term by term."""
    n = len(rewards)
    if prior == "beta":
        return rng.betavariate(0.5 + sum(rewards), 0.5 + sum(1 - r for r in rewards))
    mean = sum(rewards) / n if n else 0.0
    s = sum((r - mean) ** 2 for r in rewards)
    kappa, nu = 1 + n, 1 + n
    m = (1 * 0 + n * mean) / kappa
    tau2 = (1 * 0.1 + s + n * 1 * (0 - mean) ** 2 / (1 + n)) / nu
    variance = nu * tau2 / rng.gammavariate(nu / 2, 2.0)
    return rng.gauss(m, math.sqrt(variance / kappa))


def ab_mcts(w: World, n: int, prior: str, rng: Random) -> Made:
    """GEN, CONT and child arms as lists that are filled on the way up."""
    texts: list[str] = [""]
    parent: list[int] = [-1]
    gen: list[list[float]] = [[]]
    cont: list[list[float]] = [[]]
    arm: list[list[float]] = [[]]
    times = [0]
    for _ in range(n):
        at = 0
        while below := [j for j, p in enumerate(parent) if p == at]:
            deeper = posterior_draw(rng, cont[at], prior)
            if not deeper > posterior_draw(rng, gen[at], prior):
                break
            drawn = [posterior_draw(rng, arm[j], prior) for j in below]
            at = below[drawn.index(max(drawn))]
        old = texts[at]
        prompt = f"?\n\nAn earlier answer:\n{old}\n\nWrite a better one, in full:\n" if old else "?"
        texts.append(w.write(prompt, times[at]))
        times[at] += 1
        (rated,) = w.rate([Made(texts[-1])])
        gen[at].append(rated.value)
        parent.append(at)
        gen.append([])
        cont.append([])
        arm.append([rated.value])
        times.append(0)
        while parent[at] >= 0:
            arm[at].append(rated.value)
            cont[parent[at]].append(rated.value)
            at = parent[at]
    return max((Made(t, True, (w.rating(t),)) for t in texts[1:]), key=lambda x: x.value)
