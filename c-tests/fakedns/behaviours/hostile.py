"""Malicious answers, which are not sent by mistake. See cases/hostile.txt."""
import random
import struct

from behaviours.registry import behaviour
from messages import (
    A, AAAA, C1, CHAOS, CLOSE, CNAME, INTERNET, SAME_NAME, SHORTLY, TXT, Packet, after_question, late, name,
    pointer_to, record, reply, wire, wrong)


# An address that is not a pointer to the ID if it is parsed as a name, since that name would differ each time.
ODD = 256 + 66


def good(q, number=1):
    """An alias and two addresses."""
    return reply(q, [record(SAME_NAME, CNAME, C1), q.one(number, C1), q.one(number + 1, C1)])


def over_tcp(q, *packets):
    """These packets over TCP, and then the end of the connection."""
    return [*packets, CLOSE] if q.tcp else reply(q, truncated=True)


def framed(message, length=None):
    return Packet(struct.pack('>H', len(message) if length is None else length) + message, raw=True)


@behaviour
def first(q, length):
    """This number of bytes of a valid answer, and then a whole one."""
    return [Packet(good(q, 66)[:length]), late(q)]


@behaviour
def tcfirst(q, length):
    """A whole TCP message with this number of bytes of a valid answer."""
    return over_tcp(q, Packet(good(q)[:length]))


@behaviour
def tcend(q, length):
    """The connection ends after this number of bytes of the stream."""
    return over_tcp(q, Packet(framed(good(q)).message[:length], raw=True))


@behaviour
def tclength(q, length):
    """A valid answer, preceded by this length."""
    return over_tcp(q, framed(good(q), length))


@behaviour
def tcdrip(q, seconds=1):
    """One byte per second."""
    message = good(q)
    return [Packet(message, pieces=len(message) + 2, pause=seconds)] if q.tcp else reply(q, truncated=True)


@behaviour
def tcwrongs(q):
    """Answers with other IDs, ten per second, for a long time."""
    if not q.tcp:
        return reply(q, truncated=True)
    return [Packet(reply(q, wrong(q), identity=q.id ^ 0x5555 ^ number), 0.1) for number in range(200)]


@behaviour
def wrongs(q):
    """The same over UDP."""
    return [Packet(reply(q, wrong(q), identity=q.id ^ 0x5555 ^ number), number / 10) for number in range(200)]


