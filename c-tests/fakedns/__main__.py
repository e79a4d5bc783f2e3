"""A name server whose behaviour is specified by the name in the question.

usage: python3 fakedns LOG [LIE] ADDRESS[#PORT][/udp] ...     (default port 53; /udp: nothing listens on TCP)

The first label of the name specifies the behaviour, one for A and one for AAAA questions:

    <A>_<AAAA>[_anything].rest.of.the.name          ok_nx.t.example

If the name ends with ".w", the label before it is used instead, so that the domains of a search list can also have
behaviours: host.nodata.w, host.ok_servfail.w. A name that specifies no behaviour does not exist.
<X>z<Y>z<Z> is X on the first server, Y on the second, Z on the third: servfailzok_dropzok.

The behaviours are the functions in behaviours/, by name. A number after the name is their argument: ok3, rcode9.
The behaviour for reverse lookups depends on the lowest octet or nibble, see behaviours/reverse.py.

With the argument LIE, half of all names have an address that is wrong, and the other half does not exist.

Every question is logged as a line in LOG: protocol, server, name, type, header flags, EDNS size. "ready" is printed
when all sockets are bound.
"""
import asyncio
import os
import sys

from server import Server, Udp, tcp


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
