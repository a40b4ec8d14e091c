"""`xpnet serve`: a model over HTTP, as JSON and CSV."""

from xpnet.serve.application import application
from xpnet.serve.hosts import hosts_of
from xpnet.serve.limits import Limits
from xpnet.serve.running import address, listen, run

__all__ = ["Limits", "address", "application", "hosts_of", "listen", "run"]
