"""The table of behaviours, which their modules fill."""
BEHAVIOURS = {}


def behaviour(function):
    """Registers a function from Question (and a number, where it takes one) to a message or a list of packets."""
    BEHAVIOURS[function.__name__.rstrip('_')] = function
    return function
