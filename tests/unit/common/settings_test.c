#include "common/settings.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static kt_settings_t settings;
static char          why[KT_SETTINGS_WHY];
static char          file[]    = "/tmp/kt_settings_XXXXXX";
static char         *nothing[] = {NULL};

static void
open_file(void)
{
    int fd = mkstemp(file);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void
close_file(void)
{
    kt_settings_fini(&settings);
    kt_settings_fini(&settings);  // idempotent
    unlink(file);
}

TestSuite(settings, .init = open_file, .fini = close_file);

static void
write_file(const char *text)
{
    FILE *stream = fopen(file, "w");
    cr_assert_not_null(stream);
    fputs(text, stream);
    fclose(stream);
}

static kt_err_t
load_variable(const char *variable)
{
    char *environment[] = {(char *)variable, NULL};
    return kt_settings_load(&settings, NULL, (char *const *)environment, why);
}

static void
expect_why(const char *part)
{
    cr_assert(strstr(why, part), "%s", why);
}

static void
expect_bad_variable(const char *variable, const char *part)
{
    cr_assert_eq(load_variable(variable), KT_ESETTING, "%s", variable);
    cr_assert_null(settings.memory);
    expect_why(part);
}

static void
expect_bad_file(const char *text, const char *part)
{
    write_file(text);
    cr_assert_eq(kt_settings_load(&settings, file, nothing, why), KT_ESETTING, "%s", text);
    expect_why(part);
}

static char *
printed(void)
{
    kt_buf_t out;
    kt_buf_init(&out, 1 << 20);
    kt_settings_print(&settings, &out);
    return kt_buf_take(&out, NULL);
}

static void
expect_printed(const char *part)
{
    char *text = printed();
    cr_assert(strstr(text, part), "%s is not in:\n%s", part, text);
    free(text);
}

Test(settings, without_anything_the_defaults_hold)
{
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    cr_assert_eq(settings.workers, 0, "auto");
    cr_assert_eq(settings.n_fft, 2048);
    cr_assert(settings.gpu_enabled);
    cr_assert_str_eq(settings.model_path, "/models");
    cr_assert_str_eq(settings.log_level, "INFO");
    cr_assert_str_eq(settings.database_url, "");
}

Test(settings, the_environment_wins_over_the_file_over_the_default)
{
    const char *environment[] = {"ANALYZER_WORKERS=8", "PATH=/bin", "ODD", NULL};
    write_file("# farm\n\nANALYZER_WORKERS=2\r\n  ANALYZER_BATCH_SIZE = 20  # comment\n");
    cr_assert_eq(kt_settings_load(&settings, file, (char *const *)environment, why), KT_OK, "%s", why);
    cr_assert_eq(settings.workers, 8);
    cr_assert_eq(settings.batch_size, 20);
    cr_assert_eq(settings.max_attempts, 3);
    expect_printed("ANALYZER_WORKERS=8  # environment\n");
    expect_printed("ANALYZER_BATCH_SIZE=20  # file\n");
    expect_printed("ANALYZER_MAX_ATTEMPTS=3  # default\n");
}

Test(settings, the_environment_may_name_the_file)
{
    char variable[128];
    write_file("ANALYZER_WORKERS=3");
    snprintf(variable, sizeof variable, "ANALYZER_CONFIG=%s", file);
    cr_assert_eq(load_variable(variable), KT_OK);
    cr_assert_eq(settings.workers, 3);
}

Test(settings, a_byte_order_mark_before_the_file_is_dropped)
{
    write_file("\xef\xbb\xbf"
               "ANALYZER_WORKERS=3\n");
    cr_assert_eq(kt_settings_load(&settings, file, nothing, why), KT_OK, "%s", why);
    cr_assert_eq(settings.workers, 3);
}

Test(settings, values_may_be_quoted)
{
    write_file("ANALYZER_MODEL_PATH=\"/a b/#1 \\\"x\\\" \\\\\" # comment\nANALYZER_NODE_NAME='one two'\n"
               "ANALYZER_STATE_DIR=/a#b #c\nANALYZER_HTTP_URL=\nANALYZER_QUEUE_NAME=#none\n");
    cr_assert_eq(kt_settings_load(&settings, file, nothing, why), KT_OK, "%s", why);
    cr_assert_str_eq(settings.model_path, "/a b/#1 \"x\" \\");
    cr_assert_str_eq(settings.node_name, "one two");
    cr_assert_str_eq(settings.state_dir, "/a#b");
    cr_assert_str_eq(settings.http_url, "");
    cr_assert_str_eq(settings.queue_name, "");
}

Test(settings, an_unknown_name_is_an_error_that_suggests_the_nearest)
{
    expect_bad_variable("ANALYZER_WORKRS=4", "did you mean ANALYZER_WORKERS?");
    expect_bad_variable("ANALYZER_=4", "environment: ANALYZER_ is not a setting");
    expect_bad_file("\nDATABASE_URI=x\n", ":2: DATABASE_URI is not a setting; did you mean DATABASE_URL?");
}

Test(settings, a_long_unknown_name_is_cut_and_gets_no_suggestion)
{
    char variable[2000] = "ANALYZER_";
    memset(variable + 9, 'X', sizeof variable - 12);
    snprintf(variable + sizeof variable - 3, 3, "=1");
    expect_bad_variable(variable, "XXX is not a setting");
    cr_assert_lt(strlen(why), 160);
}

Test(settings, names_of_other_programs_are_ignored)
{
    cr_assert_eq(load_variable("AMQP_SOMETHING=1"), KT_OK);
}

Test(settings, numbers_outside_their_bounds_are_errors_with_the_bounds)
{
    expect_bad_variable("ANALYZER_WORKERS=0", "ANALYZER_WORKERS=0 is not permitted: auto, or 1 to 256");
    expect_bad_variable("ANALYZER_WORKERS=257", "1 to 256");
    expect_bad_variable("ANALYZER_WORKERS=", "1 to 256");
    expect_bad_variable("ANALYZER_WORKERS=4x", "1 to 256");
    expect_bad_variable("ANALYZER_MAX_MEMORY=1", "64 to 1048576 MB");
    expect_bad_variable("ANALYZER_N_MFCC=129", "1 to 128");
}

Test(settings, booleans_have_four_spellings_and_no_fifth)
{
    static const char *const yes[] = {"true", "YES", "on", "1"}, *const no[] = {"False", "no", "OFF", "0"};
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    for (int i = 0; i < 4; i++) {
        cr_assert_eq(kt_settings_set(&settings, "ANALYZER_GPU_ENABLED", no[i], why), KT_OK);
        cr_assert_not(settings.gpu_enabled);
        cr_assert_eq(kt_settings_set(&settings, "ANALYZER_GPU_ENABLED", yes[i], why), KT_OK);
        cr_assert(settings.gpu_enabled);
    }
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_GPU_ENABLED", "maybe", why), KT_ESETTING);
    expect_why("true or false");
}

Test(settings, choices_are_spelled_as_in_the_table_and_warn_is_warning)
{
    cr_assert_eq(load_variable("ANALYZER_LOG_LEVEL=debug"), KT_OK);
    cr_assert_str_eq(settings.log_level, "DEBUG");
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_LOG_LEVEL", "warn", why), KT_OK);
    cr_assert_str_eq(settings.log_level, "WARNING");
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_LOG_LEVEL", "loud", why), KT_ESETTING);
    expect_why("DEBUG,INFO,WARNING,ERROR");
    cr_assert_str_eq(settings.log_level, "WARNING");
}

Test(settings, texts_have_a_length_and_no_control_characters)
{
    char variable[200] = "ANALYZER_NODE_NAME=";
    memset(variable + 19, 'n', 64);
    cr_assert_eq(load_variable(variable), KT_OK);
    kt_settings_fini(&settings);
    variable[19 + 64] = 'n';
    expect_bad_variable(variable, "at most 64 bytes");
    expect_bad_variable("ANALYZER_NODE_NAME=a\nb", "control characters");
}

Test(settings, a_frame_length_is_a_power_of_two)
{
    expect_bad_variable("ANALYZER_N_FFT=1000", "256 to 16384 samples, a power of two");
    cr_assert_eq(load_variable("ANALYZER_N_FFT=4096"), KT_OK);
}

Test(settings, a_hop_is_not_longer_than_a_frame)
{
    expect_bad_variable("ANALYZER_HOP_LENGTH=4096", "ANALYZER_HOP_LENGTH=4096 is longer than ANALYZER_N_FFT=2048");
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_N_FFT", "256", why), KT_OK);
    cr_assert_eq(kt_settings_check(&settings, why), KT_ESETTING);
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_HOP_LENGTH", "256", why), KT_OK);
    cr_assert_eq(kt_settings_check(&settings, why), KT_OK);
}

Test(settings, errors_in_files_have_their_position)
{
    expect_bad_file("ANALYZER_WORKERS=1\nnonsense\n", ":2: \"nonsense\" is not NAME=value");
    expect_bad_file("ANALYZER_MODEL_PATH=\"open", ":1: ANALYZER_MODEL_PATH: unmatched quotes");
    expect_bad_file("ANALYZER_MODEL_PATH='a' b", "quotes");
    cr_assert_eq(kt_settings_load(&settings, "/nonexistent/file", nothing, why), KT_ENOFILE);
    expect_why("/nonexistent/file: No such file");
    cr_assert_eq(kt_settings_load(&settings, "/tmp", nothing, why), KT_ENOFILE);
    expect_why("directory");
}

Test(settings, binary_and_endless_files_are_refused)
{
    cr_assert_eq(kt_settings_load(&settings, "/dev/zero", nothing, why), KT_ESETTING);
    expect_why("larger than");
    FILE *stream = fopen(file, "w");
    fwrite("A\0B", 1, 3, stream);
    fclose(stream);
    cr_assert_eq(kt_settings_load(&settings, file, nothing, why), KT_ESETTING);
    expect_why("not a text file");
}

Test(settings, a_folder_and_a_fifo_without_a_writer_are_refused, .timeout = 30)
{
    char fifo[64];
    cr_assert_eq(kt_settings_load(&settings, "/tmp", nothing, why), KT_ENOFILE);
    expect_why("directory");
    snprintf(fifo, sizeof fifo, "%s.fifo", file);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    kt_err_t err = kt_settings_load(&settings, fifo, nothing, why);
    unlink(fifo);
    cr_assert_eq(err, KT_ENOFILE);
    expect_why("timed out");
}

Test(settings, a_pipe_is_read_to_its_end)
{
    int  ends[2];
    char path[32];
    cr_assert_eq(pipe(ends), 0);
    dprintf(ends[1], "ANALYZER_N_FFT=4096\nANALYZER_HOP_LENGTH=1024\n");
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    cr_assert_eq(kt_settings_load(&settings, path, nothing, why), KT_OK, "%s", why);
    cr_assert_eq(settings.n_fft, 4096);
    close(ends[0]);
}

static void
expect_masked(const char *env, const char *value, const char *line)
{
    cr_assert_eq(kt_settings_set(&settings, env, value, why), KT_OK, "%s", why);
    expect_printed(line);
}

Test(settings, passwords_are_masked_in_every_setting)
{
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    expect_masked("DATABASE_URL", "postgresql://kt:se@cr:et@db/kt?password=abc&x=1",
                  "# DATABASE_URL=postgresql://kt:***@db/kt?password=***&x=1  # set, masked\n");
    expect_masked("DATABASE_URL", "postgresql://db/kt?user=u&PASSWORD=abc", "?user=u&PASSWORD=***  # set");
    expect_masked("DATABASE_URL", "host=db password=abc", "# DATABASE_URL=***  #");
    expect_masked("DATABASE_URL", "sqlite:/var/lib/l.sqlite", "\nDATABASE_URL=sqlite:/var/lib/l.sqlite  # set\n");
    expect_masked("REDIS_URL", "redis://:abc@host:6379", "# REDIS_URL=redis://:***@host:6379  #");
    expect_masked("REDIS_URL", "redis://host:6379", "\nREDIS_URL=redis://host:6379  # set\n");
    expect_masked("ANALYZER_HTTP_URL", "http://me:abc@host", "# ANALYZER_HTTP_URL=http://me:***@host  #");
}

Test(settings, a_file_with_a_secret_that_others_can_read_is_named)
{
    static const struct {
        const char *text;
        mode_t      mode;
        bool        open;
    } ROWS[] = {
        {"DATABASE_URL=postgresql://u:hush@h/d", 0644, true},
        {"ANALYZER_HTTP_TOKEN=hush", 0604, true},
        {"REDIS_URL=redis://:hush@h", 0666, true},
        {"AMQP_CONNECTION_STRING=amqp://u:hush@h/", 0664, true},
        {"ANALYZER_JOIN_TOKEN=hush", 0622, true},
        {"DATABASE_URL=postgresql://u:hush@h/d", 0600, false},
        {"DATABASE_URL=postgresql://u@h/d\nREDIS_URL=redis://h", 0644, false},
        {"DATABASE_URL=sqlite:/var/l.sqlite\nANALYZER_WORKERS=2", 0666, false},
    };
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        const char *name = NULL;
        write_file(ROWS[i].text);
        cr_assert_eq(chmod(file, ROWS[i].mode), 0);
        cr_assert_eq(kt_settings_load(&settings, file, nothing, why), KT_OK, "%s", why);
        cr_expect_eq(kt_settings_are_open(&settings, &name), ROWS[i].open, "%s", ROWS[i].text);
        cr_expect(!ROWS[i].open || strncmp(ROWS[i].text, name, strlen(name)) == 0, "%s", name);
        kt_settings_fini(&settings);
    }
    const char *environment[] = {"DATABASE_URL=postgresql://u:hush@h/d", NULL}, *name = NULL;
    cr_assert_eq(kt_settings_load(&settings, NULL, (char *const *)environment, why), KT_OK);
    cr_expect_not(kt_settings_are_open(&settings, &name), "of the environment");
}

