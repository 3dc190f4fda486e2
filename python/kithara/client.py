"""A farm over HTTP (docs/http.md), with the standard library alone."""
from __future__ import annotations

import dataclasses
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator
from typing import Any

from .errors import Error


@dataclasses.dataclass(frozen=True)
class Submitted:
    """The answer to one message: status is new, known, clash or error; warning: of members that are not as they came."""
    message_id: str
    job: int | None
    status: str
    error: dict[str, Any] | None
    warning: str | None = None


@dataclasses.dataclass(frozen=True)
class Result:
    """The result of a message; document is None while there is none, state None where no job has the id."""
    message_id: str
    job: int | None
    state: str | None
    document: dict[str, Any] | None


class Client:
    """A coordinator. url: "http://host:8710"; token: of the coordinator's http.token, for orders and over a network."""

    PART = 100  # ids per request

    def __init__(self, url: str | None = None, token: str | None = None, timeout_s: float = 30):
        self.url = (url or os.environ.get("ANALYZER_HTTP_URL", "http://127.0.0.1:8710")).split(",")[0].rstrip("/")
        self.token, self.timeout_s = token or os.environ.get("ANALYZER_HTTP_TOKEN"), timeout_s

    def call(self, method: str, route: str, body: Any = None, /, **query: Any) -> Any:
        """One request; the answer's JSON. Error: with the name of the problem, or ECLOSED where nobody answers."""
        words = {name: value for name, value in query.items() if value is not None}
        url = f"{self.url}{route}" + (f"?{urllib.parse.urlencode(words)}" if words else "")
        headers = {"Accept": "application/json"} | ({"Content-Type": "application/json"} if body is not None else {})
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(url, json.dumps(body).encode() if body is not None else None, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            text = error.read().decode("utf-8", "replace")
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {}
            code = (problem.get("error") or {}).get("code") or f"HTTP{error.code}"
            raise Error(code, problem.get("detail") or problem.get("title") or text.strip() or error.reason) from None
        except (urllib.error.URLError, OSError) as error:
            raise Error("ECLOSED", f"{self.url}: {getattr(error, 'reason', error)}") from None

    def status(self) -> dict[str, Any]:
        """The farm, as `kithara status` has it."""
        status: dict[str, Any] = self.call("GET", "/v1/status")
        return status

    def nodes(self) -> list[dict[str, Any]]:
        """The nodes."""
        nodes: list[dict[str, Any]] = self.call("GET", "/v1/nodes")["nodes"]
        return nodes

    def jobs(self, state: str | None = None, path: str | None = None) -> Iterator[dict[str, Any]]:
        """All jobs, page by page."""
        after = None
        while True:
            page = self.call("GET", "/v1/jobs", state=state, path=path, after=after, limit=1000)
            yield from page["jobs"]
            after = page.get("next")
            if after is None:
                return

    def submit(self, paths: Iterable[str | os.PathLike[str]], options: dict[str, bool] | None = None) -> list[Submitted]:
        """New jobs for files, by the paths that the nodes see. The id of a message is that of the path, so that a second
        submit of a file is known."""
        import uuid
        messages: list[dict[str, Any]] = []
        for path in [os.fspath(path) for path in paths]:
            message: dict[str, Any] = {"message_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"file://{path}")), "file_path": path}
            if options is not None:
                message["analysis_options"] = options
            messages.append(message)
        answers = []
        for at in range(0, len(messages), self.PART):
            for answer in self.call("POST", "/v1/jobs", {"messages": messages[at:at + self.PART]})["results"]:
                answers.append(Submitted(answer["message_id"], answer.get("job"), answer["status"], answer.get("error"),
                                         answer.get("warning")))
        return answers

    def results(self, message_ids: Iterable[str]) -> list[Result]:
        """The stored messages of ids, in their order."""
        ids, found = list(message_ids), {}
        for at in range(0, len(ids), self.PART):
            for one in self.call("POST", "/v1/results", {"message_ids": ids[at:at + self.PART]})["results"]:
                found[one["message_id"]] = Result(one["message_id"], one["job"], one["state"], one["document"])
        return [found.get(name, Result(name, None, None, None)) for name in ids]

    def wait(self, message_ids: Iterable[str], timeout_s: float = 3600) -> list[Result]:
        """The results of ids once all have ended. Error ETIME."""
        ids, until, step = list(message_ids), time.monotonic() + timeout_s, 0.05
        while True:
            results = self.results(ids)
            if all(result.state in ("done", "failed", "cancelled", None) for result in results):
                return results
            if time.monotonic() > until:
                raise Error("ETIME", f"not all of {len(ids)} jobs have ended after {timeout_s} s")
            time.sleep(step)
            step = min(step * 1.5, 2)
