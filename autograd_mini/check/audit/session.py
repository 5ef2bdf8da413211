"""The audit: run the script, find what it trains and by which loss, and which of its lines is the first wrong one."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import numpy as np

from .case import Case, View, above, is_name, multiple
from .edits import Fix, edited
from .files import read_source
from .fixes import Proposer, other_axes
from .forward import constant, improper, unread
from .losses import Loss, candidates, choose, decide, evaluate, is_trusted, rates_of, steady
from .proxies import Run
from .record import Record, Step, put
from .repair import Fault, Search, fit_shape
from .report import Finding, Line, Report, called
from .rules import Remark, is_sound, optimiser, stale, stale_locals, uphill, verdicts
from .steps import LINEAR, SUMS, WINDOWS, enough, key_of, size_of
from .untrained import NOT_MULTIPLIED, Claim, untrained

MOST_FAULTS = 5
MANY = 3000  # values after which updates that nothing reads are told from a training's beginning
SLACK = 10  # values that a corrected line may make more
FIX_SECONDS = 5.0  # of computing that the search for corrected lines may take


class Audit:
    """One audit, from the path to the report."""

    def __init__(self, path: Path, arguments: Sequence[str], seconds: float, show: Any) -> None:
        self.path, self.arguments, self.show, self.seconds = path, arguments, show, seconds
        self.end = monotonic() + seconds
        self.source, self.main = read_source(path), str(path)

    def run(self, source: str, stop: Any, seconds: float, show: Any = None) -> Run:
        """Run the script, or a changed one."""
        left = max(self.end - monotonic(), 0.5)
        return Run(self.path, source, self.arguments, stop, min(left, seconds), show)

    def recorded(
        self, source: str, show: Any = None, windows: int = WINDOWS, known: int = 0
    ) -> tuple[Run, Case]:
        """Run a source and find its training, of so many steps, which may be known to need so long a record."""

        def is_enough(record: Record) -> bool:
            return enough(record, windows) or (len(record.steps) > MANY and bool(stale(Case(record))))

        run = self.run(source, is_enough, self.seconds / 3 + 1, show)
        run.record.next_check = known or run.record.next_check
        run.run()
        try:
            case = Case(run.record)
        except Exception as error:  # nothing is said of any line then
            fault = f"{type(error).__name__}: {error}"
            run.record.note(f"what this script computed could not be put in order ({fault})")
            run.record.steps.clear()
            case = Case(run.record)
        if source is not self.source:  # a trial: its data would stay until the next collection
            for module in run.modules.values():
                vars(module).clear()
        return run, case

    def probe(self, step: int, depth: int, look: Any) -> None:
        """Run the script up to a step, and look at its variables there."""
        run = self.run(self.source, None, self.seconds)
        run.record.probe = (step, depth, look)
        run.run()
        vars(run).clear()  # which ends the ring that keeps its data

    def report(self) -> Report:
        """Audit the script; where the audit itself fails, nothing is said of any line."""
        run, case = self.recorded(self.source, self.show)
        report = Report(self.path, self.source, run, case)
        try:
            self.examine(run, case, report)
        except Exception as error:
            report = Report(self.path, self.source, run, case)
            report.note = f"this script could not be followed to its end ({type(error).__name__}: {error})"
        return report

    def examine(self, run: Run, case: Case, report: Report) -> None:
        """Fill the report: first with what makes the gradients meaningless, then with the wrong lines."""
        self.case, self.error, count = case, run.error, len(case.parameters)
        remarks = stale(case)
        if remarks:
            return self.say(remarks, report)
        if not case.views:
            found = "no training was found: no line changes the same numbers step after step"
            if run.is_late:
                found += (
                    f"; the script was stopped after {run.seconds:.3g} seconds: give it more by --seconds"
                )
            report.note = f"{report.note}. {found.capitalize()}" if report.note else found
            claim = Claim(case)
            self.say(untrained(case, claim, run.names, self.probe), report)
            if not report.findings and claim.input is not None and claim.is_right():
                name = f"the output's derivative by {case.sources.name(claim.input) or 'the input'}"
                report.lines = [line_of(case, claim.value, 0, name, None, claim.depth)]
                report.explained = True
            return None
        losses = choose(case, some_of(len(case.views)))
        if not losses:
            report.note = "no loss was found that depends on the parameters"
            return self.say(improper(case), report)
        loss, faults, left = self.best(losses)
        report.loss = loss
        wrong = loss.wrong(count)
        remarks = constant(case, loss) or (improper(case) if wrong else []) or unread(case, loss)
        if wrong and not remarks:
            remarks = [remark for remark in stale_locals(case) if self.remarked(remark).source]
        report.lines = lines(case, loss, [] if remarks else faults)
        if not remarks and not left and faults and all((f.ratio or 0) < 0 for f in faults):
            remarks = uphill(case, loss)
        if remarks:
            return self.say(remarks, report)
        if not wrong and not faults:
            report.findings = [*self.loss_as_factor(loss), *map(self.remarked, optimiser(case))]
            report.explained = True
            for note in not_judged(case, loss):
                case.record.note(note)
            return report.settle()
        report.explained = not left
        report.findings = self.explain(loss, faults)
        corrected = any(f.should_be for f in report.findings)
        meant = loss.own or loss.score() > 0 or not all(is_update(case, fault) for fault in faults)
        if not (corrected and meant) and not (faults and trusted(case, loss, faults, left)):
            names = [case.parameters[i].name for i in sorted(left or wrong)]
            words = f"the updates of {', '.join(dict.fromkeys(names))}"
            known = is_trusted(loss) and loss.score() > 0  # some updates are right by this loss
            report.note = f"wrong, but not explained: {words}"
            if not known:
                report.note = (
                    f"not judged: {words} are a constant times the gradient of no loss that was found"
                )
            report.findings, report.explained = [], False
            report.lines = [line for line in lines(case, loss, []) if line.status == "right"]
            return None
        if not corrected and len(wrong) == count:
            report.findings = self.other_reduction(loss) or report.findings
        return report.settle()

    def say(self, remarks: list[Remark], report: Report) -> None:
        """Report remarks alone."""
        report.findings = [self.remarked(remark) for remark in remarks]
        report.explained = bool(remarks)
        mended = {f.line: f.should_be for f in report.findings if f.source and f.file == self.main}
        if mended:
            self.say_more(mended, report)
        report.settle()

    def say_more(self, mended: dict[int, str], report: Report) -> None:
        """Report also what is wrong once these lines are mended: no other line could be judged before."""
        rows = self.source.splitlines()
        for line, code in mended.items():
            rows[line - 1] = rows[line - 1].replace(rows[line - 1].strip(), code)
        inner = copy(self)
        inner.source, inner.show = "\n".join(rows), None
        more = inner.report()
        if more.findings:
            said = {f.line: f for f in report.findings}
            for f in more.findings:
                f.why += f"; {said[f.line].why}" if f.line in said else ""
                f.code = self.case.sources.code(f.file, f.line)
            new = {f.line for f in more.findings}
            more.findings += [f for f in report.findings if f.line not in new]
            vars(report).update(vars(more), source=self.source)

    def best(self, losses: list[Loss]) -> tuple[Loss, list[Fault], set[int]]:
        """Among the losses that explain the training equally well, the one that needs the fewest repairs."""
        case, count, first = self.case, len(self.case.parameters), losses[0]
        most = len(first.wrong(count))
        if not most:
            return first, [], set()
        equal = [c for c in losses if len(c.wrong(count)) <= most and (c.own or not first.own)]
        found: list[Any] = []
        for loss in equal[:3]:
            faults, left = repairs(case, loss, self.end)
            found.append(((len(left), len(faults), len(found)), loss, {}, faults, left))
            if len(faults) == 1 and not left and loss.own and loss.score() > 0:
                break  # one place explains it all
            loss.rates = rates_of(case, loss)  # as the written rate says, whatever most updates are
            if any(abs(c - (loss.factors[k] or 0.0)) > 1e-4 * c for k, c in loss.rates.items()):
                faults, left = repairs(case, loss, self.end)
                found.append(((len(left), len(faults), len(found)), loss, loss.rates, faults, left))
            loss.rates = {}
        _, loss, rates, faults, left = min(found, key=lambda f: f[0])
        loss.rates = rates
        decide(case, loss)
        return loss, faults, left

    # ---- Corrected lines: a new text is run before it is shown -------------------------------------------------------

    def first_that(
        self, options: Iterable[Any], works: Callable[[str], bool], kept: Sequence[Fix] = (), end: float = 0.0
    ) -> tuple[Any, str] | None:
        """The first new text, or fix of the script's text beside those that are kept, that can be run and works."""
        end = end or process_time() + FIX_SECONDS
        try:
            for option in options:
                if process_time() > end or monotonic() > self.end:
                    break
                with contextlib.suppress(SyntaxError, ValueError):
                    if isinstance(option, str):
                        new = option
                    else:
                        new = edited(self.case.sources.texts[self.main], [*kept, option])
                    compile(new, "line", "exec")
                    if works(new):
                        return option, new
        except Exception as error:
            note = f"the search for a corrected line ended early ({type(error).__name__}: {error})"
            self.case.record.note(note)
        return None

    def mended(self, finding: Finding, line: int, text: str) -> Finding:
        """The finding with the text that was run, and the line that changed in it."""
        finding.line, finding.code = line, self.case.sources.code(finding.file, line)
        finding.should_be, finding.source = text.splitlines()[line - 1].strip(), text
        return finding

    def fixed(self, fix: Fix, text: str) -> Finding:
        """A finding that no recorded value shows, with the text that was run."""
        line = fix.node.lineno
        return self.mended(Finding.at(self.case, self.main, line, fix.mistake, fix.why), line, text)

    def remarked(self, remark: Remark) -> Finding:
        """The finding of a remark, with the new text where it helps."""
        case, kind = self.case, remark.mistake
        if isinstance(remark.step, int):
            finding = Finding.at(case, self.main, remark.step, kind, remark.why)
        else:
            finding = Finding(case, None, Fault("remark", {}, {}, step=remark.step, depth=remark.depth))
            finding.mistake, finding.why = kind, remark.why

        def works(text: str) -> bool:
            run, after = self.recorded(text)
            if kind == NOT_MULTIPLIED:
                return bool(Claim(after).is_right())
            if kind == "stale_value":
                return len(stale_locals(after)) < len(stale_locals(case))
            if kind in ("stale_parameter", "parameter_never_read"):
                return len(after.parameters) > len(case.parameters)
            if not case.views:
                return type(run.error) is type(self.error)
            if kind == "no_output_activation":
                losses = choose(after, some_of(len(after.views))) if after.views else []
                return bool(losses) and not losses[0].wrong(len(after.parameters))
            return kind == "wrong_sign" or is_sound(after, case, kind)

        found = self.first_that(remark.texts, works)
        if found is None:
            return finding
        was = case.sources.texts[finding.file].source
        return self.mended(finding, changed_line(was, found[1]) or finding.line, found[1])

    def other_reduction(self, loss: Loss) -> list[Finding]:
        """The first reduction of the forward pass that, over another axis, makes every update right."""
        sources, count = self.case.sources, len(self.case.parameters)

        def options() -> Iterator[Fix]:
            reductions: dict[Any, Step] = {}
            for number in sorted(loss.slices[min(loss.slices)]):
                step = self.case.record.steps[number]
                if step.name in ("sum", "max", "mean") and sources.place(step).file == self.main:
                    reductions.setdefault(sources.place(step), step)
            for step in reductions.values():
                yield from other_axes(*sources.spot(step), step)

        def works(text: str) -> bool:
            self.state = dict(loss.verdicts)
            return self.improves(text, loss) and all(
                v.right(i) for v in self.state.values() for i in range(count)
            )

        found = self.first_that(options(), works)
        return [] if found is None else [self.fixed(*found)]

    def loss_as_factor(self, loss: Loss) -> list[Finding]:
        """Said where the right gradient is multiplied by the loss's value."""
        factors = [f for f in loss.factors.values() if f]
        changing = 2 < len(factors) == len(loss.factors) and not steady(factors)
        fault = by_loss_value(self.case, loss) if changing else None
        findings = self.explain(loss, [fault]) if fault is not None else []
        for finding in findings:
            finding.mistake = "multiplied_by_loss"
            finding.why = "the gradient is multiplied by the loss's value"
        return findings

    def explain(self, loss: Loss, faults: list[Fault]) -> list[Finding]:
        """The findings, each with the corrected line where one was found that makes the step right."""
        case, out = self.case, []
        kept: list[Fix] = []
        end = process_time() + FIX_SECONDS
        self.state = dict(loss.verdicts)  # how the updates stand with what was corrected so far
        for fault in faults:
            finding = Finding(case, loss, fault)
            out.append(finding)
            if fault.meant == "too early":
                finding.mistake, finding.should_be = "weights_updated_before_use", finding.code
                finding.why = "this reads the parameter after its update: compute it before the update"
            else:
                options = self.proposals(loss, fault)
                found = self.first_that(options, lambda new: self.improves(new, loss, fault), kept, end)  # noqa: B023
                if found is not None:
                    fix, text = found
                    kept.append(fix)
                    finding.mistake, finding.why = fix.mistake, fix.why
                    self.mended(finding, fix.node.lineno, text)
                    out += [self.fixed(part, text) for part in fix.beside]
                    if fix.beside:  # it is no derivative by the parameter, but what that is made of
                        finding.equals = ""
            change(case, fault)
        unchange(case)
        return out

    def proposals(self, loss: Loss, fault: Fault) -> Iterator[Fix]:
        """What may stand in a fault's line, the likeliest first, where that is a line of the script itself."""
        proposer = Proposer(self.case, loss, fault, self.probe)
        if proposer.place.file == self.main:
            yield from proposer.proposals()

    def improves(self, text: str, loss: Loss, fault: Fault | None = None) -> bool:
        """Whether the changed script has as many more right updates as the right numbers gave."""
        case, gains, count = self.case, fault.gains if fault else {}, len(self.case.parameters)
        limit = sorted(gains)[:2][-1] + 1 if gains else WINDOWS
        known = case.views[limit].window.last + SLACK if limit < len(case.views) else 0
        after = self.recorded(text, windows=limit, known=known)[1]
        if len(after.parameters) != count and limit < WINDOWS:
            after = self.recorded(text)[1]  # so few steps may not show all parameters
        numbers = [k for k in sorted(loss.verdicts) if k < min(limit, len(after.views))]
        if len(after.parameters) != count or not numbers:
            return False
        if set.intersection(*[moving(case.views[k]) - moving(after.views[k]) for k in numbers]):
            return False  # an update of nothing is no right one
        old = [self.state[k] for k in numbers]
        before = {i for i in range(count) for v in old if not v.right(i)}
        score = float(np.mean([v.score() for v in old]))
        gain = max(0.9 * float(np.mean([gains.get(k, 0.0) for k in numbers])), 1e-6)
        alike = [c for c in candidates(after, numbers) if (c.kind, c.find) == (loss.kind, loss.find)]
        for candidate in alike:
            candidate.reading, candidate.rates = loss.reading, loss.rates
            wrong = evaluate(after, candidate, numbers).wrong(count)
            if not candidate.verdicts or lines_of(after, candidate) != lines_of(case, loss):
                continue
            still = not wrong and not before and steady([f for f in candidate.factors.values() if f])
            if wrong <= before and (still or candidate.score() > score + gain):
                self.state.update(candidate.verdicts)
                return True
        return False


