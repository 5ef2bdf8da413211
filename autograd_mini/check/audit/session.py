"""The audit: run the script, find what it trains and by which loss, and which of its lines is the first wrong one."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import numpy as np

from .case import Case, View
from .edits import Fix, edited, edits
from .fixes import Proposer, other_axes
from .forward import constant, improper, unread
from .losses import TRUSTED, Loss, candidates, choose, decide, evaluate, rates_of, steady
from .proxies import Run, read_source
from .record import Step
from .repair import Fault, Search, fit_shape, multiple
from .report import Finding, Line, Report
from .rules import Remark, derivatives, is_sound, optimiser, stale, uphill
from .steps import LINEAR, WINDOWS, enough, key_of, size_of

MOST_FAULTS = 5
MOST_RERUNS = 100
FIX_SECONDS = 5.0  # of computing that the search for corrected lines may take


class Audit:
    """One audit, from the path to the report."""

    def __init__(self, path: Path, arguments: Sequence[str], seconds: float, show: Any) -> None:
        self.path, self.arguments, self.show = path, arguments, show
        self.end = monotonic() + seconds
        self.seconds = seconds

    def recorded(self, source: str, show: Any = None, windows: int = WINDOWS) -> tuple[Run, Case]:
        """Run a source and find its training, of so many steps."""
        left = max(self.end - monotonic(), 0.5)

        def stop(record: Any) -> bool:
            return enough(record, windows)

        run = Run(self.path, source, self.arguments, stop, min(left, self.seconds / 3 + 1), show).run()
        return run, Case(run.record)

    def report(self) -> Report:
        """Audit the script; where the audit itself fails, nothing is said of any line."""
        source = read_source(self.path)
        run, case = self.recorded(source, self.show)
        report = Report(self.path, source, run, case)
        try:
            return self.examined(source, run, case, report)
        except (
            ArithmeticError,
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            RecursionError,
            MemoryError,
        ) as error:
            report = Report(self.path, source, run, case)
            report.note = f"this script could not be followed to its end ({type(error).__name__}: {error})"
            return report

    def examined(self, source: str, run: Run, case: Case, report: Report) -> Report:
        """Fill the report."""
        remarks = stale(case)
        if remarks:
            return self.said(case, remarks, report)
        if not case.views:
            for line, why in derivatives(run.names, case.sources.texts[str(self.path)]):
                report.findings.append(
                    Finding.at(case, str(self.path), line, "derivative_of_another_function", why)
                )
            report.settle()
            report.note = "no parameters were found whose updates repeat"
            return report
        losses = choose(case, some_of(len(case.views)))
        if not losses:
            report.note = "no loss was found that depends on the parameters"
            return self.said(case, improper(case), report)
        loss, faults, left = self.best(case, losses)
        report.loss = loss
        report.describe(loss)
        remarks = constant(case, loss) or (improper(case) if loss.wrong(len(case.parameters)) else [])
        remarks = remarks or unread(case, loss)
        if remarks:
            report.lines = self.lines(case, loss, [])
            return self.said(case, remarks, report)
        if not loss.wrong(len(case.parameters)) and not faults:
            self.check_factor(case, loss, report)
            report.findings += [self.remarked(case, remark) for remark in optimiser(case)]
            report.explained = True
            report.lines = self.lines(case, loss, [])
            report.settle()
            return report
        if faults and all(f.ratio is not None and f.ratio < 0 for f in faults) and not left:
            remarks = uphill(case, loss)
            if remarks:
                return self.said(case, remarks, report)
        report.explained = not left
        report.lines = self.lines(case, loss, faults)
        report.findings = self.explain(source, case, loss, faults) if faults else []
        corrected = any(f.should_be for f in report.findings) and (
            loss.own or loss.score() > 0 or not all(is_update(case, fault) for fault in faults)
        )
        if not faults or not (corrected or trusted(case, loss, faults, left)):
            found = self.searched(case, loss)
            return self.found(case, found, report) if found else self.unexplained(case, loss, left, report)
        if not any(f.should_be for f in report.findings) and len(loss.wrong(len(case.parameters))) == len(
            case.parameters
        ):
            report.findings = self.forward(case, loss) or report.findings
        report.settle()
        return report

    def said(self, case: Case, remarks: list[Remark], report: Report) -> Report:
        """The report of remarks alone."""
        report.findings = [self.remarked(case, remark) for remark in remarks]
        report.explained = bool(remarks)
        report.settle()
        return report

    def searched(self, case: Case, loss: Loss) -> Finding | None:
        """One small edit of the backward pass, run to see, after which every update is right."""
        if loss.kind not in TRUSTED and not loss.kind.endswith("cross-entropy"):
            return None
        end, count = process_time() + FIX_SECONDS, len(case.parameters)
        text = case.sources.texts[str(self.path)]
        k, statements = min(loss.verdicts), []
        for step in case.views[k].order:
            node = case.sources.expression(step)
            statement = text.statement(node) if node is not None and step.id not in loss.slices[k] else None
            if statement is not None and case.sources.line(step) and statement not in statements:
                statements.append(statement)
        self.state, right = dict(loss.verdicts), loss.wrong(count) == set()
        for fix in sorted((f for s in statements for f in edits(text, s)), key=lambda f: f.rank):
            if process_time() > end or monotonic() > self.end or right:
                break
            with contextlib.suppress(SyntaxError, ValueError):
                new = edited(text, [fix])
                compile(new, "line", "exec")
                if self.improves(new, case, loss):
                    right = all(v.right(i) for v in self.state.values() for i in range(count))
                    if right:
                        out = Finding.at(case, str(self.path), fix.node.lineno, fix.mistake, fix.why)
                        out.should_be, out.source = new.splitlines()[fix.node.lineno - 1].strip(), new
                        return out
                    self.state = dict(loss.verdicts)
        return None

    def found(self, case: Case, finding: Finding, report: Report) -> Report:
        """The report of a line that was found by running its edits."""
        report.findings, report.explained, report.lines = [finding], True, []
        report.settle()
        return report

    def unexplained(self, case: Case, loss: Loss, left: set[int], report: Report) -> Report:
        """The report of updates that are wrong for a reason that was not found: no line is called wrong."""
        wrong = [case.parameters[i].name for i in sorted(left or loss.wrong(len(case.parameters)))]
        report.note = "wrong, but not explained: " + ", ".join(dict.fromkeys(wrong))
        report.lines = [line for line in self.lines(case, loss, []) if line.status == "right"]
        report.findings, report.explained = [], False
        return report

    def best(self, case: Case, losses: list[Loss]) -> tuple[Loss, list[Fault], set[int]]:
        """Among the losses that explain the training equally well, the one that needs the fewest repairs."""
        count = len(case.parameters)
        wrong = losses[0].wrong(count)
        if not wrong:
            return losses[0], [], set()
        own = losses[0].own
        equal = [c for c in losses if len(c.wrong(count)) <= len(wrong) and (c.own == own or not own)][:3]
        found: list[Any] = []
        for order, loss in enumerate(equal):
            faults, left = repairs(case, loss, self.end)
            found.append((len(left), len(faults), order, loss, {}, faults, left))
            if len(faults) == 1 and not left and loss.own and loss.score() > 0:
                break  # one place explains it all
            rates = rates_of(case, loss)
            if rates and any(abs(c - (loss.factors[k] or 0)) > 1e-4 * c for k, c in rates.items()):
                loss.forced = rates  # the updates as the written rate says, whatever most of them are
                faults, left = repairs(case, loss, self.end)
                found.append((len(left), len(faults), order + 0.5, loss, rates, faults, left))
                loss.forced = {}
        best = min(found, key=lambda f: f[:3])
        for view in case.views:
            view.changed = {}
        best[3].forced = best[4]
        decide(case, best[3])
        return best[3], best[5], best[6]

    def check_factor(self, case: Case, loss: Loss, report: Report) -> None:
        """Say so where the right gradient is multiplied by the loss's value, or not set to zero."""
        factors = [loss.factors[k] for k in sorted(loss.factors)]
        if len(factors) < 3 or None in factors or steady([f for f in factors if f]):
            return
        finding = by_loss_value(case, loss)
        if finding is not None:
            report.findings = self.explain(report.source, case, loss, [finding])
            for f in report.findings:
                f.mistake, f.why = "multiplied_by_loss", "the gradient is multiplied by the loss's value"

    def remarked(self, case: Case, remark: Remark) -> Finding:
        """The finding of a remark, with the new text where it helps."""
        finding = Finding(case, None, Fault("remark", {}, {}), remark.step)
        finding.mistake, finding.why = remark.mistake, remark.why
        end = process_time() + FIX_SECONDS
        for text in remark.texts:
            if process_time() > end or monotonic() > self.end:
                break
            try:
                _, after = self.recorded(text)
            except SyntaxError:
                continue
            if remark.mistake == "no_output_activation":
                losses = choose(after, some_of(len(after.views))) if after.views else []
                better = bool(losses) and not losses[0].wrong(len(after.parameters))
            elif remark.mistake in ("stale_parameter", "parameter_never_read"):
                better = len(after.parameters) > len(case.parameters)
            else:
                better = remark.mistake == "wrong_sign" or is_sound(after, case, remark.mistake)
            if better:
                finding.line = changed_line(case.sources.texts[finding.file].source, text) or finding.line
                finding.code = case.sources.code(finding.file, finding.line)
                finding.should_be, finding.source = text.splitlines()[finding.line - 1].strip(), text
                break
        return finding

    def explain(self, source: str, case: Case, loss: Loss, faults: list[Fault]) -> list[Finding]:
        """The findings, each with the corrected line where one was found that makes the step right."""
        out: list[Finding] = []
        self.reruns = 0
        self.kept: list[Fix] = []
        self.enough_fixes = process_time() + FIX_SECONDS
        self.state = dict(loss.verdicts)  # how the updates stand with what was corrected so far
        for fault in faults:
            finding = Finding(case, loss, fault)
            out.append(finding)
            if fault.meant == "too early":
                finding.mistake = "weights_updated_before_use"
                finding.why = "this reads the parameter after its update: compute it before the update"
                finding.should_be = finding.code
            else:
                self.correct(case, loss, fault, finding)
            for k, targets in fault.targets.items():
                case.views[k].changed.update(targets)
        for view in case.views:
            view.changed = {}
        return out

    def correct(self, case: Case, loss: Loss, fault: Fault, finding: Finding) -> None:
        """Find the corrected line, and run the script with it."""
        proposer = Proposer(case, loss, fault, self.probe)
        if proposer.place.file != str(self.path):
            return
        for fix in proposer.proposals():
            if self.reruns >= MOST_RERUNS or process_time() > self.enough_fixes or monotonic() > self.end:
                return
            fixes = [*self.kept, fix]
            try:
                text = edited(proposer.text, fixes)
                compile(text, "line", "exec")
            except (SyntaxError, ValueError):
                continue
            self.reruns += 1
            if self.improves(text, case, loss, fault):
                line = fix.node.lineno
                self.kept = fixes
                finding.should_be, finding.source = text.splitlines()[line - 1].strip(), text
                finding.line, finding.mistake, finding.why = line, fix.mistake, fix.why
                finding.code = case.sources.code(proposer.place.file, line)
                return

    def forward(self, case: Case, loss: Loss) -> list[Finding]:
        """A reduction of the forward pass over another axis, where that makes every update right."""
        k = min(loss.slices)
        seen: set[Any] = set()
        for number in sorted(loss.slices[k]):
            step = case.record.steps[number]
            place = case.sources.place(step)
            if (
                step.name not in ("sum", "max", "mean")
                or place is None
                or place in seen
                or place.file != str(self.path)
            ):
                continue
            seen.add(place)
            node = case.sources.expression(step)
            for fix in other_axes(case.sources.texts[place.file], node, step):
                text = edited(case.sources.texts[place.file], [fix])
                self.state = dict(loss.verdicts)
                right = self.reruns < 2 * MOST_RERUNS and self.improves(text, case, loss)
                if right and all(
                    v.right(i) for v in self.state.values() for i in range(len(case.parameters))
                ):
                    finding = Finding(case, None, Fault("remark", {}, {}), step)
                    finding.mistake, finding.why = "forward_reduction", fix.why
                    finding.should_be, finding.source = text.splitlines()[finding.line - 1].strip(), text
                    return [finding]
                self.reruns += 1
        return []

    def probe(self, step: int, depth: int, look: Any) -> None:
        """Run the script up to a step, and look at its variables there."""
        run = Run(
            self.path, read_source(self.path), self.arguments, None, max(self.end - monotonic(), 0.5), None
        )
        run.record.probe = (step, depth, look)
        run.run()

    def improves(self, text: str, case: Case, loss: Loss, fault: Fault | None = None) -> bool:
        """Whether the script with the line replaced has as many more right updates as the right numbers gave."""
        gains = fault.gains if fault else {}
        limit = sorted(gains)[:2][-1] + 1 if gains else WINDOWS
        _, after = self.recorded(text, windows=limit)
        count = len(case.parameters)
        if len(after.parameters) != count and limit < WINDOWS:
            _, after = self.recorded(text)  # so few steps may not show all parameters
        numbers = [k for k in sorted(loss.verdicts) if k < min(limit, len(after.views))]
        if len(after.parameters) != count or not numbers:
            return False
        if any(
            b and not a
            for k in numbers
            for a, b in zip(moving(after.views[k]), moving(case.views[k]), strict=True)
        ):
            return False  # an update of nothing is no right one
        before = {i for i in range(count) for k in numbers if not self.state[k].right(i)}
        score = float(np.mean([self.state[k].score() for k in numbers]))
        gain = 0.9 * float(np.mean([gains.get(k, 0.0) for k in numbers]))
        for candidate in candidates(after, numbers):
            if candidate.kind != loss.kind or candidate.own != loss.own:
                continue
            candidate.forced = loss.forced
            evaluate(after, candidate, numbers)
            if not candidate.verdicts or lines_of(after, candidate) != lines_of(case, loss):
                continue
            wrong = candidate.wrong(count)
            steady_now = steady([f for f in candidate.factors.values() if f])
            if wrong <= before and (
                candidate.score() > score + max(gain, 1e-6) or (not wrong and not before and steady_now)
            ):
                self.state.update(candidate.verdicts)
                return True
        return False

    def lines(self, case: Case, loss: Loss, faults: list[Fault]) -> list[Line]:
        """What the lines of the backward pass are equal to, before and after the repairs."""
        before = equalities(case, loss)
        for fault in faults:
            for k, targets in fault.targets.items():
                case.views[k].changed.update(targets)
        after = equalities(case, loss) if faults else before
        for view in case.views:
            view.changed = {}
        out = []
        for key, line in after.items():
            old = before.get(key)
            if old is None or (
                line.factor and old.factor and abs(line.factor - old.factor) > 1e-4 * abs(line.factor)
            ):
                line.status = "infected"
            out.append(line)
        return sorted(out, key=lambda line: line.order)


