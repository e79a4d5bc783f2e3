"""The sockets, and a log of all questions."""
import asyncio
import socket
import struct

from choice import answer_to
from messages import Packet, Question

SO_RCVBUFFORCE = 33  # socket(7); not in Python's module


class Server:
    """All sockets and the log."""

    def __init__(self, log, lying):
        self.log, self.lying = log, lying
        # The addresses of the second and third server. All other addresses belong to the first one.
        self.order = {'127.0.0.54': 1, '127.0.0.55': 2}

    def packets(self, message, address, tcp, port):
        try:
            q = Question(message, address, tcp, port)
        except (struct.error, IndexError) as error:
            self.log.write('malformed question: %r\n' % error)
            return []
        self.log.write(q.line() + '\n')
        result = answer_to(q, self.order, self.lying)
        return [Packet(result)] if isinstance(result, bytes) else result


class Udp(asyncio.DatagramProtocol):
    """A UDP socket. Answers are sent in the order of the questions, unless they are delayed."""

    def __init__(self, server, address):
        self.server, self.address = server, address

    def connection_made(self, transport):
        self.transport = transport
        # For hundreds of questions at the same time.
        transport.get_extra_info('socket').setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)

    def datagram_received(self, data, peer):
        for packet in self.server.packets(data, self.address, False, peer[1]):
            if packet.delay:
                asyncio.get_running_loop().call_later(packet.delay, self.send, packet, peer)
            else:
                self.send(packet, peer)

    def send(self, packet, peer):
        if packet.source == 'server':
            # The transport's sendto is not used, since it ignores empty datagrams.
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
    """Returns a function that serves a TCP connection, and answers questions in order."""
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
    """Sends a message at once, in several parts, or (-2) only the first of two."""
    data = packet.message if packet.raw else struct.pack('>H', len(packet.message)) + packet.message
    if packet.pieces < 0:
        data = data[:len(data) // -packet.pieces]
    step = len(data) if packet.pieces < 2 else len(data) // packet.pieces + 1
    for start in range(0, len(data), step):
        writer.write(data[start:start + step])
        await writer.drain()
        if packet.pieces > 1:
            await asyncio.sleep(packet.pause)
