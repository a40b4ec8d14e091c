"""A network as a table for people."""

from typing import Any

from xpnet.engine.engine import Engine
from xpnet.typing import size_of

__all__ = ["summary"]


class Summary(str):
    """Text that a Python prompt shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def summary(engine: Engine) -> Summary:
    """One line per layer: path, kind, output shape (n samples), own parameters."""
    network, own = engine.network, dict[str, int]()
    for name, spec in network.table.specs.items():
        path = name.rpartition(".")[0]
        own[path] = own.get(path, 0) + size_of(spec.shape)
    rows: list[Any] = [("layer", "kind", "output", "parameters")]
    seen: set[str] = set()
    for layer in network.graph.scope.calls:
        again = layer.path in seen
        seen.add(layer.path)
        count = "shared" if again and layer.path in own else f"{own.get(layer.path, 0):,}"
        shape = ", ".join(["n", *map(str, layer.shape[1:])])
        rows.append(("  " * layer.depth + (layer.path or "net"), layer.kind, f"({shape})", count))
    rows += [(path or "net", "function", "", f"{own[path]:,}") for path in own if path not in seen]
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [
        "  ".join(
            [*(t.ljust(w) for t, w in zip(row[:3], widths, strict=False)), row[3].rjust(widths[3])]
        )
        for row in rows
    ]
    total = network.table.size
    size = total * (4 if network.dtype == "float32" else 8)
    fixed = total - network.table.trainable
    more = f" ({fixed:,} of them not trained)" if fixed else ""
    lines.append(
        f"{total:,} parameters{more}, {size / 2**20:.2f} MiB, {network.dtype} on "
        f"{engine.backend.name}"
    )
    return Summary("\n".join(lines))