def moving(view: View) -> list[bool]:
    """Which parameters a step of the training changes."""
    return [u is not None and bool(np.any(u)) for u in view.updates(view.run({}) or {})]


def changed_line(old: str, new: str) -> int:
    """The number of the first line that differs, 0 where there is none."""
    pairs = enumerate(zip(old.splitlines(), new.splitlines(), strict=False), 1)
    return next((i for i, (a, b) in pairs if a != b), 0)


def some_of(count: int) -> list[int]:
    """The steps that are looked at closely: the first two and the last."""
    return sorted({0, 1, count - 1} & set(range(count)))


def repairs(case: Case, loss: Loss, end: float) -> tuple[list[Fault], set[int]]:
    """The faults one after the other, each with the earlier ones repaired, and the parameters that stay wrong."""
    for view in case.views:
        view.changed = {}
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
        for k, targets in fault.targets.items():
            case.views[k].changed.update(targets)
        decide(case, loss)
        if loss.score() <= score + 1e-9:
            break
        faults.append(fault)
    left = loss.wrong(count)
    for view in case.views:
        view.changed = {}
    decide(case, loss)
    return faults, left


def first_of(case: Case, loss: Loss, found: list[Fault]) -> Fault:
    """Among equally good repairs the first; where all are mere factors, the line that has the factor, or lacks it."""
    if found[0].ratio is None:
        return found[0]

    equal = equalities(case, loss)
    lines = sorted(equal.values(), key=lambda line: line.order)

    def usual_for(whole: bool, own: Line | None = None) -> float | None:
        """The constant that the derivatives by the parameters, or by other values, usually have here."""
        found = (x for x in lines if x.factor and x.whole == whole and x is not own)
        return next((abs(x.factor or 0.0) for x in found), None)

    usual = usual_for(False)

    def rank(fault: Fault) -> tuple[Any, ...]:
        step, r = fault.step, fault.ratio or 1.0
        numbers = [
            float(np.ravel(x.value if hasattr(x, "value") else x)[0])
            for x in step.args[:2]
            if not isinstance(x, str | list | tuple)
            and x is not None
            and size_of(x) == 1
            and np.asarray(getattr(x, "value", x)).dtype.kind in "fiub"
        ]
        explains = (
            (step.name == "divide" and any(abs(v - r) < 1e-6 * abs(r) for v in numbers[-1:]))
            or (step.name == "multiply" and any(v and abs(1 / v - r) < 1e-6 * abs(r) for v in numbers))
            or (step.name in ("subtract", "negative") and abs(r + 1) < 1e-6)
            or (
                step.name in ("mean", "sum")
                and size_of(step.parents[0]) > 1
                and any(abs(abs(r) - n) < 1e-6 for n in np.shape(step.parents[0].value))
            )
        )
        named = bool(case.sources.name(step))
        fits = usual is not None and abs(abs(fault.scale) - usual) <= 1e-4 * usual
        line = equal.get(key_of(step))
        common = usual_for(line.whole, line) if line is not None and line.factor else None
        already = line and line.factor and common and abs(abs(line.factor) - common) <= 1e-4 * common
        return (
            not explains,
            fault.order if explains else (bool(already), not named, not (fault.whole or fits), fault.order),
        )

    best = [f for f in found if f.ratio is not None]
    explained = [f for f in best if rank(f)[0] is False]
    return min(explained or best, key=rank)


