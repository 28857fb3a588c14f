"""Sends the requests of the original's clients to a server, and prints its answers. Needs only Python.

    python3 tools/server_client.py MESH IMAGE [http://127.0.0.1:8081]

The requests are those of the Blender add-on (POST /generate) and of scripts (POST /send, then polling GET
/status/{uid}), and some that are refused. docs/server.md contains its output.
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


def exchange(base, method, path, body=None):
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

    painted = exchange(base, "POST", "/generate", texture)

    uid = exchange(base, "POST", "/send", texture)["uid"]
    exchange(base, "GET", f"/status/{uid}")
    while call(base, "GET", f"/status/{uid}")[2].startswith(b'{"status":"processing"'):
        time.sleep(1)
    status = exchange(base, "GET", f"/status/{uid}")
    print("Both files are equal:", base64.b64decode(status["model_base64"]) == painted, end="\n\n")

    exchange(base, "POST", "/generate", shape)
    exchange(base, "POST", "/generate", {**texture, "mesh": "AAAA"})
    exchange(base, "POST", "/generate", {**texture, "face_count": -1})
    exchange(base, "GET", "/status/no-such-job")


main(*sys.argv[1:])
