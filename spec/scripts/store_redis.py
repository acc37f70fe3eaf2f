# SPDX-License-Identifier: MIT
# redis-py as it is by default against a store: store_redis.py PORT
import sys

import redis

client = redis.Redis(port=int(sys.argv[1]), client_name="py")
assert client.set("a", 1, ex=100) and client.get("a") == b"1" and 0 < client.ttl("a") <= 100
assert client.hset("h", mapping={"f": 1, "g": 2}) == 2 and client.hgetall("h") == {b"f": b"1", b"g": b"2"}
assert client.sadd("s", 1, 2) == 2 and client.smembers("s") == {b"1", b"2"}
pipeline = client.pipeline()
pipeline.incr("n")
pipeline.get("n")
pipeline.get("nothing")
assert pipeline.execute() == [1, b"1", None]

subscriber = client.pubsub(ignore_subscribe_messages=True)
subscriber.subscribe("c")
subscriber.psubscribe("d*")
for _ in range(2):
    subscriber.get_message(timeout=10)
client.publish("c", "x")
client.publish("dd", "y")
assert subscriber.get_message(timeout=10)["data"] == b"x"
assert subscriber.get_message(timeout=10)["pattern"] == b"d*"
subscriber.close()

assert sorted(client.scan_iter(count=1)) == [b"a", b"h", b"n", b"s"]
assert client.info()["loading"] == 0 and client.config_get("save") == {"save": ""}
assert client.client_getname() == "py"
try:
    client.lpush("l", 1)
    sys.exit("lists are there")
except redis.ResponseError as error:
    assert "unknown command 'LPUSH'" in str(error), error
print("all is well")
