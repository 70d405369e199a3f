"""Discover, by mouse and keyboard, over a real socket to the stand-in Hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QModelIndex, QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QPushButton, QWidget

from core.app import App
from core.hub.facts import ModelSummary, SearchPage
from core.hub.model_ref import ModelRef
from gui.bridge import Bridge
from gui.models.files import ModelFiles
from gui.models.search_results import SearchResults
from gui.pages.discover import DiscoverPage
from gui.widgets import Notice
from tests.gui.conftest import WAIT_MS, Deck, Recorder
from tests.servers.environments import make_model
from tests.servers.hub_models import realistic
from tests.servers.hub_server import HubServer

Show = Callable[..., QWidget]


@pytest.fixture
def hub_server() -> Any:
    with realistic(HubServer()) as server:
        yield server


@pytest.fixture
def page(app: App, bridge: Bridge, navigator: Recorder, show: Show) -> DiscoverPage:
    made = DiscoverPage(app, bridge, navigator)  # type: ignore[arg-type]
    show(made)
    return made


def wait(qtbot: Any, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)


def wait_for_results(qtbot: Any, page: DiscoverPage) -> None:
    wait(qtbot, lambda: page.column.said.text() not in ("", "Searching…"))


def type_search(page: DiscoverPage, text: str) -> None:
    page.column.field.setFocus()
    page.column.field.selectAll()
    QTest.keyClicks(page.column.field, text)


def ids(page: DiscoverPage) -> list[str]:
    results = page.column.results
    return [results.summary(row).id for row in range(results.rowCount())]


def click_row(page: DiscoverPage, row: int) -> None:
    view = page.column.list
    index = page.column.results.index(row)
    view.scrollTo(index)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=view.visualRect(index).center())


def press(holder: QWidget, label: str) -> None:
    button = next(each for each in holder.findChildren(QPushButton) if each.text() == label and each.isVisible())
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def searches(hub_server: HubServer) -> list[str]:
    return [each.query.get("search", [""])[0] for each in hub_server.requests if each.path == "/api/models"]


# --- searching -------------------------------------------------------------------------------------------------------


def test_the_first_showing_lists_what_is_popular_and_says_what_to_do(page: DiscoverPage, qtbot: Any) -> None:
    wait_for_results(qtbot, page)
    assert len(ids(page)) == 30
    assert page.column.said.text() == "30 models so far"
    assert page.pane.details is None


def test_typing_searches_once_and_a_click_shows_the_facts(
    page: DiscoverPage, qtbot: Any, hub_server: HubServer
) -> None:
    wait_for_results(qtbot, page)
    type_search(page, "qwen2.5-1.5b-instruct")
    wait(qtbot, lambda: ids(page) == ["Qwen/Qwen2.5-1.5B-Instruct"])
    assert searches(hub_server) == ["", "qwen2.5-1.5b-instruct"]
    click_row(page, 0)
    wait(qtbot, lambda: page.pane.details is not None and page.pane.serving.rows)
    header = page.pane.header
    assert header.name.text() == "Qwen2.5-1.5B-Instruct"
    assert header.commit.text().startswith("main @ ")
    chips = [chip.text() for chip in header.findChildren(type(header.commit)) if chip is not header.commit]
    assert chips == [
        "Qwen2ForCausalLM",
        "1.54 B parameters",
        "BF16",
        "32,768 context",
        "Apache-2.0",
        "Not gated",
        "No repo code",
    ]
    assert [row.reason.text() != "" for row in page.pane.serving.rows] == [True, True, True]
    assert page.pane.download._figure.text() == "3.1 GB"
    wait(qtbot, lambda: "Quick start" in page.pane.tabs.card.view.text.markdown)


def test_scrolling_to_the_end_fetches_the_next_page(page: DiscoverPage, qtbot: Any) -> None:
    wait_for_results(qtbot, page)
    bar = page.column.list.verticalScrollBar()
    bar.setValue(bar.maximum())
    wait(qtbot, lambda: len(ids(page)) > 30)
    bar.setValue(bar.maximum())
    wait(qtbot, lambda: not page.column.results.next_page)
    assert len(ids(page)) == len(set(ids(page)))
    assert "so far" not in page.column.said.text()


def test_a_failed_next_page_can_be_asked_for_again(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    wait_for_results(qtbot, page)
    hub_server.fault(r"/api/models\?", status=500, times=9)
    bar = page.column.list.verticalScrollBar()
    bar.setValue(bar.maximum())
    wait(qtbot, page.column.more_notice.isVisible)
    assert len(ids(page)) == 30
    hub_server.clear_faults()
    press(page.column.more_notice, "Retry")
    wait(qtbot, lambda: len(ids(page)) > 30)
    assert not page.column.more_notice.isVisible()


def test_the_order_is_chosen_by_keyboard(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    wait_for_results(qtbot, page)
    page.column.sort.setFocus()
    QTest.keyClick(page.column.sort, Qt.Key.Key_Down)
    wait(qtbot, lambda: ids(page) and ids(page)[0] == "google-bert/bert-base-uncased")
    assert hub_server.requests[-1].query["sort"] == ["downloads"]


def test_a_newer_search_cancels_the_older_and_its_answer_is_dropped(
    page: DiscoverPage, qtbot: Any, hub_server: HubServer
) -> None:
    wait_for_results(qtbot, page)
    hub_server.fault(r"search=qwen3", delay=30.0)
    type_search(page, "qwen3")
    slow = hub_server
    wait(qtbot, lambda: "qwen3" in searches(slow))
    assert page.column.said.text() == "Searching…"
    request = next(each for each in hub_server.requests if each.query.get("search") == ["qwen3"])
    type_search(page, "gemma")
    wait(qtbot, lambda: ids(page) and all("gemma" in each for each in ids(page)))
    assert request.gone.wait(10), "the connection of the older search was not closed"


def test_no_result_says_what_to_do(page: DiscoverPage, qtbot: Any) -> None:
    type_search(page, "nothing-is-called-this")
    wait(qtbot, page.column.empty.isVisible)
    assert "nothing-is-called-this" in page.column.empty.title.text()
    assert "org/name" in page.column.empty.text.text()
    press(page.column.empty, "Clear the search")
    wait(qtbot, lambda: len(ids(page)) == 30)


# --- opening one model -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", "/tree/main", "/blob/main/config.json"])
def test_a_pasted_address_opens_the_model(page: DiscoverPage, qtbot: Any, hub_server: HubServer, suffix: str) -> None:
    QGuiApplication.clipboard().setText(f"{hub_server.url}/Qwen/Qwen3-0.6B{suffix}")
    page.column.field.setFocus()
    QTest.keyClick(page.column.field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait(qtbot, lambda: page.pane.details is not None)
    assert page.pane.header.name.text() == "Qwen3-0.6B"
    wait(qtbot, lambda: "Qwen/Qwen3-0.6B" in ids(page))
    assert page.column.list.currentIndex().row() == ids(page).index("Qwen/Qwen3-0.6B")


def test_a_typed_name_opens_the_model_by_enter(page: DiscoverPage, qtbot: Any) -> None:
    type_search(page, "facebook/opt-125m")
    QTest.keyClick(page.column.field, Qt.Key.Key_Return)
    wait(qtbot, lambda: page.pane.details is not None)
    assert page.pane.header.name.text() == "opt-125m"


def test_an_address_of_something_else_is_told(page: DiscoverPage, qtbot: Any) -> None:
    QGuiApplication.clipboard().setText("https://github.com/a/b")
    page.column.field.setFocus()
    QTest.keyClick(page.column.field, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    wait(qtbot, page.column.notice.isVisible)
    assert "no address of the Hub" in page.column.notice.text


def test_a_name_that_is_not_there_is_told_with_a_remedy(page: DiscoverPage, qtbot: Any) -> None:
    page.open_model(ModelRef(kind="hub", id="nobody/nothing"))
    wait(qtbot, page.pane.waiting.notice.isVisible)
    assert "nobody/nothing" in page.pane.waiting.notice.text


def test_a_folder_is_shown_too(page: DiscoverPage, qtbot: Any, deck: Deck) -> None:
    ref = deck.model("My-Model")
    page.open_model(ref)
    wait(qtbot, lambda: page.pane.details is not None)
    assert page.pane.header.commit.text() == "local folder"
    assert not page.pane.header.page.isEnabled()


def test_the_keyboard_goes_from_search_to_serve(page: DiscoverPage, qtbot: Any, navigator: Recorder) -> None:
    wait_for_results(qtbot, page)
    assert page.focus_search()
    type_search(page, "smollm2")
    wait(qtbot, lambda: len(ids(page)) == 3)
    QTest.keyClick(page.column.field, Qt.Key.Key_Return)
    QTest.keyClick(page.column.list, Qt.Key.Key_Down)
    wait(qtbot, lambda: page.pane.details is not None and page.pane.serving.rows)
    assert page.pane.details is not None
    assert page.pane.details.ref.id == ids(page)[1]
    QTest.keyClick(page.column.list, Qt.Key.Key_Return)
    wait(qtbot, page.pane.header.button.hasFocus)
    QTest.keyClick(page.pane.header.button, Qt.Key.Key_Return)
    name, ref = navigator.calls[-1]
    assert name == "serve"
    assert ref.id == ids(page)[1]
    assert ref.commit


# --- the model -------------------------------------------------------------------------------------------------------


def test_files_configuration_and_code_are_read_in_tabs(page: DiscoverPage, qtbot: Any) -> None:
    page.open_model(ModelRef(kind="hub", id="microsoft/Phi-3.5-mini-instruct"))
    wait(qtbot, lambda: page.pane.details is not None)
    tabs = page.pane.tabs
    tabs.bar.setFocus()
    QTest.keyClick(tabs.bar, Qt.Key.Key_Right)
    assert tabs.files.isVisible()
    model = tabs.files.files
    shown = {model.index(row, 0).data(): model.index(row, 2).data() for row in range(model.rowCount())}
    assert shown["config.json"] == "yes"
    assert tabs.bar.tabText(1) == f"Files {len(shown)}"
    QTest.keyClick(tabs.bar, Qt.Key.Key_Right)
    assert '"Phi3ForCausalLM"' in tabs.configuration.toPlainText()
    QTest.keyClick(tabs.bar, Qt.Key.Key_Right)
    table = tabs.code.table
    assert [table.files.file(row).path for row in range(table.files.rowCount())] == [
        "configuration_phi3.py",
        "modeling_phi3.py",
    ]
    QTest.mouseClick(
        table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.files.index(1, 0)).center()
    )
    wait(qtbot, tabs.code.source.isVisible)
    assert tabs.code.source.toPlainText().strip()


def test_a_model_without_code_says_so(page: DiscoverPage, qtbot: Any) -> None:
    page.open_model(ModelRef(kind="hub", id="facebook/opt-125m"))
    wait(qtbot, lambda: page.pane.details is not None)
    page.pane.tabs.bar.setCurrentIndex(3)
    assert page.pane.tabs.no_code.isVisible()


def test_a_gated_model_says_what_it_needs(page: DiscoverPage, qtbot: Any, navigator: Recorder) -> None:
    page.open_model(ModelRef(kind="hub", id="meta-llama/Llama-3.1-8B-Instruct"))
    wait(qtbot, lambda: page.pane.details is not None)
    assert "gated" in page.pane.notice.text
    press(page.pane.notice, "Set a token")
    assert navigator.calls[-1] == ("go_settings", "hf_token")


def test_installations_change_who_can_serve_it(page: DiscoverPage, qtbot: Any, deck: Deck) -> None:
    page.open_model(ModelRef(kind="hub", id="Qwen/Qwen2.5-7B-Instruct"))
    wait(qtbot, lambda: page.pane.serving.rows)
    said = [label.text() for label in page.pane.serving.rows[0].findChildren(QWidget) if hasattr(label, "text")]
    assert "not installed" in said
    deck.install("vllm")
    wait(
        qtbot,
        lambda: (
            page.pane.serving.rows
            and "not installed"
            not in [each.text() for each in page.pane.serving.rows[0].findChildren(QWidget) if hasattr(each, "text")]
        ),
    )


def test_the_card_loads_no_picture(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    hub_server.add_model(
        "acme/pictures",
        config={"architectures": ["LlamaForCausalLM"], "model_type": "llama"},
        card=f"# Hello\n![logo]({hub_server.url}/logo.png)\n<img src='{hub_server.url}/other.png'>",
    )
    page.open_model(ModelRef(kind="hub", id="acme/pictures"))
    wait(qtbot, lambda: "Hello" in page.pane.tabs.card.view.text.toPlainText())
    page.grab()
    assert not [each.path for each in hub_server.requests if each.path.endswith(".png")]


def test_a_newer_choice_drops_the_older_answer(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    slow = hub_server.fault("/api/models/facebook/opt-125m", delay=30.0)
    page.open_model(ModelRef(kind="hub", id="facebook/opt-125m"))
    wait(qtbot, lambda: slow.times == 0)
    page.open_model(ModelRef(kind="hub", id="Qwen/Qwen3-0.6B"))
    wait(qtbot, lambda: page.pane.details is not None)
    assert page.pane.header.name.text() == "Qwen3-0.6B"
    request = next(each for each in hub_server.requests if "opt-125m" in each.path)
    assert request.gone.wait(10)


def test_a_local_copy_is_shown_when_the_hub_is_down(
    page: DiscoverPage, qtbot: Any, hub_server: HubServer, tmp_path: Path
) -> None:
    commit = "a" * 40
    root = tmp_path / "hf" / "hub" / "models--acme--tiny"
    make_model(root / "snapshots" / commit)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(commit)
    fault = hub_server.fault("acme/tiny", drop=True, times=None)
    page.open_model(ModelRef(kind="hub", id="acme/tiny"))
    wait(qtbot, lambda: page.pane.details is not None)
    assert "copy on this disk" in page.pane.notice.text
    assert page.pane.header.button.isEnabled()
    fault.times = 0
    hub_server.add_model("acme/tiny", config={"architectures": ["LlamaForCausalLM"], "model_type": "llama"})
    press(page.pane.notice, "Ask the Hub again")
    wait(qtbot, lambda: page.pane.details is not None and not page.pane.details.from_cache_only)
    assert not page.pane.notice.isVisible()


# --- errors ----------------------------------------------------------------------------------------------------------


def search_and_wait_for_notice(page: DiscoverPage, qtbot: Any, text: str = "qwen3") -> Notice:
    wait_for_results(qtbot, page)
    type_search(page, text)
    wait(qtbot, page.column.notice.isVisible)
    return page.column.notice


def test_a_server_error_offers_retry(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    hub_server.fault("search=qwen3", status=500, times=9)
    notice = search_and_wait_for_notice(page, qtbot)
    assert notice.text
    assert ids(page) == []
    hub_server.clear_faults()
    press(notice, "Retry")
    wait(qtbot, lambda: len(ids(page)) > 2)
    assert not notice.isVisible()


def test_garbage_is_told(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    hub_server.fault("search=qwen3", body=b"<html>not JSON", times=9)
    assert search_and_wait_for_notice(page, qtbot).text


def test_a_hub_that_is_down_leads_to_what_is_on_this_disk(
    page: DiscoverPage, qtbot: Any, hub_server: HubServer, navigator: Recorder
) -> None:
    hub_server.fault("search=qwen3", drop=True, times=9)
    notice = search_and_wait_for_notice(page, qtbot)
    press(notice, "Models on this disk")
    assert navigator.calls[-1] == ("go_library",)


def test_a_rate_limit_counts_down_and_asks_again(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    hub_server.fault("search=qwen3", status=429, headers={"RateLimit": '"api";r=0;t=2'})
    notice = search_and_wait_for_notice(page, qtbot)
    assert "Asking again in 2 s." in notice.text
    wait(qtbot, lambda: "Asking again in 1 s." in notice.text)
    wait(qtbot, lambda: len(ids(page)) > 2)


def test_a_refused_token_can_be_left_out(
    page: DiscoverPage, qtbot: Any, hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_results(qtbot, page)
    monkeypatch.setenv("HF_TOKEN", "hf_this_is_no_token_of_anyone")
    notice = search_and_wait_for_notice(page, qtbot)
    assert "token" in notice.text
    press(notice, "Go on without the token")
    wait(qtbot, lambda: len(ids(page)) > 2)
    assert hub_server.requests[-1].token == ""


def test_facts_of_a_broken_model_are_asked_for_again(page: DiscoverPage, qtbot: Any, hub_server: HubServer) -> None:
    hub_server.fault("/api/models/facebook/opt-125m", status=500, times=9)
    page.open_model(ModelRef(kind="hub", id="facebook/opt-125m"))
    wait(qtbot, page.pane.waiting.notice.isVisible)
    hub_server.clear_faults()
    press(page.pane.waiting.notice, "Retry")
    wait(qtbot, lambda: page.pane.details is not None)


# --- the models under the views --------------------------------------------------------------------------------------


def test_the_list_model_keeps_the_rules(qapp: Any) -> None:
    results = SearchResults()
    tester = QAbstractItemModelTester(results, QAbstractItemModelTester.FailureReportingMode.Fatal)
    wanted: list[str] = []
    results.more_wanted.connect(wanted.append)
    results.add(SearchPage((ModelSummary("a/a"), ModelSummary("a/b")), "next"))
    results.fetchMore(QModelIndex())
    results.fetchMore(QModelIndex())
    assert wanted == ["next"]
    results.add(SearchPage((ModelSummary("a/b"), ModelSummary("a/c")), None))
    assert [results.summary(row).id for row in range(results.rowCount())] == ["a/a", "a/b", "a/c"]
    assert not results.canFetchMore(QModelIndex())
    results.clear()
    assert results.rowCount() == 0
    del tester


def test_the_file_model_keeps_the_rules(qapp: Any, deck: Deck, app: App) -> None:
    files = ModelFiles()
    tester = QAbstractItemModelTester(files, QAbstractItemModelTester.FailureReportingMode.Fatal)
    details = deck.do(app.hub.details(deck.model()))
    files.set_files(details.files)
    assert files.rowCount() == len(details.files)
    files.set_files(())
    del tester


def test_rows_can_be_read_by_screen_readers(page: DiscoverPage, qtbot: Any) -> None:
    type_search(page, "llama-3.1-8b-instruct")
    wait(qtbot, lambda: ids(page) == ["meta-llama/Llama-3.1-8B-Instruct"])
    said = page.column.results.index(0).data(Qt.ItemDataRole.AccessibleTextRole)
    assert "gated" in said
    assert "8.0 B" in said
    assert page.column.list.visualRect(page.column.results.index(0)).contains(QPoint(20, 20))
