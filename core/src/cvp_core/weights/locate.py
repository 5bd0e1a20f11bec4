"""Where published weights are: the addresses to try, mirrors first, and files that pip packages carry."""

from __future__ import annotations

import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ..download import OFFLINE
from ..errors import NotInstalledError, WeightsError
from ..spec import WeightsSpec

__all__ = ["MIRROR", "address", "addresses", "carried_file", "is_carried", "published_digest"]

MIRROR = "CVP_WEIGHTS_MIRROR"
_HUB = "https://huggingface.co"
_TIMEOUT_S = 30.0
_MOST_REDIRECTS = 3


def address(weights: WeightsSpec) -> str:
    """The publisher's own. $HF_ENDPOINT takes the place of huggingface.co, as it does in that site's own library."""
    if not weights.url.startswith("hf://"):
        return weights.url
    owner, repository, file = weights.url.removeprefix("hf://").split("/", 2)
    base = (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    return f"{base}/{owner}/{repository}/resolve/main/{file}"


def addresses(weights: WeightsSpec) -> list[str]:
    """The addresses of a file, in the order in which they are tried.

    $CVP_WEIGHTS_MIRROR, one or more folders or URLs with spaces between, stands before the publisher's own. Below each
    the file is looked for under the path that it has at the publisher's, then under a short one: its bare name, for the
    hub OWNER/REPOSITORY/FILE, since many files there have the same name.
    """
    long = urllib.parse.urlsplit(address(weights)).path.lstrip("/")
    short = weights.url.removeprefix("hf://") if weights.url.startswith("hf://") else long.rpartition("/")[2]
    found = []
    for mirror in os.environ.get(MIRROR, "").split():
        base = mirror if "://" in mirror else Path(mirror).expanduser().resolve().as_uri()
        found += [f"{base.rstrip('/')}/{path}" for path in (long, short)]
    return [*dict.fromkeys(found), address(weights)]


def is_carried(weights: WeightsSpec) -> bool:
    """Whether a pip package brings the file."""
    return weights.url.startswith("pypi:")


def carried_file(weights: WeightsSpec) -> Path:
    """The file of a `pypi:` address in the package that carries it. Raises NotInstalledError with the pip command."""
    package, _, inside = weights.url.removeprefix("pypi:").partition("/")
    extra = weights.extra or package
    try:
        path = Path(str(distribution(package).locate_file(inside)))
    except PackageNotFoundError:
        raise NotInstalledError(
            f"these weights come with {package}, which is not installed: pip install '{extra}'"
        ) from None
    if not path.is_file():
        raise WeightsError(f"the installed {package} has no {inside}: pip install --force-reinstall {package}")
    return path


def published_digest(weights: WeightsSpec) -> str | None:
    """The SHA-256 that the file must have, or its beginning; None where the publisher gives none.

    The Hugging Face hub publishes the whole hash with every large file, in the answer to a request for its head.
    """
    if weights.sha256 or not weights.url.startswith("hf://") or os.environ.get(OFFLINE):
        return weights.sha256 or None
    url = address(weights)
    for _ in range(_MOST_REDIRECTS):
        headers = _head(url)
        tag = headers.get("X-Linked-Etag", "").strip('"')
        if len(tag) == 64:
            return tag
        onward = urllib.parse.urljoin(url, headers.get("Location", ""))
        if onward == url or urllib.parse.urlsplit(onward).netloc != urllib.parse.urlsplit(url).netloc:
            return None
        url = onward  # a repository that was renamed
    return None


def _head(url: str) -> Mapping[str, str]:
    """Its headers; none where the server cannot be reached, of which the download itself tells."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "cvp"})
    try:
        with urllib.request.build_opener(_NoRedirect).open(request, timeout=_TIMEOUT_S) as answer:
            return dict(answer.headers)
    except urllib.error.HTTPError as error:
        with error:
            return dict(error.headers)
    except (OSError, ValueError):
        return {}


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """The hash is in the answer that leads on to the store of large files."""

    def redirect_request(self, *arguments: object, **named: object) -> None:
        return None
