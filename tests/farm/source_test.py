#!/usr/bin/env python3
"""Sources over HTTP: a node without shared files fetches them, and what servers may do to it."""
import http.server
import json
import os
import pathlib
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from farm import BIN, Farm, wait_for  # noqa: E402


class Handler(http.server.BaseHTTPRequestHandler):
    """Each path is a way in which a server can behave."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, piece, pause_s=0):
        """Bytes without end, until the client or the test has had enough."""
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        while not self.server.over.wait(pause_s):
            self.wfile.write(piece)

    def do_GET(self):
        server, name = self.server, self.path.split("?")[0].split("/")[1]
        server.asked.append(self.path)
        try:
            if name == "good":
                self.answer(200, server.sound)
            elif name == "flaky":
                self.answer(503) if server.asked.count(self.path) == 1 else self.answer(200, server.sound)
            elif name == "status":
                self.answer(int(self.path.split("/")[2]), b"<html>an error page</html>")
            elif name == "to":
                self.answer(302, Location=server.goes_to)
            elif name == "circle":
                self.answer(302, Location=self.path)
            elif name == "endless":
                self.stream(bytes(1 << 16))
            elif name == "slow":
                self.stream(b"x", 0.2)
            elif name == "short":
                self.answer(200, server.sound[:5000], Content_Length=len(server.sound))
                self.close_connection = True
            elif name == "huge":
                self.answer(200, b"x", Content_Length=1 << 50)
                self.close_connection = True
            elif name == "page":
                self.answer(200, b"<!doctype html><html><body>Please log in</body></html>\n" * 20)
            elif name == "empty":
                self.answer(200)
            else:
                self.answer(404)
        except OSError:
            pass  # the client has closed


class Web:
    """A server on loopback; tls: with a certificate of a private authority, whose file is `ca`."""

    def __init__(self, sound, tls=None):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.sound, self.server.asked, self.server.over = sound, [], threading.Event()
        self.server.goes_to = "/good/later"
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls + "/cert.pem", tls + "/key.pem")
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls else "http"
        self.host = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.over.set()
        self.server.shutdown()
        self.server.server_close()

    def url(self, path):
        return f"{self.scheme}://{self.host}/{path}"


def make_sound(folder, seconds=3):
    path = os.path.join(folder, "sound.flac")
    subprocess.run(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"sine=frequency=440:d={seconds}", "-bitexact", path], check=True)
    return pathlib.Path(path).read_bytes()


class Sources(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="kithara-source-")
        self.sound = make_sound(self.scratch.name)

    def tearDown(self):
        self.scratch.cleanup()

    def farm(self, *hosts, **settings):
        return Farm(ANALYZER_SOURCE_HOSTS=" ".join(hosts), ANALYZER_SOURCE_SIZE="2", ANALYZER_SOURCE_STALL="2",
                    ANALYZER_LOG_LEVEL="DEBUG", ANALYZER_MAX_ATTEMPTS="2", **settings)

    def outcomes(self, farm, urls, timeout=60):
        """URL -> the code of its error, or None."""
        messages = [{"message_id": url, "file_path": url} for url in urls]
        results = farm.post("/v1/jobs", {"messages": messages})["results"]
        self.assertEqual([r["status"] for r in results], ["new"] * len(urls), results)
        farm.wait_finished(len(urls), timeout)
        self.jobs = {job["message_id"]: job for job in farm.all_jobs()}
        return {url: self.jobs[url]["error"] for url in urls}

    def test_each_way_of_a_server_has_its_own_end_and_the_good_files_are_analysed(self):
        with Web(self.sound) as web, self.farm(web.host) as farm:
            farm.start(["a"])
            expected = {"good/a.flac": None, "good/b.flac?signature=s3cret": None, "flaky/c.flac": None, "to/d.flac": None,
                        "status/404": "ESOURCE", "status/403": "ESOURCE", "status/500": "EFETCH", "circle/e": "ESOURCE",
                        "endless/f": "ETOOLARGE", "slow/g": "EFETCH", "short/h.flac": "EFETCH", "huge/i.flac": "ETOOLARGE",
                        "page/j.mp3": "ETEXT", "empty/k.mp3": "EEMPTY"}
            found = self.outcomes(farm, [web.url(path) for path in expected])
            self.assertEqual(found, {web.url(path): code for path, code in expected.items()})
            good = farm.get("/v1/jobs/%d/document" % self.jobs[web.url("good/a.flac")]["job"])
            self.assertEqual(good["file_path"], web.url("good/a.flac"))
            self.assertEqual(good["features"]["technical"]["codec"], "flac")
            self.assertIn("HTTP status 404", self.jobs[web.url("status/404")]["detail"])
            self.assertEqual(web.server.asked.count("/flaky/c.flac"), 2)
            self.assertNotIn("s3cret", farm.nodes["a"].text() + farm.coordinator.text(), "a signature is in the log")
            self.assertEqual(os.listdir(farm.path("tmp")), [], "a copy was left behind")

    def test_the_same_bytes_give_the_same_features_from_a_file_and_from_a_server(self):
        with Web(self.sound) as web, self.farm(web.host) as farm:
            farm.settings["ANALYZER_MEDIA_ROOTS"] = self.scratch.name
            farm.start(["a"])
            path = os.path.join(self.scratch.name, "sound.flac")
            self.assertEqual(self.outcomes(farm, [web.url("good/x"), path]), {web.url("good/x"): None, path: None})
            documents = [farm.get("/v1/jobs/%d/document" % self.jobs[u]["job"]) for u in (web.url("good/x"), path)]
            self.assertEqual(documents[0]["features"], documents[1]["features"])

    def test_only_named_hosts_are_asked_at_each_step(self):
        with Web(self.sound) as web, Web(self.sound) as other, self.farm(web.host) as farm:
            farm.start(["a"])
            web.server.goes_to = other.url("good/secret.flac")
            found = self.outcomes(farm, [web.url("to/elsewhere"), other.url("good/x"), "http://127.0.0.1/x", "https://" + web.host + "/x"])
            self.assertEqual(list(found.values())[:3], ["EHOST"] * 3)
            self.assertEqual(list(found.values())[3], "EFETCH")  # the right host, which has no TLS
            self.assertEqual(other.server.asked, [])
            self.assertIn(other.host, self.jobs[web.url("to/elsewhere")]["detail"])

    def test_a_redirect_to_a_file_is_not_followed(self):
        with Web(self.sound) as web, self.farm(web.host) as farm:
            farm.start(["a"])
            web.server.goes_to = "file:///etc/hostname"
            self.assertIn(self.outcomes(farm, [web.url("to/file")])[web.url("to/file")], ("EHOST", "ESOURCE"), self.jobs)

    def test_without_named_hosts_nothing_is_fetched(self):
        with Web(self.sound) as web, self.farm() as farm:
            farm.start(["a"])
            self.assertEqual(self.outcomes(farm, [web.url("good/x")]), {web.url("good/x"): "EHOST"})
            self.assertEqual(web.server.asked, [])

    def test_a_password_in_a_url_is_refused_at_the_door(self):
        with self.farm("127.0.0.1:1") as farm:
            farm.start_coordinator()
            results = farm.post("/v1/jobs", {"messages": [{"file_path": "http://me:pass@127.0.0.1:1/x"}]})["results"]
            self.assertEqual(results[0]["error"]["code"], "EMESSAGE")
            self.assertNotIn("pass@", json.dumps(results))

    def test_an_https_source_needs_a_trusted_certificate(self):
        folder = self.scratch.name
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder + "/key.pem", "-out",
                        folder + "/cert.pem", "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                       check=True, capture_output=True)
        with Web(self.sound, tls=folder) as web, self.farm(web.host) as farm:
            farm.start(["a"])
            self.assertEqual(self.outcomes(farm, [web.url("good/x")]), {web.url("good/x"): "EFETCH"})
            self.assertIn("ANALYZER_SOURCE_CA", self.jobs[web.url("good/x")]["detail"])
            self.assertEqual(web.server.asked, [])
            farm.nodes["a"].stop()
            farm.start_node("a", ANALYZER_SOURCE_CA=folder + "/cert.pem")
            farm.post("/v1/jobs/1/retry")
            wait_for(lambda: farm.get("/v1/jobs/1")["state"] == "done", "the trusted one", 30)

    def test_a_proxy_of_the_environment_is_not_asked(self):
        with Web(self.sound) as web, Web(self.sound) as proxy, self.farm(web.host) as farm:
            os.environ["http_proxy"] = proxy.url("")
            try:
                farm.start(["a"])
            finally:
                del os.environ["http_proxy"]
            self.assertEqual(self.outcomes(farm, [web.url("good/x")]), {web.url("good/x"): None})
            self.assertEqual(proxy.server.asked, [])

    def test_a_cancelled_job_s_transfer_ends(self):
        with Web(self.sound) as web, self.farm(web.host, ANALYZER_WORKERS="1") as farm:
            farm.settings["ANALYZER_SOURCE_STALL"] = "600"
            farm.start(["a"])
            farm.post("/v1/jobs", {"messages": [{"file_path": web.url("slow/x")}]})
            wait_for(lambda: web.server.asked, "the request")
            farm.post("/v1/jobs/1/cancel")
            farm.post("/v1/jobs", {"messages": [{"file_path": web.url("good/x")}]})
            wait_for(lambda: farm.get("/v1/jobs/2")["state"] == "done", "the next file", 20)

    def test_the_command_line_passes_urls_on_and_fetches_for_itself(self):
        with Web(self.sound) as web, self.farm(web.host) as farm:
            farm.start(["a"])
            env = farm.env(ANALYZER_HTTP_URL=farm.http)
            done = subprocess.run([os.path.join(BIN, "kithara"), "submit", "--wait", web.url("good/x?a=b")], env=env, capture_output=True,
                                  text=True, timeout=60)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([j["file_path"] for j in farm.all_jobs()], [web.url("good/x?...")], "a query may sign the URL")
            del env["ANALYZER_SOURCE_HOSTS"]
            alone = subprocess.run([os.path.join(BIN, "kithara"), "analyze", "--jsonl", web.url("good/y"), web.url("status/404")], env=env,
                                   capture_output=True, text=True, timeout=60)
            found = [json.loads(line) for line in alone.stdout.splitlines()]
            self.assertEqual([(d["success"], (d.get("error") or {}).get("code")) for d in found], [(True, None), (False, "ESOURCE")])


if __name__ == "__main__":
    unittest.main(verbosity=2)
