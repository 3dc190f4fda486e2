#include "common/net/plain.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static void
without_libpqs_variables(void)
{
    unsetenv("PGSSLMODE");
    unsetenv("PGHOST");
    unsetenv("PGHOSTADDR");
    unsetenv("PGSERVICE");
}

TestSuite(plain, .init = without_libpqs_variables);

Test(plain, urls_that_lead_to_another_machine_without_tls_are_found)
{
    static const struct {
        const char *url, *host;  // NULL: loopback, or TLS
    } ROWS[] = {
        {"postgresql://kithara:p@db.example/kithara", "db.example"},
        {"postgresql://kithara:p@db.example:5432/kithara?sslmode=prefer", "db.example"},
        {"postgresql://db.example/k?sslmode=allow&connect_timeout=3", "db.example"},
        {"postgresql://db.example/k?sslmode=disable", "db.example"},
        {"postgresql://db.example/k?sslmode=verify-full&sslmode=disable", "db.example"},
        {"postgresql://db.example/k?application_name=sslmode%3Dverify-full", "db.example"},
        {"postgresql://db.example/k?xsslmode=verify-full", "db.example"},
        {"postgresql://p@ss:w@db.example/k", "db.example"},
        {"postgresql://localhost,db.example:5433/k", "db.example"},
        {"postgresql://[2001:db8::1]:5432/k", "[2001:db8::1]"},
        {"postgresql:///k?host=db.example", "db.example"},
        {"postgresql://localhost/k?hostaddr=10.0.0.7", "10.0.0.7"},
        {"postgresql:///k?host=/run/postgresql,db.example", "db.example"},
        {"postgres://db.example/k", "db.example"},
        {"host=db.example dbname=k", "db.example"},
        {"host = 'db.example' sslmode=prefer", "db.example"},
        {"postgresql://127.0.0.1.example/k", "127.0.0.1.example"},
        {"postgresql:///?service=farm", "the service farm"},
        {"host=localhost service=farm", "the service farm"},
        {"postgresql:///?service=farm&sslmode=verify-full", NULL},
        {"postgresql://db.example/k?sslmode=require", NULL},
        {"postgresql://db.example/k?sslmode=verify-ca", NULL},
        {"postgresql://db.example/k?connect_timeout=3&sslmode=verify-full", NULL},
        {"postgresql://db.example/k?ssl=true", NULL},
        {"host=db.example sslmode=verify-full", NULL},
        {"postgresql://localhost/k", NULL},
        {"postgresql://127.0.0.2:5432/k", NULL},
        {"postgresql://[::1]/k", NULL},
        {"postgresql:///k", NULL},
        {"postgresql:///k?host=/run/postgresql", NULL},
        {"postgresql://%2Frun%2Fpostgresql/k", NULL},
        {"sqlite:/host=a", NULL},
        {"memory:", NULL},
        {"", NULL},
        {"amqp://user:p@broker:5672/", "broker"},
        {"AMQP://broker", "broker"},
        {"amqp://user:p@localhost:5672,broker:5672/v", "broker"},
        {"amqp://[fd00::1]:5672/", "[fd00::1]"},
        {"amqp://user:p@127.0.0.1:5672/v?heartbeat=3", NULL},
        {"amqps://user:p@broker/", NULL},
        {"redis://:p@cache:6379/1", "cache"},
        {"redis://cache", "cache"},
        {"redis://:p@localhost", NULL},
        {"redis://[::1]:6379", NULL},
        {"rediss://cache", NULL},
    };
    char host[KT_PLAIN_HOST];
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const bool plain = kt_plain_url(ROWS[i].url, host);
        cr_expect_eq(plain, ROWS[i].host != NULL, "%s", ROWS[i].url);
        if (plain && ROWS[i].host)
            cr_expect_str_eq(host, ROWS[i].host, "%s: %s", ROWS[i].url, host);
    }
}

Test(plain, variables_of_libpq_count)
{
    char host[KT_PLAIN_HOST];
    setenv("PGSSLMODE", "verify-full", 1);
    cr_expect_not(kt_plain_url("postgresql://db.example/k", host));
    cr_expect(kt_plain_url("postgresql://db.example/k?sslmode=disable", host));
    setenv("PGSSLMODE", "disable", 1);
    setenv("PGHOST", "db.example", 1);
    cr_expect(kt_plain_url("postgresql:///k", host));
    cr_expect_not(kt_plain_url("postgresql:///k?sslmode=require", host));
    setenv("PGHOSTADDR", "10.0.0.7", 1);
    cr_expect(kt_plain_url("postgresql://localhost/k", host));
    cr_expect_str_eq(host, "10.0.0.7");
    cr_expect_not(kt_plain_url("postgresql://localhost/k?hostaddr=127.0.0.1", host));
    setenv("PGSERVICE", "farm", 1);
    cr_expect(kt_plain_url("postgresql://localhost/k", host));
    cr_expect_str_eq(host, "the service farm");
}

Test(plain, each_setting_without_tls_is_named)
{
    kt_settings_t settings = {
        .database_url = "postgresql://db.example/k", .amqp_url = "amqps://broker/", .redis_url = "redis://cache"};
    const char *setting;
    char        host[KT_PLAIN_HOST];
    size_t      next = 0;
    cr_assert(kt_plain_next(&settings, &next, &setting, host));
    cr_expect_str_eq(setting, "DATABASE_URL");
    cr_assert(kt_plain_next(&settings, &next, &setting, host));
    cr_expect_str_eq(setting, "REDIS_URL");
    cr_expect_str_eq(host, "cache");
    cr_expect_not(kt_plain_next(&settings, &next, &setting, host));
}
