// The broker's address: its parts, their defaults, and which part is wrong.
#include "coordinator/amqp/url.h"

#include <criterion/criterion.h>
#include <string.h>

static kt_amqp_url_t
parsed(const char *text)
{
    char          why[KT_AMQP_WHY] = "";
    kt_amqp_url_t url;
    cr_assert_eq(kt_amqp_url_parse(text, &url, why), KT_OK, "%s: %s", text, why);
    return url;
}

Test(amqp_url, parts_and_defaults_of_missing_parts)
{
    kt_amqp_url_t url = parsed("amqp://guest:guest@localhost:5672/");
    cr_assert(!url.tls && url.n_hosts == 1 && url.hosts[0].port == 5672 && !url.heartbeat_s);
    cr_assert_str_eq(url.vhost, "/", "as other clients take the specification's example");
    cr_assert_str_eq(url.hosts[0].host, "localhost");
    url = parsed("amqps://me:p%40ss@broker.example/music");
    cr_assert(url.tls && url.hosts[0].port == 5671);
    cr_assert_str_eq(url.password, "p@ss");
    cr_assert_str_eq(url.vhost, "music");
    url = parsed("amqp://broker");
    cr_assert_str_eq(url.user, "guest");
    url = parsed("amqp://me:a@b:c@h/%2F");
    cr_assert_str_eq(url.password, "a@b:c");
    cr_assert_str_eq(url.vhost, "/");
}

Test(amqp_url, several_hosts_are_tried_in_their_order)
{
    kt_amqp_url_t url = parsed("amqp://u:p@one,two:5673,[::1]:5674,[fe80::1]/v");
    cr_assert_eq(url.n_hosts, 4);
    cr_assert_str_eq(url.hosts[0].host, "one");
    cr_assert_eq(url.hosts[0].port, 5672);
    cr_assert_eq(url.hosts[1].port, 5673);
    cr_assert_str_eq(url.hosts[2].host, "::1");
    cr_assert_eq(url.hosts[2].port, 5674);
    cr_assert_str_eq(url.hosts[3].host, "fe80::1");
    cr_assert_str_eq(url.vhost, "v");
}

Test(amqp_url, the_heartbeat_is_read_and_what_is_of_other_clients_is_named)
{
    kt_amqp_url_t url = parsed("amqp://h/v?heartbeat=30&connection_attempts=3&frame_max=4096");
    cr_assert_eq(url.heartbeat_s, 30);
    cr_assert_str_eq(url.ignored, "connection_attempts, frame_max");
    cr_assert_str_eq(url.vhost, "v");
    cr_assert_eq(parsed("amqp://h?heartbeat=1").heartbeat_s, 1);
    cr_assert_str_eq(parsed("amqp://h/?").ignored, "");
}

Test(amqp_url, errors_name_the_part_and_do_not_contain_the_password)
{
    static const struct {
        const char *text, *part;
    } rows[] = {{"", "the beginning"},
                {"http://h/", "the beginning"},
                {"amqp:/x", "the beginning"},
                {"amqp://", "the host is missing"},
                {"amqp://me:secret@", "the host is missing"},
                {"amqp://me:secret@:5672/", "the host is missing"},
                {"amqp://me:secret@one,,two/", "the host is missing"},
                {"amqp://me:secret@host:port/", "the port"},
                {"amqp://me:secret@host:0/", "the port"},
                {"amqp://me:secret@host:65536/", "the port"},
                {"amqp://me:secret@host:99999999999999999999/", "the port"},
                {"amqp://me:secret@host:5672:5673/", "the port"},
                {"amqp://me:secret@host:/", "the port"},
                {"amqp://u:secret@[::1", "the host"},
                {"amqp://u:secret@[::1]5672/", "the host"},
                {"amqp://u:secret%zz@h/", "the password"},
                {"amqp://u%4:secret@h/", "the user"},
                {"amqp://u:secret%00@h/", "the password"},
                {"amqp://u:sec/ret@h/", "the user or password"},
                {"amqp://u:secret@h/v%", "the virtual host"},
                {"amqp://u:secret@h/?heartbeat=0", "the parameter heartbeat"},
                {"amqp://u:secret@h/?heartbeat=x", "the parameter heartbeat"},
                {"amqp://u:secret@h/?heartbeat=601", "the parameter heartbeat"},
                {"amqp://1,2,3,4,5,6,7,8,9", "the list of hosts"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char          why[KT_AMQP_WHY] = "";
        kt_amqp_url_t url              = {.heartbeat_s = 7};
        cr_assert_eq(kt_amqp_url_parse(rows[i].text, &url, why), KT_ESETTING, "%s", rows[i].text);
        cr_assert(strstr(why, "AMQP_CONNECTION_STRING") && strstr(why, rows[i].part), "%s: %s", rows[i].text, why);
        cr_assert(!strstr(why, "secret") && !strstr(why, "ret@"), "%s", why);
        cr_assert_eq(url.heartbeat_s, 7, "untouched");
    }
    char far[600] = "amqp://u:p@", why[KT_AMQP_WHY];
    memset(far + strlen(far), 'h', 400);
    kt_amqp_url_t url;
    cr_assert_eq(kt_amqp_url_parse(far, &url, why), KT_ESETTING);
}
