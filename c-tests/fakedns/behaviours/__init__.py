"""The behaviours of the server: functions by name, in a module for each kind.

The functions of a module are registered when it is imported.
"""
from behaviours import answers, empty, hostile, names, records, reverse, strangers, tcp
from behaviours.registry import BEHAVIOURS

__all__ = ['BEHAVIOURS', 'answers', 'empty', 'hostile', 'names', 'records', 'reverse', 'strangers', 'tcp']
