"""The proxy that makes of Debian's Pebble a CA as they are in 2026: it adds what Pebble lacks, and nothing else.

Renewal information and `replaces` (RFC 9773), profiles (draft-ietf-acme-profiles) and refusals by rate (RFC 8555 6.6)
are its own; Pebble ignores these members of an order. Whatever is sent to it is looked at by the text of RFC 8555,
and what breaks a rule stands in `violations`. Signatures are Pebble's to check: a request that this proxy answers by
itself has an unchecked one.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import time
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from . import pki
from .ca import Ca
from .proxy import Fault, Proxy, Reply, Request

ERROR = "urn:ietf:params:acme:error:"
INFO = "/renewal-info"
_WORD = re.compile(r"[A-Za-z0-9_-]+\Z")


@dataclass
class MoreOptions:
    """What this CA offers beyond Pebble."""

    renewal_info: bool = True
    retry_after: int | str | None = 21600
    """Of renewal information: seconds, or a date as it stands in the header; None: not said."""
    profiles: dict[str, str] = field(default_factory=lambda: {
        "classic": "https://ca.example/docs/classic", "shortlived": "https://ca.example/docs/shortlived"})
    """Name -> where it is described; without any, the directory has no profiles."""

@dataclass
class Post:
    """A signed request, as it was sent, and how it ended; status 0: not answered yet, or never."""

    path: str
    account: str | None
    """The account's URL (kid); None where the key itself stands in the header."""
    payload: dict[str, Any] | None
    """None: POST-as-GET."""
    nonce: str = ""
    status: int = 0
    location: str | None = None
    problem: str | None = None


@dataclass
class Issued:
    """A certificate that was downloaded."""

    certificate: str
    account: str | None
    names: frozenset[str]
    window: dict[str, Any]
    asked: int = 0
    replaced_by: str | None = None


def _decode(text: object) -> bytes:
    """Base64url without padding (RFC 7515 2); raises ValueError."""
    if not isinstance(text, str) or (text and not _WORD.match(text)):
        raise ValueError("not base64url")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


