// kt_sheet -- pages on one sheet: one page, two side by side, or a contact sheet of many, reduced to a third. Written
// as PNG, SVG or PDF. Private to this folder. One thread.
#pragma once

#include "coordinator/cli/plot/plot.h"

#include <stdio.h>

enum { KT_SHEET_MOST = 120 };  // pages

typedef enum kt_sheet_kind { KT_SHEET_PNG, KT_SHEET_SVG, KT_SHEET_PDF } kt_sheet_kind_t;

typedef struct kt_sheet kt_sheet_t;

// By the extension of a name: .png, .svg, .pdf, in any case; "-" is PNG. False: none of them.
bool kt_sheet_kind_of(const char *name, kt_sheet_kind_t *out);
// pages: how many are expected, 1 to KT_SHEET_MOST. KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sheet_new(kt_sheet_t **self_p, size_t pages);
void                 kt_sheet_destroy(kt_sheet_t **self_p);
// Draws the page of a file. document: its output message. Neither is used afterwards. KT_ENOMEM, KT_EIO.
KT_MUST_USE kt_err_t kt_sheet_add(kt_sheet_t *self, const kt_plot_data_t *data, const json_t *document);
// KT_EIO, KT_EDISK, KT_ENOMEM.
KT_MUST_USE kt_err_t kt_sheet_write(const kt_sheet_t *self, kt_sheet_kind_t kind, FILE *out);
