#!/usr/bin/env python3
"""A name server that does what the name in the question says.

usage: fakedns.py LOG [LIE] ADDRESS[#PORT][/udp] ...     (default port 53; /udp: nothing listens on TCP)

The first label of the name chooses the behaviour, one for A and one for AAAA questions:

    <A>_<AAAA>[_anything].rest.of.the.name          ok_nx.t.example

Where the name ends in ".w", the label before it chooses instead, so that the domains of a search list can
have behaviours too: host.nodata.w, host.ok_servfail.w. A name that chooses nothing does not exist.
<X>z<Y>z<Z> is X on the first server, Y on the second, Z on the third: servfailzok_dropzok.

The behaviours are the functions below, by name; a number after the name is their argument: ok3, rcode9.
Reverse lookups are chosen by the lowest octet or nibble, see REVERSE.

With the word LIE among the arguments, every name has an address that no honest server gives, or does not
exist: half of the names each.

Every question is a line in LOG: protocol, server, name, type, header flags, EDNS size. "ready" is printed
when all sockets are bound.
"""
import asyncio
import ipaddress
import os
import random
import socket
import struct
import sys
import zlib

A, NS, CNAME, SOA, PTR, TXT, AAAA, DNAME, OPT, RRSIG = 1, 2, 5, 6, 12, 16, 28, 39, 41, 46
INTERNET, CHAOS = 1, 3
NXDOMAIN, SERVFAIL = 3, 2
SAME_NAME = b'\xc0\x0c'  # a pointer to the name in the question
SHORTLY = 0.05
SO_RCVBUFFORCE = 33  # socket(7); not in Python's module

LIE4, LIE6 = ipaddress.ip_address('203.0.113.66'), ipaddress.ip_address('2001:db8:bad::66')


def wire(*labels):
    """Labels, as text or bytes, as a name in a message."""
    raw = [label.encode('latin1') if isinstance(label, str) else label for label in labels]
    return b''.join(bytes([len(label)]) + label for label in raw) + b'\0'


def name(text):
    return wire(*text.split('.'))


def record(owner, kind, data, ttl=300, klass=INTERNET):
    return owner + struct.pack('>HHIH', kind, klass, ttl, len(data)) + data


START_OF_AUTHORITY = record(name('t.example'), SOA, wire('ns') + wire('root') + struct.pack('>5I', 1, 1, 1, 1, 5), 5)


class Question:
    """What was asked, and where."""

    def __init__(self, message, server, tcp, port=0):
        self.message, self.server, self.tcp, self.port = message, server, tcp, port
        self.id, self.flags, _, _, _, additional = struct.unpack('>6H', message[:12])
        position, self.labels = 12, []
        while message[position]:
            length = message[position]
            self.labels.append(message[position + 1:position + 1 + length].decode('latin1'))
            position += length + 1
        self.kind, self.klass = struct.unpack('>HH', message[position + 1:position + 5])
        self.section = message[12:position + 5]
        self.name = message[12:position + 1]
        rest = message[position + 5:]
        has_edns = additional and len(rest) >= 11 and rest[0] == 0 and rest[1:3] == struct.pack('>H', OPT)
        self.edns = struct.unpack('>H', rest[3:5])[0] if has_edns else 0

    def line(self):
        return '%s %s %s %d flags=%04x edns=%d' % (
            'tcp' if self.tcp else 'udp', self.server, '.'.join(self.labels), self.kind, self.flags, self.edns)

    def address(self, number):
        if self.kind == A:
            return bytes([192, 0, 2, number]) if number < 256 else bytes([198, 51, 100, number & 255])
        return bytes.fromhex('20010db8') + bytes(10) + struct.pack('>H', number)

    def one(self, number=1, owner=SAME_NAME, **more):
        return record(owner, self.kind, self.address(number), **more)

    def many(self, count):
        return [self.one(number + 1) for number in range(count)]

    def fits(self, message):
        return self.tcp or len(message) <= max(512, self.edns)


def reply(question, records=(), code=0, *, identity=None, section=None, questions=1, count=None, truncated=False,
          authoritative=True, recursion=True, response=True, opcode=0, authority=(), additional=()):
    """A message, right but for what the caller wants wrong."""
    flags = (0x8000 * response | opcode << 11 | 0x0400 * authoritative | 0x0200 * truncated | 0x0100
             | 0x80 * recursion | code)
    header = struct.pack('>6H', question.id if identity is None else identity, flags, questions,
                         len(records) if count is None else count, len(authority), len(additional))
    body = question.section if section is None else section
    return header + body + b''.join(records) + b''.join(authority) + b''.join(additional)


