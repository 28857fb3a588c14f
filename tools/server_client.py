"""What the original's clients say to a server, and what it answers, with nothing but Python's standard library.

    python3 tools/server_client.py MESH IMAGE [http://127.0.0.1:8081]

The requests are those of the Blender add-on (POST /generate) and of scripts (POST /send, then GET /status/{uid}
until it is done), and some that are refused. docs/server.md is its output.
"""

import base64
import json
import sys
import time
import urllib.error
import urllib.request


def call(base, method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {} if body is None else {"Content-Type": "application/json"}
    request = urllib.request.Request(base + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers.get("Content-Type"), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Content-Type"), error.read()


def abridged(values):
    return json.dumps({k: f"<{len(v)} characters>" if isinstance(v, str) and len(v) > 150 else v for k, v in values.items()})


def said(base, method, path, body=None):
    start = time.time()
    status, kind, content = call(base, method, path, body)
    is_json = kind == "application/json"
    text = abridged(json.loads(content)) if is_json else f"<{len(content)} bytes, beginning with {content[:4]!r}>"
    print(f"> {method} {path}" + (f" {abridged(body)}" if body else ""))
    print(f"< {status} {kind} {text}" + (f" (after {time.time() - start:.0f} s)" if time.time() - start > 1 else ""), end="\n\n")
    return json.loads(content) if is_json else content


def main(mesh, image, base="http://127.0.0.1:8081"):
    def encoded(path):
        with open(path, "rb") as file:
            return base64.b64encode(file.read()).decode()

    shape = {"image": encoded(image), "octree_resolution": 256, "num_inference_steps": 20, "guidance_scale": 5.5, "seed": 1234}
    texture = {**shape, "mesh": encoded(mesh), "texture": True, "face_count": 40000, "type": "glb"}

    painted = said(base, "POST", "/generate", texture)

    uid = said(base, "POST", "/send", texture)["uid"]
    said(base, "GET", f"/status/{uid}")
    while call(base, "GET", f"/status/{uid}")[2].startswith(b'{"status":"processing"'):
        time.sleep(1)
    status = said(base, "GET", f"/status/{uid}")
    print("Both are the same file:", base64.b64decode(status["model_base64"]) == painted, end="\n\n")

    said(base, "POST", "/generate", shape)
    said(base, "POST", "/generate", {**texture, "mesh": "AAAA"})
    said(base, "POST", "/generate", {**texture, "face_count": -1})
    said(base, "GET", "/status/no-such-job")


main(*sys.argv[1:])