def trusted(case: Case, loss: Loss, faults: list[Fault], left: set[int]) -> bool:
    """Whether the repairs are a sound explanation, though no corrected line was found."""
    count = len(case.parameters)
    right = count - len(loss.wrong(count))
    if left or (loss.kind not in TRUSTED and not loss.kind.endswith("cross-entropy")):
        return False
    if not right and loss.score() <= 0 and all(is_update(case, fault) for fault in faults):
        # the right gradient in the gradient's own place would make any update right, of any other method too
        return loss.own and not any(has_gradient(case, loss, i) for i in range(count))
    return loss.own or right > 0 or len(faults) <= 2


def has_gradient(case: Case, loss: Loss, i: int) -> bool:
    """Whether a parameter's gradient is among the values that its update is computed with."""
    k = min(loss.adjoints)
    view, g = case.views[k], loss.grads[k][i]
    return g is not None and any(
        view.back[s.id] >> i & 1
        and (t := fit_shape(g, s)) is not None
        and multiple(np.asarray(s.value, float), t)
        for s in view.order
    )


def is_update(case: Case, fault: Fault) -> bool:
    """Whether a place is one parameter's update itself, but for factors and terms."""
    view = case.views[fault.window]
    mask = view.back.get(fault.step.id, 0)
    one = fault.meant == "adjoint" and mask.bit_count() == 1
    return one and is_linear_in(view.window.end[mask.bit_length() - 1], fault.step)


