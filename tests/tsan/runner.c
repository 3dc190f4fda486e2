#include "criterion/criterion.h"

#include <sys/wait.h>
#include <unistd.h>

enum { SUITES = 64, TESTS = 2000 };

typedef struct row {
    const char *suite, *name;
    void (*body)(void);
    tsan_options_t options;
} row_t;

static row_t  suites[SUITES], tests[TESTS];
static size_t n_suites, n_tests;

void
tsan_suite(const char *suite, tsan_options_t options)
{
    suites[n_suites++] = (row_t){.suite = suite, .options = options};
}

void
tsan_test(const char *suite, const char *name, void (*body)(void), tsan_options_t options)
{
    tests[n_tests++] = (row_t){suite, name, body, options};
}

void
tsan_fail(const char *file, int line, const char *text)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, text);
    _exit(9);
}

void
tsan_ignore(int none, ...)
{
    (void)none;
}

static void
run_here(const row_t *test)
{
    tsan_options_t around = test->options;
    for (size_t i = 0; i < n_suites; i++)
        if (!strcmp(suites[i].suite, test->suite)) {
            around.init = around.init ? around.init : suites[i].options.init;
            around.fini = around.fini ? around.fini : suites[i].options.fini;
        }
    if (around.init)
        around.init();
    test->body();
    if (around.fini)
        around.fini();
    exit(0);
}

static bool
passes(const row_t *test)
{
    int   status;
    pid_t pid = fork();
    if (!pid)
        run_here(test);
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return false;
    if (test->options.signal)
        return WIFSIGNALED(status) && WTERMSIG(status) == test->options.signal;
    return WIFEXITED(status) && WEXITSTATUS(status) == test->options.exit_code;
}

// An argument: only suites of that name. An option is none of ours: a test may start its own program as another one
// would be.
int
main(int argc, char **argv)
{
    size_t passed = 0, failed = 0;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && argv[1][0] == '-')
        return 2;
    for (size_t i = 0; i < n_tests; i++) {
        if ((argc > 1 && strcmp(argv[1], tests[i].suite)) || tests[i].options.disabled)
            continue;
        bool ok = passes(&tests[i]);
        passed += ok;
        failed += !ok;
        if (!ok)
            printf("FAIL %s::%s\n", tests[i].suite, tests[i].name);
    }
    printf("%zu passed, %zu failed\n", passed, failed);
    return failed ? 1 : 0;
}
