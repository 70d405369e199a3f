"""What a failed installation step says, in a sentence, and what to do about it."""

from __future__ import annotations

import re
import sys

_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"No space left on device|Errno 28|Disk quota exceeded",
        "The disk is full.",
        "Free space and install again: what is there already is kept.",
    ),
    (
        r"ensurepip is not available|No module named (venv|ensurepip)|returned non-zero exit status 1.*ensurepip",
        "This Python can't make environments: its venv module is missing.",
        f"On Debian and Ubuntu: sudo apt install python{sys.version_info.major}.{sys.version_info.minor}-venv.",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLError|SSLCertVerificationError",
        "The package registry's certificate is not trusted.",
        "Behind a proxy that opens connections, name its certificate in PIP_CERT.",
    ),
    (
        r"ProxyError|407 Proxy Authentication",
        "The proxy refuses the connection.",
        "See HTTPS_PROXY, or the proxy in pip's configuration.",
    ),
    (
        r"NameResolutionError|NewConnectionError|Temporary failure in name resolution|Name or service not known"
        r"|Network is unreachable|ConnectTimeoutError|Connection refused|Connection reset by peer",
        "The Python package registry can't be reached.",
        "See that this machine is online, then install again: what is there already is kept.",
    ),
    (
        r"ReadTimeoutError|IncompleteRead|Connection broken",
        "The connection to the package registry broke.",
        "Install again: what is there already is kept.",
    ),
    (
        r"40[13] Client Error|HTTP error 40[13]",
        "The package registry refuses the request.",
        "See the index and its password in pip's configuration.",
    ),
    (
        r"Requires-Python|requires a different Python|from versions: none",
        f"There is no build for Python {sys.version_info.major}.{sys.version_info.minor} on this machine.",
        "Run Servedeck with another Python version.",
    ),
)


def explain(output: str, code: int) -> str:
    """The cause of a failure by a step's output: in words and with a remedy where it is known, else in pip's own."""
    errors = [line.strip() for line in output.splitlines() if re.match(r"\s*(ERROR|error)\b[:\s]", line)]
    own = errors[-1].partition(":")[2].strip() if errors else ""
    for pattern, cause, remedy in _CAUSES:
        if re.search(pattern, output, re.DOTALL):
            said = f" (pip: {own[:300]})" if own else ""
            return f"{cause}{said} {remedy}"
    if own:
        return own[:500]
    last = next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")
    return f"Exit code {code}: {last[:300]}" if last else f"Exit code {code}."
