"""Pictures of every page, light and dark, at two sizes, with realistic content: `python -m tests.screenshots [FOLDER]`.

The real window over the real core, rendered without a screen. The Hub is the stand-in with its realistic models, the
engines are the fake one behind real keepers, the model cache holds files that take no space. Written to
`artifacts/screenshots/<page>-<theme>-<size>.png`; a picture that could not be taken fails the run.

`--readme` also renews the picture of the README (docs/images/servedeck.png).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QEvent, QMessageLogContext, QSize, Qt, QtMsgType, qInstallMessageHandler
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit, QWidget

from core.app import App
from core.deployments.deployment import State
from core.deployments.launch_spec import LaunchSpec
from core.engines import option_tables
from core.hub.model_ref import ModelRef
from core.paths import Paths
from gui.garbage import Garbage
from gui.window import Window
from tests.servers.environments import make_environment
from tests.servers.hub_models import realistic
from tests.servers.hub_repository import Repository, VirtualFile
from tests.servers.hub_server import HubServer

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[1]
SIZES = (QSize(1440, 900), QSize(1024, 700))
THEMES = ("light", "dark")
TIMEOUT = 30.0
QUIET_MS = 350
README_PICTURE = ROOT / "docs" / "images" / "servedeck.png"
README_LIMIT = 300_000

READY, LOADING, FAILED = "Qwen/Qwen2.5-1.5B-Instruct", "HuggingFaceTB/SmolLM3-3B", "Qwen/Qwen2.5-7B-Instruct"
QUESTIONS = ("What is the capital of France?", "How do I call you from Python?")


def cache(repository: Repository, folder: Path) -> None:
    """Put a model into a Hugging Face cache, its weights as files with holes in them."""
    home = folder / f"models--{repository.id.replace('/', '--')}"
    snapshot = home / "snapshots" / repository.commit
    for file in repository.files.values():
        path = snapshot / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            target.write(file.content.head if isinstance(file.content, VirtualFile) else file.read(0, file.size))
            target.truncate(file.size)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(repository.commit)
    (home / "trees").mkdir()
    listed = {file.path: {"size": file.size} for file in repository.files.values()}
    (home / "trees" / f"{repository.commit}.json").write_text(json.dumps({"format_version": 1, "files": listed}))


class World:
    """What is on the pictures."""

    def __init__(self, app: App, folder: Path) -> None:
        self.app = app
        self.folder = folder

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.app.loop.spawn(work).result(TIMEOUT)

    def furnish(self) -> None:
        """Engines, models, and three deployments: ready, failed, loading."""
        for engine in ("vllm", "transformers"):
            environment = make_environment(self.folder / f"{engine}-env", engine)
            installation = self.do(self.app.installations.add(engine, str(environment)))
            # The fake engine can't describe its options; those of the same version are kept as if it had.
            table = self.app.engines.get(engine).shipped_options()
            kept = table.model_copy(update={"version": installation.version, "source": "installation"})
            option_tables.keep(self.app.paths, kept, installation.version)
        self.do(self.app.library.scan())
        self.launch("qwen-7b", FAILED, "vllm", "exit_code=1", options={"max-model-len": 32768})
        self.launch("qwen-chat", READY, "vllm", "slow=0.7,rate=38", options={"max-model-len": 8192})
        self.wait(lambda: self.state("qwen-chat") is State.READY and self.state("qwen-7b") is State.FAILED)
        self.launch("smollm3", LOADING, "transformers", "slow=120")
        self.wait(lambda: self.state("smollm3") is State.STARTING)

    def launch(self, name: str, model: str, engine: str, modes: str, **values: Any) -> None:
        os.environ["FAKE_ENGINE"] = modes
        ref = ModelRef.parse(model)
        spec = LaunchSpec.build(name=name, model=ref.model_dump(), engine=engine, **values)
        self.do(self.app.fleet.launch(spec))

    def state(self, name: str) -> State:
        return self.app.fleet.get(name).state

    def wait(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            if time.monotonic() > deadline:
                states = {each.name: (each.state, each.run) for each in self.app.fleet.deployments()}
                raise SystemExit(f"waited in vain: {states}")
            QTest.qWait(20)

    def clear(self) -> None:
        for each in self.app.fleet.deployments():
            self.do(self.app.fleet.remove(each.id))


class Camera:
    """Goes to each page and takes its picture."""

    def __init__(self, world: World, window: Window, folder: Path) -> None:
        self.world = world
        self.window = window
        self.folder = folder
        self.taken: list[Path] = []
        folder.mkdir(parents=True, exist_ok=True)

    def take_all(self) -> None:
        self.window.show()
        self.settle()
        self.chat()
        for theme in THEMES:
            self.world.app.settings.change(theme=theme)
            for size in SIZES:
                self.window.resize(size)
                for page, go in self.pages().items():
                    go()
                    self.settle()
                    self.take(f"{page}-{theme}-{size.width()}x{size.height()}")

    def pages(self) -> dict[str, Callable[[], object]]:
        fleet = self.world.app.fleet
        return {
            "home": self.window.go_home,
            "discover": self.discover,
            "serve": lambda: self.window.serve(ModelRef.parse(READY)),
            "library": self.window.go_library,
            "deployments": lambda: self.window.open_deployment(""),
            "deployment-ready": lambda: self.window.open_deployment(fleet.get("qwen-chat").id),
            "deployment-loading": lambda: self.window.open_deployment(fleet.get("smollm3").id),
            "deployment-failed": lambda: self.window.open_deployment(fleet.get("qwen-7b").id),
            "engines": self.window.go_engines,
            "settings": self.window.go_settings,
        }

    def discover(self) -> None:
        self.window.go_discover("instruct")
        self.settle()
        self.window.open_model(ModelRef.parse(READY))

    def chat(self) -> None:
        """Two questions, typed and sent as a user does; the chat is beside the log only where there is room."""
        self.window.resize(SIZES[0])
        self.window.open_deployment(self.world.app.fleet.get("qwen-chat").id)
        self.settle()
        fields = self.window.findChildren(QPlainTextEdit)
        shown = [each for each in fields if each.accessibleName() == "Message" and each.isVisible()]
        if not shown:
            self.take("no-chat")
            raise SystemExit(f"the page of a ready deployment shows no chat: {self.taken[-1]}")
        field = shown[0]
        for number, question in enumerate(QUESTIONS, 1):
            QTest.keyClicks(field, question)
            QTest.keyClick(field, Qt.Key.Key_Return)
            served = self.answered
            self.world.wait(lambda number=number, served=served: served() >= number)
            self.settle()

    def answered(self) -> int:
        """How many chat answers the engine's access log shows."""
        _, lines = self.world.app.fleet.log(self.world.app.fleet.get("qwen-chat").id).since(0)
        return sum("POST /v1/chat/completions" in line.text for line in lines)

    def settle(self) -> None:
        """Until the core has had nothing to do for the window for a moment, and everything is painted."""
        deadline = time.monotonic() + TIMEOUT
        quiet_since = time.monotonic()
        while (time.monotonic() - quiet_since) * 1000 < QUIET_MS:
            if time.monotonic() > deadline:
                raise SystemExit("the window does not come to rest")
            QTest.qWait(20)
            if self.window.bridge.is_busy:
                quiet_since = time.monotonic()

    def take(self, name: str) -> None:
        focus = QApplication.focusWidget()
        if isinstance(focus, QWidget):
            focus.clearFocus()
        image = self.window.grab().toImage()
        path = self.folder / f"{name}.png"
        if image.isNull() or not image.save(str(path)):
            raise SystemExit(f"{path} could not be written")
        self.taken.append(path)