class Packet:
    """One message to send, at once or later; `source` is where from: the server, another port, another address."""

    def __init__(self, message, delay=0.0, source='server', pieces=1, close=False, raw=False, pause=0.005):
        self.message, self.delay, self.source, self.pieces, self.close = message, delay, source, pieces, close
        self.raw, self.pause = raw, pause  # raw: without a length before it, on TCP


CLOSE = Packet(b'', close=True)  # the end of a TCP connection

BEHAVIOURS = {}


def behaviour(function):
    """Registers a function from Question (and a number, where it takes one) to a message or a list of packets."""
    BEHAVIOURS[function.__name__.rstrip('_')] = function
    return function


# Plain answers.

@behaviour
def ok(q, count=1):
    """That many addresses; truncated where they do not fit."""
    message = reply(q, q.many(count))
    return message if q.fits(message) else reply(q, truncated=True)


@behaviour
def fill(q, size=512):
    """A UDP answer of exactly that many bytes, filled up by a TXT record in the additional section."""
    answer = [q.one()]
    missing = size - len(reply(q, answer)) - len(record(b'\0', TXT, b''))
    return reply(q, answer, additional=[record(b'\0', TXT, bytes(missing))])


@behaviour
def dup(q):
    return reply(q, [q.one(), q.one()])


@behaviour
def ttl0(q):
    return reply(q, [q.one(ttl=0)])


@behaviour
def live(q, seconds):
    """An address for so many seconds."""
    return reply(q, [q.one(ttl=seconds)])


@behaviour
def links(q, seconds):
    """Two aliases and an address, of which the second alias lives so long, and the others longer."""
    return reply(q, [record(SAME_NAME, CNAME, C1), record(C1, CNAME, C2, seconds), q.one(7, C2)])


COUNTED = {}


def count(q):
    """How often this was asked, with this time."""
    key = '.'.join(q.labels).lower(), q.kind
    COUNTED[key] = COUNTED.get(key, 0) + 1
    return COUNTED[key]


@behaviour
def nth(q, seconds):
    """The number of the question in the address."""
    return reply(q, [q.one(count(q), ttl=seconds)])


@behaviour
def turn(q, seconds):
    """Five addresses, another one first each time."""
    first = count(q) % 5
    return reply(q, [q.one((first + number) % 5 + 1, ttl=seconds) for number in range(5)])


@behaviour
def slow(q, tenths=20):
    """The answer, after so many tenths of a second."""
    return [Packet(reply(q, [q.one()]), tenths / 10)]


@behaviour
def rev(q, count=3):
    """Addresses in falling order."""
    return reply(q, q.many(count)[::-1])


ADDRESS_SETS = {
    'near': ['192.0.2.1', '192.0.2.199', '192.0.2.201', '10.1.2.3', '198.51.100.1', '192.0.3.200',
             '2001:db8::1', '2001:db8::201', '2001:db8:1::1', '2001:db9::1', '2001:db8:0:1::1'],
    'scopes': ['169.254.1.1', '127.0.0.1', '10.0.0.1', '172.16.0.1', '192.168.0.1', '192.0.2.9', '224.0.0.1',
               'fe80::1', 'fec0::1', 'fc00::1', '2001:db8::9', '::1', 'ff02::1', 'ff0e::1', 'ff05::1'],
    'labels': ['192.0.2.10', '10.0.0.10', '2002:c000:20a::1', '2001::1', 'fc00::2', 'fec0::2', '::192.0.2.1',
               '2001:db8::10', '::ffff:192.0.2.1', 'fd12:3456::1', '3ffe::1', '64:ff9b::1'],
    'odd': ['0.0.0.0', '255.255.255.255', '192.0.2.255', '192.0.2.200', '::', '2001:db8::200', '::ffff:0.0.0.0'],
}


