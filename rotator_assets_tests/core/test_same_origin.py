"""Requests that pages of other sites make are refused."""

import asyncio

import pytest

from rotator_assets.core.same_origin import SameOrigin, refusal

HERE = {"host": "127.0.0.1:3000"}
PROXIED = {"host": "galaxies.example.org"}


@pytest.mark.parametrize(
    ("path", "headers", "proxy"),
    [
        ("/graphql", HERE, ""),  # a program
        ("/graphql", {"host": "localhost:3000"}, ""),
        ("/graphql", {"host": "[::1]:3000"}, ""),
        ("/graphql", {**HERE, "origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}, ""),
        ("/runs", {**HERE, "sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, ""),  # typed by the user
        ("/runs", {**HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, ""),  # a link
        ("/graphql", {**PROXIED, "origin": "https://galaxies.example.org"}, "galaxies.example.org"),
        ("/graphql", {**HERE, "origin": "https://galaxies.example.org"}, "galaxies.example.org"),
    ],
)
def test_the_user_and_programs_are_served(path, headers, proxy):
    assert refusal(path, headers, proxy) is None


@pytest.mark.parametrize(
    ("path", "headers", "proxy", "reason"),
    [
        ("/graphql", {"host": "evil.example:3000"}, "", "not served as 'evil.example:3000'"),  # a rebound name
        ("/graphql", {}, "", "not served as ''"),
        ("/graphql", {"host": "[::1"}, "", "not served as"),
        ("/graphql", {**HERE, "origin": "http://evil.example"}, "", "a page of 'http://evil.example'"),
        ("/graphql", {**HERE, "origin": "http://127.0.0.1:8888"}, "", "a page of 'http://127.0.0.1:8888'"),
        ("/graphql", {**HERE, "origin": "null"}, "", "a page of 'null'"),
        ("/graphql", {**HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, "", "another site"),
        ("/graphql", {**HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, "", "another site"),
        ("/runs", {**HERE, "sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, "", "another site"),
        ("/graphql", PROXIED, "", "not served as 'galaxies.example.org'"),
        ("/graphql", {**HERE, "origin": "https://evil.example"}, "galaxies.example.org", "https://evil.example"),
    ],
)
def test_pages_of_other_sites_are_refused(path, headers, proxy, reason):
    assert reason in str(refusal(path, headers, proxy))


@pytest.mark.parametrize(
    ("kind", "answer"),
    [("http", {"type": "http.response.start", "status": 403}), ("websocket", {"type": "websocket.close"})],
)
def test_what_is_refused_does_not_reach_the_server(kind, answer):
    sent = []

    async def server(*_):
        raise AssertionError

    async def send(message):
        sent.append(message)

    scope = {"type": kind, "path": "/graphql", "headers": [(b"host", b"evil.example")]}
    asyncio.run(SameOrigin(server)(scope, None, send))
    assert answer.items() <= sent[0].items()
