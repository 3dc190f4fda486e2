#!/usr/bin/env python3
"""The page at / in headless Chromium with real servers. Skipped where no Chromium is installed."""
import http.client
import http.server
import json
import os
import pathlib
import signal
import statistics
import sys
import threading
import time
import unittest
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, str(pathlib.Path(__file__).resolve().parents[1]))
import browser  # noqa: E402
from browser import Browser  # noqa: E402
from farm import Farm, free_port, wait_for  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop", "ANALYZER_LOG_LEVEL": "INFO"}
HOSTILE = ["/x/<img src=x onerror=\"document.title='taken'\">.mp3", "/x/\"><script>document.title='taken'</script>.mp3",
           "/x/';document.title='taken';'.mp3", "/x/javascript:document.title='taken'.mp3", "/x/\u202egpm.exe\u0007.mp3",
           "/x/&lt;b&gt;&#0;.mp3",
           "/x/</script><!--<script>.mp3", "/x/a\u061cb\u2028c\u200bd\U000e0041.mp3", "/x/a\nb\r\tc\x1b[2J.mp3",
           "/x/" + "W" * 3000 + ".mp3", "/x/{{7*7}}${7*7}%s%n.mp3"]
FIRST_VIEW = ("/", "/v1/status", "/v1/nodes", "/v1/history?span=hour", "/v1/jobs?order=newest&limit=60")  # what it asks for
# The first view of `/`: the queue's numbers, the node, the history and what ended last are shown with their data; of another
# document, the floor: it is loaded. Both times are those after the frame in which that is drawn.
VIEW_CLOCK = """window.view = null;
const drawn = () => requestAnimationFrame(() => {
  const after = new MessageChannel();
  after.port1.onmessage = () => { view ??= performance.now(); };
  after.port2.postMessage(null);
});
const count = (what) => document.querySelectorAll(what).length;
if (location.pathname !== "/") addEventListener("load", drawn);
else new MutationObserver(() => {
  if (count(".figure") === 6 && count("main tbody .s-live") === 1 && count(".chart path.line") === 6 && count("main section:last-of-type tbody tr") === 12) drawn();
}).observe(document, { childList: true, subtree: true });"""
# The icon as a document is the floor: FLOOR_MS on two cores that do nothing else. Where it takes longer, just before and after a
# view, the browser waits for its turn; the view may take longer by the same share, and is not judged above LOADED.
FLOOR, FLOOR_MS, LOADED, VIEW_MS = "/page/icon.svg", 40, 2, 100
SHOWN = "document.querySelectorAll('main tbody tr').length"


class Proxy(http.server.BaseHTTPRequestHandler):
    """Puts /deep/kithara before the coordinator, and its own Host, as reverse proxies do."""
    prefix, target = "/deep/kithara", ""

    def do_GET(self):
        if not self.path.startswith(self.prefix + "/"):
            self.send_error(404)
            self.server.astray.append(self.path)
            return
        connection = http.client.HTTPConnection(self.target, timeout=20)
        kept = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "connection")}
        length = int(self.headers.get("Content-Length") or 0)
        connection.request(self.command, self.path[len(self.prefix):], self.rfile.read(length) if length else None, kept)
        answer = connection.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date"):
                self.send_header(name, value)
        self.end_headers()
        try:
            while part := answer.read1(1 << 16):
                self.wfile.write(part)
                self.wfile.flush()
        except (ConnectionError, http.client.IncompleteRead):
            pass  # the browser or the coordinator has left
        connection.close()

    do_POST = do_GET

    def log_message(self, *_):
        pass


