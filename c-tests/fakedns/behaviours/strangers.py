"""Answers that are not for this question, followed by the right one."""
import struct

from behaviours.registry import behaviour
from messages import CHAOS, INTERNET, TXT, Packet, late, name, record, reply, wrong


@behaviour
def wrongid(q):
    return [Packet(reply(q, wrong(q), identity=q.id ^ 0x5555)), late(q)]


@behaviour
def wrongq(q):
    return [Packet(reply(q, wrong(q), section=name('evil.example') + q.section[-4:])), late(q)]


@behaviour
def wrongtype(q):
    return [Packet(reply(q, wrong(q), section=q.name + struct.pack('>HH', TXT, INTERNET))), late(q)]


@behaviour
def wrongclass(q):
    return [Packet(reply(q, wrong(q), section=q.name + struct.pack('>HH', q.kind, CHAOS))), late(q)]


@behaviour
def garbage(q):
    return [Packet(bytes(range(0x80, 0x8c))), late(q)]


@behaviour
def short(q):
    return [Packet(b'abcde'), late(q)]


@behaviour
def empty(q):
    return [Packet(b''), late(q)]


@behaviour
def port(q):
    """First an answer from another port of the same address, which a connected socket does not receive."""
    return [Packet(reply(q, wrong(q)), source='port'), late(q)]


@behaviour
def address(q):
    return [Packet(reply(q, wrong(q)), source='address'), late(q)]


@behaviour
def qd0(q):
    return [Packet(reply(q, wrong(q), section=b'', questions=0)), late(q)]


@behaviour
def qd2(q):
    return [Packet(reply(q, [record(q.name, q.kind, q.address(66))], section=q.section * 2, questions=2)), late(q)]


@behaviour
def echo(q):
    """The question itself, unchanged."""
    return [Packet(q.message), late(q)]


@behaviour
def opcode(q):
    return [Packet(reply(q, wrong(q), opcode=2)), late(q)]


@behaviour
def twice(q):
    return [Packet(reply(q, [q.one()])), Packet(reply(q, [q.one(2)]))]
