"""A clinic's backend: it knows who has which appointment, and signs tokens that
say so. PAGES is the folder of its pages, KEY the private key whose public half
the Quietroom server has."""

import hashlib
import json
import os
import re
import time
from http.cookies import CookieError, SimpleCookie
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import jwt

PORT = int(os.environ.get("PORT", "3000"))
PAGES = os.environ.get("PAGES", "../plain-html")
QUIETROOM = os.environ.get("QUIETROOM", "http://localhost:8080")
with open(os.environ.get("KEY", "clinic-key.pem"), encoding="ascii") as file:
    KEY = file.read()

# Opaque ids: the Quietroom server needs no names.
APPOINTMENTS = {
    "4711": {
        "room": "appointment-4711",
        "roles": {"person-1": "host", "person-2": "client", "person-3": "client"},
    },
}

# Nothing inline, nothing evaluated, and the Quietroom server alone beside this one.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; worker-src 'self'; "
    f"connect-src 'self' {QUIETROOM.replace('http', 'ws')}; "
    "img-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


class Backend(SimpleHTTPRequestHandler):
    extensions_map = {
        ".html": "text/html; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        "": "application/octet-stream",
    }

    def __init__(self, *arguments):
        super().__init__(*arguments, directory=PAGES)

    def do_POST(self):
        """What the element asks for when the person presses "Join"."""
        path = re.fullmatch(r"/appointments/(\w+)/token", self.path)
        appointment = APPOINTMENTS.get(path[1]) if path else None
        if appointment is None:
            return self.send_error(404)
        person = self.person()
        role = appointment["roles"].get(person)
        if role is None:
            return self.send_error(403)
        thumbprint = self.thumbprint()
        if thumbprint is None:
            return self.send_error(400)
        now = int(time.time())
        claims = {
            "sub": person,
            "room": appointment["room"],
            "role": role,
            "iat": now,
            "exp": now + 5 * 60,
            "jti": token_id(path[1], person, thumbprint),
            "cnf": {"jkt": thumbprint},
        }
        token = jwt.encode(claims, KEY, algorithm="EdDSA")
        body = json.dumps({"token": token}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        if url.path == "/sign-in":
            return self.sign_in(parse_qs(url.query).get("person", [""])[0])
        super().do_GET()

    def list_directory(self, _path):
        return self.send_error(404)

    def sign_in(self, person):
        """Stands for your own way to sign in: whoever asks is believed."""
        if not re.fullmatch(r"[\w-]+", person, re.ASCII):
            return self.send_error(400)
        self.send_response(303)
        self.send_header("Location", "/")
        self.send_header("Set-Cookie", f"person={person}; HttpOnly; SameSite=Strict; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def person(self):
        try:
            cookie = SimpleCookie(self.headers.get("Cookie", "")).get("person")
        except CookieError:
            return None
        return cookie.value if cookie else None

    def thumbprint(self):
        """What the body names, or None if it is not what the element sends."""
        try:
            length = int(self.headers.get("Content-Length", "0"))
            text = self.rfile.read(min(max(length, 0), 65_536))
            body = json.loads(text) if length <= 1_000 else None
        except ValueError:
            return None
        value = body.get("thumbprint") if isinstance(body, dict) else None
        good = isinstance(value, str) and re.fullmatch(r"[\w-]{43}", value, re.ASCII)
        return value if good else None

    def end_headers(self):
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()


def token_id(*whose):
    """The same when a lost connection is found again: whoever was let in need not be once more."""
    return hashlib.sha256(" ".join(whose).encode()).hexdigest()


print(f"http://localhost:{PORT}/", flush=True)
ThreadingHTTPServer(("127.0.0.1", PORT), Backend).serve_forever()