Test(settings, a_secret_is_not_repeated_in_an_error)
{
    expect_bad_variable("DATABASE_URL=postgresql://u:hush\x01@h", "DATABASE_URL=*** is not permitted");
    cr_assert_null(strstr(why, "hush"));
}

Test(settings, what_is_printed_can_be_read_back)
{
    const char *environment[] = {"ANALYZER_WORKERS=7", "ANALYZER_MODEL_PATH=/a \"b\"\\#c'", "REDIS_URL=redis://:p@h",
                                 NULL};
    cr_assert_eq(kt_settings_load(&settings, NULL, (char *const *)environment, why), KT_OK);
    char *text = printed();
    kt_settings_fini(&settings);
    write_file(text);
    free(text);
    cr_assert_eq(kt_settings_load(&settings, file, nothing, why), KT_OK, "%s", why);
    cr_assert_eq(settings.workers, 7);
    cr_assert_str_eq(settings.model_path, "/a \"b\"\\#c'");
    cr_assert_str_eq(settings.redis_url, "");
}

Test(settings, printing_into_too_little_room_is_an_error)
{
    kt_buf_t out;
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    kt_buf_init(&out, 100);
    kt_settings_print(&settings, &out);
    cr_assert_eq(out.err, KT_EFULL);
    kt_buf_fini(&out);
}

