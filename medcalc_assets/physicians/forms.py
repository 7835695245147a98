"""What goes out to physicians: blind cases, and cards, as a form for the browser, a spreadsheet and Label Studio tasks.

Of a case they hold note and question, and nothing that was ever computed from them; of a card what its rules say, and
nothing that a model said.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from medcalc_assets.templates import templates

if TYPE_CHECKING:
    import openpyxl

GIVEN = ("uid", "question", "note")
ASKED = (
    *("value", "cannot_be_computed", "assumptions", "time_point", "guideline", "rationale", "confidence"),
    "missing_input",
)
NEW = ("missing_input",)
"""What of it packets of version 0.2.0 and before do not ask."""
FOR_CARDS = ("value", "guideline", "rationale", "confidence")
"""What of it is asked on a card."""
WIDTHS = (7, 24, 80, 12, 20, 22, 16, 18, 30, 12, 20)
"""Of the columns, in characters: note and answers are seen side by side."""
HIGHEST = 409
"""Points: the highest row of a spreadsheet. What a note has beyond it is read in the formula bar, or in the form."""
CHOICES = {"cannot_be_computed": ("yes", "no"), "confidence": ("high", "medium", "low")}
CASES, ABOUT = "cases", "about"
RULE = "\n\nRule, as value:\n"
"""What comes between a card and its choices, where both are one text."""
PACKET = ("packet", "reviewer", "secret")
"""What every form of a packet holds of it. Without the secret, whoever has seen one packet could answer another."""
HOW_TO = (
    "Read each note and question, and answer by yourself, with any calculator or guideline that you trust.",
    "value: one number, or one date as MM/DD/YYYY; a gestational age as '33 weeks 4 days'.",
    "cannot_be_computed: yes, if the note does not allow an answer; then leave value empty, and name the missing_input.",
    "assumptions, time_point, guideline: what your answer rests on, where the note leaves a choice.",
    "confidence: high, medium or low. A case without value and without 'yes' counts as not answered.",
    "Some ask about a rule instead of a patient: then value is one of the choices named there.",
    "Leave uid, question and note as they are. The cases are in no particular order.",
)


@dataclass(frozen=True, slots=True)
class Case:
    """A case, or a card: that has its id for a uid, what it is about for a note, and `choices` with their meaning."""

    uid: int | str
    question: str
    note: str
    choices: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_card(cls, card: Mapping[str, Any]) -> "Case":
        """A row of `rule_cards`, as a packet asks it: everything else on it is for maintainers."""
        choices = json.loads(card["choices"])
        how = "\n".join(f"* {choice}: {meaning}" for choice, meaning in choices.items())
        return cls(card["card"], card["question"], f"{card['about']}{RULE}{how}", choices)

    @classmethod
    def sent(cls, uid: int | str, question: str, note: str) -> "Case":
        """A case as it was sent, of which a card has its choices in its text."""
        how = note.rpartition(RULE)[2].splitlines() if isinstance(uid, str) else []
        choices = dict(line.removeprefix("* ").split(": ", 1) for line in how)
        return cls(uid, question, note, choices)


def fingerprint(question: str, note: str) -> str:
    """Of a case, whatever an editor did to line ends and spaces."""
    return hashlib.sha256(" ".join(f"{printable(question)} {printable(note)}".split()).encode()).hexdigest()[:16]


def printable(text: str) -> str:
    """What a spreadsheet can hold: a space for every control character but line ends and tabs, and for other spaces."""
    return "".join(sign if sign.isprintable() or sign in "\n\t" else " " for sign in text)


def form_of(packet: Mapping[str, str], cases: list[Case]) -> str:
    """A page on which the cases are read and answered, and which saves the answers as JSON. It asks nobody for anything."""
    form = templates().get_template("form.html.j2")
    asked = {
        "asked": ASKED,
        "for_cards": FOR_CARDS,
        "choices": {field: CHOICES.get(field) for field in ASKED},
        "how_to": HOW_TO,
    }
    drafts = f"medcalc {packet['packet']} {fingerprint('', ''.join(f'{case.uid} {case.note}' for case in cases))}"
    return form.render(packet=packet, cases=cases, printable=printable, drafts=drafts, **asked)


def workbook_of(packet: Mapping[str, str], cases: Iterable[Case]) -> "openpyxl.Workbook":
    """The spreadsheet. Text that begins with `=` stays text, and answers stay as typed; the rest is protected."""
    import openpyxl  # here, as it is slow to import, and a trace does without
    from openpyxl.styles import Alignment, Font, Protection
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    workbook = openpyxl.Workbook()
    about, sheet = workbook.worksheets[0], workbook.create_sheet(CASES)
    about.title = ABOUT
    for line in (*packet.items(), (), *((text,) for text in HOW_TO)):
        about.append(line)
    about.column_dimensions["A"].width = 100
    sheet.append([*GIVEN, *ASKED])
    top = Alignment(wrap_text=True, vertical="top")
    for row, case in enumerate(cases, start=2):
        sheet.cell(row, 1, case.uid)
        for column, text in enumerate((case.question, case.note), start=2):
            cell = sheet.cell(row, column)
            cell.value, cell.data_type = printable(text), "s"
        lines = sum(1 + len(line) // WIDTHS[2] for line in case.note.splitlines())
        sheet.row_dimensions[row].height = min(HIGHEST, 15 * max(lines, 4))
        for column in range(len(GIVEN) + 1, len(GIVEN) + len(ASKED) + 1):
            sheet.cell(row, column).protection = Protection(locked=False)
            sheet.cell(row, column).number_format = "@"  # text: no 78% that becomes 0.78, no date of another order
        if case.choices:
            rule = DataValidation("list", formula1=f'"{",".join(case.choices)}"', allow_blank=True, showErrorMessage=True)
            rule.add(sheet.cell(row, 1 + len(GIVEN)).coordinate)
            sheet.add_data_validation(rule)
        for cell in sheet[row]:
            cell.alignment = top
    for column, width in enumerate(WIDTHS, start=1):
        sheet.column_dimensions[get_column_letter(column)].width = width
        sheet.cell(1, column).font, sheet.cell(1, column).alignment = Font(bold=True), top
    for name, permitted in CHOICES.items():
        validation = DataValidation("list", formula1=f'"{",".join(permitted)}"', allow_blank=True, showErrorMessage=True)
        letter = get_column_letter(len(GIVEN) + 1 + ASKED.index(name))
        validation.add(f"{letter}2:{letter}{sheet.max_row}")
        sheet.add_data_validation(validation)
    sheet.freeze_panes = "B2"
    sheet.protection.sheet = True
    return workbook


def label_studio_tasks(packet: Mapping[str, str], cases: Iterable[Case]) -> list[dict[str, Any]]:
    return [{"data": {**packet, **{name: getattr(case, name) for name in GIVEN}}} for case in cases]


def label_studio_config() -> str:
    """The labelling interface that the tasks are made for."""
    lines = ['<Header value="$question"/>', '<Text name="note" value="$note"/>']
    for name in ASKED:
        lines.append(f'<Header value="{name}"/>')
        if name in CHOICES:
            choices = "".join(f'<Choice value="{each}"/>' for each in CHOICES[name])
            lines.append(f'<Choices name="{name}" toName="note">{choices}</Choices>')
        else:
            lines.append(f'<TextArea name="{name}" toName="note" maxSubmissions="1" editable="true"/>')
    return "\n".join(["<View>", *(f"  {line}" for line in lines), "</View>", ""])


def as_json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
