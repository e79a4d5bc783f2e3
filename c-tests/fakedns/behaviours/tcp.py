"""Truncation, TCP and EDNS."""
import struct

from behaviours.empty import nodata, nx
from behaviours.registry import behaviour
from messages import CLOSE, NXDOMAIN, OPT, SERVFAIL, Packet, late, name, reply, wrong


@behaviour
def tc(q, count=40):
    return reply(q, q.many(count)) if q.tcp else reply(q, truncated=True)


@behaviour
def tcpart(q):
    """Truncated, with some of the addresses."""
    return reply(q, q.many(40)) if q.tcp else reply(q, q.many(3), truncated=True)


@behaviour
def tctc(q):
    return reply(q, q.many(5), truncated=True)


@behaviour
def tcnx(q):
    return nx(q) if q.tcp else reply(q, truncated=True)


@behaviour
def tcsf(q):
    return reply(q, code=SERVFAIL) if q.tcp else reply(q, truncated=True)


@behaviour
def tcsfudp(q):
    return reply(q, [q.one()]) if q.tcp else reply(q, code=SERVFAIL, truncated=True)


@behaviour
def tcnxudp(q):
    return reply(q, [q.one()]) if q.tcp else reply(q, code=NXDOMAIN, truncated=True)


@behaviour
def tcnodata(q):
    return nodata(q) if q.tcp else reply(q, truncated=True)


@behaviour
def tcfail(q):
    return [CLOSE] if q.tcp else reply(q, truncated=True)


@behaviour
def tchang(q):
    """TCP connections are accepted, and nothing is sent."""
    return [] if q.tcp else reply(q, truncated=True)


@behaviour
def tcstall(q):
    """Half an answer, and then nothing."""
    if not q.tcp:
        return reply(q, truncated=True)
    return [Packet(reply(q, q.many(40)), pieces=-2)]


@behaviour
def tcslow(q, tenths=3):
    return [Packet(reply(q, q.many(3)), tenths / 10)] if q.tcp else reply(q, truncated=True)


@behaviour
def tcpieces(q):
    return [Packet(reply(q, q.many(40)), pieces=7)] if q.tcp else reply(q, truncated=True)


@behaviour
def tcid(q):
    if not q.tcp:
        return reply(q, truncated=True)
    return [Packet(reply(q, wrong(q), identity=q.id ^ 0x5555)), late(q)]


@behaviour
def tcq(q):
    """Over TCP, the answer to another question, with the correct ID."""
    if not q.tcp:
        return reply(q, truncated=True)
    return reply(q, wrong(q), section=name('evil.example') + q.section[-4:])


@behaviour
def tcshort(q):
    return [Packet(b'abcde'), CLOSE] if q.tcp else reply(q, truncated=True)


@behaviour
def tcempty(q):
    return [Packet(b''), CLOSE] if q.tcp else reply(q, truncated=True)


@behaviour
def tchalf(q):
    """Half an answer, and then the end of the connection."""
    if not q.tcp:
        return reply(q, truncated=True)
    return [Packet(reply(q, q.many(40)), pieces=-2), CLOSE]


@behaviour
def big(q, count=200):
    """Too long for UDP, unless EDNS allows it."""
    message = reply(q, q.many(count))
    return message if q.tcp or len(message) <= q.edns else reply(q, truncated=True)


@behaviour
def udpbig(q, count=60):
    """Longer than allowed for UDP, but not truncated."""
    return reply(q, q.many(count))


@behaviour
def needsudp(q):
    return [CLOSE] if q.tcp else reply(q, [q.one()])


@behaviour
def ednsfe(q):
    """FORMERR for queries with EDNS."""
    return reply(q, code=1) if q.edns else reply(q, [q.one()])


@behaviour
def ednsopt(q):
    opt = [b'\0' + struct.pack('>HHIH', OPT, 1232, 0, 0)] if q.edns else []
    return reply(q, [q.one()], additional=opt)


@behaviour
def adbit(q):
    """One address for questions with the AD flag, and another one without it."""
    return reply(q, [q.one(2 if q.flags & 0x20 else 1)])
