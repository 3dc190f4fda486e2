#include "common/program.h"

#include <criterion/criterion.h>
#include <criterion/redirect.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static kt_program_t program;
static int          exit_code;

static bool
start_with(char *const *options)
{
    static char name[]       = "kithara-test";
    char       *arguments[8] = {name};
    int         n            = 1;
    while (*options)
        arguments[n++] = *options++;
    program = (kt_program_t){.name = "kithara-test", .purpose = "is tested"};
    optind  = 0;
    return kt_program_start(&program, n, arguments, &exit_code);
}

#define START(...) start_with((char *const[]){__VA_ARGS__, NULL})

static char set[] = "--set", two[] = "ANALYZER_WORKERS=2", none[] = "ANALYZER_WORKERS=0", odd[] = "--odd",
            version[] = "--version", print[] = "--print-config", ready[] = "--ready-fd", seven[] = "7", word[] = "word";

Test(program, settings_of_the_command_line_win)
{
    setenv("ANALYZER_WORKERS", "5", 1);
    cr_assert(START(set, two, ready, seven));
    cr_assert_eq(program.settings.workers, 2);
    cr_assert_eq(program.ready_fd, 7);
    kt_settings_fini(&program.settings);
}

Test(program, bad_usage_and_a_bad_setting_end_with_2)
{
    cr_assert_not(START(odd));
    cr_assert_eq(exit_code, 2);
    cr_assert_not(START(word));
    cr_assert_eq(exit_code, 2);
    cr_assert_not(START(ready, word));
    cr_assert_eq(exit_code, 2);
    cr_assert_not(START(set, word));
    cr_assert_eq(exit_code, 2);
    cr_assert_not(START(set, none));
    cr_assert_eq(exit_code, 2);
}

Test(program, version_and_print_config_end_well, .init = cr_redirect_stdout)
{
    cr_assert_not(START(version));
    cr_assert_eq(exit_code, 0);
    cr_assert_not(START(print));
    cr_assert_eq(exit_code, 0);
}

Test(program, signals_arrive_at_the_descriptor_one_by_one)
{
    int fd = kt_program_signals();
    cr_assert_geq(fd, 0);
    cr_assert_eq(kt_program_next_signal(fd), 0);
    kill(getpid(), SIGTERM);
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    cr_assert_eq(poll(&poll_fd, 1, PATIENCE_MS), 1);
    cr_assert_eq(kt_program_next_signal(fd), SIGTERM);
    cr_assert_eq(kt_program_next_signal(fd), 0);
    cr_assert_eq(kt_program_next_signal(-1), 0);
    close(fd);
}