def is_linear_in(end: Step, inner: Step) -> bool:
    """Whether a value is made of another by sums and products alone."""
    todo = [end]
    for step in todo:
        if step is inner:
            return True
        if step.func in LINEAR and len(todo) < 100:
            todo += step.parents
    return False


def by_loss_value(case: Case, loss: Loss) -> Fault | None:
    """A product of a backward value with a single number that depends on the parameters, where it scales every step."""
    factors = loss.factors
    for group in groups_by_place(case, loss).values():
        targets: dict[int, dict[int, Any]] = {}
        seen = []
        for k, steps in group.items():
            for s in steps:
                if s.name not in ("multiply", "dot", "divide") or len(s.args) < 2:
                    continue
                for small, big in (s.args[:2], s.args[1::-1]):
                    if (
                        not hasattr(small, "value")
                        or not hasattr(big, "value")
                        or size_of(small) != 1
                        or size_of(big) < 2
                    ):
                        continue
                    if (
                        loss.own
                        and small.id in case.views[k].sig
                        and np.shape(big.value) == np.shape(s.value)
                    ):
                        targets.setdefault(k, {})[s.id] = np.asarray(big.value, float)
                        seen.append((factors[k] or 0) / float(np.ravel(small.value)[0]))
        if len(targets) == len(factors) and steady(seen):
            fault = Fault("adjoint", targets, {})
            fault.step = group[min(group)][0]
            return fault
    return None