def register_sets():
    """set_near and so on: fixed addresses, for the rules of destination address selection."""
    def answer(addresses):
        def choose(q):
            wanted = [ipaddress.ip_address(text) for text in addresses]
            length = 4 if q.kind == A else 16
            return reply(q, [record(SAME_NAME, q.kind, each.packed) for each in wanted if len(each.packed) == length])
        return choose
    for key, addresses in ADDRESS_SETS.items():
        BEHAVIOURS['set-' + key] = answer(addresses)
        BEHAVIOURS['ter-' + key] = answer(addresses[::-1])


register_sets()


# Answers without addresses.

@behaviour
def nx(q):
    return reply(q, code=NXDOMAIN, authority=[START_OF_AUTHORITY])


@behaviour
def nodata(q):
    return reply(q, authority=[START_OF_AUTHORITY])


def start_of_authority(times):
    """1002: a time to live of one second, and two in the last field."""
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
    """Nothing, and for how long is not said."""
    return reply(q)


@behaviour
def rcode(q, code):
    return reply(q, code=code)


@behaviour
def lame(q):
    """NOERROR with nothing at all: "ask the next server"."""
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
    """SERVFAIL, and nothing but a header."""
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


# Answers that are not for this question, followed by the right one.

def late(q, records=None):
    return Packet(reply(q, [q.one()] if records is None else records), SHORTLY)


def wrong(q):
    return [q.one(66)]


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
    """From another port of the same address first: nothing that a connected socket would see."""
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
    """The question itself, as it came."""
    return [Packet(q.message), late(q)]


@behaviour
def opcode(q):
    return [Packet(reply(q, wrong(q), opcode=2)), late(q)]


@behaviour
def twice(q):
    return [Packet(reply(q, [q.one()])), Packet(reply(q, [q.one(2)]))]


# Spelling.

@behaviour
def upcase(q):
    return reply(q, [q.one()], section=q.section[:-4].upper() + q.section[-4:])


@behaviour
def locase(q):
    return reply(q, [q.one()], section=q.section[:-4].lower() + q.section[-4:])


@behaviour
def mixcase(q):
    """Question as asked, owner of the address in capitals."""
    return reply(q, [q.one(owner=q.name.upper())])


@behaviour
def slot(q):
    """Names spelled out, not compressed."""
    return reply(q, [q.one(owner=q.name)])


# Canonical names.

def alias(q, *chain, then=7):
    """CNAMEs from the question's name through `chain`, and an address at its end."""
    owners = [SAME_NAME, *chain]
    links = [record(owner, CNAME, target) for owner, target in zip(owners, chain)]
    return links + [q.one(then, owner=chain[-1])]


C1, C2 = name('c1.t.example'), name('C2.t.example')


@behaviour
def cname(q):
    return reply(q, alias(q, C1, C2))


@behaviour
def cnamex(q):
    """Aliases that lead nowhere."""
    return reply(q, alias(q, C1, C2)[:-1])


@behaviour
def cnamexsoa(q):
    return reply(q, alias(q, C1, C2)[:-1], authority=[START_OF_AUTHORITY])


@behaviour
def cnameshuf(q):
    links = alias(q, C1, C2)
    return reply(q, links[-1:] + links[:-1])


@behaviour
def cnamerev(q):
    links = alias(q, C1, C2)
    return reply(q, links[1::-1] + links[2:])


@behaviour
def chain(q, length=8):
    """A chain of that many aliases."""
    message = reply(q, alias(q, *[wire('n%d' % i, 't', 'example') for i in range(length)]))
    return message if q.fits(message) else reply(q, truncated=True)


@behaviour
def loop(q):
    return reply(q, [record(SAME_NAME, CNAME, q.name)])


@behaviour
def loop2(q):
    return reply(q, [record(SAME_NAME, CNAME, C1), record(C1, CNAME, q.name)])


@behaviour
def looped(q):
    """An alias to itself, and an address all the same."""
    return reply(q, [record(SAME_NAME, CNAME, q.name), q.one()])


@behaviour
def forked(q):
    """Two aliases of one name, and an address for each."""
    return reply(q, [record(SAME_NAME, CNAME, C1), record(SAME_NAME, CNAME, C2), q.one(1, C1), q.one(2, C2)])


@behaviour
def split(q):
    """Addresses of the name itself and of its alias."""
    return reply(q, [q.one(1), record(SAME_NAME, CNAME, C1), q.one(2, C1)])


@behaviour
def twoends(q):
    return reply(q, alias(q, C1) + [q.one(8, C1), q.one(9, C2)])