def not_judged(case: Case, loss: Loss) -> Iterator[str]:
    """What is said of a training whose updates are right: the rules that are not known, and the arrays that are not followed."""
    known = {case.parameters[i].line for i, fault in verdicts(case, explain=False) if fault is not None}
    ruled = {p.line for p, g in zip(case.parameters, case.views[0].gradient, strict=True) if g is not None}
    for line in sorted(ruled - known):
        yield f"the rule of line {line} is none that is known: only the gradient that it is given was judged"
    k = max(loss.verdicts)
    inside, first = loss.slices[k], case.views[k].window.first
    read = {p.id for n in inside for p in case.record.steps[n].parents if p.id < first}
    chains = [c for c in case.chains if not c.keys and read & c.again and not inside & c.ids]
    for last in (c.versions[-1] for c in chains):
        if last.func in SUMS or last.func is put:
            line = case.sources.where(last)[1]
            yield f"what line {line} changes is read by the loss, and was not judged"


def moving(view: View) -> set[int]:
    """Which parameters a step of the training changes."""
    return {i for i, u in enumerate(view.updates(view.run({}) or {})) if u is not None and np.any(u)}


def changed_line(old: str, new: str) -> int:
    """The number of the first line that differs, 0 where there is none."""
    pairs = enumerate(zip(old.splitlines(), new.splitlines(), strict=False), 1)
    return next((i for i, (a, b) in pairs if a != b), 0)


