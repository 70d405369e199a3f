"""The Library page: what is listed, and what can be done with it, by mouse, keyboard and drag."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QObject, QPointF, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu

from core.hub.facts import LibraryEntry
from core.hub.model_ref import ModelRef
from gui.models.library import Column, LibraryModel
from gui.pages.library import LibraryPage
from gui.widgets import Question
from tests.gui.conftest import WAIT_MS
from tests.servers.environments import make_model

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def page(app, bridge, navigator, show):
    return show(LibraryPage(app, bridge, navigator))


@pytest.fixture
def filled(qtbot, page, deck):
    """The page with two models of the user's."""
    deck.model("Alpha-Chat")
    deck.model("Beta-Chat", architectures=["Qwen2ForCausalLM"])
    qtbot.waitUntil(lambda: page.model.rowCount() == 2, timeout=WAIT_MS)
    return page


def names(page: LibraryPage) -> list[str]:
    return [page.model.index(row, Column.NAME).data() for row in range(page.model.rowCount())]


def drop(page: LibraryPage, *paths: Path) -> bool:
    """Drag paths over the page and let go; False if the page does not want them."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, keys = Qt.DropAction.CopyAction, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(page.rect().center(), copy, mime, LEFT, keys)
    enter.ignore()
    QApplication.sendEvent(page, enter)
    if not enter.isAccepted():
        return False
    assert page.drop_hint.isVisible()
    QApplication.sendEvent(page, QDropEvent(QPointF(page.rect().center()), copy, mime, LEFT, keys))
    return True


class TestListing:
    def test_nothing_here_leads_to_discover(self, qtbot, page, deck, navigator) -> None:
        deck.do(deck.app.library.scan())
        qtbot.waitUntil(lambda: page.empty.title.text() == "No models on this machine", timeout=WAIT_MS)
        qtbot.mouseClick(page.empty.button, LEFT)
        assert navigator.calls == [("go_discover",)]

    def test_models_show_with_their_facts(self, filled) -> None:
        assert names(filled) == ["Alpha-Chat", "Beta-Chat"]
        assert filled.summary.text().startswith("2 models, ")
        assert filled.details.name.text().endswith("Alpha-Chat")
        assert filled.model.index(0, Column.STATE).data() == "complete"

    def test_the_details_follow_the_row(self, qtbot, filled) -> None:
        filled.table.setFocus()
        qtbot.keyClick(filled.table, Qt.Key.Key_Down)
        assert filled.details.name.text().endswith("Beta-Chat")

    def test_an_incomplete_one_says_what_is_missing(self, qtbot, page, deck) -> None:
        ref = deck.model("Gamma", add=False)
        (Path(ref.id) / "model.safetensors").unlink()
        deck.do(deck.app.library.add_folder(ref.id))
        qtbot.waitUntil(lambda: page.model.rowCount() == 1, timeout=WAIT_MS)
        qtbot.waitUntil(lambda: page.details.problem.isVisible(), timeout=WAIT_MS)
        assert page.model.index(0, Column.STATE).data() == page.details.problem.text != ""

    def test_the_filter_keeps_what_matches(self, qtbot, filled) -> None:
        filled.focus_search()
        qtbot.keyClicks(filled.search, "beta")
        qtbot.waitUntil(lambda: names(filled) == ["Beta-Chat"])
        assert filled.details.name.text().endswith("Beta-Chat")
        qtbot.keyClicks(filled.search, "zzz")
        qtbot.waitUntil(lambda: filled.empty.title.text() == "Nothing matches")
        assert not filled.details.isVisible()
        qtbot.keyClick(filled.search, Qt.Key.Key_Escape)
        qtbot.waitUntil(lambda: len(names(filled)) == 2)

    def test_a_click_on_a_title_sorts(self, qtbot, filled) -> None:
        header = filled.table.horizontalHeader()
        place = header.sectionViewportPosition(Column.NAME) + 10
        qtbot.mouseClick(header.viewport(), LEFT, pos=header.rect().center().__class__(place, 8))
        assert names(filled) == ["Beta-Chat", "Alpha-Chat"]

    def test_rescan_finds_what_is_gone(self, qtbot, filled, tmp_path: Path) -> None:
        (tmp_path / "models" / "Beta-Chat").rename(tmp_path / "moved")
        qtbot.mouseClick(filled.rescan, LEFT)
        qtbot.waitUntil(lambda: filled.model.index(1, Column.STATE).data() == "The folder is gone.", timeout=WAIT_MS)
        filled.table.selectRow(1)
        assert not filled.details.open.isEnabled()
        assert not filled.details.serve.isEnabled()


class TestDoing:
    def test_serve_by_button_enter_and_double_click(self, qtbot, filled, navigator) -> None:
        ref = filled.chosen().ref
        qtbot.mouseClick(filled.details.serve, LEFT)
        filled.table.setFocus()
        qtbot.keyClick(filled.table, Qt.Key.Key_Return)
        place = filled.table.visualRect(filled.model.index(0, 0)).center()
        qtbot.mouseClick(filled.table.viewport(), LEFT, pos=place)
        qtbot.mouseDClick(filled.table.viewport(), LEFT, pos=place)
        assert navigator.calls == [("serve", ref)] * 3

    def test_copy_gives_the_id(self, qtbot, filled) -> None:
        qtbot.mouseClick(filled.details.copy, LEFT)
        assert QGuiApplication.clipboard().text() == filled.chosen().ref.text

    def test_the_folder_opens_in_the_file_manager(self, qtbot, filled) -> None:
        class FileManager(QObject):
            opened: list[str] = []

            @Slot(QUrl)
            def open(self, url: QUrl) -> None:
                self.opened.append(url.toLocalFile())

        manager = FileManager()
        QDesktopServices.setUrlHandler("file", manager, "open")
        try:
            qtbot.mouseClick(filled.details.open, LEFT)
        finally:
            QDesktopServices.unsetUrlHandler("file")
        assert manager.opened == [str(filled.chosen().path)]

    def test_removing_forgets_and_deletes_nothing(self, qtbot, filled) -> None:
        path = filled.chosen().path
        qtbot.mouseClick(filled.details.remove, LEFT)
        dialog = filled.window().findChild(Question)
        qtbot.mouseClick(dialog.buttons["confirm"], LEFT)
        qtbot.waitUntil(lambda: names(filled) == ["Beta-Chat"], timeout=WAIT_MS)
        assert (path / "config.json").is_file()

    def test_the_context_menu_has_the_same(self, qtbot, filled, navigator) -> None:
        filled._open_menu(filled.table.rect().center())
        menu = next(each for each in filled.findChildren(QMenu) if each.isVisible())
        assert [action.text() for action in menu.actions()] == [
            "Serve…",
            "Open folder",
            "Copy path",
            "Remove from the list…",
        ]
        menu.actions()[0].trigger()
        menu.close()
        assert navigator.calls == [("serve", filled.chosen().ref)]


class TestAdding:
    def test_a_dropped_folder_is_added_and_chosen(self, qtbot, page, tmp_path: Path) -> None:
        folder = make_model(tmp_path / "x" / "Dropped-Chat")
        assert drop(page, folder)
        qtbot.waitUntil(lambda: names(page) == ["Dropped-Chat"], timeout=WAIT_MS)
        assert (page.details.name.text(), page.details.path.text()) == (folder.name, str(folder))
        assert not page.drop_hint.isVisible()

    def test_a_file_is_not_wanted(self, page, tmp_path: Path) -> None:
        (tmp_path / "a.txt").write_text("x")
        assert not drop(page, tmp_path / "a.txt")

    def test_a_folder_without_a_model_is_refused_with_the_reason(self, qtbot, page, tmp_path: Path) -> None:
        (tmp_path / "photos").mkdir()
        assert drop(page, tmp_path / "photos")
        qtbot.waitUntil(lambda: page.notice.isVisible(), timeout=WAIT_MS)
        assert "config.json" in page.notice.text
        assert page.notice.tone == "bad"

    def test_the_button_opens_a_folder_dialog(self, qtbot, page, tmp_path: Path) -> None:
        folder = make_model(tmp_path / "y" / "Chosen-Chat")
        qtbot.mouseClick(page.add, LEFT)
        dialog = page.window().findChild(QFileDialog)
        assert dialog.fileMode() == QFileDialog.FileMode.Directory
        dialog.fileSelected.emit(str(folder))
        dialog.close()
        qtbot.waitUntil(lambda: names(page) == ["Chosen-Chat"], timeout=WAIT_MS)


def entry(name: str, **values: object) -> LibraryEntry:
    facts = {"size": 1, "complete": True, "modified": datetime(2026, 1, 1, tzinfo=UTC), **values}
    return LibraryEntry(ModelRef(kind="hub", id=name, commit="a" * 40), Path("/x") / name, **facts)


class TestModel:
    def test_it_keeps_the_rules_of_qt(self, qtbot) -> None:
        model = LibraryModel()
        tester = QAbstractItemModelTester(model, QAbstractItemModelTester.FailureReportingMode.Fatal)
        model.set_entries(tuple(entry(f"org/m{n}", size=n) for n in range(5)))
        model.sort(Column.SIZE, Qt.SortOrder.DescendingOrder)
        model.set_filter("m3")
        model.set_entries(())
        del tester

    @pytest.mark.parametrize("column", list(Column))
    def test_every_column_can_be_sorted(self, column: Column) -> None:
        model = LibraryModel()
        model.set_entries(
            (entry("a/b", modified=None), entry("c/d", complete=False, problem="x"), entry("e/f", size=9))
        )
        model.sort(column)
        first = [model.entry(row).ref.id for row in range(3)]
        model.sort(column, Qt.SortOrder.DescendingOrder)
        assert sorted(first) == sorted(model.entry(row).ref.id for row in range(3))

    def test_unknown_things_are_said_to_be(self) -> None:
        model = LibraryModel()
        model.set_entries((entry("a/b", modified=None, complete=False),))
        assert model.index(0, Column.MODIFIED).data() == "unknown"
        assert model.index(0, Column.STATE).data() == "not complete"
        assert model.index(0, Column.WHERE).data() == "Hugging Face cache"
