"""MedCalc-Bench v1.0: where it is, its columns and ours, its splits and its types of output.

Khandekar et al., "MedCalc-Bench: Evaluating Large Language Models for Medical Calculations", NeurIPS 2024.
"""

REPOSITORY = "ncbi/MedCalc-Bench-v1.0"


REVISION = "4f75ddac6f87fde2cff438a7a971ac987040d5af"


INSTANCES = {"test": 1_047, "train": 10_053}
"""How many instances the splits of v1.0 have."""


KEY_SPELLINGS = ("Row Number", "Unique ID")


COLUMNS = {
    "Row Number": "uid",
    "Calculator ID": "calculator_id",
    "Calculator Name": "calculator_name",
    "Category": "category",
    "Output Type": "output_type",
    "Note ID": "note_id",
    "Note Type": "note_type",
    "Patient Note": "note",
    "Question": "question",
    "Relevant Entities": "entities",
    "Ground Truth Answer": "label_text",
    "Lower Limit": "lower_text",
    "Upper Limit": "upper_text",
    "Ground Truth Explanation": "explanation",
}
"""The columns of the v1.0 release, in its order, and ours."""


KIND_OF_OUTPUT = {"decimal": "number", "integer": "number", "date": "date"}
