"""TCP ports: which are free, and who holds the others."""

from __future__ import annotations

import errno
import socket
from collections.abc import Collection

import psutil

from core.errors import PortTakenError

LAST_PORT = 65535


def is_free(host: str, port: int) -> bool:
    """True if a server could listen there now. Binds for a moment, as the server will, with SO_REUSEADDR.

    Raises:
        OSError: the address is not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def listeners(port: int) -> tuple[int, ...]:
    """Pids that listen on the port, as far as this user may see; 0 stands for a process of another user."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return ()
    pids = {
        each.pid or 0
        for each in connections
        if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    }
    return tuple(sorted(pids))


def holder(port: int) -> str:
    """Who listens on the port, for the user: `python (pid 4711)`; empty if nobody is seen."""
    names = []
    for pid in listeners(port):
        if pid == 0:
            names.append("a process of another user")
            continue
        try:
            names.append(f"{psutil.Process(pid).name()} (pid {pid})")
        except psutil.Error:
            names.append(f"pid {pid}")
    return ", ".join(names)


def choose(host: str, first: int, taken: Collection[int] = ()) -> int:
    """The first free port from `first` on that is not in `taken`.

    Raises:
        PortTakenError: none is free.
    """
    for port in range(first, LAST_PORT + 1):
        if port not in taken and is_free(host, port):
            return port
    raise PortTakenError(
        f"No port from {first} to {LAST_PORT} is free.", port=first, remedy="Set a lower first port in the settings."
    )


def require_free(host: str, port: int) -> None:
    """Say who is in the way.

    Raises:
        PortTakenError: somebody listens there.
    """
    if is_free(host, port):
        return
    who = holder(port)
    raise PortTakenError(
        f"Port {port} is taken by {who or 'a process that this user may not see'}.",
        port=port,
        holder=who,
        remedy="Choose another port, or leave it empty to get a free one.",
    )