def some_of(count: int) -> list[int]:
    """The steps that are looked at closely: the first two and the last."""
    return sorted({0, 1, count - 1} & set(range(count)))


def lines_of(case: Case, loss: Loss) -> list[int]:
    """The lines that lead to a loss, which an edit within a line leaves as they are."""
    return [case.record.places[number].line for number in loss.key[1]]


# ---- Repairs ---------------------------------------------------------------------------------------------------------


def change(case: Case, fault: Fault) -> None:
    """Put the right numbers in the place of a fault's, for all that follows."""
    for k, targets in fault.targets.items():
        case.views[k].changed.update(targets)


def unchange(case: Case) -> None:
    """Put the person's own numbers back."""
    for view in case.views:
        view.changed = {}


def repairs(case: Case, loss: Loss, end: float) -> tuple[list[Fault], set[int]]:
    """The faults one after the other, each with the earlier ones repaired, and the parameters that stay wrong."""
    unchange(case)
    decide(case, loss)
    faults: list[Fault] = []
    count = len(case.parameters)
    while loss.wrong(count) and len(faults) < MOST_FAULTS and monotonic() < end:
        found = Search(case, loss, end).faults()
        if not found:
            break
        fault = first_of(case, loss, found)
        for k in set(loss.grads) - set(fault.targets):
            del loss.grads[k]
        decide(case, loss)
        score = loss.score()
        change(case, fault)
        decide(case, loss)
        if loss.score() <= score + 1e-9:
            break
        faults.append(fault)
    left = loss.wrong(count)
    unchange(case)
    decide(case, loss)
    return faults, left


