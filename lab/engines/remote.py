"""HTTP engines: the observed directory goes out as a tar.gz, a diagnosis comes back."""

from __future__ import annotations

import io
import tarfile
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from pathlib import Path

from lab.engines.capture import LARGEST_ANSWER_BYTES
from lab.engines.processes import NoAnswerError


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """urllib would follow a redirect with a GET, without the recording: the other end would answer a request unmade."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirects)


def packed(observed: Path) -> bytes:
    """The directory as a tar.gz with the single top folder `observed`; file times and owners are left out."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entry.mtime = entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        return entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=1) as archive:
        archive.add(observed, arcname="observed", filter=plain)
    return buffer.getvalue()


def _read(response: HTTPResponse, deadline: float) -> bytes:
    answer = b""
    while chunk := response.read1(2**16):
        answer += chunk
        if len(answer) > LARGEST_ANSWER_BYTES:
            raise NoAnswerError(f"answered more than {LARGEST_ANSWER_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError  # a socket's own timeout only bounds single reads
    if response.length:  # what Content-Length promised and did not come
        raise NoAnswerError(f"broke off: the answer is cut off, {response.length} bytes are missing")
    return answer


def post(url: str, observed: Path, timeout_s: float) -> str:
    """Posts `observed/` to an engine and returns the body of its answer."""
    headers = {"Content-Type": "application/gzip", "Accept": "application/json"}
    request = urllib.request.Request(url, data=packed(observed), headers=headers, method="POST")
    deadline = time.monotonic() + timeout_s
    try:
        with _OPENER.open(request, timeout=timeout_s) as response:
            return _read(response, deadline).decode(errors="replace")
    except urllib.error.HTTPError as error:
        with error:
            body = error.read(400).decode(errors="replace").strip()
        target = error.headers.get("Location")
        message = f"redirects to {target}, which is not followed; name that URL" if target else body or error.reason
        raise NoAnswerError(f"answered HTTP {error.code}: {message}") from error
    except TimeoutError as error:
        raise NoAnswerError(f"timed out after {timeout_s:g} s") from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise NoAnswerError(f"timed out after {timeout_s:g} s") from error
        raise NoAnswerError(f"cannot be reached: {error.reason}") from error
    except (HTTPException, OSError) as error:
        raise NoAnswerError(f"broke off: {type(error).__name__}: {error}") from error
