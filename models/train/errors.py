"""The error of training: a sentence for the person at the terminal."""


class TrainError(Exception):
    """Wrong input, or a condition of a result that does not hold."""