Test(settings, help_names_every_setting_and_escapes_markdown)
{
    kt_buf_t out;
    kt_buf_init(&out, 1 << 20);
    kt_settings_help(&out, false);
    kt_settings_help(&out, true);
    cr_assert_eq(out.err, KT_OK);
#define KT_INT(env, ...) cr_assert(strstr(out.bytes, "  " env " ") && strstr(out.bytes, "| `" env "` |"), env);
#define KT_SHARED KT_INT
#define KT_REAL KT_INT
#define KT_TEXT KT_INT
#define KT_SECRET KT_INT
#define KT_BOOL KT_INT
#define KT_ENUM KT_INT
#define KT_SHARED_ENUM KT_INT
#include "common/settings.def"
    kt_buf_fini(&out);
}

Test(settings, the_state_folder_follows_the_setting_then_xdg_then_home)
{
    char out[64];
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    setenv("HOME", "/home/me", 1);
    unsetenv("XDG_STATE_HOME");
    cr_assert_str_eq(kt_settings_state_dir(&settings, out, sizeof out), "/home/me/.local/state/kithara");
    setenv("XDG_STATE_HOME", "relative", 1);
    cr_assert_str_eq(kt_settings_state_dir(&settings, out, sizeof out), "/home/me/.local/state/kithara");
    setenv("XDG_STATE_HOME", "/state", 1);
    cr_assert_str_eq(kt_settings_state_dir(&settings, out, sizeof out), "/state/kithara");
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_STATE_DIR", "/srv/kt", why), KT_OK);
    cr_assert_str_eq(kt_settings_state_dir(&settings, out, sizeof out), "/srv/kt");
    cr_assert_null(kt_settings_state_dir(&settings, out, 7));
}

