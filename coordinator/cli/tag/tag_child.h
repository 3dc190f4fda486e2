// kt_tag_child -- kt_tag_file in a process of its own per call, with limits on memory, processor time and waiting: a
// file that makes TagLib crash or loop costs itself alone. The calling process has no other running threads that hold
// locks. One thread.
#pragma once

#include "coordinator/cli/tag/tag_file.h"

// As kt_tag_file_read. KT_EDAMAGED also: TagLib crashed or took too long.
KT_MUST_USE kt_err_t kt_tag_child_read(int fd, const kt_tag_format_t *format, kt_tag_set_t *out, char why[KT_TAG_WHY]);
// As kt_tag_file_write; *now: what is in the file afterwards.
KT_MUST_USE kt_err_t kt_tag_child_write(int fd, const kt_tag_format_t *format, uint32_t which,
                                        const kt_tag_set_t *values, kt_tag_set_t *now, char why[KT_TAG_WHY]);
