"""`Limits`: how much a server takes before it refuses."""

from dataclasses import dataclass

from xpnet.arguments import count, number

__all__ = ["Limits"]

_WAITING = 64 * 2**20  # bytes


@dataclass(frozen=True)
class Limits:
    """What a server takes.

    Attributes
    ----------
    max_bytes : int
        Bytes of a request's body.
    max_rows : int
        Rows of a request.
    max_batch : int
        Rows that are predicted together.
    max_waiting : int
        Requests that wait for a prediction; more are refused with status 503.
    timeout : float
        Seconds for a request's header, for its body, and for a client to read on.
    strict : bool
        Whether columns and categories that the model does not know are refused.

    Raises
    ------
    ArgumentError
        For a limit that is not a number greater than 0.
    """

    max_bytes: int = 8 * 2**20
    max_rows: int = 10_000
    max_batch: int = 64
    max_waiting: int = 1024
    timeout: float = 10.0
    strict: bool = False

    def __post_init__(self) -> None:
        for name in ("max_bytes", "max_rows", "max_batch", "max_waiting"):
            count(name, getattr(self, name))
        number("timeout", self.timeout, 0.001)

    @property
    def held_bytes(self) -> int:
        """Bytes of all bodies that are read at one time; more requests are refused."""
        return 8 * self.max_bytes

    @property
    def waiting_bytes(self) -> int:
        """Bytes of all rows that wait for predictions, and of these; more requests are refused.

        One request of the largest size fits: a byte of its body is a number of 8 bytes at most.
        """
        return max(_WAITING, self.held_bytes)
