"""Received questions, and valid and invalid messages to send."""
import struct

A, NS, CNAME, SOA, PTR, TXT, AAAA, DNAME, OPT, RRSIG = 1, 2, 5, 6, 12, 16, 28, 39, 41, 46
INTERNET, CHAOS = 1, 3
NXDOMAIN, SERVFAIL = 3, 2
SAME_NAME = b'\xc0\x0c'  # a pointer to the name in the question
SHORTLY = 0.05


def wire(*labels):
    """Encodes labels, as text or bytes, as a name in a message."""
    raw = [label.encode('latin1') if isinstance(label, str) else label for label in labels]
    return b''.join(bytes([len(label)]) + label for label in raw) + b'\0'


def name(text):
    return wire(*text.split('.'))


def record(owner, kind, data, ttl=300, klass=INTERNET):
    return owner + struct.pack('>HHIH', kind, klass, ttl, len(data)) + data


START_OF_AUTHORITY = record(name('t.example'), SOA, wire('ns') + wire('root') + struct.pack('>5I', 1, 1, 1, 1, 5), 5)

# Targets of aliases.
C1, C2 = name('c1.t.example'), name('C2.t.example')


class Question:
    """A question, and where it was received."""

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
    """A message, which is valid except for what the caller specifies."""
    flags = (0x8000 * response | opcode << 11 | 0x0400 * authoritative | 0x0200 * truncated | 0x0100
             | 0x80 * recursion | code)
    header = struct.pack('>6H', question.id if identity is None else identity, flags, questions,
                         len(records) if count is None else count, len(authority), len(additional))
    body = question.section if section is None else section
    return header + body + b''.join(records) + b''.join(authority) + b''.join(additional)


class Packet:
    """A message to send, possibly with a delay. `source` is the server, another port, or another address."""

    def __init__(self, message, delay=0.0, source='server', pieces=1, close=False, raw=False, pause=0.005):
        self.message, self.delay, self.source, self.pieces, self.close = message, delay, source, pieces, close
        self.raw, self.pause = raw, pause  # raw: without a length before it, on TCP


CLOSE = Packet(b'', close=True)  # the end of a TCP connection


# Parts of several behaviours.

def late(q, records=None):
    return Packet(reply(q, [q.one()] if records is None else records), SHORTLY)


def wrong(q):
    return [q.one(66)]


def after_question(q):
    return 12 + len(q.section)


def pointer_to(place):
    return struct.pack('>H', 0xc000 | place)
