"""The Serve form, by mouse and keyboard, over a real core; engines are the fake one, as real processes."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester, QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget

from core.app import App
from core.deployments.deployment import State
from core.deployments.launch_spec import LaunchSpec
from core.engines.support import Implementation
from core.hub.model_ref import ModelRef
from gui.bridge import Bridge
from gui.models.options import OptionMatches
from gui.pages.serve import ServePage
from gui.pages.serve.form import ServeForm
from gui.pages.serve.option_editors import ChoiceEntry, SwitchEntry, TextEntry
from gui.widgets import FormRow
from tests.gui.conftest import WAIT_MS, Deck, Recorder
from tests.servers.hub_models import realistic
from tests.servers.hub_server import HubServer

Show = Callable[..., QWidget]
Open = Callable[..., ServeForm]


@pytest.fixture
def page(app: App, bridge: Bridge, navigator: Recorder, show: Show) -> ServePage:
    made = ServePage(app, bridge, navigator)  # type: ignore[arg-type]
    show(made)
    return made


@pytest.fixture
def open_form(page: ServePage, qtbot: Any) -> Open:
    def opened(ref: ModelRef, spec: LaunchSpec | None = None, deployment_id: str | None = None) -> ServeForm:
        page.open(ref, spec, deployment_id)
        wait(qtbot, lambda: page.form is not None)
        assert page.form is not None
        settle(qtbot, page.form)
        return page.form

    return opened


def wait(qtbot: Any, condition: Callable[[], object]) -> None:
    qtbot.waitUntil(lambda: bool(condition()), timeout=WAIT_MS)


def settle(qtbot: Any, form: ServeForm) -> None:
    """The form has been checked, and the installed options have been asked for."""
    wait(
        qtbot,
        lambda: not form._timer.isActive() and all(job.is_finished for job in form._jobs.values()),
    )


def type_into(field: QWidget, text: str) -> None:
    field.setFocus()
    if isinstance(field, TextEntry):
        field.selectAll()
        QTest.keyClick(field, Qt.Key.Key_Backspace)
    QTest.keyClicks(field, text)


def option(form: ServeForm, name: str) -> FormRow:
    return form.options.rows[name]


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


def press(holder: QWidget, label: str) -> None:
    click(next(each for each in holder.findChildren(QPushButton) if each.text() == label and each.isVisible()))


def coded_model(deck: Deck) -> ModelRef:
    """A folder whose repository brings code that its config names."""
    ref = deck.model("Coded", auto_map={"AutoModelForCausalLM": "modeling_coded.Coded"})
    Path(ref.id, "modeling_coded.py").write_text("class Coded: ...\n")
    return ref


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_the_installed_engine_is_chosen_and_its_command_shown(open_form: Open, deck: Deck, app: App) -> None:
    installation = deck.install("transformers")
    form = open_form(deck.model())
    assert form.state.engine == "transformers"
    command = form.summary.code.toPlainText()
    assert str(installation.executable) in command
    assert "serve" in command
    host, _, port = form.summary.endpoint.value.text().partition(":")
    assert host == "127.0.0.1"
    assert int(port) >= app.settings.current.first_port
    assert f"--port {port}" in command
    assert form.summary.download.value.text() == "on this disk"
    assert form.summary.button.text() == "Serve"
    assert form.address.port.placeholderText() == f"{port}, the next free one"
    click(form.summary.copy)
    assert QApplication.clipboard().text() == command


def test_tgi_says_that_it_needs_a_container_engine(open_form: Open, deck: Deck) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    card = form.engines.cards["tgi"]
    assert not card.isEnabled()
    assert "needs a container engine" in card.accessibleName()
    click(card)
    assert form.state.engine == "vllm"


def test_an_engine_that_is_missing_leads_to_its_installation(open_form: Open, deck: Deck, navigator: Recorder) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    card = form.engines.cards["transformers"]
    assert card.chip.text() == "not installed"
    press(card, "Install…")
    assert navigator.calls == [("go_engines", "transformers")]


def test_without_any_engine_the_form_says_what_to_do(
    open_form: Open, deck: Deck, navigator: Recorder, qtbot: Any
) -> None:
    form = open_form(deck.model())
    assert "not installed" in form.summary.notice.text
    click(form.summary.button)
    wait(qtbot, form.summary.button.isEnabled)
    assert navigator.calls == []
    press(form.summary.notice, "Install…")
    assert navigator.calls == [("go_engines", "vllm")]


def test_an_engine_that_gets_installed_meanwhile_is_taken_up(open_form: Open, deck: Deck, qtbot: Any) -> None:
    form = open_form(deck.model())
    type_into(option(form, "max-model-len").field, "4096")
    deck.install("vllm")
    wait(qtbot, lambda: form.engines.cards["vllm"].chip.text().startswith("0.32.0"))
    wait(qtbot, lambda: "--max-model-len 4096" in form.summary.code.toPlainText())
    assert form.summary.notice.text == ""


def test_the_transformers_engine_has_one_implementation(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    deck.install("transformers")
    form = open_form(deck.model())
    choice = form.implementation.choice
    assert form.implementation.reason.text()
    assert [choice.segment(each.value).isEnabled() for each in Implementation] == [True, True, True]
    form.engines.cards["vllm"].setFocus()
    QTest.keyClick(form.engines.cards["vllm"], Qt.Key.Key_Right)
    assert form.state.engine == "transformers"
    assert not choice.segment("native").isEnabled()
    assert choice.value() == form.state.implementation.value
    settle(qtbot, form)


def test_the_implementation_goes_into_the_command(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    click(form.implementation.choice.segment("transformers"))
    wait(qtbot, lambda: "--model-impl transformers" in form.summary.code.toPlainText())
    assert not form.run_as.runtime.segment("docker").isEnabled()


def test_among_several_installations_one_is_chosen(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    other = deck.install("vllm", version="0.31.0")
    form = open_form(deck.model())
    select = form.run_as.installation
    assert select.isVisible()
    assert select.value() == ""
    select.setFocus()
    QTest.keyClick(select, Qt.Key.Key_Down)
    QTest.keyClick(select, Qt.Key.Key_Down)
    wait(qtbot, lambda: str(other.executable) in form.summary.code.toPlainText())
    assert form.state.installation == other.id


def test_a_model_that_must_be_fetched_says_how_much(open_form: Open, deck: Deck, hub_server: HubServer) -> None:
    realistic(hub_server)
    deck.install("vllm")
    form = open_form(ModelRef(kind="hub", id="Qwen/Qwen2.5-1.5B-Instruct"))
    assert form.summary.download.value.text().startswith("3.1 GB · ")
    assert form.summary.button.text() == "Download and serve"
    assert f"--revision {form.details.ref.commit}" in form.summary.code.toPlainText().replace(" \\\n ", "")
    field = option(form, "max-model-len").field
    assert isinstance(field, TextEntry)
    assert field.placeholderText() == "32,768 from the model"


def test_a_model_that_cannot_be_read_can_be_asked_for_again(page: ServePage, qtbot: Any, hub_server: HubServer) -> None:
    realistic(hub_server)
    hub_server.fault("/api/models/facebook", status=500, times=9)
    page.open(ModelRef(kind="hub", id="facebook/opt-125m"))
    wait(qtbot, page.notice.isVisible)
    hub_server.clear_faults()
    press(page.notice, "Retry")
    wait(qtbot, lambda: page.form is not None)


def test_the_form_is_kept_when_one_looks_at_the_model_meanwhile(
    open_form: Open, deck: Deck, navigator: Recorder
) -> None:
    deck.install("vllm")
    ref = deck.model()
    form = open_form(ref)
    type_into(option(form, "max-model-len").field, "4096")
    click(form.back_link)
    assert navigator.calls[-1] == ("open_model", ref)
    again = open_form(ref)
    assert again is form
    assert again.state.entries == {"max-model-len": "4096"}


def test_tab_goes_through_the_form_from_top_to_bottom(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(coded_model(deck))
    form.options.add("seed")
    form.extras.add()
    form.extras.add()
    wait(qtbot, lambda: option(form, "seed").field.hasFocus() and form.extras.rows[1].isVisible())
    form.back_link.setFocus()
    visited: list[QWidget] = []
    while True:
        focused = QApplication.focusWidget()
        assert focused is not None
        if focused in visited:
            break
        visited.append(focused)
        QTest.keyClick(focused, Qt.Key.Key_Tab)
    ground = form.column.column
    left = [each for each in visited if ground.isAncestorOf(each)]
    assert visited[: len(left)] == left, "the right side comes last"
    assert visited[-1] is form.summary.button
    tops = [each.mapTo(ground, each.rect().center()).y() for each in left]
    assert all(later > earlier - 12 for earlier, later in pairwise(tops)), tops
    wanted = [option(form, "max-model-len").field, form.code.toggle, form.code.link, option(form, "seed").field]
    wanted += [form.extras.extra, form.extras.rows[1].value, form.extras.add_button]
    assert [each for each in visited if each in wanted] == wanted


# --- options ---------------------------------------------------------------------------------------------------------


def test_an_option_is_found_added_and_changed_by_keyboard(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    assert "seed" not in form.options.rows
    search = form.options.search
    assert "options" in search.field.placeholderText()
    type_into(search.field, "seed")
    wait(qtbot, search.panel.isVisible)
    QTest.keyClick(search.field, Qt.Key.Key_Return)
    row = option(form, "seed")
    wait(qtbot, row.field.hasFocus)
    assert not search.panel.isVisible()
    QTest.keyClicks(row.field, "7")
    wait(qtbot, lambda: "--seed 7" in form.summary.code.toPlainText())
    assert row.label.font().bold() or row.label.font().weight() > 400
    assert form.options.differ.text() == "1 differs from its default"


def test_an_option_that_does_not_exist_is_not_found(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    type_into(form.options.search.field, "no-such-thing")
    wait(qtbot, form.options.search.panel.isVisible)
    assert "No option" in form.options.search.said.text()
    QTest.keyClick(form.options.search.field, Qt.Key.Key_Escape)
    assert not form.options.search.panel.isVisible()


def test_a_reset_can_be_undone(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    type_into(option(form, "max-model-len").field, "4096")
    eager = option(form, "enforce-eager").field
    assert isinstance(eager, SwitchEntry)
    click(eager)
    dtype = option(form, "dtype").field
    assert isinstance(dtype, ChoiceEntry)
    dtype.setFocus()
    QTest.keyClick(dtype, Qt.Key.Key_Down)
    assert form.options.differ.text() == "3 differ from the defaults"
    before = dict(form.state.entries)
    click(form.options.reset)
    assert form.state.entries == {}
    assert not eager.isChecked()
    assert form.options.reset.text() == "undo"
    click(form.options.reset)
    assert form.state.entries == before
    assert eager.isChecked()
    wait(qtbot, lambda: "--enforce-eager" in form.summary.code.toPlainText())


def test_a_number_counts_by_arrow_keys(open_form: Open, deck: Deck) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    field = option(form, "tensor-parallel-size").field
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert form.state.entries["tensor-parallel-size"] == "2"
    QTest.keyClick(field, Qt.Key.Key_Down)
    assert form.options.differ.text() == ""


def test_options_that_cannot_be_read_are_told_and_the_shipped_ones_stay(
    open_form: Open, deck: Deck, qtbot: Any
) -> None:
    deck.install("vllm", version="0.31.0")
    form = open_form(deck.model())
    assert "0.31.0 can't be read" in form.options.notice.text
    assert "max-model-len" in form.options.rows
    press(form.options.notice, "Try again")
    settle(qtbot, form)
    assert "0.31.0 can't be read" in form.options.notice.text


def test_options_of_another_version_are_kept_and_told(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    ref = deck.model()
    spec = LaunchSpec(name="old", model=ref, engine="vllm", options={"swap-space": 4, "max-model-len": 2048})
    form = open_form(ref, spec)
    row = option(form, "swap-space")
    wait(qtbot, lambda: "no option swap-space" in row.problem)
    type_into(row.field, "")
    wait(qtbot, lambda: not row.problem)
    assert "--max-model-len 2048" in form.summary.code.toPlainText()


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "word"),
    [
        ("max-model-len", "long", "whole number"),
        ("max-model-len", "999999", "8192"),
        ("gpu-memory-utilization", "1.5", "at most"),
        ("tensor-parallel-size", "2", "9 attention heads"),
    ],
)
def test_a_refused_value_is_told_at_its_field_before_the_launch(
    open_form: Open, deck: Deck, qtbot: Any, navigator: Recorder, name: str, value: str, word: str
) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    type_into(option(form, name).field, value)
    wait(qtbot, lambda: word in option(form, name).problem.replace(",", ""))
    form.summary.button.setFocus()
    QTest.keyClick(form.summary.button, Qt.Key.Key_Return)
    wait(qtbot, form.summary.button.isEnabled)
    assert option(form, name).field.hasFocus()
    assert navigator.calls == []


def test_an_unknown_argument_is_told(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    type_into(form.extras.extra, "--no-such-flag 1")
    wait(qtbot, lambda: "no-such-flag" in form.extras.extra_row.problem)
    type_into(form.extras.extra, "--seed '1")
    wait(qtbot, lambda: "quot" in form.extras.extra_row.problem)
    type_into(form.extras.extra, "--seed 1")
    wait(qtbot, lambda: not form.extras.extra_row.problem)
    assert form.summary.code.toPlainText().rstrip().endswith("--seed 1")


def test_a_taken_port_names_its_holder(open_form: Open, deck: Deck, qtbot: Any, navigator: Recorder) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        type_into(form.address.port, str(port))
        wait(qtbot, lambda: f"pid {os.getpid()}" in form.address.rows["port"].problem)
        click(form.summary.button)
        wait(qtbot, form.address.port.hasFocus)
    assert navigator.calls == []


def test_a_taken_name_is_told(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    deck.launch("tiny")
    form = open_form(deck.model())
    type_into(form.address.name, "tiny")
    wait(qtbot, lambda: "already" in form.address.rows["name"].problem)
    type_into(form.address.name, "not a name")
    wait(qtbot, lambda: "letters" in form.address.rows["name"].problem)


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_an_open_address_needs_a_key_that_is_never_shown_in_the_command(
    open_form: Open, deck: Deck, qtbot: Any, navigator: Recorder, app: App
) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    assert not form.address.key.isVisible()
    type_into(form.address.host, "0.0.0.0")
    wait(qtbot, lambda: form.address.rows["api_key"].problem)
    assert form.address.key.isVisible()
    press(form.address, "Generate")
    wait(qtbot, lambda: not form.address.rows["api_key"].problem)
    key = form.address.key.text()
    assert key
    wait(qtbot, lambda: "0.0.0.0" in form.summary.code.toPlainText())
    assert key not in form.summary.code.toPlainText()
    click(form.summary.button)
    wait(qtbot, lambda: navigator.calls)
    assert app.fleet.api_key(navigator.calls[-1][1]) == key


def test_all_that_is_wrong_is_told_together_and_the_uppermost_gets_the_focus(
    open_form: Open, deck: Deck, qtbot: Any
) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    type_into(form.extras.extra, "--no-such-flag")
    type_into(option(form, "gpu-memory-utilization").field, "1.5")
    type_into(form.address.host, "0.0.0.0")
    settle(qtbot, form)
    assert option(form, "gpu-memory-utilization").problem
    assert form.extras.extra_row.problem
    assert form.address.rows["api_key"].problem
    assert not form.summary.code.isVisible()
    click(form.summary.button)
    assert form.address.key.hasFocus()


def test_a_variable_with_a_secret_name_is_masked_and_kept_apart(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    press(form.extras, "Add a variable")
    row = form.extras.rows[0]
    assert row.name.hasFocus()
    QTest.keyClicks(row.name, "MY_TOKEN")
    wait(qtbot, lambda: "no value" in row.problem.text())
    assert row.value.echoMode() == TextEntry.EchoMode.Password
    type_into(row.value, "hush")
    wait(qtbot, lambda: 'MY_TOKEN="$MY_TOKEN"' in form.summary.code.toPlainText())
    assert "hush" not in form.summary.code.toPlainText()
    click(row.remove)
    wait(qtbot, lambda: "MY_TOKEN" not in form.summary.code.toPlainText())
    assert form.extras.add_button.hasFocus()


# --- the repository's code -------------------------------------------------------------------------------------------


def test_code_runs_only_after_a_confirmation(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    form = open_form(coded_model(deck))
    assert form.code.words.text() == "off · 1 file"
    assert "modeling_coded.py" in form.code.hint.text()
    form.code.toggle.setFocus()
    QTest.keyClick(form.code.toggle, Qt.Key.Key_Space)
    question = form.code.question
    assert question is not None
    assert not form.code.toggle.isChecked()
    press(question, "Cancel")
    wait(qtbot, lambda: form.code.question is None)
    assert not form.state.trust_remote_code
    click(form.code.toggle)
    question = form.code.question
    assert question is not None
    press(question, "Run this code")
    wait(qtbot, form.code.toggle.isChecked)
    assert form.state.consent is not None
    assert [name for name, _ in form.state.consent.files] == ["modeling_coded.py"]
    wait(qtbot, lambda: "--trust-remote-code" in form.summary.code.toPlainText())


def test_a_consent_to_other_files_is_void(open_form: Open, deck: Deck, qtbot: Any) -> None:
    deck.install("vllm")
    ref = coded_model(deck)
    spec = LaunchSpec.build(
        name="coded",
        model=ref.model_dump(),
        engine="vllm",
        trust_remote_code=True,
        consent={"commit": None, "files": [("modeling_coded.py", 1)]},
    )
    form = open_form(ref, spec)
    assert not form.state.trust_remote_code
    assert not form.code.toggle.isChecked()


def test_a_model_without_code_says_so(open_form: Open, deck: Deck) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    assert form.code.words.text() == "off; this model has none"
    assert not form.code.toggle.isEnabled()


# --- launching -------------------------------------------------------------------------------------------------------


def test_a_form_filled_by_keyboard_is_launched(
    open_form: Open, deck: Deck, qtbot: Any, navigator: Recorder, app: App, page: ServePage
) -> None:
    deck.install("vllm")
    form = open_form(deck.model())
    type_into(form.address.name, "by-keyboard")
    type_into(option(form, "max-model-len").field, "4096")
    form.summary.button.setFocus()
    QTest.keyClick(form.summary.button, Qt.Key.Key_Return)
    wait(qtbot, lambda: navigator.calls)
    name, deployment_id = navigator.calls[-1]
    assert name == "open_deployment"
    deployment = app.fleet.get("by-keyboard")
    assert deployment.id == deployment_id
    assert deployment.spec.options == {"max-model-len": 4096}
    wait(qtbot, lambda: app.fleet.get("by-keyboard").state is State.READY)
    assert page.form is None


def test_edit_and_relaunch_keeps_what_was_not_changed(
    open_form: Open, deck: Deck, qtbot: Any, navigator: Recorder, app: App
) -> None:
    deck.install("vllm")
    ref = deck.model(add=False)
    spec = LaunchSpec.build(
        name="tiny", model=ref.model_dump(), engine="vllm", secret_env=("MY_TOKEN",), options={"seed": 1}
    )
    deployment = deck.do(app.fleet.create(spec, secret_env={"MY_TOKEN": "hush"}))
    form = open_form(ref, spec, deployment.id)
    assert form.summary.button.text() == "Relaunch"
    assert form.address.name.text() == "tiny"
    assert form.extras.rows[0].value.text() == ""
    assert option(form, "seed").field.property("text") == "1"
    type_into(option(form, "seed").field, "2")
    wait(qtbot, lambda: "--seed 2" in form.summary.code.toPlainText())
    click(form.summary.button)
    wait(qtbot, lambda: navigator.calls)
    assert navigator.calls[-1] == ("open_deployment", deployment.id)
    wait(qtbot, lambda: app.fleet.get("tiny").state is State.READY)
    assert app.fleet.get("tiny").spec.options == {"seed": 2}
    assert app.fleet.get("tiny").spec.secret_env == ("MY_TOKEN",)


def test_a_copy_gets_a_name_of_its_own(open_form: Open, deck: Deck) -> None:
    deck.install("vllm")
    deployment = deck.launch("tiny", options={"seed": 3})
    form = open_form(deployment.spec.model, deployment.spec)
    assert form.address.name.text() == "tiny-2"
    assert form.summary.button.text() == "Serve"
    assert "--seed 3" in form.summary.code.toPlainText()


def test_the_match_model_keeps_the_rules(qapp: Any, app: App) -> None:
    matches = OptionMatches()
    tester = QAbstractItemModelTester(matches, QAbstractItemModelTester.FailureReportingMode.Fatal)
    options = app.engines.get("vllm").shipped_options().options
    matches.set_options(options[:5], {options[0].name})
    assert matches.rowCount() == 5
    matches.set_options((), ())
    del tester