def first_of(case: Case, loss: Loss, found: list[Fault]) -> Fault:
    """Among equally good repairs the first; where all are mere factors, the line that has the factor, or lacks it."""
    if found[0].ratio is None:
        return found[0]
    equal = equalities(case, loss)
    scales = [line for line in sorted(equal.values(), key=lambda line: line.order) if line.factor]

    def is_usual(scale: float, whole: bool, own: Line | None = None) -> bool:
        """Whether the derivatives by the parameters, or by other values, usually have this constant here."""
        usual = next((abs(x.factor or 0) for x in scales if x.whole == whole and x is not own), None)
        return usual is not None and abs(abs(scale) - usual) <= 1e-4 * usual

    def rank(fault: Fault) -> tuple[Any, ...]:
        line = equal.get(key_of(fault.step))
        already = line is not None and line.factor is not None and is_usual(line.factor, line.whole, line)
        named, usual = bool(case.sources.name(fault.step)), fault.whole or is_usual(fault.scale, False)
        turns = fault.step.name in ("subtract", "negative") and abs((fault.ratio or 0.0) + 1) < 1e-6
        return not turns, already, not named, not usual, fault.order

    return min((f for f in found if f.ratio is not None), key=rank)


def trusted(case: Case, loss: Loss, faults: list[Fault], left: set[int]) -> bool:
    """Whether the repairs are a sound explanation, though no corrected line was found."""
    count = len(case.parameters)
    right = count - len(loss.wrong(count))
    if left or not is_trusted(loss):
        return False
    if not right and loss.score() <= 0 and all(is_update(case, fault) for fault in faults):
        # the right gradient in the gradient's own place would make any update right, of any other method too
        return loss.own and not any(has_gradient(case, loss, i) for i in range(count))
    return loss.own or right > 0 or len(faults) <= 2


