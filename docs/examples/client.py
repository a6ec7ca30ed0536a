"""Poems of a server that runs: poetvae serve --api. Needs nothing but Python."""

import json
import sys
import urllib.request

url, asked = sys.argv[1], {"form": "5x4", "acrostic": "春夏秋冬", "n": 2, "seed": 1}
headers = {"Content-Type": "application/json", "Accept": "application/x-ndjson"}
request = urllib.request.Request(f"{url}/v1/generate", json.dumps(asked).encode(), headers)
with urllib.request.urlopen(request) as lines:  # a line for each poem, as it is written
    for line in lines:
        print(json.loads(line)["text"])
