"""The table of behaviours, which is filled by their modules."""
BEHAVIOURS = {}


def behaviour(function):
    """Registers a function from Question (and optionally a number) to a message or a list of packets."""
    BEHAVIOURS[function.__name__.rstrip('_')] = function
    return function
