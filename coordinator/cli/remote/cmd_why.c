// jobs why ID: what happened to one job, how it stands and what to do, in sentences; -o wide and csv have its events as
// rows.
#include "coordinator/cli/remote/cmd_why.h"

#include "common/text.h"
#include "coordinator/cli/client.h"
#include "coordinator/cli/table.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))
enum { LINE_BYTES = 5 << 10 };  // a path, or a sentence

static const kt_column_t HEAD[] = {
    {"job", "job", KT_CELL_INT, false},
    {"run", "run", KT_CELL_INT, true},
    {"message", "message_id", KT_CELL_TEXT, false},
    {"file", "file_path", KT_CELL_TEXT, false},
    {"priority", "priority", KT_CELL_TEXT, true},
    {"state", "state", KT_CELL_TEXT, false},
    {"failed attempts", "attempts", KT_CELL_INT, true},
    {"crashes", "crashes", KT_CELL_INT, true},
    {"now", "now.sentence", KT_CELL_TEXT, false},
    {"what to do", "now.action", KT_CELL_TEXT, false},
};

static const kt_column_t LINES[] = {
    {"TIME", "at", KT_CELL_TEXT, false},
    {"WHAT", "what", KT_CELL_TEXT, false},
    {"RUN", "run", KT_CELL_INT, true},
    {"ATTEMPT", "attempt", KT_CELL_INT, false},
    {"BY", "name", KT_CELL_TEXT, false},
    {"ERROR", "code", KT_CELL_TEXT, false},
    {"MEANING", "meaning", KT_CELL_TEXT, false},
    {"TEXT", "error.text", KT_CELL_TEXT, true},
    {"DETAIL", "error.detail", KT_CELL_TEXT, false},
};

static void
print_line(const char *before, const char *text, const char *after)
{
    char shown[LINE_BYTES];
    snprintf(shown, sizeof shown, "%s%s%s", before, text, after);
    kt_text_remove_controls(shown);
    puts(shown);
}

static void
print_event(const char *at, const char *sentence)
{
    printf("%-24s  ", at);
    print_line("", sentence, "");
}

// Run 2 and later begin when the job is queued again.
static void
print_run(int64_t *run, int64_t of)
{
    char text[48];
    if (of == *run)
        return;
    *run = of;
    snprintf(text, sizeof text, "It was queued again: run %lld.", (long long)of);
    print_event("", text);
}

static int
print_story(const json_t *story)
{
    const json_t *now = kt_json_get(story, "now"), *events = kt_json_get(story, "story");
    int64_t       run = 1;
    printf("Job %lld: ", (long long)kt_json_i64(story, "job", 0));
    print_line("", kt_json_str(story, "file_path", ""), "");
    print_line("message_id ", kt_json_str(story, "message_id", ""), "");
    putchar('\n');
    for (size_t i = 0; i < kt_json_count(events); i++) {
        const json_t *event = kt_json_at(events, i);
        print_run(&run, kt_json_i64(event, "run", run));
        print_event(kt_json_str(event, "at", ""), kt_json_str(event, "sentence", ""));
    }
    print_run(&run, kt_json_i64(story, "run", run));
    putchar('\n');
    print_line("Now it ", kt_json_str(now, "sentence", ""), ".");
    print_line("What to do: ", kt_json_str(now, "action", ""), ".");
    return KT_EXIT_OK;
}

int
kt_cli_why(kt_cli_t *cli, const char *id)
{
    char    path[256], number[128];
    json_t *story = NULL;
    if (!kt_cli_is_number(id) || !kt_client_escape(number, sizeof number, id))
        return kt_cli_usage(cli, "'%.40s' is not a job number", id);
    snprintf(path, sizeof path, "/v1/jobs/%s/story", number);
    kt_client_t *client = kt_client_open(cli->settings);
    if (!client)
        return KT_EXIT_FAILED;
    kt_err_t err = kt_client_get(client, path, &story);
    snprintf(path, sizeof path, "job %s", id);
    int code = err ? kt_client_fail_about(client, err, path) : KT_EXIT_OK;
    if (!err && cli->format == KT_FORMAT_WIDE) {
        code = kt_table_object(cli, story, HEAD, COUNT(HEAD));
        putchar('\n');
    }
    if (!err && cli->format == KT_FORMAT_TABLE)
        code = print_story(story);
    else if (code == KT_EXIT_OK && (cli->format == KT_FORMAT_JSON || cli->format == KT_FORMAT_JSONL))
        code = kt_table_object(cli, story, HEAD, COUNT(HEAD));
    else if (code == KT_EXIT_OK)
        code = kt_table_list(cli, story, "story", LINES, COUNT(LINES));
    kt_json_free(&story);
    kt_client_destroy(&client);
    return code;
}