def groups_by_place(case: Case, loss: Loss) -> dict[Any, dict[int, list[Any]]]:
    """The backward pass by places, outside the forward pass of the loss."""
    out: dict[Any, dict[int, list[Any]]] = {}
    for k in loss.verdicts:
        for s in case.views[k].order:
            if s.id not in loss.slices[k]:
                out.setdefault(key_of(s), {}).setdefault(k, []).append(s)
    return out


def equalities(case: Case, loss: Loss) -> dict[Any, Line]:
    """The named values of the backward pass that are a constant times a derivative, by their places."""
    found: dict[Any, Line] = {}
    values = {k: case.views[k].run({}) or {} for k in loss.adjoints}
    steps = case.record.steps
    for key, group in groups_by_place(case, loss).items():
        first = min(group)
        step = group[first][-1]
        name = case.sources.name(step)
        if not name or np.asarray(step.value).dtype.kind != "f":
            continue
        result = equal_to(case, loss, group, values)
        if result is None:
            continue
        scale, meant = result
        starts = case.views[first].window.starts
        label = case.parameters[starts[meant]].name if meant in starts else called(case, steps[meant])
        file, number = case.sources.where(step)
        line = Line(file, number, case.sources.code(file, number), "right", label, scale)
        line.order, line.whole = group[first][0].id, meant in starts
        found[key] = line
    for i, p in enumerate(case.parameters):
        if all(v.right(i) for v in loss.verdicts.values()):
            last = p.versions[-1]
            file, number = case.sources.where(last)
            line = Line(file, p.line or number, case.sources.code(file, p.line or number), "right", "", None)
            line.order = last.id
            line.update = next((f for f in loss.factors.values() if f), None)
            line.has_rule = case.views[0].gradient[i] is not None
            found.setdefault(("update", line.line), line)
    return found


