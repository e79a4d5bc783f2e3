"""Selects the behaviour for a question."""
import ipaddress
import zlib

from behaviours import BEHAVIOURS, reverse
from behaviours.empty import nodata, nx
from messages import A, AAAA, NXDOMAIN, PTR, SAME_NAME, START_OF_AUTHORITY, name, record, reply

LIE4, LIE6 = ipaddress.ip_address('203.0.113.66'), ipaddress.ip_address('2001:db8:bad::66')


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


def answer_to(q, servers, lying):
    """The answer of the server: a message, or a list of packets."""
    if lying:
        return lie(q)
    if q.kind == PTR and q.labels[-1:] == ['arpa']:
        return reverse.reverse(q)(q)
    return find(chosen(q, servers) or 'nx')(q)
