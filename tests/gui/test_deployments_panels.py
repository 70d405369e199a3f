"""The Deployments page: log, configuration, use from code, little room, and the models under it."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLineEdit

from core.app import App
from core.deployments.deployment import State
from core.deployments.launch_spec import LaunchSpec
from gui.bridge import Bridge
from gui.models.deployments import Deployments
from gui.models.runs import Runs
from gui.pages.deployments import DeploymentsPage
from gui.pages.deployments.from_code import FromCodeDialog
from tests.gui.deployment_pages import choose, log_text, opened, question, wait

LEFT = Qt.MouseButton.LeftButton
NO = Qt.KeyboardModifier.NoModifier


@pytest.fixture
def page(app, bridge, navigator, show) -> DeploymentsPage:
    return show(DeploymentsPage(app, bridge, navigator))


class TestTheLog:
    def test_a_flood_is_shown_to_its_last_line(self, qtbot, deck, page) -> None:
        deck.install(modes="flood=30000")
        deck.launch()
        detail = opened(qtbot, deck, page)
        model = detail.logs.model
        wait(qtbot, lambda: "line 29999 of 30000" in model.text_of(list(range(model.rowCount()))[-100:]))
        assert detail.logs.view.is_following
        numbers = [model.line(row).number for row in range(model.rowCount())]
        assert numbers == list(range(len(numbers)))

    def test_scrolling_up_stops_following_and_the_button_goes_on(self, qtbot, deck, page) -> None:
        deck.install(modes="flood=2000")
        deck.launch()
        detail = opened(qtbot, deck, page)
        wait(qtbot, lambda: detail.logs.model.rowCount() > 2000)
        table = detail.logs.view.table
        table.setFocus()
        qtbot.keyClick(table, Qt.Key.Key_Home)
        assert not detail.logs.follow_button.isChecked()
        assert detail.logs.follow_button.text() == "Follow"
        assert detail.logs.view.follow_button.isVisible()
        qtbot.mouseClick(detail.logs.follow_button, LEFT)
        assert detail.logs.view.is_following
        assert not detail.logs.view.follow_button.isVisible()

    def test_all_of_it_can_be_copied(self, qtbot, deck, page, navigator) -> None:
        deck.install()
        deck.launch()
        detail = opened(qtbot, deck, page)
        wait(qtbot, lambda: "startup complete" in log_text(detail))
        choose(detail.logs.menu(), "Copy all")
        wait(qtbot, lambda: any(call[0] == "say" for call in navigator.calls))
        assert QGuiApplication.clipboard().text().startswith(log_text(detail)[:500])

    def test_an_ended_run_is_read_from_disk_by_the_next_window(self, qtbot, deck, navigator, show) -> None:
        deck.install()
        deployment = deck.launch()
        wait(qtbot, lambda: deck.state("tiny") is State.READY)
        deck.do(deck.app.fleet.stop(deployment.id))
        with App(deck.app.paths, hub_endpoint=deck.app.hub.endpoint) as later:
            bridge = Bridge(later)
            page = show(DeploymentsPage(later, bridge, navigator))
            page.open(deployment.id)
            wait(qtbot, lambda: "Application startup complete" in log_text(page.detail))
            assert page.detail.findings.notices[0].text.startswith("Stopped: no process left")
            bridge.close()


class TestTheConfiguration:
    def test_the_command_holds_no_secret(self, qtbot, deck, page) -> None:
        deck.install()
        ref = deck.model(add=False)
        spec = LaunchSpec.build(
            name="keyed",
            model=ref.model_dump(),
            engine="vllm",
            api_key=True,
            secret_env=("MY_TOKEN",),
            options={"max-model-len": 2048},
        )
        deck.do(deck.app.fleet.launch(spec, api_key="sd-very-secret", secret_env={"MY_TOKEN": "hidden-value"}))
        detail = opened(qtbot, deck, page, "keyed")
        detail.show_tab("configuration")
        command = detail.configuration.command.toPlainText()
        assert "--max-model-len 2048" in command
        assert 'MY_TOKEN="$MY_TOKEN"' in command
        assert "sd-very-secret" not in command
        assert "hidden-value" not in command
        assert detail.configuration.folder.text() == str(deck.app.fleet.get("keyed").folder)

    def test_the_launch_spec_is_saved(self, qtbot, deck, page, tmp_path: Path, navigator) -> None:
        deck.install()
        deployment = deck.launch()
        detail = opened(qtbot, deck, page)
        detail.show_tab("configuration")
        qtbot.mouseClick(detail.configuration.save_button, LEFT)
        dialog = page.window().findChild(QFileDialog)
        target = tmp_path / "mine"
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(target))
        save = dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save)
        qtbot.mouseClick(save, LEFT)
        wait(qtbot, lambda: target.with_suffix(".toml").exists())
        text = target.with_suffix(".toml").read_text()
        assert LaunchSpec.from_toml(text, source="x") == deck.app.fleet.get(deployment.id).spec

    def test_duplicate_opens_the_form_with_another_name(self, qtbot, deck, page, navigator) -> None:
        deck.install()
        deployment = deck.launch()
        opened(qtbot, deck, page)
        choose(page.commands.menu(deployment.id, complete=True), "Duplicate…")
        name, ref, spec = navigator.calls[-1]
        assert (name, ref, spec.name, spec.port) == ("serve", deployment.spec.model, "tiny-2", None)


class TestUseFromCode:
    def test_the_ways_are_shown_and_copied(self, qtbot, deck, page) -> None:
        deck.install()
        ref = deck.model(add=False)
        spec = LaunchSpec.build(name="keyed", model=ref.model_dump(), engine="vllm", api_key=True)
        deck.do(deck.app.fleet.launch(spec, api_key="sd-very-secret"))
        detail = opened(qtbot, deck, page, "keyed")
        run = deck.app.fleet.get("keyed").run
        qtbot.mouseClick(detail.header.code_button, LEFT)
        wait(qtbot, lambda: any(each.isVisible() for each in page.window().findChildren(FromCodeDialog)))
        dialog = question(page, FromCodeDialog)
        assert [dialog.tabs.tabText(n) for n in range(3)] == ["curl", "Python (openai)", "Environment variables"]
        boxes = [dialog.boxes.widget(n).toPlainText() for n in range(3)]
        assert all(run.endpoint in text for text in boxes)
        assert all("sd-very-secret" not in text for text in boxes)
        assert "SERVEDECK_API_KEY" in boxes[0]
        dialog.tabs.setFocus()
        qtbot.keyClick(dialog.tabs, Qt.Key.Key_Right)
        assert dialog.boxes.currentIndex() == 1
        qtbot.mouseClick(dialog.buttons["copy-key"], LEFT)
        assert QGuiApplication.clipboard().text() == "sd-very-secret"
        qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        wait(qtbot, lambda: not any(each.isVisible() for each in page.window().findChildren(FromCodeDialog)))


class TestRoom:
    def test_the_chat_becomes_a_tab_where_there_is_no_room(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch()
        detail = opened(qtbot, deck, page)
        assert detail.chat.isVisible()
        assert detail.tab == "logs"
        page.resize(812, 620)
        wait(qtbot, lambda: not detail.chat.isVisible())
        titles = [detail.tabs.tabText(n) for n in range(detail.tabs.count())]
        assert titles == ["Logs", "Chat", "Configuration", "Runs 1"]
        qtbot.mouseClick(detail.tabs, LEFT, NO, detail.tabs.tabRect(1).center())
        assert detail.chat.isVisible()
        assert not detail.logs.isVisible()
        page.resize(1228, 860)
        wait(qtbot, lambda: detail.tabs.count() == 3)
        assert detail.chat.isVisible()

    def test_at_the_smallest_size_nothing_is_wider_than_the_page(self, qtbot, deck, page) -> None:
        deck.install()
        deck.launch(name="a-rather-long-name-of-a-deployment-that-has-no-end-at-all")
        detail = opened(qtbot, deck, page, "a-rather-long-name-of-a-deployment-that-has-no-end-at-all")
        page.resize(760, 620)
        wait(qtbot, lambda: detail.width() == 760)
        right = detail.header.more_button.mapTo(detail, QPoint(detail.header.more_button.width(), 0)).x()
        assert right <= 760
        assert detail.minimumSizeHint().width() <= 760


class TestTheModels:
    def test_they_keep_the_rules_of_qt(self, qtbot, deck, page) -> None:
        deck.install()
        model = Deployments(str.title)
        runs = Runs()
        mode = QAbstractItemModelTester.FailureReportingMode.Fatal
        testers = [QAbstractItemModelTester(each, mode) for each in (model, runs)]
        first = deck.launch("one")
        model.show(deck.app.fleet.deployments())
        deck.launch("two")
        model.show(deck.app.fleet.deployments())
        wait(qtbot, lambda: deck.state("one") is State.READY)
        model.show(deck.app.fleet.deployments())
        model.tick()
        model.show(tuple(reversed(deck.app.fleet.deployments())))
        runs.show_deployment(deck.app.fleet.get("one"))
        deck.do(deck.app.fleet.restart(first.id))
        runs.show_deployment(deck.app.fleet.get("one"))
        deck.do(deck.app.fleet.remove(first.id))
        model.show(deck.app.fleet.deployments())
        assert model.rowCount() == 1
        model.show(())
        assert model.rowCount() == 0
        for tester in testers:
            tester.deleteLater()