Test(settings, the_model_folder_is_the_users_own_where_there_is_none_for_all)
{
    char out[64];
    cr_assert_eq(kt_settings_load(&settings, NULL, nothing, why), KT_OK);
    setenv("HOME", "/home/me", 1);
    unsetenv("XDG_DATA_HOME");
    bool shared = access("/models", F_OK) == 0;
    cr_assert_str_eq(kt_settings_model_dir(&settings, out, sizeof out),
                     shared ? "/models" : "/home/me/.local/share/kithara/models");
    setenv("XDG_DATA_HOME", "/data", 1);
    cr_assert_str_eq(kt_settings_model_dir(&settings, out, sizeof out), shared ? "/models" : "/data/kithara/models");
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_MODEL_PATH", "/srv/none", why), KT_OK);
    cr_assert_str_eq(kt_settings_model_dir(&settings, out, sizeof out), "/srv/none");
    cr_assert_null(kt_settings_model_dir(&settings, out, 9));
}

Test(settings, a_test_fault_is_parsed_or_refused_with_what_is_permitted)
{
    cr_assert_eq(load_variable("ANALYZER_TEST_FAULT=hang:noop,noop:1024"), KT_OK, "%s", why);
    cr_assert(settings.test_faults.noop && settings.test_faults.noop_bytes == 1024);
    cr_assert(kt_test_faults_hit_path(&settings.test_faults, KT_TEST_FAULT_HANG, "/noop"));
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_TEST_FAULT", "noop:9", why), KT_ESETTING);
    cr_assert(settings.test_faults.noop_bytes == 1024 && !strcmp(settings.test_fault, "hang:noop,noop:1024"));
    cr_assert_eq(kt_settings_set(&settings, "ANALYZER_TEST_FAULT", "", why), KT_OK);
    cr_assert(!settings.test_faults.noop && settings.test_faults.n == 0);
    kt_settings_fini(&settings);
    expect_bad_variable("ANALYZER_TEST_FAULT=crsh:x", "ANALYZER_TEST_FAULT: \"crsh:x\" is none of crash:WORD");
}
