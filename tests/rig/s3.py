"""A real S3 server, Ceph's RADOS gateway: it verifies signatures, dates and payload hashes."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import signal
import subprocess
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import libfaketime
import urllib3
from minio import Minio

from tests.rig.parts import ROOT, is_free, need

ACCESS_KEY = "TESTACCESSKEY0001"
SECRET_KEY = "test-secret-that-must-appear-nowhere"

_PORTS = 30
"""How many the script uses, from the first on."""


@dataclass(frozen=True)
class S3Server:
    """A running server."""

    folder: Path
    port: int

    @property
    def endpoint(self) -> str:
        """What R2_ENDPOINT is set to."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Minio:
        """The test's own client, with the owner's rights."""
        return Minio(
            f"127.0.0.1:{self.port}",
            access_key=ACCESS_KEY,
            secret_key=SECRET_KEY,
            secure=False,
            region="us-east-1",
            http_client=urllib3.PoolManager(timeout=urllib3.Timeout(10), retries=False),
        )

    def make_bucket(self, name: str) -> Bucket:
        """A new bucket that anybody may read, as the guide has the operator set it up."""
        self.client().make_bucket(name)
        made = Bucket(self, name)
        made.everybody("Allow", "GetObject")
        return made

    def add_key(self, access_key: str, secret_key: str) -> None:
        """Another key of the same user."""
        self._admin("key", "create", f"--access-key={access_key}", f"--secret-key={secret_key}")

    def remove_key(self, access_key: str) -> None:
        """A key that is no longer good for anything."""
        self._admin("key", "rm", f"--access-key={access_key}")

    def _admin(self, *words: str) -> None:
        ours = ["radosgw-admin", "-c", str(self.folder / "ceph.conf"), "-n", "client.rgw"]
        subprocess.run([*ours, *words, "--uid=app", "--key-type=s3"], capture_output=True, timeout=30, check=True)

    def signal(self, number: signal.Signals) -> None:
        """Sends a signal to the gateway: SIGSTOP is a server that takes connections and does nothing."""
        pids = [line.split() for line in (self.folder / "pids").read_text(encoding="ascii").splitlines()]
        os.kill([int(pid) for who, pid in pids if who == "gateway"][-1], number)

    def stop_gateway(self) -> None:
        """Ends the gateway alone: connections are refused, the data stays."""
        _rgw("gateway-down", self.folder)

    def start_gateway(self, clock_offset_s: int = 0) -> None:
        """Starts it again on the same data; its clock may be wrong."""
        _rgw("gateway-up", self.folder, str(self.port), clock_offset_s=clock_offset_s)

    def stop(self) -> None:
        """Ends all its processes."""
        _rgw("down", self.folder)


@dataclass(frozen=True)
class Bucket:
    """A bucket of the server."""

    server: S3Server
    name: str

    @property
    def settings(self) -> dict[str, str]:
        """The settings that publish into it."""
        return {
            "R2_ENDPOINT": self.server.endpoint,
            "R2_BUCKET": self.name,
            "R2_ACCESS_KEY": ACCESS_KEY,
            "R2_SECRET_KEY": SECRET_KEY,
        }

    @property
    def public_url(self) -> str:
        """Where anybody reads it."""
        return f"{self.server.endpoint}/{self.name}"

    def everybody(self, effect: str, *actions: str) -> None:
        """What everybody is allowed or denied from now on, instead of what it was."""
        statement = {
            "Effect": effect,
            "Principal": {"AWS": ["*"]},
            "Action": [f"s3:{action}" for action in actions],
            "Resource": [f"arn:aws:s3:::{self.name}/*"],
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        self.server.client().set_bucket_policy(self.name, json.dumps(policy))

    def set_cors(self, rules: list[dict[str, Any]]) -> None:
        """Sets rules in the form that R2's dashboard takes, as the XML that the API takes (PutBucketCors)."""
        names = {
            "AllowedOrigins": "AllowedOrigin",
            "AllowedMethods": "AllowedMethod",
            "AllowedHeaders": "AllowedHeader",
            "ExposeHeaders": "ExposeHeader",
        }
        root = ET.Element("CORSConfiguration")
        for rule in rules:
            element = ET.SubElement(root, "CORSRule")
            for name, value in rule.items():
                for one in value if isinstance(value, list) else [value]:
                    ET.SubElement(element, names.get(name, name)).text = str(one)
        body = ET.tostring(root)
        digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
        self.server.client()._execute(
            "PUT", self.name, body=body, headers={"Content-MD5": digest}, query_params={"cors": ""}
        )

    def keys(self) -> dict[str, int]:
        """What is in it: size by key."""
        found = self.server.client().list_objects(self.name, recursive=True)
        return {str(item.object_name): int(item.size or 0) for item in found}

    def empty(self) -> None:
        """Removes everything in it."""
        client = self.server.client()
        for key in self.keys():
            client.remove_object(self.name, key)


def start_s3(folder: Path, clock_offset_s: int = 0) -> S3Server:
    """Starts a server that keeps its data in memory; its gateway's clock may be wrong."""
    need("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "ceph", "curl")
    port = _free_row()
    _rgw("up", folder, str(port), ACCESS_KEY, SECRET_KEY, clock_offset_s=clock_offset_s)
    return S3Server(folder, port)


def _rgw(*words: str | Path, clock_offset_s: int = 0) -> None:
    preload = Path(libfaketime.__file__).parent / "vendor/libfaketime/src/libfaketime.so.1"
    wrong = f"LD_PRELOAD={preload} FAKETIME={clock_offset_s:+d} FAKETIME_DONT_FAKE_MONOTONIC=1"
    environment = {**os.environ, "RGW_ENV": wrong if clock_offset_s else ""}
    subprocess.run([ROOT / "tests/rig/rgw", *words], check=True, timeout=60, env=environment)


def _free_row() -> int:
    """The first of 30 free ports, below those that the kernel gives to connections: any of these is soon taken."""
    while True:
        first = 15_000 + secrets.randbelow(15_000)
        if all(is_free(port) for port in range(first, first + _PORTS)):
            return first
