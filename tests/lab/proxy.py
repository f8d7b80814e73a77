"""A TLS proxy in front of the CA that delays, breaks or withholds answers on demand.

The CA behind it stays the real one. It passes the Host field on, so that the CA names the proxy in every URL it gives.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from .ca import HANGS, Ca
from .process import LabError, PortTaken, wait_until


@dataclass
class Fault:
    """What happens to the requests whose path contains a word."""

    path: str
    times: int | None = None
    """How many requests it strikes; None: all."""
    delay: float = 0.0
    """Seconds before the answer is passed on."""
    status: int = 0
    """Answer this instead of asking the CA."""
    body: bytes = b""
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    """Close the connection: after the CA was asked, if after_ca, else before."""
    after_ca: bool = False
    early: bool = False
    """Delay and hold before the CA is asked, not after."""
    hold: threading.Event | None = None
    """Wait until this is set."""
    reached: threading.Event = field(default_factory=threading.Event)
    """Set when a request is about to wait (late: the CA has answered it already)."""
    rewrite: Callable[[bytes], bytes] | None = None
    """Changes the body of the CA's answer."""

    def wait_reached(self, limit: float = 120.0) -> None:
        """Waits until a request is struck."""
        if not self.reached.wait(limit):
            raise LabError(f"no request for {self.path} within {limit:.0f} s")

    def release(self) -> None:
        """Ends the hold."""
        assert self.hold is not None
        self.hold.set()


@dataclass
class Request:
    """What came from a client; names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What a client gets."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """First value of a header."""
        return next((value for known, value in self.headers if known.lower() == name.lower()), None)


def _from(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read()


class Proxy:
    """The proxy; `faults` may be changed at any time, `seen` lists what was asked.

    Nothing is ordered while a certificate is being made: Debian's Pebble hangs for good when a new order looks for a
    valid authorization (one does in a hundred, whatever PEBBLE_AUTHZREUSE says) while another order's certificate is
    made, since each waits for a lock that the other holds.
    """

    def __init__(self, port: int, ca: Ca):
        self.port, self._ca = port, ca
        self.url = f"https://localhost:{port}/dir"
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self._lock, self._turn = threading.Lock(), threading.Lock()
        self._server: ThreadingHTTPServer | None = None
        self._open: set[socket.socket] = set()

    def start(self) -> None:
        """Listens and serves in threads."""
        class Server(ThreadingHTTPServer):
            daemon_threads, block_on_close, request_queue_size = True, False, 256

            def handle_error(self, request: object, client_address: object) -> None:
                error = sys.exc_info()[1]
                if isinstance(error, LabError):
                    print(error, file=sys.stderr)
                # else a client that went away, or a fault we made ourselves

        try:
            self._server = Server(("127.0.0.1", self.port), _handler_for(self))
        except OSError as error:
            raise PortTaken(f"the proxy's port {self.port}: {error}") from None
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stops listening, and breaks every connection."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server.server_close()
        self._server = None
        with self._lock:
            broken, self._open = self._open, set()
        for sock in broken:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def opened(self, sock: socket.socket) -> None:
        """Notes a connection, so that stop() can break it."""
        with self._lock:
            self._open.add(sock)

    def add(self, fault: Fault) -> Fault:
        """Adds a fault and gives it back."""
        with self._lock:
            self.faults.append(fault)
        return fault

    def hold(self, path: str, early: bool = False) -> Fault:
        """Keeps the next request whose path contains a word waiting, until release()."""
        return self.add(Fault(path, times=1, early=early, hold=threading.Event()))

    def clear(self) -> None:
        """No more faults; releases what is held."""
        with self._lock:
            held, self.faults = self.faults, []
        for fault in held:
            if fault.hold:
                fault.hold.set()

    # -- for a proxy that does more --

    def check(self, request: Request) -> None:
        """Looks at every request, also at those that a fault strikes."""

    def own_answer(self, request: Request) -> Reply | None:
        """An answer in place of the CA's."""
        return None

    def pass_on(self, request: Request, forward: Callable[[], Reply]) -> Reply:
        """Asks the CA, when it is its turn."""
        if not request.path.startswith(("/order-plz", "/finalize-order/")):
            return forward()
        with self._turn:
            log = self._ca.process.log
            size = log.stat().st_size
            reply = forward()
            if reply.status == 200 and request.path.startswith("/finalize-order/"):
                mark = f"for order {request.path.rsplit('/', 1)[1]}\n".encode()
                wait_until(lambda: mark in _from(log, size) or not self._ca.process.running(),
                           "the CA has made a certificate")
            return reply

    def after(self, request: Request, reply: Reply) -> Reply:
        """Notes or changes the CA's answer."""
        return reply

    def _note(self, method: str, path: str) -> Fault | None:
        with self._lock:
            self.seen.append((method, path))
            for fault in self.faults:
                if fault.path in path and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def ca_state(self) -> str:
        """What is wrong with the CA, if anything."""
        return ": " + HANGS if self._ca.hangs() else ""

    @property
    def certificate(self) -> tuple[Path, Path]:
        """It shows the CA's own certificate."""
        return self._ca.certificate, self._ca.key

    def connect(self) -> http.client.HTTPSConnection:
        """A connection to the CA."""
        context = ssl.create_default_context(cafile=str(self._ca.ca_file))
        return http.client.HTTPSConnection("localhost", self._ca.port, context=context, timeout=60)


def _handler_for(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*proxy.certificate)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def setup(self) -> None:
            self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.request = context.wrap_socket(self.request, server_side=True)
            proxy.opened(self.request)
            self.upstream = proxy.connect()
            super().setup()

        def finish(self) -> None:
            self.upstream.close()
            super().finish()
            self.request.close()

        def log_message(self, format: str, *args: object) -> None:
            pass

        def _answer(self, request: Request) -> Reply:
            own = proxy.own_answer(request)
            return own or proxy.after(request, proxy.pass_on(request, lambda: self._forward(request.body)))

        def _forward(self, body: bytes) -> Reply:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            try:
                self.upstream.request(self.command, self.path, body or None, headers)
                answer = self.upstream.getresponse()
                content = answer.read()
            except TimeoutError:
                raise LabError(f"no answer of the CA to {self.command} {self.path}{proxy.ca_state()}") from None
            skip = ("connection", "transfer-encoding", "content-length", "date")
            return Reply(answer.status, [(n, v) for n, v in answer.getheaders() if n.lower() not in skip], content)

        def _reply(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(reply.body)

        @staticmethod
        def _wait(fault: Fault) -> None:
            fault.reached.set()
            time.sleep(fault.delay)
            if fault.hold:
                fault.hold.wait(120)

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, self.path, {n.lower(): v for n, v in self.headers.items()}, body)
            fault = proxy._note(self.command, self.path)
            proxy.check(request)
            if fault is None:
                self._reply(self._answer(request))
                return
            if fault.early:
                self._wait(fault)
            if fault.status:
                reply = Reply(fault.status, [("Content-Type", fault.content_type), *fault.headers.items()], fault.body)
            elif fault.drop and not fault.after_ca:
                reply = Reply(0, [], b"")
            else:
                reply = self._answer(request)
            if not fault.early:
                self._wait(fault)
            if fault.drop:
                self.close_connection = True
                return
            if fault.rewrite:
                reply.body = fault.rewrite(reply.body)
            self._reply(reply)

        do_GET = do_POST = do_HEAD = _serve

    return Handler
