"""The output of `xpnet search`: a line for each trial, and the best settings."""

from collections.abc import Mapping
from typing import Any

from xpnet.cli.search.search_space import shown, words
from xpnet.cli.search.train_words import command_of

__all__ = ["best_json", "best_text", "best_trial", "heading", "result_line"]

_SECOND = ("val_accuracy", "val_r2", "val_loss")  # shown besides the one that is compared


def heading(column: str) -> str:
    """The names above the lines of the trials."""
    return f"{'trial':>5}  {column:>12}  {'epochs':>6}  {'seconds':>7}  settings"


def result_line(number: int, result: str, attributes: Mapping[str, Any]) -> str:
    """One trial of this process."""
    numbers = f"{attributes.get('epochs', 0):>6}  {attributes.get('seconds', 0.0):>7.1f}"
    return f"{number:>5}  {result:>12}  {numbers}  {shown(attributes['settings'])}"


def best_trial(study: Any) -> Any:
    """The best trial of all processes, or None if no trial has been completed."""
    done = [t for t in study.get_trials(deepcopy=False) if t.state.name == "COMPLETE"]
    if not done:
        return None
    sign = -1 if study.direction.name == "MAXIMIZE" else 1
    return min(done, key=lambda trial: (sign * trial.value, trial.number))


def best_text(study: Any, best: Any, column: str, base: list[str]) -> list[str]:
    """How many trials there are, and the best one as a command."""
    counts = _counts(study)
    counted = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    if best is None:
        return [f"no trial has been completed ({counted or 'none begun'})"]
    attributes = best.user_attrs
    scores = attributes["scores"]
    other = next((name for name in _SECOND if name in scores and name != column), None)
    also = "" if other is None else f", {other} {scores[other]:.4g}"
    return [
        f"best of {sum(counts.values())} trials ({counted}): trial {best.number}",
        f"  {column} {scores[column]:.4g}{also}, epoch {attributes['epoch']}",
        f"  {shown(attributes['settings'])}",
        "",
        f"{command_of([*base, *words(attributes['settings'])])}",
    ]


def best_json(study: Any, best: Any, column: str, base: list[str]) -> dict[str, Any]:
    """The same for a program."""
    found: dict[str, Any] = {"trials": _counts(study), "measured_by": column, "best": None}
    if best is not None:
        attributes = best.user_attrs
        found["best"] = {
            "trial": best.number,
            **{name: attributes[name] for name in ("settings", "scores", "epoch")},
            "command": command_of([*base, *words(attributes["settings"])]),
        }
    return found


def _counts(study: Any) -> dict[str, int]:
    """How many trials ended how; a lost one does not count beside its second attempt."""
    trials = study.get_trials(deepcopy=False)
    again = {trial.user_attrs.get("retry of") for trial in trials}
    names = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running"}
    found = dict.fromkeys((*names.values(), "waiting"), 0)
    for trial in trials:
        if trial.number not in again and "surplus" not in trial.user_attrs:
            found[names.get(trial.state.name, "waiting")] += 1
    return found
