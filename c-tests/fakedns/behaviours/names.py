"""Names in answers: spelling, aliases and chains of them, unusual canonical names."""
from behaviours.registry import BEHAVIOURS, behaviour
from messages import C1, C2, CNAME, DNAME, RRSIG, SAME_NAME, START_OF_AUTHORITY, TXT, name, record, reply, wire


# Spelling.

@behaviour
def upcase(q):
    return reply(q, [q.one()], section=q.section[:-4].upper() + q.section[-4:])


@behaviour
def locase(q):
    return reply(q, [q.one()], section=q.section[:-4].lower() + q.section[-4:])


@behaviour
def mixcase(q):
    """The question is unchanged, and the owner of the address is in upper case."""
    return reply(q, [q.one(owner=q.name.upper())])


@behaviour
def slot(q):
    """Names without compression."""
    return reply(q, [q.one(owner=q.name)])


# Canonical names.

def alias(q, *chain, then=7):
    """CNAME records from the name in the question through `chain`, and an address for the last name."""
    owners = [SAME_NAME, *chain]
    links = [record(owner, CNAME, target) for owner, target in zip(owners, chain)]
    return links + [q.one(then, owner=chain[-1])]


@behaviour
def cname(q):
    return reply(q, alias(q, C1, C2))


@behaviour
def cnamex(q):
    """Aliases without an address."""
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
    """A chain of this number of aliases."""
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
    """An alias to itself, and an address."""
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
    """to-star and others: an alias to an unusual name with an address; via-star: another alias to a plain name."""
    def last(target):
        return lambda q: reply(q, alias(q, target))

    def between(target):
        return lambda q: reply(q, alias(q, target, C1))
    for key, target in ODD_TARGETS.items():
        BEHAVIOURS['to-' + key] = last(target)
        BEHAVIOURS['via-' + key] = between(target)


register_targets()
