"""Realistic bugs, each one substitution in one file of the package, and the tests expected to see it first.

A substitution must match exactly once, so that this list cannot rot silently.
"""

from __future__ import annotations

from dataclasses import dataclass

LAWS = "tests/laws/test_"


@dataclass(frozen=True)
class Bug:
    """``old`` becomes ``new`` in ``file``; ``look`` is a test path, asked first to save time."""

    name: str
    file: str
    old: str
    new: str
    look: str


BUGS = (
    # ------------------------------------------------------------------ randomness
    Bug(
        "a global generator instead of the population's key",
        "stages/particles/resample.py",
        'Random(pop.key.fold("resample").seed64), self.scheme',
        "Random(), self.scheme",
        LAWS + "algebra.py::test_the_seed_decides",
    ),
    Bug(
        "one generator for every resampling",
        "stages/particles/resample.py",
        'Random(pop.key.fold("resample").seed64), self.scheme',
        "Random(0), self.scheme",
        LAWS + "particles.py::test_resampling_is_unbiased",
    ),
    Bug(
        "a fork that reuses its parent's key",
        "types.py",
        "return replace(self, key=self.key.fold(*salt))",
        "return replace(self, key=self.key.fold(*salt) if salt[-1] else self.key)",
        LAWS + "algebra.py",
    ),
    Bug(
        "the draw's index left out of its key",
        "stages/draws/extend.py",
        'jobs = [(c, c.key.fold("draw", i), i) for c in live for i in indices]',
        'jobs = [(c, c.key.fold("draw"), i) for c in live for i in indices]',
        LAWS + "algebra.py::test_fewer_draws_are_the_first_of_more",
    ),
    Bug(
        "the number of draws is part of a draw's key",
        "stages/draws/extend.py",
        'jobs = [(c, c.key.fold("draw", i), i) for c in live for i in indices]',
        'jobs = [(c, c.key.fold("draw", len(indices), i), i) for c in live for i in indices]',
        LAWS + "algebra.py::test_fewer_draws_are_the_first_of_more",
    ),
    Bug(
        "draws numbered across candidates",
        "stages/draws/extend.py",
        'jobs = [(c, c.key.fold("draw", i), i) for c in live for i in indices]',
        'jobs = [(c, c.key.fold("draw", n + i), i) for n, c in enumerate(live) for i in indices]',
        LAWS + "algebra.py::test_local_stages_distribute_over_the_flat_union",
    ),
    Bug(
        "parts of a key run together",
        "keys.py",
        'return (b"s" if isinstance(part, str) else b"i") + len(body).to_bytes(4, "big") + body',
        "return body",
        "tests/test_keys.py",
    ),
    # ------------------------------------------------------------------ accounts
    Bug(
        "a refund lost: the worst case is booked",
        "budget/account.py",
        "self._post(ZERO - held, actual)",
        "self._post(ZERO - held, held)",
        LAWS + "budget.py::test_no_cap_is_exceeded_and_what_is_booked_was_billed",
    ),
    Bug(
        "a reservation never released",
        "budget/account.py",
        "self._post(ZERO - held, actual)",
        "self._post(ZERO, actual)",
        LAWS + "budget.py::test_no_cap_is_exceeded_and_what_is_booked_was_billed",
    ),
    Bug(
        "shares rounded up: more is split than there is",
        "budget/cost.py",
        "return [want + each + (i < rest) for i, want in enumerate(wanted)]",
        "return [want + each + bool(rest) for want in wanted]",
        LAWS + "budget.py::test_shares_are_fair_and_whole",
    ),
    Bug(
        "the whole remainder to one branch",
        "budget/cost.py",
        "return [want + each + (i < rest) for i, want in enumerate(wanted)]",
        "return [want + each + (rest if i == 0 else 0) for i, want in enumerate(wanted)]",
        LAWS + "budget.py::test_shares_are_fair_and_whole",
    ),
    Bug(
        "what is missing in the journal is a failed call",
        "backends/journaled.py",
        "class NotJournalled(ItcError)",
        "class NotJournalled(BackendError)",
        LAWS + "resume.py::test_a_look_into_the_journal_finds_all_or_nothing",
    ),
    Bug(
        "who wants least takes an even share all the same",
        "budget/cost.py",
        "min(wanted[i], amount // (n - place))",
        "amount // (n - place)",
        "tests/budget/test_cost.py::test_shares_are_max_min_fair",
    ),
    Bug(
        "an even split, whatever the branches can cost",
        "algebra/parallel.py",
        "return ctx.account.split(worst)",
        "return ctx.account.split([ZERO] * len(worst))",
        LAWS + "budget.py::test_the_worst_case_as_a_cap_refuses_nothing",
    ),
    Bug(
        "branches race for one account",
        "algebra/parallel.py",
        "accounts = budgets([(branch, pop.members) for branch in branches], ctx)",
        "accounts = [ctx.account.child() for _ in branches]",
        LAWS + "order.py",
    ),
    Bug(
        "a reservation at the expected cost, not the worst",
        "algebra/role.py",
        "completion = 0 if request.score_steps is not None else request.max_tokens",
        "completion = 0 if request.score_steps is not None else request.max_tokens // 2",
        LAWS + "budget.py::test_no_cap_is_exceeded_and_what_is_booked_was_billed",
    ),
    Bug(
        "an ancestor's cap forgotten",
        "budget/account.py",
        "if self.parent is None:\n            return mine",
        "if self.parent is None or True:\n            return mine",
        LAWS + "budget.py::test_no_cap_is_exceeded_and_what_is_booked_was_billed",
    ),
    Bug(
        "what a round left is not offered again",
        "algebra/context.py",
        "            first += len(held)\n",
        "            first = len(requests)\n",
        "tests/algebra/test_context.py",
    ),
    Bug(
        "a draw refused for now counts as refused",
        "budget/account.py",
        "if not self.remaining.covers(cost, path):\n            return False",
        "if not self.remaining.covers(cost, path):\n            self.refuse()\n            return False",
        LAWS + "budget.py::test_a_cap_is_used_up_to_the_last_whole_draw",
    ),
    Bug(
        "the critical path as a sum over siblings",
        "algebra/context.py",
        "self.account.advance(max((c.usage.completion_tokens for c in done if c), default=0))",
        "self.account.advance(sum(c.usage.completion_tokens for c in done if c))",
        "tests/methods/test_golden.py",
    ),
    Bug(
        "cached tokens paid twice",
        "budget/prices.py",
        "_pico(self.prompt) * (prompt - cached)",
        "_pico(self.prompt) * prompt",
        "tests/budget/test_prices.py",
    ),
    Bug(
        "dollars in binary floating point",
        "budget/account.py",
        "math.floor(Fraction(str(amount)) * units)",
        "math.floor(amount * units)",
        "tests/budget/test_account.py",
    ),
    # ------------------------------------------------------------------ refusal and failure
    Bug(
        "a refused candidate is dropped",
        "stages/draws/extend.py",
        "children.get(c.key) or (c,)",
        "children.get(c.key, (c,))",
        LAWS + "budget.py::test_anytime",
    ),
    Bug(
        "atomic keeps a part",
        "algebra/control.py",
        "return pop if inner.account.refused else out",
        "return out",
        LAWS + "budget.py::test_atomic_is_all_or_none",
    ),
    Bug(
        "otherwise keeps what failed",
        "algebra/control.py",
        "            except (BackendError, StrategyFailed):\n                continue\n",
        "            except (BackendError, StrategyFailed):\n                return pop\n",
        LAWS + "failures.py::test_otherwise_catches_and_both_attempts_are_paid",
    ),
    Bug(
        "a failing draw cancels its siblings",
        "concurrency.py",
        "        except Exception as error:\n            return error\n",
        "        except ZeroDivisionError as error:\n            return error\n",
        LAWS + "failures.py::test_one_failing_draw_does_not_lose_its_siblings",
    ),
    Bug(
        "results in the order of replies",
        "concurrency.py",
        "        running = [group.create_task(one(t)) for t in tasks]\n",
        "        running: list[asyncio.Task[T | Exception]] = []\n"
        "        for t in tasks:\n"
        "            group.create_task(one(t)).add_done_callback(running.append)\n",
        LAWS + "order.py::test_uncapped",
    ),
    # ------------------------------------------------------------------ operators
    Bug(
        "within replaces instead of meeting",
        "algebra/control.py",
        "cap, body = body.cap & cap, body.body",
        "body = body.body",
        LAWS + "algebra.py::test_within_is_a_meet",
    ),
    Bug(
        "until asks after a round instead of before",
        "algebra/sequence.py",
        "            if await holds(self.stop, pop, ctx):\n                break\n            inner",
        "            inner",
        LAWS + "algebra.py::test_stopping_early_is_a_shorter_power_or_multiple",
    ),
    Bug(
        "grow forks with other indices than a multiple",
        "algebra/parallel.py",
        "out += await side(flat, pop, inner, i * len(flat))",
        "out += await side(flat, pop, inner, (i + 1) * len(flat))",
        LAWS + "algebra.py::test_lazy_is_eager_when_never_stopped",
    ),
    Bug(
        "grow asks about the last copy only",
        "algebra/parallel.py",
        "if inner.account.refused or await holds(self.stop, out, ctx):",
        "if inner.account.refused or await holds(self.stop, pop, ctx):",
        LAWS + "algebra.py::test_until_asks_before_each_round_and_grow_after_each_copy",
    ),
    Bug(
        "a chain is taken whatever the budget",
        "algebra/local.py",
        "    if left != UNCAPPED:\n",
        "    if left != left:\n",
        LAWS + "algebra.py::test_fused_is_unfused_under_caps",
    ),
    Bug(
        "a chain counts its draws one after another",
        "algebra/local.py",
        "ctx.account.advance(max((a.path for a in paths), default=0))",
        "ctx.account.advance(sum(a.path for a in paths))",
        LAWS + "algebra.py::test_fused_is_unfused",
    ),
    Bug(
        "a route falls through to its first arm",
        "algebra/control.py",
        "            if arm == name:\n",
        "            if arm <= name:\n",
        LAWS + "algebra.py::test_route_takes_the_named_arm",
    ),
    Bug(
        "a lost race is not settled",
        "algebra/role.py",
        "if watch is not None and watch.sent:",
        "if watch is not None and not watch.sent:",
        LAWS + "budget.py::test_a_slow_loser_is_cut_and_pays_for_what_it_wrote",
    ),
    Bug(
        "the winner of a race is not recorded",
        "algebra/parallel.py",
        "        if ctx.decisions:\n            losses",
        "        if ctx.decisions and accepted:\n            losses",
        LAWS + "resume.py::test_a_race_once_won_stays_won",
    ),
    Bug(
        "a resumed race forgets what its losers cost",
        "algebra/parallel.py",
        "            ctx.account.book(losses.total())\n",
        "",
        LAWS + "resume.py::test_a_race_once_won_stays_won",
    ),
    # ------------------------------------------------------------------ worst cases
    Bug(
        "a worst case of one draw a candidate",
        "stages/draws/extend.py",
        "cost = role.price.cost(prompt, 0, limit).times(draws)",
        "cost = role.price.cost(prompt, 0, limit).times(live)",
        LAWS + "budget.py::test_the_worst_case_is_one",
    ),
    Bug(
        "a worst case that counts on no early stop",
        "algebra/sequence.py",
        "        return total, either\n",
        "        return total, shape\n",
        LAWS + "budget.py::test_the_worst_case_is_one",
    ),
    # ------------------------------------------------------------------ journal
    Bug(
        "a journal key without the draw's own",
        "backends/base.py",
        "        if self.score_steps is None:\n",
        "        if self.score_steps is not None:\n",
        LAWS + "resume.py",
    ),
    Bug(
        "a journal key that ignores the temperature",
        "backends/base.py",
        "            body[name] = float(body[name])\n",
        '            body[name] = float(body[name] if name != "temperature" else 0)\n',
        LAWS + "resume.py",
    ),
    Bug(
        "a replay is billed again",
        "algebra/trace.py",
        "            if not replayed:\n                at.paid",
        "            if True:\n                at.paid",
        LAWS + "resume.py",
    ),
    # ------------------------------------------------------------------ stages
    Bug(
        "resampling loses weight",
        "stages/particles/resample.py",
        "share = pop.log_total - math.log(len(p))",
        "share = 0.0",
        LAWS + "particles.py::test_resampling_keeps_count_and_total_weight",
    ),
    Bug(
        "systematic resampling with a fixed offset",
        "stages/particles/resample.py",
        "        u = rng.random()\n",
        "        u = 0.5\n",
        LAWS + "particles.py::test_resampling_is_unbiased",
    ),
    Bug(
        "the residual drawn from the whole weights",
        "stages/particles/resample.py",
        "rest = [n * x - w for x, w in zip(p, whole, strict=True)]",
        "rest = list(p)",
        LAWS + "particles.py::test_resampling_is_unbiased",
    ),
    Bug(
        "stratified draws share a stratum",
        "stages/particles/resample.py",
        "points = [(i + rng.random()) / n for i in range(n)]",
        "points = [(i + rng.random() ** 2) / n for i in range(n)]",
        LAWS + "particles.py::test_resampling_is_unbiased",
    ),
    Bug(
        "a potential counted at every round",
        "stages/particles/resample.py",
        "log_weight=c.log_weight + (log_g - before)",
        "log_weight=c.log_weight + log_g",
        LAWS + "particles.py::test_weighing_twice_is_weighing_once",
    ),
    Bug(
        "the filter resamples after its last step",
        "stages/particles/particles.py",
        "self.move(await self.choose(pop, inner), inner)",
        "self.choose(await self.move(pop, inner), inner)",
        LAWS + "particles.py::test_the_last_thing_a_filter_does_is_a_step",
    ),
    Bug(
        "the filter forgets the finished that resampling dropped",
        "stages/particles/particles.py",
        "return Population((*pop, *shelf.lost(pop)))",
        "return Population(pop.members)",
        "tests/methods/test_particles.py::test_the_filter_is_the_naive_one",
    ),
    Bug(
        "a vote counts candidates without an answer",
        "stages/selection/select.py",
        "        voters = [c for c in pop if c.answer is not None]\n"
        "        if not voters:\n"
        "            return Population(pop.members[:1])\n"
        "        classes = await ctx.answers.classes([c.answer for c in voters if c.answer is not None])\n",
        "        voters = list(pop)\n"
        "        if not voters:\n"
        "            return Population(pop.members[:1])\n"
        '        classes = await ctx.answers.classes([c.answer or "" for c in voters])\n',
        "tests/stages/selection/test_select.py",
    ),
    Bug(
        "a tie goes to the answer seen last",
        "stages/selection/select.py",
        "won = max(tally, key=tally.__getitem__)",
        "won = max(reversed(tally), key=tally.__getitem__)",
        "tests/stages/selection/test_select.py",
    ),
    Bug(
        "top is ascending",
        "stages/selection/select.py",
        "ranked = sorted(pop, key=lambda c: -rank(c, self.by))",
        "ranked = sorted(pop, key=lambda c: rank(c, self.by))",
        LAWS + "particles.py::test_selection_adds_nothing",
    ),
    Bug(
        "top is not stable",
        "stages/selection/select.py",
        "ranked = sorted(pop, key=lambda c: -rank(c, self.by))",
        "ranked = sorted(reversed(pop.members), key=lambda c: -rank(c, self.by))",
        "tests/stages/selection/test_select.py",
    ),
    Bug(
        "finished beams hold a place",
        "methods/beam.py",
        "top(n // m, by, live=True)",
        "top(n // m, by)",
        "tests/methods/test_golden.py",
    ),
    Bug(
        "finished candidates are extended again",
        "stages/draws/extend.py",
        "live = [c for c in pop if self._draws_from(c, sampling)]",
        "live = list(pop)",
        "tests/methods",
    ),
    Bug(
        "a step cut at its limit passes for a finished answer",
        "stages/draws/extend.py",
        'if child.done and self.form == "step" and piece.text and piece.finish in ("step", "length"):',
        'if child.done and self.form == "step" and piece.text and piece.finish == "step":',
        "tests/stages/draws/test_extend.py",
    ),
    Bug(
        "the mean in place of the minimum",
        "stages/score.py",
        "        return min(scores)\n",
        "        return math.fsum(scores) / len(scores)\n",
        "tests/stages/test_score.py",
    ),
    Bug(
        "a thought that has ended is drawn from again",
        "stages/draws/extend.py",
        'over = bool(c.steps) and c.steps[-1].kind == self.kind and c.finish == "eos"',
        "over = False",
        "tests/stages/draws/test_write.py",
    ),
    Bug(
        "thoughts eat the solution's budget",
        "stages/draws/extend.py",
        "limit = sampling.max_tokens - c.spent_on(self.kind)",
        "limit = sampling.max_tokens - c.tokens",
        "tests/stages/draws/test_write.py",
    ),
    Bug(
        "a text that is written left out of the worst case",
        "stages/draws/write.py",
        "tokens=shape.tokens + longer, apart=shape.apart + longer",
        "tokens=shape.tokens, apart=shape.apart",
        "tests/stages/draws/test_write.py",
    ),
    Bug(
        "draws with and without confidences share a key",
        "backends/base.py",
        "            if not body[name]:\n",
        "            if True:\n",
        "tests/backends/test_identity.py",
    ),
    Bug(
        "confidences of the whole batch under one row's k",
        "backends/embedded/told.py",
        "        made[rows] = ",
        "        made[:] = ",
        "tests/backends/embedded/test_told.py",
    ),
    # ------------------------------------------------------------------ text
    Bug(
        "parse drops keywords",
        "algebra/text.py",
        "return call(f, name, given, named)",
        "return call(f, name, given, {k: v for k, v in named.items() if k != 'temperature'})",
        LAWS + "text.py::test_parse_inverts_str",
    ),
    Bug(
        "a power prints without its parentheses",
        "algebra/sequence.py",
        'return f"{unit.wrapped(ATOM)} ** {n}" if n > 1',
        'return f"{unit.text()[0]} ** {n}" if n > 1',
        LAWS + "text.py::test_parse_inverts_str",
    ),
    Bug(
        "parse evaluates attributes",
        "algebra/text.py",
        "if not isinstance(body, Strategy) or method not in METHODS:",
        "if not hasattr(body, method):",
        LAWS + "text.py::test_hostile_text_is_refused_quickly",
    ),
)