@behaviour
def dname(q):
    target = wire(q.labels[0], 'other', 'example')
    return reply(q, [record(name('t.example'), DNAME, name('other.example')), record(SAME_NAME, CNAME, target),
                     q.one(7, target)])


@behaviour
def signed(q):
    return reply(q, [q.one(), record(SAME_NAME, RRSIG, bytes(30)), q.one(2)])


@behaviour
def text(q):
    return reply(q, [record(SAME_NAME, TXT, b'\x03abc'), q.one()])


@behaviour
def textonly(q):
    return reply(q, [record(SAME_NAME, TXT, b'\x03abc')])


ODD_TARGETS = {
    'star': wire('*', 't', 'example'), 'space': wire('sp ace', 't', 'example'), 'dash': wire('-x', 't', 'example'),
    'dot': wire('a.b', 't', 'example'), 'slash': wire('back\\slash', 't', 'example'), 'root': b'\0',
    'under': wire('_x_', 't', 'example'), 'high': wire('b\xfccher', 't', 'example'), 'nul': wire('a\0b', 'example'),
    'idn': wire('xn--bcher-kva', 't', 'example'), 'badidn': wire('xn--\x7f', 't', 'example'),
    'long': wire(*['m' * 60] * 4), 'max': wire(*['m' * 63] * 3, 'm' * 61), 'single': wire('single'),
    'digits': wire('10', '0', '0', '1'), 'newline': wire('a\nb', 'example'), 'tail': wire('x-', 't', 'example'),
    'innerdash': wire('x', '-y', 'example'), 'label63': wire('l' * 63, 'example'), 'at': wire('a@b', 'example'),
}


def register_targets():
    """to-star and so on: an alias to a peculiar name, with an address; via-star: and on to a plain one."""
    def last(target):
        return lambda q: reply(q, alias(q, target))

    def between(target):
        return lambda q: reply(q, alias(q, target, C1))
    for key, target in ODD_TARGETS.items():
        BEHAVIOURS['to-' + key] = last(target)
        BEHAVIOURS['via-' + key] = between(target)


register_targets()


# Records that are not right.

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
    """An address, of another name."""
    return reply(q, [q.one(owner=C1)])


@behaviour
def owners(q):
    return reply(q, [q.one(1, C1), q.one(2)])


@behaviour
def wrongcl(q):
    return reply(q, [q.one(9, klass=CHAOS), q.one(2)])


@behaviour
def a4in6(q):
    """An A record, whatever was asked."""
    return reply(q, [record(SAME_NAME, A, bytes([192, 0, 2, 1]))])


@behaviour
def both(q):
    return reply(q, [record(SAME_NAME, A, bytes([192, 0, 2, 1])), record(SAME_NAME, AAAA, bytes(15) + b'\2')])


@behaviour
def trail(q):
    """The last record is cut."""
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
    """A label type that nobody defined."""
    return reply(q, [q.one(owner=b'\x80abc\0')])


@behaviour
def cnamecut(q):
    return reply(q, [record(SAME_NAME, CNAME, b'\x05abc'), q.one()])


@behaviour
def cnamelen(q):
    """The length of a CNAME's data is too long by one."""
    return reply(q, [record(SAME_NAME, CNAME, C1 + b'x'), q.one(7, C1)])


# Truncation and TCP.

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
    """TCP is accepted, and nothing is ever said."""
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
    """Over TCP, the answer to another question, with the right id."""
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
    """Half an answer, and then the end."""
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
    """Longer than UDP allows, and sent all the same."""
    return reply(q, q.many(count))


@behaviour
def needsudp(q):
    return [CLOSE] if q.tcp else reply(q, [q.one()])


@behaviour
def ednsfe(q):
    """FORMERR to whoever speaks EDNS."""
    return reply(q, code=1) if q.edns else reply(q, [q.one()])


@behaviour
def ednsopt(q):
    opt = [b'\0' + struct.pack('>HHIH', OPT, 1232, 0, 0)] if q.edns else []
    return reply(q, [q.one()], additional=opt)


@behaviour
def adbit(q):
    """One address where the question asks for authentic data, another where it does not."""
    return reply(q, [q.one(2 if q.flags & 0x20 else 1)])


# Lies: what nobody sends by mistake. See cases/hostile.txt.

# An address that is no pointer to the id when it is taken for a name: that would be another name each time.
ODD = 256 + 66


