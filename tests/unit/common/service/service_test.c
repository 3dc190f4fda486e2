#include "common/service/service.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

// A socket in the place of systemd's.
static int
open_manager(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "/tmp/kithara-service-%d", (int)getpid());
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    unlink(at.sun_path);
    cr_assert_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    return fd;
}

static const char *
heard(int fd)
{
    static char text[256];
    ssize_t     n       = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

Test(service, it_tells_systemd_that_it_is_ready_and_that_it_stops)
{
    kt_service_t service;
    int          fd = open_manager();
    unsetenv("WATCHDOG_USEC");
    kt_service_ready(&service, "serving");
    cr_expect_str_eq(heard(fd), "READY=1\nSTATUS=serving");
    kt_service_alive(&service, 1000);
    cr_expect_str_eq(heard(fd), "", "no watchdog: no signs of life");
    kt_service_stopping();
    cr_expect_str_eq(heard(fd), "STOPPING=1");
    close(fd);
    unlink(getenv("NOTIFY_SOCKET"));
}

Test(service, it_gives_three_signs_of_life_per_timeout_of_the_watchdog)
{
    kt_service_t service;
    int          fd = open_manager(), signs = 0;
    setenv("WATCHDOG_USEC", "3000000", 1);
    unsetenv("WATCHDOG_PID");
    kt_service_ready(&service, "x");
    (void)heard(fd);
    for (int64_t now_ms = 0; now_ms < 6000; now_ms += 20) {
        kt_service_alive(&service, now_ms);
        signs += strcmp(heard(fd), "WATCHDOG=1") == 0;
    }
    cr_expect_eq(signs, 6);
    close(fd);
    unlink(getenv("NOTIFY_SOCKET"));
}

Test(service, without_systemd_nothing_happens)
{
    kt_service_t service;
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    kt_service_ready(&service, "x");
    kt_service_alive(&service, 1);
    kt_service_stopping();
    cr_expect_eq(service.interval_ms, 0);
}
