"""The Settings page."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl, qVersion
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout

from core.settings import Settings
from gui.pages.page import Page
from gui.pages.settings.form import SettingRow
from gui.pages.settings.token import TokenCard
from gui.theme import em
from gui.widgets import Card, CopyButton, ElidedLabel, IconButton, Label, ScrollColumn

if TYPE_CHECKING:
    from core.app import App
    from gui.bridge import Bridge
    from gui.navigator import Navigator

_WIDTH_EM = 62.5
_HIDDEN = ("version",)


class SettingsPage(Page):
    """The settings, the account, the folders, the versions."""

    def __init__(self, app: App, bridge: Bridge, navigator: Navigator) -> None:
        super().__init__(app, bridge, navigator)
        self._column = ScrollColumn(max_width=_WIDTH_EM)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._column)
        body = self._column.body
        body.addWidget(Label("Settings", "title"))
        self.rows = {name: SettingRow(app, bridge, name) for name in Settings.model_fields if name not in _HIDDEN}
        form = Card("General")
        for row in self.rows.values():
            form.body.addWidget(row)
        form.body.setSpacing(em(0.75))
        self.token = TokenCard(app, bridge, navigator)
        body.addWidget(form)
        body.addWidget(self.token)
        body.addWidget(self._folders())
        body.addWidget(self._about())
        body.addStretch(1)
        bridge.settings_changed.connect(self._refresh_rows)

    def shown(self) -> None:
        """Show what is in use now."""
        self._refresh_rows()
        self.token.refresh()

    def open(self, field: str) -> None:
        """Put the focus on a setting, or on the token (`hf_token`)."""
        if field == "hf_token":
            self._column.ensureWidgetVisible(self.token)
            self.token.field.setFocus()
        elif field in self.rows:
            self._column.ensureWidgetVisible(self.rows[field])
            self.rows[field].field.setFocus()

    def _refresh_rows(self) -> None:
        for row in self.rows.values():
            row.refresh()

    def _folders(self) -> Card:
        card = Card("Folders")
        paths = self.app.paths
        places = (
            ("Models from the Hub", self.app.library.cache_folder),
            ("Deployments and logs", paths.deployments),
            ("Installed engines", paths.environments),
            ("Settings", paths.config),
            ("Servedeck's own log", paths.logs),
        )
        for title, path in places:
            row = QHBoxLayout()
            row.setSpacing(em(0.5))
            name = Label(title)
            name.setFixedWidth(em(11))
            row.addWidget(name)
            row.addWidget(ElidedLabel(str(path), "mono", tone="dim", mode=Qt.TextElideMode.ElideMiddle), 1)
            row.addWidget(CopyButton(f"Copy the path of {title}", text=str(path)))
            button = IconButton("folder", f"Open {title}")
            button.clicked.connect(lambda _checked=False, path=path: self._open_folder(path))
            row.addWidget(button)
            card.body.addLayout(row)
        card.body.setSpacing(em(0.1))
        return card

    def _about(self) -> Card:
        import PySide6

        from gui.about import version

        card = Card("About")
        card.body.addWidget(Label(f"Servedeck {version()}", "bold", selectable=True))
        facts = f"Python {platform.python_version()} · PySide6 {PySide6.__version__} · Qt {qVersion()}"
        card.body.addWidget(Label(facts, tone="dim", selectable=True))
        card.body.addWidget(Label("Fonts: Inter and JetBrains Mono, under the SIL Open Font License.", tone="dim"))
        return card

    def _open_folder(self, path: Path) -> None:
        if not path.is_dir():
            self.navigator.say(str(path), title="The folder does not exist yet:", tone="warn")
        elif not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self.navigator.say(str(path), title="No file manager answered. The folder is:", tone="warn")
