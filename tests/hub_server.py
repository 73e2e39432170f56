"""A small hub of data sets: what HfApi asks of the real one when a folder is uploaded.

Large files go to a store by their hash, others into the commit; a file is there once a commit
names it. It holds each file against the hash under which it comes.
"""

import json
import re
from base64 import b64decode
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

import yaml

TOKEN = "hf_right"
READ_ONLY = "hf_read"
LARGE = ".parquet"


class Hub:
    """What it holds, and what it was asked."""

    def __init__(self):
        self.sets, self.private, self.store, self.seen = {}, {}, {}, []
        self.puts_left = None  # then the store breaks

    @contextmanager
    def open(self):
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Handler,), {"hub": self}))
        self.url = f"http://127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    # Each returns a status and what is sent as JSON.

    def create(self, body):
        name = "/".join(each for each in (body.get("organization"), body["name"]) if each)
        reply = {"url": f"{self.url}/datasets/{name}"}
        if name in self.sets:
            return 409, {"error": "You already created this dataset repo", **reply}
        self.sets[name], self.private[name] = (
            {".gitattributes": b""},
            body.get("visibility") == "private",
        )
        return 200, reply

    def tree(self, name):
        found = self.sets[name].items()
        return 200, [
            {"type": "file", "path": path, "size": len(data), "oid": sha256(data).hexdigest()[:40]}
            for path, data in found
        ]

    def validate(self, body):
        front = yaml.safe_load(body["content"].split("---\n")[1])
        fine = {"license", "configs"} <= front.keys()
        return 200, {"errors": [] if fine else [{"message": "It says too little."}], "warnings": []}

    def preupload(self, body):
        modes = [
            {
                "path": each["path"],
                "uploadMode": "lfs" if each["path"].endswith(LARGE) else "regular",
                "shouldIgnore": False,
            }
            for each in body["files"]
        ]
        return 200, {"files": modes}

    def batch(self, body):
        objects = []
        for each in body["objects"]:
            actions = {"upload": {"href": f"{self.url}/store/{each['oid']}"}}
            new = {} if each["oid"] in self.store else {"actions": actions}
            objects.append({"oid": each["oid"], "size": each["size"], **new})
        return 200, {"transfer": "basic", "objects": objects}

    def put(self, oid, data):
        if self.puts_left == 0:
            return 410, {"error": "The store is closed."}
        if self.puts_left is not None:
            self.puts_left -= 1
        assert sha256(data).hexdigest() == oid
        self.store[oid] = data
        return 200, {}

    def commit(self, name, lines):
        files = dict(self.sets[name])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.store[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        self.sets[name] = files
        url = f"{self.url}/datasets/{name}/commit/{'0' * 40}"
        return 200, {"success": True, "commitOid": "0" * 40, "commitUrl": url, "hookOutput": ""}


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, *_):
        pass

    def answer(self):
        path = urlsplit(self.path).path
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.hub.seen.append((self.command, path))
        status, body = self.reply(path, data)
        sent = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    do_GET = do_POST = do_PUT = answer  # noqa: N815

    def reply(self, path, data):
        if store := re.fullmatch(r"/store/(\w+)", path):
            return self.hub.put(store[1], data)
        said = self.headers.get("Authorization", "")
        if said == f"Bearer {READ_ONLY}":
            return 403, {"error": "You have read access only"}
        if said != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid username or password."}
        if path == "/api/repos/create":
            return self.hub.create(json.loads(data))
        if found := re.fullmatch(r"/api/datasets/([\w-]+/[\w-]+)/tree/main", path):
            return self.hub.tree(found[1])
        if path == "/api/validate-yaml":
            return self.hub.validate(json.loads(data))
        if re.fullmatch(r"/api/datasets/[\w-]+/[\w-]+/preupload/main", path):
            return self.hub.preupload(json.loads(data))
        if path.endswith(".git/info/lfs/objects/batch"):
            return self.hub.batch(json.loads(data))
        if found := re.fullmatch(r"/api/datasets/([\w-]+/[\w-]+)/commit/main", path):
            return self.hub.commit(found[1], [json.loads(line) for line in data.splitlines()])
        return 404, {"error": f"No such route: {path}"}
