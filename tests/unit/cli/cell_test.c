#include "coordinator/cli/cell.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

enum { CELL = 64 };

Test(cell, a_formula_is_a_text_in_csv)
{
    static const struct {
        const char *text, *cell;
    } ROWS[] = {
        {"=cmd|'/c calc'!A1", "'=cmd|'/c calc'!A1"},
        {"+1+1", "'+1+1"},
        {"-1+1", "'-1+1"},
        {"@SUM(A1)", "'@SUM(A1)"},
        {"  =1+1", "'  =1+1"},
        {"\t=1+1", "'\t=1+1"},
        {"\r=1", "'\r=1"},
        {"\ntext", "'\ntext"},
        {"\xEF\xBC\x9D"
         "1+1",
         "'\xEF\xBC\x9D"
         "1+1"},
        {"a=1", "a=1"},
        {"-", "-"},
        {"/music/-1.flac", "/music/-1.flac"},
        {"", ""},
        {"two\nlines", "two\nlines"},
        {"a\x1B[2Jb", "a?[2Jb"},
        {"a\xC2\x9B"
         "b",
         "a?b"},
        {"gpj\xE2\x80\xAE"
         "exe",
         "gpj?exe"},
        {"\x1B=1", "?=1"},
        {"Bj\xC3\xB6rk", "Bj\xC3\xB6rk"},
    };
    char cell[CELL];
    for (size_t i = 0; i < sizeof ROWS / sizeof *ROWS; i++) {
        kt_cell_csv(ROWS[i].text, cell, sizeof cell);
        cr_expect_str_eq(cell, ROWS[i].cell, "row %zu: %s", i, cell);
    }
    kt_cell_csv("=0123456789", cell, 8);
    cr_expect_str_eq(cell, "'=01234");
}

Test(cell, json_on_a_terminal_has_escapes_for_control_characters)
{
    char             *text = NULL;
    size_t            length;
    FILE             *out    = open_memstream(&text, &length);
    static const char JSON[] = "{\"a\":\"x\xC2\x9B\xE2\x80\xAE\xF3\xA0\x81\x81\x7F\xC3\xA4\"}\n";
    kt_cell_json(out, JSON, sizeof JSON - 1);
    fclose(out);
    cr_expect_str_eq(text, "{\"a\":\"x\\u009b\\u202e\\udb40\\udc41\\u007f\xC3\xA4\"}\n");
    free(text);
}
