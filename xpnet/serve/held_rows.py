"""How much memory requests hold while they wait for predictions."""

from xpnet.serve.refusal import Refusal

__all__ = ["HeldRows"]


class HeldRows:
    """Counts the bytes of requests that wait.

    Parameters
    ----------
    limit : int
        Bytes. A request alone may need more.

    Attributes
    ----------
    bytes : int
        What is held now.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.bytes = 0

    def take(self, size: int) -> None:
        """Hold more bytes.

        Raises
        ------
        Refusal
            503 if others hold too many.
        """
        if self.bytes and self.bytes + size > self._limit:
            raise Refusal(
                503,
                "too many rows are waiting already: try again later, or with fewer rows.",
                headers={"retry-after": "1"},
            )
        self.bytes += size

    def give_back(self, size: int) -> None:
        """Hold them no longer."""
        self.bytes -= size
