#!/usr/bin/env python3
"""TLS to a real PostgreSQL: what verify-full accepts and refuses, at the start, in the doctor's words and while it runs.

KITHARA_BIN is the folder of the programs (default: build/bin of this tree).
"""
import os
import pathlib
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from farm import Farm, wait_for  # noqa: E402
from servers import Postgres  # noqa: E402

NOOP = {"ANALYZER_TEST_FAULT": "noop"}


class Tls(unittest.TestCase):
    """A server with a certificate of localhost by `authority`; `other` is an authority that has signed nothing of it."""

    @classmethod
    def setUpClass(cls):
        cls.server = Postgres(settings={"fsync": "off"})
        for authority in ("authority", "other"):
            cls.server.sign(authority, ["-addext", "basicConstraints=critical,CA:TRUE"])
        cls.certify("authority")
        cls.set_tls(True)

    @classmethod
    def tearDownClass(cls):
        cls.server.close()

    @classmethod
    def certify(cls, authority):
        """A new certificate of the server."""
        folder = cls.server.folder
        cls.server.sign("server", ["-addext", "subjectAltName=DNS:localhost", "-CA", folder / f"{authority}.pem",
                                   "-CAkey", folder / f"{authority}.key"])
        cls.server.as_user()

    @classmethod
    def set_tls(cls, on):
        for setting, value in (("ssl_cert_file", "'../server.pem'"), ("ssl_key_file", "'../server.key'"), ("ssl", "on" if on else "off")):
            cls.server.sql(f"ALTER SYSTEM SET {setting} = {value}")
        cls.server.sql("SELECT pg_reload_conf()")
        wait_for(lambda: cls.server.sql("SHOW ssl")[0][0] == ("on" if on else "off"), "the server's new settings")

    def url(self, host="localhost", authority="authority", mode="verify-full", port=None):
        return (f"postgresql://kithara:s3cret@{host}:{self.server.port}/postgres?sslmode={mode}"
                f"&sslrootcert={self.server.folder / authority}.pem")

    def refused(self, why, url, **settings):
        """Doctor, the check before a start, and the start itself name the cause and no password."""
        with Farm(**NOOP, DATABASE_URL=url, **settings) as farm:
            doctor = farm.kithara("doctor")
            line = next(line for line in doctor.stdout.splitlines() if line.startswith("database "))
            self.assertRegex(line, f"WRONG.*{why}")
            self.assertEqual(doctor.returncode, 1)
            migrate = farm.kithara("db", "migrate")
            self.assertNotEqual(migrate.returncode, 0)
            self.assertRegex(migrate.stderr, why)
            process = farm.start_coordinator(wait=False)
            self.assertNotEqual(process.process.wait(60), 0)
            self.assertRegex(process.text(), f"DATABASE_URL: PostgreSQL cannot be used .*{why}")
            for text in (doctor.stdout, doctor.stderr, migrate.stderr, process.text()):
                self.assertNotIn("s3cret", text)

    def test_a_certificate_of_its_name_and_authority_is_accepted_also_where_tls_is_required(self):
        with Farm(**NOOP, DATABASE_URL=self.url(), ANALYZER_REQUIRE_TLS="true") as farm:
            self.assertEqual(farm.kithara("db", "migrate").returncode, 0)
            line = next(line for line in farm.kithara("doctor").stdout.splitlines() if line.startswith("database "))
            self.assertRegex(line, "^database +ok")
            farm.start(["a"])
            used = self.server.sql("SELECT count(*), bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                                   " WHERE application_name = 'kithara'")[0]
            self.assertGreaterEqual(used[0], 2)
            self.assertIs(used[1], True)
            farm.submit(0, 50)
            farm.wait_finished(50)
            # Another authority's certificate while it runs: no statement reaches that server.
            self.certify("other")
            self.server.restart()
            wait_for(lambda: "certificate verify failed" in farm.coordinator.text(), "the refusal")
            wait_for(lambda: farm.request("GET", "/readyz")[0] == 503, "it is not ready")
            self.assertNotIn("s3cret", farm.coordinator.text())
            self.certify("authority")
            self.server.restart()
            wait_for(lambda: farm.request("GET", "/readyz")[0] == 200, "it is ready again")
            farm.submit(50, 50)
            farm.wait_finished(100)
            self.assertEqual(farm.coordinator.stop(), 0)

    def test_another_name_is_refused(self):
        self.refused('does not match host name "127.0.0.1"', self.url(host="127.0.0.1"))

    def test_another_authority_is_refused(self):
        self.refused("certificate verify failed", self.url(authority="other"))

    def test_a_missing_file_of_authorities_is_named(self):
        self.refused("root certificate file .*nowhere.pem.* does not exist", self.url(authority="nowhere"))

    def test_a_server_without_tls_is_refused(self):
        self.set_tls(False)
        try:
            for mode in ("verify-full", "require"):
                self.refused("server does not support SSL", self.url(mode=mode))
            with Farm(**NOOP, DATABASE_URL=self.url(mode="disable"), ANALYZER_REQUIRE_TLS="true") as farm:
                self.assertEqual(farm.kithara("db", "migrate").returncode, 0, "loopback is no other machine")
        finally:
            self.set_tls(True)

    def test_require_encrypts_and_checks_no_name_as_the_page_says(self):
        with Farm(**NOOP, DATABASE_URL=f"postgresql://kithara@127.0.0.1:{self.server.port}/postgres?sslmode=require") as farm:
            self.assertEqual(farm.kithara("db", "migrate").returncode, 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