class CaMore(Proxy):
    """The proxy; `posts` has every signed request, `issued` every downloaded certificate by its identifier."""

    def __init__(self, port: int, ca: Ca, options: MoreOptions):
        super().__init__(port, ca)
        self.options = options
        self.posts: list[Post] = []
        self.issued: dict[str, Issued] = {}
        self.violations: list[str] = []
        self.asked: list[str] = []
        """Paths of all requests for renewal information."""
        self._base = f"https://localhost:{port}"
        self._orders: dict[str, dict[str, Any]] = {}
        self._certificates: dict[str, str] = {}
        self._given: set[str] = set()
        self._used: set[str] = set()

    # -- what tests say and ask --

    def limit(self, path: str = "/order-plz", seconds: int | None = 3600, *, times: int | None = None,
              date: bool = False, detail: str = "too many certificates already issued") -> Fault:
        """Refuses with rateLimited (RFC 8555 6.6); Retry-After in seconds, as a date, or not at all."""
        headers = {}
        if seconds is not None:
            headers["Retry-After"] = formatdate(time.time() + seconds, usegmt=True) if date else str(seconds)
        body = json.dumps({"type": f"{ERROR}rateLimited", "detail": detail, "status": 429}).encode()
        return self.add(Fault(path, times=times, status=429, content_type="application/problem+json", body=body,
                              headers=headers))

    def set_window(self, certificate_id: str, start: float, end: float, explanation: str | None = None) -> None:
        """Says when a certificate should be renewed: Unix times."""
        window: dict[str, Any] = {"suggestedWindow": {"start": _stamp(start), "end": _stamp(end)}}
        if explanation is not None:
            window["explanationURL"] = explanation
        self.issued[certificate_id].window = window

    def id_of(self, chain: str) -> str:
        """Identifier of a chain's leaf, as the CA knows it."""
        found = pki.certificate_id(pki.split_chain(chain)[0])
        assert found in self.issued, "not downloaded through this proxy"
        return found

    def sent(self, path: str, status: int | None = None) -> list[Post]:
        """Signed requests whose path has this word; status: those which got this answer."""
        with self._lock:
            return [post for post in self.posts if path in post.path and status in (None, post.status)]

    def counted(self) -> dict[str, int]:
        """What CAs count, as far as it succeeded: new accounts, orders and certificates."""
        return {"accounts": len(self.sent("/sign-me-up", 201)), "orders": len(self.sent("/order-plz", 201)),
                "finalized": len(self.sent("/finalize-order/", 200))}

    def forget(self) -> None:
        """What a CA that lost everything no longer knows."""
        with self._lock:
            self.issued.clear()
            self._orders.clear()
            self._certificates.clear()

    # -- what comes by --

    def check(self, request: Request) -> None:
        """RFC 8555 6.1 to 6.5, 7.1.4, 7.4 and 7.5.1 by what can be seen; notes every signed request."""
        if not request.headers.get("user-agent"):
            self._violation(request, "no User-Agent (6.1)")
        if request.method != "POST":
            plain = ("/dir", "/nonce-plz", INFO)
            if not request.path.startswith(plain):
                self._violation(request, f"{request.method} of what takes POST-as-GET only (6.3)")
            return
        try:
            protected, payload = self._parse(request)
        except ValueError as error:
            self._violation(request, str(error))
            return
        post = Post(request.path, protected.get("kid"), payload, str(protected.get("nonce", "")))
        with self._lock:
            request.headers["-post"] = str(len(self.posts))  # no header that came has such a name
            self.posts.append(post)
        self._check_protected(request, protected)
        self._check_payload(request, payload)

    @staticmethod
    def _parse(request: Request) -> tuple[dict[str, Any], dict[str, Any] | None]:
        if request.headers.get("content-type") != "application/jose+json":
            raise ValueError("Content-Type is not application/jose+json (6.2)")
        jws = json.loads(request.body)
        if sorted(jws) != ["payload", "protected", "signature"]:
            raise ValueError(f"members of the JWS are {sorted(jws)}; flattened, without header (6.2)")
        protected = json.loads(_decode(jws["protected"]))
        text = _decode(jws["payload"])
        _decode(jws["signature"])
        return protected, json.loads(text) if text else None

    def _check_protected(self, request: Request, protected: dict[str, Any]) -> None:
        if protected.get("alg") not in ("ES256", "ES384", "ES512", "RS256", "EdDSA"):
            self._violation(request, f"alg {protected.get('alg')} (6.2)")
        if protected.get("url") != self._base + request.path:
            self._violation(request, f"url {protected.get('url')} (6.4)")
        if ("jwk" in protected) == ("kid" in protected):
            self._violation(request, "not exactly one of jwk and kid (6.2)")
        if "jwk" in protected and not request.path.startswith(("/sign-me-up", "/revoke-cert")):
            self._violation(request, "jwk where kid must be (6.2)")
        nonce = str(protected.get("nonce", ""))
        with self._lock:
            fresh = nonce in self._given and nonce not in self._used
        if not fresh:
            self._violation(request, f"nonce {nonce!r} was never given, or was used and answered (6.5)")

    def _check_payload(self, request: Request, payload: dict[str, Any] | None) -> None:
        if request.path.startswith("/order-plz"):
            identifiers = (payload or {}).get("identifiers")
            if not identifiers or any(
                    entry.get("type") != "dns" or entry["value"] != entry["value"].lower() for entry in identifiers):
                self._violation(request, f"identifiers {identifiers} (7.4)")
        if request.path.startswith("/chalZ/") and payload != {}:
            self._violation(request, f"{payload} in answer to a challenge (7.5.1)")
        if request.path.startswith("/certZ/") and payload is not None:
            self._violation(request, "not POST-as-GET (7.4.2)")

    def _violation(self, request: Request, text: str) -> None:
        with self._lock:
            self.violations.append(f"{request.method} {request.path}: {text}")

    def _post_of(self, request: Request) -> Post | None:
        at = request.headers.get("-post")
        return self.posts[int(at)] if at is not None else None

    # -- what this CA has beyond Pebble --

    def own_answer(self, request: Request) -> Reply | None:
        """Renewal information, and the refusals of what Pebble does not know."""
        if request.path.startswith(INFO):
            return self._renewal_info(request)
        post = self._post_of(request)
        if post is None or not request.path.startswith("/order-plz"):
            return None
        refused = self._judge_profile(post) or self._judge_replaces(request, post)
        if refused is None:
            return None
        status, kind, detail = refused
        post.status, post.problem = status, kind
        with self._lock:
            self._used.add(post.nonce)
        return self._problem(status, kind, detail, nonce=True)

    def _problem(self, status: int, kind: str, detail: str, nonce: bool = False) -> Reply:
        body = json.dumps({"type": ERROR + kind, "detail": detail, "status": status}).encode()
        return Reply(status, [("Content-Type", "application/problem+json"), *(self._fresh_nonce() if nonce else [])],
                     body)

    def _fresh_nonce(self) -> list[tuple[str, str]]:
        connection = self.connect()
        try:
            connection.request("HEAD", "/nonce-plz", headers={"User-Agent": "lab"})
            nonce = connection.getresponse().getheader("Replay-Nonce") or ""
        finally:
            connection.close()
        with self._lock:
            self._given.add(nonce)
        return [("Replay-Nonce", nonce)]

    def _renewal_info(self, request: Request) -> Reply:
        """RFC 9773 4.1, 4.2."""
        if not self.options.renewal_info:
            return self._problem(404, "malformed", "no such resource")
        with self._lock:
            self.asked.append(request.path)
        parts = request.path.removeprefix(f"{INFO}/").split(".")
        if request.method != "GET":
            self._violation(request, "renewal information is had by GET (RFC 9773 4.1)")
            return self._problem(405, "malformed", "GET only")
        try:
            well_formed = len(parts) == 2 and all(_decode(part) for part in parts)
        except ValueError:
            well_formed = False
        if not well_formed:
            self._violation(request, "not a certificate identifier (RFC 9773 4.1)")
            return self._problem(400, "malformed", "not a certificate identifier")
        found = self.issued.get(".".join(parts))
        if found is None:
            return self._problem(404, "malformed", "no such certificate")
        found.asked += 1
        headers = [("Content-Type", "application/json")]
        if self.options.retry_after is not None:
            headers.append(("Retry-After", str(self.options.retry_after)))
        return Reply(200, headers, json.dumps(found.window).encode())

    def _judge_profile(self, post: Post) -> tuple[int, str, str] | None:
        profile = (post.payload or {}).get("profile")
        if profile is None or profile in self.options.profiles:
            return None
        if not self.options.profiles:
            with self._lock:
                self.violations.append(f"profile {profile!r} asked of a CA that advertises none")
        return 400, "invalidProfile", f"profile {profile!r} is not offered"

    def _judge_replaces(self, request: Request, post: Post) -> tuple[int, str, str] | None:
        """RFC 9773 5."""
        replaces = (post.payload or {}).get("replaces")
        if replaces is None:
            return None
        if not self.options.renewal_info:
            self._violation(request, "replaces, though renewalInfo is not advertised (RFC 9773 5)")
            return None
        names = frozenset(entry["value"] for entry in (post.payload or {})["identifiers"])
        with self._lock:
            found = self.issued.get(replaces)
            if found is None:
                return 400, "malformed", f"no certificate has the identifier {replaces!r}"
            if found.account != post.account:
                return 403, "unauthorized", "the certificate is another account's"
            if not found.names & names:
                return 400, "malformed", "the order has no name of the certificate that it replaces"
            if found.replaced_by is not None:
                return 409, "alreadyReplaced", f"replaced by {found.replaced_by}"
            found.replaced_by = "an order under way"
        return None

    # -- what comes back --

    def after(self, request: Request, reply: Reply) -> Reply:
        """Completes the directory and orders; notes answers, orders and certificates."""
        nonce = reply.header("Replay-Nonce")
        post = self._post_of(request)
        with self._lock:
            if nonce:
                self._given.add(nonce)
            if post is not None:
                self._used.add(post.nonce)
                post.status, post.location = reply.status, reply.header("Location")
        kind = reply.header("Content-Type") or ""
        if request.path.startswith("/dir"):
            reply.body = self._directory(reply.body)
        elif post is not None and reply.status >= 400:
            self._failed(post, reply)
        elif post is not None and kind.startswith("application/json"):
            self._json(request, post, reply)
        elif post is not None and "pem-certificate-chain" in kind:
            self._download(post, reply)
        return reply

    def _directory(self, body: bytes) -> bytes:
        directory = json.loads(body)
        if self.options.renewal_info:
            directory["renewalInfo"] = self._base + INFO
        if self.options.profiles:
            directory.setdefault("meta", {})["profiles"] = self.options.profiles
        return json.dumps(directory).encode()

    def _failed(self, post: Post, reply: Reply) -> None:
        try:
            post.problem = json.loads(reply.body).get("type", "").removeprefix(ERROR)
        except ValueError:
            post.problem = None
        if post.path.startswith("/order-plz"):
            self._unmark(post.payload)

    def _unmark(self, asked: dict[str, Any] | None) -> None:
        found = self.issued.get((asked or {}).get("replaces", ""))
        if found is not None:
            found.replaced_by = None

    def _json(self, request: Request, post: Post, reply: Reply) -> None:
        body = json.loads(reply.body)
        if "identifiers" not in body or "finalize" not in body:
            return
        url = post.location or self._base + request.path
        with self._lock:
            if request.path.startswith("/order-plz"):
                extra = {key: post.payload[key] for key in ("replaces", "profile") if key in (post.payload or {})}
                if self.options.profiles:
                    extra.setdefault("profile", next(iter(self.options.profiles)))
                self._orders[url] = extra
                if "replaces" in extra and extra["replaces"] in self.issued:
                    self.issued[extra["replaces"]].replaced_by = url
            extra = self._orders.get(url, {})
            if "certificate" in body:
                self._certificates[body["certificate"]] = json.dumps([e["value"] for e in body["identifiers"]])
        if body.get("status") == "invalid":
            self._unmark(extra)
        reply.body = json.dumps({**body, **extra}).encode()

    def _download(self, post: Post, reply: Reply) -> None:
        leaf = pki.split_chain(reply.body.decode())[0]
        now = time.time()
        window = {"suggestedWindow": {"start": _stamp(now + 30 * 86400), "end": _stamp(now + 31 * 86400)}}
        names = frozenset(json.loads(self._certificates.get(self._base + post.path, "[]")))
        with self._lock:
            self.issued.setdefault(pki.certificate_id(leaf), Issued(leaf, post.account, names, window))
