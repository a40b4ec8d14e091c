"""Pictures of data, training and networks, drawn by matplotlib (``pip install 'xpnet[plot]'``).

A function with one panel draws into the Axes `ax`, or into a new Figure, and returns the Axes;
one with several panels does so with `figure`. Nothing goes through pyplot, so nothing needs a
display and nothing is left behind: ``xn.plot.history(h).savefig("curves.png")``, or
``xn.plot.graph(model).figure.savefig("graph.svg")``.
"""

from xpnet.plot.boundary import decision_boundary
from xpnet.plot.classes import confusion_matrix, roc_curves
from xpnet.plot.curves import history
from xpnet.plot.network import graph
from xpnet.plot.pictures import images, weights

__all__ = [
    "confusion_matrix",
    "decision_boundary",
    "graph",
    "history",
    "images",
    "roc_curves",
    "weights",
]
