"""Widgets by mouse and keyboard, and what screen readers get of them."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QWheelEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from gui import theme
from gui.theme import em, font
from gui.widgets import (
    CANCEL,
    Answer,
    Bar,
    Button,
    Chip,
    CodeBox,
    ElidedLabel,
    EmptyState,
    FlowLayout,
    FormRow,
    IconButton,
    Label,
    LinkLabel,
    Notice,
    ProgressLine,
    ScrollColumn,
    SearchField,
    Segment,
    Segmented,
    Select,
    StateDot,
    TextField,
    Toast,
    Toggle,
    ask,
    confirm,
)
from gui.widgets.text import plain_tooltip

LEFT = Qt.MouseButton.LeftButton
CHOICES = [("auto", "Auto"), ("native", "Native"), ("transformers", "Transformers")]


@pytest.fixture(autouse=True)
def light(qapp):
    theme.apply("light")


@pytest.fixture
def ground(qtbot):
    """A shown window with a column for the widgets of a test."""
    window = QWidget()
    QVBoxLayout(window)
    qtbot.addWidget(window)
    window.resize(600, 400)
    window.show()
    qtbot.waitExposed(window)

    def add(widget: QWidget) -> QWidget:
        window.layout().addWidget(widget)
        widget.show()
        QApplication.sendPostedEvents()
        return widget

    window.add = add
    return window


def spoken(widget: QWidget) -> str:
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)


class TestSegmented:
    def test_the_first_is_chosen_and_a_click_chooses(self, qtbot, ground) -> None:
        choice = ground.add(Segmented(CHOICES, name="Implementation"))
        assert choice.value() == "auto"
        with qtbot.waitSignal(choice.chosen) as seen:
            qtbot.mouseClick(choice.segment("transformers"), LEFT)
        assert seen.args == ["transformers"]
        assert choice.value() == "transformers"

    def test_arrows_choose_and_tab_leaves(self, qtbot, ground) -> None:
        choice = ground.add(Segmented(CHOICES, name="Implementation"))
        after = ground.add(Button("After"))
        choice.segment("auto").setFocus()
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
        assert choice.value() == "native"
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert after.hasFocus()

    def test_code_chooses_without_a_signal(self, qtbot, ground) -> None:
        choice = ground.add(Segmented(CHOICES))
        with qtbot.assertNotEmitted(choice.chosen):
            choice.set_value("native")
        assert choice.value() == "native"
        with pytest.raises(KeyError):
            choice.set_value("nothing")

    def test_a_disabled_one_says_why_and_can_not_be_chosen(self, qtbot, ground) -> None:
        choice = ground.add(Segmented(CHOICES))
        choice.set_enabled("native", False, "vLLM has no such model")
        qtbot.mouseClick(choice.segment("native"), LEFT)
        assert choice.value() == "auto"
        assert choice.segment("native").toolTip() == plain_tooltip("vLLM has no such model")

    def test_it_is_a_group_of_radio_buttons_to_screen_readers(self, ground) -> None:
        choice = ground.add(Segmented(CHOICES, name="Implementation"))
        interface = QAccessible.queryAccessibleInterface(choice.segment("native"))
        assert interface.role() == QAccessible.Role.RadioButton
        assert interface.text(QAccessible.Text.Name) == "Native"
        assert spoken(choice) == "Implementation"


class TestToggle:
    def test_click_and_space(self, qtbot, ground) -> None:
        toggle = ground.add(Toggle("Tool calls"))
        qtbot.mouseClick(toggle, LEFT, pos=QPoint(4, 4))
        assert toggle.isChecked()
        qtbot.keyClick(toggle, Qt.Key.Key_Space)
        assert not toggle.isChecked()
        assert spoken(toggle) == "Tool calls"


class TestSelect:
    def test_keys_choose(self, qtbot, ground) -> None:
        select = ground.add(Select([("a", "Trending"), ("b", "Likes")], name="Sort"))
        with qtbot.waitSignal(select.chosen) as seen:
            qtbot.keyClick(select, Qt.Key.Key_Down)
        assert seen.args == ["b"]
        assert QAccessible.queryAccessibleInterface(select).text(QAccessible.Text.Description) == "Sort"

    def test_the_wheel_does_not_change_it(self, ground) -> None:
        select = ground.add(Select([("a", "A"), ("b", "B")]))
        select.setFocus()
        wheel = QWheelEvent(
            QPointF(5, 5),
            QPointF(5, 5),
            QPoint(),
            QPoint(0, -240),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(select, wheel)
        assert select.value() == "a"

    def test_new_choices_keep_the_present_one(self, qtbot, ground) -> None:
        select = ground.add(Select([("a", "A"), ("b", "B")]))
        select.set_value("b")
        with qtbot.assertNotEmitted(select.chosen):
            select.set_choices([("c", "C"), ("b", "B")])
        assert select.value() == "b"
        select.set_choices([])
        assert select.value() == ""

    def test_a_click_opens_the_list(self, qtbot, ground) -> None:
        select = ground.add(Select([("a", "A"), ("b", "B")]))
        qtbot.mouseClick(select, LEFT)
        qtbot.waitUntil(lambda: select.view().isVisible())
        select.hidePopup()


class TestSearchField:
    def test_typing_waits_and_says_it_once(self, qtbot, ground) -> None:
        field = ground.add(SearchField(delay_ms=50))
        got: list[str] = []
        field.searched.connect(got.append)
        qtbot.keyClicks(field, "qwen")
        assert got == []
        qtbot.waitUntil(lambda: got == ["qwen"])
        qtbot.keyClick(field, Qt.Key.Key_Return)
        assert got == ["qwen"]

    def test_enter_does_not_wait(self, qtbot, ground) -> None:
        field = ground.add(SearchField(delay_ms=60_000))
        with qtbot.waitSignal(field.searched) as seen:
            qtbot.keyClicks(field, " smol ")
            qtbot.keyClick(field, Qt.Key.Key_Return)
        assert seen.args == ["smol"]

    def test_escape_clears_at_once(self, qtbot, ground) -> None:
        field = ground.add(SearchField(delay_ms=60_000))
        field.set_text("x")
        with qtbot.waitSignal(field.searched) as seen:
            qtbot.keyClick(field, Qt.Key.Key_Escape)
        assert (seen.args, field.text()) == ([""], "")


class TestFormRow:
    def test_label_hint_and_problem_belong_to_the_field(self, ground) -> None:
        row = ground.add(FormRow("Context length", TextField("1"), hint="of 32,768", name="max-model-len"))
        assert spoken(row.field) == "Context length"
        assert row.label.buddy() is row.field
        plain = row.height()
        row.set_problem("too long")
        QApplication.sendPostedEvents()
        assert row.problem == "too long"
        assert QAccessible.queryAccessibleInterface(row.field).text(QAccessible.Text.Description) == "too long"
        assert row.sizeHint().height() > plain - 1
        row.set_problem("")
        assert row.field.property("problem") == "false"

    def test_what_differs_is_bold_and_said(self, ground) -> None:
        row = ground.add(FormRow("Port", TextField()))
        row.set_differs(True)
        assert row.label.font().weight() == font("bold").weight()
        assert spoken(row.label) == "Port, changed"

    def test_a_narrow_row_puts_the_hint_below(self, qtbot, ground) -> None:
        row = ground.add(FormRow("Port", TextField(), hint="a hint"))
        ground.resize(em(60), 300)
        qtbot.waitUntil(lambda: row.hint.x() > row.field.x())
        ground.resize(em(30), 300)
        qtbot.waitUntil(lambda: row.hint.x() == row.field.x() and row.hint.y() > row.field.y())


class TestTexts:
    def test_a_cut_label_has_a_tooltip(self, qtbot, ground) -> None:
        label = ground.add(ElidedLabel("a very long name " * 20))
        qtbot.waitUntil(lambda: label.toolTip() == plain_tooltip(label.text()))
        label.setText("short")
        assert label.toolTip() == ""

    def test_markup_from_outside_stays_text(self, ground) -> None:
        label = ground.add(Label("<b>x</b><img src='file:///etc/passwd'>"))
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert label.text().startswith("<b>")

    def test_a_link_is_pressed_by_keys(self, qtbot, ground) -> None:
        link = ground.add(LinkLabel("Reset"))
        for key in (Qt.Key.Key_Return, Qt.Key.Key_Space):
            with qtbot.waitSignal(link.clicked):
                qtbot.keyClick(link, key)

    def test_an_icon_button_has_a_name(self, ground) -> None:
        assert spoken(ground.add(IconButton("trash", "Remove"))) == "Remove"

    def test_states_have_words(self, ground) -> None:
        assert spoken(ground.add(Chip("Ready", "ok", dot=True))) == "Ready"
        assert spoken(ground.add(StateDot("bad", name="failed"))) == "failed"
        assert spoken(ground.add(StateDot("ok", "ready"))) == "ready"


class TestBars:
    def test_parts_are_said(self, ground) -> None:
        bar = ground.add(Bar([Segment(0.5, "accent", "used"), Segment(0.9, "used", "others")], name="GPU 0"))
        assert spoken(bar) == "GPU 0: used 50%, others 90%"
        image = bar.grab().toImage()
        assert image.pixelColor(image.width() // 4, image.height() // 2).name() == theme.LIGHT.accent
        assert image.pixelColor(image.width() - 4, image.height() // 2).name() == theme.LIGHT.used

    def test_a_line_without_an_end_rests_while_hidden(self, qtbot, ground) -> None:
        line = ground.add(ProgressLine())
        line.set_fraction(None)
        first = line.grab().toImage()
        qtbot.waitUntil(lambda: line.grab().toImage() != first)
        line.hide()
        assert not line._timer.isActive()
        line.show()
        line.set_fraction(0.5)
        assert not line._timer.isActive()
        assert line.value() == 500


class TestNotice:
    def test_it_speaks_acts_and_closes(self, qtbot, ground) -> None:
        done: list[str] = []
        notice = ground.add(
            Notice(
                "Free it.",
                title="Port taken.",
                tone="bad",
                actions=[("Retry", lambda: done.append("retry"))],
                closable=True,
            )
        )
        assert spoken(notice) == "Port taken. Free it."
        button = next(each for each in notice.findChildren(Button) if each.text() == "Retry")
        qtbot.mouseClick(button, LEFT)
        assert done == ["retry"]
        cross = next(each for each in notice.findChildren(IconButton))
        with qtbot.waitSignal(notice.closed):
            qtbot.mouseClick(cross, LEFT)
        assert not notice.isVisible()

    def test_without_words_it_is_not_there(self, ground) -> None:
        notice = ground.add(Notice())
        notice.show_text("")
        assert notice.isHidden()
        notice.show_text("now")
        assert notice.isVisible()

    def test_a_toast_stays_inside_and_follows_the_window(self, qtbot, ground) -> None:
        toast = Toast(ground)
        toast.say("Copied.")
        assert toast.isVisible()
        ground.resize(300, 300)
        qtbot.waitUntil(lambda: ground.rect().contains(toast.geometry()))


class TestDialogs:
    def test_the_focus_is_on_cancel_and_escape_cancels(self, qtbot, ground) -> None:
        done: list[str] = []
        dialog = confirm(
            ground, "Remove it?", "All of it.", action="Remove", on_confirm=lambda: done.append("x"), danger=True
        )
        qtbot.waitUntil(lambda: dialog.buttons[CANCEL].hasFocus())
        with qtbot.waitSignal(dialog.finished):
            qtbot.keyClick(dialog, Qt.Key.Key_Escape)
        assert done == []

    def test_the_action_acts(self, qtbot, ground) -> None:
        done: list[str] = []
        dialog = confirm(ground, "Remove it?", "", action="Remove", on_confirm=lambda: done.append("x"))
        with qtbot.waitSignal(dialog.finished):
            qtbot.mouseClick(dialog.buttons["confirm"], LEFT)
        assert done == ["x"]

    def test_each_answer_is_told(self, qtbot, ground) -> None:
        got: list[str] = []
        for value in ("keep", "stop", CANCEL):
            answers = (Answer("keep", "Keep"), Answer("stop", "Stop"), Answer(CANCEL, "Cancel"))
            dialog = ask(ground, "Quit?", "", answers, got.append)
            with qtbot.waitSignal(dialog.finished):
                qtbot.mouseClick(dialog.buttons[value], LEFT)
        assert got == ["keep", "stop", CANCEL]


class TestCode:
    def test_it_copies_all_of_it(self, qtbot, ground) -> None:
        box = ground.add(CodeBox("vllm serve x \\\n  --port 8000", name="Command"))
        with qtbot.waitSignal(box.copied):
            qtbot.mouseClick(box.findChild(IconButton), LEFT)
        assert QGuiApplication.clipboard().text() == "vllm serve x \\\n  --port 8000"
        assert box.findChild(IconButton).accessibleName() == "Copy command"

    def test_it_is_as_high_as_its_lines_up_to_a_limit(self, ground) -> None:
        box = ground.add(CodeBox("one", max_lines=5))
        low = box.sizeHint().height()
        box.set_text("\n".join("12345"))
        high = box.sizeHint().height()
        box.set_text("\n".join("x" * 50))
        assert low < high == box.sizeHint().height()

    def test_tab_goes_on(self, qtbot, ground) -> None:
        box = ground.add(CodeBox("x"))
        after = ground.add(Button("After"))
        box.setFocus()
        qtbot.keyClick(box, Qt.Key.Key_Tab)
        qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert after.hasFocus() or box.findChild(IconButton).hasFocus()


class TestLayouts:
    def test_chips_flow_into_rows_and_none_is_lost(self, qtbot, ground) -> None:
        box = QWidget()
        flow = FlowLayout(box)
        chips = [Chip(f"chip number {number}") for number in range(12)]
        for chip in chips:
            flow.addWidget(chip)
        ground.add(box)
        ground.resize(400, 400)
        qtbot.waitUntil(lambda: len({chip.y() for chip in chips}) > 1)
        assert all(box.rect().contains(chip.geometry()) for chip in chips)
        flow.clear()
        assert flow.count() == 0

    def test_a_column_scrolls_what_has_the_focus_into_view(self, qtbot, ground) -> None:
        column = ScrollColumn()
        buttons = [Button(str(number)) for number in range(40)]
        for button in buttons:
            column.body.addWidget(button)
        ground.add(column)
        buttons[0].setFocus()
        for _ in range(39):
            qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert buttons[39].hasFocus()
        place = buttons[39].mapTo(column.viewport(), QPoint(0, 0))
        assert column.viewport().rect().contains(place)

    def test_an_empty_state_offers_its_button(self, qtbot, ground) -> None:
        state = ground.add(EmptyState("Nothing", "Because.", button="Do it"))
        with qtbot.waitSignal(state.clicked):
            qtbot.mouseClick(state.button, LEFT)
        state.set("Other")
        assert not state.button.isVisible()

    def test_the_row_of_buttons_keeps_its_height_when_focus_moves(self, ground) -> None:
        box = QWidget()
        row = QHBoxLayout(box)
        plain, primary = Button("A"), Button("B", kind="primary")
        row.addWidget(plain)
        row.addWidget(primary)
        ground.add(box)
        before = plain.sizeHint(), primary.sizeHint()
        plain.setFocus()
        assert (plain.sizeHint(), primary.sizeHint()) == before