def good(q, number=1):
    """An alias and two addresses."""
    return reply(q, [record(SAME_NAME, CNAME, C1), q.one(number, C1), q.one(number + 1, C1)])


def over_tcp(q, *packets):
    """These, for whoever comes over TCP; and then the end."""
    return [*packets, CLOSE] if q.tcp else reply(q, truncated=True)


def framed(message, length=None):
    return Packet(struct.pack('>H', len(message) if length is None else length) + message, raw=True)


@behaviour
def first(q, length):
    """So many bytes of a good answer, and then a whole one."""
    return [Packet(good(q, 66)[:length]), late(q)]


@behaviour
def tcfirst(q, length):
    """A whole TCP message, of so many bytes of a good answer."""
    return over_tcp(q, Packet(good(q)[:length]))


@behaviour
def tcend(q, length):
    """The connection ends after so many bytes of the stream."""
    return over_tcp(q, Packet(framed(good(q)).message[:length], raw=True))


@behaviour
def tclength(q, length):
    """A good answer with that length before it."""
    return over_tcp(q, framed(good(q), length))


@behaviour
def tcdrip(q, seconds=1):
    """A byte a second."""
    message = good(q)
    return [Packet(message, pieces=len(message) + 2, pause=seconds)] if q.tcp else reply(q, truncated=True)


@behaviour
def tcwrongs(q):
    """Answers with other ids, one every tenth of a second, for long."""
    if not q.tcp:
        return reply(q, truncated=True)
    return [Packet(reply(q, wrong(q), identity=q.id ^ 0x5555 ^ number), 0.1) for number in range(200)]


@behaviour
def wrongs(q):
    """The same as datagrams."""
    return [Packet(reply(q, wrong(q), identity=q.id ^ 0x5555 ^ number), number / 10) for number in range(200)]