def lines_of(case: Case, loss: Loss) -> list[int]:
    """The lines that lead to a loss, which an edit within a line leaves as they are."""
    key = loss.keys[0] if loss.keys else loss.pair
    return [case.record.places[number].line for number in key[1]]


def called(case: Case, step: Any) -> str:
    """A value's name, or the expression that it is the value of."""
    name = case.sources.name(step)
    place = case.sources.place(step)
    if name or place is None:
        return name
    code = case.sources.texts[place.file].text(case.sources.expression(step))
    return code if 0 < len(code) <= 24 else "its input"


def equal_to(case: Case, loss: Loss, group: Any, values: Any) -> tuple[float, int] | None:
    """The constant and the value of the forward pass whose derivative a place has in every step."""
    scale, meant = None, None
    for k, members in group.items():
        view, adjoints = case.views[k], loss.adjoints[k]
        for s in members:
            b = np.asarray(values[k].get(s.id, s.value), float)
            mask = view.back[s.id]
            best: Any = None
            for n in sorted((n for n in adjoints if isinstance(n, int)), reverse=True):
                if view.sig.get(n) != mask:
                    continue
                t = fit_shape(adjoints[n], s)
                if t is None:
                    continue
                norm = float((t * t).sum())
                if not norm:
                    if not np.any(b):
                        best = best or (scale, n)
                    continue
                c = float((t * b).sum()) / norm
                if scale is not None and abs(c - scale) > 1e-5 * abs(scale):
                    continue
                if c and np.abs(b - c * t).max() <= 1e-6 * np.abs(b).max():
                    named = bool(case.sources.name(case.record.steps[n]))
                    if best is None or named or (best[0] or 0) < 0 < c:
                        best = (c, n)
                    if named:
                        break
            if best is None:
                return None
            scale = best[0] if best[0] is not None else scale
            meant = best[1] if meant is None else meant
    return (scale, meant) if scale is not None and meant is not None else None
