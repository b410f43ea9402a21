"""What ends a start or a command: something outside has to be mended first, and the message says what."""


class Refusal(Exception):
    """It cannot go on as things are; the message is a sentence for whoever started it."""
