# SPDX-License-Identifier: MIT
# A client of scripts/http.lua with Python's http.client: one connection for everything.  http_client.py PORT
# The folder has hello.txt ("hello world\n").
import http.client
import json
import sys

connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=10)


def ask(method, path, body=None, headers={}, chunked=False):
    connection.request(method, path, body, headers, encode_chunked=chunked)
    response = connection.getresponse()
    return response.status, response.headers, response.read()


connection.connect()
first = connection.sock

status, headers, body = ask("GET", "/hello.txt")
assert (status, body) == (200, b"hello world\n")
tag, date = headers["ETag"], headers["Last-Modified"]
assert ask("HEAD", "/hello.txt")[1]["Content-Length"] == "12"
assert ask("GET", "/hello.txt", headers={"If-None-Match": tag})[0] == 304
assert ask("GET", "/hello.txt", headers={"If-Modified-Since": date})[0] == 304
status, headers, body = ask("GET", "/hello.txt", headers={"Range": "bytes=6-10", "If-Range": tag})
assert (status, body, headers["Content-Range"]) == (206, b"world", "bytes 6-10/12")
assert ask("GET", "/nothing")[0] == 404

note = json.dumps({"text": "caf\u00e9 " * 20}).encode()
kind = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
status, headers, body = ask("POST", "/api/notes", (note[i : i + 7] for i in range(0, len(note), 7)), kind, True)
assert status == 201 and json.loads(body)["text"] == "caf\u00e9 " * 20, (status, body)
notes = json.loads(ask("GET", "/api/notes")[2])["notes"]
assert [n["text"] for n in notes] == ["caf\u00e9 " * 20]

assert connection.sock is first, "the connection was not kept"
print("all on one connection")
