"""Plain answers: addresses, some of them delayed, counted, or in a certain order."""
import ipaddress

from behaviours.registry import BEHAVIOURS, behaviour
from messages import A, C1, C2, CNAME, SAME_NAME, TXT, Packet, record, reply


@behaviour
def ok(q, count=1):
    """This number of addresses, truncated if they do not fit."""
    message = reply(q, q.many(count))
    return message if q.fits(message) else reply(q, truncated=True)


@behaviour
def fill(q, size=512):
    """A UDP answer of exactly this number of bytes, padded with a TXT record in the additional section."""
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
    """An address with this time to live."""
    return reply(q, [q.one(ttl=seconds)])


@behaviour
def links(q, seconds):
    """Two aliases and an address. The second alias has this time to live, and the others a longer one."""
    return reply(q, [record(SAME_NAME, CNAME, C1), record(C1, CNAME, C2, seconds), q.one(7, C2)])


COUNTED = {}


def count(q):
    """Counts the questions with this name and type, including this one."""
    key = '.'.join(q.labels).lower(), q.kind
    COUNTED[key] = COUNTED.get(key, 0) + 1
    return COUNTED[key]


@behaviour
def nth(q, seconds):
    """An address that contains the number of the question."""
    return reply(q, [q.one(count(q), ttl=seconds)])


@behaviour
def turn(q, seconds):
    """Five addresses, rotated in each answer."""
    first = count(q) % 5
    return reply(q, [q.one((first + number) % 5 + 1, ttl=seconds) for number in range(5)])


@behaviour
def slow(q, tenths=20):
    """An answer that is delayed by this number of tenths of a second."""
    return [Packet(reply(q, [q.one()]), tenths / 10)]


@behaviour
def rev(q, count=3):
    """Addresses in descending order."""
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
    """set_near and others: fixed addresses, for the rules of destination address selection."""
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
