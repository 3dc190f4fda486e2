// jobs why ID: the history of one job, and its state.
#include "coordinator/cli/remote/cmd_why.h"

#include "coordinator/cli/client.h"
#include "coordinator/cli/table.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

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
    kt_err_t err  = kt_client_get(client, path, &story);
    int      code = err ? kt_client_fail(client, err) : KT_EXIT_OK;
    if (!err && !kt_cli_is_data(cli)) {
        code = kt_table_object(cli, story, HEAD, COUNT(HEAD));
        putchar('\n');
    }
    if (code == KT_EXIT_OK && (cli->format == KT_FORMAT_JSON || cli->format == KT_FORMAT_JSONL))
        code = kt_table_object(cli, story, HEAD, COUNT(HEAD));
    else if (code == KT_EXIT_OK)
        code = kt_table_list(cli, story, "story", LINES, COUNT(LINES));
    kt_json_free(&story);
    kt_client_destroy(&client);
    return code;
}
