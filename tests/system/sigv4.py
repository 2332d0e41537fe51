"""AWS Signature Version 4, written after "Create a signed AWS API request" of the IAM User Guide, for servers that check it."""

import hashlib
import hmac


def canonical_request(method, path, query, headers, names, payload):
    """`headers` are as they came; `names` those that are signed, in order; `payload` is the body's sum."""
    lines = [method, path, query]
    lines += [f"{name}:{' '.join(headers[name].split())}" for name in names]
    return "\n".join(lines + ["", ";".join(names), payload])


def signature(secret, canonical, when, scope):
    key = ("AWS4" + secret).encode()
    for step in scope.split("/"):
        key = hmac.digest(key, step.encode(), "sha256")
    text = "\n".join(["AWS4-HMAC-SHA256", when, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    return hmac.new(key, text.encode(), "sha256").hexdigest()
