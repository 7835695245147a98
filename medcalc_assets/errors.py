"""The one kind of error that a person is meant to read and resolve."""


class MedcalcError(Exception):
    """Something in the input, the settings or the files is not usable.

    The message names the file, the row where there is one, what is wrong, and the remedy. Nothing has been changed.
    """
