// kithara doctor -- what this machine offers a coordinator and a node, one line per subject; exit 1 if something is
// wrong.
#include "common/text.h"
#include "coordinator/cli/local/doctor.h"
#include "coordinator/cli/options.h"
#include "coordinator/cli/table.h"

#include <getopt.h>
#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

static const struct {
    const char   *subject;
    kt_doctor_fn *check;
} CHECKS[] = {
    {"coordinator", kt_doctor_coordinator},
    {"database", kt_doctor_database},
    {"broker", kt_doctor_broker},
    {"tls", kt_doctor_tls},
    {"state", kt_doctor_state},
    {"keys", kt_doctor_keys},
    {"roots", kt_doctor_roots},
    {"decoder", kt_doctor_decoder},
    {"clock", kt_doctor_clock},
    {"gpu", kt_doctor_gpu},
};

static const kt_column_t COLUMNS[] = {
    {"SUBJECT", "subject", KT_CELL_TEXT, false},
    {"OK", "ok", KT_CELL_TEXT, false},
    {"FOUND", "found", KT_CELL_TEXT, false},
};

static json_t *
row_object(const char *subject, bool good, const char *text)
{
    json_t *row = kt_json_object();
    kt_json_set(row, "subject", kt_json_text(subject));
    kt_json_set(row, "ok", kt_json_bool(good));
    kt_json_set(row, "found", kt_json_text(text));
    return row;
}

int
kt_cmd_doctor(kt_cli_t *cli, int argc, char **argv)
{
    int code = KT_EXIT_OK;
    for (int c; (c = kt_cli_option(cli, argc, argv, NULL)) != -1;)
        if (c == '?')
            return KT_EXIT_USAGE;
    if (optind < argc)
        return kt_cli_usage(cli, "'%s' is not expected", argv[optind]);
    const bool data   = kt_cli_is_data(cli);
    json_t    *answer = kt_json_object(), *rows = kt_json_array();
    for (size_t i = 0; i < COUNT(CHECKS); i++) {
        char               text[KT_CHECKED_TEXT] = "";
        const kt_checked_t state                 = CHECKS[i].check(cli, text);
        if (state == KT_CHECKED_NONE)
            continue;
        kt_text_remove_controls(text);
        code = state != KT_CHECKED_WRONG ? code : KT_EXIT_FAILED;
        if (data) {
            kt_json_append(rows, row_object(CHECKS[i].subject, state != KT_CHECKED_WRONG, text));
            continue;
        }
        kt_checked_print(CHECKS[i].subject, state, text);
    }
    kt_json_set(answer, "checks", rows);
    if (data && kt_table_list(cli, answer, "checks", COLUMNS, COUNT(COLUMNS)) != KT_EXIT_OK)
        code = KT_EXIT_FAILED;
    kt_json_free(&answer);
    return code;
}
