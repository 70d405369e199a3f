"""The Settings page: every change is saved at once or refused at its field; the token of the Hub."""

from __future__ import annotations

import tomllib

import pytest
from PySide6.QtCore import QObject, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QApplication

from core.settings import Settings
from gui import theme
from gui.pages.settings import SettingsPage
from gui.widgets import CopyButton, IconButton, Question
from tests.gui.conftest import WAIT_MS

LEFT = Qt.MouseButton.LeftButton
TOKEN = "hf_" + "abcdefghijklmnopqrstuvwxyzABCDEF12"


@pytest.fixture
def page(app, bridge, navigator, show, qtbot):
    made = show(SettingsPage(app, bridge, navigator))
    qtbot.waitUntil(lambda: "Looking" not in made.token.words.text(), timeout=WAIT_MS)
    return made


def type_into(qtbot, row, text: str) -> None:
    """Replace the text of a field and leave it."""
    row.field.setFocus()
    row.field.selectAll()
    qtbot.keyClicks(row.field, text)
    qtbot.keyClick(row.field, Qt.Key.Key_Return)


class TestForm:
    def test_every_setting_has_a_row_with_its_words(self, page) -> None:
        assert set(page.rows) == set(Settings.model_fields) - {"version"}
        for name, row in page.rows.items():
            assert row.hint.text() == Settings.model_fields[name].description
            assert row.field.accessibleName() == Settings.model_fields[name].title

    def test_a_choice_is_saved_at_once(self, qtbot, page, app) -> None:
        qtbot.mouseClick(page.rows["on_quit"].field.segment("keep"), LEFT)
        qtbot.waitUntil(lambda: app.settings.current.on_quit == "keep", timeout=WAIT_MS)
        assert tomllib.loads(app.paths.settings_file.read_text())["on_quit"] == "keep"
        qtbot.waitUntil(lambda: page.rows["on_quit"].label.font().weight() == theme.font("bold").weight())

    def test_so_is_a_number(self, qtbot, page, app) -> None:
        type_into(qtbot, page.rows["first_port"], "9000")
        qtbot.waitUntil(lambda: app.settings.current.first_port == 9000, timeout=WAIT_MS)
        assert page.rows["first_port"].problem == ""

    @pytest.mark.parametrize(
        ("name", "text", "part"),
        [
            ("first_port", "80", "1024"),
            ("first_port", "many", "integer"),
            ("stop_grace_seconds", "-1", "0.5"),
            ("hub_page_size", "", "integer"),
        ],
    )
    def test_a_refusal_stands_at_the_field_and_saves_nothing(self, qtbot, page, app, name, text, part) -> None:
        before = app.settings.current
        type_into(qtbot, page.rows[name], text or " ")
        qtbot.waitUntil(lambda: part in page.rows[name].problem, timeout=WAIT_MS)
        assert app.settings.current == before
        assert ".toml" not in page.rows[name].problem
        assert page.rows[name].field.text().strip() == text

    def test_a_mended_value_takes_the_problem_away(self, qtbot, page, app) -> None:
        row = page.rows["first_port"]
        type_into(qtbot, row, "80")
        qtbot.waitUntil(lambda: row.problem != "", timeout=WAIT_MS)
        type_into(qtbot, row, "8000")
        qtbot.waitUntil(lambda: row.problem == "", timeout=WAIT_MS)

    def test_a_change_from_elsewhere_shows(self, qtbot, page, app) -> None:
        app.settings.change(keep_runs=3)
        qtbot.waitUntil(lambda: page.rows["keep_runs"].field.text() == "3", timeout=WAIT_MS)

    def test_what_is_being_typed_is_not_overwritten(self, qtbot, page, app) -> None:
        row = page.rows["keep_runs"]
        row.field.setFocus()
        row.field.selectAll()
        qtbot.keyClicks(row.field, "77")
        app.settings.change(first_port=8123)
        qtbot.waitUntil(lambda: page.rows["first_port"].field.text() == "8123", timeout=WAIT_MS)
        assert row.field.text() == "77"

    def test_the_theme_changes_the_window(self, qtbot, window) -> None:
        window.go_settings()
        row = window.pages["settings"].rows["theme"]
        qtbot.mouseClick(row.field.segment("dark"), LEFT)
        qtbot.waitUntil(lambda: theme.tokens() is theme.DARK, timeout=WAIT_MS)

    def test_a_disk_that_refuses_is_told(self, qtbot, page, app) -> None:
        before = app.settings.current
        app.paths.settings_file.unlink(missing_ok=True)
        app.paths.settings_file.mkdir()
        (app.paths.settings_file / "x").touch()
        type_into(qtbot, page.rows["keep_runs"], "5")
        qtbot.waitUntil(lambda: "Can't write" in page.rows["keep_runs"].problem, timeout=WAIT_MS)
        assert app.settings.current == before


