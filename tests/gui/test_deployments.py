"""The Deployments page by mouse and keyboard, over real child processes (the fake engine): lives of deployments."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPushButton

from core.deployments.deployment import Phase, State
from core.engines.support import Implementation
from gui.models.deployments import ID
from gui.pages.deployments import DeploymentsPage
from gui.pages.deployments.actions import RenameDialog
from gui.widgets import Question
from tests.gui.deployment_pages import choose, log_text, opened, question, wait

LEFT = Qt.MouseButton.LeftButton
NO = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def page(app, bridge, navigator, show) -> DeploymentsPage:
    return show(DeploymentsPage(app, bridge, navigator))


class TestNothing:
    def test_without_deployments_it_says_what_to_do(self, qtbot, page, navigator) -> None:
        assert page.list.empty.isVisible()
        assert page.list.empty.title.text() == "Nothing is served yet"
        qtbot.mouseClick(page.list.empty.button, LEFT)
        qtbot.mouseClick(page.list.library_button, LEFT)
        assert [call[0] for call in navigator.calls] == ["go_discover", "go_library"]


class TestAStart:
    def test_phases_advance_until_it_is_ready(self, qtbot, deck, page) -> None:
        deck.install(modes="slow=0.5")
        deck.launch()
        detail = opened(qtbot, deck, page, state=None)
        header, phases = detail.header, detail.phases
        wait(qtbot, lambda: header.state.text() == "Starting · load weights")
        assert header.state.tone == "warn"
        wait(qtbot, lambda: phases.cells[Phase.LOAD_WEIGHTS].isVisible())
        assert phases.cells[Phase.READY].detail.text() == ""
        before = phases.cells[Phase.LOAD_WEIGHTS].detail.text()
        wait(qtbot, lambda: phases.cells[Phase.LOAD_WEIGHTS].detail.text() != before)
        wait(qtbot, lambda: header.state.text().startswith("Ready for"))
        assert header.state.tone == "ok"
        assert phases.cells[Phase.READY].detail.text().startswith("after ")
        assert phases.cells[Phase.READY].title.property("tone") == "ok"
        assert header.engine.text() == "vLLM 0.32.0+cpu · process"
        wait(qtbot, lambda: header.implementation.text() == "Native implementation")
        assert "Read from the log" in header.implementation.toolTip()

    def test_the_log_comes_while_it_starts(self, qtbot, deck, page) -> None:
        deck.install(modes="slow=0.2")
        deck.launch()
        detail = opened(qtbot, deck, page, state=None)
        wait(qtbot, lambda: "Resolved architecture" in log_text(detail))
        assert "Application startup complete" not in log_text(detail)
        wait(qtbot, lambda: "Application startup complete" in log_text(detail))
        assert detail.logs.view.is_following

    def test_the_endpoint_can_be_copied(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch()
        detail = opened(qtbot, deck, page)
        run = deck.app.fleet.get("tiny").run
        assert detail.header.endpoint.text() == run.endpoint == f"http://127.0.0.1:{run.port}/v1"
        qtbot.mouseClick(detail.header.copy_button, LEFT)
        assert QGuiApplication.clipboard().text() == run.endpoint

    def test_another_implementation_than_asked_for_is_told(self, qtbot, deck, page) -> None:
        deck.install(modes="loads=native")
        deck.launch(implementation=Implementation.TRANSFORMERS)
        detail = opened(qtbot, deck, page)
        wait(qtbot, lambda: bool(detail.findings.notices))
        assert "Asked for transformers, but native loaded" in detail.findings.notices[0].text
        assert detail.findings.notices[0].tone == "warn"
        assert detail.header.implementation.tone == "warn"


class TestStopping:
    def test_a_click_stops_it_and_says_what_was_found(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch()
        detail = opened(qtbot, deck, page)
        port = deck.app.fleet.get("tiny").run.port
        qtbot.mouseClick(detail.header.stop_button, LEFT)
        assert detail.header.stop_button.text() == "Stopping…"
        assert not detail.header.stop_button.isEnabled()
        assert not detail.header.restart_button.isEnabled()
        wait(qtbot, lambda: deck.state("tiny") is State.STOPPED)
        wait(qtbot, lambda: bool(detail.findings.notices))
        words = detail.findings.notices[0].text
        assert words.startswith(f"Stopped: no process left, port {port} free, ")
        assert detail.header.state.text() == "Stopped"
        assert detail.header.restart_button.text() == "Start again"
        assert not detail.header.stop_button.isVisible()

    def test_restart_makes_another_run_and_earlier_logs_can_be_read(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch()
        detail = opened(qtbot, deck, page)
        first_pid = deck.app.fleet.get("tiny").run.folder
        qtbot.mouseClick(detail.header.restart_button, LEFT)
        assert detail.header.restart_button.text() == "Restarting…"
        wait(qtbot, lambda: len(deck.app.fleet.get("tiny").runs) == 2 and deck.state("tiny") is State.READY)
        assert deck.app.fleet.get("tiny").run.folder != first_pid
        wait(qtbot, lambda: detail.tabs.tabText(detail.tabs.count() - 1) == "Runs 2")
        wait(qtbot, lambda: "Application startup complete" in log_text(detail))
        assert "Shutting down" not in log_text(detail)
        detail.show_tab("runs")
        detail.runs.table.setFocus()
        detail.runs.table.selectRow(detail.runs.model.row_of(1))
        qtbot.keyClick(detail.runs.table, Qt.Key.Key_Return)
        assert detail.tab == "logs"
        wait(qtbot, lambda: "Shutting down" in log_text(detail))
        assert "The log of run 1" in detail.logs.banner.text
        back = next(each for each in detail.logs.banner.findChildren(QPushButton) if each.text().startswith("Back to"))
        qtbot.mouseClick(back, LEFT)
        assert not detail.logs.banner.isVisible()
        wait(qtbot, lambda: "startup complete" in log_text(detail) and "Shutting down" not in log_text(detail))

    def test_a_stopped_one_is_started_again(self, qtbot, deck, page) -> None:
        deck.install()
        deployment = deck.launch()
        detail = opened(qtbot, deck, page)
        deck.do(deck.app.fleet.stop(deployment.id))
        wait(qtbot, lambda: detail.header.restart_button.text() == "Start again")
        wait(qtbot, detail.header.restart_button.isEnabled)
        qtbot.mouseClick(detail.header.restart_button, LEFT)
        wait(qtbot, lambda: detail.header.state.text().startswith("Ready for"))


class TestAFailure:
    def test_the_cause_is_shown_and_leads_to_its_line(self, qtbot, deck, page) -> None:
        deck.install(modes="exit_code=1,at=kv")
        deck.launch()
        detail = opened(qtbot, deck, page, state=State.FAILED)
        card = detail.findings.failure
        wait(qtbot, card.isVisible)
        assert card.title.text().startswith("Failed while ")
        assert card.title.text().endswith(": exit code 1")
        assert "To serve at least one request" in card.cause.toPlainText()
        assert detail.header.state.tone == "bad"
        failed = [cell for cell in detail.phases.cells.values() if cell.title.text().endswith("✕")]
        assert [cell.detail.text() for cell in failed] == ["exit code 1"]
        assert not detail.chat.isVisible()
        qtbot.mouseClick(card.line_button, LEFT)
        line = deck.app.fleet.get("tiny").run.failure_line
        assert card.line_button.text() == f"Go to line {line + 1}"
        wait(qtbot, lambda: detail.logs.view.table.selected_rows() == [line])
        assert "To serve at least one request" in detail.logs.model.line(line).text
        assert detail.logs.view.table.marked == line
        assert not detail.logs.view.is_following

    def test_a_signal_is_named(self, qtbot, deck, page) -> None:
        deck.install(modes="signal=9,at=load")
        deck.launch()
        detail = opened(qtbot, deck, page, state=State.FAILED)
        wait(qtbot, detail.findings.failure.isVisible)
        assert "killed by signal 9" in detail.findings.failure.title.text()

    def test_it_can_be_edited_and_relaunched(self, qtbot, deck, page, navigator) -> None:
        deck.install(modes="exit_code=1")
        deployment = deck.launch()
        detail = opened(qtbot, deck, page, state=State.FAILED)
        wait(qtbot, detail.header.edit_button.isVisible)
        qtbot.mouseClick(detail.header.edit_button, LEFT)
        assert navigator.calls == [("serve", deployment.spec.model, deployment.spec, deployment.id)]

    def test_a_start_that_could_not_begin_says_why(self, qtbot, deck, page, navigator) -> None:
        installation = deck.install()
        deployment = deck.launch()
        detail = opened(qtbot, deck, page)
        deck.do(deck.app.fleet.stop(deployment.id))
        wait(qtbot, detail.header.restart_button.isEnabled)
        deck.do(deck.app.installations.remove(installation.id))
        qtbot.mouseClick(detail.header.restart_button, LEFT)
        wait(qtbot, lambda: detail.header.state.text() == "Failed before the engine started")
        assert detail.findings.failure.explanation.text()
        assert not [call for call in navigator.calls if call[0] == "show_error"]


class TestNames:
    def test_a_double_click_renames(self, qtbot, deck, page) -> None:
        deck.install()
        deployment = deck.launch()
        detail = opened(qtbot, deck, page)
        qtbot.mouseDClick(detail.header.name, LEFT)
        dialog = question(page, RenameDialog)
        dialog.field.selectAll()
        qtbot.keyClicks(dialog.field, "other name")
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
        wait(qtbot, lambda: bool(dialog.row.problem))
        assert dialog.isVisible()
        dialog.field.selectAll()
        qtbot.keyClicks(dialog.field, "other-name")
        qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
        wait(qtbot, lambda: detail.header.name.text() == "other-name")
        assert deck.app.fleet.get(deployment.id).name == "other-name"
        wait(qtbot, lambda: not [each for each in page.window().findChildren(Question) if each.isVisible()])

    def test_f2_renames_and_escape_leaves_it(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch()
        detail = opened(qtbot, deck, page)
        detail.header.stop_button.setFocus()
        qtbot.keyClick(detail.header.stop_button, Qt.Key.Key_F2)
        dialog = question(page, RenameDialog)
        qtbot.keyClicks(dialog.field, "nothing")
        qtbot.keyClick(dialog.field, Qt.Key.Key_Escape)
        assert deck.app.fleet.get("tiny").name == "tiny"


class TestRemoving:
    def test_it_asks_first_and_goes_back_to_the_list(self, qtbot, deck, page) -> None:
        deck.install()
        deployment = deck.launch()
        detail = opened(qtbot, deck, page)
        menu = page.commands.menu(deployment.id, complete=False)
        choose(menu, "Remove…")
        dialog = question(page)
        assert dialog.focusWidget() is dialog.buttons["cancel"]
        qtbot.mouseClick(dialog.buttons["cancel"], LEFT)
        assert deck.state("tiny") is State.READY
        choose(menu, "Remove…")
        qtbot.mouseClick(question(page).buttons["confirm"], LEFT)
        wait(qtbot, lambda: not deck.app.fleet.deployments())
        wait(qtbot, lambda: page.current == "" and page.list.isVisible())
        assert page.list.empty.isVisible()
        assert detail not in page.details.values()
        assert not deployment.folder.exists()


class TestSeveral:
    def test_one_fails_and_the_other_goes_on(self, qtbot, deck, page) -> None:
        good = deck.install()
        bad = deck.install(modes="exit_code=3")
        deck.launch("good", installation=good.id)
        deck.launch("bad", installation=bad.id)
        wait(qtbot, lambda: deck.state("good") is State.READY and deck.state("bad") is State.FAILED)
        page.open()
        model = page.list.model
        wait(qtbot, lambda: model.rowCount() == 2 and model.index(0, 1).data().startswith("Failed"))
        rows = {model.index(row, 0).data(): row for row in range(2)}
        assert model.index(rows["good"], 1).data() == "Ready"
        assert model.index(rows["good"], 4).data() == deck.app.fleet.get("good").run.endpoint
        assert model.index(rows["bad"], 4).data() == ""
        page.list.grab()

    def test_the_list_is_used_by_keyboard(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch("one")
        deck.launch("two")
        wait(qtbot, lambda: deck.state("one") is State.READY and deck.state("two") is State.READY)
        page.open()
        told: list[str] = []
        page.current_changed.connect(told.append)
        table = page.list.table
        table.setFocus()
        table.selectRow(0)
        qtbot.keyClick(table, Qt.Key.Key_Down)
        chosen = page.list.chosen()
        assert chosen == [str(page.list.model.index(1, 0).data(ID))]
        qtbot.keyClick(table, Qt.Key.Key_Return)
        assert page.current == chosen[0]
        assert told == chosen
        assert page.detail is not None
        page.open()
        table.selectAll()
        stop = page.list._buttons["stop"]
        assert stop.text() == "Stop 2 deployments"
        qtbot.mouseClick(stop, LEFT)
        wait(qtbot, lambda: deck.state("one") is State.STOPPED and deck.state("two") is State.STOPPED)

    def test_each_keeps_its_own_log_and_place(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch("one")
        deck.launch("two")
        first = opened(qtbot, deck, page, "one")
        first.show_tab("configuration")
        second = opened(qtbot, deck, page, "two")
        assert second.tab == "logs"
        assert opened(qtbot, deck, page, "one") is first
        assert first.tab == "configuration"

    def test_what_another_program_removes_goes(self, qtbot, deck, page) -> None:
        deck.install()
        deployment = deck.launch()
        opened(qtbot, deck, page)
        deck.do(deck.app.fleet.remove(deployment.id))
        wait(qtbot, lambda: page.current == "" and page.list.empty.isVisible())
