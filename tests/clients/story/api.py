"""People with tokens, asking over HTTP; nothing but the standard library between them and the socket."""

import base64
import http.client
import json
import time
import urllib.parse

from .checks import Wrong, equal

PATIENCE = 60
RUNNING = ("created", "receiving", "paused", "received", "checking")


def metadata(**pairs):
    """`Upload-Metadata`."""
    encode = lambda text: base64.b64encode(text.encode()).decode()
    return ",".join(f"{key} {encode(value)}" for key, value in pairs.items())


class Answer:
    """What was answered, body and all."""

    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    def code(self):
        """Status and the code of a problem."""
        try:
            return self.status, self.json().get("code")
        except (ValueError, AttributeError):
            return self.status, None


class Actor:
    """Someone who asks; without a token, a stranger."""

    def __init__(self, base, token=None, cookie=None):
        self.base, self.token, self.cookie = base, token, cookie
        self.host = urllib.parse.urlsplit(base).netloc

    @classmethod
    def signed_in(cls, base, person):
        """By the pages of development, as a browser is."""
        form = urllib.parse.urlencode({"person": person}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": base}
        answer = cls(base).ask("POST", "/sign-in", form, headers)
        if answer.status != 303:
            raise Wrong(f"POST /sign-in: expected 303, got {answer.status} {answer.body[:300]!r}")
        return cls(base, cookie=answer.headers["Set-Cookie"].split(";")[0])

    def headers(self):
        token = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return token | ({"Cookie": self.cookie} if self.cookie else {})

    def ask(self, method, path, body=None, headers=None):
        path = path.removeprefix(self.base)
        sent = self.headers() | (headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            sent = {"Content-Type": "application/json"} | sent
        connection = http.client.HTTPConnection(self.host, timeout=PATIENCE)
        try:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def get(self, path, headers=None):
        return self.ask("GET", path, headers=headers)

    def read(self, path):
        """The JSON of an answer that must be 200."""
        answer = self.get(path)
        if answer.status != 200:
            raise Wrong(f"GET {path}: expected 200, got {answer.status} {answer.body[:300]!r}")
        return answer.json()

    def create(self, place, name, length, body=None, **more):
        """POST /files/to/{place}, the bytes with it if there are any."""
        headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(length)}
        headers["Upload-Metadata"] = metadata(filename=name, **more)
        if body is not None:
            headers["Content-Type"] = "application/offset+octet-stream"
        return self.ask("POST", f"/files/to/{place}", body, headers)

    def send(self, place, name, data, **more):
        """Uploads in one request; the file's id."""
        answer = self.create(place, name, len(data), data, **more)
        if answer.status != 201:
            raise Wrong(f"POST {name} to {place}: expected 201, got {answer.status} {answer.body[:300]!r}")
        return answer.headers["Location"].rsplit("/", 1)[1]

    def settled(self, file):
        """The file once its check is over, whatever came out."""
        until = time.monotonic() + PATIENCE
        while True:
            known = self.read(f"/api/v1/files/{file}")
            if known["state"] not in RUNNING:
                return known
            if time.monotonic() > until:
                raise Wrong(f"{known['original_name']} is still {known['state']} after {PATIENCE} s")
            time.sleep(0.05)

    def settled_as(self, file, state):
        known = self.settled(file)
        equal(known["state"], state, f"{known['original_name']} ({known['reason']}: {known['message']})")
        return known