class TestToken:
    def use(self, qtbot, page, token: str) -> None:
        qtbot.keyClicks(page.token.field, token)
        qtbot.mouseClick(page.token.use, LEFT)

    def test_without_one_it_says_so(self, page) -> None:
        assert page.token.words.text() == "No token is in use."
        assert not page.token.forget.isVisible()
        assert not page.token.remember.isEnabled()  # the tests have no keyring
        assert "no keyring" in page.token.keyring.text()

    def test_one_that_the_hub_knows_is_used(self, qtbot, page, hub_server, app) -> None:
        hub_server.add_token(TOKEN, "ada")
        self.use(qtbot, page, TOKEN)
        qtbot.waitUntil(lambda: page.token.words.text().startswith("ada: hf_"), timeout=WAIT_MS)
        assert "You are ada" in page.token.notice.text
        assert page.token.field.text() == ""
        assert TOKEN not in page.token.words.text()
        assert app.hub.token() == TOKEN

    def test_one_that_is_refused_is_not(self, qtbot, page, app) -> None:
        self.use(qtbot, page, TOKEN)
        qtbot.waitUntil(lambda: page.token.notice.tone == "bad", timeout=WAIT_MS)
        assert app.hub.token() == ""
        assert page.token.field.text() == TOKEN  # to be mended
        assert page.token.use.isEnabled()

    def test_it_is_not_shown_while_it_is_typed(self, page) -> None:
        from PySide6.QtWidgets import QLineEdit

        assert page.token.field.echoMode() == QLineEdit.EchoMode.Password

    def test_it_can_be_forgotten(self, qtbot, page, hub_server, app) -> None:
        hub_server.add_token(TOKEN, "ada")
        self.use(qtbot, page, TOKEN)
        qtbot.waitUntil(lambda: page.token.forget.isVisible(), timeout=WAIT_MS)
        qtbot.mouseClick(page.token.forget, LEFT)
        qtbot.mouseClick(page.findChild(Question).buttons["confirm"], LEFT)
        qtbot.waitUntil(lambda: page.token.words.text() == "No token is in use.", timeout=WAIT_MS)
        assert app.hub.token() == ""

    def test_a_link_here_puts_the_focus_into_the_field(self, qtbot, window) -> None:
        window.go_settings("hf_token")
        assert QApplication.focusWidget() is window.pages["settings"].token.field

    def test_where_to_get_one(self, qtbot, page, app) -> None:
        class Browser(QObject):
            opened: list[str] = []

            @Slot(QUrl)
            def open(self, url: QUrl) -> None:
                self.opened.append(url.toString())

        browser = Browser()
        QDesktopServices.setUrlHandler("http", browser, "open")
        try:
            link = next(
                each for each in page.token.findChildren(QObject) if getattr(each, "text", str)() == "Where to get one"
            )
            qtbot.keyClick(link, Qt.Key.Key_Return)
        finally:
            QDesktopServices.unsetUrlHandler("http")
        assert browser.opened == [f"{app.hub.endpoint}/settings/tokens"]


class TestRest:
    def test_folders_can_be_copied(self, qtbot, page, app) -> None:
        button = next(each for each in page.findChildren(CopyButton) if "log" in each.accessibleName().lower())
        qtbot.mouseClick(button, LEFT)
        assert QGuiApplication.clipboard().text() in (str(app.paths.deployments), str(app.paths.logs))

    def test_a_folder_that_is_not_there_is_told(self, qtbot, page, navigator) -> None:
        button = next(
            each for each in page.findChildren(IconButton) if each.accessibleName() == "Open Models from the Hub"
        )
        qtbot.mouseClick(button, LEFT)
        assert navigator.calls[-1][0] == "say"