@unittest.skipUnless(browser.PROGRAM, "no Chromium is installed")
class Page(unittest.TestCase):
    def setUp(self):
        self.farm = Farm(**NOOP)
        self.addCleanup(self.farm.__exit__, None, None, None)

    def browse(self, part="#/", **options):
        page = Browser(**options)
        self.addCleanup(page.__exit__, None, None, None)
        page.open(self.farm.http + "/" + part)
        return page

    def clean(self, page):
        self.assertEqual(page.problems, [])
        others = [r for r in page.requests if not r.startswith((self.farm.http, "about:", "data:"))]
        self.assertEqual(others, [], "a request went elsewhere")

    def give_token(self, page):
        page.wait("document.querySelector('nav a')", "the page")
        page.press("t")
        page.wait("document.querySelector('dialog[open] input')", "the token's dialog")
        page.type(self.farm.token())
        page.press("Enter")
        page.wait("!document.querySelector('dialog[open]')", "the end of the dialog")

    def click(self, page, text):
        found = f"[...document.querySelectorAll('button')].find((b) => b.textContent === {json.dumps(text)})"
        page.wait(f"(() => {{ const button = {found}; button.click(); return true; }})()", text)

    def test_work_nodes_and_history_are_shown_and_a_dead_node_within_five_seconds(self):
        self.farm.settings["ANALYZER_NODE_SILENCE"] = "2500"  # the default
        self.farm.start(["alpha", "beta"])
        page = self.browse()
        page.wait("document.querySelectorAll('main tbody .s-live').length === 2", "two live nodes")
        self.farm.submit(0, 40)
        page.wait("[...document.querySelectorAll('.figure')].some((f) => f.innerText.startsWith('40') && f.innerText.includes('Done'))", "40 done")
        page.wait("document.querySelectorAll('main section:last-of-type tbody tr').length === 12", "what ended last")
        page.wait("document.querySelectorAll('.chart path.line').length === 6", "the history")
        began = time.monotonic()
        self.farm.nodes["beta"].process.send_signal(signal.SIGSTOP)  # without a closed connection
        page.wait("document.querySelectorAll('main tbody .s-absent').length === 1", "the dead node", 20)
        took = time.monotonic() - began
        self.farm.nodes["beta"].process.send_signal(signal.SIGCONT)
        print(f"a dead node is shown after {took:.1f} s", file=sys.stderr)
        self.assertLess(took, 5)
        self.clean(page)

    def test_hostile_names_stay_text(self):
        self.farm.settings["ANALYZER_MEDIA_ROOTS"] = "/x:" + self.farm.folder
        self.farm.start(["<i>a"[3:] + "n"])
        self.farm.post("/v1/jobs", {"messages": [{"message_id": f"<b>{i}", "file_path": path} for i, path in enumerate(HOSTILE)]})
        self.farm.wait_finished(len(HOSTILE))
        page = self.browse("#/jobs")
        page.wait(f"{SHOWN} === {len(HOSTILE)}", "the jobs")
        shown = page.run("[...document.querySelectorAll('main tbody .name')].map((n) => n.textContent)")
        self.assertIn(HOSTILE[0].split("/")[-1], shown)
        self.assertFalse([name for name in shown if any(c in name for c in "\u202e\u0007\u061c\u2028\u200b\U000e0041\n\r\t\x1b")])
        for number in range(1, len(HOSTILE) + 1):
            page.open(f"{self.farm.http}/#/jobs/{number}")
            page.wait(f"document.querySelector('main .story') && document.querySelector('main .note').textContent === 'Job {number}'", "the story")
            self.assertEqual(page.run("document.querySelectorAll('main img, main script, main iframe').length"), 0)
            self.assertLessEqual(page.run("document.documentElement.scrollWidth"), page.run("document.documentElement.clientWidth"))
        page.open(f"{self.farm.http}/#/jobs?path=%22%3E%3Cimg%20src%3Dx%3E&state=%3Cb%3E&error=%3Cscript%3E")
        page.wait("!document.getElementById('notice').hidden", "the refusal of a wrong filter")
        self.assertEqual(page.run("document.title"), "Kithara")
        self.clean(page)

    def test_filters_keys_and_narrow_screens(self):
        os.mkdir(self.farm.path("models"))
        self.farm.settings["ANALYZER_MODEL_PATH"] = self.farm.path("models")
        self.farm.start(["a"])
        self.farm.submit(0, 150)
        self.farm.submit(200, 1, "/other/{}.flac")
        self.farm.wait_finished(151)
        page = self.browse(width=400, height=800)
        page.wait("document.querySelector('nav a')", "the page")
        for number, word in enumerate(("Nodes", "Jobs", "Failures by code", "Backfills", "Models"), 1):
            page.press(str(number))
            page.wait(f"document.querySelector('main').innerText.includes({json.dumps(word)})", word)
            self.assertLessEqual(page.run("document.documentElement.scrollWidth"), 400, word)
        page.wait("document.querySelector('main').innerText.includes('No model is deployed.')", "a farm without models")
        self.assertNotIn("0 MB", page.text())
        page.press("2")
        page.wait(f"{SHOWN} === 100", "a page of jobs")
        self.click(page, "More")
        page.wait(f"{SHOWN} === 151", "the next page")
        page.press("/")
        page.type("/other")
        page.press("Enter")
        page.wait(f"{SHOWN} === 1 && location.hash.includes('path=%2Fother')", "the filtered jobs")
        page.press("Escape")
        page.press("j")
        page.press("Enter")
        page.wait("location.hash === '#/jobs/151' && document.querySelector('main .story')", "the job by keys alone")
        page.press("?")
        page.wait("document.querySelector('dialog[open] kbd')", "the list of keys")
        page.press("Escape")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        self.clean(page)

    def test_failures_are_retried_with_the_token_alone(self):
        self.farm.settings.update(ANALYZER_TEST_FAULT="", ANALYZER_MEDIA_ROOTS=self.farm.folder)
        self.farm.start(["a"])
        self.farm.post("/v1/jobs", {"messages": [{"file_path": self.farm.path(f"none-{i}.mp3")} for i in range(5)]})
        self.farm.wait_finished(5)
        page = self.browse("#/failures")
        page.wait(f"{SHOWN} === 1 && document.querySelector('main tbody').innerText.includes('ENOFILE')", "the failures")
        self.click(page, "retry these")  # asks for the token first
        page.wait("document.querySelector('dialog[open] input')", "the token's dialog")
        page.type("wrong")
        page.press("Enter")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        self.click(page, "retry these")
        self.click(page, "Yes")
        page.wait("document.querySelector('dialog[open]')?.innerText.includes('not the coordinator')", "the refusal")
        page.press("Escape")
        page.wait("!document.querySelector('dialog')", "the end of the dialog")
        page.run("sessionStorage.clear()")
        self.give_token(page)
        self.click(page, "retry these")
        self.click(page, "Yes")
        page.wait("document.querySelector('main').innerText.includes('5 jobs run again')", "the retry")
        wait_for(lambda: all(job["run"] == 2 for job in self.farm.all_jobs()), "the second run")
        self.assertEqual([p for p in page.problems if "401" not in p], [])

    def test_a_node_is_drained_and_a_backfill_paused(self):
        self.farm.settings["ANALYZER_MEDIA_ROOTS"] = self.farm.folder
        self.farm.start(["a"])
        os.mkdir(self.farm.path("songs"))
        for i in range(3):
            pathlib.Path(self.farm.path("songs", f"{i}.mp3")).touch()
        page = self.browse()
        self.give_token(page)
        self.click(page, "drain")
        self.click(page, "Yes")
        page.wait("document.querySelector('main tbody .s-drained')", "the drained node")
        self.farm.post("/v1/backfills", {"folder": self.farm.path("songs"), "token": "t", "name": "<u>songs"})
        page.press("4")
        page.wait("document.querySelector('main tbody')?.innerText.includes('<u>songs')", "the backfill")
        self.click(page, "pause")
        self.click(page, "Yes")
        page.wait("document.querySelector('main tbody .s-paused')", "the pause")
        self.click(page, "resume")
        self.click(page, "Yes")
        page.wait("document.querySelector('main tbody .s-running')", "the end of the pause")
        self.clean(page)

    def test_behind_a_proxy_with_a_prefix_everything_stays_below_it(self):
        self.farm.start(["a"])
        self.farm.submit(0, 3)
        self.farm.wait_finished(3)
        Proxy.target = self.farm.http_bind
        server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Proxy)
        server.astray, server.daemon_threads = [], True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        page = Browser()
        self.addCleanup(page.__exit__, None, None, None)
        page.open(f"http://127.0.0.1:{server.server_address[1]}{Proxy.prefix}/#/jobs/2")
        page.wait("document.querySelector('main .story')", "a job")
        page.press("1")
        page.wait("document.querySelector('main tbody .s-live')", "the node")
        self.give_token(page)
        self.click(page, "drain")
        self.click(page, "Yes")
        page.wait("document.querySelector('main tbody .s-drained')", "an order through the proxy")
        self.assertEqual((page.problems, server.astray), ([], []))

    def test_pages_that_were_left_hold_no_connection(self):
        self.farm.start(["a"])
        page = self.browse()
        for number in range(8):  # a browser opens six connections to a host
            page.wait("document.querySelector('main tbody .s-live')", f"page {number}", 10)
            page.open("about:blank")
            page.wait("location.href === 'about:blank'", "another page")
            page.open(self.farm.http + "/#/")
        self.clean(page)

    def test_the_first_view_of_100_000_jobs_takes_less_than_100_ms(self):
        self.farm.start(["a"])
        self.farm.submit(0, 100000)
        self.farm.wait_finished(100000, 300)
        spent = 0
        for path in FIRST_VIEW:
            times = []
            for _ in range(15):
                began = time.perf_counter()
                urllib.request.urlopen(self.farm.http + path).read()
                times.append(1000 * (time.perf_counter() - began))
            spent += statistics.median(times)
            print(f"{path}: {statistics.median(times):.2f} ms, at most {max(times):.2f} ms", file=sys.stderr)
        self.assertLess(spent, 50)
        page = Browser()
        self.addCleanup(page.__exit__, None, None, None)
        page.before_each_page(VIEW_CLOCK)

        def timed(path):
            page.open(self.farm.http + path)
            page.wait("view !== null", path)
            took = page.run("view")
            page.open("about:blank")
            page.wait("location.href === 'about:blank'", "an empty page")
            return took

        timed("/")
        asked = {request.removeprefix(self.farm.http) for request in page.requests}
        self.assertEqual(asked - {"about:blank", "/v1/events", FLOOR}, set(FIRST_VIEW), "requests before the first view")
        floors, views = [timed(FLOOR)], []
        for _ in range(25):
            views.append(timed("/"))
            floors.append(timed(FLOOR))
        load = [max(1, before / FLOOR_MS, after / FLOOR_MS) for before, after in zip(floors, floors[1:])]
        judged = [(view / share, view, share) for view, share in zip(views, load) if share <= LOADED]
        for name, times in (("first view", views), ("floor", floors)):
            print(f"{name}: {min(times):.0f} ms at best, median {statistics.median(times):.0f} ms of {len(times)}", file=sys.stderr)
        if judged:
            print("{:.0f} ms without the load: {:.0f} ms where the floor took {:.1f} times what it may".format(*min(judged)), file=sys.stderr)
            self.assertLess(min(judged)[0], VIEW_MS)
        else:
            print(f"not judged: the floor always took more than {LOADED * FLOOR_MS} ms", file=sys.stderr)
        self.clean(page)

    def test_what_ends_is_shown_while_the_newest_jobs_still_wait(self):
        self.farm.start(["a"])
        page = Browser()
        self.addCleanup(page.__exit__, None, None, None)
        page.before_each_page("""const real = window.fetch; window.fetch = (path, ...more) =>
          path.startsWith("v1/jobs?") ? Promise.resolve(Response.json({ jobs: [], next: null })) : real(path, ...more);""")
        page.open(self.farm.http + "/#/")
        page.wait("document.querySelector('main tbody .s-live')", "the node")
        self.farm.submit(0, 30)
        page.wait("document.querySelectorAll('main section:last-of-type tbody tr').length === 12", "what ended last")
        self.clean(page)

    def test_the_history_survives_a_killed_coordinator(self):
        self.farm.start(["a"])
        self.farm.submit(0, 30)
        self.farm.wait_finished(30)

        def done():
            return sum(self.farm.get("/v1/history")["done"])
        wait_for(lambda: done() == 30, "a sample")
        self.farm.coordinator.kill()
        self.farm.start_coordinator()
        self.assertEqual((done(), sum(self.farm.get("/v1/history?span=day")["done"])), (30, 30))

    def test_a_restarted_coordinator_is_followed_again(self):
        self.farm.start(["a"])
        page = self.browse()
        page.wait("document.getElementById('state').textContent === 'healthy'", "the state")
        self.farm.coordinator.kill()
        page.wait("document.getElementById('state').textContent === 'no answer'", "the loss")
        self.farm.start_coordinator()
        page.wait("document.querySelector('main tbody .s-live')", "the node again")
        self.farm.submit(0, 1)
        page.wait("[...document.querySelectorAll('main .name')].some((n) => n.textContent === '0.mp3')", "an outcome")


if __name__ == "__main__":
    unittest.main(verbosity=2)
