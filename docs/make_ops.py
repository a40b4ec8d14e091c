"""Write docs/ops.md, the equations of every op and update rule, from their docstrings.

Run it from the repository's root after a change in ``xpnet/ops``::

    python docs/make_ops.py

``tests/test_docs_ops.py`` fails while the page is not what this script makes.
"""

import inspect
import re
from collections.abc import Callable, Iterable
from importlib import import_module
from itertools import groupby
from pathlib import Path
from typing import Any

from xpnet import ops
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.ops.record import PASS, Vjp

PAGE = Path(__file__).with_name("ops.md")

TOP = """# The ops and their equations

Made by `docs/make_ops.py` from the docstrings in `xpnet/ops`: change those, then run it.

Each op has one forward function and a backward function (the *vjp*) for each differentiable input.
`gy` is the gradient of the loss with respect to the output `y`; `gx` is the gradient with respect
to the input `x`. The *saved* tensor is what the forward function keeps for the backward function,
besides inputs and output. `[condition]` is 1 where the condition holds and 0 elsewhere. Shapes are
written as for NumPy's generalized ufuncs: `...` stands for any leading dimensions, and the
saved tensor's shape follows a semicolon. Arguments after `*` are settings.
"""

UPDATES_TOP = """## Update rules

An optimizer is a chain of these rules. A rule takes the parameters `p`, the gradient `g`, and
slots that it keeps from step to step; a prime marks the new value. Then come the coefficients,
which are computed for each step, and after `*` the settings.
"""


def summary(fn: Any) -> str:
    """The first paragraph of a docstring, on one line."""
    doc = inspect.getdoc(fn)
    if not doc:
        raise ValueError(f"{fn.__qualname__} in {fn.__module__} has no docstring to show.")
    return " ".join(doc.partition("\n\n")[0].split())


def code(text: str) -> str:
    """Text as it stands, in a cell of a table."""
    return "`" + text.replace("`", "").replace("|", r"\|") + "`"


def equation(fn: Callable[..., Any]) -> str:
    """What a function computes, by its docstring."""
    return code(summary(fn).removesuffix("."))


def heading(name: str, fn: Callable[..., Any]) -> str:
    """How an op or a rule is called: its name, arrays and settings."""
    parameters = list(inspect.signature(fn).parameters.values())[1:]
    bare = [p.replace(annotation=p.empty) for p in parameters]
    return code(f"{name}{inspect.Signature(bare)}")


def gradient(name: str, vjp: Vjp) -> str:
    """The equation of one vjp. Two ops may share a vjp: its left side names this op's input."""
    if vjp is PASS:
        return code(f"g{name} = gy")
    return re.sub("^`g[a-z]+", f"`g{name}", equation(vjp.fn))


def backward(op: ops.Op) -> str:
    """The equations of an op's vjps, one line an input."""
    names = op.inputs or ("x",)
    lines = [
        gradient(name, vjp) for name, vjp in zip(names, op.vjps, strict=False) if vjp is not None
    ]
    return "<br>".join(lines) or "none"


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    columns = list(columns)
    lines = [columns, ["---"] * len(columns), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def section(module: str, records: Iterable[ops.Op]) -> str:
    """The ops of one module, in the order of the registry."""
    rows = [
        (heading(op.name, op.fn), code(op.signature), equation(op.fn), backward(op))
        for op in records
    ]
    title = f"## {module.rpartition('.')[2]}\n\n{summary(import_module(module))}\n\n"
    return title + table(("op", "shapes", "forward", "backward"), rows)


def page() -> str:
    """The text of docs/ops.md."""

    def module(op: ops.Op) -> str:
        return str(op.fn.__module__)

    groups = groupby(sorted(REGISTRY.values(), key=module), module)
    rules = [(heading(u.name, u.fn), equation(u.fn)) for u in UPDATES.values()]
    return "\n".join(
        [
            TOP,
            *(section(name, records) for name, records in groups),
            UPDATES_TOP,
            table(("rule", "what it changes"), rules),
        ]
    )


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
