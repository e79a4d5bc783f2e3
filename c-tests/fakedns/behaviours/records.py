"""Invalid records, valid ones in the wrong place, and counts that do not match the records."""
import struct

from behaviours.registry import behaviour
from messages import A, AAAA, C1, CHAOS, CNAME, SAME_NAME, record, reply


@behaviour
def badlen(q):
    return reply(q, [record(SAME_NAME, q.kind, q.address(1) + b'x'), q.one(2)])


@behaviour
def shortlen(q):
    return reply(q, [record(SAME_NAME, q.kind, q.address(1)[:-1]), q.one(2)])


@behaviour
def nolen(q):
    return reply(q, [record(SAME_NAME, q.kind, b''), q.one(2)])


@behaviour
def owner(q):
    """An address of another name."""
    return reply(q, [q.one(owner=C1)])


@behaviour
def owners(q):
    return reply(q, [q.one(1, C1), q.one(2)])


@behaviour
def wrongcl(q):
    return reply(q, [q.one(9, klass=CHAOS), q.one(2)])


@behaviour
def a4in6(q):
    """An A record, regardless of the type in the question."""
    return reply(q, [record(SAME_NAME, A, bytes([192, 0, 2, 1]))])


@behaviour
def both(q):
    return reply(q, [record(SAME_NAME, A, bytes([192, 0, 2, 1])), record(SAME_NAME, AAAA, bytes(15) + b'\2')])


@behaviour
def trail(q):
    """The last record is truncated."""
    return reply(q, [q.one(), q.one(2)[:-2]])


@behaviour
def cut(q):
    return reply(q, [q.one()[:-2]])


@behaviour
def more(q):
    """Fewer records than the header says."""
    return reply(q, [q.one()], count=3)


@behaviour
def fewer(q):
    return reply(q, q.many(3), count=1)


@behaviour
def uncounted(q):
    return reply(q, [q.one()], count=0)


@behaviour
def elsewhere(q):
    """The address is in the authority section."""
    return reply(q, authority=[q.one()])


@behaviour
def extra(q):
    return reply(q, additional=[q.one()])


@behaviour
def junk(q):
    return reply(q, [q.one()]) + b'\xff' * 20


@behaviour
def selfptr(q):
    """A compression pointer to itself."""
    here = 12 + len(q.section)
    return reply(q, [q.one(owner=struct.pack('>H', 0xc000 | here))])


@behaviour
def fwdptr(q):
    here = 12 + len(q.section)
    return reply(q, [q.one(owner=struct.pack('>H', 0xc000 | (here + 40)))])


@behaviour
def badlabel(q):
    """An undefined label type."""
    return reply(q, [q.one(owner=b'\x80abc\0')])


@behaviour
def cnamecut(q):
    return reply(q, [record(SAME_NAME, CNAME, b'\x05abc'), q.one()])


@behaviour
def cnamelen(q):
    """The length of a CNAME's data is too long by one."""
    return reply(q, [record(SAME_NAME, CNAME, C1 + b'x'), q.one(7, C1)])
