"""Answers without addresses: the name or the type does not exist, or the server fails."""
import struct

from behaviours.registry import BEHAVIOURS, behaviour
from messages import A, CNAME, NS, NXDOMAIN, SAME_NAME, SERVFAIL, SOA, START_OF_AUTHORITY, name, record, reply, wire


@behaviour
def nx(q):
    return reply(q, code=NXDOMAIN, authority=[START_OF_AUTHORITY])


@behaviour
def nodata(q):
    return reply(q, authority=[START_OF_AUTHORITY])


def start_of_authority(times):
    """1002: a time to live of one second, and two seconds in the last field."""
    data = wire('ns') + wire('root') + struct.pack('>5I', 1, 1, 1, 1, times % 1000)
    return record(name('t.example'), SOA, data, times // 1000)


@behaviour
def nxsoa(q, times):
    return reply(q, code=NXDOMAIN, authority=[start_of_authority(times)])


@behaviour
def ndsoa(q, times):
    return reply(q, authority=[start_of_authority(times)])


@behaviour
def bare(q):
    """No data, without an SOA record."""
    return reply(q)


@behaviour
def rcode(q, code):
    return reply(q, code=code)


@behaviour
def lame(q):
    """NOERROR without any records, after which the next server is queried."""
    return reply(q, authoritative=False, recursion=False)


@behaviour
def lameaa(q):
    return reply(q, recursion=False)


@behaviour
def lamera(q):
    return reply(q, authoritative=False)


@behaviour
def lamear(q):
    return reply(q, authoritative=False, recursion=False, additional=[record(wire('ns'), A, bytes(4))])


@behaviour
def referral(q):
    return reply(q, authoritative=False, recursion=False, authority=[record(name('t.example'), NS, wire('ns'))])


@behaviour
def nxdata(q):
    return reply(q, [q.one()], NXDOMAIN)


@behaviour
def nxcname(q):
    return reply(q, [record(SAME_NAME, CNAME, name('gone.t.example'))], NXDOMAIN, authority=[START_OF_AUTHORITY])


@behaviour
def sfdata(q):
    return reply(q, [q.one()], SERVFAIL)


@behaviour
def rfdata(q):
    return reply(q, [q.one()], 5)


@behaviour
def sfhdr(q):
    """SERVFAIL in a message that consists only of a header."""
    return struct.pack('>6H', q.id, 0x8182, 0, 0, 0, 0)


@behaviour
def nxhdr(q):
    return struct.pack('>6H', q.id, 0x8183, 0, 0, 0, 0)


@behaviour
def okhdr(q):
    return struct.pack('>6H', q.id, 0x8180, 0, 0, 0, 0)


@behaviour
def sfaa(q):
    return reply(q, code=SERVFAIL, authoritative=False)


@behaviour
def drop(q):
    return []


for code_name, code_number in dict(formerr=1, servfail=2, notimp=4, refused=5, yxdomain=6).items():
    BEHAVIOURS[code_name] = lambda q, code=code_number: reply(q, code=code)