def has_gradient(case: Case, loss: Loss, i: int) -> bool:
    """Whether a parameter's gradient is among the values that its update is computed with."""
    k = min(loss.grads)
    view, g = case.views[k], loss.grads[k][i]
    own = [s for s in view.order if g is not None and view.back[s.id] >> i & 1]
    return any(multiple(np.asarray(s.value, float), t) for s in own if (t := fit_shape(g, s)) is not None)


def is_update(case: Case, fault: Fault) -> bool:
    """Whether a place is one parameter's update itself, but for factors and terms."""
    view = case.views[fault.window]
    mask = view.back.get(fault.step.id, 0)
    if fault.meant != "adjoint" or mask.bit_count() != 1:
        return False
    return fault.step in above(view.window.end[mask.bit_length() - 1], lambda step: step.func in LINEAR)


def by_loss_value(case: Case, loss: Loss) -> Fault | None:
    """A product of a backward value with a single number that depends on the parameters, where it scales every step."""
    for group in groups_by_place(case, loss).values() if loss.own else ():
        targets: dict[int, dict[int, Any]] = {}
        rates = []
        for k, s in ((k, s) for k, steps in group.items() for s in steps):
            small = [x for x in s.parents if x.id in case.views[k].sig and size_of(x) == 1]
            big = [x for x in s.parents if size_of(x) > 1 and np.shape(x.value) == np.shape(s.value)]
            if s.name in ("multiply", "dot", "divide") and small and big:
                targets.setdefault(k, {})[s.id] = np.asarray(big[0].value, float)
                rates.append((loss.factors[k] or 0) / float(np.ravel(small[0].value)[0]))
        if len(targets) == len(loss.factors) and steady(rates):
            return Fault("adjoint", targets, {}, step=group[min(group)][0])
    return None