@behaviour
def tcfull(q):
    """As many addresses as a message holds."""
    return over_tcp(q, Packet(reply(q, q.many((65535 - 12 - len(q.section)) // (28 if q.kind == AAAA else 16)))))


@behaviour
def tctexts(q):
    """64 KB of records of another type, and an address at their end."""
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
    """One of the header's counts is as large as it can be."""
    message = bytearray(reply(q, [q.one()]))
    message[4 + 2 * place:6 + 2 * place] = b'\xff\xff'
    return [Packet(bytes(message)), late(q)]


@behaviour
def rdlen(q, length):
    """A record that says of its data that they are so long, before a right one."""
    bad = SAME_NAME + struct.pack('>HHIH', q.kind, INTERNET, 300, length) + q.address(ODD)
    return reply(q, [bad, q.one(2)])


@behaviour
def cnrdlen(q, length):
    """The same of an alias."""
    return reply(q, [SAME_NAME + struct.pack('>HHIH', CNAME, INTERNET, 300, length) + C1, q.one(7, C1)])


@behaviour
def klass(q, number):
    return reply(q, [q.one(66, klass=number), q.one(2)])


@behaviour
def ttl(q, bit):
    return reply(q, [q.one(ttl=(1 << bit) - 1)])


@behaviour
def quiet(q):
    """All is right, but it does not say that it is a response."""
    return reply(q, [q.one()], response=False)


def after_question(q):
    return 12 + len(q.section)


def pointer_to(place):
    return struct.pack('>H', 0xc000 | place)


@behaviour
def ptr(q, place):
    """The owner is a pointer to that byte."""
    return reply(q, [q.one(66, owner=pointer_to(place)), q.one(2)])


@behaviour
def cnptr(q, place):
    """The alias is."""
    return reply(q, [record(SAME_NAME, CNAME, pointer_to(place)), q.one(2)])


@behaviour
def ptrloop(q):
    """Two owners that are pointers to each other."""
    here = after_question(q)
    other = here + len(q.one())
    return reply(q, [q.one(66, owner=pointer_to(other)), record(pointer_to(here), TXT, bytes(4)), q.one(2)])


@behaviour
def ptrforward(q):
    """A pointer forward, to a good name in the next record."""
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
    """The name's bytes, with dots inside of labels instead of between them."""
    return reply(q, [q.one(66, owner=wire('.'.join(q.labels))), q.one(2)])


@behaviour
def questiondot(q):
    """The same in the question."""
    return [Packet(reply(q, wrong(q), section=wire('.'.join(q.labels)) + q.section[-4:])), late(q)]


@behaviour
def questionptr(q):
    """The question is a pointer: to itself, ahead, or to a name that is not there."""
    return [Packet(reply(q, wrong(q), section=pointer_to(place) + q.section[-4:])) for place in (12, 20, 16383)] + [late(q)]


@behaviour
def spoofs(q, count=1000):
    """So many false answers, of all kinds, and then the true one."""
    packets = []
    for number in range(count):
        kind, when = number % 5, number // 20 * 0.002
        section = {1: name('evil.example') + q.section[-4:], 2: q.name + struct.pack('>HH', q.kind, CHAOS)}.get(kind)
        identity = (q.id + 1 + number) & 0xffff if kind == 0 else None
        source = {3: 'port', 4: 'address'}.get(kind, 'server')
        packets.append(Packet(reply(q, wrong(q), identity=identity, section=section), when, source))
    return packets + [Packet(reply(q, [q.one()]), count // 20 * 0.002 + SHORTLY)]


def mutated(q, seed):
    """A good answer with some bytes changed, the same for the same seed; its id and its question stay."""
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
    """Such an answer; and the right one, where that is not taken."""
    return good(q, 3) if q.tcp else [Packet(mutated(q, seed)), late(q)]


@behaviour
def tcmut(q, seed):
    return over_tcp(q, Packet(mutated(q, seed)))


@behaviour
def who(q):
    """The address is the id and the source port of the question."""
    made = struct.pack('>HH', q.id, q.port)
    return reply(q, [record(SAME_NAME, q.kind, made if q.kind == A else bytes.fromhex('20010db8') + bytes(8) + made)])


# Reverse lookups, by the last octet (or lowest nibble) of the address.

def pointer(*targets, kind=PTR):
    return lambda q: reply(q, [record(SAME_NAME, kind, target) for target in targets])


def pointer_alias(q):
    other = name('5.0-25.rev.example')
    return reply(q, [record(SAME_NAME, CNAME, other), record(other, PTR, name('delegated.t.example'))])


REVERSE = {
    '1': pointer(name('one.t.example'), name('two.t.example')),
    '2': pointer_alias,
    '3': pointer(name('UPPER.t.example')),
    '4': pointer(wire('*', 't', 'example'), name('second.t.example')),
    '6': lambda q: reply(q, code=SERVFAIL),
    '7': nodata,
    '8': nx,
    '9': pointer(wire('bad name', 'example')),
    '10': drop,
    '11': lambda q: reply(q, code=5),
    '12': pointer(wire(*['m' * 60] * 4)),
    '13': pointer(b'\0'),
    '14': pointer(wire('10', '0', '0', '1')),
    '15': pointer(wire('xn--bcher-kva', 'example')),
    '16': pointer(name('text.example'), kind=TXT),
    '17': pointer(wire('ptr', 'localdomain')),
    '18': pointer(wire('single')),
    '19': lambda q: reply(q, code=1),
    '20': lambda q: [] if not q.tcp else reply(q, [record(SAME_NAME, PTR, name('tcp.t.example'))]),
    '21': lambda q: reply(q, truncated=not q.tcp,
                          records=[record(SAME_NAME, PTR, name('tcp.t.example'))] if q.tcp else []),
}


def reverse(q):
    if q.labels[0] in REVERSE:
        return REVERSE[q.labels[0]]
    return pointer(wire('ptr-' + q.labels[0], 't', 'example'))


# Which behaviour a question chooses.

def chosen(q, servers):
    """The word for this question's type and this server, or None."""
    if len(q.labels) >= 2 and q.labels[-1].lower() == 'w':
        words = q.labels[-2].lower().split('_')
    else:
        words = (q.labels[0] if q.labels else '').lower().split('_')
        if len(words) < 2:
            return None
    if q.kind not in (A, AAAA):
        return 'nodata'
    word = words[0] if q.kind == A or len(words) == 1 else words[1]
    by_server = word.split('z')
    return by_server[min(servers.get(q.server, 0), len(by_server) - 1)]


def find(word):
    """The function for a word such as ok3, with its number."""
    if word in BEHAVIOURS:
        return BEHAVIOURS[word]
    stem = word.rstrip('0123456789')
    if stem in BEHAVIOURS and stem != word:
        return lambda q: BEHAVIOURS[stem](q, int(word[len(stem):]))
    return nx


def lie(q):
    if zlib.crc32('.'.join(q.labels).lower().encode('latin1')) % 2:
        return reply(q, code=NXDOMAIN, authority=[START_OF_AUTHORITY])
    data = {A: LIE4.packed, AAAA: LIE6.packed, PTR: name('liar.example')}.get(q.kind)
    return reply(q, [record(SAME_NAME, q.kind, data)]) if data else nodata(q)


class Server:
    """All sockets, and the log."""

    def __init__(self, log, lying):
        self.log, self.lying = log, lying
        # The second and the third of these are other servers; every other address is the first again.
        self.order = {'127.0.0.54': 1, '127.0.0.55': 2}

    def packets(self, message, address, tcp, port):
        try:
            q = Question(message, address, tcp, port)
        except (struct.error, IndexError) as error:
            self.log.write('malformed question: %r\n' % error)
            return []
        self.log.write(q.line() + '\n')
        if self.lying:
            answer = lie
        elif q.kind == PTR and q.labels[-1:] == ['arpa']:
            answer = reverse(q)
        else:
            answer = find(chosen(q, self.order) or 'nx')
        result = answer(q)
        return [Packet(result)] if isinstance(result, bytes) else result


class Udp(asyncio.DatagramProtocol):
    """One UDP socket. Answers leave in the order of the questions, as far as nothing is delayed."""

    def __init__(self, server, address):
        self.server, self.address = server, address

    def connection_made(self, transport):
        self.transport = transport
        # Hundreds of questions at one moment.
        transport.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)

    def datagram_received(self, data, peer):
        for packet in self.server.packets(data, self.address, False, peer[1]):
            if packet.delay:
                asyncio.get_running_loop().call_later(packet.delay, self.send, packet, peer)
            else:
                self.send(packet, peer)

    def send(self, packet, peer):
        if packet.source == 'server':
            # Not the transport's sendto, which thinks an empty datagram is nothing to send.
            try:
                self.transport.get_extra_info('socket')._sock.sendto(packet.message, peer)
            except OSError as error:
                self.server.log.write('cannot answer: %r\n' % error)
            return
        stranger = socket_for(self.address if packet.source == 'port' else '127.0.0.99', 0, peer[0])
        stranger.sendto(packet.message, peer)
        stranger.close()


def socket_for(address, port_number, peer):
    family = socket.AF_INET6 if ':' in peer else socket.AF_INET
    stranger = socket.socket(family, socket.SOCK_DGRAM)
    if (':' in address) == (':' in peer):
        stranger.bind((address, port_number))
    return stranger


def tcp(server, address):
    """What serves one TCP connection: question by question, in order."""
    async def serve(reader, writer):
        port = writer.get_extra_info('peername')[1]
        try:
            while True:
                length, = struct.unpack('>H', await reader.readexactly(2))
                for packet in server.packets(await reader.readexactly(length), address, True, port):
                    if packet.close:
                        return
                    await asyncio.sleep(packet.delay)
                    await send_pieces(writer, packet)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()
    return serve


async def send_pieces(writer, packet):
    """The message at once, in some pieces, or (-2) only the first of two."""
    data = packet.message if packet.raw else struct.pack('>H', len(packet.message)) + packet.message
    if packet.pieces < 0:
        data = data[:len(data) // -packet.pieces]
    step = len(data) if packet.pieces < 2 else len(data) // packet.pieces + 1
    for start in range(0, len(data), step):
        writer.write(data[start:start + step])
        await writer.drain()
        if packet.pieces > 1:
            await asyncio.sleep(packet.pause)


async def main(arguments):
    log = open(arguments[0], 'w', buffering=1, encoding='utf-8')
    server = Server(log, 'LIE' in arguments)
    loop = asyncio.get_running_loop()
    kept = []
    for text in (each for each in arguments[1:] if each != 'LIE'):
        text, _, only = text.partition('/')
        address, _, port_text = text.partition('#')
        where = (address, int(port_text or 53))
        kept.append(await loop.create_datagram_endpoint(lambda a=address: Udp(server, a), local_addr=where))
        if not only:
            kept.append(await asyncio.start_server(tcp(server, address), *where, backlog=256))
    print('ready', flush=True)
    await asyncio.Event().wait()


if __name__ == '__main__':
    os.umask(0o022)
    asyncio.run(main(sys.argv[1:]))
