#!/usr/bin/env python3
"""Prints the keys of objects, or of multipart uploads, that the storage of FILOT_R2_… lists, by a signature of its own making.

usage: list_storage.py objects|uploads PREFIX
"""
import datetime
import hashlib
import hmac
import os
import sys
import urllib.parse
import urllib.request
import xml.etree.ElementTree


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def main(what, prefix):
    endpoint, bucket = os.environ["FILOT_R2_ENDPOINT"], os.environ["FILOT_R2_BUCKET"]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/auto/s3/aws4_request"
    empty = hashlib.sha256(b"").hexdigest()
    query = f"prefix={urllib.parse.quote(prefix, safe='')}"
    query = query + "&uploads=" if what == "uploads" else "list-type=2&" + query
    headers = {"host": urllib.parse.urlsplit(endpoint).netloc, "x-amz-content-sha256": empty, "x-amz-date": now}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"GET\n/{bucket}\n{query}\n{lines}\n{names}\n{empty}"
    text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    secret = ("AWS4" + os.environ["FILOT_R2_SECRET_KEY"]).encode()
    for part in (now[:8], "auto", "s3", "aws4_request"):
        secret = sign(secret, part)
    headers["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['FILOT_R2_ACCESS_KEY']}/{scope}, SignedHeaders={names}, "
        f"Signature={sign(secret, text).hex()}"
    )
    request = urllib.request.Request(f"{endpoint}/{bucket}?{query}", headers=headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        tree = xml.etree.ElementTree.parse(answer)
    for element in tree.iter():
        if element.tag.split("}")[-1] == "Key":
            print(element.text)


main(sys.argv[1], sys.argv[2])
