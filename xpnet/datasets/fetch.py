"""Find a published file on this machine, or download it once; never use a damaged file."""

import hashlib
import os
import sys
import textwrap
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from xpnet.errors import DatasetError, MissingDependencyError
from xpnet.optional import require

__all__ = ["Source", "locate"]

_TIMEOUT_S = 15
_LONGEST_REASON = 120


@dataclass(frozen=True)
class Source:
    """Where the files of one data set come from, and their checksums.

    Attributes
    ----------
    name : str
        The name used in messages.
    folder : str
        The folder of its files, in ``XPNET_DATA`` and in the cache.
    mirrors : tuple of str
        Base URLs, each ending in a slash, tried in this order.
    sha256 : mapping of str to str
        SHA-256 of each file, by file name.
    """

    name: str
    folder: str
    mirrors: tuple[str, ...]
    sha256: Mapping[str, str]


def locate(source: Source, file: str) -> Path:
    """Return the path of a verified copy of a file; download the file if there is none.

    The search order is the folder named by the environment variable ``XPNET_DATA``, the cache
    (``XPNET_CACHE``, or else the user's cache folder), the mirrors.

    Parameters
    ----------
    source : Source
        The data set.
    file : str
        One of the names in ``source.sha256``.

    Raises
    ------
    DatasetError
        If the copy in ``XPNET_DATA`` is damaged, or no mirror has a good copy.
    MissingDependencyError
        If it must be downloaded and pooch is not installed.
    """
    root = os.environ.get("XPNET_DATA")
    if not root:
        return _fetch(source, file, "XPNET_DATA is not set")
    local = Path(root).expanduser() / source.folder / file
    if not local.is_file():
        return _fetch(source, file, f"{local} does not exist")
    _verify(local, source.sha256[file])
    return local


def _verify(path: Path, expected: str) -> None:
    try:
        with path.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    if found != expected:
        raise DatasetError(
            f"{path} is damaged: expected SHA-256 {expected}, found {found}. "
            "Replace the file, or remove it so that it is downloaded again."
        )


def _fetch(source: Source, file: str, no_local: str) -> Path:
    pooch = _pooch(source, file, no_local)
    folder = Path(os.environ.get("XPNET_CACHE") or pooch.os_cache("xpnet")) / source.folder
    made = [path for path in (folder, folder.parent) if not os.path.exists(path)]
    outer = sys.exception()
    failures = []
    try:
        for mirror in source.mirrors:
            try:
                return _download(pooch, mirror + file, folder, source.sha256[file])
            # Pooch reports network and disk errors as OSError, a wrong hash as ValueError.
            except (OSError, ValueError) as error:
                failures.append(f"{mirror}{file}: {_reason(error, outer)}")
    finally:
        # Pooch makes the folders before it downloads; folders that are not empty stay.
        for path in made:
            with suppress(OSError):
                path.rmdir()
    looked = "\n  ".join([no_local, f"not in the cache {folder}", *failures])
    raise DatasetError(
        f"{source.name} could not be found or downloaded. Connect to the internet, or "
        f"{_by_hand(source)}\nTried for {file}:\n  {looked}"
    )


def _pooch(source: Source, file: str, no_local: str) -> ModuleType:
    purpose = f"Downloading {source.name} ({file}; {no_local})"
    try:
        return require("pooch", extra="datasets", purpose=purpose)
    except MissingDependencyError as error:
        raise MissingDependencyError(f"{error}\nOr {_by_hand(source)}") from error


def _by_hand(source: Source) -> str:
    return (
        f"put the files into a folder DIR/{source.folder} and set XPNET_DATA=DIR:\n  "
        f"{', '.join(source.sha256)}"
    )


def _reason(error: BaseException, outer: BaseException | None) -> str:
    """The innermost reason, shortened; `outer` was already being handled before the download."""
    while (inner := error.__cause__ or error.__context__) not in (None, outer):
        error = inner
    text = str(error) or type(error).__name__
    return textwrap.shorten(text, _LONGEST_REASON, placeholder=" ...")


def _download(pooch: ModuleType, url: str, folder: Path, sha256: str) -> Path:
    """Let pooch return the cached file, or download it and keep it only if it is verified."""
    downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=_TIMEOUT_S)
    return Path(
        pooch.retrieve(
            url,
            known_hash=f"sha256:{sha256}",
            fname=url.rpartition("/")[2],
            path=folder,
            downloader=downloader,
        )
    )