def tell_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str | None) -> None:
    """What Qt warns of, without what the offscreen platform always says."""
    if message and not message.startswith("This plugin does not support"):
        print(f"Qt: {message}", file=sys.stderr)


def renew_readme_picture(source: Path) -> None:
    """The same picture with few enough colours to stay small."""
    image = QImage(str(source)).convertToFormat(QImage.Format.Format_RGB888)
    README_PICTURE.parent.mkdir(parents=True, exist_ok=True)
    image.save(str(README_PICTURE), "PNG", 0)
    if README_PICTURE.stat().st_size > README_LIMIT:
        indexed = image.convertToFormat(QImage.Format.Format_Indexed8, Qt.ImageConversionFlag.ThresholdDither)
        indexed.save(str(README_PICTURE), "PNG", 0)
    size = README_PICTURE.stat().st_size
    print(f"{README_PICTURE}: {size} bytes")
    if size > README_LIMIT:
        raise SystemExit(f"{README_PICTURE} is larger than {README_LIMIT} bytes")


def main() -> int:
    """Build the world, take the pictures, leave nothing behind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "artifacts" / "screenshots")
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args()
    begun = time.monotonic()
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_CACHE"):
        os.environ.pop(name, None)
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ |= {"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring", "PATH": "/usr/bin:/bin"}
    qInstallMessageHandler(tell_qt_message)
    application = QApplication(sys.argv[:1])
    garbage = Garbage(application)
    with tempfile.TemporaryDirectory(prefix="servedeck-pictures-") as folder, realistic(HubServer()) as hub:
        root = Path(folder)
        os.environ |= {"SERVEDECK_HOME": str(root / "home"), "HF_HOME": str(root / "hf"), "HF_ENDPOINT": hub.url}
        for model in (READY, LOADING, FAILED):
            cache(hub.repositories[model], root / "hf" / "hub")
        with App(Paths.from_environment()) as app:
            world = World(app, root)
            try:
                world.furnish()
                window = Window(app)
                camera = Camera(world, window, given.folder)
                camera.take_all()
                window.leave()
                window.deleteLater()
                application.sendPostedEvents(window, QEvent.Type.DeferredDelete)
            finally:
                garbage.stop()
                world.clear()
    if given.readme:
        renew_readme_picture(given.folder / "deployment-ready-dark-1440x900.png")
    print(f"{len(camera.taken)} pictures in {given.folder}, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
