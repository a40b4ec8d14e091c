"""Pictures of data, training and networks, drawn with matplotlib (``pip install 'xpnet[plot]'``).

A function with one panel draws into the Axes `ax`, or into a new Figure, and returns the Axes. A
function with several panels takes and returns a Figure, `figure`. No function uses pyplot, so none
needs a display or leaves figures open: ``xn.plot.history(h).savefig("curves.png")``, or
``xn.plot.graph(model).figure.savefig("graph.svg")``.
"""

from xpnet.plot.boundary import decision_boundary
from xpnet.plot.classes import confusion_matrix, roc_curves
from xpnet.plot.curves import history
from xpnet.plot.diagram import graph
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
