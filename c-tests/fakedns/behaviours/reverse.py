"""Reverse lookups, by the last octet (or lowest nibble) of the address."""
from behaviours.empty import drop, nodata, nx
from messages import CNAME, PTR, SAME_NAME, SERVFAIL, TXT, name, record, reply, wire


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