# ---- What the lines are equal to -------------------------------------------------------------------------------------


def lines(case: Case, loss: Loss, faults: list[Fault]) -> list[Line]:
    """What the lines of the backward pass are equal to, before and after the repairs."""
    before = equalities(case, loss)
    for fault in faults:
        change(case, fault)
    after = equalities(case, loss) if faults else before
    unchange(case)
    for key, line in after.items():
        old = before.get(key)
        other = old and line.factor and old.factor and abs(line.factor - old.factor) > 1e-4 * abs(line.factor)
        if old is None or other:
            line.status = "infected"
    return sorted(after.values(), key=lambda line: line.order)


def groups_by_place(case: Case, loss: Loss) -> dict[Any, dict[int, list[Step]]]:
    """The backward pass by places, outside the forward pass of the loss."""
    out: dict[Any, dict[int, list[Step]]] = {}
    for k in loss.verdicts:
        for s in case.views[k].order:
            if s.id not in loss.slices[k]:
                out.setdefault(key_of(s), {}).setdefault(k, []).append(s)
    return out


def equalities(case: Case, loss: Loss) -> dict[Any, Line]:
    """The named values of the backward pass that are a constant times a derivative, by their places."""
    found: dict[Any, Line] = {}
    values = {k: case.views[k].run({}) or {} for k in loss.adjoints}

    for key, group in groups_by_place(case, loss).items():
        first = min(group)
        step = group[first][-1]
        named = case.sources.name(step) and np.asarray(step.value).dtype.kind == "f"
        result = equal_to(case, loss, group, values) if named else None
        if result is not None:
            scale, meant = result
            number = case.views[first].window.starts.get(meant)
            if number is None:
                name = called(case, case.record.steps[meant])
            else:
                p = case.parameters[number]  # a line that serves several calls them all by its own words
                name = p.written if len(group[first]) > 1 and is_name(p.written) else p.name
            line = found[key] = line_of(case, step, 0, name, scale)
            line.order, line.whole = group[first][0].id, number is not None
    for i, p in enumerate(case.parameters):
        if all(v.right(i) for v in loss.verdicts.values()):
            line = line_of(case, p.versions[-1], p.line, "", None)
            line.order = p.versions[-1].id
            line.update = next((f for f in loss.factors.values() if f), None)
            line.has_rule = case.views[0].gradient[i] is not None
            found.setdefault(("update", line.line), line)
    return found


def line_of(case: Case, step: Step, number: int, equals: str, factor: float | None, depth: int = 0) -> Line:
    """The line that a value is computed in, or the one with this number, and what the value equals."""
    file, own = case.sources.where(step, depth)
    return Line(file, number or own, case.sources.code(file, number or own), "right", equals, factor)


def equal_to(case: Case, loss: Loss, group: Any, values: Any) -> tuple[float, int] | None:
    """The constant and the value of the forward pass whose derivative a place has in every step.

    Best is what has a name, then what the line's own function computes, then a positive constant.
    """
    scale, meant, steps = 0.0, -1, case.record.steps
    for k, s in ((k, s) for k, members in group.items() for s in members):
        view, value = case.views[k], np.asarray(values[k].get(s.id, s.value), float)
        found = []
        for n in sorted((n for n in loss.adjoints[k] if isinstance(n, int)), reverse=True):
            target = fit_shape(loss.adjoints[k][n], s) if view.sig.get(n) == view.back[s.id] else None
            c = multiple(value, target) if target is not None else 0.0
            nothing = target is not None and not np.any(target) and not np.any(value)
            if nothing or (c and abs(c - (scale or c)) <= 1e-5 * abs(c)):
                known = bool(c and case.sources.name(steps[n]))
                found.append(((not known, len(steps[n].stack) > len(s.stack), c <= 0, -n), c, n))
        if not found:
            return None
        _, c, n = min(found)
        scale, meant = c or scale, n if meant < 0 else meant
    return (scale, meant) if scale else None
