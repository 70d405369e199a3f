"""The few system libraries that Qt needs and its wheel does not bring, and the screen it needs to open a window on.

Without one of them Qt ends the program with a line that few people can make sense of ("could not load the Qt platform
plugin"), so this is asked before Qt is imported. It imports neither Qt nor the core: `make run` calls it, and so does
the `servedeck` command.

    python -m gui.system_libraries             says what is missing; exit code 1 if something is
    python -m gui.system_libraries --install   installs it with apt-get where that is possible (as root on Debian)
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Library:
    """One shared library, and the Debian and Ubuntu package that holds it."""

    soname: str
    package: str


# Found with readelf on the wheel of PySide6 6.11: only what Qt names itself; apt adds what these need in turn.
ALWAYS = (
    Library("libGL.so.1", "libgl1"),
    Library("libEGL.so.1", "libegl1"),
    Library("libX11.so.6", "libx11-6"),
    Library("libxkbcommon.so.0", "libxkbcommon0"),
    Library("libfontconfig.so.1", "libfontconfig1"),
    Library("libfreetype.so.6", "libfreetype6"),
    Library("libglib-2.0.so.0", "libglib2.0-0"),
    Library("libdbus-1.so.3", "libdbus-1-3"),
    Library("libzstd.so.1", "libzstd1"),
)
X11 = (
    Library("libX11-xcb.so.1", "libx11-xcb1"),
    Library("libxcb-cursor.so.0", "libxcb-cursor0"),
    Library("libxcb-icccm.so.4", "libxcb-icccm4"),
    Library("libxcb-image.so.0", "libxcb-image0"),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1"),
    Library("libxcb-randr.so.0", "libxcb-randr0"),
    Library("libxcb-render-util.so.0", "libxcb-render-util0"),
    Library("libxcb-render.so.0", "libxcb-render0"),
    Library("libxcb-shape.so.0", "libxcb-shape0"),
    Library("libxcb-shm.so.0", "libxcb-shm0"),
    Library("libxcb-sync.so.1", "libxcb-sync1"),
    Library("libxcb-util.so.1", "libxcb-util1"),
    Library("libxcb-xfixes.so.0", "libxcb-xfixes0"),
    Library("libxcb-xkb.so.1", "libxcb-xkb1"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0"),
)
WAYLAND = (
    Library("libwayland-client.so.0", "libwayland-client0"),
    Library("libwayland-cursor.so.0", "libwayland-cursor0"),
)


def wanted(environment: Mapping[str, str]) -> tuple[Library, ...]:
    """The libraries for the kind of screen that this environment names; X11's where it names none."""
    platform = environment.get("QT_QPA_PLATFORM", "").partition(":")[0]
    if platform not in ("", "xcb", "wayland"):
        return ALWAYS
    if platform == "wayland" or (not platform and environment.get("WAYLAND_DISPLAY")):
        return ALWAYS + WAYLAND
    return ALWAYS + X11


def missing(libraries: tuple[Library, ...]) -> tuple[Library, ...]:
    """Those that the dynamic linker does not find; none on systems other than Linux, where the wheel brings all."""
    return tuple(each for each in libraries if not _loads(each.soname)) if sys.platform == "linux" else ()


def problem(environment: Mapping[str, str]) -> str:
    """Why no window can be opened here and what to do about it; empty if nothing is known to stand in the way."""
    if sys.platform != "linux":
        return ""
    if not any(environment.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")):
        return (
            "There is no screen to open a window on (neither DISPLAY nor WAYLAND_DISPLAY is set). "
            "The command line needs none: see `servedeck --help`, or try `servedeck demo`."
        )
    lacking = missing(wanted(environment))
    return f"Qt needs system libraries that are missing: {_names(lacking)}. {remedy(lacking)}" if lacking else ""


def remedy(lacking: tuple[Library, ...]) -> str:
    """The command that installs them, or the sentence that says what to look for."""
    if shutil.which("apt-get"):
        return f"Install them with: {'' if os.geteuid() == 0 else 'sudo '}{' '.join(_install_command(lacking))}"
    return "Install the packages of your system that hold them."


def _install_command(lacking: tuple[Library, ...]) -> list[str]:
    return ["apt-get", "install", "-y", "--no-install-recommends", *(each.package for each in lacking)]


def _names(libraries: tuple[Library, ...]) -> str:
    return ", ".join(each.soname for each in libraries)


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def _install(lacking: tuple[Library, ...]) -> int:
    """Run apt-get; returns its exit code."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    print(f"Installing what Qt needs: {' '.join(each.package for each in lacking)}", flush=True)
    for command in (["apt-get", "update", "-qq"], [*_install_command(lacking), "-qq"]):
        code = subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode
        if code:
            print(f"`{' '.join(command)}` ended with exit code {code}.", file=sys.stderr)
            return code
    return 0


def main() -> int:
    """Say, or mend, what is missing for a window here."""
    lacking = missing(wanted(os.environ))
    if lacking and "--install" in sys.argv[1:] and os.geteuid() == 0 and shutil.which("apt-get"):
        _install(lacking)
        lacking = missing(lacking)
    if lacking:
        print(f"Qt needs system libraries that are missing: {_names(lacking)}.\n{remedy(lacking)}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