@behaviour
def tcfull(q):
    """The maximum number of addresses in a message."""
    return over_tcp(q, Packet(reply(q, q.many((65535 - 12 - len(q.section)) // (28 if q.kind == AAAA else 16)))))


@behaviour
def tctexts(q):
    """64 KB of records of another type, followed by an address."""
    texts = [record(SAME_NAME, TXT, b'\0')] * ((65535 - 100 - len(q.section)) // 13)
    return over_tcp(q, Packet(reply(q, texts + [q.one()])))


@behaviour
def tcaliases(q):
    """64 KB of aliases."""
    links = [record(b'\xc0\x0c', CNAME, b'\xc0\x0c')] * ((65535 - 100 - len(q.section)) // 14)
    return over_tcp(q, Packet(reply(q, links + [q.one()])))


@behaviour
def ancount(q, count):
    return reply(q, [q.one()], count=count)


@behaviour
def counts(q, place):
    """One of the counts in the header has the maximum value."""
    message = bytearray(reply(q, [q.one()]))
    message[4 + 2 * place:6 + 2 * place] = b'\xff\xff'
    return [Packet(bytes(message)), late(q)]


@behaviour
def rdlen(q, length):
    """A record with this data length, before a valid one."""
    bad = SAME_NAME + struct.pack('>HHIH', q.kind, INTERNET, 300, length) + q.address(ODD)
    return reply(q, [bad, q.one(2)])


@behaviour
def cnrdlen(q, length):
    """The same for an alias."""
    return reply(q, [SAME_NAME + struct.pack('>HHIH', CNAME, INTERNET, 300, length) + C1, q.one(7, C1)])


@behaviour
def klass(q, number):
    return reply(q, [q.one(66, klass=number), q.one(2)])


@behaviour
def ttl(q, bit):
    return reply(q, [q.one(ttl=(1 << bit) - 1)])


@behaviour
def quiet(q):
    """A valid answer without the response flag."""
    return reply(q, [q.one()], response=False)


@behaviour
def ptr(q, place):
    """The owner is a pointer to this byte."""
    return reply(q, [q.one(66, owner=pointer_to(place)), q.one(2)])


@behaviour
def cnptr(q, place):
    """The target of the alias is a pointer to this byte."""
    return reply(q, [record(SAME_NAME, CNAME, pointer_to(place)), q.one(2)])


@behaviour
def ptrloop(q):
    """Two owners that are pointers to each other."""
    here = after_question(q)
    other = here + len(q.one())
    return reply(q, [q.one(66, owner=pointer_to(other)), record(pointer_to(here), TXT, bytes(4)), q.one(2)])


@behaviour
def ptrforward(q):
    """A forward pointer to a valid name in the next record."""
    here = after_question(q)
    return reply(q, [record(SAME_NAME, CNAME, pointer_to(here + 14)), q.one(7, C1)])


@behaviour
def ptrforwardowner(q):
    here = after_question(q)
    return reply(q, [q.one(5, owner=pointer_to(here + 12 + len(q.address(1)))), q.one(6, q.name)])


@behaviour
def ptrladder(q, steps=120):
    """A pointer to a pointer to a pointer, all of them backwards."""
    start = after_question(q) + 11
    rungs = b''.join(pointer_to(12 if step == 0 else start + 2 * step - 2) for step in range(steps))
    return reply(q, [record(b'\0', TXT, rungs), q.one(owner=pointer_to(start + 2 * steps - 2))])


@behaviour
def ownernul(q):
    return reply(q, [q.one(66, owner=wire(q.labels[0] + '\0', *q.labels[1:])), q.one(2)])


@behaviour
def ownerdot(q):
    """The name as a single label that contains dots."""
    return reply(q, [q.one(66, owner=wire('.'.join(q.labels))), q.one(2)])


@behaviour
def questiondot(q):
    """The same in the question."""
    return [Packet(reply(q, wrong(q), section=wire('.'.join(q.labels)) + q.section[-4:])), late(q)]


@behaviour
def questionptr(q):
    """The question is a pointer: to itself, forward, or to a name that does not exist."""
    lies = [Packet(reply(q, wrong(q), section=pointer_to(place) + q.section[-4:])) for place in (12, 20, 16383)]
    return [*lies, late(q)]


@behaviour
def spoofs(q, count=1000):
    """This number of false answers of all kinds, and then the true one."""
    packets = []
    for number in range(count):
        kind, when = number % 5, number // 20 * 0.002
        section = {1: name('evil.example') + q.section[-4:], 2: q.name + struct.pack('>HH', q.kind, CHAOS)}.get(kind)
        identity = (q.id + 1 + number) & 0xffff if kind == 0 else None
        source = {3: 'port', 4: 'address'}.get(kind, 'server')
        packets.append(Packet(reply(q, wrong(q), identity=identity, section=section), when, source))
    return packets + [Packet(reply(q, [q.one()]), count // 20 * 0.002 + SHORTLY)]


def mutated(q, seed):
    """A valid answer with some bytes changed according to the seed, except the ID and the question."""
    chance, data = random.Random(seed), bytearray(good(q, ODD))
    question = range(12, after_question(q))
    places = [place for place in range(2, len(data)) if place not in question]
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        data[chance.choice(places)] = chance.choice((0, 1, 12, 63, 0xc0, 0xff, chance.randrange(256)))
    for place in range(question.stop, len(data) - 1):
        if data[place] == 0xc0 and data[place + 1] < 2:
            data[place + 1] = 12  # See ODD.
    return bytes(data[:chance.choice((len(data), len(data), chance.randrange(question.stop, len(data))))])


@behaviour
def mut(q, seed):
    """Such an answer, followed by the correct one in case it is not accepted."""
    return good(q, 3) if q.tcp else [Packet(mutated(q, seed)), late(q)]


@behaviour
def tcmut(q, seed):
    return over_tcp(q, Packet(mutated(q, seed)))


@behaviour
def who(q):
    """The address consists of the ID and the source port of the question."""
    made = struct.pack('>HH', q.id, q.port)
    return reply(q, [record(SAME_NAME, q.kind, made if q.kind == A else bytes.fromhex('20010db8') + bytes(8) + made)])
