"""What the server can do to a question: functions by name, in a module for each kind.

A module's functions register themselves when it is imported.
"""
from behaviours import answers, empty, hostile, names, records, reverse, strangers, tcp
from behaviours.registry import BEHAVIOURS

__all__ = ['BEHAVIOURS', 'answers', 'empty', 'hostile', 'names', 'records', 'reverse', 'strangers', 'tcp']
